"""Colour by hand: breath, tension, formants and consonants each move their own measure, and leave pitch alone."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_voices import write_voice

from svs.cache import PhraseCache
from svs.cli import main
from svs.codec.shaping import Shaping, smooth, warped
from svs.expression import LIMITS, Expression, colour, consonant_glide
from svs.f0 import track
from svs.hand import HandError, read_settings
from svs.phonemes import is_vowel
from svs.score import Score
from svs.sing import sing
from svs.units import SAMPLE_RATE
from svs.voice import Voice

ROW = Path(__file__).parent.parent / "assets" / "scores" / "row_your_boat.musicxml"
BINS = 1025
HZ = np.linspace(0, SAMPLE_RATE / 2, BINS)


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    return Voice.load(write_voice(tmp_path_factory.mktemp("voices") / "tiny"))


def song():
    return Score.from_notes([(0.0, 0.6, 6000, "sah"), (0.6, 0.6, 6400, "fee"), (1.2, 0.6, 6700, "mo")])


def one(noise_db=0.0, tilt_db=0.0, warp=1.0, frames=1):
    return Shaping(*(torch.full((1, frames), float(amount)) for amount in (noise_db, tilt_db, warp)))


def bump(hz, width=150.0):
    """A formant, as log magnitudes."""
    return torch.from_numpy(np.exp(-(((HZ - hz) / width) ** 2)).astype(np.float32))


# Filters ----------------------------------------------------------------------------------------------------------


def test_warping_moves_a_formant_by_semitones():
    for semitones in (-4, 3, 7):
        moved = warped(bump(1000)[None], torch.tensor([2.0 ** (semitones / 12)]))[0]
        assert HZ[moved.argmax()] == pytest.approx(1000 * 2 ** (semitones / 12), abs=22)


def test_formants_move_and_partials_stay():
    """An envelope with ripples 300 Hz apart, as a mel spectrum of a note at 300 Hz has them."""
    ripple = torch.from_numpy(0.5 * np.cos(2 * np.pi * HZ / 300.0).astype(np.float32))
    cents = torch.full((1, 1), 6900 + 1200 * np.log2(300 / 440)).float()
    shaped = one(warp=2 ** (4 / 12)).pulses((2 * bump(1500, 600) + ripple)[None, None], cents)[0, 0]
    wanted = 2 * warped(bump(1500, 600)[None], torch.tensor([2 ** (4 / 12)]))[0] + ripple
    middle = (HZ > 400) & (HZ < 15_000)
    np.testing.assert_allclose(shaped[middle], wanted[middle], atol=0.1)


def test_smoothing_keeps_what_is_broad():
    broad = 2 * bump(8000, 1500)
    np.testing.assert_allclose(smooth(broad[None], torch.tensor([100.0]))[0], broad, atol=0.02)


def test_tension_is_decibels_an_octave_about_a_kilohertz():
    flat, cents = torch.zeros(1, 1, BINS), torch.full((1, 1), 6000.0)
    decibels = 20 / np.log(10) * one(tilt_db=3).pulses(flat, cents)[0, 0].numpy()
    assert [np.interp(hz, HZ, decibels) for hz in (500, 1000, 2000, 8000)] == pytest.approx([-3, 0, 3, 9], abs=0.1)


def test_breath_is_added_where_there_is_voice():
    voiced = torch.tensor([[True, False]])
    louder = one(noise_db=6, frames=2).noise(torch.zeros(1, 6, 257), voiced)[0]
    decibels = 20 / np.log(10) * louder.numpy()
    np.testing.assert_allclose(decibels, np.repeat([6, 0], 3)[:, None] * np.ones(257), atol=1e-4)


def test_no_colour_changes_nothing():
    magnitude, cents = torch.randn(1, 4, BINS), torch.full((1, 4), 6000.0)
    torch.testing.assert_close(one(frames=4).pulses(magnitude, cents), magnitude, atol=1e-5, rtol=0)
    noise = torch.randn(1, 12, 257)
    torch.testing.assert_close(one(frames=4).noise(noise, torch.ones(1, 4, dtype=torch.bool)), noise)


# Notes ------------------------------------------------------------------------------------------------------------


def test_colour_is_each_notes_own_and_glides(line):
    expressions = [Expression(breathiness=10.0 * (i == 1)) for i in range(len(line))]
    found = colour(line, expressions, 500, 0.01).breathiness
    assert found[[20, 75, 125]].tolist() == [0.0, 10.0, 0.0]
    assert found[50] == pytest.approx(5.0)
    assert np.abs(np.diff(found)).max() < 2.0
    assert colour(line, [Expression()] * len(line), 500, 0.01) is None


def test_what_is_marked_louder_is_brighter_and_what_is_softer_darker(line):
    forte, piano = (replace(note, loudness=dB) for note, dB in zip(line[:2], (6.0, -12.0), strict=True))
    notes = [forte, piano, *line[2:]]
    found = colour(notes, [Expression()] * len(notes), 500, 0.01).tension
    assert found[[20, 75, 125]] == pytest.approx([0.3 * 6, 0.3 * -12, 0])
    assert colour(notes, [Expression(dynamic_tilt=0.0)] * len(notes), 500, 0.01) is None
    assert Expression().level(piano) == pytest.approx(-12 - 3.6), "so that an octave below 1 kHz it is 12 dB softer"
    assert Expression(tension=1.0).tilt(replace(forte, loudness=90.0)) == 6.0, "5 dB an octave at most, and the tension"


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("amount", [float("nan"), 99.0, -99.0])
def test_what_is_beyond_the_limits_is_said(name, amount):
    with pytest.raises(ValueError, match=f"{name} is .*; an amount from −"):
        Expression(**{name: amount})


@pytest.mark.parametrize(
    "amounts", [{"breathiness": 12.0}, {"tension": 2.0}, {"tension": -2.0}, {"formant_shift": 4.0}, {"consonants": 6.0}]
)
def test_no_colour_touches_pitch_or_timing(voice, amounts):
    plain, coloured = (sing(song(), voice, pitch="exact", expression=Expression(**a)) for a in ({}, amounts))
    assert coloured.audio.samples.tobytes() != plain.audio.samples.tobytes()
    assert coloured.spans == plain.spans
    heard = [track(take.audio) for take in (plain, coloured)]
    both = heard[0].voiced & heard[1].voiced & plain.curve.voiced
    assert both.sum() > 0.8 * plain.curve.voiced.sum()
    assert np.median(np.abs(heard[1].cents - plain.curve.cents)[both]) < 1


def test_a_blends_formants_are_moved_as_by_hand_and_further_by_hand(voice):
    lower = replace(voice, blends={"tenor": {"of": {"ann": 1.0}, "range_cents": [4500, 6700], "formant_shift": -3.0}})
    for by_hand in (0.0, 1.0):
        blend, same = (
            sing(song(), voice, singer=singer, pitch="exact", expression=Expression(formant_shift=shift))
            for voice, singer, shift in ((lower, "tenor", by_hand), (voice, "ann", by_hand - 3.0))
        )
        assert blend.audio.samples.tobytes() == same.audio.samples.tobytes()
        assert {e.formant_shift for e in blend.expressions} == {by_hand}, "the take says what was asked"


def test_consonants_are_louder_and_vowels_as_they_were(voice):
    plain, strong = (sing(song(), voice, pitch="exact", expression=Expression(consonants=c)) for c in (0.0, 6.0))
    for span in plain.spans:
        at = slice(round((span.start + 0.01) * SAMPLE_RATE), round((span.end - 0.01) * SAMPLE_RATE))
        ratio = strong.audio.samples[at].std() / plain.audio.samples[at].std()
        assert 20 * np.log10(ratio) == pytest.approx(6 if span.note >= 0 and not is_vowel(span.symbol) else 0, abs=0.3)
    assert (consonant_glide(plain.spans, [Expression()] * 3).gain(100, 200) == 1).all()


def test_settings_colour_single_notes_over_what_the_line_has(line):
    settings = read_settings({"style": {"tension": 1.0}, "notes": [{"bar": 2, "breathiness": 9.0, "vibrato_cents": 10}]})
    _, styles, expressions, *_ = settings.apply(line, "", Expression(tension=-2.0, consonants=3.0))
    assert {e.tension for e in expressions} == {1.0} and {e.consonants for e in expressions} == {3.0}
    assert [e.breathiness for e in expressions] == [9.0 * (note.bar == 2) for note in line]
    assert styles[4].vibrato_cents == 10
    with pytest.raises(HandError, match=r"tension is 40; an amount from −12 to 12 is wanted"):
        read_settings({"style": {"tension": 40}})


def test_the_take_tells_its_colours_and_the_cache_knows_them(voice, tmp_path):
    kept = PhraseCache(tmp_path)
    plain = sing(song(), voice, cache=kept)
    soft = sing(song(), voice, cache=kept, expression=Expression(breathiness=5.0))
    assert "expressions" not in plain.to_json()
    assert [e["breathiness"] for e in soft.to_json()["expressions"]] == [5.0] * 3
    assert kept.hits == 0
    again = sing(song(), voice, cache=kept, expression=Expression(breathiness=5.0))
    assert kept.hits == 1 and again.audio.samples.tobytes() == soft.audio.samples.tobytes()


def test_flags_of_the_command(voice, tmp_path, monkeypatch, capsys):
    def svs(*options):
        command = ["svs", "sing", str(ROW), "-o", str(tmp_path / "row.wav"), "--voice", str(voice.folder)]
        monkeypatch.setattr("sys.argv", [*command, *options])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code

    assert svs("--tension", "2", "--breathiness", "3") == 0
    written = json.loads((tmp_path / "row.json").read_text())["expressions"]
    assert {(e["tension"], e["breathiness"]) for e in written} == {(2.0, 3.0)}
    assert svs("--breathiness", "99") == 2
    assert "breathiness is 99; an amount from −30 to 30 is wanted" in capsys.readouterr().err

    def first_consonant(*options):
        assert svs(*options) == 0
        phones = json.loads((tmp_path / "row.json").read_text())["phones"]
        return next(p["end"] - p["start"] for p in phones if p["symbol"] == "R")

    capsys.readouterr()
    assert first_consonant("--consonant-length", "2") == pytest.approx(2 * first_consonant(), abs=1e-3)
    assert svs("--consonant-length", "0") == 2
    assert capsys.readouterr().err.endswith("consonant_length is 0; a factor from 0.25 to 4 is wanted\n")
