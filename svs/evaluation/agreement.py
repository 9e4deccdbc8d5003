"""Agreement: several trackers on one sound. What they disagree by bounds what a measured error can claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from svs.audio import Audio, AudioFile
from svs.evaluation.pitch import summarise
from svs.f0 import TRACKERS, track
from svs.pitch import PitchCurve
from svs.units import FrameGrid


def track_all(
    audio: Audio | AudioFile, floor_hz: float, ceiling_hz: float, grid: FrameGrid
) -> tuple[dict[str, PitchCurve], dict[str, str]]:
    """(contours by tracker, the reason by tracker whose package is missing)."""
    curves, missing = {}, {}
    for name in TRACKERS:
        try:
            curves[name] = track(audio, name, floor_hz, ceiling_hz, grid)
        except ImportError as error:
            missing[name] = str(error)
    return curves, missing


def tracker_agreement(
    curves: Mapping[str, PitchCurve],
    rows: Mapping[str, Sequence[dict]],
    missing: Mapping[str, str] | None = None,
) -> dict:
    """{"trackers": {name: figures}, "disagreement": figures} of contours of one sound, in cents.

    rows: each tracker's note_errors of the same notes.

    trackers: each one's summary of the notes; {"missing": reason} for those that could not run.
    disagreement:
      notes_median_cents, notes_p95_cents: over the notes, half the range of the trackers' errors of a note; an octave
        error of one tracker shows in the second. None when fewer than two trackers found a note.
      frames: {"a / b": median |difference| over frames voiced in both}.
      voicing: {"a / b": fraction of all frames voiced in one only}.
    """
    ranges = []
    for versions in zip(*rows.values(), strict=True):
        errors = [row["error_cents"] for row in versions if row["error_cents"] is not None]
        if len(errors) > 1:
            ranges.append(np.ptp(errors) / 2)
    return {
        "trackers": {name: summarise(each) for name, each in rows.items()}
        | {name: {"missing": reason} for name, reason in (missing or {}).items()},
        "disagreement": {
            "notes_median_cents": float(np.median(ranges)) if ranges else None,
            "notes_p95_cents": float(np.percentile(ranges, 95)) if ranges else None,
            **contour_disagreement(curves),
        },
    }


def contour_disagreement(curves: Mapping[str, PitchCurve]) -> dict:
    """{"frames", "voicing"} of tracker_agreement, by pair of trackers."""
    frames, voicing = {}, {}
    for a, b in combinations(curves, 2):
        both = curves[a].voiced & curves[b].voiced
        difference = np.abs(curves[a].cents - curves[b].cents)[both]
        frames[f"{a} / {b}"] = float(np.median(difference)) if len(difference) else None
        voicing[f"{a} / {b}"] = float(np.mean(curves[a].voiced != curves[b].voiced)) if len(both) else 0.0
    return {"frames": frames, "voicing": voicing}
