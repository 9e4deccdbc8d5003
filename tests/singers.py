"""Synthetic singers of exactly known pitch: band-limited pulse trains through the formants of a vowel.

The formant filter has zero phase, so it delays no harmonic and the pitch at time t is exactly the contour at t,
vibrato included.

    audio, curve = tone(cents=6900, seconds=1.0, vibrato_extent=50)
    audio, curve = melody([Note(0.2, 0.5, 6000, "la"), Note(0.7, 0.5, 6200, "la")], detune=(0, -20))
"""

from __future__ import annotations

import numpy as np

from data_prep.synthetic import fade, pulse_train, zero_phase_formants
from svs.audio import Audio
from svs.pitch import PitchCurve
from svs.score import Note
from svs.units import PITCH_GRID, SAMPLE_RATE, cents_to_hz


def scale(*cents: float, seconds: float = 0.6, start: float = 0.2, gap: float = 0.0, lyric: str = "la") -> list[Note]:
    """Notes of equal length one after another, `gap` seconds of rest between them, one per bar."""
    return [
        Note(start + i * (seconds + gap), seconds, float(c), lyric, bar=i + 1, phonemes=("L", "AA1"))
        for i, c in enumerate(cents)
    ]


def tone(
    cents: float = 6900.0,
    seconds: float = 1.0,
    vibrato_rate: float = 5.5,
    vibrato_extent: float = 0.0,
    vowel: str = "a",
    snr_db: float | None = None,
    sample_rate: int = SAMPLE_RATE,
    seed: int = 0,
) -> tuple[Audio, PitchCurve]:
    """One held note, voiced from first sample to last, and its true curve."""

    def contour(times):
        return cents + vibrato_extent * np.sin(2 * np.pi * vibrato_rate * times), np.ones(len(times), dtype=bool)

    return sing_contour(contour, seconds, vowel=vowel, snr_db=snr_db, sample_rate=sample_rate, seed=seed)


def melody(
    notes: list[Note],
    detune=0.0,
    vibrato_rate: float = 5.5,
    vibrato_extent: float = 0.0,
    vowel: str = "a",
    snr_db: float | None = None,
    sample_rate: int = SAMPLE_RATE,
    tail: float = 0.3,
    seed: int = 0,
) -> tuple[Audio, PitchCurve]:
    """Notes at their times, silence between them; `detune` cents for all or per note. Returns sound and true curve.

    Vibrato starts at each note's onset with phase 0.
    """
    detune = np.broadcast_to(np.asarray(detune, dtype=np.float64), len(notes))

    def contour(times):
        cents, voiced = np.full(len(times), notes[0].cents), np.zeros(len(times), dtype=bool)
        for note, off in zip(notes, detune, strict=True):
            inside = (times >= note.onset - 1e-9) & (times < note.end - 1e-9)
            since = times[inside] - note.onset
            cents[inside] = note.cents + off + vibrato_extent * np.sin(2 * np.pi * vibrato_rate * since)
            voiced |= inside
        at = np.flatnonzero(voiced)
        return np.interp(np.arange(len(times)), at, cents[at]), voiced

    seconds = notes[-1].end + tail
    return sing_contour(contour, seconds, vowel=vowel, snr_db=snr_db, sample_rate=sample_rate, seed=seed)


def sing_contour(
    contour,
    seconds: float,
    vowel: str = "a",
    snr_db: float | None = None,
    sample_rate: int = SAMPLE_RATE,
    level: float = 0.1,
    seed: int = 0,
) -> tuple[Audio, PitchCurve]:
    """Sing contour(times in seconds) -> (cents, voiced).

    snr_db: white noise over the whole sound, relative to the voiced part's power; None for none.
    level:  root mean square of the voiced part.
    """
    samples = round(seconds * sample_rate)
    cents, voiced = contour(np.arange(samples) / sample_rate)
    middles, _ = contour((np.arange(samples) + 0.5) / sample_rate)
    phase = np.concatenate([[0.0], np.cumsum(2 * np.pi * cents_to_hz(middles[:-1]) / sample_rate)])

    harmonics = int(0.45 * sample_rate / cents_to_hz(cents[voiced].max())) if voiced.any() else 1
    sound = zero_phase_formants(pulse_train(phase, harmonics) * fade(voiced, sample_rate), vowel, sample_rate)
    rms = np.sqrt(np.mean(sound[voiced] ** 2)) if voiced.any() else 1.0
    sound *= level / rms
    if snr_db is not None:
        sound += np.random.default_rng(seed).normal(0, level * 10 ** (-snr_db / 20), samples)

    truth = contour(PITCH_GRID.times(PITCH_GRID.frames(samples / sample_rate)))
    return Audio(sound.astype(np.float32), sample_rate), PitchCurve(*truth)
