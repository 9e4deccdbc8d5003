"""Spectral distances between two recordings of the same line, and WORLD's copy to hold them against.

Conventions
- `reference` and `estimate` are (samples,) arrays at one sample_rate in step with each other; lengths may differ by at
  most 50 ms and are cut to the shorter. Nothing is resampled, aligned, scaled or trimmed here.
- STFT magnitudes use a periodic Hann window, frames centred on multiples of the hop (zeros beyond the ends), scaled by
  4/n_fft so that a full-scale sine reads 1 (0 dBFS). Logarithms are natural unless dB is said.
- Magnitudes are raised to a floor of −140 dBFS first, below the noise of a 16-bit file in one bin (about −128 dBFS at
  n_fft 2048), so digital silence costs something finite.
- Frames whose reference is silent, 60 dB or more below its loudest frame, are left out; the estimate has no say in it.
- Noise of the same colour but another phase keeps a floor under every distance of single bins: two independent draws
  of Gaussian noise are √(π²/12) = 0.907 apart in log_spectral_distance. Read it beside mel_distance and
  harmonic_to_noise.
"""

from __future__ import annotations

import numpy as np

from svs.audio import Audio, AudioFile

RESOLUTIONS = (512, 1024, 2048)
FLOOR = 10 ** (-140 / 20)
SILENCE_DB = 60.0
LENGTHS_MAY_DIFFER_SECONDS = 0.05
HUM_ABOVE_DB = 15.0
FLAT_SAMPLES = 3  # of a wave that is cut off
HUM_HEARD_DB = 30.0  # a hum of −20 dB bends the pitch of a voice by 1 cent, one of −10 dB by 6


def log_spectral_distance(
    reference: np.ndarray,
    estimate: np.ndarray,
    sample_rate: int,
    order: int = 2,
    highest_hz: float | None = None,
) -> float:
    """Multi-resolution log-spectral distance, in nepers (1 neper = 8.69 dB).

    For each n_fft in RESOLUTIONS, hop n_fft/4, with D[t, k] = ln max(|X|, floor) − ln max(|Y|, floor):
    order 2: mean over frames of √(mean over bins of D²), the log-spectral distance of Gray & Markel (1976);
    order 1: mean over frames and bins of |D|.
    The result is the mean over the three resolutions.

    highest_hz: bins above it are left out, for references that hold nothing there (24 kHz teachers: 11 000).
    Raises ValueError for silent references and lengths that do not match.
    """
    if order not in (1, 2):
        raise ValueError(f"log_spectral_distance: order {order}; 1 (mean absolute) or 2 (root mean square) is wanted")
    reference, estimate = same_length("log_spectral_distance", reference, estimate, sample_rate)
    distances = []
    for n_fft in RESOLUTIONS:
        hop = n_fft // 4
        kept = _sounding("log_spectral_distance", reference, n_fft, hop)
        bins = n_fft // 2 + 1 if highest_hz is None else int(highest_hz * n_fft / sample_rate) + 1
        total = 0.0
        for block in np.array_split(kept, max(1, len(kept) * n_fft // 4_000_000)):  # a song does not fit at once
            x = np.log(np.maximum(magnitudes(reference, n_fft, hop, block)[:, :bins], FLOOR))
            y = np.log(np.maximum(magnitudes(estimate, n_fft, hop, block)[:, :bins], FLOOR))
            total += np.sum(np.abs(x - y).mean(1) if order == 1 else np.sqrt(np.mean((x - y) ** 2, axis=1)))
        distances.append(total / len(kept))
    return float(np.mean(distances))


def mel_distance(
    reference: np.ndarray,
    estimate: np.ndarray,
    sample_rate: int,
    bands: int = 128,
    highest_hz: float | None = None,
) -> float:
    """Mean |ln mel(X) − ln mel(Y)| over frames and bands, in nepers.

    mel: STFT magnitudes (n_fft 2048, hop 10 ms rounded to samples) through `bands` Slaney triangles from 0 Hz to
    highest_hz (half the sample rate when None), each divided by its sum so that it averages magnitude.
    """
    reference, estimate = same_length("mel_distance", reference, estimate, sample_rate)
    hop = round(0.01 * sample_rate)
    kept = _sounding("mel_distance", reference, 2048, hop)
    x, y = (np.log(mel_spectrum(s, sample_rate, bands, highest_hz, kept)) for s in (reference, estimate))
    return float(np.mean(np.abs(x - y)))


def mel_spectrum(samples, sample_rate, bands=128, highest_hz=None, frames=None) -> np.ndarray:
    """(frames, bands) mean magnitude per mel band as mel_distance defines it, floored at −140 dBFS."""
    import librosa

    triangles = librosa.filters.mel(sr=sample_rate, n_fft=2048, n_mels=bands, fmax=highest_hz, norm=None)
    triangles /= np.maximum(triangles.sum(axis=1, keepdims=True), 1e-9)
    return np.maximum(magnitudes(samples, 2048, round(0.01 * sample_rate), frames) @ triangles.T, FLOOR)


def mel_cepstral_distortion(
    reference: np.ndarray, estimate: np.ndarray, sample_rate: int, order: int = 24
) -> float:
    """Mel-cepstral distortion in dB: mean over frames of (10 / ln 10) √(2 Σ_{d=1}^{order} (c_d − c'_d)²).

    c: mel-cepstra of WORLD's CheapTrick envelopes every 5 ms (F0 of each sound by Harvest and StoneMask), the log
    amplitude envelope warped by the all-pass of mel_alpha(sample_rate), as SPTK's sp2mc. c_0, loudness, is left out.
    Frames are compared in step: no dynamic time warping. Kubichek (1993); c as in NNSVS and ESPnet, which warp time.
    """
    reference, estimate = same_length("mel_cepstral_distortion", reference, estimate, sample_rate)
    kept = _sounding("mel_cepstral_distortion", reference, 2048, round(0.005 * sample_rate))
    _, envelope, _ = world_analysis(Audio(reference, sample_rate))
    _, copied, _ = world_analysis(Audio(estimate, sample_rate))
    kept = kept[kept < len(envelope)]
    difference = mel_cepstrum(envelope[kept], sample_rate, order) - mel_cepstrum(copied[kept], sample_rate, order)
    return float(np.mean(10 / np.log(10) * np.sqrt(2 * np.sum(difference[:, 1:] ** 2, axis=1))))


def mel_cepstrum(power: np.ndarray, sample_rate: int, order: int = 24, alpha: float | None = None) -> np.ndarray:
    """(frames, order + 1) mel-cepstra of (frames, bins) power envelopes; alpha: mel_alpha(sample_rate) when None."""
    alpha = mel_alpha(sample_rate) if alpha is None else alpha
    bins = power.shape[1]
    warped = np.pi * (np.arange(bins) + 0.5) / bins
    # The inverse of the all-pass's phase: the same formula with −alpha (Oppenheim & Johnson 1972).
    linear = warped - 2 * np.arctan(alpha * np.sin(warped) / (1 + alpha * np.cos(warped)))
    at = np.clip(linear / np.pi * (bins - 1), 0, bins - 1)
    left = np.minimum(at.astype(int), bins - 2)
    weight = at - left
    log_amplitude = 0.5 * np.log(np.maximum(power, FLOOR**2))
    envelope = (1 - weight) * log_amplitude[:, left] + weight * log_amplitude[:, left + 1]
    cosines = np.cos(np.outer(warped, np.arange(order + 1)))
    coefficients = 2 / bins * envelope @ cosines
    coefficients[:, 0] /= 2
    return coefficients


def mel_alpha(sample_rate: int) -> float:
    """The all-pass coefficient whose warping comes nearest the mel scale: 0.41 at 16 kHz, 0.54 at 44.1 kHz.

    The least-squares search of HTS and pysptk (mcepalpha), with Fant's mel scale, 1000 log2(1 + f / 1000).
    """
    omega = np.pi * (np.arange(1000) + 0.5) / 1000
    mel = np.log1p(omega / np.pi * sample_rate / 2 / 1000)
    mel /= np.log1p(sample_rate / 2 / 1000)
    candidates = np.arange(0.2, 0.8, 0.001)
    warped = [(omega + 2 * np.arctan(a * np.sin(omega) / (1 - a * np.cos(omega)))) / np.pi for a in candidates]
    return float(candidates[np.argmin([np.sum((w - mel) ** 2) for w in warped])])


def harmonic_to_noise(samples: np.ndarray, sample_rate: int, floor_hz: float = 65.0) -> float:
    """Mean harmonics-to-noise ratio in dB over the frames Praat finds periodic (every 10 ms, cross-correlation).

    Cross-correlation because Praat's autocorrelation needs 4.5 periods of the floor and loses low voices: 0 dB for a
    clean 87 Hz note where this gives 16. NaN when no frame is periodic.
    """
    import parselmouth

    sound = parselmouth.Sound(np.asarray(samples, dtype=np.float64), sample_rate)
    if sound.duration < 3 / floor_hz:
        return float("nan")
    ratio = sound.to_harmonicity_cc(time_step=0.01, minimum_pitch=floor_hz).values[0]
    periodic = ratio[ratio > -200]  # Praat marks the rest with −200
    return float(periodic.mean()) if len(periodic) else float("nan")


def world_analysis(
    audio: Audio, floor_hz: float = 65.0, ceiling_hz: float = 1100.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """WORLD's F0 in Hz (0 unvoiced), CheapTrick power envelope and D4C aperiodicity, every 5 ms."""
    import pyworld

    samples, rate = audio.samples.astype(np.float64), audio.sample_rate
    f0_hz, times = pyworld.harvest(samples, rate, f0_floor=floor_hz, f0_ceil=ceiling_hz, frame_period=5.0)
    f0_hz = pyworld.stonemask(samples, f0_hz, times, rate)
    return f0_hz, pyworld.cheaptrick(samples, f0_hz, times, rate), pyworld.d4c(samples, f0_hz, times, rate)


def world_copy(audio: Audio) -> Audio:
    """WORLD analysis–synthesis at 5 ms with nothing compressed: what a classical vocoder makes of the sound.

    Harvest (65–1100 Hz) and StoneMask, CheapTrick, D4C, synthesis; as many samples as went in (Morise 2016).
    """
    import pyworld

    if not len(audio.samples):
        return audio
    f0_hz, envelope, aperiodicity = world_analysis(audio)
    samples = pyworld.synthesize(f0_hz, envelope, aperiodicity, audio.sample_rate, 5.0)[: len(audio.samples)]
    return Audio(np.pad(samples, (0, len(audio.samples) - len(samples))).astype(np.float32), audio.sample_rate)


def magnitudes(samples: np.ndarray, n_fft: int, hop: int, frames: np.ndarray | None = None) -> np.ndarray:
    """(frames, n_fft/2 + 1) STFT magnitudes, full-scale sine = 1; only the given frame numbers when there are any."""
    padded = np.pad(np.asarray(samples, dtype=np.float64), n_fft // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    if frames is not None:
        windows = windows[frames]
    return np.abs(np.fft.rfft(windows * (np.hanning(n_fft + 1)[:-1] * 4 / n_fft), axis=1))


def spectrogram_db(
    audio: Audio | AudioFile, most_columns: int, highest_hz: float = 8000.0, n_fft: int = 1024
) -> tuple[np.ndarray, float, float]:
    """((columns, bins) dB below full scale from 0 Hz up, seconds a column, Hz of the top), a piece of sound at a time.

    Columns are 5 ms apart, or further where the sound would have more than most_columns; n_fft is for 44.1 kHz and is
    cut to shorter windows at lower rates.
    """
    rate = audio.sample_rate
    n_fft = max(64, 2 ** round(np.log2(n_fft * rate / 44_100)))
    length = round(audio.seconds * rate)
    hop = max(round(0.005 * rate), -(-length // most_columns), 1)
    columns = -(-length // hop)
    bins = min(n_fft // 2, int(highest_hz * n_fft / rate)) + 1
    window = np.hanning(n_fft + 1)[:-1] * 4 / n_fft
    level = np.zeros((columns, bins), np.float32)
    step = max(1, 4_000_000 // hop if hop > n_fft else 4_000_000 // n_fft)
    for first in range(0, columns, step):
        last = min(columns, first + step)
        start = first * hop - n_fft // 2
        samples = audio.piece(start, (last - 1) * hop + n_fft // 2).samples
        samples = np.pad(samples, (max(0, -start), n_fft))
        frames = np.lib.stride_tricks.sliding_window_view(samples, n_fft)[::hop][: last - first]
        level[first:last] = 20 * np.log10(np.maximum(np.abs(np.fft.rfft(frames * window, axis=1))[:, :bins], FLOOR))
    return level, hop / rate, (bins - 1) * rate / n_fft


def mains_hum(audio: Audio | AudioFile) -> tuple[float, float] | None:
    """(Hz, dB beside the whole sound's RMS) of a steady tone at 50 or 60 Hz, that of the mains; None without one.

    Steady: in nine of ten windows of one second it stands HUM_ABOVE_DB above what lies 5 to 10 Hz beside it. Weaker than
    HUM_HEARD_DB below the sound it does not count, nor in sound of less than three seconds.
    """
    low, step = 1000, 60  # Hz, seconds
    windows: list[np.ndarray] = []
    power, length = 0.0, round(audio.seconds * audio.sample_rate)
    for start in range(0, length, step * audio.sample_rate):
        piece = audio.piece(start, start + step * audio.sample_rate)
        power += float(np.sum(np.square(piece.samples, dtype=np.float64)))
        samples = piece.resample(low).samples.astype(np.float64)
        if len(samples) >= low:
            windows.append(magnitudes(samples[low // 2 :], low, low // 2)[: 2 * (len(samples) // low) - 1, :100])
    if not windows or audio.seconds < 3.0 or power == 0.0:
        return None
    level = 20 * np.log10(np.maximum(np.concatenate(windows), FLOOR))
    whole = 10 * np.log10(power / length)
    found: list[tuple[float, float]] = []
    for hz in (50, 60):
        beside = np.maximum(level[:, hz - 10 : hz - 5].max(axis=1), level[:, hz + 6 : hz + 11].max(axis=1))
        if np.percentile(level[:, hz] - beside, 10) > HUM_ABOVE_DB:
            found.append((float(np.median(level[:, hz]) - 3.0 - whole), float(hz)))
    loudest, tone = max(found, default=(-np.inf, 0.0))
    return (tone, loudest) if loudest > -HUM_HEARD_DB else None


def clipped(audio: Audio | AudioFile) -> float:
    """Share of the samples that lie on flat tops: FLAT_SAMPLES or more in succession at the highest or lowest value there is."""
    step, length = 60 * audio.sample_rate, audio.length
    starts = range(0, length, step)
    edges = [(float(piece.max()), float(piece.min())) for s in starts if len(piece := audio.piece(s, s + step).samples)]
    if not edges:
        return 0.0
    highest, lowest = max(high for high, _ in edges), min(low for _, low in edges)
    flat = 0
    for start in starts:
        samples = audio.piece(start, start + step).samples
        for extreme in {highest, lowest} - {0.0}:
            borders = np.flatnonzero(np.diff(np.abs(samples - extreme) <= 1e-4 * abs(extreme), prepend=False, append=False))
            runs = np.diff(borders)[::2]
            flat += int(np.sum(runs[runs >= FLAT_SAMPLES]))
    return flat / length


def _sounding(caller, reference, n_fft, hop):
    """Numbers of the frames whose reference is less than SILENCE_DB below its loudest frame."""
    power = np.concatenate([[0.0], np.cumsum(np.pad(np.asarray(reference, dtype=np.float64), n_fft // 2) ** 2)])
    starts = np.arange(0, len(power) - n_fft, hop)
    power = power[starts + n_fft] - power[starts]
    if len(power) == 0 or not power.max() > n_fft * 1e-12:
        raise ValueError(f"{caller}: the reference is silent (or empty), so there is nothing to compare with")
    return np.flatnonzero(power > power.max() * 10 ** (-SILENCE_DB / 10))


def same_length(
    caller: str, reference: np.ndarray, estimate: np.ndarray, sample_rate: int
) -> tuple[np.ndarray, np.ndarray]:
    """Both sounds cut to the shorter; ValueError for other shapes, lengths further apart and samples not finite."""
    reference, estimate = np.asarray(reference), np.asarray(estimate)
    if reference.ndim != 1 or estimate.ndim != 1:
        raise ValueError(f"{caller}: shapes {reference.shape} and {estimate.shape}; one channel each is wanted")
    if abs(len(reference) - len(estimate)) > LENGTHS_MAY_DIFFER_SECONDS * sample_rate:
        raise ValueError(
            f"{caller}: reference lasts {len(reference) / sample_rate:.2f} s, estimate "
            f"{len(estimate) / sample_rate:.2f} s; align and cut them to one length first"
        )
    if not (np.all(np.isfinite(reference)) and np.all(np.isfinite(estimate))):
        raise ValueError(f"{caller}: samples contain NaN or infinity; the sound is damaged")
    length = min(len(reference), len(estimate))
    return reference[:length], estimate[:length]
