"""What the benchmarks of a voice measure: holes, seams and floors of known size are found, and none where there is none."""

import json
from itertools import pairwise

import numpy as np
import pytest
from singers import tone

from benchmarks import judges
from benchmarks.clips import as_take, beside, coloured_noise
from benchmarks.common import ROOT, octaves, verdict
from benchmarks.stress import CASES, case, dropouts, ends, frame_levels, judged, long_song, seams, sonorous
from svs.audio import Audio
from svs.evaluation.spectrum import log_spectral_distance
from svs.units import SAMPLE_RATE

HOP = SAMPLE_RATE // 100


def held(seconds, symbols="AA"):
    """A take of one pitch, A3, and its sound: phones of equal length, no rest."""
    audio, curve = tone(cents=5700, seconds=seconds)
    edges = np.linspace(0.0, seconds, len(symbols.split()) + 1)
    phones = [
        {"symbol": s, "start": a, "end": b, "note": 0}
        for s, a, b in zip(symbols.split(), edges[:-1], edges[1:], strict=True)
    ]
    f0 = {"hop_seconds": 0.01, "cents": curve.cents, "voiced": curve.voiced}
    return {"notes": [{"onset": 0.0, "duration": seconds, "cents": 5700.0}], "phones": phones, "f0": f0}, audio


def quieter(audio, start, end, db):
    samples = audio.samples.copy()
    samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)] *= 10 ** (-db / 20)
    return Audio(samples, SAMPLE_RATE)


@pytest.mark.parametrize("db, milliseconds", [(0, 0), (12, 0), (40, 60)])
def test_a_hole_of_60_ms_is_a_dropout_where_it_is_20_db_deep(db, milliseconds):
    take, audio = held(2.0)
    found = dropouts(frame_levels(quieter(audio, 1.0, 1.06, db)), take["f0"]["voiced"])
    assert 10 * found.sum() == pytest.approx(milliseconds, abs=20)
    assert set(np.flatnonzero(found)) <= set(range(99, 108))


def test_a_closure_may_be_soft_and_a_vowel_may_not():
    take, audio = held(2.0, "AA B AA")
    soft = frame_levels(quieter(audio, 0.8, 0.9, 40))
    assert not dropouts(soft, take["f0"]["voiced"] & np.logical_or(*sonorous(take, 200))).any()
    assert dropouts(soft, take["f0"]["voiced"]).any()


def test_a_step_of_level_at_a_border_of_stretches_is_a_seam():
    take, audio = held(40.0, " ".join(["AA"] * 40))
    border = 22.5  # neither rest nor voiceless consonant from 15 to 30 s
    even, stepped = seams(take, audio), seams(take, quieter(audio, border, 40.0, 12))
    assert (even["seams"], even["kinds"]) == (1, ["vowel"])
    assert even["level_db"] < 0.5 and even["f0_cents"] < 3
    assert stepped["level_db"] == pytest.approx(12, abs=1.5)
    assert stepped["level_db_elsewhere_p95"] < 0.5
    assert seams(*held(5.0)) is None


def test_two_noises_of_equal_colour_differ_as_theory_says():
    white = np.random.default_rng(5).standard_normal(2 * SAMPLE_RATE).astype(np.float32)
    distance = log_spectral_distance(*(coloured_noise(white, seed) for seed in (1, 2)), SAMPLE_RATE)
    assert distance == pytest.approx(np.pi / np.sqrt(12), rel=0.03)  # of the logarithms of two exponential variables
    slope = np.cumsum(white) / 200
    power = [np.abs(np.fft.rfft(x)) ** 2 for x in (slope, coloured_noise(slope, 1))]
    bands = [[10 * np.log10(p[low : 2 * low].mean()) for low in (2000, 4000, 8000)] for p in power]
    np.testing.assert_allclose(*bands, atol=1.0)


@pytest.mark.parametrize("name", [name for name in CASES if name != "song"])
def test_stress_scores_ask_what_they_say(name):
    score, expression = case(name, 6600.0)
    notes = score.parts[0].notes
    cents, lengths = [note.cents for note in notes], [note.duration for note in notes]
    facts = {
        "vowel": lambda: lengths == [8.0],
        "scale": lambda: max(cents) - min(cents) == 2400,
        "syllables": lambda: lengths == pytest.approx([1 / 12] * 48),
        "legato": lambda: notes[-1].end == pytest.approx(60) and lengths == pytest.approx([0.8] * 75),
        "whisper": lambda: expression.breathiness > 0,
        "fortissimo": lambda: min(note.loudness for note in notes) > 0 and expression.tension > 0,
    }
    assert facts[name]()


def test_the_long_song_lasts_four_minutes_and_its_ends_are_compared():
    notes = long_song(ROOT / "assets/scores/row_your_boat.musicxml", 240.0).parts[0].notes
    assert notes[-1].end >= 239 and all(a.end <= b.onset + 1e-6 for a, b in pairwise(notes))
    audio = tone(seconds=70.0)[0]
    assert ends(quieter(audio, 35.0, 70.0, 6))["louder_db"] == pytest.approx(-6, abs=0.1)


def test_a_judge_whose_package_is_missing_says_so_once_and_gives_nothing(capsys):
    @judges.optional
    def absent(audio):
        raise ImportError("nowhere is missing: pip install nowhere")

    assert absent(None) is None and absent(None) is None
    assert capsys.readouterr().err == "absent: left out (nowhere is missing: pip install nowhere)\n"


def test_a_labelled_clip_becomes_a_take_with_stress_where_it_was_spoken():
    audio = tone(seconds=1.0)[0]
    phones = [
        {"symbol": "SIL", "stress": None, "start": 0.0, "end": 0.1, "note": -1},
        {"symbol": "M", "stress": None, "start": 0.1, "end": 0.2, "note": 0},
        {"symbol": "AY", "stress": 2, "start": 0.2, "end": 1.0, "note": 0},
    ]
    take = as_take({"phones": phones, "notes": [{"onset": 0.2, "duration": 0.8, "cents": 6900.0}]}, audio)
    assert take["notes"][0]["phonemes"] == ["M", "AY2"]
    assert [phone["note"] for phone in as_take({"phones": phones}, audio)["phones"]] == [-1, -1, -1]
    assert np.median(take["f0"]["cents"]) == pytest.approx(6900, abs=5)


@pytest.mark.parametrize("low, high, semitones", [(5100, 7800, 0), (4100, 6300, -12), (7000, 8600, 12)])
def test_songs_are_measured_in_the_singers_octave(monkeypatch, low, high, semitones):
    from svs.voice import Voice

    singer = type("Singer", (), {"range_cents": lambda self, name: (low, high)})()
    monkeypatch.setattr(Voice, "load", lambda name: singer)
    song = ROOT / "assets" / "scores" / "twinkle_twinkle_little_star.musicxml"  # C4 to A4
    assert octaves(song, "default", None) == semitones


@pytest.mark.parametrize("hnr, off", [(20.0, 0.0), (15.0, 5.0), (26.0, 6.0)])
def test_a_sound_may_be_neither_noisier_nor_more_of_a_buzz_than_the_recordings(hnr, off):
    found = {"vowel": {"dropped_ms": 0.0, "unsung": 7.0, "hnr": hnr, "seams": None}}
    of = {what.split()[1]: (value, bar) for judge, what, value, bar in judged(found, 20.0) if judge is verdict}
    assert of == {"dropouts,": (0.0, 0.0), "frames": (7.0, 5.0), "harmonic-to-noise": (off, 3.0)}


def test_a_take_beside_a_song_says_who_sings_what_in_it(tmp_path):
    take = held(1.0)[0] | {"singer": "ann"}
    take["f0"] = None
    (tmp_path / "song.json").write_text(json.dumps(take))
    assert beside(tmp_path / "song.wav") == {"speaker": "ann", "phones": take["phones"], "notes": take["notes"]}
    assert beside(tmp_path / "other.wav") == {}
