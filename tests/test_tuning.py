"""Tunings: every note where its closed form has it, to a hundredth of a cent."""

from fractions import Fraction
from itertools import pairwise
from math import log2

import numpy as np
import pytest

from svs.score import Note, Score, read_score
from svs.tuning import JUST_RATIOS, Scale, Tuning, TuningError, read_scale, tune
from svs.units import cents_to_hz
from svs.written import fifths_of

CENT = 0.01
MEANTONE_FILE = """! meanquar.scl
!
1/4-comma meantone scale. Pietro Aaron's temperament (1523)
 12
!
 76.04900
 193.15686
 310.26471
 5/4
 503.42157
 579.47057
 696.57843
 25/16
 889.73529
 1006.84314
 1082.89214
 2/1
"""


def cents(ratio):
    return 1200 * log2(ratio)


def hz(name, tuning, octave=4):
    """Frequency of a spelled note, such as "G#"."""
    step, alter = name[0], name.count("#") - name[1:].count("b")
    written = 100.0 * ({"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[step] + alter + 12 * (octave + 1))
    note = Note(0, 1, written, "la", fifths=fifths_of(step, alter))
    return float(cents_to_hz(tune([note], tuning)[0].cents))


def scl(tmp_path, text, name="scale.scl"):
    path = tmp_path / name
    path.write_bytes(text.encode("latin-1"))
    return path


@pytest.mark.parametrize("temperament", ["equal", "just", "pythagorean", "meantone"])
@pytest.mark.parametrize("a4", [440.0, 442.0, 415.3])
@pytest.mark.parametrize("tonic", ["C", "Eb", "F#"])
def test_a4_sounds_at_the_tuning_in_every_temperament(temperament, a4, tonic):
    assert hz("A", Tuning.read(a4, temperament, tonic)) == pytest.approx(a4, rel=1e-12)


@pytest.mark.parametrize("key", range(36, 97))
def test_equal_temperament_at_440_leaves_every_note_alone(key):
    note = Note(0, 1, 100.0 * key, "la")
    assert tune([note], Tuning()) == (note,)


@pytest.mark.parametrize(
    ("name", "interval"),
    zip(["Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"], JUST_RATIOS[:-1], strict=True),
)
def test_just_intervals_above_the_tonic_are_their_ratios(name, interval):
    tuning = Tuning.read(440, "just", "C")
    assert cents(hz(name, tuning) / hz("C", tuning)) == pytest.approx(cents(Fraction(interval)), abs=CENT)
    below = hz(name, tuning, octave=2) / hz("C", tuning, octave=3)
    assert cents(below) == pytest.approx(cents(Fraction(interval) / 2), abs=CENT)


def test_just_chords_on_another_tonic_are_pure():
    tuning = Tuning.read(440, "just", "Eb")
    root = hz("Eb", tuning)
    assert cents(hz("G", tuning) / root) == pytest.approx(386.3137, abs=CENT)
    assert cents(hz("Bb", tuning) / root) == pytest.approx(701.9550, abs=CENT)


@pytest.mark.parametrize(("temperament", "fifth"), [("pythagorean", cents(3 / 2)), ("meantone", cents(5**0.25))])
@pytest.mark.parametrize("tonic", ["C", "D", "Ab"])
def test_a_chain_of_fifths_goes_on_by_spelling(temperament, fifth, tonic):
    """Every fifth of the chain is as wide as every other, whatever the tonic: sharps are not flats."""
    tuning = Tuning.read(440, temperament, tonic)
    chain = ["Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#"]
    for low, high in pairwise(chain):
        wide = cents(hz(high, tuning) / hz(low, tuning))
        assert wide % 1200 == pytest.approx(fifth, abs=CENT)


def test_meantone_thirds_are_pure_and_its_sharps_lie_a_diesis_below_its_flats():
    tuning = Tuning.read(440, "meantone")
    assert cents(hz("E", tuning) / hz("C", tuning)) == pytest.approx(386.3137, abs=CENT)
    assert cents(hz("Ab", tuning) / hz("G#", tuning)) == pytest.approx(cents(128 / 125), abs=CENT)


def test_notes_without_a_spelling_have_the_wolf_where_keyboards_put_it():
    tuning = Tuning.read(440, "pythagorean", "C")
    c, gis, es = (tune([Note(0, 1, 100.0 * key, "la")], tuning)[0].cents for key in (60, 68, 63))
    assert gis - c == pytest.approx(8 * cents(3 / 2) - 4800, abs=CENT)
    assert (es - gis) % 1200 == pytest.approx(1200 * 7 - 11 * cents(3 / 2), abs=CENT)


def test_note_names_keep_their_spelling():
    part = Score.from_notes([(0, 1, "G#4", "la"), (1, 1, "Ab4", "la"), (2, 1, 6800, "la")]).parts[0]
    sharp, flat, unspelled = tune(part.notes, Tuning.read(440, "meantone"))
    assert flat.cents - sharp.cents == pytest.approx(cents(128 / 125), abs=CENT)
    assert unspelled.cents == sharp.cents


def test_a_quarter_tone_is_fifty_cents_above_its_note_in_every_temperament():
    for temperament in ("equal", "just", "pythagorean", "meantone"):
        g, higher = tune(
            [Note(0, 1, 6700, "la", fifths=1), Note(0, 1, 6750, "la", fifths=1)], Tuning.read(442, temperament, "D")
        )
        assert higher.cents - g.cents == pytest.approx(50, abs=1e-9)


def test_transposition_moves_a_tempered_song_as_a_whole():
    tuning = Tuning.read(440, "just", "G")
    page = [Note(0, 1, 100.0 * key, "la") for key in (55, 59, 62, 66, 69)]
    higher = [Note(0, 1, note.cents + 300, "la") for note in page]
    moved = np.array([n.cents for n in tune(higher, tuning, 300.0)]) - [n.cents for n in tune(page, tuning)]
    np.testing.assert_allclose(moved, 300, atol=1e-9)


# Scala -----------------------------------------------------------------------------------------------------------


def test_a_scala_file_of_meantone_is_meantone(tmp_path):
    file, closed = Tuning.read(440, scl(tmp_path, MEANTONE_FILE), "C"), Tuning.read(440, "meantone", "C")
    for name in ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"):
        assert cents(hz(name, file) / hz(name, closed)) == pytest.approx(0, abs=CENT)


def test_all_kinds_of_pitch_lines_are_read_as_the_format_has_them(tmp_path):
    lines = ["81/64", "408.0", "408.", "5", "-5.0", "10/20", "100.0 cents", " 100.0 C#", " 5/4   E\\", "\t2/1 ! octave"]
    scale = read_scale(scl(tmp_path, f"!c\r\n\r\n {len(lines)} notes\r\n!\r\n" + "\r\n".join(lines) + "\r\n"))
    expected = [0, cents(81 / 64), 408, 408, cents(5), -5, -1200, 100, 100, cents(5 / 4)]
    np.testing.assert_allclose(scale.degrees, expected, atol=1e-9)
    assert scale.period == pytest.approx(1200)
    assert scale.name == "scale", "an empty description leaves the file's name"


def test_a_scale_of_other_than_twelve_notes_gives_the_nearest_degree(tmp_path):
    quarters = Scale("24", tuple(50.0 * i for i in range(24)), 1200.0)
    assert Tuning(440, quarters).offset(6450.0) == pytest.approx(0)
    fifths = "five equal\n5\n240.0\n480.0\n720.0\n960.0\n2/1\n"
    tuning = Tuning.read(440, scl(tmp_path, fifths), "C")
    c, d, g = (tune([Note(0, 1, 100.0 * key, "la")], tuning)[0].cents for key in (60, 62, 67))
    assert (d - c, g - c) == (pytest.approx(240), pytest.approx(720))


def test_a_scale_repeats_at_its_period_whatever_that_is(tmp_path):
    tritave = "Bohlen-Pierce, equal\n13\n" + "".join(f"{cents(3) * i / 13:.6f}\n" for i in range(1, 14))
    scale = read_scale(scl(tmp_path, tritave))
    assert scale.nearest(2000.0) == pytest.approx(cents(3) * 14 / 13, abs=CENT)
    assert scale.nearest(-100.0) == pytest.approx(-cents(3) / 13, abs=CENT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ends before the number of notes"),
        ("! only comments\n", "ends before the number of notes"),
        ("name\ntwelve\n", "line 2: 'twelve' where the number of notes is wanted"),
        ("name\n-3\n", "line 2: '-3' where the number of notes is wanted"),
        ("name\n0\n", "a scale of 0 notes"),
        ("name\n2\n3/2\n", "1 pitches where 2 are announced"),
        ("name\n2\n3/2\nabc\n", "line 4: 'abc' is no pitch"),
        ("name\n1\n-3/2\n", "line 3: '-3/2' is no pitch"),
        ("name\n1\n3/0\n", "line 3: '3/0' is no pitch"),
        ("name\n1\n1/2/3\n", "line 3: '1/2/3' is no pitch"),
        ("name\n1\n.\n", "is no pitch"),
        ("name\n1\n1/1\n", "the period, is 0 cents; above 0 is wanted"),
        ("na\0me\n1\n2/1\n", "not a Scala file"),
    ],
)
def test_a_damaged_scala_file_is_told_in_one_line(tmp_path, text, message):
    with pytest.raises(TuningError, match=message.replace("(", r"\(")) as caught:
        read_scale(scl(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert "scale.scl" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperament": "werckmeister"}, "choose equal, just, pythagorean, meantone, or a Scala file"),
        ({"temperament": "missing.scl"}, "missing.scl: No such file"),
        ({"tonic": "H"}, "tonic is 'H'"),
        ({"tonic": "C4"}, "tonic is 'C4'"),
        ({"a4_hz": 20}, "tuning is 20 Hz"),
    ],
)
def test_a_tuning_that_does_not_exist_is_told_in_one_line(options, message):
    with pytest.raises(TuningError, match=message):
        Tuning.read(**options)


# What a page says ------------------------------------------------------------------------------------------------

PAGE = """<score-partwise version="4.0"><part-list><score-part id="P1"><part-name>V</part-name></score-part></part-list>
<part id="P1">{measures}</part></score-partwise>"""


def page(tmp_path, *measures, attributes=""):
    bars = "".join(
        f'<measure number="{i}"><attributes><divisions>1</divisions>{attributes}</attributes>{notes}</measure>'
        for i, notes in enumerate(measures, 1)
    )
    path = tmp_path / "page.musicxml"
    path.write_text(PAGE.format(measures=bars), encoding="utf-8")
    return read_score(path).parts[0].notes


def sign(step, alter=None, accidental=None, octave=4):
    altered = "" if alter is None else f"<alter>{alter}</alter>"
    shown = "" if accidental is None else f"<accidental>{accidental}</accidental>"
    return (
        f"<note><pitch><step>{step}</step>{altered}<octave>{octave}</octave></pitch><duration>1</duration>{shown}"
        "<lyric><text>la</text></lyric></note>"
    )


@pytest.mark.parametrize("alter", ["0.5", "-0.25", "1.333", "-1.5", "0.01", "2"])
def test_fractions_of_alter_are_sung_to_the_hundredth_of_a_cent(tmp_path, alter):
    (note,) = page(tmp_path, sign("G", alter))
    assert note.cents == pytest.approx(6700 + 100 * float(alter), abs=1e-6)


@pytest.mark.parametrize(
    ("accidental", "cents"),
    [("quarter-sharp", 50), ("quarter-flat", -50), ("three-quarters-sharp", 150), ("three-quarters-flat", -150),
     ("natural-up", 50), ("flat-up", -50), ("sharp-down", 50), ("sharp-up", 150), ("flat-down", -150)],
)  # fmt: skip
@pytest.mark.parametrize("rounded", [False, True])
def test_a_quarter_tone_accidental_counts_where_alter_lacks_or_is_rounded(tmp_path, accidental, cents, rounded):
    (note,) = page(tmp_path, sign("G", int(cents / 100) if rounded else None, accidental))
    assert note.cents == 6700 + cents


def test_a_quarter_tone_accidental_holds_to_the_barline_and_for_its_octave(tmp_path):
    bar = sign("G", None, "quarter-sharp") + sign("G") + sign("G", octave=5) + sign("G", 0, "natural") + sign("G")
    notes = page(tmp_path, bar, sign("G"))
    assert [note.cents for note in notes] == [6750, 6750, 7900, 6700, 6700, 6700]


def test_alter_is_believed_where_it_is_no_rounding_of_the_accidental(tmp_path):
    notes = page(tmp_path, sign("G", "0.25", "quarter-sharp") + sign("G", "1", "sharp") + sign("G", "-1", "sharp-up"))
    assert [note.cents for note in notes] == [6725, 6800, 6600]


def test_spellings_are_read_and_transposing_instruments_sound_in_theirs(tmp_path):
    notes = page(tmp_path, sign("G", 1) + sign("A", -1) + sign("C") + sign("F", "0.5"))
    assert [note.fifths for note in notes] == [8, -4, 0, -1]
    clarinet = "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>"
    notes = page(tmp_path, sign("D") + sign("E"), attributes=clarinet)
    assert [(note.cents, note.fifths) for note in notes] == [(6000, 0), (6200, 2)]


def test_the_nearest_degree_may_lie_in_the_next_period():
    scale = Scale("two", (0.0, 500.0), 1200.0)
    assert scale.nearest(1190.0) == 1200.0
    assert scale.nearest(840.0) == 500.0 and scale.nearest(860.0) == 1200.0
    assert scale.nearest(-10.0) == 0.0


def test_the_nearest_degree_may_lie_in_the_period_before():
    """Scala files may name a degree beyond the period: a fifth as 1900 cents above, of a scale that repeats every 1200."""
    scale = Scale("wide", (0.0, 1900.0), 1200.0)
    assert scale.nearest(690.0) == 700.0
    assert scale.nearest(-490.0) == -500.0
