"""The band that recordings lack: sound that ends at 12 kHz gets what would lie above, and the rest is left alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from scipy.signal import butter, sosfilt
from tiny_voices import CODEC, write_voice

from svs import band
from svs.audio import Audio
from svs.codec.source_filter import SourceFilterNetwork
from svs.score import Score
from svs.sing import sing
from svs.units import LATENT_HOP, SAMPLE_RATE
from svs.voice import Voice, VoiceError


def speech(seed: int, seconds: float = 2.0) -> np.ndarray:
    """Hiss as of S, whose level and colour change every 50 ms, loud above 12 kHz where it is loud below."""
    random = np.random.default_rng(seed)
    samples = int(seconds * SAMPLE_RATE) // LATENT_HOP * LATENT_HOP
    hiss = random.standard_normal(samples)
    bright, dark = (sosfilt(butter(2, 5000, kind, fs=SAMPLE_RATE, output="sos"), hiss) for kind in ("high", "low"))
    steps = np.arange(samples) // (SAMPLE_RATE // 20)
    levels = 10 ** random.uniform(-2, 0, (2, steps[-1] + 1))
    return (0.05 * (levels[0][steps] * bright + levels[1][steps] * dark)).astype(np.float32)


@pytest.fixture(scope="module")
def codec():
    network = SourceFilterNetwork(latent_dim=40, decoder_dim=16, decoder_depth=1).eval()
    network.encoder.fit(torch.from_numpy(np.stack([speech(seed), band.cut(speech(seed))])) for seed in range(8))
    return network


@pytest.fixture(scope="module")
def matrix(codec):
    return band.fit(codec, (speech(seed) for seed in range(100, 140)))


def spectra(codec, latents) -> np.ndarray:
    """Log-mel spectra in nepers, (frames, bands), with the bands' centres in Hz."""
    from svs.codec.source_filter import MELS, mel_interpolation

    hz = mel_interpolation(MELS, 4096).argmax(axis=1).numpy() * SAMPLE_RATE / 4096
    return codec.encoder.spectra(torch.as_tensor(latents)[None])[0][0].numpy(), hz


def encoded(codec, samples) -> np.ndarray:
    with torch.inference_mode():
        return codec.encode(torch.from_numpy(samples)[None])[0].numpy()


def test_a_recording_ends_where_its_sound_does():
    whole = speech(0)
    assert band.highest_hz(whole) > 20_000
    assert 11_000 < band.highest_hz(band.cut(whole)) < 12_300
    assert band.highest_hz(np.zeros(1000)) == 0.0
    assert band.is_cut([band.cut(speech(seed)) for seed in range(3)] + [whole]), "one stray recording changes nothing"
    assert not band.is_cut([whole]) and not band.is_cut([]) and not band.is_cut([np.zeros(1000)])
    telephone = Audio(whole, SAMPLE_RATE).resample(8000).resample(SAMPLE_RATE).samples
    assert not band.is_cut([telephone]), "what ends at 4 kHz lacks more than can be foretold"


def test_what_is_cut_gets_its_band_back_within_5_db_and_keeps_the_rest(codec, matrix):
    whole = speech(7)
    wanted, hz = spectra(codec, encoded(codec, whole))
    narrow = encoded(codec, band.cut(whole))
    lacking, given = (spectra(codec, latents)[0] for latents in (narrow, band.widen(narrow, matrix)))
    above, below = hz > 13_000, hz < 11_000

    def rms_db(one, where):
        return 8.69 * np.sqrt(np.mean((one - wanted)[:, where] ** 2))

    assert rms_db(lacking, above) > 20
    assert rms_db(given, above) < 5
    assert rms_db(given, below) < rms_db(lacking, below) + 0.5


def test_what_is_whole_stays_so(codec, matrix):
    latents = encoded(codec, speech(8))
    before, after = (spectra(codec, z)[0] for z in (latents, band.widen(latents, matrix)))
    assert 8.69 * np.sqrt(np.mean((after - before) ** 2)) < 3


def test_arrays_and_tensors_are_widened_alike_and_the_file_keeps_the_matrix(codec, matrix, tmp_path):
    band.save(matrix, tmp_path / band.FILE)
    loaded = band.load(tmp_path / band.FILE, codec.latent_dim)
    np.testing.assert_allclose(loaded, matrix, atol=1e-3)
    latents = encoded(codec, speech(9))
    by_torch = band.widen(torch.from_numpy(latents)[None], torch.from_numpy(loaded))[0].numpy()
    np.testing.assert_allclose(by_torch, band.widen(latents, loaded), atol=1e-5)


# In a voice --------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    return write_voice(tmp_path / "tiny")


def test_a_voice_sings_with_the_band_above(folder):
    size = CODEC["latent_dim"]
    plain = Voice.load(folder)
    assert plain.band is None
    band.save(np.full((size + 1, size), 0.5), folder / band.FILE)
    wide = Voice.load(folder)
    score = Score.from_notes([(0.0, 0.5, 6000, "sing")])
    one, other = (sing(score, voice, cache=None) for voice in (plain, wide))
    assert one.audio.samples.tobytes() != other.audio.samples.tobytes()
    assert one.curve.cents.tobytes() == other.curve.cents.tobytes()
    nothing = replace(wide, band=np.zeros((size + 1, size), np.float32))
    assert sing(score, nothing).audio.samples.tobytes() == one.audio.samples.tobytes()


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ({"matrix": np.zeros((3, 2), np.float32)}, "its matrix is 3 × 2, not 7 × 6"),
        ({"matrix": np.full((7, 6), np.nan, np.float32)}, "not finite"),
        ({"other": np.zeros(3, np.float32)}, "matrix"),
        (None, "no safetensors"),
    ],
)
def test_a_band_of_another_voice_is_refused_in_one_line(folder, tensors, says):
    if tensors is None:
        (folder / band.FILE).write_bytes(b"noise")
    else:
        save_file(tensors, folder / band.FILE)
    with pytest.raises(VoiceError, match=rf"band.safetensors: not the band above of this voice \(.*{says}.*\)$") as caught:
        Voice.load(folder)
    assert "\n" not in str(caught.value)


def test_the_default_voice_is_heard_above_12_khz():
    score = Score.from_notes([(0.0, 0.8, 6900, "see")])
    for singer in ("hibari", "kumi"):
        sound = sing(score, "default", singer=singer).audio.samples
        assert band.highest_hz(sound) > 16_000, singer
