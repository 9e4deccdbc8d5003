"""Pitch: from notes to a contour in cents.

`exact` sings the bare notes. `natural` adds what singers do around the written note (never the note itself):
portamento, preparation and overshoot, a scoop after rests, delayed vibrato, slow drift. Each is a small function
that returns cents to add, each has its amounts in `Style`, and an amount of 0 switches it off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from svs.score import Note
from svs.timing import SILENCE, PhonemeSpan, voiced_frames
from svs.units import PITCH_GRID, FrameGrid


@dataclass(frozen=True)
class PitchCurve:
    """Fundamental frequency of one sung line on the 10 ms grid (frame i at i × hop_seconds).

    cents:  (frames,) float64, 100 × MIDI number (A4 = 6900); finite when unvoiced too.
    voiced: (frames,) bool.
    """

    cents: np.ndarray
    voiced: np.ndarray
    hop_seconds: float = 0.01

    def __post_init__(self):
        if self.cents.ndim != 1 or self.cents.shape != self.voiced.shape:
            raise ValueError(
                f"PitchCurve: cents has shape {self.cents.shape}, voiced {self.voiced.shape}; "
                "both need one value per frame"
            )


@dataclass(frozen=True)
class Style:
    """Amounts of a natural contour; 0 switches a component off.

    Seconds and cents; `_share` is a fraction of the interval between two notes. Preparation and overshoot are those
    of Saitou, Unoki & Akagi 2005 (Speech Communication 46), kept small; the rest as marked.
    """

    portamento_seconds: float = 0.09  # for a whole tone; singers' fastest take 70 ms (Sundberg 1973, STL-QPSR 14/4)
    portamento_per_semitone: float = 0.006  # wider steps take longer (Xu & Sun 2002, J. Acoust. Soc. Am. 111)
    slur_factor: float = 1.4  # a slurred step is slower than a new syllable's
    preparation_share: float = 0.05
    preparation_limit: float = 15.0  # cents
    overshoot_share: float = 0.07
    overshoot_limit: float = 20.0  # cents
    scoop_cents: float = 40.0  # at most; below the note on its first phone after a rest
    scoop_seconds: float = 0.06  # time constant of its fading, from the vowel's onset
    vibrato_rate: float = 5.7  # Hz; trained singers average 6 (Prame 1994, J. Acoust. Soc. Am. 96)
    vibrato_cents: float = 32.0  # centre to peak; Prame 1997 found 34–123 in opera, amateurs use less
    vibrato_variation: float = 0.12  # spread of rate and extent from note to note, a fraction of the value, at most 2×
    vibrato_delay: float = 0.2  # after the note's onset
    vibrato_ease: float = 0.35  # from nothing to the full extent
    vibrato_shortest: float = 0.35  # shorter notes have none
    drift_cents: float = 3.0  # standard deviation; slower than 1 Hz (Saitou & al. 2005, "fine fluctuation")


def exact(notes: Sequence[Note], spans: Sequence[PhonemeSpan], grid: FrameGrid = PITCH_GRID) -> PitchCurve:
    """The bare notes: every frame has the cents of a written note, stepping at note onsets with no transition.

    A rest belongs to the note before it in its first half and to the note after it from its middle, so that
    consonants after a rest are sung on their own note.
    """
    voiced = voiced_frames(spans, grid)
    return PitchCurve(_steps(notes, spans, grid.times(len(voiced))), voiced, grid.hop_seconds)


def natural(
    notes: Sequence[Note],
    spans: Sequence[PhonemeSpan],
    seed: int = 0,
    grid: FrameGrid = PITCH_GRID,
    style: Style | None = None,
) -> PitchCurve:
    """The notes as a singer would join them; the same seed gives the same curve.

    Components draw their random numbers from streams of their own, so that switching one off leaves the others.
    """
    style = style or Style()
    voiced = voiced_frames(spans, grid)
    times = grid.times(len(voiced))
    starts = _starts(notes, spans)
    cents = _steps(notes, spans, times)
    cents += _portamento(notes, starts, times, style)
    cents += _preparation_and_overshoot(notes, starts, times, style)
    cents += _scoop(notes, spans, starts, times, style, np.random.default_rng([seed, 1]))
    cents += _vibrato(notes, starts, times, style, np.random.default_rng([seed, 2]))
    cents += _drift(times, style, np.random.default_rng([seed, 3]))
    return PitchCurve(cents, voiced, grid.hop_seconds)


# Components: each returns cents to add, (frames,) ----------------------------------------------------------------


def _starts(notes: Sequence[Note], spans: Sequence[PhonemeSpan]) -> np.ndarray:
    """Seconds at which each note's pitch is taken over from the note before, (notes,); -inf for the first.

    A joined note starts at its onset, a note after a rest in the middle of that rest.
    """
    silences = np.array([(s.start + s.end) / 2 for s in spans if s.symbol == SILENCE and s.start > 0])
    starts = np.array([note.onset for note in notes])
    for index in range(1, len(notes)):
        between = silences[(silences > notes[index - 1].onset) & (silences < notes[index].onset)]
        if len(between):
            starts[index] = between[-1]
    starts[0] = -np.inf
    return starts


def _steps(notes: Sequence[Note], spans: Sequence[PhonemeSpan], times: np.ndarray) -> np.ndarray:
    starts = _starts(notes, spans)
    starts[1:] -= 1e-9  # a frame on the onset belongs to the new note
    sounding = np.searchsorted(starts, times, side="right") - 1
    return np.array([note.cents for note in notes], dtype=np.float64)[sounding]


def _joined(notes: Sequence[Note], starts: np.ndarray):
    """Index, interval in cents and onset of every note sung on from the one before."""
    for index in range(1, len(notes)):
        interval = notes[index].cents - notes[index - 1].cents
        if starts[index] == notes[index].onset and interval != 0:
            yield index, interval, notes[index].onset


def _glide_seconds(notes: Sequence[Note], index: int, interval: float, style: Style) -> float:
    seconds = style.portamento_seconds + style.portamento_per_semitone * (abs(interval) / 100.0 - 2.0)
    if notes[index].slurred or notes[index].melisma:
        seconds *= style.slur_factor
    return min(max(seconds, 0.02), 0.5 * notes[index - 1].duration)


def _portamento(notes, starts, times, style) -> np.ndarray:
    """Half a cosine from note to note that arrives at the vowel's onset."""
    added = np.zeros(len(times))
    if style.portamento_seconds == 0:
        return added
    for index, interval, onset in _joined(notes, starts):
        glide = _glide_seconds(notes, index, interval, style)
        at = _between(times, onset - glide, onset)
        added[at] += interval * 0.5 * (1.0 - np.cos(np.pi * (times[at] - onset + glide) / glide))
    return added


def _preparation_and_overshoot(notes, starts, times, style) -> np.ndarray:
    """A bow away from the next note before the glide, and one beyond it after the arrival."""
    added = np.zeros(len(times))
    for index, interval, onset in _joined(notes, starts):
        glide = _glide_seconds(notes, index, interval, style) if style.portamento_seconds else 0.0
        before = min(0.08, 0.25 * notes[index - 1].duration)
        after = min(0.12, 0.4 * notes[index].duration)
        bow = np.sign(interval) * min(style.preparation_share * abs(interval), style.preparation_limit)
        added -= bow * _bow(times, onset - glide - before, before)
        bow = np.sign(interval) * min(style.overshoot_share * abs(interval), style.overshoot_limit)
        added += bow * _bow(times, onset, after)
    return added


def _scoop(notes, spans, starts, times, style, rng) -> np.ndarray:
    """After a rest, come up from below: held through the consonants, then fading on the vowel."""
    added = np.zeros(len(times))
    for index, note in enumerate(notes):
        depth = style.scoop_cents * rng.uniform(0.5, 1.0)
        if depth == 0 or starts[index] == note.onset:
            continue
        fade_seconds = min(style.scoop_seconds, 0.2 * note.duration)
        at = _between(times, starts[index], note.end)
        fade = np.exp(-np.maximum(times[at] - note.onset, 0.0) / fade_seconds)
        added[at] -= depth * fade
    return added


def _vibrato(notes, starts, times, style, rng) -> np.ndarray:
    """Vibrato that sets in late, eases in, and is gone before the next glide.

    It is the derivative of envelope × −cos(ωt) / ω, so that its mean over the note is 0 and the note keeps its pitch
    whatever the envelope does.
    """
    added = np.zeros(len(times))
    for index, note in enumerate(notes):
        spread = 1.0 + style.vibrato_variation * np.clip(rng.standard_normal(2), -2.0, 2.0)
        omega = 2.0 * np.pi * style.vibrato_rate * spread[0]
        extent = style.vibrato_cents * spread[1]
        start = note.onset + min(style.vibrato_delay, 0.4 * note.duration)
        end = note.end
        if index + 1 < len(notes) and starts[index + 1] == notes[index + 1].onset:
            end -= _glide_seconds(notes, index + 1, notes[index + 1].cents - note.cents, style)
        if extent == 0 or note.duration < style.vibrato_shortest or end - start < 2.0 * np.pi / omega:
            continue
        ease_in = min(style.vibrato_ease, 0.6 * (end - start))
        ease_out = min(0.12, 0.3 * (end - start))
        at = _between(times, start, end)
        since, left = times[at] - start, end - times[at]
        rise, rise_slope = _ease(since / ease_in)
        fall, fall_slope = _ease(left / ease_out)
        slope = rise_slope / ease_in * fall - rise * fall_slope / ease_out
        added[at] += extent * (rise * fall * np.sin(omega * since) - slope * np.cos(omega * since) / omega)
    return added


def _drift(times, style, rng) -> np.ndarray:
    """Slow wandering: random knots twice a second, joined smoothly."""
    knots = style.drift_cents * rng.standard_normal(int(times[-1] * 2.0) + 3 if len(times) else 3)
    place = times * 2.0
    left = place.astype(int)
    part, _ = _ease(place - left)
    return knots[left] * (1.0 - part) + knots[left + 1] * part


def _ease(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smooth step from 0 at x = 0 to 1 at x = 1, and its slope."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x), 6.0 * x * (1.0 - x)


def _bow(times: np.ndarray, start: float, seconds: float) -> np.ndarray:
    """One raised-cosine hump of height 1."""
    inside = (times > start) & (times < start + seconds)
    return np.where(inside, 0.5 - 0.5 * np.cos(2.0 * np.pi * (times - start) / max(seconds, 1e-9)), 0.0)


def _between(times: np.ndarray, start: float, end: float) -> slice:
    """Frames in [start, end); a frame within rounding of a border lies after it."""
    first, last = np.searchsorted(times, [start - 1e-9, end - 1e-9])
    return slice(first, last)
