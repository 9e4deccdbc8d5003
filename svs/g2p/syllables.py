"""English words split in their spelling as engravers of hymns do: ev·er·more, lov·ing, chil·dren, heav·’nly.

How many syllables is settled by the pronunciation, and where they part by Webster's customs: endings and prefixes come
off whole, doubled consonants part, a single consonant stays with a short stressed vowel before it (riv·er) and goes to
the next one after a long or unstressed vowel (fa·vor, a·bide).
"""

from __future__ import annotations

import functools
import re
import unicodedata

from svs import g2p
from svs.g2p.english import variants
from svs.inventory import VOWELS, strip_stress


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ENDINGS = _words(
    "ing ings ed eth est edst er ers en ens ness nesses less ful fully ly ment ments ward wards some ship hood dom "
    "man men y es ish"
)
INFLECTIONS = frozenset(_words("ing ings ed eth est edst er ers en ish y es"))  # before which a stem's e may fall
PREFIXES = _words("under over inter trans with some every any fore down o'er out mis dis un")
PARTNERS = frozenset(
    _words(
        "some any every there here where how when what who which my thy him her our your them it one ever never "
        "over under after for fore with out up down sun moon day night home life heart love earth sea land water "
        "fire light blood well fare hence more all grave bed church school noon wood health world heaven green far "
        "hill mid sweet false true wild new old high low good grand child"
    )
)
DOUBLED = frozenset(_words("add ebb egg err inn odd purr"))  # end in two consonants, as do all in ll, ss, ff and zz
# words that only seem to be a word with an ending
WHOLE = frozenset(
    _words(
        "never ever river over other mother brother father another heaven even seven eleven open forest honest "
        "modest tempest harvest water master matter better after under wonder thunder tender finger anger hunger "
        "number member remember summer winter enter center shelter silver power flower shower tower ladder latter "
        "sister minister gather rather whether weather feather leather together proper paper offer suffer differ "
        "cover discover manner banner dinner corner order border murder spider letter butter bitter utter scatter "
        "garden burden sudden maiden linen render garner former temper fetter earnest interest"
    )
)
UNLIKE_THE_RULES = {
    word.replace("·", ""): tuple(word.split("·"))
    for word in _words(
        "up·on an·oth·er with·in eve·ning knowl·edge be·yond shep·herd right·eous wom·an be·ing man·y an·y ear·ly "
        "emp·ty de·scend de·spise de·spair when·e'er wher·e'er"
    )
}
UNITS = ("tch", "ch", "sh", "th", "ph", "gh", "wh", "ck", "dg", "qu", "gu", "kn", "wr")  # consonants that stay together
ONSETS = frozenset(
    _words(
        "bl br cl cr dr dw fl fr gl gr kl pl pr sc sk sl sm sn sp st str spr scr spl sw thr shr tr tw chr phr"
    )
)
# the letters that a short vowel is written with
SHORT = {"AE": "a", "EH": "e|ea|a", "IH": "i|y|u", "AA": "o", "AH": "u|o|ou", "AO": "", "ER": "ou|u"}
VOWEL = "aeiouyàáâäèéêëìíîïòóôöùúûü"
# pairs of letters that may be two vowels, likeliest first
HIATUS = {
    pair: rank
    for rank, pairs in enumerate(
        ("yi ii uu", "ia io iu eo ao", "ua uo eu ya ye yo", "ie iy ae oe", "ei ee", "ue ui oi ai", "ea oa oo")
    )
    for pair in pairs.split()
}


@functools.cache
def _english():
    return g2p.load("en")


def split(word: str) -> list[str]:
    """The pieces of a word, which joined give the word again; one piece where it has one syllable."""
    pieces = [piece for part in re.findall(r"[^-]+-*|-+", word) for piece in _split(part)]
    return [piece.strip("-") for piece in pieces if piece.strip("-")]


@functools.lru_cache(65536)
def shortest(word: str) -> int:
    """Syllables of the shortest pronunciation; of two vowels side by side (lion, power), or with a V, R or L between (heaven,
    every, evil), one may be left out."""
    try:
        return min(_count(phones) - _loose(phones) for phones in _english().pronunciations(word))
    except ValueError:
        return 1


def _loose(phones) -> int:
    weak = [i for i, phone in enumerate(phones) if phone[-1] == "0" and i > 0]
    return sum(strip_stress(phones[i - 1]) in (*VOWELS, "V", "R", "L") for i in weak)


@functools.lru_cache(65536)
def _split(word: str) -> tuple[str, ...]:
    plain = unicodedata.normalize("NFC", g2p.straight(word.lower()))
    text = re.sub(r"[^\w']", " ", plain)
    if not any(letter.isalpha() for letter in text):
        return (word,)
    cuts = sorted(_cuts(text, _phones(text)))
    return tuple(word[a:b] for a, b in zip([0, *cuts], [*cuts, len(word)], strict=True))


def _phones(text: str) -> tuple[str, ...]:
    """The pronunciation by which a word is split: fire and choir are one syllable."""
    found = _english().pronunciations(text)[0]
    if re.search("(ire|oir)s?'?s?$", text):
        found = re.sub(r"(?<=\d) ER0(?= [SZ]$|$)", " R", " ".join(found)).split()
    return tuple(found)


def _count(phones) -> int:
    return sum(strip_stress(phone) in VOWELS for phone in phones)


def _cuts(text: str, phones: tuple[str, ...]) -> set[int]:
    """Places where a word of these phones parts."""
    if _count(phones) < 2:
        return set()
    stem = _uninflected(text, phones)
    if stem in UNLIKE_THE_RULES:
        ends = [len(piece) for piece in UNLIKE_THE_RULES[stem]]
        return {sum(ends[:i]) for i in range(1, len(ends))}
    if stem != text:
        return _cuts(stem, _known(stem) or ())
    parts = None if stem in WHOLE else _parts(text, phones)
    if parts is not None:
        place, left, right = parts
        return {place} | _cuts(text[:place], left) | {place + cut for cut in _cuts(text[place:], right)}
    groups = _nuclei(text, phones)
    vowels = [phone for phone in phones if strip_stress(phone) in VOWELS]
    vowels += vowels[-1:] * (len(groups) - len(vowels))
    return {_border(text, groups[i], groups[i + 1], vowels[i], vowels[i + 1]) for i in range(len(groups) - 1)}


def _uninflected(text: str, phones) -> str:
    """The word without an ending that is no syllable: darkened → darken, lovers → lover, Gabriel's → gabriel."""
    for ending in ("'s", "'d", "ed", "es", "s", "d", "'"):
        known = _known(text[: -len(ending)]) if text.endswith(ending) and len(text) > len(ending) + 2 else None
        if known and _begins(phones, known) and _count(phones) == _count(known):
            return text[: -len(ending)]
    return text


def _parts(text: str, phones):
    """(place, phones before, phones after) where an ending, a prefix or another word comes off whole, or None."""
    for ending in sorted(ENDINGS, key=len, reverse=True):
        if not text.endswith(ending) or len(text) - len(ending) < 3:
            continue
        for stem, place in _stems(text, ending):
            for before in variants(_english().cmudict, stem):
                if _begins(phones, before) and _count(phones[len(before) :]) == 1 + (ending in LONG_ENDINGS):
                    return place, phones[: len(before)], phones[len(before) :]
    for place in sorted(range(3, len(text) - 1), key=lambda cut: abs(2 * cut - len(text))):
        after = _known(text[place:]) if text[:place] in PARTNERS else None
        if after and _ends(phones, after):
            return place, phones[: -len(after)], phones[-len(after) :]
    for prefix in PREFIXES:
        after = _known(text[len(prefix) :]) if text.startswith(prefix) and len(text) > len(prefix) + 3 else None
        if after is None and prefix == "un" and text.startswith("un") and len(text) > 6:
            after = _english().phones(text[2:])
        if after and _ends(phones, after):
            return len(prefix), phones[: -len(after)], phones[-len(after) :]
    return None


LONG_ENDINGS = ("nesses", "fully")


def _stems(text: str, ending: str):
    """(spelling a stem may have, where the ending begins in the word)."""
    place = len(text) - len(ending)
    stem = text[:place]
    if ending == "y" and (len(stem) < 4 or not re.search(f"[{VOWEL}]{{2}}[^l]$|[^{VOWEL}]{{2}}$", stem)):
        return
    if ending == "y" and re.search(r"(.)\1$|r[ct]$", stem):
        return
    if ending == "ly" and stem + "le" in _english().cmudict:
        return
    doubled = ending in INFLECTIONS and stem[-1] == stem[-2] and stem[-1] not in VOWEL
    if doubled and stem[-1] not in "lsfz" and stem not in DOUBLED:
        yield stem[:-1], place - 1  # sin·ner, though Sinn is a name
    yield stem, place
    if ending in INFLECTIONS:
        if stem[-1] not in VOWEL and not re.search(f"[^{VOWEL}]l$", stem) and not re.search("o[kszv]en$", text):
            yield stem + "e", place
        if doubled:
            yield stem[:-1], place - 1
    elif stem[-1] == "i":
        yield stem[:-1] + "y", place


def _known(text: str) -> tuple[str, ...] | None:
    found = _english().cmudict.get(text)
    return tuple(found.split(" #")[0].split()) if found else None


def _begins(phones, stem) -> bool:
    return len(phones) > len(stem) and [strip_stress(p) for p in phones[: len(stem)]] == [strip_stress(p) for p in stem]


def _ends(phones, rest) -> bool:
    """Whether the word ends as this one does, and has a vowel before it."""
    same = [strip_stress(p) for p in phones[-len(rest) :]] == [strip_stress(p) for p in rest]
    return same and _count(rest) > 0 and _count(phones[: -len(rest)]) > 0


def _nuclei(text: str, phones) -> list[tuple[int, int]]:
    """Where in the spelling each vowel of the phones stands: (first letter, end)."""
    count = _count(phones)
    groups = [list(m.span()) for m in re.finditer(f"ow(?=[aeiu])|[{VOWEL}]+", text)]
    groups = [g for g in groups if not re.match(rf"y[{VOWEL}]", text[g[0] :]) or g[0] + 1 < g[1]]
    for g in groups:
        if g[1] - g[0] > 1 and text[g[0]] == "y" and (g[0] == 0 or text[g[0] - 1] not in VOWEL):
            g[0] += 1
        if g[1] - g[0] > 1 and text[g[0]] == "u" and text[g[0] - 1 : g[0]] in ("q", "g"):
            g[0] += 1
    ending = re.search("e[sd]?$", text)
    if ending and len(groups) > 1 and groups[-1][0] == ending.start() and not _heard(ending[0], text, phones):
        groups.pop()
    while len(groups) > max(count, 1):
        groups.pop(_silent(text, groups))
    while len(groups) < count:
        wide = _hiatus(text, groups, phones)
        ending = re.search(f"(?<=[^{VOWEL}])[lmnr]s?$", text)
        if wide is not None:
            start, end = groups[wide[0]]
            groups[wide[0] : wide[0] + 1] = [[start, wide[1]], [wide[1], end]]
        elif groups and ending and ending.start() >= groups[-1][1]:
            groups.append([ending.start(), len(text)])  # rhythm, chasm
        else:
            break
    return [(start, end) for start, end in groups]


def _heard(ending: str, text: str, phones) -> bool:
    """Whether the e of a word's last letters e, es or ed is a vowel."""
    if ending == "e":
        return strip_stress(phones[-1]) in VOWELS or re.search(f"[^{VOWEL}]le$", text) is not None
    return len(phones) > 1 and strip_stress(phones[-2]) in VOWELS


def _silent(text: str, groups) -> int:
    """Number of the group that is a mute e: at the end, before an ending, or any other but the first."""
    mute = [i for i, (a, b) in enumerate(groups) if text[a:b] == "e" and i > 0]
    for number in mute:
        start, end = groups[number]
        if text[end:].replace("'", "") in ("", "s", "d") and not (
            end == len(text) and re.search(f"[^{VOWEL}]l$", text[:start])
        ):
            return number
    for number in mute:
        if re.match("(ly|ness|less|ful|ment|some|thing|fore|m[ae]n|ward)", text[groups[number][1] :]):
            return number
    return mute[-1] if mute else len(groups) - 1


def _hiatus(text: str, groups, phones) -> tuple[int, int] | None:
    """(number of the group of letters that likeliest holds two vowels, where the second begins), or None.

    The i of cre·a·tion is none: it only tells how the t before it sounds.
    """
    last = max((i for i, phone in enumerate(phones) if strip_stress(phone) in VOWELS), default=0)
    softened = last > 0 and phones[last - 1] in ("SH", "ZH", "CH", "JH")
    mute = max((m.start() + 1 for m in re.finditer(f"[tscxg]i(?=[{VOWEL}])", text)), default=-1) if softened else -1
    found = [
        (HIATUS[text[place - 1 : place + 1]], number, place)
        for number, (start, end) in enumerate(groups)
        for place in range(start + 1, end)
        if text[place - 1 : place + 1] in HIATUS and place - 1 != mute
    ]
    return min(found)[1:] if found else None


def _border(text: str, left: tuple[int, int], right: tuple[int, int], vowel: str, after: str) -> int:
    """Where two syllables part, whose vowels are these letters and sound so."""
    end, start = left[1], right[0]
    between, written = text[end:start], text[left[0] : end]
    if "'" in between:
        mark = end + between.index("'")
        if re.match(rf"'n[^{VOWEL}]", text[mark:]):  # heav'n·ly
            return mark + 2
        return (
            mark - 1 if mark - end > 1 and text[mark + 1 : mark + 2] != "n" else mark
        )  # wan·d'ring, ev·'ry, quick·'ning
    units = re.findall("|".join([*UNITS, "."]), between)
    if not units:
        return end
    short = vowel[-1] in "12" and re.fullmatch(SHORT.get(strip_stress(vowel)) or "-", written) is not None
    short = short and not (written == "a" and vowel[:2] == "EH" and text[start:] == "y")  # Ma·ry
    if re.match(r"e(s?d?$|'s)", text[start:]) and between[-1] == "l" and len(units) > 1:  # ta·ble, lit·tle, sick·le
        return start - 1 - (0 if units[-2] == "ck" else len(units[-2]))
    if len(units) == 1:
        if re.match("i[aeou]", text[start:]) and right[1] - start > 1 and strip_stress(after) not in ("IY", "AY"):
            return end if units[0] in ("c", "t", "s", "g", "sc") else start  # pre·cious, sav·ior
        return start if units[0] in ("x", "ck") or short else end
    if len(units) == 2:
        first, second = units
        if first + second in ONSETS and second in ("l", "r", "w") and not short:
            return end  # sa·cred, a·gree
        return end + len(first)
    if units[-3] == units[-2]:  # swad·dling
        return start - len(units[-1]) - len(units[-2])
    for size in (3, 2):
        onset = "".join(units[-size:])
        if onset in ONSETS and size < len(units):
            return start - len(onset)
    return start - len(units[-1])
