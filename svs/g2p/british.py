"""British English from the American dictionary: no R but before a vowel, the vowels of lot, bath and goat, new with Y.

Lyrics in "en-GB" (also en-AU, en-NZ, en-IE) are sung so.
"""

from __future__ import annotations

import re

from svs.g2p import Context
from svs.g2p.english import English, is_vowel, normalize
from svs.inventory import strip_stress

REGIONS = ("gb", "uk", "au", "nz", "ie", "za")
# words whose a before f, s, th or n is long; with their endings
BATH = re.compile(
    "(?:after|ask|bask|bath|blast|branch|brass|calf|can't|cast|castle|chance|chant|clasp|class|command|craft|dance|demand|"
    "draft|enchant|example|fast|fasten|flask|gasp|ghastly|glance|glass|grant|grasp|grass|half|lance|last|laugh|mask|mast|"
    "master|nasty|pass|past|pastor|path|plant|prance|raft|rather|shaft|shan't|slant|staff|task|vast|wrath|advance|answer|"
    "alas|aghast|disaster|trance|france|romance|daft|rascal|plaster)"
    "(?:s|es|ed|er|ers|ing|est|eth|ly|less|y|'s)?$"
)
WITH_R = {"IH": "ɪə", "IY": "ɪə", "EH": "eə", "EY": "eə", "UH": "ʊə", "AA": "AA", "AO": "AO", "OW": "AO", "AE": "AE"}


class British(English):
    def pronunciations(self, word: str, context: Context | None = None) -> list[tuple[str, ...]]:
        linked = context is not None and self.starts_with_vowel(context.neighbour(1))
        text = normalize(word)
        american = super().pronunciations(word, context)
        return list(dict.fromkeys(british(phones, text, linked) for phones in american))


def british(phones: tuple[str, ...], text: str, linked: bool = False) -> tuple[str, ...]:
    """The same word as the south of England says it. linked: a vowel follows, so that a last R is heard."""
    letters = _vowel_letters(text, sum(map(is_vowel, phones)))
    sung: list[str] = []
    number = -1
    for place, phone in enumerate(phones):
        before, after = phones[place - 1 : place] if place else (), phones[place + 1 : place + 2]
        opens = is_vowel(after[0]) if after else linked
        if phone == "R" and before and is_vowel(before[0]) and not opens:
            continue
        if not is_vowel(phone):
            sung.append(phone)
            continue
        number += 1
        symbol, digit = strip_stress(phone), phone[-1]
        rhotic = bool(after) and after[0] == "R"
        closed = rhotic and not (is_vowel(phones[place + 2]) if place + 2 < len(phones) else linked)
        if symbol == "ER":
            sung.append(("ə" if digit == "0" else "ɜ") + digit)
            if opens:
                sung.append("R")
            continue
        if closed:
            symbol = WITH_R.get(symbol, symbol)
        elif symbol == "AA" and "o" in letters[number]:
            symbol = "ɒ"
        elif symbol == "AO" and not rhotic and letters[number] == "o":
            symbol = "ɒ"  # cloth, long
        elif symbol == "AE" and digit != "0" and BATH.fullmatch(text):
            symbol = "AA"
        elif symbol == "OW":
            symbol = "əʊ"
        elif (
            symbol == "UW"
            and before
            and before[0] in ("T", "D", "N")
            and letters[number][:2] in ("u", "ue", "ew", "eu")
        ):
            sung.append("Y")
        sung.append(symbol + digit)
    return tuple(sung)


def _vowel_letters(text: str, count: int) -> list[str]:
    """The letters each vowel is written with, "o" for all where the word has no other way to write them."""
    groups = re.findall("[aeiouy]+w?", re.sub("(?<=[^aeiouy])e(?=[sd]?$)", "", text))
    if len(groups) != count:
        groups = re.findall("[aeiouy]+w?", text)
    return [*groups, *["o" if "o" in text and "a" not in text else ""] * count][: max(count, 1)]
