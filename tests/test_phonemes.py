"""Words on notes: syllables as singers sing them, and the score has the last word."""

import re

import pytest

from svs import g2p
from svs.inventory import ARPABET
from svs.phonemes import (
    PHONES,
    VOWELS,
    features,
    fit_syllables,
    is_sonorant,
    is_voiced,
    is_vowel,
    pronounce,
    strip_stress,
    syllabify,
    words,
)
from svs.score import Note, Part, ScoreError

ENGLISH = g2p.load("en")


def line(text: str) -> Part:
    """A part from words with syllables parted by "-"; "_" is a note that continues the vowel before it."""
    notes = []
    for word in text.split():
        parts = [word] if word.startswith("[") else word.split("-")
        for place, syllable in enumerate(parts):
            kind = "single" if len(parts) == 1 else "begin" if place == 0 else "middle"
            kind = "end" if len(parts) > 1 and place == len(parts) - 1 else kind
            melisma = syllable == "_"
            lyric = None if melisma else syllable.replace("+", " ")
            notes.append(Note(len(notes), 1.0, 6700.0, lyric, kind, melisma, bar=1 + len(notes) // 4))
    return Part("Soprano", "en", tuple(notes))


def sung(text: str) -> str:
    return " | ".join(" ".join(note.phonemes) for note in pronounce(line(text), ENGLISH).notes)


def spoken(syllables) -> str:
    return " - ".join(" ".join(syllable.phones) for syllable in syllables)


def test_the_inventory_is_arpabet_and_the_ipa_of_other_languages():
    assert len(ARPABET) == 39 and sum(symbol in VOWELS for symbol in ARPABET) == 15
    assert len({phone.ipa for phone in PHONES.values()}) == len(PHONES)
    assert all(PHONES[symbol].ipa == symbol for symbol in set(PHONES) - set(ARPABET))
    assert is_vowel("AH0") and is_vowel("ER") and not is_vowel("R")
    assert is_voiced("Z") and not is_voiced("S") and not is_voiced("SIL")
    assert is_sonorant("NG") and not is_sonorant("Z") and not is_sonorant("BR")
    assert strip_stress("OW1") == "OW" and features("CH").manner == "affricate"


@pytest.mark.parametrize(
    "phones, syllables",
    [
        ("S T R EH1 NG K TH", "S T R EH1 NG K TH"),
        ("S IH1 S T ER0", "S IH1 - S T ER0"),
        ("S IH1 NG IH0 NG", "S IH1 NG - IH0 NG"),
        ("AE1 NG G W IH0 SH", "AE1 NG - G W IH0 SH"),
        ("EH1 K S T R AH0", "EH1 K - S T R AH0"),
        ("R IY0 AE1 L AH0 T IY0", "R IY0 - AE1 - L AH0 - T IY0"),
        ("M", "M"),
    ],
)
def test_syllables_take_the_longest_onset_english_allows(phones, syllables):
    assert spoken(syllabify(phones.split())) == syllables


@pytest.mark.parametrize(
    "phones, spelling, syllables",
    [
        ("L AH1 V IH0 NG", "lov-ing", "L AH1 - V IH0 NG"),
        ("N EY1 B ER0 Z", "neigh-bors", "N EY1 - B ER0 Z"),
        ("S IH1 S T ER0", "sis-ter", "S IH1 S - T ER0"),
        ("AW1 T R AY1 T", "out-right", "AW1 T - R AY1 T"),
        ("IY1 S T W ER0 D", "east-ward", "IY1 S T - W ER0 D"),
        ("ER0 AW1 N D", "a-round", "AH0 - R AW1 N D"),
        ("HH ER1 IY0", "hur-ry", "HH ER1 - R IY0"),
        ("S ER0 AW1 N D", "sur-round", "S ER0 - R AW1 N D"),
        ("M ER1 M ER0 IH0 NG", "mur-mur-ing", "M ER1 - M ER0 - IH0 NG"),
        ("F EH1 r G N y1 G ə0 N", "ver-gnü-gen", "F EH1 r - G N y1 - G ə0 N"),
        ("UW1 V ʁ ə0 M W a1", "ou-vre-moi", "UW1 - V ʁ ə0 - M W a1"),
        ("G L o1 r Y a1", "glo-ria", "G L o1 - r Y a1"),
    ],
)
def test_engraved_syllables_place_borders_inside_clusters(phones, spelling, syllables):
    assert spoken(syllabify(phones.split(), spelling.split("-"))) == syllables


@pytest.mark.parametrize(
    "phones, spelling, syllables",
    [
        ("HH EH1 V AH0 N", "heaven", "HH EH1 V N"),
        ("EH1 V ER0 IY0", "ev-ery", "EH1 - V R IY0"),
        ("P AW1 ER0", "power", "P AW1 R"),
        ("G L AO1 R IY0 AH0 S", "glo-rious", "G L AO1 R - Y AH0 S"),
        ("R EY1 D IY0 AH0 N T", "ra-diant", "R EY1 - D Y AH0 N T"),
        ("D IH1 F ER0 AH0 N T", "dif-frent", "D IH1 - F R AH0 N T"),
    ],
)
def test_fewer_notes_elide_what_poets_elide(phones, spelling, syllables):
    spelling = spelling.split("-")
    assert spoken(fit_syllables(phones.split(), len(spelling), spelling)) == syllables


@pytest.mark.parametrize(
    "phones, spelling, syllables",
    [
        ("B L EH1 S T", "bless-ed", "B L EH1 - S AH0 D"),
        ("L AH1 V D", "lov-ed", "L AH1 - V AH0 D"),
        ("F AY1 R", "fi-re", "F AY1 - ER0"),
        ("D AY1 M AH0 N D", "di-a-mond", "D AY1 - AH0 - M AH0 N D"),
        ("M IH1 L Y AH0 N", "mil-li-on", "M IH1 - L IY0 - AH0 N"),
        ("N EY1 SH AH0 N", "na-ti-on", "N EY1 - SH IY0 - AH0 N"),
        ("EH1 V R IY0", "ev-er-y", "EH1 - V ER0 - IY0"),
        ("G L AO1 R IY0 AH0", "glo-o-o-ri-a", "G L AO1 - AO0 - AO0 - R IY0 - AH0"),
        ("M AY1", "my-y", "M AA1 - AY0"),
        ("D EY1", "da-a-ay", "D EH1 - EH0 - EY0"),
    ],
)
def test_more_notes_find_vowels_or_sing_one_again(phones, spelling, syllables):
    spelling = spelling.split("-")
    assert spoken(fit_syllables(phones.split(), len(spelling), spelling)) == syllables


@pytest.mark.parametrize("word", ["fire", "heaven", "hallelujah", "strength", "interesting", "mm", "a", "area"])
@pytest.mark.parametrize("notes", range(1, 8))
def test_the_score_always_has_its_number_of_syllables(word, notes):
    fitted = fit_syllables(ENGLISH.phones(word), notes)
    assert len(fitted) == notes
    assert all(syllable.nucleus for syllable in fitted)


def test_an_abbreviation_on_one_note_is_still_the_word():
    assert sung("Dr. John").startswith("D AA1 K T ER0 | ")


def test_a_word_joins_its_syllables_and_skips_melisma():
    found = words(line("a-_-men glo-ri-a").notes)
    assert [(word.text, word.notes) for word in found] == [("amen", (0, 2)), ("gloria", (3, 4, 5))]


@pytest.mark.parametrize(
    "syllables, expected",
    [
        ([("hel", "begin"), ("sing", "single")], ["hel", "sing"]),
        ([("hel", "begin"), ("a", "begin"), ("men", "end")], ["hel", "amen"]),
        ([("men", "end"), ("sing", "single")], ["men", "sing"]),
        ([("a", "begin"), ("men", "middle")], ["amen"]),
        ([("a-", "single"), ("-men", "single")], ["amen"]),
    ],
)
def test_malformed_hyphens_lose_no_syllable(syllables, expected):
    notes = [Note(i, 1.0, 6000.0, lyric, kind) for i, (lyric, kind) in enumerate(syllables)]
    assert [word.text for word in words(notes)] == expected


@pytest.mark.parametrize(
    "line, phones",
    [
        ("whoa-oh-oh", "W OW1 | OW0 | OW0"),
        ("o-oh", "OW1 | OW0"),
        ("yeah-eah", "Y AE1 | AE0"),
        ("hey-ey-ey", "HH EH1 | EH0 | EY0"),
        ("you-ou", "Y UW1 | UW0"),
        ("lo-o-ove", "L AH1 | AH0 | AH0 V"),
        ("ni-i-ight", "N AA1 | AA0 | AY0 T"),
        ("ha-al-le-lu-jah", "HH AE2 | AE0 | L AH0 | L UW1 | Y AH0"),
        ("glo-o-o-ri-a", "G L AO1 | AO0 | AO0 | R IY0 | AH0"),
        ("co-op-er-ate", "K OW0 | AA1 | P ER0 | EY2 T"),
    ],
)
def test_vowels_that_are_written_again_are_held(line, phones):
    assert sung(line) == phones


def test_words_that_share_a_note_are_both_sung():
    assert sung("do‿I do+I") == "D UW1 AY1 | D UW1 AY1"
    assert sung("ev-er‿I") == "EH1 | V ER0 AY1"
    assert sung("th'+hour") == "DH AW1 R"


def test_melisma_notes_have_no_phonemes():
    assert sung("a-_-men") == "AA0 |  | M EH1 N"


def test_a_line_of_lyrics():
    assert sung("the hour I heard my neigh-bors sing-ing") == (
        "DH IY0 | AW1 R | AY1 | HH ER1 D | M AY1 | N EY1 | B ER0 Z | S IH1 NG | IH0 NG"
    )
    assert sung("in heav'n, thro' ev-ery bless-ed power") == (
        "IH0 N | HH EH1 V N | TH R UW1 | EH1 | V R IY0 | B L EH1 | S AH0 D | P AW1 R"
    )


def test_brackets_give_the_phones():
    spread = (Note(0, 1, 6000, "[HH AH0 - L OW1]", "begin"), Note(1, 1, 6000, "lo", "end"), Note(2, 1, 6000, "[M]"))
    phonemes = [note.phonemes for note in pronounce(Part("S", "en", spread), ENGLISH).notes]
    assert phonemes == [("HH", "AH0"), ("L", "OW1"), ("M",)]
    each = Part("S", "en", (Note(0, 1, 6000, "[hh ah0]", "begin"), Note(1, 1, 6000, "[L OW]", "end")))
    assert [note.phonemes for note in pronounce(each, ENGLISH).notes] == [("HH", "AH0"), ("L", "OW1")]


@pytest.mark.parametrize(
    "lyric, message",
    [
        ("[HH QQ1]", "unknown phone 'QQ1'"),
        ("[HH1 AH0]", "'HH1' has a stress digit"),
        ("[HH AH0 - L OW1]", "2 syllables for 1 note"),
        ("[HH AH0", "bracket is not closed"),
        ("[]", "no phones"),
        ("—", "no letters to sing"),
        ("", "no letters to sing"),
        ("愛", "no letters that 'en' can read"),
    ],
)
def test_what_cannot_be_sung_is_named_with_its_place(lyric, message):
    notes = (*line("sing to the lord").notes, Note(4, 1.0, 6700.0, "a", bar=2), Note(5, 1.0, 6900.0, lyric, bar=2))
    with pytest.raises(ScoreError, match=r"^Soprano, bar 2, note 2 \(A4\): .*" + re.escape(message)) as error:
        pronounce(Part("Soprano", "en", notes), ENGLISH)
    assert "\n" not in str(error.value)
