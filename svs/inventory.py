"""All phones that any language sings, and what a voice sings that lacks one.

A symbol is ARPAbet where English has the phone (AA, SH), else the IPA sign itself (y, ɲ, ɑ̃). Vowels carry a stress
digit where they are used: AA1, ə0.

    >>> adapt(("ɲ", "y1"), {"N", "Y", "UW"})
    (('N', 'Y', 'UW1'), {'ɲ': 'N Y', 'y': 'UW'})
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

SIL = "SIL"
BR = "BR"
SPECIALS = (SIL, BR)


@dataclass(frozen=True)
class Phone:
    """A phone. manner: vowel, stop, affricate, fricative, nasal, liquid or glide."""

    symbol: str
    ipa: str
    manner: str
    voiced: bool = True

    @property
    def vowel(self) -> bool:
        return self.manner == "vowel"

    @property
    def sonorant(self) -> bool:
        return self.manner in ("vowel", "nasal", "liquid", "glide")


def _phones(manner: str, symbols: str, voiced: bool = True) -> list[Phone]:
    pairs = [(pair.split(":") * 2)[:2] for pair in symbols.split()]
    return [Phone(symbol, ipa, manner, voiced) for symbol, ipa in pairs]


ENGLISH_VOWELS = "AA:ɑ AE:æ AH:ʌ AO:ɔ AW:aʊ AY:aɪ EH:ɛ ER:ɝ EY:eɪ IH:ɪ IY:i OW:oʊ OY:ɔɪ UH:ʊ UW:u"
PHONES = {
    phone.symbol: phone
    for phone in _phones("vowel", ENGLISH_VOWELS)
    + _phones("vowel", "a e o ə ɐ y ʏ ø œ ɯ ɒ ɜ ɑ̃ ɛ̃ ɔ̃ œ̃ əʊ ɪə eə ʊə")
    + _phones("stop", "B:b D:d G:ɡ")
    + _phones("stop", "P:p T:t K:k ʔ", voiced=False)
    + _phones("affricate", "JH:dʒ dz dʑ")
    + _phones("affricate", "CH:tʃ ts tɕ pf", voiced=False)
    + _phones("fricative", "V:v DH:ð Z:z ZH:ʒ ʑ ʁ")
    + _phones("fricative", "F:f TH:θ S:s SH:ʃ HH:h ɕ ç x ɸ", voiced=False)
    + _phones("nasal", "M:m N:n NG:ŋ ɲ ɴ")
    + _phones("liquid", "L:l R:ɹ r ɾ ʎ")
    + _phones("glide", "W:w Y:j ɥ")
}
ARPABET = tuple(symbol for symbol in PHONES if symbol.isascii() and symbol.isupper())
VOWELS = frozenset(symbol for symbol, phone in PHONES.items() if phone.vowel)

# What is sung in place of a phone that a voice lacks, the first that it has; a nasal vowel gets its nasal back.
NEAREST = {
    "a": "AA | AE", "e": "EH | EY", "o": "AO | OW", "ə": "AH | œ | e", "ɐ": "AH | a", "y": "UW | ɯ",
    "ʏ": "UH | y | UW", "ø": "UH | e", "œ": "AH | ø | e", "ɯ": "UW", "ɒ": "AA | AO", "ɜ": "ER | œ", "əʊ": "OW",
    "ɪə": "IY AH | IY a", "eə": "EH AH | e a", "ʊə": "UH AH | UW a", "ɑ̃": "AA N | a ɴ", "ɛ̃": "AE N | e ɴ",
    "ɔ̃": "AO N | o ɴ", "œ̃": "AH N | e ɴ", "ʔ": "SIL", "dz": "D Z", "dʑ": "JH", "ts": "T S", "tɕ": "CH",
    "pf": "P F", "ʑ": "ZH", "ʁ": "R | ɾ", "ɕ": "SH", "ç": "HH", "x": "HH | K", "ɸ": "F", "ɲ": "N Y", "ɴ": "N",
    "r": "R | ɾ", "ɾ": "R | D", "ʎ": "L Y", "ɥ": "W",
    # and what a voice without English sings for English
    "AA": "a", "AE": "a", "AH": "a", "AO": "o", "AW": "a UW", "AY": "a IY", "EH": "e", "ER": "a", "EY": "e IY",
    "IH": "IY", "OW": "o UW", "OY": "o IY", "UH": "UW | ɯ", "UW": "ɯ", "TH": "S", "DH": "Z | D", "V": "B",
    "ZH": "ʑ | dʑ", "F": "ɸ", "SH": "ɕ", "CH": "tɕ", "JH": "dʑ", "L": "ɾ", "R": "ɾ", "NG": "ɴ", "W": "UW | ɯ",
    "Z": "S",
}  # fmt: skip


def strip_stress(phone: str) -> str:
    return phone.rstrip("012")


def features(phone: str) -> Phone:
    """What is known of a phone, with or without stress digit. Raises ValueError for an unknown symbol."""
    symbol = strip_stress(phone)
    if symbol not in PHONES:
        raise ValueError(f"unknown phone {phone!r}; known are {' '.join(sorted(PHONES))}")
    return PHONES[symbol]


def adapt(phones: Sequence[str], available: Collection[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Phones as a voice sings them, and what stands for what: symbol → the symbols sung in its place.

    The glottal stop of a doubled consonant is left out beside other phones. Symbols without a substitute stay.
    """
    sung: list[str] = []
    instead: dict[str, str] = {}
    for phone in phones:
        symbol = strip_stress(phone)
        if symbol in available or symbol in SPECIALS:
            sung.append(phone)
        elif symbol == "ʔ" and len(phones) > 1:
            instead[symbol] = "(nothing)"
        elif (found := nearest(symbol, available)) is None:
            sung.append(phone)
        else:
            digit = phone[len(symbol) :]
            sung += [part + digit if part in VOWELS else part for part in found]
            instead[symbol] = " ".join(found)
    return tuple(sung), instead


def nearest(symbol: str, available: Collection[str], beyond: frozenset[str] = frozenset()) -> tuple[str, ...] | None:
    """The phones a voice sings for a symbol, by substitutes of substitutes where it must; None without any."""
    if symbol in available or symbol in SPECIALS:
        return (symbol,)
    for option in NEAREST.get(symbol, "").split(" | "):
        parts = [None if part in beyond else nearest(part, available, beyond | {symbol}) for part in option.split()]
        if parts and None not in parts:
            return tuple(phone for part in parts if part for phone in part)
    return None
