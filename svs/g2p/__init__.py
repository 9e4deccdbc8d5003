"""Lyrics to phonemes: one module a language, found by its code.

    >>> from svs import g2p
    >>> english = g2p.load("en")
    >>> english.phones("wonder")
    ('W', 'AH1', 'N', 'D', 'ER0')
    >>> line = ("how", "sweet", "the", "hour")
    >>> english.phones("the", g2p.Context(line, 2))
    ('DH', 'IY0')

A language module defines `load(region) -> Pronouncer`; the region is that of "en-GB" or "es-ES", "" without one.
Words reach it as joined from the score's syllables.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from functools import lru_cache

LANGUAGES = {
    "de": "svs.g2p.german",
    "en": "svs.g2p.english",
    "es": "svs.g2p.spanish",
    "fr": "svs.g2p.french",
    "it": "svs.g2p.italian",
    "ja": "svs.g2p.japanese",
    "la": "svs.g2p.latin",
}


APOSTROPHES = re.compile("[’‘ʼ‛`´′ʹʻʽˈˊ＇]")


def straight(text: str) -> str:
    """With the typewriter's apostrophe for all that stand for it: curly, reversed, primes, accents without a letter."""
    return APOSTROPHES.sub("'", text)


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

    def knows(self, word: str) -> bool:
        """Whether a word stands in a dictionary; languages that go by rules have none."""
        return False

    def unreadable(self, word: str) -> ValueError:
        """The error of a word that holds nothing this language can read, with what to write instead."""
        if any(letter.isalpha() for letter in word):
            return ValueError(
                f"{word!r} has no letters that {self.language!r} can read; write it in others, or its phones in brackets: "
                "[L AH1 V]"
            )
        if any(letter.isdigit() for letter in word):
            return ValueError(f"{word!r} is a number, which {self.language!r} cannot read; write it in words")
        return ValueError(f"{word!r} has no letters to sing")


def parted(language: str) -> tuple[str, str]:
    """Code and region of a language: "en-GB", or "en_GB", is en and GB."""
    code, _, region = language.replace("_", "-").partition("-")
    return code.lower(), region


def load(language: str) -> Pronouncer:
    """The pronouncer of a language code; a region may follow ("en-GB"). Raises ValueError otherwise."""
    code, region = parted(language)
    if code not in LANGUAGES:
        raise ValueError(f"language {language!r} is not supported; available: {', '.join(sorted(LANGUAGES))}")
    return _loaded(code, region)


@lru_cache(32)
def _loaded(code: str, region: str) -> Pronouncer:
    return importlib.import_module(LANGUAGES[code]).load(region)
