"""Pitch: from notes to a contour in cents.

`exact` sings the bare notes. `natural` adds what singers do around the written note (never the note itself):

    portamento, preparation, overshoot    from note to note
    scoop, release                        after and before rests
    vibrato, drift, fluctuation           while a note is held
    consonant dip and raise               around obstruents
    glides, scoops, plops, doits, falls   where the score has them written
    bends                                 where the score draws a contour over a note

Each is a function that returns cents to add, each has its amounts in `Style`, and an amount of 0 switches it off.

Every note keeps its pitch: in its steady part (what remains when EDGE seconds, or a quarter of the note, are taken off
both ends) no portamento is heard, vibrato goes through whole cycles, and of all else the mean is taken off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from svs.phonemes import VOWELS, is_voiced, strip_stress
from svs.score import Note
from svs.timing import OBSTRUENTS, SILENCE, PhonemeSpan, voiced_frames
from svs.units import PITCH_GRID, FrameGrid

EDGE = 0.1  # seconds at both ends of a note that are transition, a quarter of a shorter note
SHORT = 0.25  # seconds; shorter notes are transition for the most part
GLIDE_SECONDS = 0.02  # the shortest portamento
FEWEST_CYCLES = 2.0  # of vibrato: so few are none
CODA_PULL = 0.3
CYCLE_SECONDS = 0.2  # of vibrato, at most
LEANING = 0.25  # cents
OBSTRUENT_FADE = 0.04  # seconds in which a consonant's pull on the vowel after it fades to a third


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


def at_hop(curve: PitchCurve, hop_seconds: float, frames: int) -> PitchCurve:
    """A curve on another grid: cents by straight lines, voicing of the nearest frame; beyond its end unvoiced."""
    at = np.arange(frames) * (hop_seconds / curve.hop_seconds)
    nearest = np.floor(at + 0.5).astype(int)
    cents = np.interp(at, np.arange(len(curve.cents)), curve.cents)
    voiced = curve.voiced[np.minimum(nearest, len(curve.voiced) - 1)] & (nearest < len(curve.voiced))
    return PitchCurve(cents, voiced, hop_seconds)


@dataclass(frozen=True)
class Style:
    """Amounts of a natural contour; 0 switches a component off.

    Seconds, Hz and cents; `_share` is a fraction: of the interval between two notes, or of a note. Where no source is
    named, the value was chosen here. The components are those of Saitou, Unoki & Akagi 2005 (Speech Communication
    46: overshoot, vibrato, preparation, fine fluctuation) and what others found beside them. Overshoot, scoop and
    release agree with a singer of vocadito (Bittner & al. 2021), as `benchmarks.singer` shows.
    """

    portamento_seconds: float = 0.09  # for a whole tone; singers' fastest take 70 ms (Sundberg 1973, STL-QPSR 14/4)
    portamento_per_semitone: float = 0.006  # wider steps take longer (Xu & Sun 2002, J. Acoust. Soc. Am. 111)
    slur_factor: float = 1.4  # a slurred step is slower than a new syllable's
    preparation_share: float = 0.04
    preparation_limit: float = 8.0  # cents
    overshoot_share: float = 0.07
    overshoot_limit: float = 15.0  # cents
    scoop_cents: float = 50.0  # at most; below the note after a rest; singers reach their target after the onset
    scoop_seconds: float = 0.12  # (Hutchins & Campbell 2009, Ann. N. Y. Acad. Sci. 1169); until it is reached
    release_cents: float = 35.0  # at most, by which a note sinks as it ends before a rest
    release_seconds: float = 0.06
    vibrato_rate: float = 5.7  # Hz; trained singers average 6 (Prame 1994, J. Acoust. Soc. Am. 96)
    vibrato_cents: float = 32.0  # centre to peak; Prame 1997 found 34–123 in opera, amateurs use less
    vibrato_variation: float = 0.1  # spread of rate and extent from note to note, a fraction of the value, at most 2×
    vibrato_delay: float = 0.2  # after the note's onset
    vibrato_ease: float = 0.35  # from nothing to the full extent
    vibrato_shortest: float = 0.45  # seconds; shorter notes have none
    vibrato_full_cycles: float = 7.0  # with fewer it swings less; what is left of a cycle moves a short note's mean
    drift_cents: float = 4.0  # standard deviation of a wandering slower than 1 Hz
    fluctuation_cents: float = 2.5  # standard deviation of the fine fluctuation below 10 Hz (Saitou & al. 2005)
    consonant_dip_cents: float = 25.0  # voiced obstruents lower the pitch, voiceless ones raise it on the vowel
    consonant_raise_cents: float = 12.0  # after them (Hombert, Ohala & Ewan 1979, Language 55)
    glissando_share: float = 0.75  # of a note with a written glissando or slide, at its end
    written_scoop_cents: float = 200.0  # below the note (scoop) or above it (plop), where the score says so
    written_fall_cents: float = 400.0  # away from the note at its end (doit up, falloff down)


def exact(notes: Sequence[Note], spans: Sequence[PhonemeSpan], grid: FrameGrid = PITCH_GRID) -> PitchCurve:
    """The bare notes: every frame has the cents of a written note, stepping at note onsets with no transition.

    A rest belongs to the note before it in its first half and to the note after it from its middle, so that
    consonants after a rest are sung on their own note.
    """
    line = _line(notes, spans, grid, Style())
    return PitchCurve(line.steps(), line.voiced, grid.hop_seconds)


def natural(
    notes: Sequence[Note],
    spans: Sequence[PhonemeSpan],
    seed: int = 0,
    grid: FrameGrid = PITCH_GRID,
    style: Style | Sequence[Style] | None = None,
) -> PitchCurve:
    """The notes as a singer would join them; the same seed gives the same curve.

    style: one for the line, or one for each note; what joins two notes is the second one's.
    Components draw their random numbers from streams of their own, so that switching one off leaves the others.
    """
    line = _line(notes, spans, grid, style or Style())
    cents = line.steps() + line.bends() + _portamento(line)
    for number, component in enumerate(CENTRED, 1):
        cents += line.centred(component(line, np.random.default_rng([seed, number])))
    cents += _vibrato(line, np.random.default_rng([seed, 0])) + _written(line)
    return PitchCurve(cents, line.voiced, grid.hop_seconds)


# The line ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Glide:
    """From the note before to note `index`: interval in cents, seconds of its beginning and end."""

    index: int
    interval: float
    begin: float
    end: float
    written: bool

    def progress(self, times: np.ndarray) -> np.ndarray:
        """From 0 at the beginning to 1 at the end: half a cosine, or a straight line where it is written."""
        done = np.clip((times - self.begin) / max(self.end - self.begin, 1e-9), 0.0, 1.0)
        return done if self.written else 0.5 - 0.5 * np.cos(np.pi * done)


@dataclass(frozen=True)
class _Line:
    """Notes on the grid, and what all components ask of them.

    starts: seconds at which each note's pitch is taken over from the note before, -inf for the first. A joined note
    starts at its onset, a note after a rest in the middle of that rest.
    """

    notes: Sequence[Note]
    spans: Sequence[PhonemeSpan]
    styles: Sequence[Style]
    times: np.ndarray
    voiced: np.ndarray
    starts: np.ndarray

    @cached_property
    def sounding(self) -> np.ndarray:
        """(frames,) index of the note that each frame belongs to."""
        starts = self.starts - 1e-9  # a frame on the onset belongs to the new note
        starts[0] = -np.inf
        return np.searchsorted(starts, self.times, side="right") - 1

    def steps(self) -> np.ndarray:
        return np.array([note.cents for note in self.notes], dtype=np.float64)[self.sounding]

    def bends(self) -> np.ndarray:
        """Cents of the contours that the score draws over its notes; before such a note its first, after it its last."""
        added = np.zeros(len(self.times))
        for index, note in enumerate(self.notes):
            if note.bend:
                at = slice(*np.searchsorted(self.sounding, [index, index + 1]))
                added[at] = bent(note, self.times[at] - note.onset)
        return added

    def joined(self, index: int) -> bool:
        """Whether a note is sung on from the one before it."""
        return 0 < index < len(self.notes) and self.starts[index] == self.notes[index].onset

    @cached_property
    def glides(self) -> dict[int, _Glide]:
        """Portamento and written glides by the index of the note they lead to."""
        found = {}
        for index in range(1, len(self.notes)):
            before, note = self.notes[index - 1], self.notes[index]
            left = before.cents + float(bent(before, note.onset - before.onset))
            interval = note.cents + float(bent(note, 0.0)) - left
            if self.joined(index) and interval != 0:
                found[index] = self._glide(index, interval)
        return found

    def _glide(self, index: int, interval: float) -> _Glide:
        before, note, style = self.notes[index - 1], self.notes[index], self.styles[index]
        share = self.styles[index - 1].glissando_share
        if "glide" in before.marks and share > 0:
            return _Glide(index, interval, note.onset - share * before.duration, note.onset, True)
        if style.portamento_seconds == 0:
            return _Glide(index, interval, note.onset, note.onset, False)
        seconds = style.portamento_seconds + style.portamento_per_semitone * (abs(interval) / 100.0 - 2.0)
        legato = note.slurred or note.melisma
        seconds = max(seconds * style.slur_factor if legato else seconds, GLIDE_SECONDS)
        # after a consonant the vowel begins on pitch; from vowel to vowel the beat falls in the middle of the step
        bare = legato or not note.phonemes or strip_stress(note.phonemes[0]) in VOWELS
        ahead = 0.5 * seconds if bare else seconds
        begin = note.onset - min(ahead, self._reach(before, style))
        return _Glide(index, interval, begin, note.onset + min(seconds - ahead, self._reach(note, style)), False)

    @staticmethod
    def _reach(note: Note, style: Style) -> float:
        """Seconds that a portamento may take of a note: its edge, more where a longer one is asked for."""
        longest = max(EDGE, style.portamento_seconds)
        quarter = max(0.25 * note.duration, min(0.25 * SHORT, 0.4 * note.duration)) * longest / EDGE
        return min(longest, quarter, 0.5 * note.duration)

    @cached_property
    def steady(self) -> list[list[tuple[int, int]]]:
        """First frame and end of every voiced stretch of each note's steady part, the longest one, its vowel, first."""
        found = []
        for note in self.notes:
            edge = _edge(note)
            whole = _between(self.times, note.onset + edge, note.end - edge)
            borders = np.flatnonzero(np.diff(self.voiced[whole], prepend=False, append=False)) + whole.start
            runs = map(tuple, borders.reshape(-1, 2).tolist())
            found.append(sorted(runs, key=lambda run: run[0] - run[1]))
        return found

    def centred(self, added: np.ndarray) -> np.ndarray:
        """The same component without its mean in each voiced stretch of steady parts, eased in at their edges.

        Where a part of a note, a vibrato cycle shorter, would still have a mean of more than LEANING, the component is
        turned down in that note: short notes wander less than long ones.
        """
        added = added.copy()
        for note, steady in zip(self.notes, self.steady, strict=True):
            if steady:
                inside = _between(self.times, note.onset, note.end)
                means = [(at, added[first:end].mean()) for first, end in sorted(steady) for at in (first, end - 1)]
                mean = np.interp(np.arange(inside.start, inside.stop), *np.transpose(means))
                added[inside] -= mean * self.steadiness[inside]
                leaning = _leaning(added[slice(*steady[0])], round(CYCLE_SECONDS / (self.times[1] - self.times[0])))
                added[inside] *= 1.0 - (1.0 - min(1.0, LEANING / max(leaning, 1e-9))) * self.steadiness[inside]
        return added

    @cached_property
    def steadiness(self) -> np.ndarray:
        """How much a frame belongs to the steady part of a note: 0 in rests and at onsets, 1 where it begins."""
        found = np.zeros(len(self.times))
        for note in self.notes:
            inside = _between(self.times, note.onset, note.end)
            since = np.minimum(self.times[inside] - note.onset, note.end - self.times[inside])
            found[inside] = _ease(since / _edge(note))[0]
        return found


def bent(note: Note, since: float | np.ndarray) -> np.ndarray:
    """Cents by which the score bends a note so many seconds after its onset."""
    return np.interp(since, *np.transpose(note.bend)) if note.bend else np.zeros_like(since, dtype=np.float64)


def _line(notes, spans, grid: FrameGrid, style: Style | Sequence[Style]) -> _Line:
    styles = [style] * len(notes) if isinstance(style, Style) else style
    if len(styles) != len(notes):
        raise ValueError(f"natural: {len(styles)} styles for {len(notes)} notes; one for each is wanted")
    voiced = voiced_frames(spans, grid)
    silences = np.array([(s.start + s.end) / 2 for s in spans if s.symbol == SILENCE and s.start > 0])
    starts = np.array([note.onset for note in notes])
    for index in range(1, len(notes)):
        between = silences[(silences > notes[index - 1].onset) & (silences < notes[index].onset)]
        if len(between):
            starts[index] = between[-1]
    starts[0] = -np.inf
    return _Line(notes, spans, styles, grid.times(len(voiced)), voiced, starts)


# Components: each returns cents to add, (frames,) ----------------------------------------------------------------


def _portamento(line: _Line) -> np.ndarray:
    added = np.zeros(len(line.times))
    for glide in line.glides.values():
        onset = line.notes[glide.index].onset
        before, after = _between(line.times, glide.begin, onset), _between(line.times, onset, glide.end)
        added[before] += glide.interval * glide.progress(line.times[before])
        added[after] -= glide.interval * (1.0 - glide.progress(line.times[after]))
    return added


def _preparation(line: _Line, rng) -> np.ndarray:
    """A bow away from the next note as the step to it begins."""
    added = np.zeros(len(line.times))
    for glide in line.glides.values():
        style = line.styles[glide.index]
        ahead = min(0.01, 0.1 * line.notes[glide.index - 1].duration)
        seconds = ahead + 0.5 * (glide.end - glide.begin)
        bow = np.sign(glide.interval) * min(style.preparation_share * abs(glide.interval), style.preparation_limit)
        _add_bow(added, line.times, glide.begin - ahead, seconds, -bow)
    return added


def _overshoot(line: _Line, rng) -> np.ndarray:
    """A bow beyond the note after the step to it, over before the steady part."""
    added = np.zeros(len(line.times))
    for glide in line.glides.values():
        style = line.styles[glide.index]
        note = line.notes[glide.index]
        seconds = max(note.onset + _edge(note) - glide.end, 0.0)
        bow = np.sign(glide.interval) * min(style.overshoot_share * abs(glide.interval), style.overshoot_limit)
        _add_bow(added, line.times, glide.end, seconds, bow * min(1.0, seconds / 0.08))
    return added


def _scoop(line: _Line, rng) -> np.ndarray:
    """After a rest, come up from below: held through the consonants, then rising on the vowel."""
    added = np.zeros(len(line.times))
    for index, note in enumerate(line.notes):
        style, part = line.styles[index], rng.uniform(0.5, 1.0)
        if style.scoop_cents == 0 or line.joined(index) or {"scoop", "plop"} & set(note.marks):
            continue
        seconds = max(min(style.scoop_seconds, 0.3 * note.duration), 1e-3)
        at = _between(line.times, line.starts[index], note.onset + seconds)
        added[at] -= part * style.scoop_cents * _ease((note.onset + seconds - line.times[at]) / seconds)[0]
    return added


def _release(line: _Line, rng) -> np.ndarray:
    """Before a rest the pitch sinks with the breath."""
    added = np.zeros(len(line.times))
    for index, note in enumerate(line.notes):
        style, part = line.styles[index], rng.uniform(0.5, 1.0)
        seconds = min(style.release_seconds, 0.2 * note.duration)
        if style.release_cents == 0 or seconds <= 0 or line.joined(index + 1) or {"doit", "falloff"} & set(note.marks):
            continue
        until = line.starts[index + 1] if index + 1 < len(line.notes) else np.inf
        at = _between(line.times, note.end - seconds, until)
        added[at] -= part * style.release_cents * _ease((line.times[at] - note.end + seconds) / seconds)[0]
    return added


def _consonants(line: _Line, rng) -> np.ndarray:
    """Obstruents pull on the pitch: voiced ones down while they last, and both kinds on the vowel that follows.

    Those at the edges of notes pull with all their force, codas within a note with a part of it.
    """
    added = np.zeros(len(line.times))
    for span, following in zip(line.spans, [*line.spans[1:], None], strict=True):
        voiceless = not is_voiced(span.symbol) and span.note >= 0
        if span.symbol not in OBSTRUENTS and not voiceless:
            continue
        style = line.styles[span.note]
        pull = style.consonant_raise_cents if voiceless else -style.consonant_dip_cents
        at = _between(line.times, span.start, span.end)
        rise, _ = _ease((line.times[at] - span.start) / (0.5 * max(span.end - span.start, 1e-9)))
        added[at] += pull * rise
        if following is not None and following.note >= 0:
            after = _between(line.times, span.end, following.end)
            left, _ = _ease((following.end - line.times[after]) / min(0.1, following.end - following.start))
            added[after] += pull * left * np.exp((span.end - line.times[after]) / OBSTRUENT_FADE)
    return added * (1.0 - (1.0 - CODA_PULL) * line.steadiness)


def _drift(line: _Line, rng) -> np.ndarray:
    return _wander(line, [style.drift_cents for style in line.styles], 1.0, rng)


def _fluctuation(line: _Line, rng) -> np.ndarray:
    return _wander(line, [style.fluctuation_cents for style in line.styles], 20.0, rng)


CENTRED: tuple[Callable[[_Line, np.random.Generator], np.ndarray], ...] = (
    *(_preparation, _overshoot, _scoop, _release, _consonants, _drift, _fluctuation),
)


def _vibrato(line: _Line, rng) -> np.ndarray:
    """Vibrato that sets in late, eases in, and is gone before the next glide.

    It is the derivative of envelope × −cos(φ) / ω, so that its mean over the note is 0 and the note keeps its pitch
    whatever the envelope does. Its phase is at a peak, and its envelope at 0, on both borders of the steady part: then
    the mean over whole cycles is 0 too, at whichever border they are begun to be counted.
    """
    added = np.zeros(len(line.times))
    for index, note in enumerate(line.notes):
        style, steady = line.styles[index], line.steady[index]
        spread = 1.0 + style.vibrato_variation * np.clip(rng.standard_normal(2), -2.0, 2.0)
        extent = style.vibrato_cents * spread[1]
        if extent == 0 or style.vibrato_rate == 0:
            continue
        if note.duration < style.vibrato_shortest or not steady:
            continue
        (vowel, vowel_end), *_ = steady
        half_hop = 0.5 * (line.times[1] - line.times[0])
        first = line.times[vowel] - half_hop
        end = _vibrato_end(line, index, line.times[vowel_end - 1] + half_hop)
        start = max(first, note.onset + min(style.vibrato_delay, 0.4 * note.duration))
        rate = _whole_cycles(style.vibrato_rate * spread[0], end - first, style)
        cycles, fewest = (end - start) * rate, min(FEWEST_CYCLES, style.vibrato_full_cycles)
        if cycles <= max(fewest, 1.0):
            continue
        extent *= min(1.0, (cycles - fewest) / max(style.vibrato_full_cycles - fewest, 1e-9))
        omega = 2.0 * np.pi * rate
        ease_in = max(min(style.vibrato_ease, 0.6 * (end - start)), 1e-3)
        ease_out = min(0.12, 0.3 * (end - start))
        at = _between(line.times, start, end)
        since, left = line.times[at] - start, end - line.times[at]
        phase = omega * (line.times[at] - first) + 0.5 * np.pi
        rise, rise_slope = _ease(since / ease_in)
        fall, fall_slope = _ease(left / ease_out)
        slope = rise_slope / ease_in * fall - rise * fall_slope / ease_out
        added[at] += extent * (rise * fall * np.sin(phase) - slope * np.cos(phase) / omega)
    return added


def _whole_cycles(rate: float, seconds: float, style: Style) -> float:
    """The rate nearest to one drawn with which whole cycles fill so many seconds, as far as rates may vary."""
    if seconds <= 0:
        return rate
    whole = max(round(rate * seconds), 1) / seconds
    return whole if abs(whole / style.vibrato_rate - 1.0) <= 2.0 * style.vibrato_variation else rate


def _vibrato_end(line: _Line, index: int, end: float) -> float:
    """Seconds at which a note's vibrato is over: the end of its steady part, or before a written glide or fall."""
    note, style = line.notes[index], line.styles[index]
    if {"doit", "falloff"} & set(note.marks) and style.written_fall_cents:
        end = min(end, note.end - _fall_seconds(note))
    if index + 1 in line.glides:
        end = min(end, line.glides[index + 1].begin)
    return end


def _written(line: _Line) -> np.ndarray:
    """Scoops and plops into a note, doits and falls off it."""
    added = np.zeros(len(line.times))
    for index, note in enumerate(line.notes):
        style = line.styles[index]
        for mark, sign in (("scoop", -1.0), ("plop", 1.0)):
            if mark in note.marks:
                seconds = min(0.12, 0.3 * note.duration)
                glide = line.glides.get(index)
                begin = glide.begin if glide else note.onset if line.joined(index) else line.starts[index]
                at = _between(line.times, begin, note.onset + seconds)
                left, _ = _ease((note.onset + seconds - line.times[at]) / seconds)
                arrived = glide.progress(line.times[at]) if glide else 1.0
                added[at] += sign * style.written_scoop_cents * left * arrived
        for mark, sign in (("doit", 1.0), ("falloff", -1.0)):
            if mark in note.marks:
                until = line.starts[index + 1] if index + 1 < len(line.notes) else np.inf
                seconds = _fall_seconds(note)
                at = _between(line.times, note.end - seconds, until)
                away = np.clip((line.times[at] - note.end + seconds) / seconds, 0.0, 1.0) ** 2
                added[at] += sign * style.written_fall_cents * away
    return added


def _leaning(cents: np.ndarray, frames: int) -> float:
    """Largest mean in size of the stretches that are so many frames shorter than the whole, at most by a third."""
    frames = min(frames, len(cents) // 3)
    sums = np.concatenate([[0.0], np.cumsum(cents)])
    stretches = sums[len(cents) - frames :] - sums[: frames + 1]
    return float(np.abs(stretches).max()) / (len(cents) - frames)


def _edge(note: Note) -> float:
    """Seconds at each end of a note that are not its steady part."""
    return min(EDGE, 0.25 * note.duration)


def _fall_seconds(note: Note) -> float:
    return min(0.35, 0.5 * note.duration)


def _wander(line: _Line, cents: Sequence[float], knots_per_second: float, rng) -> np.ndarray:
    """Random knots so many times a second, joined smoothly; cents: standard deviation of the knots for every note."""
    if not len(line.times):
        return np.zeros(0)
    knots = rng.standard_normal(int(line.times[-1] * knots_per_second) + 3)
    at = np.arange(len(knots)) / knots_per_second
    knots *= np.asarray(cents)[np.maximum(np.searchsorted(line.starts, at, side="right") - 1, 0)]
    place = line.times * knots_per_second
    left = place.astype(int)
    part, _ = _ease(place - left)
    return knots[left] * (1.0 - part) + knots[left + 1] * part


def _ease(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smooth step from 0 at x = 0 to 1 at x = 1, and its slope."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x), 6.0 * x * (1.0 - x)


def _add_bow(added: np.ndarray, times: np.ndarray, start: float, seconds: float, cents: float) -> None:
    """Add one raised-cosine hump of so many cents."""
    at = _between(times, start, start + seconds)
    added[at] += cents * (0.5 - 0.5 * np.cos(2.0 * np.pi * (times[at] - start) / max(seconds, 1e-9)))


def _between(times: np.ndarray, start: float, end: float) -> slice:
    """Frames in [start, end); a frame within rounding of a border lies after it."""
    first, last = np.searchsorted(times, [start - 1e-9, end - 1e-9])
    return slice(int(first), int(last))
