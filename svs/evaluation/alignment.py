"""Alignment: where in a recording each note of a score is sung.

A render keeps the score's time. A singer, or another system, has a tempo, a key and a tuning of its own: then the score
is warped onto the measured contour by dynamic time warping (DTW; Sakoe & Chiba 1978), coarse first and then finer around
the path found, so that cost grows with length and not with its square (Salvador & Chan 2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from svs.evaluation.pitch import MARGIN_SECONDS, ONSET_SEARCH_SECONDS, frames_inside, note_error, note_errors, onset_error
from svs.pitch import PitchCurve
from svs.score import Note

FRAME_SECONDS = 0.02  # of the finest warp
SILENCE_SECONDS = 0.5  # before and after the score
FULL_CELLS = 20_000_000  # of the coarsest warp's table
RADIUS = 40  # frames left and right of the coarser path
OFF_DIAGONAL = 0.02  # a step that stretches time costs this much more, so that equal notes share it
SILENCE_WEIGHT = 0.5  # a note is rather left silent than sung at its neighbour's pitch
IN_TUNE = 0.95  # of the notes' frames near the written pitch: the score's own time is right
WORTH = 0.05  # so much more must a warp bring
NEAR_CENTS = 150.0
SAME_NOTE_CENTS = 75.0  # from the line's own key: nearer than the next semitone, vibrato averaged out
MOSTLY_SUNG = 0.5  # of the notes' frames: what is silent of them is left out, not sung at another time
OUTSIDE = 0.05  # of what is sung, at most, where the score has no notes
SQUEEZED = 0.25  # a warped note shorter than this share of its length was passed over, not sung
SHORTEST_MISSED_SECONDS = 0.1  # a shorter note is not told from one that was passed over
LEAST_SECONDS = 0.03  # of a placed note


@dataclass(frozen=True)
class Alignment:
    """Notes where they are sung.

    notes:        onset and duration in seconds of the recording; pitch as written.
    method:       "time" or "dtw".
    agreement:    fraction of frames inside the notes that are voiced within NEAR_CENTS of the note, the key aside.
    key_cents:    semitones, in cents, by which the whole is transposed.
    tempo:        recording seconds per score second; 1 by time.
    missed:       by dtw, numbers of the notes that the singer left silent or passed over: the warp found no sound for them.
    """

    notes: tuple[Note, ...]
    method: str
    agreement: float
    key_cents: float
    tempo: float
    missed: tuple[int, ...] = ()


def align(notes: Sequence[Note], measured: PitchCurve, method: str = "auto") -> Alignment:
    """Find the notes (seconds of the score as a render would place them) in a recording.

    method: "time" takes the notes' own seconds, "dtw" warps, "auto" warps when time alone does not bring the notes to
            where they are sung and warping does it better. Notes left silent are no reason to warp.
    Raises ValueError for another method and when there are no notes; a recording without a voiced frame stays by time.
    """
    if method not in ("auto", "time", "dtw"):
        raise ValueError(f"alignment is {method!r}; choose auto, time or dtw")
    if not notes:
        raise ValueError("there are no notes to measure against")
    agreement, key_cents = _agreement(notes, measured)
    by_time = Alignment(tuple(notes), "time", agreement, key_cents, 1.0)
    if method == "time" or not measured.voiced.any() or (method == "auto" and _in_time(notes, measured)):
        return by_time
    warped = warp_notes(notes, measured)
    if method == "dtw":
        return warped
    lengths = [note.duration * warped.tempo for note in notes]
    better = _sung_right(warped.notes, measured, lengths, warped.missed).of_all - _sung_right(notes, measured).of_all > WORTH
    return warped if better else by_time


def warp_notes(notes: Sequence[Note], measured: PitchCurve) -> Alignment:
    """The notes warped onto the contour: key from the pitch histograms, then DTW, then onsets by ear (onset_error).

    Notes that the warp squeezes to next to nothing were passed over by the singer: the others are warped again without
    them, so that they take nothing from their neighbours.
    """
    onsets, ends, tempo = _warped(notes, notes, measured)
    short = [
        i
        for i, note in enumerate(notes)
        if note.duration * tempo >= SHORTEST_MISSED_SECONDS and ends[i] - onsets[i] < SQUEEZED * note.duration * tempo
    ]
    missed = tuple(short) if 2 * len(short) < len(notes) else ()
    if missed:
        onsets, ends, tempo = _warped(notes, [note for i, note in enumerate(notes) if i not in missed], measured)
    ends_silent = [i for i in (0, len(notes) - 1) if i not in missed and not _voiced_seconds(measured, onsets[i], ends[i])]
    for i in (*missed, *ends_silent):
        if _replaced(i, notes, onsets, ends, missed, tempo, measured):
            missed = tuple(other for other in missed if other != i)
    placed = _heard(_placed(notes, onsets, ends), measured, missed)
    missed = tuple(i for i, note in enumerate(placed) if i in missed or not _voiced_seconds(measured, note.onset, note.end))
    sung = [note for i, note in enumerate(placed) if i not in missed]
    agreement, key_cents = _agreement(sung, measured) if sung else (0.0, 0.0)
    wanted = sum(note.duration for note in notes)
    agreement *= 1 - sum(notes[i].duration for i in missed) / wanted
    return Alignment(tuple(placed), "dtw", agreement, key_cents, tempo, missed)


def _replaced(i, notes, onsets, ends, missed, tempo, measured):
    """Whether another sound than its own stands in a passed-over note's place; then the note is put there, for it is wrong.

    Between two notes the one before then sounds for longer than its share, up to the note after. The place of the first
    and of the last note is told by the tempo.
    """
    before, after = i - 1 if i else None, i + 1 if i + 1 < len(notes) else None
    if before in missed or after in missed:
        return False
    if before is None or after is None:
        beside = before if after is None else after
        place = [onsets[beside] + (at - notes[beside].onset) * tempo for at in (notes[i].onset, notes[i].end)]
        if _voiced_seconds(measured, *place) < MOSTLY_SUNG * (place[1] - place[0]):
            return False
        onsets[i], ends[i] = place
        if before is not None:
            ends[before] = min(ends[before], place[0])
        return True
    sounding = _voiced_seconds(measured, onsets[before], onsets[after])
    if sounding < (notes[before].duration + MOSTLY_SUNG * notes[i].duration) * tempo:
        return False
    span, whole = onsets[after] - onsets[before], notes[after].onset - notes[before].onset
    for number in (before, i):
        score = notes[number].onset - notes[before].onset, notes[number].end - notes[before].onset
        onsets[number], ends[number] = (onsets[before] + span * min(at / whole, 1.0) for at in score)
    return True


def _voiced_seconds(measured, start, end):
    first, last = (max(0, round(at / measured.hop_seconds)) for at in (start, end))
    return measured.hop_seconds * float(np.sum(measured.voiced[first:last]))


def _warped(notes, sung, measured):
    """(onsets, ends) of all notes in seconds of the recording, and the tempo, by warping the notes that are sung."""
    voiced_seconds = np.flatnonzero(measured.voiced) * measured.hop_seconds
    first, last = sung[0].onset, max(note.end for note in sung)
    # a first guess keeps the path near the diagonal
    stretch = max(voiced_seconds[-1] - voiced_seconds[0], FRAME_SECONDS) / (last - first)
    start = first - SILENCE_SECONDS / stretch
    seconds = (last + SILENCE_SECONDS / stretch - start) * stretch
    score_grid = start + np.arange(max(2, round(seconds / FRAME_SECONDS))) * FRAME_SECONDS / stretch
    cents, voiced = _score_contour(sung, score_grid)
    times = np.arange(max(2, round(len(measured.cents) * measured.hop_seconds / FRAME_SECONDS))) * FRAME_SECONDS
    frames = np.minimum(np.round(times / measured.hop_seconds).astype(int), len(measured.cents) - 1)
    heard_cents, heard_voiced = measured.cents[frames], measured.voiced[frames]
    best: tuple[np.ndarray, float] | None = None
    wanted = _features(cents, voiced)
    for key in _keys(cents[voiced], heard_cents[heard_voiced]):
        path, cost = warp_with_cost(wanted, _features(heard_cents - key, heard_voiced), OFF_DIAGONAL)
        if best is None or cost < best[1]:
            best = path, cost
    assert best is not None
    onsets = _through(best[0], score_grid, times, [note.onset for note in notes])
    ends = _through(best[0], score_grid, times, [note.end for note in notes])
    tempo = float(np.polyfit([n.onset for n in notes], onsets, 1)[0]) if len(set(onsets)) > 1 else float(stretch)
    return onsets, ends, tempo


def placed_errors(placed: Alignment, measured: PitchCurve) -> list[dict]:
    """note_errors of the notes where they are sung; a note that was passed over has a row of an unsung one."""
    rows = note_errors(placed.notes, measured)
    silent = replace(measured, voiced=np.zeros_like(measured.voiced))
    for i in placed.missed:
        rows[i] = note_error(placed.notes[i], None, silent)
    return rows


def beat_errors(notes: Sequence[Note], placed: Sequence[Note], neighbours: int = 6) -> list[float | None]:
    """Seconds by which each placed note is late against the local tempo; None where it has too few neighbours.

    The local tempo is the straight line, score time to recording time, through up to `neighbours` onsets on each side,
    the note itself left out.
    """
    score, sung = (np.array([note.onset for note in each]) for each in (notes, placed))
    errors: list[float | None] = []
    for i in range(len(notes)):
        near = [j for j in range(max(0, i - neighbours), min(len(notes), i + neighbours + 1)) if j != i]
        if len(near) < 3 or np.ptp(score[near]) == 0:
            errors.append(None)
            continue
        _, level = np.polyfit(score[near] - score[i], sung[near], 1)
        errors.append(float(sung[i] - level))
    return errors


def warp(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """DTW path (steps, 2) of frame numbers between features (frames, dim), by Euclidean distance; steps cost alike."""
    return warp_with_cost(x, y, 0.0)[0]


def warp_with_cost(x: np.ndarray, y: np.ndarray, off_diagonal: float) -> tuple[np.ndarray, float]:
    """warp, and the path's mean cost a step; off_diagonal: cost added to every step that moves in one sound only.

    The coarsest level, features averaged over 2^k frames, is searched whole; each finer one within RADIUS frames of the
    path before.
    """
    x, y = (np.ascontiguousarray(each, dtype=np.float64) for each in (x, y))
    if len(x) == 0 or len(y) == 0:
        raise ValueError(f"warp: {len(x)} and {len(y)} frames; at least one each is needed")
    search = _search()
    levels = 0
    while (len(x) >> levels) * (len(y) >> levels) > FULL_CELLS:
        levels += 1
    path: np.ndarray | None = None
    cost = 0.0
    for level in range(levels, -1, -1):
        a, b = _averaged(x, 1 << level), _averaged(y, 1 << level)
        low, high = np.zeros(len(a), np.int64), np.full(len(a), len(b), np.int64)
        if path is not None:
            low, high = _band(path, len(a), len(b))
        path, cost = search(a, b, low, high, off_diagonal)
    assert path is not None
    return path, cost / len(path)


def _averaged(features, width):
    if width == 1:
        return features
    starts = np.arange(0, len(features), width)
    counts = np.minimum(width, len(features) - starts)
    return np.ascontiguousarray(np.add.reduceat(features, starts) / counts[:, None])


def _band(path, rows, columns):
    """Per row of the finer level the columns [low, high) within RADIUS of the coarser path."""
    low, high = np.full(rows, columns, np.int64), np.zeros(rows, np.int64)
    for half in (0, 1):
        at = np.minimum(2 * path[:, 0] + half, rows - 1)
        np.minimum.at(low, at, np.maximum(2 * path[:, 1] - RADIUS, 0))
        np.maximum.at(high, at, np.minimum(2 * path[:, 1] + 2 + RADIUS, columns))
    high[-1] = columns
    return low, high


def _search():
    """The compiled search; compiling takes a second, so it waits until it is needed."""
    global _compiled
    if _compiled is None:
        import numba

        _compiled = numba.njit(nogil=True)(_search_band)
    return _compiled


_compiled = None


def _search_band(x, y, low, high, off_diagonal):
    """Cheapest path from the first to the last pair of frames inside the band, and its cost."""
    rows = len(x)
    offsets = np.zeros(rows + 1, np.int64)
    for i in range(rows):
        offsets[i + 1] = offsets[i] + high[i] - low[i]
    steps = np.zeros(offsets[rows], np.int8)  # 0 diagonal, 1 down (in x), 2 along (in y)
    above = np.full(len(y) + 1, np.inf)
    row = np.full(len(y) + 1, np.inf)
    for i in range(rows):
        row[:] = np.inf
        for j in range(low[i], high[i]):
            distance = 0.0
            for k in range(x.shape[1]):
                distance += (x[i, k] - y[j, k]) ** 2
            distance = np.sqrt(distance)
            best, step = np.inf, 0
            if i == 0 and j == 0:
                best = 0.0
            if i > 0 and j > 0 and above[j - 1] < best:
                best = above[j - 1]
            if i > 0 and above[j] + off_diagonal < best:
                best, step = above[j] + off_diagonal, 1
            if j > 0 and row[j - 1] + off_diagonal < best:
                best, step = row[j - 1] + off_diagonal, 2
            row[j] = best + distance
            steps[offsets[i] + j - low[i]] = step
        above, row = row, above
    cost = above[len(y) - 1]
    path = np.zeros((rows + len(y), 2), np.int64)
    i, j, count = rows - 1, len(y) - 1, 0
    while True:
        path[count, 0], path[count, 1] = i, j
        count += 1
        if i == 0 and j == 0:
            break
        step = steps[offsets[i] + j - low[i]]
        if step != 2:
            i -= 1
        if step != 1:
            j -= 1
    return path[:count][::-1].copy(), cost


def _score_contour(notes, times):
    """(cents, voiced) of the bare notes at times in seconds of the score."""
    cents, voiced = np.full(len(times), notes[0].cents), np.zeros(len(times), dtype=bool)
    for note in notes:
        first, last = np.searchsorted(times, [note.onset, note.end])
        cents[first:last], voiced[first:last] = note.cents, True
    return cents, voiced


def _features(cents, voiced):
    """(frames, 14): share in each of 12 pitch classes, silence, height in octaves; averages of frames stay meaningful."""
    features = np.zeros((len(cents), 14))
    at = np.flatnonzero(voiced)
    below = np.floor(cents[at] / 100).astype(int)
    share = cents[at] / 100 - below
    features[at, below % 12] = 1 - share
    features[at, (below + 1) % 12] += share
    features[:, 12] = SILENCE_WEIGHT * ~voiced
    features[at, 13] = (cents[at] - 6000) / 1200 * 0.5
    return features


def _keys(wanted, heard, most=3):
    """The likeliest transpositions in cents, by the match of smoothed histograms of pitch, 10 cents fine."""
    grid = np.arange(0, 12_810, 10)
    bell = np.exp(-0.5 * (np.arange(-10, 11) * 10 / 40.0) ** 2)
    a, b = (np.convolve(np.histogram(each, grid)[0] / max(1, len(each)), bell, "same") for each in (wanted, heard))
    shifts = np.arange(-360, 361)
    match = np.array([np.sum(a[max(0, -s) : len(a) - max(0, s)] * b[max(0, s) : len(b) - max(0, -s)]) for s in shifts])
    found = []
    while len(found) < most and match.max() > 0:
        best = int(np.argmax(match))
        found.append(10.0 * shifts[best])
        match[max(0, best - 5) : best + 6] = 0
    return found or [0.0]


def _through(path, score_grid, times, wanted):
    """Recording seconds of score seconds, along the middle of the path."""
    rows = np.arange(len(score_grid))
    ends = np.searchsorted(path[:, 0], rows, side="right")
    starts = np.searchsorted(path[:, 0], rows, side="left")
    columns = (path[starts, 1] + path[ends - 1, 1]) / 2
    return np.interp(wanted, score_grid, columns * (times[1] - times[0]))


def _placed(notes, onsets, ends):
    return [
        replace(note, onset=float(onset), duration=float(max(end - onset, LEAST_SECONDS)))
        for note, onset, end in zip(notes, onsets, ends, strict=True)
    ]


def _heard(notes, measured, missed=()):
    """The notes with their onsets moved to where they are heard; what follows a moved onset ends before it."""
    _, key = _agreement(notes, measured)
    there = replace(measured, cents=measured.cents - key)
    heard = list(notes)
    before = None  # number of the sung note before
    for i, note in enumerate(notes):
        if i in missed:
            continue
        off = onset_error(note, None if before is None else notes[before], there)
        onset = note.onset if off is None else min(note.onset + off, note.end - LEAST_SECONDS)
        if before is not None:
            onset = max(onset, heard[before].onset + LEAST_SECONDS)
        heard[i] = replace(note, onset=onset, duration=max(note.end - onset, LEAST_SECONDS))
        if before is not None and (notes[before].end >= note.onset - 1e-6 or heard[before].end > onset):
            heard[before] = replace(heard[before], duration=max(onset - heard[before].onset, LEAST_SECONDS))
        before = i
    for i in reversed(missed):
        if i + 1 < len(heard):
            heard[i] = replace(heard[i], onset=min(heard[i].onset, heard[i + 1].onset - LEAST_SECONDS))
    return heard


@dataclass(frozen=True)
class _Share:
    """Of all frames inside the notes, and of those that are voiced, the share in notes sung at their own pitch."""

    of_all: float
    of_sung: float
    sung: float


def _sung_right(notes, measured, lengths=None, missed=()):
    """The shares of notes whose median pitch is the written one, the line's own key aside.

    lengths: seconds that the notes should have, those that they have when None; no note counts for longer.
    """
    frames, hop = len(measured.cents), measured.hop_seconds
    lengths = [note.duration for note in notes] if lengths is None else lengths
    off, sung = [], []
    for i, note in enumerate(notes):
        here = frames_inside([note], frames, hop, 0.0) & measured.voiced
        if i not in missed and here.any():
            off.append(np.median(measured.cents[here]) - note.cents)
            sung.append(min(np.sum(here) * hop, lengths[i]))
    if not off:
        return _Share(0.0, 0.0, 0.0)
    near = np.sum(np.array(sung)[np.abs(np.array(off) - np.median(off)) <= SAME_NOTE_CENTS])
    return _Share(near / sum(lengths), near / sum(sung), sum(sung) / sum(lengths))


def _in_time(notes, measured):
    """Whether what is sung is sung where the score has it, the key aside; notes left silent do not matter."""
    share = _sung_right(notes, measured)
    outside = measured.voiced & ~frames_inside(notes, len(measured.cents), measured.hop_seconds, -ONSET_SEARCH_SECONDS)
    little_outside = np.sum(outside) <= OUTSIDE * np.sum(measured.voiced)
    return share.of_sung >= IN_TUNE and share.sung >= MOSTLY_SUNG and little_outside


def _agreement(notes, measured):
    """(fraction of frames near their note's pitch, the key in cents it was judged in)."""
    frames, hop = len(measured.cents), measured.hop_seconds
    wanted, _ = _score_contour(notes, np.arange(frames) * hop)
    inside = frames_inside(notes, frames, hop, MARGIN_SECONDS)
    sung = inside & measured.voiced
    if not sung.any():
        return 0.0, 0.0
    difference = measured.cents - wanted
    key = 100.0 * float(np.round(np.median(difference[sung]) / 100))
    return float(np.sum(np.abs(difference[sung] - key) <= NEAR_CENTS) / np.sum(inside)), key
