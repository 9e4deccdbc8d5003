"""Dynamics: what a singer's loudness does where the score says nothing, as decibels beside those that it says.

Sung at one level a line is an organ's. Four things move it here, each with its amount in `Dynamics`, and an amount of 0
switches it off:

    phrase arch    softer where a phrase begins and where it ends
    high loud      higher notes of a phrase louder than its lower ones
    swell          a long note grows and falls again
    release        a vowel dies away before a rest

All are of the phrase, the notes between two rests, and of nothing else: the mean over a phrase is 0 dB but for the release, so
that songs keep their level, and to change a note changes no other phrase.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import groupby

import numpy as np

from svs.inventory import BR
from svs.phonemes import is_vowel
from svs.score import Note
from svs.timing import SILENCE, PhonemeSpan
from svs.units import PITCH_GRID, FrameGrid

REST_SECONDS = 0.15  # between phrases at least; what is shorter is a consonant's closure
ARCH_SHARE, ARCH_SECONDS = 0.4, 2.0  # of a phrase, and at most, in which it has risen, and in which it falls
ARCH_START = 0.7  # how soft a phrase begins, of how soft it ends
SWELLS_FROM, SWELLS_FULLY = 0.4, 1.6  # seconds of a note
SWELL_TOP = 0.6  # of a note: where it is loudest
FADE_SECONDS = 0.05  # of a rest, beside a phrase
STEP_SECONDS = 0.1  # in which the level goes from one note's to the next one's
LARGEST = 40.0  # of any amount
MOST = 9.0  # dB either way, of all together but the release: as much as from mezzo-forte to fortissimo


@dataclass(frozen=True)
class Dynamics:
    """Amounts in dB, 0 or more.

    Phrase arch and high loud are rules of the KTH system (Friberg, Bresin & Sundberg 2006, Advances in Cognitive Psychology 2;
    for singing Berndtsson 1995, STL-QPSR 36/1). How much of each was chosen here: a dynamic step of the score is 3 dB.
    """

    phrase_arch_db: float = 3.0  # from the loudest of a phrase to its end
    high_loud_db: float = 3.0  # for an octave
    swell_db: float = 2.0  # of a note of SWELLS_FULLY seconds, from its ends to its top
    release_db: float = 6.0  # at the end of a vowel before a rest
    release_seconds: float = 0.12


WRITTEN = Dynamics(0.0, 0.0, 0.0, 0.0)  # the score's dynamics alone
AMOUNTS = tuple(field.name for field in fields(Dynamics))


def natural(
    notes: Sequence[Note],
    spans: Sequence[PhonemeSpan],
    dynamics: Dynamics | Sequence[Dynamics] = Dynamics(),
    grid: FrameGrid = PITCH_GRID,
) -> np.ndarray | None:
    """Decibels to add, (frames,) float64 on the grid to the end of the spans; None where nothing is added.

    dynamics: one for the line, or one for each note. Raises ValueError when their number is not that of the notes.
    """
    each = [dynamics] * len(notes) if isinstance(dynamics, Dynamics) else dynamics
    if len(each) != len(notes):
        raise ValueError(f"natural: {len(each)} dynamics for {len(notes)} notes; one for each is wanted")
    if all(d.phrase_arch_db == d.high_loud_db == d.swell_db == d.release_db == 0.0 for d in each):
        return None
    times = grid.times(grid.frames(spans[-1].end))
    added = np.zeros(len(times))
    cents = np.array([note.cents for note in notes])
    amounts = {name: np.array([getattr(d, name) for d in each]) for name in AMOUNTS}
    faded = round(FADE_SECONDS / grid.hop_seconds)
    for sung in phrases(spans):
        first, end = np.searchsorted(times, [sung[0].start, sung[-1].end])
        if first == end:
            continue
        phrase = _Phrase(sung, cents, amounts, times[first:end])
        moving = phrase.arch() + phrase.high_loud() + phrase.swell()
        added[first:end] = np.clip(moving - moving.mean(), -MOST, MOST) + phrase.release()
        # back to 0 in the rests
        before, after = added[max(0, first - faded) : first], added[end : end + faded]
        before += added[first] * np.linspace(0.0, 1.0, faded, endpoint=False)[faded - len(before) :]
        after += added[end - 1] * np.linspace(1.0, 0.0, faded + 1)[1:][: len(after)]
    return added


def phrases(spans: Sequence[PhonemeSpan]) -> list[list[PhonemeSpan]]:
    """The spans between rests, phrase by phrase."""
    found: list[list[PhonemeSpan]] = []
    apart = True
    for resting, alike in groupby(spans, key=lambda span: span.symbol in (SILENCE, BR)):
        run = list(alike)
        if resting:
            apart = apart or run[-1].end - run[0].start >= REST_SECONDS
        elif apart:
            found.append(run)
            apart = False
        else:
            found[-1] += run
    return found


class _Phrase:
    """A phrase on the grid; each component is (frames,) dB.

    cents, amounts: of all notes of the line. times: seconds of the phrase's frames.
    """

    def __init__(self, spans: list[PhonemeSpan], cents: np.ndarray, amounts: Mapping[str, np.ndarray], times: np.ndarray):
        self.spans, self.times = spans, times
        self.begin, self.end = spans[0].start, spans[-1].end
        at = np.searchsorted([span.start for span in spans], times + 1e-9, side="right") - 1
        note = np.array([span.note for span in spans])[at.clip(0)]
        self.cents = cents[note]
        self.amounts = {name: of_notes[note] for name, of_notes in amounts.items()}

    def arch(self) -> np.ndarray:
        seconds = self.end - self.begin
        moving = min(ARCH_SHARE * seconds, ARCH_SECONDS)
        begun, left = ((self.times - self.begin) / moving, (self.end - self.times) / moving)
        shape = -ARCH_START * (1.0 - _ease(begun)) - (1.0 - _ease(left))
        return min(1.0, seconds / ARCH_SECONDS) * self._gliding(self.amounts["phrase_arch_db"]) * shape

    def high_loud(self) -> np.ndarray:
        return self._gliding(self.amounts["high_loud_db"] * (self.cents - self.cents.mean()) / 1200.0)

    def swell(self) -> np.ndarray:
        added = np.zeros(len(self.times))
        for vowel in self.spans:
            seconds = vowel.end - vowel.start
            strength = (seconds - SWELLS_FROM) / (SWELLS_FULLY - SWELLS_FROM)
            if strength > 0 and is_vowel(vowel.symbol):
                here = slice(*np.searchsorted(self.times, [vowel.start, vowel.end]))
                done = (self.times[here] - vowel.start) / seconds
                bow = np.sin(np.pi * done ** (np.log(0.5) / np.log(SWELL_TOP)))
                added[here] = min(1.0, strength) * self.amounts["swell_db"][here] * bow
        return added

    def release(self) -> np.ndarray:
        last = self.spans[-1]
        if not is_vowel(last.symbol):
            return np.zeros(len(self.times))
        seconds = min(self.amounts["release_seconds"][-1], 0.5 * (last.end - last.start))
        return -self.amounts["release_db"][-1] * (1.0 - _ease((self.end - self.times) / max(seconds, 1e-9)))

    def _gliding(self, levels: np.ndarray) -> np.ndarray:
        """Levels that step from note to note, by a Hann window of STEP_SECONDS."""
        hop = self.times[1] - self.times[0] if len(self.times) > 1 else STEP_SECONDS
        half = round(0.5 * STEP_SECONDS / hop)
        window = np.hanning(2 * half + 3)[1:-1]
        return np.convolve(np.pad(levels, half, mode="edge"), window / window.sum(), mode="valid")


def _ease(done: np.ndarray) -> np.ndarray:
    """From 0 to 1 by half a cosine."""
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(done, 0.0, 1.0))
