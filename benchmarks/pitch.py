"""Pitch of ten songs against the cents that were commanded, and of their notes; --pitch exact or natural.

A frame counts when it is voiced in both contours and at least 50 ms inside a note; octave errors count in full.
Voicing disagreement is over all frames of the song, rests and consonants too.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from benchmarks.common import add_song_options, parser, print_table, renders, verdict, write_json
from svs.evaluation import take_curve, take_notes
from svs.evaluation.pitch import MARGIN_SECONDS, frame_errors, frames_inside, note_errors, summarise
from svs.f0 import TRACKERS, track
from svs.units import FrameGrid


def main(arguments=None):
    options = parser(__doc__)
    add_song_options(options)
    options.add_argument("--tracker", default="praat", choices=list(TRACKERS))
    options = options.parse_args(arguments)

    songs, errors, disagreements, rows = {}, [], [], []
    for score, audio, take in renders(options):
        notes, commanded = take_notes(take), take_curve(take)
        measured = track(audio, options.tracker, grid=FrameGrid(commanded.hop_seconds))
        found = asdict(frame_errors(commanded, measured, notes))
        per_note = note_errors(notes, measured)
        songs[score.stem] = {"frames": found, "notes": summarise(per_note, found["voicing_disagreement"] / 100)}
        rows += per_note
        frames = min(len(commanded.cents), len(measured.cents))
        both = frames_inside(notes, frames, commanded.hop_seconds, MARGIN_SECONDS)
        both &= commanded.voiced[:frames] & measured.voiced[:frames]
        errors.append(np.abs(measured.cents[:frames] - commanded.cents[:frames])[both])
        disagreements.append(commanded.voiced[:frames] != measured.voiced[:frames])

    errors, disagreements = np.concatenate(errors), np.concatenate(disagreements)
    whole = {
        "mean_abs_error_cents": float(errors.mean()) if len(errors) else None,
        "p95_abs_error_cents": float(np.percentile(errors, 95)) if len(errors) else None,
        "voicing_disagreement": 100 * float(disagreements.mean()),
        "notes": summarise(rows, float(disagreements.mean())),
    }
    print_table(
        ["song", "frames", "mean abs ¢", "p95 ¢", "octave %", "V/UV %", "V/UV in notes %", "notes", "per note ¢", "≤ 25 ¢"],
        [
            [name, f["frames"], f["mean_abs_error_cents"], f["p95_abs_error_cents"], f["octave_errors"],
             f["voicing_disagreement"], f["voicing_disagreement_in_notes"], n["notes"], n["mean_abs_error_cents"],
             n["within_25_cents"]]
            for name, f, n in ((name, song["frames"], song["notes"]) for name, song in songs.items())
        ],
    )  # fmt: skip
    print(f"\nAll songs together, {len(errors)} frames, tracker {options.tracker}, voice {options.voice}:")
    if options.pitch == "natural":
        verdict("mean absolute error per note, cents", whole["notes"]["mean_abs_error_cents"], 5)
        verdict("notes beyond 25 cents, %", 100 * (1 - whole["notes"]["within_25_cents"]), 1)
    else:
        verdict("mean absolute error, cents", whole["mean_abs_error_cents"], 4)
        verdict("95th percentile, cents", whole["p95_abs_error_cents"], 15)
        verdict("voicing disagreement, %", whole["voicing_disagreement"], 5)
    write_json(options.json, {"tracker": options.tracker, "songs": songs, "all": whole})


if __name__ == "__main__":
    main()
