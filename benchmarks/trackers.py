"""Trackers: how far each can be trusted, on synthetic singers of exactly known pitch and on real singing.

  python -m benchmarks.trackers                                  synthetic singers
  python -m benchmarks.trackers --cases DIR                      and recordings with reference F0

Synthetic singers: formant-filtered pulse trains (tests/singers.py), C2 to C6, vibrato of ± 0, 50 and 100 cents at 4 to 7 Hz,
mistuned at random by up to 50 cents, 30 and 20 dB above white noise; every note is a sound of its own.
Mistuned melodies: nine notes −50 … +50 cents from the written pitch, one sound.
DIR holds vocadito's clip (21_pitch_vocadito), two sung clips with YIN's F0 (26_vibrato_coler_voice) and speech with
laryngograph F0 (25_pitch_fda_speech). YIN is itself a tracker: a difference from it is a disagreement, not an error.
"""

from __future__ import annotations

import csv
from itertools import cycle
from pathlib import Path

import numpy as np

from benchmarks.common import parser, print_table, say, verdict, write_json
from svs.audio import Audio
from svs.evaluation import CEILING_HZ, FLOOR_HZ
from svs.evaluation.melody import contour_scores
from svs.evaluation.pitch import note_errors
from svs.f0 import TRACKERS, curve_from_hz, track
from svs.pitch import PitchCurve
from svs.units import FrameGrid, hz_to_cents
from tests.singers import melody, scale

NOTES_HZ = (65.41, 82.41, 110.0, 164.8, 246.9, 349.2, 523.3, 740.0, 1046.5)
VIBRATO = ((0, 5.5), *((extent, rate) for extent in (50, 100) for rate in (4.0, 5.0, 6.0, 7.0)))
DETUNED = (-50, -38, -25, -12, 0, 12, 25, 38, 50)


def main(arguments=None):
    options = parser(__doc__)
    options.add_argument("--trackers", default=",".join(TRACKERS), help="comma between (default: all)")
    options.add_argument("--cases", type=Path, help="folder of recordings with reference F0")
    options.add_argument("--json", type=Path, help="write the figures here too")
    options = options.parse_args(arguments)

    names = [name for name in options.trackers.split(",") if _installed(name)]
    figures = {"synthetic": {}, "mistuned": {}, "recordings": {}}
    rows = []
    for snr in (30, 20):
        for name in names:
            say(f"{name} at {snr} dB")
            figures["synthetic"][f"{name} {snr} dB"] = found = synthetic(name, snr)
            rows.append([name, snr, *found.values()])
    print("Synthetic singers, |error| per note in cents; vibrato rate in Hz, extent in cents:\n")
    print_table(["tracker", "SNR dB", "notes", "unsung", "mean ¢", "p95 ¢", "worst ¢", "rate", "extent", "vibratos missed"], rows)
    print("\nMelodies mistuned by −50 … +50 cents, worst miss of a note in cents:\n")
    for name in names:
        figures["mistuned"][name] = mistuned(name)
    print_table(["tracker", "no vibrato", "± 50 ¢"], [[name, *figures["mistuned"][name].values()] for name in names])
    if "praat" in names:
        found, none = figures["synthetic"]["praat 30 dB"], figures["mistuned"]["praat"]
        print("\nThe default, Praat, at 30 dB:")
        verdict("worst note, cents", found["worst"] if not found["unsung"] else None, 1)
        verdict("worst vibrato rate, Hz", found["rate"] if not found["missed"] else None, 0.1)
        verdict("vibratos whose extent is off by more than 5 % and 4 cents", float(found["missed"]), 0)
        verdict("mistuned notes, worst miss, cents", max(none.values()), 1.5)
    if options.cases:
        for kind, clips in recordings(options.cases).items():
            rows = []
            for name in names:
                say(f"{name} on {kind}")
                figures["recordings"].setdefault(kind, {})[name] = found = on_recordings(clips, name)
                rows.append([name, len(clips), *found.values()])
            print(f"\n{kind}:\n")
            print_table(["tracker", "clips", "RPA 50 ¢", "RPA 25 ¢", "RPA 10 ¢", "RCA", "OA", "voicing recall", "false alarm",
                         "median |¢|"], rows)  # fmt: skip
    write_json(options.json, figures)


def synthetic(tracker: str, snr_db: float) -> dict:
    """Errors over every note and vibrato. missed: vibratos not seen, or off by more than 0.1 Hz, or 5 % and 4 cents."""
    random = np.random.default_rng(0)
    errors, rates, extents, unsung, missed = [], [0.0], [0.0], 0, 0
    for vowel, (extent, rate) in zip(cycle("aeiou"), VIBRATO):
        for hz in NOTES_HZ:
            off = random.uniform(-50, 50)
            note = scale(float(hz_to_cents(hz)), seconds=0.8)
            audio, _ = melody(note, off, vibrato_rate=rate, vibrato_extent=extent, snr_db=snr_db, vowel=vowel)
            row = note_errors(note, track(audio, tracker, FLOOR_HZ, CEILING_HZ))[0]
            if row["error_cents"] is None:
                unsung += 1
                missed += extent > 0
                continue
            errors.append(abs(row["error_cents"] - off))
            if not extent:
                continue
            if not row["vibrato_rate_hz"]:
                missed += 1
                continue
            rates.append(abs(row["vibrato_rate_hz"] - rate))
            extents.append(abs(row["vibrato_extent_cents"] - extent))
            missed += rates[-1] > 0.1 or extents[-1] > max(4.0, 0.05 * extent)
    errors = np.array(errors or [np.nan])
    return {
        "notes": len(VIBRATO) * len(NOTES_HZ),
        "unsung": unsung,
        "mean": float(errors.mean()),
        "p95": float(np.percentile(errors, 95)),
        "worst": float(errors.max()),
        "rate": float(max(rates)),
        "extent": float(max(extents)),
        "missed": int(missed),
    }


def mistuned(tracker: str) -> dict:
    """The worst miss of a note's mistuning in a melody, by vibrato extent."""
    found = {}
    for extent in (0, 50):
        notes = scale(4800, 5500, 6000, 6200, 6400, 6700, 7200, 7600, 8000, seconds=0.7)
        audio, _ = melody(notes, detune=DETUNED, vibrato_extent=extent, snr_db=30)
        rows = note_errors(notes, track(audio, tracker, FLOOR_HZ, CEILING_HZ))
        misses = [abs(row["error_cents"] - off) for row, off in zip(rows, DETUNED, strict=True) if row["error_cents"] is not None]
        found[f"{extent} cents"] = max(misses) if len(misses) == len(notes) else float("inf")
    return found


def recordings(cases: Path) -> dict[str, list[tuple[Audio, PitchCurve]]]:
    """{kind: [(sound, reference contour on its own grid)]} of what the folder holds."""
    found: dict[str, list] = {}
    clip = cases / "21_pitch_vocadito" / "vocadito_1.wav"
    if clip.is_file():
        table = np.array([[float(cell) for cell in row] for row in csv.reader(clip.with_name("vocadito_1_f0.csv").open())])
        found["vocadito, singing, F0 corrected by hand"] = [(Audio.read(clip), _on_grid(table[:, 0], table[:, 1]))]
    for clip in sorted((cases / "26_vibrato_coler_voice").glob("*.wav")):
        table = np.genfromtxt(clip.with_name(f"{clip.stem}-Yin.csv"), delimiter=",")
        found.setdefault("Coler, singing, F0 by YIN", []).append((Audio.read(clip), _on_grid(table[:, 0], table[:, 1])))
    for clip in sorted((cases / "25_pitch_fda_speech").glob("*.wav")):
        hz = np.loadtxt(clip.with_suffix(".f0ref"))
        found.setdefault("FDA, speech, F0 by laryngograph", []).append(
            (Audio.read(clip), curve_from_hz(hz, FrameGrid(0.015)))
        )
    return found


def _on_grid(times, hz):
    """The reference on the 10 ms grid, by its nearest frame; unvoiced where there is none within 10 ms."""
    grid = FrameGrid(0.01)
    wanted = grid.times(grid.frames(times[-1]))
    nearest = np.clip(np.searchsorted(times, wanted - np.diff(times).mean() / 2), 0, len(times) - 1)
    near = np.abs(times[nearest] - wanted) <= 0.01
    return curve_from_hz(np.where(near, np.maximum(hz[nearest], 0), 0.0), grid)


def on_recordings(clips, tracker: str) -> dict:
    """Mean figures over the clips."""
    rows = []
    for audio, reference in clips:
        curve = track(audio, tracker, FLOOR_HZ, min(CEILING_HZ, 0.45 * audio.sample_rate), FrameGrid(reference.hop_seconds))
        frames = min(len(curve.cents), len(reference.cents))
        curve, reference = (PitchCurve(c.cents[:frames], c.voiced[:frames], c.hop_seconds) for c in (curve, reference))
        scores = contour_scores(reference, curve)
        both = curve.voiced & reference.voiced
        rows.append(
            [scores[f"raw_pitch_accuracy_{c}_cents"] for c in (50, 25, 10)]
            + [scores[k] for k in ("raw_chroma_accuracy", "overall_accuracy", "voicing_recall", "voicing_false_alarm")]
            + [float(np.median(np.abs(curve.cents - reference.cents)[both])) if both.any() else np.nan]
        )
    names = ("rpa50", "rpa25", "rpa10", "rca", "oa", "voicing_recall", "voicing_false_alarm", "median_cents")
    return dict(zip(names, np.nanmean(rows, axis=0).tolist(), strict=True))


def _installed(name):
    if name not in TRACKERS:
        raise SystemExit(f"no tracker {name!r}; choose of {', '.join(TRACKERS)}")
    try:
        track(Audio(np.full(4410, 0.1, np.float32), 44_100), name)
    except ImportError as error:
        say(f"left out: {error}")
        return False
    return True


if __name__ == "__main__":
    main()
