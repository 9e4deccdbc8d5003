"""Descriptions: measures with known answers, the words they earn, and texts as vectors."""

import os
import subprocess
import sys

import numpy as np
import pytest

from data_prep.describe import MEASURES, loudness, measures, tilt, vibrato_share, words
from svs.description import HASHED, NUMBERS, DescriptionError, describe
from svs.pitch import PitchCurve
from svs.units import SAMPLE_RATE

SECOND = np.arange(SAMPLE_RATE) / SAMPLE_RATE
DB = 0.1


def contour(cents):
    return PitchCurve(np.asarray(cents, np.float64), np.ones(len(cents), bool))


def coloured(db_per_octave, seed=0):
    """Two seconds of noise whose power density falls or rises by so much an octave."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(2 * SAMPLE_RATE))
    hz = np.fft.rfftfreq(2 * SAMPLE_RATE, 1 / SAMPLE_RATE)
    return np.fft.irfft(spectrum * np.maximum(hz, 20.0) ** (db_per_octave / (20 * np.log10(2))))


# Measures ---------------------------------------------------------------------------------------------------------


def test_a_sine_of_amplitude_one_tenth_is_at_minus_23_dbfs():
    assert loudness(0.1 * np.sin(2 * np.pi * 400 * SECOND), SAMPLE_RATE) == pytest.approx(-23.01, abs=DB)
    assert np.isnan(loudness(np.zeros(SAMPLE_RATE), SAMPLE_RATE))


@pytest.mark.parametrize("slope", [-12.0, -6.0, 0.0, 3.0])
def test_the_slope_of_coloured_noise_is_found(slope):
    assert tilt(coloured(slope), np.ones(200, bool)) == pytest.approx(slope, abs=0.4)  # dB an octave
    assert np.isnan(tilt(coloured(slope), np.zeros(200, bool)))


def test_vibrato_is_heard_from_15_cents_on_and_only_in_held_pitch():
    times = np.arange(300) * 0.01
    swing = np.sin(2 * np.pi * 5.5 * times)
    assert vibrato_share(contour(6000 + 40 * swing)) == 1.0
    assert vibrato_share(contour(6000 + 8 * swing)) == vibrato_share(contour(np.full(300, 6000.0))) == 0.0
    assert np.isnan(vibrato_share(contour(6000 + 1200 * times)))  # a slide is never held


def test_noise_on_a_voice_lowers_its_harmonics_to_noise_ratio():
    from singers import tone

    ratios = [
        measures(tone(6000, 1.0, snr_db=snr)[0].samples, contour(np.full(100, 6000.0)))["harmonic_to_noise_db"]
        for snr in (30, 20, 10)
    ]
    assert ratios[0] > ratios[1] + 3 > ratios[2] + 6


def test_range_and_height_are_those_of_the_voiced_frames():
    cents = np.linspace(5000, 7000, 1001)
    found = measures(np.zeros(1001 * 441), PitchCurve(cents, (cents > 5500) & (cents < 6500)))
    assert found["height_semitones"] == pytest.approx(60.0, abs=0.05)
    assert found["range_semitones"] == pytest.approx(9.0, abs=0.1)  # 90 % of ten
    assert found["loudness_db"] is None


# Words ------------------------------------------------------------------------------------------------------------


def row(loud=0.0, tilt=-10.0, noise=15.0, height=60.0, compass=7.0, vibrato=0.2):
    return dict(zip((*MEASURES, "vibrato_share"), (loud, tilt, noise, height, compass, vibrato), strict=True))


def test_what_sets_a_clip_apart_is_said():
    usual = [row() for _ in range(5)]
    unusual = [row(loud=-8, noise=9), row(tilt=-7, compass=12), row(vibrato=0.8), row(vibrato=0.0)]
    found = words([*usual, *unusual], ["ann"] * 9)
    assert found == [""] * 5 + ["soft, breathy", "bright, wide range", "vibrato", "straight"]


def test_differences_that_nobody_hears_get_no_word():
    assert words([row(loud=0.3 * i, tilt=-10 + 0.1 * i, noise=15 + 0.2 * i) for i in range(6)], ["ann"] * 6) == [""] * 6


def test_loudness_is_compared_within_a_singer_and_brightness_among_all():
    clips = [row(loud=base + step, tilt=slope) for base, slope in ((0, -12), (-20, -6)) for step in (-6, 0, 6)]
    found = words(clips, ["ann"] * 3 + ["bob"] * 3)
    assert found == ["soft, dark", "dark", "strong, dark", "soft, bright", "bright", "strong, bright"]


def test_what_was_not_measured_is_not_described():
    unknown = dict.fromkeys(row())
    assert words([unknown, row(), row(), row(loud=9)], ["ann"] * 4) == ["", "", "", "strong"]


# Texts ------------------------------------------------------------------------------------------------------------


def cosine(one, other, encoder=HASHED):
    return float(describe(one, encoder) @ describe(other, encoder))


def test_the_built_in_encoder_goes_by_spelling():
    assert describe("soft, breathy", HASHED).shape == (NUMBERS,)
    assert cosine("soft, breathy", "Breathy and soft") > 0.8 > cosine("soft", "softly") > 0.4
    assert cosine("soft", "soft, breathy") > 0.5
    assert abs(cosine("soft", "bright")) < 0.25
    assert np.array_equal(describe("Soft , BREATHY", HASHED), describe("breathy soft", HASHED))


def test_the_built_in_encoder_gives_the_same_numbers_in_every_process():
    code = "from svs.description import hashed; print(hashed('soft, breathy').tobytes().hex())"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert bytes.fromhex(said.stdout) == describe("soft, breathy", HASHED).tobytes()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a BERT of random weights with a vocabulary of a few words."""
    transformers, tokenizers = pytest.importorskip("transformers"), pytest.importorskip("tokenizers")
    import torch

    folder = tmp_path_factory.mktemp("model")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "soft", "breathy", "bright", ","]
    pieces = tokenizers.BertWordPieceTokenizer({word: row for row, word in enumerate(vocabulary)})._tokenizer
    transformers.PreTrainedTokenizerFast(tokenizer_object=pieces, unk_token="[UNK]").save_pretrained(folder)
    sizes = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    torch.manual_seed(0)
    transformers.BertModel(transformers.BertConfig(vocab_size=len(vocabulary), **sizes)).save_pretrained(folder)
    return folder


def test_a_transformer_in_a_folder_gives_the_mean_of_its_last_layer(model):
    import torch
    from transformers import AutoTokenizer, BertModel

    tokens = AutoTokenizer.from_pretrained(model)("soft , breathy", return_tensors="pt")
    assert tokens["input_ids"].tolist() == [[2, 5, 8, 6, 3]]
    with torch.inference_mode():
        states = BertModel.from_pretrained(model).eval()(**tokens).last_hidden_state[0]
    wanted = states.mean(dim=0) / states.mean(dim=0).norm()
    np.testing.assert_allclose(describe("soft , breathy", str(model)), wanted, atol=1e-5)


def test_a_model_that_cannot_be_had_is_told_in_one_line(tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # where nobody answers
    for name in ("sentence-transformers/all-MiniLM-L6-v2", str(tmp_path / "none"), str(tmp_path)):
        with pytest.raises(DescriptionError, match=r"^text encoder '.*' cannot be loaded .* or 'hashed'$") as told:
            describe("soft", name)
        assert "\n" not in str(told.value)
