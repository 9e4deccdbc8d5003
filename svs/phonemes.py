"""Phonemes, syllables, and the fitting of words to notes.

    >>> [syllable.phones for syllable in syllabify(("L", "AH1", "V", "IH0", "NG"))]
    [('L', 'AH1'), ('V', 'IH0', 'NG')]

Where word and score disagree, the score wins.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from svs.g2p import Context, Pronouncer, straight
from svs.inventory import BR, PHONES, SIL, SPECIALS, VOWELS, Phone, features, strip_stress
from svs.score import Note, Part, ScoreError
from svs.units import note_name

__all__ = ["BR", "PHONES", "SIL", "SPECIALS", "VOWELS", "Phone", "features", "strip_stress"]

# Clusters that may begin an English syllable; every single consonant but NG may as well.
ONSETS = frozenset(
    tuple(cluster.split("-"))
    for cluster in re.findall(
        r"\S+",
        "P-L P-R P-Y B-L B-R B-Y T-R T-W T-Y D-R D-W D-Y K-L K-R K-W K-Y G-L G-R G-W G-Y F-L F-R F-Y V-Y V-R TH-R TH-W "
        "SH-R S-P S-T S-K S-F S-M S-N S-L S-W HH-Y HH-W M-Y N-Y L-Y S-P-L S-P-R S-P-Y S-T-R S-T-Y S-K-R S-K-W S-K-L "
        "S-K-Y",
    )
)

# (steady vowel, vowel it closes on) of diphthongs, for words sung on more notes than they have syllables.
DIPHTHONGS = {"AY": "AA", "AW": "AA", "OY": "AO", "EY": "EH", "OW": "OW"}

# The sounds an initial letter can stand for, in English and then in other languages.
LETTER_SOUNDS = {
    "b": "B", "c": "K S CH SH TH ts", "d": "D JH DH dz", "f": "F", "g": "G JH ZH ɲ x ʎ", "h": "HH", "j": "JH Y ZH x",
    "k": "K N", "l": "L ʎ Y", "m": "M", "n": "N", "ñ": "ɲ", "p": "P F pf", "q": "K", "r": "R r ʁ ɾ", "s": "S SH Z ZH",
    "t": "T TH DH CH SH ts", "v": "V F B", "w": "W R HH V", "x": "Z K SH x", "y": "Y", "z": "Z S ZH T TH ts dz",
}  # fmt: skip
TRILLS = {"r": "R", "ʁ": "R", "ɾ": "R"}  # which cluster like the English one


def is_vowel(phone: str) -> bool:
    return strip_stress(phone) in VOWELS


def is_voiced(phone: str) -> bool:
    """False for silence and breath too. Raises ValueError for an unknown symbol."""
    return phone not in SPECIALS and features(phone).voiced


def is_sonorant(phone: str) -> bool:
    return phone not in SPECIALS and features(phone).sonorant


@dataclass(frozen=True)
class Syllable:
    """onset and coda: consonants; nucleus: the vowel with its stress digit.

    The nucleus is a consonant where there is no vowel ("mm"). The coda holds further vowels where the score puts
    several syllables of the word on one note.
    """

    onset: tuple[str, ...]
    nucleus: str
    coda: tuple[str, ...] = ()

    @property
    def phones(self) -> tuple[str, ...]:
        return (*self.onset, self.nucleus, *self.coda)


def nuclei(phones: Sequence[str]) -> list[int]:
    """Places of the vowels; without any, of the first nasal, liquid or glide ("mm"), else the last phone ("shh")."""
    if not phones:
        raise ValueError("nothing to sing: no phones")
    places = [place for place, phone in enumerate(phones) if is_vowel(phone)]
    sonorants = [place for place, phone in enumerate(phones) if is_sonorant(phone)]
    return places or sonorants[:1] or [len(phones) - 1]


def syllabify(phones: Sequence[str], spelling: Sequence[str] | None = None) -> list[Syllable]:
    """Syllables with the longest onsets English allows; the last takes what follows it.

    spelling: the word's syllables as engraved, used when there are as many. Where one begins with a consonant letter
    inside a cluster, the border goes there (sis·ter S IH1 S - T ER0); before a vowel letter the longest onset stays,
    since singers carry consonants over (lov·ing L AH1 - V IH0 NG).
    """
    phones = tuple(phones)
    places = nuclei(phones)
    if spelling is not None and len(spelling) == len(places):
        phones = _with_r_apart(phones, places, spelling)
        places = nuclei(phones)
    starts = [0]
    for number, (left, right) in enumerate(pairwise(places), start=1):
        cluster = phones[left + 1 : right]
        letters = spelling[number] if spelling is not None and len(spelling) == len(places) else ""
        starts.append(right - _onset_length(cluster, letters))
    ends = [*starts[1:], len(phones)]
    return [
        Syllable(phones[start:place], phones[place], phones[place + 1 : end])
        for start, place, end in zip(starts, places, ends, strict=True)
    ]


def _with_r_apart(phones: tuple[str, ...], places: list[int], spelling: Sequence[str]) -> tuple[str, ...]:
    """ER before a vowel as the engraver parts it: a·round is AH0 - R AW1 N D, hur·ry HH ER1 - R IY0."""
    found = list(phones)
    for number, (left, right) in reversed(list(enumerate(pairwise(places), start=1))):
        if strip_stress(phones[left]) == "ER" and right == left + 1 and spelling[number][:1].lower() == "r":
            found.insert(right, "R")
            if phones[left] == "ER0" and spelling[number - 1][-1:].lower() in tuple("aeiouy"):
                found[left] = "AH0"
    return tuple(found)


def _onset_length(cluster: tuple[str, ...], letters: str) -> int:
    plain = tuple(TRILLS.get(phone, phone) for phone in cluster)
    legal = [
        length
        for length in range(len(cluster), 0, -1)
        if (plain[-length:] in ONSETS if length > 1 else cluster[-1] != "NG")
    ]
    sounds = LETTER_SOUNDS.get(letters[:1].lower(), "").split()
    agreeing = [length for length in legal if cluster[-length] in sounds]
    spelled = [length for length in range(1, len(cluster) + 1) if cluster[-length] in sounds]
    engraved = [length for length in spelled if cluster[-length] != "R"]  # ver·gnü·gen, prê·te-moi; but glor·yous
    return (agreeing or engraved or legal or [0])[0]


def fit_syllables(phones: Sequence[str], count: int, spelling: Sequence[str] | None = None) -> list[Syllable]:
    """A word's phones on `count` notes.

    Too many syllables: unstressed vowels are elided as poets do (heav'n, ev'ry, glor-yous), or two share a note.
    Too few: "-ed" becomes a syllable, consonants R, L, Y grow a vowel (fi-er, mil-li-on), or a vowel is sung again.
    Raises ValueError for count < 1 or no phones.
    """
    if count < 1:
        raise ValueError(f"fit_syllables: {count} notes; a word needs at least 1")
    phones = tuple(phones)
    while len(nuclei(phones)) > count and (shorter := _elide(phones)):
        phones = shorter
    if len(nuclei(phones)) < count and spelling is not None and len(spelling) == count:
        phones = _expand(phones, count, spelling)
    syllables = syllabify(phones, spelling)
    if len(syllables) > count:
        return _share(syllables, count)
    return _repeat(syllables, count, spelling)


def _elide(phones: tuple[str, ...]) -> tuple[str, ...] | None:
    """One unstressed vowel fewer, the one that is missed least; None if all are needed."""
    best = None
    places = nuclei(phones)
    for number, place in enumerate(places):
        vowel, before, after = phones[place], phones[max(place - 1, 0) : place], phones[place + 1 : place + 2]
        if vowel[-1] != "0" or len(places) == 1:
            continue
        beside = bool(before) and is_vowel(before[0])
        onward = bool(after) and is_vowel(after[0])
        inner = 0 < number < len(places) - 1
        rest: tuple[str, ...]
        if vowel == "ER0":
            cost, rest = (1 if beside else 2 if onward else 6), ("R",)
        elif vowel in ("IY0", "IH0") and onward and before:
            cost, rest = 2, () if before[0] in ("Y", "SH", "CH", "JH", "ZH") else ("Y",)
        elif vowel in ("UW0", "OW0") and onward and before:
            cost, rest = 3, ("W",)
        elif vowel in ("AH0", "IH0") and place > 0 and after and after[0] in ("R", "L", "N", "M"):
            opens = place + 2 < len(phones) and is_vowel(phones[place + 2])
            cost, rest = (1 if opens and inner else 2 if after[0] in ("R", "L") else 3), ()
        elif vowel in ("AH0", "IH0") and place > 0 and after:
            cost, rest = (3 if beside else 5), ()
        else:
            continue
        if best is None or cost < best[0]:
            best = (cost, phones[:place] + rest + phones[place + 1 :])
    return None if best is None or best[0] > 5 else best[1]


def _expand(phones: tuple[str, ...], count: int, spelling: Sequence[str]) -> tuple[str, ...]:
    """Vowels the spelling shows and speech leaves out, until there are enough or none is left to find."""
    letters = [re.sub("[^a-z']", "", unaccent(syllable)) for syllable in spelling]
    if re.fullmatch("[a-z]*ed", letters[-1]) and phones[-1] in ("T", "D") and not _ends_in_ed(phones):
        phones = (*phones[:-1], "AH0", "D")
    for number in range(1, len(letters)):
        if len(nuclei(phones)) >= count:
            break
        places = nuclei(phones)
        if number > len(places):
            break
        left = places[number - 1]
        right = places[number] if number < len(places) else len(phones)
        cluster = phones[left + 1 : right]
        grown = _grow(phones[left], cluster, letters[number], final=right == len(phones))
        if grown is not None:
            phones = phones[: left + 1] + grown + phones[right:]
    return phones


def _ends_in_ed(phones: tuple[str, ...]) -> bool:
    return len(phones) > 1 and phones[-2] in ("AH0", "IH0") and phones[-1] == "D"


def _grow(vowel: str, cluster: tuple[str, ...], letters: str, final: bool) -> tuple[str, ...] | None:
    """The consonants after a vowel with the vowel that the spelled syllable `letters` asks for, or None."""
    alone = bool(re.fullmatch("[aeo]", letters)) and not final
    if alone and cluster and strip_stress(vowel) in ("AY", "AW", "OY", "EY", "IY", "OW", "UW"):
        return ("AH0", *cluster)  # di·a·mond, where speech has two syllables
    for place, phone in enumerate(cluster):
        if phone == "Y" and letters[:1] not in "y":
            return (*cluster[:place], "IY0", *cluster[place + 1 :])
        if letters[-2:] in ("i", "ti", "si", "ci") and not final and phone in ("SH", "ZH", "CH", "JH"):
            return (*cluster[: place + 1], "IY0", *cluster[place + 1 :])
        if phone == "R" and place > 0 and not final and re.search("[aeou]", letters):
            return (*cluster[:place], "ER0", *cluster[place + 1 :])
        if phone in ("L", "N", "M") and place > 0 and re.search("[aeiouy]", letters):
            return (*cluster[:place], "AH0", *cluster[place:])
    if cluster[:1] == ("R",) and final and strip_stress(vowel) in ("AY", "AW", "OY", "EY", "IY", "OW", "UW"):
        return ("ER0", *cluster[1:])
    if cluster[:1] == ("L",) and final and strip_stress(vowel) in ("AY", "AW", "OY", "EY", "IY", "UW", "ER"):
        return ("AH0", *cluster)
    return None


def _share(syllables: list[Syllable], count: int) -> list[Syllable]:
    """Neighbours put on one note until `count` are left, first those without a consonant between, then weak ones."""
    syllables = list(syllables)

    def cost(place: int) -> tuple:
        first, second = syllables[place], syllables[place + 1]
        stress = (first.nucleus[-1] == "1") + (second.nucleus[-1] == "1")
        return (stress == 2, bool(first.coda or second.onset), stress, len(first.phones) + len(second.phones))

    while len(syllables) > count:
        place = min(range(len(syllables) - 1), key=cost)
        first, second = syllables[place], syllables[place + 1]
        syllables[place : place + 2] = [Syllable(first.onset, first.nucleus, first.coda + second.phones)]
    return syllables


def _repeat(syllables: list[Syllable], count: int, spelling: Sequence[str] | None) -> list[Syllable]:
    """Syllables stretched over `count` ≥ len(syllables) notes by singing vowels again."""
    if len(syllables) == count:
        return syllables
    owners = _owners(syllables, count, spelling)
    stretched = []
    for number, syllable in enumerate(syllables):
        stretched.extend(_stretch(syllable, owners.count(number)))
    return stretched


def _stretch(syllable: Syllable, times: int) -> list[Syllable]:
    """One syllable on several notes: consonants at its edges, a diphthong closes only at the end."""
    if times == 1:
        return [syllable]
    bare, stress = strip_stress(syllable.nucleus), syllable.nucleus[len(strip_stress(syllable.nucleus)) :]
    held = DIPHTHONGS.get(bare, bare)
    weak = "0" if stress else ""
    return [
        Syllable(syllable.onset, held + stress),
        *[Syllable((), held + weak)] * (times - 2),
        Syllable((), bare + weak, syllable.coda),
    ]


def _owners(syllables: list[Syllable], count: int, spelling: Sequence[str] | None) -> list[int]:
    """Which syllable each note sings, every syllable at least once: the cheapest walk through both."""
    if spelling is None or len(spelling) != count:
        longest = max(range(len(syllables)), key=lambda number: (syllables[number].nucleus[-1] in "12", -number))
        return sorted([*range(len(syllables)), *[longest] * (count - len(syllables))])
    letters = [re.sub("[^a-z]", "", unaccent(syllable)) for syllable in spelling]

    def enters(note: int, number: int) -> int:
        first = syllables[number].phones[0]
        if is_vowel(first):
            return 0 if letters[note][:1] in "aeiouyhw" else 3
        return 0 if first in LETTER_SOUNDS.get(letters[note][:1], "").split() else 2

    def stays(note: int, number: int) -> int:
        echo = letters[note][:1] == letters[note - 1][-1:]
        return (0 if echo else 1 if letters[note][:1] in "aeiouyhw" else 4) + (syllables[number].nucleus[-1] == "0")

    paths = {0: (enters(0, 0), [0])}
    for note in range(1, count):
        following: dict[int, tuple] = {}
        for number, (cost, path) in paths.items():
            for new, extra in ((number, stays(note, number)), (number + 1, 0)):
                if new >= len(syllables):
                    continue
                total = cost + (extra if new == number else enters(note, new))
                if new not in following or total < following[new][0]:
                    following[new] = (total, [*path, new])
        paths = following
    return paths[len(syllables) - 1][1]


def unaccent(text: str) -> str:
    plain = unicodedata.normalize("NFD", straight(text.lower()))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


@dataclass(frozen=True)
class Word:
    """A word and where it is sung. spelling: its syllables as engraved, one for each of `notes` (their indices)."""

    text: str
    notes: tuple[int, ...]
    spelling: tuple[str, ...]


TOKEN = re.compile(r"\[[^\]]*\]|[^\s‿\[]+|\[")


def words(notes: Sequence[Note]) -> list[Word]:
    """The words of a line. A word ends where the engraving says so, or where the next one begins.

    Several words on one note ("do‿I", "do I") each list that note. Notes that continue a vowel are skipped, and so
    is punctuation. A hyphen left at the edge of a syllable counts as its engraving.
    """
    found: list[Word] = []
    open_notes: list[int] = []
    open_spelling: list[str] = []

    def close() -> None:
        if open_notes:
            text = "".join(open_spelling)
            found.append(Word(text, tuple(open_notes), tuple(open_spelling)))
            open_notes.clear()
            open_spelling.clear()

    for index, note in enumerate(notes):
        if note.melisma or note.lyric is None:
            continue
        tokens = [token for token in TOKEN.findall(note.lyric) if token[0] == "[" or re.search(r"\w|&", token)]
        for place, token in enumerate(tokens):
            first, last = place == 0, place == len(tokens) - 1
            continues = first and (note.syllabic in ("middle", "end") or token[0] in "-‐‑")
            goes_on = last and (note.syllabic in ("begin", "middle") or token[-1] in "-‐‑")
            if not continues:
                close()
            open_notes.append(index)
            open_spelling.append(token if token[0] == "[" else token.strip("-‐‑"))
            if not goes_on:
                close()
    close()
    return found


def pronounce(part: Part, g2p: Pronouncer) -> Part:
    """The part with every note's phonemes set; empty where a note continues a vowel.

    A note's phonemes may hold more than one vowel, where it carries several words or syllables.
    A lyric in brackets gives the phones: `[HH AH0 - L OW1]` on the first note of a word for all its notes, or a
    bracket on each note; vowels without a digit count as stressed.
    Raises ScoreError naming bar and note for an unknown phone or a lyric that cannot be sung.
    """
    line = words(part.notes)
    texts = tuple(word.text for word in line)
    words_on = Counter(note for word in line for note in set(word.notes))
    phonemes: dict[int, tuple[str, ...]] = {}
    for number, word in enumerate(line):
        try:
            if any(syllable.startswith("[") for syllable in word.spelling):
                sung = _bracketed(word)
            else:
                sung = [syllable.phones for syllable in _spoken(word, words_on, g2p, Context(texts, number))]
        except ValueError as error:
            raise ScoreError(f"{where(part, word.notes[0])}: lyric {word.text!r}: {error}") from None
        for index, phones in zip(word.notes, sung, strict=True):
            phonemes[index] = phonemes.get(index, ()) + phones
    for index, note in enumerate(part.notes):
        if note.lyric is not None and not note.melisma and index not in phonemes:
            raise ScoreError(
                f"{where(part, index)}: lyric {note.lyric!r} has no letters to sing. "
                "Write a syllable, or slur the note to the one before."
            )
    return replace(
        part, notes=tuple(replace(note, phonemes=phonemes.get(index, ())) for index, note in enumerate(part.notes))
    )


def _spoken(word: Word, words_on: Mapping[int, int], g2p: Pronouncer, context: Context) -> list[Syllable]:
    """The pronunciation that has as many syllables as the score, else the likeliest, fitted. words_on: how many, by note.

    A word without a vowel of its own ("th'", "'s") may lean on another that shares its note.
    """
    count = len(word.notes)
    found = g2p.pronunciations(word.text, context)
    shared = any(words_on[note] > 1 for note in word.notes)
    if shared and not any(map(is_vowel, found[0])):
        return [Syllable((), found[0][0], found[0][1:])]
    as_written = any(sum(map(is_vowel, phones)) == count for phones in found) and g2p.knows(word.text)
    if not as_written and (drawn := without_echoes(word.spelling, g2p)):
        spelling, times = drawn
        return [
            note
            for syllable, often in zip(_fitted(g2p.pronunciations("".join(spelling), context), spelling), times, strict=True)
            for note in _stretch(syllable, often)
        ]
    return _fitted(found, word.spelling)


def _fitted(found: Sequence[tuple[str, ...]], spelling: Sequence[str]) -> list[Syllable]:
    """The first pronunciation with as many vowels as the spelling has syllables, else the first, fitted to it."""
    fitting = [phones for phones in found if sum(map(is_vowel, phones)) == len(spelling)]
    return fit_syllables((fitting or found)[0], len(spelling), spelling)


VOWEL_LETTERS = "aeiouy"


def _echoes(vowel: str, before: str) -> bool:
    """Whether the letters of a vowel go on with those of the one before: o after oa, ou after ou, ay after a."""
    return vowel.startswith(before) or before.startswith(vowel) or before.endswith(vowel)


def without_echoes(spelling: Sequence[str], g2p: Pronouncer) -> tuple[list[str], list[int]] | None:
    """(syllables, notes of each) of a known word that is engraved with its vowels again: whoa·oh·oh, lo·o·ove, ha·al·le·lu·jah.

    None where no syllable echoes the one before it, or what is left is no word that `g2p` knows.
    """
    pieces: list[str] = []
    times: list[int] = []
    spare = ""  # h, w or y that only lengthens the vowel, unless the word has it: o·oh, whoa·oh
    for syllable in spelling:
        letters = re.sub("[^a-z']", "", unaccent(syllable))
        begins = re.match(f"[{VOWEL_LETTERS}]+", letters)
        ends = re.search(f"([{VOWEL_LETTERS}]+)[hw]?$", unaccent(pieces[-1])) if pieces else None
        if not (begins and ends and _echoes(begins[0], ends[1])):
            pieces.append(syllable)
            times.append(1)
            continue
        times[-1] += 1
        rest = "" if unaccent(pieces[-1]).endswith(letters) else letters.removeprefix(ends[1]).removeprefix(begins[0])
        if rest in ("h", "w", "y"):
            spare = rest
        else:
            pieces[-1] += rest
    words = ["".join(pieces) + spare, "".join(pieces)] if spare else ["".join(pieces)]
    if len(pieces) == len(spelling) or not any(map(g2p.knows, words)):
        return None
    pieces[-1] += spare if g2p.knows(words[0]) else ""
    return pieces, times


def _bracketed(word: Word) -> list[tuple[str, ...]]:
    """Phones of each note of a word whose lyric gives them."""
    syllables = []
    for text in word.spelling:
        if text.startswith("["):
            if not text.endswith("]"):
                raise ValueError("a bracket is not closed; write phones as [HH AH0 - L OW1]")
            syllables += [_phones_of(group) for group in re.split(r"\s+-\s+", text[1:-1].strip())]
    if len(syllables) != len(word.notes):
        raise ValueError(
            f"the brackets hold {len(syllables)} syllables for {len(word.notes)} notes; "
            "separate syllables by ' - ', one for each note of the word"
        )
    return syllables


def _phones_of(group: str) -> tuple[str, ...]:
    symbols = (symbol if strip_stress(symbol) in PHONES else symbol.upper() for symbol in group.split())
    phones = tuple(symbol + "1" if symbol in VOWELS else symbol for symbol in symbols)
    for phone in phones:
        if features(phone).vowel != phone[-1].isdigit() or len(phone) - len(strip_stress(phone)) > 1:
            raise ValueError(f"{phone!r} has a stress digit where none belongs; only vowels take one of 0, 1, 2")
    nuclei(phones)
    return phones


def where(part: Part, index: int) -> str:
    """A note's place as a reader finds it: "Soprano, bar 12, note 3 (G4)"."""
    note = part.notes[index]
    number = sum(other.bar == note.bar for other in part.notes[: index + 1])
    return f"{part.name}, bar {note.bar}, note {number} ({note_name(note.cents)})"
