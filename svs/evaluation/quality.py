"""Quality: intrusive measures, between a recording and another of the same performance.

Conventions
- `reference` and `estimate` are (samples,) arrays at one sample_rate in step with each other, as in spectrum.py.
- STOI and PESQ were made for speech at speaking pitch; on singing they rank codecs and vocoders, no more.
- SI-SDR compares waveforms: it says what a codec loses that codes them, and nothing of one that makes its own phases.
"""

from __future__ import annotations

import numpy as np

from svs.audio import Audio
from svs.evaluation.spectrum import same_length

PESQ_RATE = 16_000
PESQ_SECONDS = 10.0  # P.862 is for sentences of 8 to 12 s
LEAST_SECONDS = 0.5


def stoi(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> float:
    """Short-time objective intelligibility (Taal et al. 2011), 0 … 1, by the package pystoi, at 10 kHz.

    Raises ImportError when pystoi is missing, ValueError for silence and for less than LEAST_SECONDS.
    """
    try:
        import pystoi
    except ImportError:
        raise ImportError("stoi: the package pystoi is missing: pip install pystoi") from None
    reference, estimate = _long_enough("stoi", reference, estimate, sample_rate)
    low = [Audio(each, sample_rate).resample(10_000).samples.astype(np.float64) for each in (reference, estimate)]
    return float(pystoi.stoi(*low, 10_000))


def pesq(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> float:
    """Wide-band PESQ (ITU-T P.862.2), 1.04 … 4.64, by the package pesq, at 16 kHz.

    Songs are cut into pieces of PESQ_SECONDS; the result is the mean over the pieces in which P.862 finds an utterance.
    Raises ImportError when pesq is missing, ValueError for silence, for less than LEAST_SECONDS and when no piece has
    an utterance.
    """
    try:
        import pesq as p862
    except ImportError:
        raise ImportError("pesq: the package pesq is missing: pip install pesq") from None
    reference, estimate = _long_enough("pesq", reference, estimate, sample_rate)
    x, y = (Audio(each, sample_rate).resample(PESQ_RATE).samples for each in (reference, estimate))
    pieces = np.array_split(np.arange(len(x)), max(1, round(len(x) / PESQ_RATE / PESQ_SECONDS)))
    scores = []
    for piece in pieces:
        try:
            scores.append(p862.pesq(PESQ_RATE, x[piece], y[piece], "wb"))
        except p862.NoUtterancesError:
            continue
    if not scores:
        raise ValueError("pesq: P.862 finds no utterance in the reference")
    return float(np.mean(scores))


def si_sdr(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux, Wisdom, Erdogan & Hershey 2019), without the means.

    The estimate is split into its projection on the reference and the rest; infinite where there is no rest.
    Raises ValueError for a silent sound and lengths that do not match.
    """
    reference, estimate = (
        each.astype(np.float64) for each in same_length("si_sdr", reference, estimate, sample_rate)
    )
    reference, estimate = (each - each.mean() if len(each) else each for each in (reference, estimate))
    if not np.any(reference) or not np.any(estimate):
        raise ValueError("si_sdr: one of the sounds is silent")
    target = (estimate @ reference) / (reference @ reference) * reference
    rest = estimate - target
    with np.errstate(divide="ignore"):
        return float(10 * np.log10((target @ target) / (rest @ rest)))


def _long_enough(caller, reference, estimate, sample_rate):
    reference, estimate = (each.astype(np.float32) for each in same_length(caller, reference, estimate, sample_rate))
    if len(reference) < LEAST_SECONDS * sample_rate:
        raise ValueError(f"{caller}: {len(reference) / sample_rate:.2f} s of sound; {LEAST_SECONDS} s or more is needed")
    if not np.any(reference) or not np.any(estimate):
        raise ValueError(f"{caller}: one of the sounds is silent")
    return reference, estimate
