"""The small phone recogniser: spans become frames, a path pays for its changes, and it hears what it was shown."""

import json

import numpy as np
import pytest
from scipy.signal import lfilter

from benchmarks import recogniser
from benchmarks.phones import RATE, coarse
from benchmarks.recogniser import CLASSES, HOP, best_path, features, load, targets
from svs.audio import Audio


def test_spans_become_frames_and_a_phone_of_two_sounds_is_cut_in_the_middle():
    phones = [{"symbol": "SIL", "start": 0.0, "end": 0.1}, {"symbol": "ts", "start": 0.1, "end": 0.18},
              {"symbol": "ɯ", "start": 0.18, "end": 0.4}]  # fmt: skip
    frames = [CLASSES[n] for n in targets(phones, 25)]
    assert frames == ["SIL"] * 5 + ["t"] * 2 + ["s"] * 2 + ["u"] * 11 + ["SIL"] * 5


def test_a_path_pays_for_its_changes():
    scores = np.log(np.full((30, 3), 0.05))
    scores[:15, 1] = scores[15:, 2] = np.log(0.9)
    scores[7] = np.log([0.9, 0.05, 0.05])  # one frame of another phone is none
    assert best_path(scores, change=4.0) == [1, 2]
    assert best_path(scores, change=0.5) == [1, 0, 1, 2]


def test_classes_are_given_as_symbols_that_are_read_as_those_classes():
    assert coarse(recogniser.SYMBOLS) == list(CLASSES[1:])


def test_features_do_not_depend_on_loudness():
    samples = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 0.1
    quiet, loud = (features(Audio(samples * gain, RATE)) for gain in (0.1, 1.0))
    assert quiet.shape == (-(-RATE // HOP) + 1, recogniser.BANDS)
    np.testing.assert_allclose(quiet, loud, atol=1e-3)


def vowel(f1, f2, f0, seconds):
    """Pulses through two resonances."""
    samples = np.zeros(round(seconds * RATE))
    samples[:: round(RATE / f0)] = 1.0
    for hz in (f1, f2):
        pole = np.exp(-np.pi * 80 / RATE + 2j * np.pi * hz / RATE)
        samples = lfilter([1.0], np.poly([pole, pole.conj()]).real, samples)
    return samples / np.abs(samples).max()


FORMANTS = {"a": (800, 1300), "IY": (300, 2500), "o": (450, 800)}


def clip(folder, number, random):
    """A wave of three vowels between silences, and its line of a manifest."""
    pieces, phones, at = [np.zeros(RATE // 5)], [], 0.2
    for symbol in random.permutation(list(FORMANTS)):
        pieces.append(vowel(*FORMANTS[symbol], random.uniform(150, 300), 0.3))
        phones.append({"symbol": str(symbol), "start": at, "end": at + 0.3})
        at += 0.3
    Audio(np.concatenate([*pieces, np.zeros(RATE // 5)]).astype(np.float32), RATE).write(folder / f"{number}.wav")
    return {"id": f"clip{number}.", "speaker": "ann", "audio": f"{number}.wav", "phones": phones}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recogniser")
    random = np.random.default_rng(0)
    clips = [clip(folder, number, random) for number in range(24)]
    (folder / "vowels.jsonl").write_text("\n".join(map(json.dumps, clips)))
    return folder, clips


def test_what_is_trained_hears_vowels_that_it_was_not_shown(trained, monkeypatch, capsys):
    folder, clips = trained
    monkeypatch.setattr(recogniser, "WIDTH", 16)
    settings = ["--manifests", str(folder / "vowels.jsonl"), "--heldout", "clip5.", "clip7.", "--steps", "80"]
    recogniser.main([*settings, "--out", str(folder / "made.safetensors")])
    out = capsys.readouterr().out
    assert "of 2 clips held out" in out and float(out.rsplit(" ", 1)[1].strip().rstrip("%")) > 80
    what, hear = load(folder / "made.safetensors")
    assert "vowels" in what
    heard = [symbol for symbol in hear(Audio.read(folder / "5.wav")) if symbol != "SIL"]
    assert heard == [phone["symbol"] for phone in clips[5]["phones"]]


def test_a_file_that_is_no_recogniser_is_refused(tmp_path):
    from safetensors.numpy import save_file

    (tmp_path / "text").write_text("no")
    save_file({"0.bias": np.zeros(4, np.float32)}, tmp_path / "other", {"format": "else"})
    for name, why in (("none", "no such recogniser"), ("text", "not a recogniser"), ("other", "its format is 'else'")):
        with pytest.raises(SystemExit, match=why):
            load(tmp_path / name)
