"""How far partials rise above the noise between them, and what to do where drawn latents say too little.

Where a singer was recorded at few pitches, a network hedges at the others: it fills the valleys between partials, and the
decoder hears noise in them. Kumi's held vowels at G#4, which she never sang, had 10 to 16 dB more of it than at the pitches
on both sides (harmonic-to-noise ratio 17 dB; of her recordings 25).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from svs.codec.arrays import NEPERS_A_DB
from svs.codec.partials import blocks, log_partials
from svs.units import SAMPLE_RATE, cents_to_hz

EDGES_HZ = (0.0, 800.0, 1500.0, 2500.0, 4000.0, 6000.0, 9000.0)
CENTRES_HZ = tuple((low + high) / 2 for low, high in pairwise(EDGES_HZ))
BANDS = len(CENTRES_HZ)
UNTOUCHED_HZ = 12_000.0  # from here on noise is all there is
LOWEST_HZ = 40.0  # lower partials lie too close to have valleys
MOST_DB = 20.0  # taken away
STEADY = np.hanning(13)[1:-1] / 6.0  # frames of 10 ms, over which it comes and goes


def over_noise(magnitude: np.ndarray, noise_magnitude: np.ndarray, cents: np.ndarray) -> np.ndarray:
    """(frames, BANDS) dB: the mean power of the partials of a band by that of the noise at their places; NaN without one.

    magnitude: (frames, bins) natural logs of the pulses' filter; noise_magnitude: (k × frames, bins') of the noise's; cents:
    (frames,).
    """
    found = np.empty((len(cents), BANDS), np.float32)
    noise = noise_magnitude.reshape(len(cents), -1, noise_magnitude.shape[-1])
    for here in blocks(np.arange(len(cents))):
        hz = np.maximum(cents_to_hz(cents[here]), LOWEST_HZ)
        count = max(1, int(EDGES_HZ[-1] / hz.min()))
        power = np.log(np.exp(2.0 * np.minimum(noise[here], 10.0)).mean(axis=1) + 1e-20)
        loud, rough = (
            np.exp(factor * log_partials(log, hz / (SAMPLE_RATE / 2 / (log.shape[1] - 1)), count))
            for log, factor in ((np.minimum(magnitude[here], 10.0), 2.0), (power, 1.0))
        )
        band = np.searchsorted(EDGES_HZ, np.arange(1, count + 1) * hz[:, None], side="right") - 1
        for number in range(BANDS):
            inside = band == number
            any_inside = inside.any(axis=1)
            ratio = (loud * inside).sum(axis=1) / np.maximum((rough * inside).sum(axis=1), 1e-20)
            found[here, number] = np.where(any_inside, 10.0 * np.log10(np.maximum(ratio, 1e-20)), np.nan)
    return found


def without_excess(
    noise_magnitude: np.ndarray, magnitude: np.ndarray, cents: np.ndarray, voiced: np.ndarray, least: np.ndarray
) -> np.ndarray:
    """Log magnitudes (k × frames, bins) of the noise's filter, lower where partials rise above it by less than `least`.

    magnitude: (frames, bins) of the pulses' filter. cents, voiced: (frames,). least: (frames, BANDS) dB, −inf where there is
    none. The same array where nothing is in excess.
    """
    asked = np.flatnonzero(voiced & np.isfinite(least).any(axis=1))
    if not len(asked):
        return noise_magnitude
    times = len(noise_magnitude) // len(cents)
    rows = (asked[:, None] * times + np.arange(times)).reshape(-1)
    excess = np.zeros_like(least)
    there = over_noise(magnitude[asked], noise_magnitude[rows], cents[asked])
    excess[asked] = np.clip(np.nan_to_num(least[asked] - there), 0.0, MOST_DB)
    excess = np.stack([np.convolve(column, STEADY, "same") for column in excess.T], axis=1)[: len(cents)]
    if not excess.any():
        return noise_magnitude
    hz = np.linspace(0.0, SAMPLE_RATE / 2, noise_magnitude.shape[1])
    places = (*CENTRES_HZ, UNTOUCHED_HZ)
    lines = np.stack([np.interp(hz, places, row) for row in np.eye(BANDS, BANDS + 1)]).astype(np.float32)
    return noise_magnitude - np.repeat(np.float32(NEPERS_A_DB) * (excess.astype(np.float32) @ lines), times, axis=0)
