"""Lyrics to phonemes: one module a language, found by its code.

    >>> from svs import g2p
    >>> english = g2p.load("en")
    >>> english.phones("wonder")
    ('W', 'AH1', 'N', 'D', 'ER0')
    >>> line = ("how", "sweet", "the", "hour")
    >>> english.phones("the", g2p.Context(line, 2))
    ('DH', 'IY0')

A language module defines `load() -> Pronouncer`. Words reach it as joined from the score's syllables.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass

LANGUAGES = {"en": "svs.g2p.english"}


@dataclass(frozen=True)
class Context:
    """The words of a line and which of them is meant; neighbours decide weak forms and heteronyms."""

    words: tuple[str, ...]
    index: int

    def neighbour(self, offset: int) -> str:
        """The word `offset` places away, "" beyond either end."""
        place = self.index + offset
        return self.words[place] if 0 <= place < len(self.words) else ""


class Pronouncer:
    """What every language offers."""

    language: str

    def pronunciations(self, word: str, context: Context | None = None) -> list[tuple[str, ...]]:
        """All known pronunciations, likeliest first, never empty. Raises ValueError if there is nothing to say."""
        raise NotImplementedError

    def phones(self, word: str, context: Context | None = None) -> tuple[str, ...]:
        """The likeliest pronunciation. Raises ValueError if there is nothing to say."""
        return self.pronunciations(word, context)[0]


def load(language: str) -> Pronouncer:
    """The pronouncer of a language code; a region or script may follow ("en-GB"). Raises ValueError otherwise."""
    code = language.lower().replace("_", "-").split("-")[0]
    if code not in LANGUAGES:
        raise ValueError(f"language {language!r} is not supported; available: {', '.join(sorted(LANGUAGES))}")
    return importlib.import_module(LANGUAGES[code]).load()
