"""Melody: one contour against another of the same performance, in the field's own figures.

Conventions
- `reference` and `estimate` are PitchCurves on one grid (lengths within 0.1 s, cut to the shorter), or time series in
  seconds and Hz where 0 or less is unvoiced, as mir_eval reads them.
- An unvoiced frame of a PitchCurve claims no pitch, so an interpolated value earns nothing.
- Differences in cents are over the frames voiced in both; octave errors count in full.
"""

from __future__ import annotations

import numpy as np

from svs.audio import Audio
from svs.evaluation.alignment import warp
from svs.evaluation.pitch import same_frames
from svs.evaluation.spectrum import mel_cepstrum
from svs.pitch import PitchCurve
from svs.units import cents_to_hz

TOLERANCES_CENTS = (5, 10, 25, 50)
ESPNET_HOP = 256  # samples
ESPNET_RANGE_HZ = (40.0, 800.0)
ESPNET_CEPSTRA = {16_000: (23, 0.42), 22_050: (34, 0.45), 24_000: (34, 0.46), 44_100: (39, 0.53), 48_000: (39, 0.55)}
LOWEST_C_HZ = 440.0 * 2**-4.75


def melody_scores(reference: PitchCurve, estimate: PitchCurve, tolerance_cents: float = 50.0) -> dict:
    """mir_eval's melody metrics of two curves; the keys of series_scores."""
    reference, estimate = same_frames(reference, estimate)
    hz = [np.where(curve.voiced, cents_to_hz(curve.cents), 0.0) for curve in (reference, estimate)]
    times = np.arange(len(hz[0])) * reference.hop_seconds
    return series_scores(times, hz[0], times, hz[1], tolerance_cents)


def series_scores(
    reference_times: np.ndarray,
    reference_hz: np.ndarray,
    estimate_times: np.ndarray,
    estimate_hz: np.ndarray,
    tolerance_cents: float = 50.0,
) -> dict:
    """mir_eval's melody metrics of two time series, each of times in seconds and Hz.

    Keys: raw_pitch_accuracy, raw_chroma_accuracy, overall_accuracy, voicing_recall, voicing_false_alarm, fractions.
    """
    import mir_eval

    scores = mir_eval.melody.evaluate(
        reference_times, reference_hz, estimate_times, estimate_hz, cent_tolerance=tolerance_cents
    )
    return {key.lower().replace(" ", "_"): float(value) for key, value in scores.items()}


def contour_scores(reference: PitchCurve, estimate: PitchCurve) -> dict:
    """melody_scores at 50 cents, raw pitch accuracy at each of TOLERANCES_CENTS, and differences in cents.

    raw_pitch_accuracy_N_cents: of the reference's voiced frames, the fraction within N cents, octave errors outside.
    f0_rmse_cents, f0_mae_cents: over frames voiced in both; None when there are none.
    """
    scores = melody_scores(reference, estimate)
    for cents in TOLERANCES_CENTS:
        hit = melody_scores(reference, estimate, cents)["raw_pitch_accuracy"]
        scores[f"raw_pitch_accuracy_{cents}_cents"] = hit
    reference, estimate = same_frames(reference, estimate)
    difference = (estimate.cents - reference.cents)[reference.voiced & estimate.voiced]
    scores["f0_rmse_cents"] = float(np.sqrt(np.mean(difference**2))) if len(difference) else None
    scores["f0_mae_cents"] = float(np.mean(np.abs(difference))) if len(difference) else None
    return scores


def espnet_scores(reference: Audio, estimate: Audio) -> dict:
    """log_f0_rmse and semitone_accuracy as ESPnet's SVS recipes define them, so that figures compare.

    Both sounds at the estimate's sample rate: F0 by Harvest from 40 to 800 Hz every 256 samples; CheapTrick envelopes as
    mel-cepstra of ESPnet's order and all-pass for the rate (16, 22.05, 24, 44.1 or 48 kHz); frames paired by dynamic
    time warping of the cepstra, c0 included.
    log_f0_rmse:       root mean square of the difference of natural logarithms of F0 over pairs voiced in both.
    semitone_accuracy: fraction of all pairs that round to one semitone, unvoiced being a semitone of its own.
    ESPnet warps with fastdtw of radius 1, a coarser search for the same path; figures agree to its roughness.
    Raises ValueError for other sample rates and for silence.
    """
    if estimate.sample_rate not in ESPNET_CEPSTRA:
        rates = ", ".join(map(str, ESPNET_CEPSTRA))
        raise ValueError(f"espnet_scores: sample rate {estimate.sample_rate} Hz; ESPnet defines it for {rates}")
    (x, reference_hz), (y, estimate_hz) = (
        _espnet_features(audio.resample(estimate.sample_rate)) for audio in (reference, estimate)
    )
    if not (reference_hz > 0).any() or not (estimate_hz > 0).any():
        raise ValueError("espnet_scores: one of the sounds has no voiced frame")
    path = warp(x, y)
    reference_hz, estimate_hz = reference_hz[path[:, 0]], estimate_hz[path[:, 1]]
    both = (reference_hz > 0) & (estimate_hz > 0)
    ratio = np.log(estimate_hz[both] / reference_hz[both])
    return {
        "log_f0_rmse": float(np.sqrt(np.mean(ratio**2))) if both.any() else None,
        "semitone_accuracy": float(np.mean(_semitones(reference_hz) == _semitones(estimate_hz))),
    }


def _espnet_features(audio):
    """(frames, order + 1) mel-cepstra and (frames,) Hz."""
    import pyworld

    rate, samples = audio.sample_rate, audio.samples.astype(np.float64)
    low, high = ESPNET_RANGE_HZ
    f0_hz, times = pyworld.harvest(samples, rate, f0_floor=low, f0_ceil=high, frame_period=1000 * ESPNET_HOP / rate)
    envelope = pyworld.cheaptrick(samples, f0_hz, times, rate)
    order, alpha = ESPNET_CEPSTRA[rate]
    return mel_cepstrum(envelope, rate, order, alpha), f0_hz


def _semitones(f0_hz):
    return np.where(f0_hz > 0, np.round(12 * np.log2(np.where(f0_hz > 0, f0_hz, 1.0) / LOWEST_C_HZ)), -999)
