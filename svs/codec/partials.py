"""Partials of another octave, which drawn latents may hold, and what to do about them.

The pulses have the pitch that was commanded, but what they and the noise are filtered by comes of latents, and latents are fine
enough to tell the partials of a high voice from the gaps between them. A network that draws those of a note an octave higher
leaves every other partial 20 to 35 dB too weak, and an octave too high is what is heard, and what trackers find; one that
draws those of a note an octave lower lets noise sound halfway between the partials. No singer's tract can tell odd partials
from even ones. In recordings of four singers the odd ones lay 12 dB or more below their neighbours in 0.1 to 1 % of frames,
most of them frames in which the tracker was an octave off; 20 dB in less than 0.2 %.
"""

from __future__ import annotations

import numpy as np

from svs.codec.arrays import NEPERS_A_DB, smooth
from svs.units import SAMPLE_RATE, cents_to_hz

HIGHEST_HZ = 6000.0  # of the partials that are judged by; further up they are drowned in noise
JUDGED, FEWEST = 5, 3  # odd partials from the third on: at most and at least
BEARABLE_DB, PLAIN_DB = 12.0, 20.0  # of their median below their neighbours: nothing is done, all is
PARTIALS = 64  # put in at most
RESOLVED_HZ = 300.0  # notes that are lower have no partials an octave lower that the noise's filter could tell apart
RIPPLE = 1.2  # periods of the pitch: finer ripples of the noise, such as partials an octave lower, are smoothed away
BLOCK = 512  # frames that are worked on at once


def with_odd_partials(magnitude: np.ndarray, cents: np.ndarray) -> np.ndarray:
    """Log magnitudes (frames, bins) of the pulses' filter, natural, with odd partials as strong as the even ones near by.

    cents: (frames,). The same array where nothing is lacking.
    """
    bin_hz = SAMPLE_RATE / 2 / (magnitude.shape[1] - 1)
    spacing = cents_to_hz(cents) / bin_hz  # bins from partial to partial
    judged = log_partials(magnitude, spacing, 2 * JUDGED + 2)
    below = _below_neighbours(judged)[:, 1:]
    heard = np.arange(3, 2 * JUDGED + 2, 2) * spacing[:, None] * bin_hz < HIGHEST_HZ
    count = heard.sum(axis=1)
    ranked = np.sort(np.where(heard, below, np.inf), axis=1)
    median = np.take_along_axis(ranked, np.maximum(count - 1, 0)[:, None] // 2, axis=1)[:, 0]
    share = np.clip((median / NEPERS_A_DB - BEARABLE_DB) / (PLAIN_DB - BEARABLE_DB), 0.0, 1.0)
    lacking = np.flatnonzero((share > 0.0) & (count >= FEWEST))
    if not len(lacking):
        return magnitude
    mended = magnitude.copy()
    for here in blocks(lacking):
        apart = spacing[here]
        lift = np.maximum(_below_neighbours(log_partials(magnitude[here], apart, PARTIALS)), 0.0) * share[here, None]
        mended[here] += _about_odd(lift, np.arange(magnitude.shape[1]) / apart[:, None])
    return mended


def without_half_partials(noise_magnitude: np.ndarray, cents: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """Log magnitudes (k × frames, bins) of the noise's filter, without ripples finer than the partials of what is sung high.

    cents, voiced: (frames,).
    """
    times = len(noise_magnitude) // len(cents)
    hz = cents_to_hz(cents).repeat(times)
    high = np.flatnonzero(np.repeat(voiced, times) & (hz > RESOLVED_HZ))
    even = noise_magnitude.copy()
    for here in blocks(high):
        even[here] = smooth(noise_magnitude[here], (RIPPLE * SAMPLE_RATE / hz[here]).astype(np.float32))
    return even


def blocks(frames: np.ndarray) -> list[np.ndarray]:
    """Numbers of frames, as many at a time as are worked on at once."""
    return [frames[at : at + BLOCK] for at in range(0, len(frames), BLOCK)]


def log_partials(magnitude: np.ndarray, spacing: np.ndarray, count: int) -> np.ndarray:
    """(frames, count) log magnitudes at the first partials, of those beyond the last bin that of the last bin."""
    at = np.minimum(np.arange(1, count + 1) * spacing[:, None], magnitude.shape[1] - 1.001)
    left = at.astype(int)
    low, high = (np.take_along_axis(magnitude, left + k, axis=1) for k in (0, 1))
    return low + (at - left) * (high - low)


def _below_neighbours(partials: np.ndarray) -> np.ndarray:
    """(frames, count // 2) of the first, third, … partial: how far it lies below the mean of its neighbours; the first, below
    the second."""
    odd, even = partials[:, 0::2], partials[:, 1::2]
    before = np.concatenate([even[:, :1], even[:, :-1]], axis=1)
    return 0.5 * (before + even) - odd


def _about_odd(lift: np.ndarray, at: np.ndarray) -> np.ndarray:
    """What to add at (frames, bins) places, in partials: the lift of an odd partial there, none at an even one, lines between."""
    nearest = (at / 2).astype(int)  # which odd partial lies between the even ones about it
    peak = np.take_along_axis(lift, np.minimum(nearest, lift.shape[1] - 1), axis=1)
    return (np.where(nearest < lift.shape[1], peak, 0.0) * (1.0 - np.abs(at - 2 * nearest - 1))).astype(np.float32)
