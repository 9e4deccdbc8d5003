"""What a song seldom asks of a voice, as small scores made here: sung, measured, and drawn.

    vowel        one vowel for 8 s                  syllables    12 a second
    scale        two octaves up                     whisper      a phrase with all the breath that --breathiness gives
    legato       no rest for a minute               fortissimo   the phrase at +9 dB, pressed
    song         four minutes: the first and the last 30 s side by side

Dropouts are frames of vowels 20 dB below the median of their 0.3 s while the pitch commanded is voiced; those of nasals,
liquids and glides are counted apart, since singers have them too: of hibari's recordings 2 % of the frames of an R, 4 % of
an M and 6 % of a W, of Kumi's 7 % of a Y and 9 % of a ɾ. HNR is Praat's, beside the singer's recordings where --recordings
are given. Seams are where the voice is rendered in stretches: the change of level, the error of F0 and the spectral flux
there, beside the same at places of the same kind (rests, vowels, consonants with or without voice) that are no seam.
Pictures (notes, contours, spectrogram) go to --out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.common import ROOT, at_least, parser, print_table, say, sound_files, verdict, write_json
from benchmarks.judges import likeness
from svs.audio import Audio
from svs.evaluation import take_curve, take_notes
from svs.evaluation.pitch import MARGIN_SECONDS, frame_errors
from svs.evaluation.report import plot
from svs.evaluation.spectrum import harmonic_to_noise, mel_spectrum
from svs.expression import LIMITS, Expression
from svs.f0 import track
from svs.inventory import BR, SIL, features
from svs.phonemes import is_vowel
from svs.score import Score, read_score
from svs.stretches import LATENT_SECONDS, stretches
from svs.timing import PhonemeSpan
from svs.units import FrameGrid
from svs.voice import Voice

MAJOR = (0, 2, 4, 5, 7, 9, 11)
PHRASE = (
    ("how", 0),
    ("clear", 4),
    ("the", 2),
    ("long", 4),
    ("days", 5),
    ("were", 4),
    ("by", 2),
    ("the", 2),
    ("sea", 0),
)
HOP_SECONDS, WINDOW_SECONDS = 0.01, 0.02
DROP_DB, AROUND = 20.0, 15  # frames on each side
INSIDE_SECONDS = 0.03  # from a change of voicing
SEAM_SECONDS = 0.08  # on each side
QUIET_DB = -60.0  # below the peak; quieter is as good as silence
LONG_SECONDS, ENDS_SECONDS = 240.0, 30.0
HNR_BAR, LIKE_BAR, UNSUNG_BAR = 3.0, 0.9, 5.0  # noise in place of a tone is a hole too, however loud
FORTISSIMO_DB, PRESSED = 9.0, 3.0
OBSTRUENTS = ("stop", "fricative", "affricate")
CASES = ("vowel", "scale", "syllables", "whisper", "fortissimo", "legato", "song")


def case(name: str, centre: float) -> tuple[Score, Expression | None]:
    """The score of a case about a pitch in cents, and how it is to be coloured."""
    if name == "vowel":
        return Score.from_notes([(0.0, 8.0, centre, "ah")], title=name), None
    if name == "scale":
        steps = [12 * octave + step for octave in (-1, 0) for step in MAJOR] + [12]
        return Score.from_notes(
            [(0.5 * i, 0.5, centre + 100.0 * s, "la") for i, s in enumerate(steps)], title=name
        ), None
    if name == "syllables":
        words = ("ta", "ka", "la", "na")
        notes = [(i / 12, 1 / 12, centre + 100.0 * MAJOR[i // 4 % 5], words[i % 4]) for i in range(48)]
        return Score.from_notes(notes, title=name), None
    if name == "legato":
        notes = [(0.8 * i, 0.8, centre + 100.0 * MAJOR[i * 3 % 5], ("low", "ray", "me")[i % 3]) for i in range(75)]
        return Score.from_notes(notes, title=name), None
    notes = [(0.5 * i, 0.5 if i < len(PHRASE) - 1 else 1.0, centre + 100.0 * s, w) for i, (w, s) in enumerate(PHRASE)]
    score = Score.from_notes(notes, title=name)
    if name == "whisper":
        return score, Expression(breathiness=LIMITS["breathiness"])
    part = score.parts[0]
    loud = replace(part, notes=tuple(replace(note, loudness=FORTISSIMO_DB) for note in part.notes))
    return replace(score, parts=(loud,)), Expression(tension=PRESSED)


def long_song(score: Path, seconds: float = LONG_SECONDS, transpose: float = 0.0) -> Score:
    """All verses of a song, again and again a second apart, until they last so long."""
    once = read_score(score, verse="all", transpose=transpose)
    part = once.parts[0]
    length = max(note.end for note in part.notes) + 1.0
    turns = int(np.ceil(seconds / length))
    notes = tuple(replace(note, onset=note.onset + turn * length) for turn in range(turns) for note in part.notes)
    return replace(once, parts=(replace(part, notes=notes),), remarks=(), grid=None)


def frame_levels(audio: Audio) -> np.ndarray:
    """(frames,) dB of the RMS in WINDOW_SECONDS about every HOP_SECONDS, no lower than QUIET_DB below the loudest."""
    half = round(WINDOW_SECONDS / 2 * audio.sample_rate)
    power = np.concatenate([[0.0], np.cumsum(np.pad(audio.samples.astype(np.float64), half) ** 2)])
    starts = np.round(np.arange(0, audio.seconds, HOP_SECONDS) * audio.sample_rate).astype(int)
    means = (power[np.minimum(starts + 2 * half, len(power) - 1)] - power[starts]) / (2 * half)
    return 10 * np.log10(np.maximum(means, max(means.max(initial=0.0), 1e-20) * 10 ** (QUIET_DB / 10)))


def sonorous(take: dict, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """(frames,) bool each: in a vowel; in a nasal, liquid or glide. A voiced stop or fricative is soft by nature."""
    vowels, sonorants = np.zeros((2, frames), dtype=bool)
    for phone in take["phones"]:
        symbol = phone["symbol"]
        if symbol not in (SIL, BR) and (is_vowel(symbol) or features(symbol).manner not in OBSTRUENTS):
            here = slice(round(phone["start"] / HOP_SECONDS), round(phone["end"] / HOP_SECONDS))
            (vowels if is_vowel(symbol) else sonorants)[here] = True
    return vowels, sonorants


def dropouts(levels: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """(frames,) bool: voiced all about, and DROP_DB below the median of the voiced frames near by."""
    count, margin = min(len(levels), len(voiced)), round(INSIDE_SECONDS / HOP_SECONDS)
    levels, voiced = levels[:count], voiced[:count]
    found = np.zeros(count, dtype=bool)
    for i in np.flatnonzero(voiced):
        if voiced[max(0, i - margin) : i + margin + 1].all() and margin <= i < count - margin:
            near = slice(max(0, i - AROUND), i + AROUND + 1)
            found[i] = levels[i] < np.median(levels[near][voiced[near]]) - DROP_DB
    return found


def kind(spans: list[PhonemeSpan], seconds: float) -> str:
    """What is sung at a time: rest, vowel, voiced or voiceless."""
    symbol = next((span.symbol for span in spans if span.start <= seconds < span.end), SIL)
    if symbol in (SIL, BR):
        return "rest"
    return "vowel" if is_vowel(symbol) else "voiced" if features(symbol).voiced else "voiceless"


def seams(take: dict, audio: Audio) -> dict | None:
    """Level change (dB), F0 error (cents) and flux (nepers) at borders of stretches and elsewhere; None without any.

    Level and flux compare SEAM_SECONDS before with as much after; F0's error is the largest from the contour commanded.
    """
    spans = [PhonemeSpan(p["symbol"], p["start"], p["end"], p["note"]) for p in take["phones"]]
    frames = -(-len(take["f0"]["cents"]) // 2)
    borders = [stretch.start * LATENT_SECONDS for stretch in stretches(spans, frames)[1:]]
    if not borders:
        return None
    kinds = {kind(spans, border) for border in borders}
    elsewhere = [
        middle
        for middle in (0.5 * (span.start + span.end) for span in spans[1:-1])
        if kind(spans, middle) in kinds and all(abs(middle - border) > 0.5 for border in borders)
    ]
    levels, spectrum = frame_levels(audio), np.log(np.maximum(mel_spectrum(audio.samples, audio.sample_rate), 1e-4))
    commanded = take_curve(take)
    measured = track(audio, grid=FrameGrid(commanded.hop_seconds))

    def jump(seconds: float) -> dict:
        at, reach = round(seconds / HOP_SECONDS), round(SEAM_SECONDS / HOP_SECONDS)
        before, after = slice(max(0, at - reach), at), slice(at, at + reach)
        near = slice(max(0, at - reach), min(at + reach, len(commanded.cents), len(measured.cents)))
        both = commanded.voiced[near] & measured.voiced[near]
        off = np.abs(measured.cents[near] - commanded.cents[near])[both]
        return {
            "level_db": float(abs(levels[before].mean() - levels[after].mean())),
            "f0_cents": float(off.max()) if len(off) else None,
            "flux": float(np.abs(spectrum[before].mean(0) - spectrum[after].mean(0)).mean()),
        }

    at_seams, others = [jump(border) for border in borders], [jump(middle) for middle in elsewhere]
    found = {"seams": len(borders), "elsewhere": len(elsewhere), "kinds": sorted(kinds)}
    for figure in ("level_db", "f0_cents", "flux"):
        here, there = ([j[figure] for j in jumps if j[figure] is not None] for jumps in (at_seams, others))
        found[figure] = float(np.mean(here)) if here else None
        found[f"{figure}_elsewhere"] = float(np.mean(there)) if there else None
        found[f"{figure}_elsewhere_p95"] = float(np.percentile(there, 95)) if there else None
    return found


def ends(audio: Audio) -> dict:
    """The first and the last ENDS_SECONDS: likeness (None without its package), and how many dB louder the last are."""
    first, last = audio.piece(0, _samples(audio)), audio.piece(len(audio.samples) - _samples(audio), len(audio.samples))
    level = [10 * np.log10(max(float(np.mean(part.samples.astype(np.float64) ** 2)), 1e-12)) for part in (first, last)]
    return {"likeness": likeness(first, last), "louder_db": level[1] - level[0]}


def _samples(audio: Audio) -> int:
    return round(ENDS_SECONDS * audio.sample_rate)


def measure(name: str, take: dict, audio: Audio) -> dict:
    commanded, notes = take_curve(take), take_notes(take)
    vowels, sonorants = sonorous(take, len(commanded.voiced))
    dropped = dropouts(frame_levels(audio), commanded.voiced & (vowels | sonorants))
    held, soft = dropped & vowels[: len(dropped)], dropped & sonorants[: len(dropped)]
    margin = min(MARGIN_SECONDS, min(note.duration for note in notes) / 4)
    errors = frame_errors(commanded, track(audio, grid=FrameGrid(commanded.hop_seconds)), notes, margin)
    found = {
        "seconds": audio.seconds,
        "dropped_ms": 1000 * HOP_SECONDS * int(held.sum()),
        "dropped_at": [round(HOP_SECONDS * float(i), 2) for i in np.flatnonzero(held)[:20]],
        "soft_ms": 1000 * HOP_SECONDS * int(soft.sum()),
        "soft_share": 100 * float(soft.sum() / max(1, sonorants.sum())),
        "hnr": harmonic_to_noise(audio.samples, audio.sample_rate),
        "mean_abs_error_cents": errors.mean_abs_error_cents,
        "p95_abs_error_cents": errors.p95_abs_error_cents,
        "unsung": errors.unsung,
        "seams": seams(take, audio),
    }
    return found | (ends(audio) if name == "song" else {})


def sung(name: str, voice: Voice, options) -> tuple[Audio, dict]:
    """Sing a case, or read it from --out when --reuse and it is there."""
    import svs

    wav = options.out / f"{name}.wav"
    if not (options.reuse and wav.is_file() and wav.with_suffix(".json").is_file()):
        low, high = voice.range_cents(options.singer)
        centre = 100.0 * round(0.5 * (low + high) / 100)
        say(f"singing {name}")
        if name == "song":
            notes = read_score(options.song).parts[0].notes
            middle = 0.5 * (min(n.cents for n in notes) + max(n.cents for n in notes))
            score, expression = (
                long_song(options.song, options.song_seconds, round((centre - middle) / 1200) * 12),
                None,
            )
        else:
            score, expression = case(name, centre)
        take = svs.sing(score, voice, singer=options.singer, seed=options.seed, pitch="exact", expression=expression)
        take.audio.write(wav)
        wav.with_suffix(".json").write_text(json.dumps(take.to_json(), ensure_ascii=False), encoding="utf-8")
    return Audio.read(wav), json.loads(wav.with_suffix(".json").read_text(encoding="utf-8"))


def recordings_hnr(paths: list[Path]) -> float | None:
    ratios = [harmonic_to_noise(audio.samples, audio.sample_rate) for audio in map(Audio.read, paths)]
    ratios = [ratio for ratio in ratios if ratio == ratio]
    return float(np.mean(ratios)) if ratios else None


def main(arguments=None) -> dict:
    options = parser(__doc__)
    options.add_argument("--voice", default="default")
    options.add_argument("--singer", help="of the voice (default: its own)")
    options.add_argument("--cases", nargs="+", default=CASES, choices=CASES, metavar="CASE", help=", ".join(CASES))
    options.add_argument(
        "--song", type=Path, default=ROOT / "assets/scores/amazing_grace.musicxml", help="of the case `song`"
    )
    options.add_argument("--song-seconds", type=float, default=LONG_SECONDS)
    options.add_argument("--recordings", type=Path, help="of the singer: a folder, a file or a .jsonl manifest")
    options.add_argument("--heldout", nargs="+", metavar="NAME", help="only recordings of these speakers, or so named")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out", type=Path, default=Path("out/benchmarks/stress"))
    options.add_argument("--reuse", action="store_true", help="measure renders that are there already")
    options.add_argument("--json", type=Path)
    options = options.parse_args(arguments)

    options.out.mkdir(parents=True, exist_ok=True)
    voice = load(options.voice)
    recorded = recordings_hnr(sound_files(options.recordings, 12, options.heldout)) if options.recordings else None
    found = {}
    for name in options.cases:
        audio, take = sung(name, voice, options)
        found[name] = measure(name, take, audio)
        if name != "song":
            curve = take_curve(take)
            measured = track(audio, grid=FrameGrid(curve.hop_seconds))
            plot(
                options.out / f"{name}.png", audio, take_notes(take), measured, curve, title=f"{name}, {take['singer']}"
            )
    report(found, recorded)
    write_json(options.json, {"recordings_hnr": recorded, "cases": found})
    return found | {"recordings_hnr": recorded}


@cache
def load(name) -> Voice:
    return Voice.load(name)


def report(found: dict, recorded: float | None) -> None:
    columns = ("seconds", "dropped_ms", "soft_ms", "soft_share", "hnr", "mean_abs_error_cents", "p95_abs_error_cents", "unsung")
    headings = ["case", "seconds", "dropouts ms", "in sonorants", "% of them", "HNR dB", "mean abs ¢", "p95 ¢", "unsung %"]
    print_table(headings, [[name, *(case[column] for column in columns)] for name, case in found.items()])
    rows = []
    for name, case in found.items():
        if (s := case["seams"]) is not None:
            figures = [[s[f], s[f"{f}_elsewhere"], s[f"{f}_elsewhere_p95"]] for f in ("level_db", "f0_cents", "flux")]
            rows.append([name, s["seams"], s["elsewhere"], *(value for figure in figures for value in figure)])
    if rows:
        print()
        three = [f"{name}{text}" for name in ("level dB", "F0 ¢", "flux") for text in ("", " elsewhere", " p95")]
        print_table(["seams", "count", "elsewhere", *three], rows)
    print()
    for judge, *of in judged(found, recorded):
        judge(*of)


def judged(found: dict, recorded: float | None) -> Iterator[tuple[Callable, str, float | None, float]]:
    """(verdict or at_least, what, value, bar) of every case. recorded: HNR of the singer's recordings, dB."""
    for name, case in found.items():
        if name != "whisper":
            yield verdict, f"{name}: dropouts, ms", case["dropped_ms"], 0.0
            yield verdict, f"{name}: frames inside notes without the voice commanded, %", case["unsung"], UNSUNG_BAR
        if recorded is not None and name in ("vowel", "scale", "fortissimo", "legato"):
            off = case["hnr"] - recorded  # noise below, a buzz above
            side = "above" if off > 0 else "below"
            what = f"{name}: harmonic-to-noise {side} the recordings' ({recorded:.1f} dB), dB"
            yield verdict, what, abs(off), HNR_BAR
        if case["seams"] is not None:
            for figure, unit in (("level_db", "dB"), ("flux", "nepers")):
                value, bar = case["seams"][figure], case["seams"][f"{figure}_elsewhere_p95"]
                if bar is not None:
                    what = f"{name}: mean {figure.partition('_')[0]} change at seams, {unit}; bar is p95 elsewhere"
                    yield verdict, what, value, bar
    if "song" in found:
        if found["song"]["likeness"] is not None:
            yield at_least, "song: likeness of the first and last 30 s", found["song"]["likeness"], LIKE_BAR
        yield verdict, "song: level of the last 30 s from that of the first, dB", abs(found["song"]["louder_db"]), 1.0


if __name__ == "__main__":
    main()
