"""How near the rules of natural pitch come to a real singer, and whether contours learned from that singer come nearer.

Wants a singer's contour (CSV: seconds, Hz, 0 where unvoiced) and notes (CSV: onset seconds, Hz, length seconds), as
vocadito has them (Bittner & al. 2021, CC BY 4.0). A note's pitch is the median of the singer's own steady part, so that
only the way between notes is compared. Errors are over voiced frames inside notes; `edges` are those outside steady
parts.

The learned contour is the least a model can be: at each of 30 frames about an onset the mean deviation, and its slopes
on the interval and on its size; after and before rests the mean deviation. It is measured on fifths of the song that it
was not fitted to. Rules stay the default of `svs sing` while it does not beat them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.common import parser, print_table, write_json
from svs.f0 import curve_from_hz
from svs.pitch import PitchCurve, exact, natural
from svs.score import Note
from svs.timing import SHORTEST_REST, SILENCE, PhonemeSpan
from svs.units import PITCH_GRID, hz_to_cents

REACH = 15  # frames before and after a border that the learned shapes cover
RIDGE = 3.0
FOLDS = 5
FARTHEST = 400.0  # cents; what lies farther from the note is a slip of the annotation
VOWEL = "AA"


def read_singer(f0_csv: Path, notes_csv: Path) -> tuple[PitchCurve, list[Note]]:
    """The singer's contour on the grid, nearest frame, and the notes as sung."""
    seconds, hz = np.loadtxt(f0_csv, delimiter=",").T
    times = PITCH_GRID.times(PITCH_GRID.frames(seconds[-1]))
    nearest = np.clip(np.searchsorted(seconds, times - 0.5 * np.median(np.diff(seconds))), 0, len(hz) - 1)
    curve = curve_from_hz(hz[nearest])
    rows = np.loadtxt(notes_csv, delimiter=",")
    ends = np.minimum(rows[:, 0] + rows[:, 2], np.append(rows[1:, 0], np.inf))
    notes = []
    for onset, end, written in zip(rows[:, 0], ends, hz_to_cents(rows[:, 1]), strict=True):
        note = Note(float(onset), float(end - onset), float(written), "a", phonemes=(VOWEL,))
        steady = curve.voiced & _inside(note, times, min(0.1, note.duration / 4))
        notes.append(replace(note, cents=float(np.median(curve.cents[steady])) if steady.any() else note.cents))
    return curve, notes


def vowels(notes: list[Note], seconds: float) -> list[PhonemeSpan]:
    """A vowel for each note, silence where a rest remains."""
    spans, end = [], 0.0
    for index, note in enumerate(notes):
        if note.onset - end >= SHORTEST_REST:
            spans.append(PhonemeSpan(SILENCE, end, note.onset, -1))
        elif spans:
            spans[-1] = replace(spans[-1], end=note.onset)
        spans.append(PhonemeSpan(VOWEL, note.onset, note.end, index))
        end = note.end
    return [*spans, PhonemeSpan(SILENCE, end, seconds, -1)]


@dataclass(frozen=True)
class Border:
    """Where a shape is laid: frame, kind, interval in cents, and the frames before and after it that it may change."""

    frame: int
    kind: str
    interval: float
    before: int
    after: int

    def frames(self) -> range:
        return range(-min(self.before, REACH), min(self.after, REACH))

    def inputs(self) -> np.ndarray:
        return np.array([1.0, self.interval / 100.0, abs(self.interval) / 100.0])


def borders(notes: list[Note]) -> list[Border]:
    found = [Border(round(notes[0].onset * 100), "start", 0.0, 0, round(notes[0].duration * 50))]
    for before, note in pairwise(notes):
        halves = round(before.duration * 50), round(note.duration * 50)
        if note.onset - before.end < SHORTEST_REST:
            found.append(Border(round(note.onset * 100), "joined", note.cents - before.cents, *halves))
        else:
            found.append(Border(round(before.end * 100), "end", 0.0, halves[0], 0))
            found.append(Border(round(note.onset * 100), "start", 0.0, 0, halves[1]))
    return [*found, Border(round(notes[-1].end * 100), "end", 0.0, round(notes[-1].duration * 50), 0)]


def fit(places: list[Border], deviation: np.ndarray, voiced: np.ndarray) -> dict[tuple[str, int], np.ndarray]:
    """Weights of Border.inputs by kind of border and frame from it: ridge regression of cents around the note."""
    seen: dict[tuple[str, int], list] = {}
    for place in places:
        for offset in place.frames():
            at = place.frame + offset
            if 0 <= at < len(deviation) and voiced[at] and abs(deviation[at]) < FARTHEST:
                seen.setdefault((place.kind, offset), []).append((place.inputs(), deviation[at]))
    shapes = {}
    for key, pairs in seen.items():
        inputs, wanted = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
        shapes[key] = np.linalg.solve(inputs.T @ inputs + RIDGE * np.eye(3), inputs.T @ wanted)
    return shapes


def lay(shapes, places: list[Border], cents: np.ndarray) -> np.ndarray:
    """Bare notes with the learned shapes added."""
    laid = cents.copy()
    for place in places:
        for offset in place.frames():
            if 0 <= place.frame + offset < len(laid) and (place.kind, offset) in shapes:
                laid[place.frame + offset] += shapes[place.kind, offset] @ place.inputs()
    return laid


def learned(places: list[Border], bare: np.ndarray, singer: PitchCurve) -> np.ndarray:
    """Every fifth of the song as shapes fitted to the other four have it."""
    cents, bounds = bare.copy(), np.linspace(0, len(bare), FOLDS + 1).astype(int)
    for first, last in pairwise(bounds):
        others = [place for place in places if not first - REACH <= place.frame < last + REACH]
        shapes = fit(others, singer.cents[: len(bare)] - bare, singer.voiced[: len(bare)])
        cents[first:last] = lay(shapes, places, bare)[first:last]
    return cents


def _inside(note: Note, times: np.ndarray, margin: float = 0.0) -> np.ndarray:
    return (times >= note.onset + margin) & (times < note.end - margin)


def main(arguments=None) -> dict[str, dict[str, float]]:
    options = parser(__doc__)
    options.add_argument("f0", type=Path, help="CSV of the singer's contour")
    options.add_argument("notes", type=Path, help="CSV of the notes")
    options.add_argument("--json", type=Path, help="write the figures here too")
    options = options.parse_args(arguments)

    singer, notes = read_singer(options.f0, options.notes)
    spans = vowels(notes, len(singer.cents) * singer.hop_seconds)
    bare = exact(notes, spans).cents
    contours = {
        "bare notes": bare,
        "rules": natural(notes, spans).cents,
        "learned": learned(borders(notes), bare, singer),
    }
    times = PITCH_GRID.times(len(bare))
    sung = singer.voiced[: len(bare)] & np.any([_inside(note, times) for note in notes], axis=0)
    steady = np.any([_inside(note, times, min(0.1, note.duration / 4)) for note in notes], axis=0)
    figures = {}
    for name, cents in contours.items():
        error = np.abs(cents - singer.cents[: len(bare)])
        rms = [float(np.sqrt(np.mean(np.minimum(error[at], FARTHEST) ** 2))) for at in (sung, sung & ~steady)]
        figures[name] = {"rms": rms[0], "mean": float(error[sung].mean()), "edges_rms": rms[1]}
    print(f"{len(notes)} notes, {sung.sum()} frames")
    print_table(["contour", "RMS ¢", "mean abs ¢", "edges RMS ¢"], [[name, *f.values()] for name, f in figures.items()])
    write_json(options.json, figures)
    return figures


if __name__ == "__main__":
    main()
