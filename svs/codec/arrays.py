"""The decoder's signal path in numpy, for singing without torch: filters as log magnitudes in, sound out.

Every function does for one line what its namesake does for a batch of tensors in excitation.py, source_filter.py and
shaping.py; tests hold the two together.
"""

from __future__ import annotations

import numpy as np

from svs.units import A4_CENTS, A4_HZ, LATENT_HOP, SAMPLE_RATE

HOP = LATENT_HOP // 2
FFT, NOISE_FFT, NOISE_HOP = 2048, 512, 147
QUEFRENCY, LEAD, PHASE_SPAN = 640, 256, 25
LOUDEST = 4.0  # nepers that a filter may add
TAPS = 32  # samples on each side of a pulse
STEPS = 64  # tabulated fractional positions per sample
NEPERS_A_DB = np.log(10.0) / 20.0
PIVOT_HZ = 1000.0
TILTED_OCTAVES = (-2.0, 4.0)
LIFTER = 0.6


def sinc_table() -> np.ndarray:
    """Windowed sinc at every fractional delay, (STEPS + 1, 2 * TAPS) float32; cut-off just under Nyquist."""
    offsets = np.arange(-TAPS + 1, TAPS + 1)[None, :] - np.arange(STEPS + 1)[:, None] / STEPS
    window = 0.5 + 0.5 * np.cos(np.pi * np.clip(offsets / TAPS, -1, 1))
    return (0.97 * np.sinc(0.97 * offsets) * window).astype(np.float32)


def synthesise(
    magnitude: np.ndarray,
    noise_magnitude: np.ndarray,
    cents: np.ndarray,
    voiced: np.ndarray,
    noise: np.ndarray,
    phase: float = 0.0,
) -> np.ndarray:
    """(frames × HOP,) float32 of filters over pulses and noise.

    magnitude: (frames, FFT // 2 + 1) natural logs. noise_magnitude: (frames × HOP // NOISE_HOP, NOISE_FFT // 2 + 1).
    cents, voiced: (frames,) on the 10 ms grid. noise: (frames × HOP,) white, of unit power. phase: of `pulse_train`.
    """
    magnitude, angle = minimum_phase(np.minimum(magnitude, LOUDEST))
    gain = np.exp(magnitude) * np.exp(1j * steadied(angle)).astype(np.complex64)
    sung = filter_frames(pulse_train(cents, voiced, phase), gain)
    return sung + filtered_noise(noise, np.exp(np.minimum(noise_magnitude, LOUDEST)))


def pulse_train(cents: np.ndarray, voiced: np.ndarray, phase: float = 0.0) -> np.ndarray:
    """(frames,) cents and voicing to (frames × HOP,) float32: a band-limited pulse each period where voiced.

    phase: in periods, of what sounded before the first sample.
    """
    samples = len(cents) * HOP
    step = _steps(cents)
    turned = phase + np.cumsum(step)
    whole = np.floor(turned)
    nearest = np.minimum((np.arange(samples) + HOP // 2) // HOP, len(cents) - 1)
    at = np.flatnonzero((np.diff(whole, prepend=whole[:1]) > 0) & voiced[nearest])
    late = (turned[at] - whole[at]) / step[at]
    shape = sinc_table()[np.clip(np.round((1.0 - late) * STEPS).astype(int), 0, STEPS)]
    out = np.zeros(samples + 2 * TAPS, np.float32)
    index = at[:, None] - 1 + TAPS + np.arange(-TAPS + 1, TAPS + 1)
    keep = (index >= 0) & (index < len(out))
    np.add.at(out, index[keep], (shape / np.sqrt(step[at]).astype(np.float32)[:, None])[keep])
    return out[TAPS : TAPS + samples]


def periods(cents: np.ndarray) -> float:
    """How many periods lie between the first and the last of (frames,) cents, as the decoder hears them: in float32."""
    return float(_steps(cents.astype(np.float32))[: (len(cents) - 1) * HOP].sum())


def _steps(cents: np.ndarray) -> np.ndarray:
    """(frames × HOP,) float64 periods a sample; cents, (frames,), are joined by straight lines."""
    left = cents.astype(np.float64)
    right = np.append(left[1:], left[-1])
    track = (left[:, None] + (right - left)[:, None] * (np.arange(HOP) / HOP)).reshape(-1)
    return A4_HZ / SAMPLE_RATE * np.exp2((track - A4_CENTS) / 1200.0)


def minimum_phase(log_magnitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log magnitudes (…, bins) without ripples finer than QUEFRENCY samples, and the phases that answer soonest."""
    cepstrum = np.fft.irfft(log_magnitude)
    lags = np.arange(cepstrum.shape[-1])
    taper = np.cos(np.pi * np.clip(lags - QUEFRENCY / 2, 0, QUEFRENCY / 2) / QUEFRENCY) ** 2 * (lags < QUEFRENCY)
    folded = cepstrum * (taper * np.where(lags > 0, 2.0, 1.0)).astype(np.float32)
    spectrum = np.fft.rfft(folded)
    return spectrum.real, spectrum.imag


def steadied(frames: np.ndarray) -> np.ndarray:
    """(frames, bins), each frame the mean of PHASE_SPAN around it, by a Hann window."""
    half = PHASE_SPAN // 2
    weights = np.hanning(PHASE_SPAN + 2)[1:-1]
    padded = np.pad(frames, ((half, half), (0, 0)), mode="edge")
    total = np.zeros_like(frames)
    for k in range(PHASE_SPAN):
        total += np.float32(weights[k] / weights.sum()) * padded[k : k + len(frames)]
    return total


def filter_frames(source: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """A source, (frames × HOP,), through filters, (frames, bins) complex, by overlap-add."""
    gain = np.concatenate([gain, gain[-1:]])
    blocks = np.pad(source, (HOP, HOP)).reshape(-1, HOP)
    pieces = np.zeros((len(gain), FFT), np.float32)
    pieces[:, LEAD : LEAD + 2 * HOP] = np.concatenate([blocks[:-1], blocks[1:]], axis=1) * hann_window(2 * HOP)
    whole = overlapped(np.fft.irfft(np.fft.rfft(pieces) * gain, FFT), HOP)
    return whole[LEAD + HOP : LEAD + HOP + len(source)]


def filtered_noise(noise: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Noise through gains, (samples // NOISE_HOP, bins), in the domain of a short-time spectrum."""
    window, half = hann_window(NOISE_FFT), NOISE_FFT // 2
    padded = np.pad(noise, (half, half + NOISE_HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, NOISE_FFT)[::NOISE_HOP][: len(gain)]
    spectrum = np.fft.rfft(frames * window) * gain
    spectrum = np.concatenate([spectrum, spectrum[-1:]])
    sound = overlapped(np.fft.irfft(spectrum, NOISE_FFT) * window, NOISE_HOP)
    power = overlapped(np.broadcast_to(window * window, (len(spectrum), NOISE_FFT)), NOISE_HOP)
    return (sound[half : half + len(noise)] / power[half : half + len(noise)]).astype(np.float32)


def overlapped(frames: np.ndarray, hop: int) -> np.ndarray:
    """(count, size) frames added up `hop` samples apart: ((count − 1) × hop + size,) at least."""
    count, size = frames.shape
    parts = -(-size // hop)
    padded = np.pad(frames, ((0, 0), (0, parts * hop - size))).reshape(count, parts, hop)
    out = np.zeros((count + parts - 1, hop), frames.dtype)
    for k in range(parts):
        out[k : k + count] += padded[:, k]
    return out.reshape(-1)


def hann_window(samples: int) -> np.ndarray:
    """Periodic, float32."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(samples) / samples)).astype(np.float32)


# Colour -----------------------------------------------------------------------------------------------------------


def shape_pulses(magnitude: np.ndarray, cents: np.ndarray, tilt_db: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Log magnitudes (frames, bins) with the envelope's formants higher by a factor, (frames,), and tilted."""
    if (factor != 1.0).any():
        longest = LIFTER * SAMPLE_RATE / (A4_HZ * np.exp2((cents - A4_CENTS) / 1200.0))
        envelope = smooth(magnitude, longest.astype(np.float32))
        magnitude = magnitude - envelope + warped(envelope, factor)
    hz = np.linspace(0.0, SAMPLE_RATE / 2, magnitude.shape[-1], dtype=np.float32)
    octaves = np.clip(np.log2(np.maximum(hz, 1.0) / PIVOT_HZ), *TILTED_OCTAVES).astype(np.float32)
    return magnitude + np.float32(NEPERS_A_DB) * tilt_db[:, None] * octaves


def shape_noise(magnitude: np.ndarray, voiced: np.ndarray, noise_db: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Log magnitudes (k × frames, bins) louder by decibels where voiced, with formants higher by a factor."""
    times = len(magnitude) // len(voiced)
    louder = (np.float32(NEPERS_A_DB) * noise_db * voiced).repeat(times)
    if (factor != 1.0).any():
        magnitude = warped(magnitude, factor.repeat(times))
    return magnitude + louder[:, None]


def smooth(log_magnitude: np.ndarray, longest: np.ndarray) -> np.ndarray:
    """Log magnitudes (frames, bins) without quefrencies beyond `longest` samples, (frames,)."""
    cepstrum, bins = np.fft.irfft(log_magnitude), log_magnitude.shape[-1]
    share = np.arange(bins, dtype=np.float32) / longest[:, None].astype(np.float32)
    taper = np.cos(np.float32(np.pi) * np.clip(share - np.float32(0.5), 0.0, 0.5)) ** 2
    cepstrum[:, :bins] *= taper
    cepstrum[:, bins:] *= taper[:, -2:0:-1]  # the same lags, seen from the end
    return np.fft.rfft(cepstrum).real


def warped(log_magnitude: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Log magnitudes (frames, bins) read at frequencies lower by a factor, (frames,)."""
    bins = log_magnitude.shape[-1]
    at = np.minimum(np.arange(bins, dtype=np.float32) / factor[:, None], bins - 1)
    left = np.minimum(at.astype(int), bins - 2)
    share = at - left.astype(np.float32)
    low, high = (np.take_along_axis(log_magnitude, left + k, axis=-1) for k in (0, 1))
    return low * (1 - share) + high * share
