"""Natural pitch kept to the cent: the mean of every held note over whole vibrato cycles, against its written pitch.

No sound is made: this measures what is commanded. Notes of 250 ms and more count; their steady part is what remains
when 100 ms, or a quarter of the note, are taken off both ends, and of that the longest voiced stretch. Its vibrato is
fitted, and the mean taken over as many whole cycles as fit in, three times: counted from its beginning, about its
middle, and up to its end; the worst of the three is the note's error. Notes whose written sign leads away from them
(glissando, doit, falloff) have no steady part and do not count.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.common import ROOT, parser, print_table, say, verdict, write_json
from svs import g2p
from svs.articulation import articulate
from svs.evaluation.pitch import fit_vibrato, note_errors
from svs.phonemes import pronounce
from svs.pitch import PitchCurve, natural
from svs.score import Note, ScoreError, read_score, select_part
from svs.timing import ConsonantDurations, delay, place
from svs.voice import find

SHORTEST = 0.25  # seconds
LEADS_AWAY = frozenset(("glide", "doit", "falloff"))


def whole_cycle_error(note: Note, curve: PitchCurve) -> float | None:
    """Cents, largest in size of the three means; None for a note without voiced frames in its steady part."""
    edge = min(0.1, note.duration / 4)
    times = np.arange(len(curve.cents)) * curve.hop_seconds
    steady = curve.voiced & (times >= note.onset + edge - 1e-9) & (times <= note.end - edge + 1e-9)
    borders = np.flatnonzero(np.diff(steady, prepend=False, append=False)).reshape(-1, 2)
    if not len(borders):
        return None
    longest = slice(*max(borders, key=lambda run: run[1] - run[0]))
    times, cents = times[longest], curve.cents[longest]
    begin, end = times[0], times[-1] + curve.hop_seconds
    rate = fit_vibrato(times, cents).rate_hz
    cycles = int((end - begin) * rate + 1e-6) if rate else 0
    seconds = cycles / rate if cycles else end - begin
    spare = end - begin - seconds
    errors = []
    for skipped in (0.0, 0.5 * spare, spare):
        # a frame counts by how much of it lies inside, so that the cycles are whole
        inside = np.minimum(times + curve.hop_seconds, begin + skipped + seconds) - np.maximum(times, begin + skipped)
        weight = np.clip(inside, 0.0, None)
        errors.append(float((cents - note.cents) @ weight / weight.sum()))
    return max(errors, key=abs)


def main(arguments=None) -> float:
    options = parser(__doc__)
    options.add_argument("scores", nargs="*", type=Path, help="default: those of assets/scores")
    options.add_argument("--voice", default="default", help="whose consonant durations are used")
    options.add_argument("--seeds", type=int, default=3, help="as many seeds from 0")
    options.add_argument("--json", type=Path, help="write the figures here too")
    options = options.parse_args(arguments)

    durations = ConsonantDurations.load(find(options.voice) / "timing.safetensors")
    rows, everything, evaluator = [], [], []
    for path in options.scores or sorted((ROOT / "assets" / "scores").glob("*.musicxml")):
        try:
            part = select_part(read_score(path, missing_lyric="la"))
            part = pronounce(part, g2p.load("en"))
        except ScoreError as error:
            say(f"left out: {error}")
            continue
        notes = articulate(delay(part.notes))
        spans = place(notes, durations)
        errors, steady = [], []
        for seed in range(options.seeds):
            curve = natural(notes, spans, seed=seed)
            counted = [n for n in notes if n.duration >= SHORTEST and not LEADS_AWAY & set(n.marks)]
            errors += [e for note in counted if (e := whole_cycle_error(note, curve)) is not None]
            found = [row["abs_error_cents"] for row in note_errors(counted, curve)]
            steady += [error for error in found if error is not None]
        size = np.abs(errors)
        rows.append([path.stem[:40], len(errors) // options.seeds, float(size.mean()), float(size.max()),
                     float(np.mean(size <= 1.0)) * 100, float(np.max(steady))])  # fmt: skip
        everything.append(size)
        evaluator.append(steady)
    everything, evaluator = np.concatenate(everything), np.concatenate(evaluator)
    print_table(["score", "notes", "mean abs ¢", "worst ¢", "≤ 1 ¢ %", "evaluator's worst ¢"], rows)
    print(f"\n{len(rows)} scores, {len(everything)} notes with {options.seeds} seeds, "
          f"{100 * np.mean(everything <= 1):.2f} % within 1 cent; evaluator's note error: mean {evaluator.mean():.2f}, "
          f"worst {evaluator.max():.2f} cents")  # fmt: skip
    verdict("worst note's mean over whole vibrato cycles, cents", float(everything.max()), 1.0)
    write_json(options.json, {"scores": rows, "worst_cents": float(everything.max()), "notes": len(everything)})
    return float(everything.max())


if __name__ == "__main__":
    main()
