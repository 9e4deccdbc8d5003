"""corpus.yaml, which says of a folder of recordings what its files do not: who sings, in what language and phones.

    singer: anna
    language: en
    phones: arpabet            # japanese, pinyin, korean, arpabet, ipa or svs; else found by the symbols
    symbols: {U: AH, Q: SIL}   # symbols of one's own: a phone of svs, or several with spaces
    licence: CC BY 4.0

All of it may be left out, and the file too. That of the nearest folder counts, so singers can have one folder each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from data_prep.corpus import CorpusError
from data_prep.phonesets import OWN, SETS, SHARES
from svs.inventory import SIL, features, strip_stress

NAME = "corpus.yaml"
KEYS = ("singer", "language", "phones", "symbols", "licence")


EXAMPLES = {"singer": "anna", "language": "en", "phones": "arpabet", "licence": "CC BY 4.0"}


@dataclass(frozen=True)
class About:
    """What corpus.yaml says; language, phones: empty where it does not. symbols: as `labels.phones_of` wants them."""

    singer: str
    language: str = ""
    phones: str = ""
    symbols: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    licence: str = ""

    @classmethod
    def of(cls, folder: Path, top: Path) -> About:
        """Of the corpus.yaml in `folder` or the nearest above it up to `top`, whose name is the singer's else.

        Raises CorpusError naming the file.
        """
        for place in (folder, *folder.parents):
            if (place / NAME).is_file():
                return cls._read(place / NAME)
            if place == top:
                break
        return cls(top.resolve().name)

    @classmethod
    def _read(cls, path: Path) -> About:
        import yaml

        try:
            said = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise CorpusError(f"{path}: no YAML ({' '.join(str(error).split())})") from None
        if not isinstance(said, dict) or set(said) - set(KEYS):
            stray = ", ".join(map(str, set(said) - set(KEYS))) if isinstance(said, dict) else type(said).__name__
            raise CorpusError(f"{path}: {stray} is not understood; the keys are {', '.join(KEYS)}")
        symbols = said.pop("symbols", None) or {}
        for key, value in said.items():
            if isinstance(value, list | dict | bool):
                raise CorpusError(f"{path}: {key} is {value!r}; one text is wanted, such as {key}: {EXAMPLES[key]}")
        words = {key: str(value) for key, value in said.items() if value is not None}
        if words.get("phones", "svs") not in SETS:
            raise CorpusError(f"{path}: phones is {words['phones']!r}; choose {', '.join(SETS)}")
        if not isinstance(symbols, dict):
            raise CorpusError(f"{path}: symbols is a table, such as {{U: AH}}")
        own = {str(symbol): _shares(str(phones), symbol, path) for symbol, phones in symbols.items()}
        return cls(words.pop("singer", "") or path.parent.resolve().name, symbols=own, **words)


def _shares(phones: str, symbol, path: Path) -> list[tuple[str, float]]:
    found = []
    for phone in phones.split():
        plain = strip_stress(phone)
        if plain not in OWN and plain not in (SIL, "BR"):
            raise CorpusError(f"{path}: symbols.{symbol} is {phones!r}; svs has the phones {' '.join(OWN)}, SIL and BR")
        found.append((phone, SHARES.get(features(plain).manner, 2.0) if plain in OWN else 1.0))
    if not found:
        raise CorpusError(f"{path}: symbols.{symbol} is empty; SIL stands for silence")
    return found
