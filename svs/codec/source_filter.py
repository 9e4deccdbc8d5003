"""The default codec: continuous latents at 50 Hz, and a decoder whose pitch comes from a pulse train.

    audio ─ log-mel (100 Hz, and fine: 300 Hz), roughness ─ principal components ─ latents (50 Hz)
    latents ─┬─ the spectra they stand for ─┬─ complex filter × pulse train ─ overlap-add ─┐
             └─ ConvNeXt + pitch ───────────┴─ filter × STFT(noise), three frames a hop ───┴─ audio

The decoder never has to invent periodicity: it shapes a source that already has the commanded pitch, as in
DDSP (Engel et al. 2020) and the source-filter vocoders (Wang et al. 2019), with the STFT-domain filters of
Vocos-like decoders (Siuzdak 2023). The noise path has shorter windows, so that plosives stay sharp, and so has half of
what the encoder sees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from svs.codec.excitation import pulse_train
from svs.codec.partials import with_odd_partials, without_half_partials
from svs.codec.purity import without_excess
from svs.codec.shaping import Shaping
from svs.layers import PITCH_FEATURES, ConvNeXtBlock, hann_window, pitch_features
from svs.units import LATENT_HOP, SAMPLE_RATE

HOP = LATENT_HOP // 2  # 10 ms: the pitch grid
FFT = 2048
NOISE_HOP = 147
NOISE_FFT = 512
MELS = 128
FINE_MELS = 40
ROUGH_MELS = 32
COARSE_SEEN, FINE_SEEN = LATENT_HOP // HOP * MELS, LATENT_HOP // NOISE_HOP * FINE_MELS
SEEN = COARSE_SEEN + FINE_SEEN + ROUGH_MELS
QUEFRENCY = 640  # samples, 14.5 ms: of the pulses' filter
LEAD = 256  # samples, 6 ms
BLOCK = 256  # frames that are filtered at once: what they take stays near the processor
PHASE_SPAN = 25  # frames, 250 ms, of a Hann window; its half is less than what stretches overlap


def mel_filterbank(n_fft: int, bands: int, sample_rate: int = SAMPLE_RATE) -> Tensor:
    """Slaney mel filters over an STFT, (n_fft // 2 + 1, bands) float32, each normalised to unit area in bins.

    Those of librosa.filters.mel(fmin=30, norm=None), whose import would cost a singer a second.
    """
    return torch.from_numpy(_mel_filters(n_fft, bands, sample_rate).copy())


@lru_cache(16)
def _mel_filters(n_fft: int, bands: int, sample_rate: int) -> np.ndarray:
    hz = np.fft.rfftfreq(n_fft, 1.0 / sample_rate)
    edges = _mel_edges(bands, sample_rate)
    width = np.diff(edges)[:, None]
    rise, fall = (hz - edges[:-2, None]) / width[:-1], (edges[2:, None] - hz) / width[1:]
    filters = np.maximum(0.0, np.minimum(rise, fall)).astype(np.float32)
    filters /= filters.sum(axis=1, keepdims=True).clip(1e-8)
    return filters.T.copy()


def _mel_edges(bands: int, sample_rate: int) -> np.ndarray:
    """(bands + 2,) Hz: where the triangles begin, peak and end, the middle ones being the peaks."""
    low, high = _hz_to_mels(np.array([30.0, sample_rate / 2]))
    return _mels_to_hz(np.linspace(low, high, bands + 2))


def _hz_to_mels(hz):
    """Slaney's scale: linear, 66.7 Hz a mel, up to 1 kHz, then 27 mels to a factor of 6.4."""
    return np.where(hz < 1000.0, hz * 3 / 200, 15.0 + 27.0 * np.log(np.maximum(hz, 1000.0) / 1000.0) / np.log(6.4))


def _mels_to_hz(mels):
    return np.where(mels < 15.0, mels * 200 / 3, 1000.0 * 6.4 ** ((np.maximum(mels, 15.0) - 15.0) / 27.0))


class Features(nn.Module):
    """What the encoder sees of a latent frame, (batch, frames, SEEN).

    Two coarse and six fine log-mel spectra, which are natural logs of mean amplitudes; and the roughness of ROUGH_MELS
    bands: how far the mean of the bins' logs lies below the log of their mean. It is least for noise and grows with the
    depth of the valleys between partials, which the wide bands of a mel spectrum hide.
    """

    coarse_filters: Tensor
    fine_filters: Tensor
    rough_filters: Tensor
    window: Tensor
    fine_window: Tensor

    def __init__(self):
        super().__init__()
        for name, n_fft, bands in (("coarse", FFT, MELS), ("fine", NOISE_FFT, FINE_MELS), ("rough", FFT, ROUGH_MELS)):
            self.register_buffer(f"{name}_filters", mel_filterbank(n_fft, bands), persistent=False)
        self.register_buffer("window", hann_window(FFT), persistent=False)
        self.register_buffer("fine_window", hann_window(NOISE_FFT), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        batch, frames = audio.shape[0], audio.shape[1] // LATENT_HOP
        amplitude = _amplitude(audio, FFT, HOP, self.window)
        coarse = torch.log(amplitude @ self.coarse_filters)
        fine = torch.log(_amplitude(audio, NOISE_FFT, NOISE_HOP, self.fine_window) @ self.fine_filters)
        rough = torch.log(amplitude @ self.rough_filters) - torch.log(amplitude) @ self.rough_filters
        rough = rough.reshape(batch, frames, -1, ROUGH_MELS).mean(dim=2)
        return torch.cat([coarse.reshape(batch, frames, -1), fine.reshape(batch, frames, -1), rough], dim=-1)


class Encoder(nn.Module):
    """Principal components of the features, each of unit variance: linear, so that no voice is foreign to it."""

    mean: Tensor
    components: Tensor
    deviation: Tensor

    def __init__(self, latent_dim: int):
        super().__init__()
        self.features = Features()
        self.register_buffer("mean", torch.zeros(SEEN))
        self.register_buffer("components", torch.eye(SEEN, latent_dim))  # orthonormal
        self.register_buffer("deviation", torch.ones(latent_dim))  # of the features along each

    @property
    def fitted(self) -> bool:
        return bool(self.mean.any())

    @torch.no_grad()
    def fit(self, audio: Iterable[Tensor]) -> None:
        """Find the components from batches of sound, (batch, samples) each."""
        total, count, square = torch.zeros(SEEN, dtype=torch.float64), 0, torch.zeros(SEEN, SEEN, dtype=torch.float64)
        for sound in audio:
            seen = self.features(sound).flatten(0, 1).double().cpu()
            total, square, count = total + seen.sum(dim=0), square + seen.T @ seen, count + len(seen)
        mean = total / count
        variance, directions = torch.linalg.eigh(square / count - mean[:, None] * mean)
        latent_dim = self.components.shape[1]
        self.mean.copy_(mean)
        self.components.copy_(directions.flip(1)[:, :latent_dim])
        self.deviation.copy_(variance.flip(0)[:latent_dim].clamp(min=1e-4).sqrt())

    def forward(self, audio: Tensor) -> Tensor:
        """audio: (batch, samples), a multiple of LATENT_HOP. Returns (batch, samples // LATENT_HOP, latent_dim)."""
        return (self.features(audio) - self.mean) @ self.components / self.deviation

    def spectra(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """The log-mel spectra that latents stand for: (batch, 2 × frames, MELS) and (batch, 6 × frames, FINE_MELS)."""
        batch, frames, _ = latents.shape
        seen = (latents * self.deviation) @ self.components.T + self.mean
        coarse, fine, _ = seen.split([COARSE_SEEN, FINE_SEEN, ROUGH_MELS], dim=-1)
        return coarse.reshape(batch, 2 * frames, MELS), fine.reshape(batch, -1, FINE_MELS)


class Decoder(nn.Module):
    """Latents, the spectra they stand for and pitch to audio.

    The spectra, spread over the bins, are filters already; the network learns what to add to them: how much is pulses and
    how much is noise, and what mel bands and windows have blurred.
    """

    window: Tensor
    noise_window: Tensor
    spread: Tensor
    noise_spread: Tensor
    fine_spread: Tensor

    def __init__(self, dim: int, depth: int, latent_dim: int, expansion: int):
        super().__init__()
        self.bins, self.noise_bins, self.sub = FFT // 2 + 1, NOISE_FFT // 2 + 1, HOP // NOISE_HOP
        self.enter = nn.Linear(latent_dim, 2 * dim)
        self.pitch = nn.Linear(PITCH_FEATURES, dim)
        self.blocks = nn.ModuleList(ConvNeXtBlock(dim, expansion) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)
        self.harmonic = nn.Linear(dim, self.bins)
        self.noise = nn.Linear(dim, self.sub * self.noise_bins)
        self.register_buffer("window", hann_window(2 * HOP), persistent=False)
        self.register_buffer("noise_window", hann_window(NOISE_FFT), persistent=False)
        self.register_buffer("spread", mel_interpolation(MELS, FFT), persistent=False)
        self.register_buffer("noise_spread", mel_interpolation(MELS, NOISE_FFT), persistent=False)
        self.register_buffer("fine_spread", mel_interpolation(FINE_MELS, NOISE_FFT), persistent=False)
        self.initialise()

    def initialise(self) -> None:
        """At first pulses and noise share the spectrum evenly."""
        for head in (self.harmonic, self.noise):
            nn.init.zeros_(head.weight)
            nn.init.constant_(head.bias, -0.5 * math.log(2.0))

    def filters(self, latents: Tensor, spectra: tuple[Tensor, Tensor], cents: Tensor, voiced: Tensor) -> tuple[Tensor, Tensor]:
        """Log-magnitude for the pulses, (batch, frames, bins), and for the noise, three a frame."""
        batch, frames, _ = latents.shape
        x = self.enter(latents).reshape(batch, 2 * frames, -1)
        x = x + self.pitch(pitch_features(cents, voiced))
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        coarse, fine = spectra
        magnitude = coarse @ self.spread + self.harmonic(x).float()
        noise = self.noise(x).float().reshape(batch, 2 * frames * self.sub, self.noise_bins)
        slow = (coarse @ self.noise_spread).repeat_interleave(self.sub, dim=1)
        return magnitude, noise + 0.5 * (slow + fine @ self.fine_spread)

    def forward(
        self,
        latents: Tensor,
        spectra: tuple[Tensor, Tensor],
        cents: Tensor,
        voiced: Tensor,
        noise: Tensor,
        shaping: Shaping | None = None,
        phase: float = 0.0,
        drawn: bool = False,
        least: Tensor | None = None,
    ) -> Tensor:
        """latents: (batch, frames, latent_dim); cents, voiced: (batch, 2 × frames) on the 10 ms grid.

        spectra: of Encoder.spectra. noise: (batch, frames × LATENT_HOP) unit white noise, as of `even_noise`. phase: with
        which the pulses begin. drawn: whether the latents come of a network, which may mistake the octave (svs.codec.partials);
        without gradients. least: (batch, 2 × frames, BANDS) dB that partials of drawn latents rise above noise
        (svs.codec.purity). Returns audio of the shape of the noise.
        """
        magnitude, noise_magnitude = self.filters(latents, spectra, cents, voiced)
        if drawn:
            for item, (pitch, sounding) in enumerate(zip(cents.numpy(), voiced.numpy(), strict=True)):
                magnitude[item] = torch.from_numpy(with_odd_partials(magnitude[item].numpy(), pitch))
                even = without_half_partials(noise_magnitude[item].numpy(), pitch, sounding)
                if least is not None:
                    even = without_excess(even, magnitude[item].numpy(), pitch, sounding, least[item].numpy())
                noise_magnitude[item] = torch.from_numpy(even)
        if shaping is not None:
            magnitude, noise_magnitude = shaping.pulses(magnitude, cents), shaping.noise(noise_magnitude, voiced)
        pulses = pulse_train(cents, voiced, HOP, SAMPLE_RATE, phase)
        sung = filter_frames(pulses, lambda first, last: pulse_filter(magnitude, first, last), self.window)
        return sung + filtered_noise(noise, noise_magnitude.clamp(max=4.0), self.noise_window)


def mel_interpolation(bands: int, n_fft: int) -> Tensor:
    """(bands, n_fft // 2 + 1): log-mel spectra to log spectra, by straight lines between the bands' centres."""
    return torch.from_numpy(_lines_between(bands, n_fft).copy())


@lru_cache(16)
def _lines_between(bands: int, n_fft: int) -> np.ndarray:
    hz = np.fft.rfftfreq(n_fft, 1.0 / SAMPLE_RATE)
    centres = _mel_edges(bands, SAMPLE_RATE)[1:-1]
    return np.stack([np.interp(hz, centres, row) for row in np.eye(bands)]).astype(np.float32)


def minimum_phase(log_magnitude: Tensor, longest: int = QUEFRENCY) -> tuple[Tensor, Tensor]:
    """The log magnitude without its finest ripples, and the phase in radians of the filter that answers soonest with it.

    log_magnitude: (…, bins) natural, over half an even FFT. longest: quefrency in samples kept, with a taper from half of
    it on. By folding the cepstrum (Oppenheim & Schafer 1975). A pulse answered at once stays a pulse; with free phases the
    partials of a low voice meet at random, and their short-time spectrum is as uneven as that of noise.
    """
    cepstrum = torch.fft.irfft(log_magnitude)
    lags = torch.arange(log_magnitude.shape[-1] * 2 - 2, device=log_magnitude.device)
    taper = torch.cos(math.pi * (lags - longest / 2).clamp(0, longest / 2) / longest).square() * (lags < longest)
    kept = cepstrum * taper
    folded = kept.clone()
    folded[..., 1:] *= 2.0
    spectrum = torch.fft.rfft(folded)
    return spectrum.real, spectrum.imag


def steadied(frames: Tensor, span: int = PHASE_SPAN) -> Tensor:
    """(batch, frames, bins), each frame the mean of `span` around it, by a Hann window.

    For phases: where the answer to a pulse comes sooner or later from frame to frame, its pitch trembles.
    """
    weights, half = np.hanning(span + 2)[1:-1], span // 2
    first, last = frames[:, :1].expand(-1, half, -1), frames[:, -1:].expand(-1, half, -1)
    padded, total = torch.cat([first, frames, last], dim=1), torch.zeros_like(frames)
    for k, weight in enumerate(weights / weights.sum()):
        total.add_(padded[:, k : k + frames.shape[1]], alpha=float(weight))
    return total


def pulse_filter(magnitude: Tensor, first: int, last: int) -> Tensor:
    """The complex filter over the pulses of frames first to last, (batch, last − first, bins), of all (batch, frames, bins)."""
    before, after = max(0, first - PHASE_SPAN // 2), last + PHASE_SPAN // 2
    magnitude, angle = minimum_phase(magnitude[:, before:after].clamp(max=4.0))
    here = slice(first - before, last - before)
    magnitude, angle = torch.exp(magnitude[:, here]), steadied(angle)[:, here]
    return torch.complex(magnitude * torch.cos(angle), magnitude * torch.sin(angle))  # torch.polar takes twice as long


def filter_frames(source: Tensor, gain: Callable[[int, int], Tensor], window: Tensor) -> Tensor:
    """A source through a filter that changes every HOP samples, by overlap-add.

    source: (batch, frames × HOP). gain: (batch, last − first, bins) complex of frames first to last, frame i centred on sample
    i × HOP. window: 2 × HOP samples that add up to one. A piece of source lies at LEAD in its FFT, so an answer may begin
    that much before its cause and end FFT − LEAD − 2 × HOP after it. Returns (batch, frames × HOP).
    """
    batch, samples = source.shape
    count = samples // HOP
    pieces = F.pad(source, (HOP, HOP)).unfold(1, 2 * HOP, HOP)
    whole = source.new_zeros(batch, (count + 1) * HOP + FFT)
    for first in range(0, count, BLOCK):
        last = min(first + BLOCK, count)
        here = gain(first, last)
        if last == count:  # so that the windows add up to one until the end
            here = torch.cat([here, here[:, -1:]], dim=1)
        heard = F.pad(pieces[:, first : first + here.shape[1]] * window, (LEAD, FFT - LEAD - 2 * HOP))
        add_overlapped(whole[:, first * HOP :], torch.fft.irfft(torch.fft.rfft(heard) * here, FFT), HOP)
    start = LEAD + HOP
    return whole[:, start : start + samples]


def filtered_noise(noise: Tensor, log_gain: Tensor, window: Tensor) -> Tensor:
    """Noise with the short-time spectra of its frames amplified.

    noise: (batch, frames × NOISE_HOP). log_gain: (batch, frames, NOISE_FFT // 2 + 1) natural, frame i centred on sample
    i × NOISE_HOP; the last holds until the end. window: NOISE_FFT samples. Returns what noise is shaped like.
    """
    batch, samples = noise.shape
    log_gain = torch.cat([log_gain, log_gain[:, -1:]], dim=1)
    count = log_gain.shape[1]
    pieces = F.pad(noise, (NOISE_FFT // 2, NOISE_FFT // 2)).unfold(1, NOISE_FFT, NOISE_HOP)
    whole, weight = (noise.new_zeros(rows, count * NOISE_HOP + NOISE_FFT) for rows in (batch, 1))
    add_overlapped(weight, window.square().expand(1, count, -1), NOISE_HOP)
    for first in range(0, count, 3 * BLOCK):
        last = min(first + 3 * BLOCK, count)
        spectrum = torch.fft.rfft(pieces[:, first:last] * window) * torch.exp(log_gain[:, first:last])
        add_overlapped(whole[:, first * NOISE_HOP :], torch.fft.irfft(spectrum, NOISE_FFT) * window, NOISE_HOP)
    start = NOISE_FFT // 2
    return whole[:, start : start + samples] / weight[:, start : start + samples]


def add_overlapped(whole: Tensor, frames: Tensor, hop: int) -> None:
    """Add (batch, frames, size), every one `hop` samples after the last, to (batch, samples). F.fold is half as fast."""
    count = frames.shape[1]
    for k, part in enumerate(frames.split(hop, dim=-1)):
        there = whole[:, k * hop : (k + count) * hop].unflatten(1, (count, hop))
        there[:, :, : part.shape[-1]].add_(part)


def _amplitude(audio: Tensor, n_fft: int, hop: int, window: Tensor) -> Tensor:
    """(batch, samples) → (batch, samples // hop, bins): amplitude in deviations of white noise, not quite zero."""
    spectrum = _spectrum(audio, n_fft, hop, window)[:, :, : audio.shape[1] // hop]
    return (spectrum.abs() / window.square().sum().sqrt()).transpose(1, 2) + 1e-5


def _spectrum(audio: Tensor, n_fft: int, hop: int, window: Tensor) -> Tensor:
    """(batch, samples) → (batch, bins, frames + 1) complex; frame i is centred on sample i × hop."""
    return torch.stft(audio, n_fft, hop, window=window, center=True, pad_mode="constant", return_complex=True)


class SourceFilterNetwork(nn.Module):
    """Encoder and decoder together; sizes are plain arguments and stored beside the weights.

    latent_dim: latents that an acoustic model predicts. fine_dim: further ones, the grain of a recording, which nobody
    could foretell and only copies hold. decoder_expansion: hidden units of the decoder's blocks, in decoder_dim.
    """

    def __init__(
        self,
        latent_dim: int = 160,
        decoder_dim: int = 320,
        decoder_depth: int = 6,
        fine_dim: int = 0,
        decoder_expansion: int = 3,
    ):
        super().__init__()
        self.sizes = {"latent_dim": latent_dim, "decoder_dim": decoder_dim, "decoder_depth": decoder_depth}
        self.sizes |= {"fine_dim": fine_dim, "decoder_expansion": decoder_expansion}
        self.latent_dim = latent_dim
        self.encoder = Encoder(latent_dim + fine_dim)
        self.decoder = Decoder(decoder_dim, decoder_depth, latent_dim + fine_dim, decoder_expansion)

    @property
    def importance(self) -> Tensor:
        """Nepers of the spectra's deviation (root of the sum of squares) to a unit of each latent, (latent_dim,)."""
        return self.encoder.deviation[: self.latent_dim]

    def encode(self, audio: Tensor, fine: bool = False) -> Tensor:
        """(batch, samples), a multiple of LATENT_HOP, to latents (batch, samples // LATENT_HOP, latent_dim).

        fine: all latents, (…, latent_dim + fine_dim).
        """
        latents = self.encoder(audio)
        return latents if fine else latents[..., : self.latent_dim]

    def decode(
        self,
        latents: Tensor,
        cents: Tensor,
        voiced: Tensor,
        noise: Tensor,
        shaping: Shaping | None = None,
        phase: float = 0.0,
        drawn: bool = False,
        least: Tensor | None = None,
    ) -> Tensor:
        """Latents, all or the first latent_dim, pitch and unit noise (see Decoder) to (batch, samples)."""
        latents = self._with_fine(latents)
        return self.decoder(latents, self.encoder.spectra(latents), cents, voiced, noise, shaping, phase, drawn, least)

    def filters(self, latents: Tensor, cents: Tensor, voiced: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder's filters over pulses and noise (see Decoder.filters), of latents all or the first latent_dim."""
        latents = self._with_fine(latents)
        return self.decoder.filters(latents, self.encoder.spectra(latents), cents, voiced)

    def _with_fine(self, latents: Tensor) -> Tensor:
        """All latents, the fine ones 0, which is their mean, where they lack."""
        missing = len(self.encoder.deviation) - latents.shape[-1]
        return F.pad(latents, (0, missing)) if missing else latents

    def forward(self, audio: Tensor, cents: Tensor, voiced: Tensor, noise: Tensor, latent_noise: Tensor | None = None) -> Tensor:
        """Audio through the codec.

        latent_noise: (batch,) deviation of noise added to the (unit variance) latents. Where there is any, the fine ones
        are left out: they come with recordings only.
        """
        latents = self.encode(audio, fine=True)
        if latent_noise is not None:
            latents = latents + latent_noise[:, None, None] * torch.randn_like(latents)
            fine = torch.arange(latents.shape[-1], device=latents.device) >= self.latent_dim
            latents = latents.masked_fill(fine & (latent_noise > 0)[:, None, None], 0.0)
        return self.decode(latents, cents, voiced, noise)
