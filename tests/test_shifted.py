"""Recordings sung higher and lower: pitch moves, formants and timing stay."""

import json

import numpy as np
import pytest

from data_prep.shifted import intervals, main, shifted
from svs.audio import Audio
from svs.dataset import read_manifest
from svs.f0 import track

RATE = 44_100


def vowel(hz=220.0, seconds=1.0, formants=(700.0, 1200.0, 2600.0)):
    """A pulse train through three resonances, 0.2 s of silence before and after."""
    from scipy.signal import lfilter

    pulses = np.zeros(int(seconds * RATE))
    pulses[np.unique(np.round(np.arange(0, len(pulses), RATE / hz)).astype(int).clip(max=len(pulses) - 1))] = 1.0
    for formant in formants:
        radius = np.exp(-np.pi * 90.0 / RATE)
        pulses = lfilter([1.0], [1.0, -2 * radius * np.cos(2 * np.pi * formant / RATE), radius**2], pulses)
    silence = np.zeros(int(0.2 * RATE))
    return Audio(np.concatenate([silence, 0.3 * pulses / np.abs(pulses).max(), silence]).astype(np.float32), RATE)


def first_formant(audio):
    import parselmouth

    sound = parselmouth.Sound(audio.samples.astype(float), audio.sample_rate)
    formants = sound.to_formant_burg(maximum_formant=5000.0)
    return np.median([formants.get_value_at_time(1, t) for t in np.arange(0.4, 1.0, 0.05)])


@pytest.mark.parametrize("semitones", [-5, 4, 7])
def test_the_pitch_moves_by_so_many_cents_and_the_first_formant_by_little(semitones):
    audio = vowel()
    moved = shifted(audio, semitones)
    assert len(moved.samples) == len(audio.samples)
    before, after = track(audio), track(moved)
    both = before.voiced & after.voiced
    assert both.sum() > 0.85 * before.voiced.sum()
    assert np.median((after.cents - before.cents)[both]) == pytest.approx(100 * semitones, abs=3)
    assert first_formant(moved) == pytest.approx(first_formant(audio), rel=0.12)


def test_what_is_not_voiced_stays_as_it_is():
    noise = Audio((0.01 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32), RATE)
    assert shifted(noise, 5) is noise


def test_intervals_are_different_and_the_same_each_time():
    chosen = intervals("kumi/a", 4, -5, 7)
    assert len(set(chosen)) == 4 and all(2 <= abs(step) <= 7 for step in chosen)
    assert chosen == intervals("kumi/a", 4, -5, 7) != intervals("kumi/b", 4, -5, 7)


def test_copies_keep_their_phones_and_lie_in_a_manifest_of_their_own(tmp_path, capsys):
    vowel().write(tmp_path / "a.wav")
    phones = [{"symbol": "a", "start": 0.2, "end": 1.2, "note": 0}]
    clip = {"id": "kumi/a", "speaker": "kumi", "audio": "a.wav", "phones": phones}
    lines = [clip | {"notes": [{"onset": 0.2, "duration": 1.0, "cents": 5700.0}]}, {"id": "kumi/b", "audio": "a.wav"}]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    main([str(tmp_path / "m.jsonl"), "--out", str(tmp_path / "out"), "--copies", "2"])
    made = read_manifest(tmp_path / "out" / "manifest.jsonl")
    assert len(made) == 2 and all(line["phones"] == phones for line in made)
    for line in made:
        step = line["shifted_semitones"]
        assert line["id"] == f"kumi/a{step:+d}" and line["notes"][0]["cents"] == 5700 + 100 * step
        heard = track(Audio.read(line["audio"]))
        assert np.median(heard.cents[heard.voiced]) == pytest.approx(5700 + 100 * step, abs=5)
    assert "2 clips" in capsys.readouterr().out


def test_a_manifest_without_phones_is_told_in_one_line(tmp_path):
    from svs.dataset import DatasetError

    vowel().write(tmp_path / "a.wav")
    (tmp_path / "m.jsonl").write_text(json.dumps({"id": "a", "audio": "a.wav"}) + "\n")
    with pytest.raises(DatasetError, match="no clip has phones; label the recordings first"):
        main([str(tmp_path / "m.jsonl"), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
