"""Expression: how a voice colours what it sings, by note, without touching its pitch or its words.

An amount of 0 leaves the voice as it is. Frames are those of the 10 ms pitch grid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np

from svs.phonemes import is_vowel
from svs.score import Note
from svs.timing import SILENCE, PhonemeSpan
from svs.units import SAMPLE_RATE

GLIDE_SECONDS = 0.06  # in which one note's colour becomes the next one's
GAIN_GLIDE_SECONDS = 0.015  # from vowel to consonant
STEEPEST = 5.0  # dB an octave that dynamics tilt the partials at most
LIMITS = {"breathiness": 30.0, "tension": 12.0, "formant_shift": 12.0, "consonants": 20.0, "dynamic_tilt": 1.0}


@dataclass(frozen=True)
class Expression:
    """Amounts of colour.

    breathiness: dB on the noise in voiced sounds. tension: dB an octave on the partials, about 1 kHz: a pressed voice has
    more of the high ones (Sundberg 1987). formant_shift: semitones by which formants lie higher, as in a shorter throat.
    consonants: dB on consonants. dynamic_tilt: dB an octave by which the score's dynamics tilt the partials, for each dB
    that they make a note louder; a singer who sings 10 dB louder has 15 dB more about 3 kHz (Sundberg & Nordenberg 2006).
    Raises ValueError for amounts beyond LIMITS.
    """

    breathiness: float = 0.0
    tension: float = 0.0
    formant_shift: float = 0.0
    consonants: float = 0.0
    dynamic_tilt: float = 0.3

    def __post_init__(self):
        for name, limit in LIMITS.items():
            amount = getattr(self, name)
            if not (math.isfinite(amount) and abs(amount) <= limit):
                raise ValueError(f"{name} is {amount:g}; an amount from −{limit:g} to {limit:g} is wanted")

    @property
    def plain(self) -> bool:
        return self == Expression()

    def tilt(self, note: Note) -> float:
        """dB an octave on the partials of a note, about 1 kHz."""
        return self.tension + self._dynamic(note)

    def level(self, note: Note) -> float:
        """dB on a note: its loudness, which its tilt then leaves as it is at the strong partials about 500 Hz."""
        return note.loudness + self._dynamic(note)

    def _dynamic(self, note: Note) -> float:
        return min(max(self.dynamic_tilt * note.loudness, -STEEPEST), STEEPEST)


AMOUNTS = tuple(field.name for field in fields(Expression))


@dataclass(frozen=True)
class Colour:
    """Frame by frame, (frames,) float32: dB on the noise, dB an octave on the partials, semitones of the formants."""

    breathiness: np.ndarray
    tension: np.ndarray
    formant_shift: np.ndarray

    def slice(self, start: int, end: int) -> Colour:
        return Colour(*(amount[start:end] for amount in (self.breathiness, self.tension, self.formant_shift)))


def colour(
    notes: Sequence[Note],
    expressions: Sequence[Expression],
    frames: int,
    hop_seconds: float,
    formant_shift: float = 0.0,
    swell: np.ndarray | None = None,
) -> Colour | None:
    """The line's colour, each note's from its onset on, gliding between them; None where all is plain.

    formant_shift: the singer's own, in semitones, that those of the notes come on top of. swell: (≤ frames,) dB by which the
    line is louder than written, which tilts the partials as written dynamics do.
    """
    amounts = [
        (e.breathiness, e.tilt(n), e.formant_shift + formant_shift) for n, e in zip(notes, expressions, strict=True)
    ]
    if swell is None and not any(any(amount) for amount in amounts):
        return None
    times = np.arange(frames) * hop_seconds
    at: list[float] = []
    of: list[tuple[float, ...]] = []
    for note, amount in zip(notes, amounts, strict=True):
        at += [note.onset - 0.5 * GLIDE_SECONDS, note.onset + 0.5 * GLIDE_SECONDS]
        of += [of[-1] if of else amount, amount]
    ascending = np.maximum.accumulate(at)
    breathiness, tension, shift = (np.interp(times, ascending, one) for one in zip(*of, strict=True))
    if swell is not None:
        tension = tension + np.pad(swell_tilt(notes, expressions, swell, hop_seconds), (0, frames - len(swell)))
    return Colour(*(amount.astype(np.float32) for amount in (breathiness, tension, shift)))


def swell_tilt(
    notes: Sequence[Note], expressions: Sequence[Expression], swell: np.ndarray, hop_seconds: float
) -> np.ndarray:
    """dB an octave, (frames,), by which a swell tilts the partials: each note's dynamic tilt for each of its dB."""
    onsets = [note.onset for note in notes]
    sounding = np.searchsorted(onsets, np.arange(len(swell)) * hop_seconds + 1e-9, side="right") - 1
    tilts = np.array([expression.dynamic_tilt for expression in expressions])
    return np.clip(tilts[sounding.clip(0)] * swell, -STEEPEST, STEEPEST)


class Glide:
    """Decibels that glide between those given at times."""

    def __init__(self, seconds: Sequence[float], decibels: Sequence[float]):
        self.seconds, self.decibels = np.asarray(seconds, float), np.asarray(decibels, float)
        self.plain = not self.decibels.any()

    def gain(self, start: int, end: int) -> np.ndarray:
        """Amplitude factor of samples start to end, (end − start,) float32."""
        if self.plain:
            return np.ones(end - start, np.float32)
        found = np.interp(np.arange(start, end) / SAMPLE_RATE, self.seconds, self.decibels)
        return (10.0 ** (found / 20.0)).astype(np.float32)


def consonant_glide(spans: Sequence[PhonemeSpan], expressions: Sequence[Expression]) -> Glide:
    """Decibels of their notes on consonants, 0 on vowels and silence."""
    decibels = [
        0.0 if span.note < 0 or span.symbol == SILENCE or is_vowel(span.symbol) else expressions[span.note].consonants
        for span in spans
    ]
    at, of = [0.0], [decibels[0]]
    for span, (before, after) in zip(spans[1:], pairwise(decibels), strict=True):
        at += [span.start - 0.5 * GAIN_GLIDE_SECONDS, span.start + 0.5 * GAIN_GLIDE_SECONDS]
        of += [before, after]
    return Glide(np.maximum.accumulate(at).tolist(), of)
