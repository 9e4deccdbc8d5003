"""Hand control: a contour drawn as CSV, and settings for the line and for single notes."""

from dataclasses import replace

import numpy as np
import pytest

from svs.export import export
from svs.hand import AMOUNTS, Drawn, HandError, beside, follow, read_curve, read_settings
from svs.pitch import PitchCurve, Style
from svs.score import Note

CURVE = PitchCurve(np.full(100, 6000.0), np.arange(100) % 10 > 0)  # unvoiced at every tenth frame


def csv(tmp_path, text):
    path = tmp_path / "curve.csv"
    path.write_text(text, encoding="utf-8")
    return path


def yaml(tmp_path, text):
    path = tmp_path / "song.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def song():
    """Bars 1, 2, 1, 2 of two notes each, sung with a repeat."""
    words = ["a", "b", "c", "d", "a", "b", "c", "d"]
    bars = [1, 1, 2, 2, 1, 1, 2, 2]
    return [Note(i, 1, 6000, word, bar=bar) for i, (word, bar) in enumerate(zip(words, bars, strict=True))]


# Contours ---------------------------------------------------------------------------------------------------------


def test_a_curve_on_the_grid_is_sung_as_it_is(tmp_path):
    cents = 6000 + 50 * np.sin(np.arange(100))
    rows = "".join(f"{i / 100},{c:.6f}\n" for i, c in enumerate(cents))
    followed = follow(CURVE, read_curve(csv(tmp_path, rows)))
    np.testing.assert_allclose(followed.cents, cents, atol=1e-5)
    np.testing.assert_array_equal(followed.voiced, CURVE.voiced)


@pytest.mark.parametrize("separator", [",", ";", "\t", " , "])
@pytest.mark.parametrize("heading", ["", "seconds,cents\n", "time;f0\n", "# drawn by hand\n\nseconds, cents\n"])
def test_points_are_joined_by_straight_lines_on_the_grid(tmp_path, separator, heading):
    text = heading + f"0.0{separator}6000\n0.5{separator}6100\n0.995{separator}6100\n"
    followed = follow(CURVE, read_curve(csv(tmp_path, text)))
    np.testing.assert_allclose(followed.cents[:51], 6000 + 2.0 * np.arange(51), atol=1e-9)
    np.testing.assert_allclose(followed.cents[51:], 6100, atol=1e-9)


@pytest.mark.parametrize("nothing", ["", "nan", "NaN"])
def test_empty_cents_are_unvoiced_and_finite(tmp_path, nothing):
    text = f"0.0,6000\n0.40,6000\n0.41,{nothing}\n0.60,{nothing}\n0.61,6200\n1.0,6200\n"
    followed = follow(CURVE, read_curve(csv(tmp_path, text)))
    assert not followed.voiced[41:61].any()
    assert followed.voiced[36:40].all() and followed.voiced[62:70].all()
    assert np.isfinite(followed.cents).all()


def test_a_consonant_without_voice_stays_so(tmp_path):
    followed = follow(CURVE, read_curve(csv(tmp_path, "0,6500\n2,6500\n")))
    np.testing.assert_array_equal(followed.voiced, CURVE.voiced)


def test_outside_its_points_the_score_is_sung(tmp_path):
    followed = follow(CURVE, read_curve(csv(tmp_path, "0.3,6500\n0.6,6500\n")))
    np.testing.assert_array_equal(followed.cents[:30], 6000)
    np.testing.assert_array_equal(followed.cents[30:61], 6500)
    np.testing.assert_array_equal(followed.cents[61:], 6000)


def test_the_table_that_export_writes_is_sung_as_it_was_commanded(tmp_path):
    voiced = np.arange(len(CURVE.cents)) % 40 < 30
    curve = PitchCurve(6000 + 10 * np.sin(np.arange(len(voiced))).round(3), voiced)
    f0 = {"hop_seconds": 0.01, "cents": curve.cents.tolist(), "voiced": voiced.tolist()}
    take = {"part": "", "notes": [], "phones": [], "f0": f0}
    path = tmp_path / "curve.csv"
    path.write_bytes(export(take, path))
    followed = follow(PitchCurve(CURVE.cents, np.ones_like(voiced)), read_curve(path))
    np.testing.assert_array_equal(followed.voiced, voiced)
    np.testing.assert_allclose(followed.cents[voiced], curve.cents[voiced], rtol=0, atol=0.001)


def test_columns_are_found_by_their_headings(tmp_path):
    drawn = read_curve(csv(tmp_path, "Voiced;Cents;Seconds\n1;6000;0\n0;6100;0.5\n1;6200;1\n"))
    np.testing.assert_array_equal(drawn.seconds, [0, 0.5, 1])
    np.testing.assert_array_equal(drawn.cents, [6000, np.nan, 6200])
    with pytest.raises(HandError, match="line 2: 2 columns where the headings are 3: seconds, hz, cents"):
        read_curve(csv(tmp_path, "seconds,hz,cents\n0,6000\n"))


def test_a_single_point_is_a_single_frame():
    followed = follow(CURVE, Drawn(np.array([0.5]), np.array([6500.0])))
    assert np.flatnonzero(followed.cents == 6500).tolist() == [50]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no line of seconds and cents"),
        ("seconds,cents\n", "no line of seconds and cents"),
        ("0,6000\n0.1\n", "line 2: 1 columns; two are wanted"),
        ("0,6000,1\n", "line 1: 3 columns"),
        ("s,c\n0,6000\nx,6000\n", "line 3: 'x' where seconds from 0 are wanted"),
        ("-1,6000\n", "line 1: '-1' where seconds from 0 are wanted"),
        ("nan,6000\n", "line 1: 'nan' where seconds"),
        ("0,6000\n0.1,high\n", "line 2: 'high' where cents are wanted"),
        ("0,6000\n0.2,6000\n0.1,6000\n", "line 3: 0.1 s after 0.2 s; the seconds must ascend"),
        ("0,6000\n0,6000\n", "the seconds must ascend"),
        ("0,220.5\n", "line 1: 220.5 cents; 100 × MIDI number is wanted.*Hz"),
        ("0,0\n", "leave it empty where nothing is sung"),
        ("0,inf\n", "line 1: inf cents"),
    ],
)
def test_a_curve_that_cannot_be_sung_is_told_in_one_line(tmp_path, text, message):
    with pytest.raises(HandError, match=message) as caught:
        read_curve(csv(tmp_path, text))
    assert "\n" not in str(caught.value) and "curve.csv" in str(caught.value)


def test_a_curve_that_is_no_text_or_not_there_is_told(tmp_path):
    with pytest.raises(HandError, match="No such file"):
        read_curve(tmp_path / "none.csv")
    (tmp_path / "curve.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(HandError, match="not a text file"):
        read_curve(tmp_path / "curve.csv")


# Settings ---------------------------------------------------------------------------------------------------------


def test_amounts_of_the_line_are_every_notes_style(tmp_path):
    settings = read_settings(yaml(tmp_path, "style:\n  vibrato_cents: 12\n  drift_cents: 0\n"))
    notes, styles, *_ = settings.apply(song())
    assert list(notes) == song()
    assert set(styles) == {Style(vibrato_cents=12, drift_cents=0)}


@pytest.mark.parametrize(
    ("place", "chosen"),
    [
        ("bar: 2", [2, 3, 6, 7]),
        ("{bar: 2, note: 1}", [2, 6]),
        ("{bar: 2, note: 1, time: 2}", [6]),
        ("bar: 1-2", range(8)),
        ("{bar: 1 – 2, time: 1}", [0, 1, 2, 3]),
        ("lyric: B", [1, 5]),
        ("{lyric: b, time: 1}", [1]),
        ("{bar: 1, part: tenor}", [0, 1, 4, 5]),
        ("{bar: 1, part: Bass}", []),
    ],
)
def test_notes_are_addressed_as_musicians_do(tmp_path, place, chosen):
    inside = place.strip("{}") if place.startswith("{") else place
    settings = read_settings(yaml(tmp_path, f"notes:\n  - {{{inside}, portamento_seconds: 0.3}}\n"))
    _, styles, *_ = settings.apply(song(), "Tenor")
    assert [i for i, style in enumerate(styles) if style == Style(portamento_seconds=0.3)] == list(chosen)
    assert all(style == Style() for i, style in enumerate(styles) if i not in chosen)


def test_later_entries_win_and_both_win_over_the_line():
    settings = read_settings(
        {
            "style": {"scoop_cents": 10},
            "notes": [{"bar": 1, "scoop_cents": 20}, {"bar": 1, "note": 2, "scoop_cents": 30}],
        }
    )
    _, styles, *_ = settings.apply(song())
    assert [style.scoop_cents for style in styles] == [20, 30, 10, 10, 20, 30, 10, 10]


def test_a_vibrato_set_by_hand_is_sung_as_set():
    _, styles, *_ = read_settings({"notes": [{"bar": 1, "vibrato_rate": 6.2}]}).apply(song())
    assert styles[0] == Style(vibrato_rate=6.2, vibrato_variation=0, vibrato_full_cycles=0)
    assert styles[2] == Style()


def test_over_a_note_that_the_score_bends_nothing_else_swings_unless_it_is_asked_for():
    bent = [replace(song()[0], bend=((0.0, 50.0),)), *song()[1:]]
    _, (style, *others), *_ = read_settings({"style": {"vibrato_cents": 40}}).apply(bent)
    assert (style.vibrato_cents, style.scoop_cents, style.drift_cents) == (0, 0, 0) and style.portamento_seconds > 0
    assert all(other.vibrato_cents == 40 for other in others)
    asked = read_settings({"notes": [{"bar": 1, "note": 1, "time": 1, "vibrato_cents": 30}]})
    assert asked.apply(bent)[1][0].vibrato_cents == 30


def test_a_note_is_detuned_and_no_other():
    notes, styles, *_ = read_settings({"notes": [{"bar": 2, "note": 1, "time": 1, "detune_cents": -30}]}).apply(song())
    assert [note.cents for note in notes] == [6000, 6000, 5970, 6000, 6000, 6000, 6000, 6000]
    assert set(styles) == {Style()}


def test_an_entry_that_fits_no_note_is_warned_of():
    with pytest.warns(UserWarning, match="notes, entry 1: fits no note of Tenor"):
        read_settings({"notes": [{"bar": 9, "scoop_cents": 0}]}).apply(song(), "Tenor")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vibrato: 3\n", "unknown setting 'vibrato'; choose of style, notes"),
        ("style:\n  vibrato: 3\n", "style: unknown setting 'vibrato'; choose of portamento_seconds, .*vibrato_rate"),
        ("notes:\n  - {bar: 1, depth: 3}\n", "entry 1: unknown setting 'depth'; choose of bar, note, time, lyric"),
        ("notes:\n  - {bar: 1}\n", "entry 1: says no amount"),
        ("notes:\n  - {note: 1, scoop_cents: 3}\n", "note 1 of no bar"),
        ("notes:\n  - {bar: x, scoop_cents: 3}\n", "bar is 'x'; a number as printed"),
        ("notes:\n  - {bar: 9-3, scoop_cents: 3}\n", "bar is '9-3'"),
        ("notes:\n  - {bar: 1, note: 0, scoop_cents: 3}\n", "note is 0; a number from 1"),
        ("notes:\n  bar: 1\n", "where a list is wanted"),
        ("notes: [3]\n", "entry 1: 3 where settings are wanted"),
        ("style:\n  vibrato_cents: much\n", "vibrato_cents is 'much'; cents, 0 or more, is wanted"),
        ("style:\n  vibrato_cents: true\n", "vibrato_cents is True"),
        ("style:\n  vibrato_delay: -1\n", "vibrato_delay is -1.*seconds"),
        ("style:\n  vibrato_rate: .nan\n", "vibrato_rate is nan.*Hz"),
        ("style:\n  vibrato_rate: 60\n", "vibrato_rate is 60"),
        ("style:\n  overshoot_share: 7\n", "overshoot_share is 7; a fraction from 0 to 1"),
        ("style: [\n", "song.yaml, line 2: not YAML"),
        ("just words\n", "'just words' where settings are wanted"),
    ],
)
def test_settings_that_cannot_be_obeyed_are_told_in_one_line(tmp_path, text, message):
    with pytest.raises(HandError, match=message) as caught:
        read_settings(yaml(tmp_path, text))
    assert "\n" not in str(caught.value) and "song.yaml" in str(caught.value)


def test_every_amount_of_a_style_can_be_set(tmp_path):
    text = "style:\n" + "".join(f"  {name}: 0\n" for name in AMOUNTS)
    assert set(read_settings(yaml(tmp_path, text)).style) == set(AMOUNTS)
    assert read_settings(yaml(tmp_path, "")).style == {}


def test_settings_lie_beside_the_score(tmp_path):
    assert beside(tmp_path / "song.musicxml") is None
    path = yaml(tmp_path, "style: {}\n")
    assert beside(tmp_path / "song.musicxml") == path
