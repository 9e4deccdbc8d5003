"""Evaluation: how well a line was sung, in cents, seconds, spectra and words.

    result = evaluate_take(take.audio, take.to_json())
    result["summary"]["mean_abs_error_cents"]

Metrics take arrays, never load files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise

import numpy as np

from svs.audio import Audio, AudioFile
from svs.evaluation.agreement import track_all, tracker_agreement
from svs.evaluation.alignment import align, beat_errors, placed_errors
from svs.evaluation.pitch import frame_errors, summarise, verdicts
from svs.f0 import check_tracker, track
from svs.pitch import PitchCurve
from svs.score import Note
from svs.units import PITCH_GRID, FrameGrid

__all__ = ["check_lengths", "evaluate_notes", "evaluate_take", "judge", "measure", "take_curve", "take_notes"]

# C2 sung 100 cents below itself is 62 Hz, C6 100 above 1109: both with room, so that no vibrato is cut off.
FLOOR_HZ, CEILING_HZ = 55.0, 1400.0
REST_MARGIN = 0.3  # seconds at both ends of a rest, in which a voice or a room may sound
LEAST_REST = 1.0  # seconds in all, for a verdict
SOUNDING_RESTS = 0.6  # of them
ALL = "all"  # trackers; the first of them, Praat, gives the rows


def evaluate_take(audio: Audio | AudioFile, take: Mapping, tracker: str = "praat") -> dict:
    """Measure a take's audio against what was commanded and what was written.

    take: the take's JSON (DESIGN §3): its notes in seconds of the audio, its f0 as commanded.
    Returns the keys of evaluate_notes and "frames", the FrameErrors against the commanded contour.
    Raises ValueError naming what the take lacks, or when audio and take are of other lengths.
    """
    notes, commanded = take_notes(take), take_curve(take)
    check_lengths(commanded, audio)
    return evaluate_notes(audio, notes, tracker, commanded)


def evaluate_notes(
    audio: Audio | AudioFile,
    notes: Sequence[Note],
    tracker: str = "praat",
    commanded: PitchCurve | None = None,
    alignment: str = "time",
) -> dict:
    """Measure audio against notes, and against a commanded contour when there is one.

    notes:     in seconds of the audio; of a score when alignment is "dtw" or "auto" (see align).
    tracker:   a key of svs.f0.TRACKERS, or "all".
    Returns {"tracker", "alignment", "notes", "summary", "verdicts"} ready for JSON, "frames" when commanded is given
    and the keys of tracker_agreement when all trackers were asked.
    summary's voicing_error is the fraction of all frames whose voicing differs from the contour's, None without one.
    Aligned by DTW, a note's onset error is against the local tempo (beat_errors), for no other beat is known.
    """
    if not notes:
        raise ValueError("there are no notes to measure against")
    curves, missing = measure(audio, tracker, FrameGrid(commanded.hop_seconds) if commanded else PITCH_GRID)
    return judge(curves, notes, commanded, alignment, missing)


def check_lengths(commanded: PitchCurve, audio: Audio | AudioFile) -> None:
    """Raise ValueError unless a take's contour lasts as long as the audio, to 0.1 s."""
    seconds = len(commanded.cents) * commanded.hop_seconds
    if abs(seconds - audio.seconds) > 0.1:
        raise ValueError(f"the take lasts {seconds:.2f} s, the audio {audio.seconds:.2f} s; is this the audio of that take?")


def judge(
    curves: Mapping[str, PitchCurve],
    notes: Sequence[Note],
    commanded: PitchCurve | None = None,
    alignment: str = "time",
    missing: Mapping[str, str] | None = None,
) -> dict:
    """evaluate_notes of contours that are measured already; the first gives the rows. missing: see measure."""
    first, measured = next(iter(curves.items()))
    placed = align(notes, measured, alignment)
    rows = placed_errors(placed, measured)
    if placed.method == "dtw":
        found = [i for i, row in enumerate(rows) if row["voiced_fraction"] > 0]  # where silence lies says nothing
        late = beat_errors([notes[i] for i in found], [placed.notes[i] for i in found])
        for row in rows:
            row["onset_error_seconds"] = None
        for i, seconds in zip(found, late, strict=True):
            rows[i]["onset_error_seconds"] = seconds
    result = {
        "tracker": first,
        "alignment": {
            "method": placed.method,
            "agreement": placed.agreement,
            "key_cents": placed.key_cents,
            "tempo": placed.tempo,
        },
        "notes": rows,
    }
    voicing_error = None
    if commanded is not None:
        errors = frame_errors(commanded, measured, notes)
        voicing_error = errors.voicing_disagreement / 100
        result["frames"] = asdict(errors)
    result["summary"] = summarise(rows, voicing_error)
    result["verdicts"] = verdicts(rows) + _cut_short(placed, measured) + _accompanied(placed, measured)
    if len(curves) > 1 or missing:
        by_tracker = {name: placed_errors(placed, curve) for name, curve in curves.items()}
        result |= tracker_agreement(curves, by_tracker, missing)
    return result


def _cut_short(placed, measured):
    """A verdict on a recording that ends before its score does."""
    seconds = len(measured.cents) * measured.hop_seconds
    late = sum((note.onset + note.end) / 2 > seconds for note in placed.notes)
    if placed.method != "time" or not late:
        return []
    return [f"the recording ends at {seconds:.1f} s, and {late} of {len(placed.notes)} notes lie beyond: is it cut short?"]


def _accompanied(placed, measured):
    """A verdict on a recording that goes on where its score rests."""
    resting = np.zeros(len(measured.voiced), dtype=bool)
    for before, after in pairwise(placed.notes):
        first, last = (round(at / measured.hop_seconds) for at in (before.end + REST_MARGIN, after.onset - REST_MARGIN))
        resting[max(first, 0) : max(last, 0)] = True
    heard = float(measured.voiced[resting].mean()) if resting.sum() * measured.hop_seconds >= LEAST_REST else 0.0
    if heard < SOUNDING_RESTS:
        return []
    return [f"{heard:.0%} of the rests have a pitch: is the voice accompanied? Only a voice alone can be measured"]


def measure(
    audio: Audio | AudioFile, tracker: str = "praat", grid: FrameGrid = PITCH_GRID
) -> tuple[dict[str, PitchCurve], dict[str, str]]:
    """Contours by tracker, and why the trackers that could not run did not; one contour unless "all" is asked.

    Raises ValueError for empty audio and for a sample rate too low to hold singing.
    """
    if not audio.seconds:
        raise ValueError("the audio is empty: it holds no samples")
    if audio.sample_rate < 4 * FLOOR_HZ:
        raise ValueError(f"a sample rate of {audio.sample_rate} Hz holds no singing; {4 * FLOOR_HZ:g} Hz or more is wanted")
    limits = FLOOR_HZ, min(CEILING_HZ, 0.45 * audio.sample_rate)
    if tracker == ALL:
        return track_all(audio, *limits, grid)
    check_tracker(tracker, ALL)
    return {tracker: track(audio, tracker, *limits, grid)}, {}


def take_notes(take: Mapping) -> list[Note]:
    """The notes of a take's JSON."""
    try:
        return [
            Note(
                onset=float(note["onset"]),
                duration=float(note["duration"]),
                cents=float(note["cents"]),
                lyric=note.get("lyric"),
                melisma=bool(note.get("melisma", False)),
                bar=note.get("bar", 1),
                phonemes=tuple(note.get("phonemes") or ()),
            )
            for note in take["notes"]
        ]
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        raise ValueError(f"not a take of svs, {_missing(error)} in its notes") from None


def take_curve(take: Mapping) -> PitchCurve:
    """The commanded contour of a take's JSON."""
    try:
        f0 = take["f0"]
        cents, voiced = np.asarray(f0["cents"], dtype=np.float64), np.asarray(f0["voiced"], dtype=bool)
        return PitchCurve(cents, voiced, float(f0["hop_seconds"]))
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise ValueError(f"not a take of svs, {_missing(error)} in its f0") from None


def _missing(error):
    return f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())[:200]
