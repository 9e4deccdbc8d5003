"""Evaluation: how well a line was sung, in cents, seconds, spectra and words. Metrics take arrays, never load files.

    result = evaluate_take(take.audio, take.to_json())
    result["summary"]["mean_abs_error_cents"]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from svs.audio import Audio
from svs.evaluation.pitch import frame_errors, note_errors, summarise, verdicts
from svs.f0 import track
from svs.pitch import PitchCurve
from svs.score import Note
from svs.units import PITCH_GRID, FrameGrid

__all__ = ["evaluate_notes", "evaluate_take", "take_curve", "take_notes"]


def evaluate_take(audio: Audio, take: Mapping, tracker: str = "praat") -> dict:
    """Measure a take's audio against what was commanded and what was written.

    take: the take's JSON (DESIGN §3): its notes in seconds of the audio, its f0 as commanded.
    Returns the keys of evaluate_notes and "frames", the FrameErrors against the commanded contour.
    Raises ValueError naming what the take lacks, or when audio and take are of other lengths.
    """
    notes, commanded = take_notes(take), take_curve(take)
    if abs(len(commanded.cents) * commanded.hop_seconds - audio.seconds) > 0.1:
        raise ValueError(
            f"the take lasts {len(commanded.cents) * commanded.hop_seconds:.2f} s, the audio {audio.seconds:.2f} s; "
            "is this the audio of that take?"
        )
    return evaluate_notes(audio, notes, tracker, commanded)


def evaluate_notes(
    audio: Audio, notes: Sequence[Note], tracker: str = "praat", commanded: PitchCurve | None = None
) -> dict:
    """Measure audio against notes (seconds of the audio), and against a commanded contour when there is one.

    Returns {"tracker", "notes", "summary", "verdicts"} ready for JSON, and "frames" when commanded is given.
    summary's voicing_error is the fraction of all frames whose voicing differs from the contour's, None without one.
    """
    if not len(audio.samples):
        raise ValueError("the audio is empty: it holds no samples")
    if not notes:
        raise ValueError("there are no notes to measure against")
    measured = track(audio, tracker, grid=FrameGrid(commanded.hop_seconds) if commanded else PITCH_GRID)
    rows = note_errors(notes, measured)
    result = {"tracker": tracker, "notes": rows}
    voicing_error = None
    if commanded is not None:
        errors = frame_errors(commanded, measured, notes)
        voicing_error = errors.voicing_disagreement / 100
        result["frames"] = asdict(errors)
    result["summary"] = summarise(rows, voicing_error)
    result["verdicts"] = verdicts(rows)
    return result


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
    except (KeyError, TypeError) as error:
        raise ValueError(f"take: not a take of svs, {_missing(error)} in its notes") from None


def take_curve(take: Mapping) -> PitchCurve:
    """The commanded contour of a take's JSON."""
    try:
        f0 = take["f0"]
        cents, voiced = np.asarray(f0["cents"], dtype=np.float64), np.asarray(f0["voiced"], dtype=bool)
        return PitchCurve(cents, voiced, float(f0["hop_seconds"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"take: not a take of svs, {_missing(error)} in its f0") from None


def _missing(error):
    return f"no {error}" if isinstance(error, KeyError) else str(error)
