"""The codec: a source that hits the commanded pitch, networks that keep its length, weights that come back whole."""

import json

import librosa
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.signal import lfilter
from singers import zero_phase_formants

from svs.audio import Audio
from svs.codec import CodecError, load_network, save_network
from svs.codec.excitation import pulse_train
from svs.codec.noise import even_noise
from svs.codec.source_filter import (
    COARSE_SEEN,
    FFT,
    FINE_MELS,
    HOP,
    LATENT_HOP,
    MELS,
    NOISE_FFT,
    NOISE_HOP,
    ROUGH_MELS,
    SAMPLE_RATE,
    SEEN,
    Features,
    SourceFilterNetwork,
    filter_frames,
    filtered_noise,
    mel_filterbank,
    minimum_phase,
)
from svs.f0 import track
from svs.units import cents_to_hz

POSITION = 1 / 64  # samples: the pulses lie on a grid of 1/64 sample, so that none is off by more than half of this
SIZES = {"latent_dim": 6, "decoder_dim": 16, "decoder_depth": 1}


def pulses(cents, voiced=None):
    """Pulse train of one line of cents, float64."""
    cents = torch.as_tensor(np.asarray(cents))[None]
    voiced = torch.ones_like(cents, dtype=torch.bool) if voiced is None else torch.as_tensor(np.asarray(voiced))[None]
    return pulse_train(cents, voiced, HOP, SAMPLE_RATE)[0].numpy()


def contour(shape, seconds=1.0):
    times = np.arange(round(100 * seconds)) / 100
    return {
        "held": np.full(len(times), 6012.3),
        "sweep of two octaves": 5000 + 2400 * times / seconds,
        "vibrato": 6900 + 50 * np.sin(2 * np.pi * 5.5 * times),
        "step": np.where(times < 0.5 * seconds, 6000.0, 6700.0),
    }[shape]


def centroids(sound, at, reach=3):
    """Place of each pulse in samples, by the peak of the band-limited curve through its samples."""
    fine = np.linspace(-1.0, 1.0, 2001)
    taps = np.arange(-24, 25)
    found = []
    for middle in at:
        nearest = round(middle)
        kernel = np.sinc(nearest + fine[:, None] - (nearest + taps)[None, :])
        found.append(nearest + fine[np.argmax(kernel @ sound[nearest + taps])])
    return np.array(found)


# The source -------------------------------------------------------------------------------------------------------


def test_pulses_of_a_held_note_lie_a_period_apart_from_first_to_last():
    period = 200.4  # samples
    cents = 6900 + 1200 * np.log2(SAMPLE_RATE / period / 440)
    sound = pulses(np.full(100, cents))
    wanted = period * np.arange(1, 200) - 1  # the phase is a step on at sample 0 already
    found = centroids(sound, wanted)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=POSITION)


@pytest.mark.parametrize("shape", ["held", "sweep of two octaves", "vibrato", "step"])
def test_pulses_stand_where_the_integral_of_the_pitch_is_a_whole_number(shape):
    cents = contour(shape)
    track = np.interp(np.arange(len(cents) * HOP) / HOP, np.arange(len(cents)), cents)
    phase = np.cumsum(cents_to_hz(track) / SAMPLE_RATE)
    wanted = np.interp(np.arange(1, np.floor(phase[-1]) - 1), phase, np.arange(len(phase)))
    wanted = wanted[(wanted > 40) & (wanted < len(track) - 40)]
    found = centroids(pulses(cents), wanted)
    assert np.abs(found - wanted).max() < 2 * POSITION
    # and so every period is as long as commanded
    error = 1200 * np.log2(np.diff(wanted) / np.diff(found))
    assert np.abs(error.mean()) < 0.02  # cents


@pytest.mark.parametrize("shape", ["held", "sweep of two octaves", "vibrato"])
def test_praat_hears_the_commanded_cents(shape):
    cents = contour(shape, seconds=2.0)
    vowel = zero_phase_formants(pulses(cents), "a", SAMPLE_RATE)
    heard = track(Audio((0.5 * vowel / np.abs(vowel).max()).astype(np.float32), SAMPLE_RATE), "praat")
    inside = slice(10, -10)
    assert heard.voiced[inside].all()
    error = heard.cents[inside] - cents[inside]
    assert np.abs(error).mean() < (0.5 if shape != "vibrato" else 1.5)  # Praat's own window smooths vibrato
    assert abs(error.mean()) < 0.3


@pytest.mark.parametrize("cents", [4500, 6000, 6900, 8100])
def test_the_source_has_the_power_of_unit_noise_at_every_pitch(cents):
    power = np.mean(pulses(np.full(100, float(cents)))[HOP:-HOP] ** 2)
    assert power == pytest.approx(0.957, abs=0.01)  # 0.97 of the band below Nyquist, less the edge of the window


def test_the_source_is_silent_where_unvoiced():
    voiced = np.zeros(100, bool)
    voiced[30:60] = True
    sound = pulses(np.full(100, 6000.0), voiced)
    reach = HOP // 2 + 33  # half a frame, and the taps of a pulse
    assert np.all(sound[: 30 * HOP - reach] == 0)
    assert np.all(sound[59 * HOP + reach :] == 0)
    assert np.mean(sound[31 * HOP : 58 * HOP] ** 2) > 0.9
    assert not pulses(np.full(100, 6000.0), np.zeros(100, bool)).any()


def test_pitch_while_unvoiced_keeps_the_phase_running():
    voiced = np.ones(100, bool)
    voiced[40:50] = False
    cents = contour("sweep of two octaves")
    whole, interrupted = pulses(cents), pulses(cents, voiced)
    np.testing.assert_array_equal(interrupted[52 * HOP :], whole[52 * HOP :])


@pytest.mark.parametrize(("below_hz", "level_db"), [(10_000, -48), (20_000, -40)])
@pytest.mark.parametrize("cents", [4500.0, 6000.0, 7550.0, 8400.0])
def test_what_is_no_partial_lies_far_below_the_partials(cents, below_hz, level_db):
    """Aliases, and the rounding of places to 1/64 sample."""
    size = 65_536
    sound = pulses(np.full(200, cents))[4410 : 4410 + size] * np.blackman(size)
    power = np.abs(np.fft.rfft(sound)) ** 2
    hz, f0 = np.fft.rfftfreq(size, 1 / SAMPLE_RATE), cents_to_hz(cents)
    number = np.round(hz / f0)
    partial = (np.abs(hz - number * f0) < 4) & (number > 0)
    other = ~partial & (hz > f0 / 2) & (hz < below_hz)
    assert 10 * np.log10(power[other].sum() / power[partial & (hz < below_hz)].sum()) < level_db


def test_lines_of_a_batch_do_not_touch_each_other():
    cents = torch.tensor(np.stack([contour("sweep of two octaves"), contour("vibrato")]))
    voiced = torch.ones_like(cents, dtype=torch.bool)
    voiced[0, 20:50] = False
    together = pulse_train(cents, voiced, HOP, SAMPLE_RATE)
    for row in range(2):
        alone = pulse_train(cents[row : row + 1], voiced[row : row + 1], HOP, SAMPLE_RATE)
        np.testing.assert_allclose(together[row], alone[0], atol=1e-6)


def test_the_last_pitch_of_a_line_is_held_to_its_end():
    rising = contour("sweep of two octaves")
    held = np.append(rising, rising[-1])
    np.testing.assert_allclose(pulses(rising)[:-33], pulses(held)[: len(rising) * HOP - 33], atol=1e-6)


def test_the_end_of_a_line_does_not_change_its_beginning():
    cents = contour("vibrato")
    np.testing.assert_allclose(pulses(cents[:50])[: 49 * HOP - 33], pulses(cents)[: 49 * HOP - 33], atol=1e-6)


# Spectra ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_fft", "bands"), [(512, 64), (1024, 128), (2048, 128)])
def test_mel_filters_are_those_of_librosa(n_fft, bands):
    theirs = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=n_fft, n_mels=bands, fmin=30.0, norm=None)
    theirs = theirs / theirs.sum(axis=1, keepdims=True).clip(1e-8)
    np.testing.assert_allclose(mel_filterbank(n_fft, bands).numpy(), theirs.T, atol=1e-7)


def test_the_encoder_sees_a_hundred_log_mel_spectra_a_second_at_the_level_of_librosa():
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((2, SAMPLE_RATE), np.float32))
    seen = Features()(noise)
    assert seen.shape == (2, 50, SEEN)
    spectrum = np.abs(librosa.stft(noise[0].numpy(), n_fft=FFT, hop_length=HOP, window="hann", pad_mode="constant"))
    spectrum = spectrum[:, :100] / np.sqrt(np.sum(librosa.filters.get_window("hann", FFT) ** 2))
    theirs = np.log(mel_filterbank(FFT, MELS).numpy().T @ spectrum + 1e-5).T
    np.testing.assert_allclose(seen[0, :, : 2 * MELS].reshape(100, MELS).numpy(), theirs, atol=1e-3)


def test_silence_looks_like_faint_even_noise():
    seen = Features()(torch.zeros(1, 4 * LATENT_HOP))
    spectra, rough = seen[..., :-ROUGH_MELS], seen[..., -ROUGH_MELS:]
    torch.testing.assert_close(spectra, torch.full_like(spectra, np.log(1e-5)), atol=1e-4, rtol=0)
    torch.testing.assert_close(rough, torch.zeros_like(rough), atol=1e-4, rtol=0)


def test_roughness_tells_partials_from_noise():
    """Of Gaussian noise the mean log amplitude lies ln(√π / 2) + γ / 2 = 0.17 nepers below the log of the mean."""
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 4 * SAMPLE_RATE), np.float32))
    line = torch.full((1, 400), 5700.0)
    buzz = pulse_train(line, torch.ones_like(line), HOP, SAMPLE_RATE)
    rough = [Features()(sound)[0, 2:-2, -ROUGH_MELS:].mean(dim=0) for sound in (noise, buzz)]
    assert rough[0][4:].numpy() == pytest.approx(0.5 * np.log(np.pi / 4) + 0.5 * np.euler_gamma, abs=0.04)
    assert torch.all(rough[1][4:] > 0.5)  # partials 220 Hz apart, in bins of 21.5 Hz


# Networks ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def network():
    torch.manual_seed(0)
    return SourceFilterNetwork(**SIZES).eval()


@pytest.mark.parametrize("frames", [1, 2, 7, 50])
def test_sound_goes_to_fifty_latents_a_second_and_comes_back_as_long(network, frames):
    sound = 0.1 * torch.randn(2, frames * LATENT_HOP)
    cents, voiced = torch.full((2, 2 * frames), 6000.0), torch.ones(2, 2 * frames, dtype=torch.bool)
    with torch.no_grad():
        latents = network.encode(sound)
        copy = network.decode(latents, cents, voiced, torch.randn(2, frames * LATENT_HOP))
    assert latents.shape == (2, frames, SIZES["latent_dim"])
    assert copy.shape == sound.shape
    assert torch.isfinite(copy).all()


def test_the_decoder_sings_what_pitch_it_is_told_even_untrained(network):
    """Pitch comes from the source: no weights can miss it."""
    cents = contour("step", seconds=2.0)
    with torch.no_grad():
        torch.nn.init.zeros_(network.decoder.noise.weight)
        network.decoder.noise.bias.fill_(-12.0)
        line = torch.from_numpy(cents)[None].float()
        sound = network.decode(
            torch.randn(1, 100, SIZES["latent_dim"]), line, torch.ones_like(line), torch.randn(1, 2 * SAMPLE_RATE)
        )
    sound = sound[0].numpy() / float(sound.abs().max())
    heard = track(Audio(sound, SAMPLE_RATE), "praat")
    inside = slice(10, -10)
    error = np.abs(heard.cents - cents)[inside][heard.voiced[inside]]
    assert heard.voiced[inside].mean() > 0.98
    assert np.median(error) < 1.0  # cents


def test_an_unvoiced_decoder_is_shaped_noise_alone(network):
    latents, cents = torch.randn(1, 10, SIZES["latent_dim"]), torch.full((1, 20), 6000.0)
    silence = torch.zeros(1, 10 * LATENT_HOP)
    with torch.no_grad():
        assert not network.decode(latents, cents, torch.zeros(1, 20, dtype=torch.bool), silence).any()
        assert network.decode(latents, cents, torch.ones(1, 20, dtype=torch.bool), silence).any()


def swelling_noise():
    return 0.1 * torch.randn(4, 50 * LATENT_HOP) * torch.linspace(0, 1, 50 * LATENT_HOP)


def test_latents_of_what_the_encoder_was_fitted_on_have_unit_variance_and_nothing_in_common(network):
    sounds = [swelling_noise() for _ in range(4)]
    assert not network.encoder.fitted
    network.encoder.fit(sounds)
    assert network.encoder.fitted
    latents = torch.cat([network.encode(sound).flatten(0, 1) for sound in sounds])
    torch.testing.assert_close(torch.cov(latents.T), torch.eye(SIZES["latent_dim"]), atol=0.02, rtol=0)


def test_the_more_latents_the_nearer_are_the_spectra_they_stand_for():
    torch.manual_seed(0)
    sounds = [swelling_noise() for _ in range(4)]
    misses = []
    for count in (4, 64, SEEN):
        encoder = SourceFilterNetwork(count, 8, 1).encoder
        encoder.fit(sounds)
        seen = encoder.features(sounds[0])
        coarse, fine = encoder.spectra(encoder(sounds[0]))
        stands_for = torch.cat([coarse.reshape(4, 50, -1), fine.reshape(4, 50, -1)], dim=-1)
        misses.append(float((seen[..., :-ROUGH_MELS] - stands_for).square().mean().sqrt()))
    assert misses[0] > misses[1] > 20 * misses[2]
    assert misses[2] < 0.02  # nepers: as many components as numbers lose nothing


def test_fine_latents_are_for_copies_and_a_sound_is_whole_without_them():
    torch.manual_seed(0)
    sounds = [swelling_noise() for _ in range(4)]
    network = SourceFilterNetwork(8, 8, 1, fine_dim=40).eval()
    network.encoder.fit(sounds)
    sound, noise = sounds[0][:1], torch.randn(1, 50 * LATENT_HOP)
    cents, voiced = torch.full((1, 100), 6000.0), torch.zeros(1, 100, dtype=torch.bool)
    with torch.no_grad():
        first, all_of_them = network.encode(sound), network.encode(sound, fine=True)
        without = network.decode(first, cents, voiced, noise)
        zeroed = network.decode(torch.cat([first, torch.zeros(1, 50, 40)], dim=-1), cents, voiced, noise)
    assert first.shape[-1] == len(network.importance) == 8 and all_of_them.shape[-1] == 48
    assert torch.equal(all_of_them[..., :8], first) and torch.equal(without, zeroed)
    seen = network.encoder.features(sound)[..., : COARSE_SEEN]
    padded = torch.cat([first, torch.zeros(1, 50, 40)], dim=-1)
    misses = [
        float((network.encoder.spectra(latents)[0].reshape(1, 50, -1) - seen).square().mean())
        for latents in (padded, all_of_them)
    ]
    assert misses[1] < 0.9 * misses[0], "the grain is in the fine ones"
    with torch.no_grad():
        assert not torch.equal(
            network(sound, cents, voiced, noise), network(sound, cents, voiced, noise, torch.tensor([1e-9]))
        ), "where there is noise on the latents, the fine ones are left out"


def test_the_filters_of_an_untrained_decoder_have_the_level_of_the_sound():
    """A flat spectrum stands for flat filters, half of its power in the pulses and half in the noise."""
    decoder = SourceFilterNetwork(**SIZES).decoder
    flat = torch.full((1, 20, MELS), -3.0), torch.full((1, 60, FINE_MELS), -3.0)
    with torch.no_grad():
        pulses, noise = decoder.filters(torch.zeros(1, 10, 6), flat, torch.full((1, 20), 6000.0), torch.ones(1, 20))
    for filters in (pulses, noise):
        torch.testing.assert_close(filters, torch.full_like(filters, -3.0 - 0.5 * np.log(2)))


def test_a_minimum_phase_filter_is_that_of_a_resonance():
    """One pole pair: its phase is known, and nothing sounds before the pulse."""
    radius, angle = 0.97, 2 * np.pi * 700 / SAMPLE_RATE
    impulse = np.zeros(FFT)
    impulse[0] = 1.0
    wanted = lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], impulse)
    spectrum = np.fft.rfft(wanted)
    magnitude, phase = minimum_phase(torch.from_numpy(np.log(np.abs(spectrum))))
    found = np.fft.irfft(np.exp(magnitude.numpy() + 1j * phase.numpy()))
    np.testing.assert_allclose(found, wanted, atol=1e-3 * np.abs(wanted).max())


def test_a_filter_of_one_leaves_the_source_as_it_is():
    frames = 600  # of several blocks
    source = torch.randn(2, frames * HOP)
    gain = torch.ones(2, frames, FFT // 2 + 1, dtype=torch.cfloat)
    found = filter_frames(source, lambda first, last: gain[:, first:last], torch.hann_window(2 * HOP))
    torch.testing.assert_close(found, source, atol=1e-5, rtol=0)


def test_noise_through_a_filter_is_what_the_inverse_of_its_spectrogram_says():
    random = torch.Generator().manual_seed(0)
    frames, window = 2000, torch.hann_window(NOISE_FFT)  # of several blocks
    noise = torch.randn(2, frames * NOISE_HOP, generator=random)
    gain = torch.rand(2, frames, NOISE_FFT // 2 + 1, generator=random)
    torch.testing.assert_close(filtered_noise(noise, torch.zeros_like(gain), window), noise, atol=1e-5, rtol=0)
    spectrum = torch.stft(noise, NOISE_FFT, NOISE_HOP, window=window, pad_mode="constant", return_complex=True)
    held = torch.cat([gain, gain[:, -1:]], dim=1).transpose(1, 2)
    wanted = torch.istft(spectrum * held, NOISE_FFT, NOISE_HOP, window=window, length=noise.shape[1])
    torch.testing.assert_close(filtered_noise(noise, gain.log(), window), wanted, atol=1e-5, rtol=0)


# Noise ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [256, 512, 1024, 2048, 4096])
def test_even_noise_is_white_and_strays_less_than_gaussian_noise(size):
    def levels(noise):
        return np.log(np.abs(librosa.stft(noise, n_fft=size, hop_length=size // 5))[4:-4, 10:-10])

    even = levels(even_noise(4 * SAMPLE_RATE, 1))
    gaussian = levels(np.random.default_rng(0).standard_normal(4 * SAMPLE_RATE).astype(np.float32))
    assert gaussian.std() == pytest.approx(np.pi / np.sqrt(24), abs=0.02)  # nepers
    assert even.std() < 0.48
    assert even.mean(axis=1).std() < 0.08  # no colour


def test_even_noise_follows_from_its_key_alone():
    once, again, other = even_noise(1000, 3, 4), even_noise(1000, 3, 4), even_noise(1000, 3, 5)
    assert np.array_equal(once, again) and not np.array_equal(once, other)
    assert np.mean(even_noise(10 * SAMPLE_RATE, 0) ** 2) == pytest.approx(1.0, abs=0.01)


# Weights ----------------------------------------------------------------------------------------------------------


def test_a_codec_comes_back_from_its_file_as_it_was(network, tmp_path):
    with torch.no_grad():
        for value in network.state_dict().values():  # numbers that fp16 holds
            value.copy_(value.half() if value.is_floating_point() else value)
    save_network(network, tmp_path / "codec.safetensors")
    again = load_network(tmp_path / "codec.safetensors")
    assert not again.training
    assert again.sizes == SIZES | {"fine_dim": 0, "decoder_expansion": 3}
    for name, value in network.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    assert [path.name for path in tmp_path.iterdir()] == ["codec.safetensors"]


def truncated(path):
    path.write_bytes(path.read_bytes()[:-100])


def text(path):
    path.write_text("these are no weights")


def empty(path):
    path.write_bytes(b"")


def foreign(path):
    save_file({"weight": torch.zeros(3)}, path)


def other_sizes(path):
    sizes = {"sizes": json.dumps({**SIZES, "latent_dim": 7})}
    save_file({k: v.contiguous() for k, v in SourceFilterNetwork(**SIZES).state_dict().items()}, path, metadata=sizes)


def absurd_sizes(path):
    save_file({"weight": torch.zeros(3)}, path, metadata={"sizes": '{"latent_dim": -3}'})


def strange_sizes(path):
    save_file({"weight": torch.zeros(3)}, path, metadata={"sizes": '{"speakers": 3}'})


def no_json(path):
    save_file({"weight": torch.zeros(3)}, path, metadata={"sizes": "{"})


def not_finite(path):
    weights = {k: v.contiguous() for k, v in SourceFilterNetwork(**SIZES).state_dict().items()}
    weights["decoder.harmonic.bias"][3] = torch.nan
    save_file(weights, path, metadata={"sizes": json.dumps(SIZES)})


DAMAGES = (truncated, text, empty, foreign, other_sizes, absurd_sizes, strange_sizes, no_json, not_finite)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_weights_that_are_damaged_or_of_something_else_are_told_in_one_line(network, tmp_path, damage):
    path = tmp_path / "codec.safetensors"
    save_network(network, path)
    damage(path)
    with pytest.raises(CodecError) as caught:
        load_network(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: not the weights of a source-filter codec (")
    assert "\n" not in message
    assert len(message) < 400


def test_a_missing_codec_names_the_stage_that_makes_it(tmp_path):
    with pytest.raises(CodecError, match=r"gone.safetensors: no such codec; the recipe's stage `train-codec` makes it"):
        load_network(tmp_path / "gone.safetensors")


def test_weights_of_a_diverged_training_are_not_written(network, tmp_path):
    with torch.no_grad():
        network.decoder.harmonic.bias[0] = 1e6  # beyond 16 bits
    with pytest.raises(ValueError, match=r"decoder.harmonic.bias is not finite in 16 bits"):
        save_network(network, tmp_path / "codec.safetensors")
    assert list(tmp_path.iterdir()) == []
