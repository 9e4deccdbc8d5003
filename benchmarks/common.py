"""What the benchmarks share: the song list, renders kept on disk, tables."""

from __future__ import annotations

import argparse
import json
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from svs.audio import Audio

ROOT = Path(__file__).resolve().parent.parent
SONGS = Path(__file__).with_name("songs.txt")
T = TypeVar("T")


def parser(description: str) -> argparse.ArgumentParser:
    """A parser that shows the module's docstring as its help."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


def add_song_options(options: argparse.ArgumentParser) -> None:
    """--songs, --voice, --singer, --transpose, --pitch, --seed, --out, --reuse: what `renders` takes."""
    options.add_argument("--songs", type=Path, default=SONGS, help="list of scores, relative to assets/scores")
    options.add_argument("--voice", default="default")
    options.add_argument("--singer", help="of the voice (default: its own)")
    options.add_argument(
        "--transpose", type=_transposition, default=0.0, help="semitones, or fit: each song in the singer's octave"
    )
    options.add_argument("--pitch", default="exact", choices=["exact", "natural"])
    options.add_argument("--phrasing", choices=["natural", "written"], help="as --pitch when not given")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out", type=Path, default=Path("out/benchmarks"), help="where renders go")
    options.add_argument("--reuse", action="store_true", help="measure renders that are there already")
    options.add_argument("--json", type=Path, help="write the figures here too")


def add_few_songs(options: argparse.ArgumentParser, limit: int | None = None) -> None:
    """Options of benchmarks that sing a few songs themselves, each in several ways."""
    options.add_argument("--voice", default="default")
    options.add_argument("--singer")
    options.add_argument("--songs", type=Path, nargs="+", help="scores (default: those of songs.txt)")
    options.add_argument("--limit", type=int, default=limit, help="only so many of them, evenly spaced")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--no-words", action="store_true", help="without the recogniser")
    options.add_argument("--json", type=Path)


def song_list(path: Path = SONGS) -> list[Path]:
    """The scores a list names, one a line, # for remarks. Raises SystemExit naming those that are missing."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    songs = [ROOT / "assets" / "scores" / line for line in lines if line and not line.startswith("#")]
    missing = [str(song) for song in songs if not song.is_file()]
    if missing:
        raise SystemExit(f"{path}: no such score: {', '.join(missing)}")
    return songs


def opening(musicxml: bytes, bars: int) -> bytes:
    """A partwise score cut after so many bars."""
    root = ElementTree.fromstring(musicxml)
    for part in root.findall("part"):
        for measure in part.findall("measure")[bars:]:
            part.remove(measure)
    return ElementTree.tostring(root, encoding="utf-8")


def renders(options):
    """Yield (score path, Audio, take JSON) of every song, from --out when --reuse, else sung anew."""
    options.out.mkdir(parents=True, exist_ok=True)
    for score in song_list(options.songs):
        wav, take_path = options.out / f"{score.stem}.wav", options.out / f"{score.stem}.json"
        if not (options.reuse and wav.is_file() and take_path.is_file()):
            import svs

            transpose = options.transpose
            if transpose == "fit":
                transpose = octaves(score, options.voice, options.singer)
            say(f"singing {score.name}" + (f", {transpose:+g} semitones" if transpose else ""))
            how = {"pitch": options.pitch, "phrasing": options.phrasing, "seed": options.seed, "singer": options.singer}
            take = svs.sing(score, options.voice, transpose=transpose, **how)
            take.audio.write(wav)
            take_path.write_text(json.dumps(take.to_json(), ensure_ascii=False), encoding="utf-8")
        yield score, Audio.read(wav), json.loads(take_path.read_text(encoding="utf-8"))


def octaves(score: Path, voice, singer: str | None) -> float:
    """Semitones, whole octaves, that bring the middle of a song's notes nearest to the middle of the singer's range."""
    from svs.score import read_score
    from svs.voice import Voice

    low, high = Voice.load(voice).range_cents(singer)
    cents = [note.cents for note in read_score(score).parts[0].notes]
    return 12.0 * round((low + high - min(cents) - max(cents)) / 2400)


def _transposition(text: str) -> float | str:
    try:
        return text if text == "fit" else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of semitones nor fit") from None


def embedding_here() -> str:
    """The embedding that Fréchet audio distances are of: the default, or mfcc where its package is missing."""
    from svs.evaluation.embedding import DEFAULT, load

    try:
        load(DEFAULT)
    except ImportError:
        return "mfcc"
    return DEFAULT


def sound_files(where: Path, limit: int | None = None, heldout: list[str] | None = None) -> list[Path]:
    """A sound file, a folder's sound files, or those of a .jsonl manifest; evenly spaced ones when there are too many.

    heldout: speakers, or pieces of clip ids (manifest) or file names; only those clips are taken.
    """
    if where.suffix == ".jsonl":
        from svs.dataset import kept_out, read_manifest

        found = [Path(clip["audio"]) for clip in read_manifest(where) if not heldout or kept_out(clip, heldout)]
    elif where.is_dir():
        found = sorted(path for path in where.rglob("*") if path.suffix.lower() in (".wav", ".flac"))
    else:
        found = [where]
    if heldout and where.suffix != ".jsonl":
        found = [path for path in found if any(name in str(path) for name in heldout)]
    if not found:
        raise SystemExit(f"{where}: no sound files there{' that are held out' if heldout else ''}")
    return evenly(found, limit)


def band_of(audio: Audio) -> float | None:
    """Hz up to which a sound is to be compared, None for all: 0.45 of the rate it came at, or of 24 kHz if it hides that."""
    from svs.band import CUT_RATE, is_cut
    from svs.units import SAMPLE_RATE

    if audio.sample_rate < SAMPLE_RATE:
        return 0.45 * audio.sample_rate
    return 0.45 * CUT_RATE if is_cut([audio.resample(SAMPLE_RATE).samples]) else None


def evenly(items: Sequence[T], most: int | None) -> list[T]:
    """All of them, or so many at most, evenly spaced; None and 0 set no limit."""
    count = min(most or len(items), len(items))
    return [items[i * len(items) // count] for i in range(count)]


def mean(values: Iterable[float | None]) -> float | None:
    """Of those that are there and are numbers; None where none is."""
    known = [value for value in values if value is not None and value == value]
    return float(np.mean(known)) if known else None


def print_table(headings: list[str], rows: list[list]) -> None:
    """A Markdown table: None as –, floats to three significant places at least."""
    cells = [[cell(value) for value in row] for row in rows]
    widths = [max(len(row[i]) for row in [headings, *cells]) for i in range(len(headings))]
    for number, row in enumerate([headings, *cells]):
        aligned = [text.ljust(w) if i == 0 else text.rjust(w) for i, (text, w) in enumerate(zip(row, widths, strict=True))]
        print("| " + " | ".join(aligned) + " |")
        if number == 0:
            print("|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":") for i, w in enumerate(widths)) + "|")


def verdict(name: str, value: float | None, bar: float) -> None:
    """One line that says whether a figure (smaller is better) meets its bar."""
    met = value is not None and value <= bar
    print(f"{'met   ' if met else 'MISSED'}  {name}: {cell(value)} (bar: ≤ {bar:g})")


def at_least(name: str, value: float | None, bar: float) -> None:
    """As `verdict`, where greater is better."""
    met = value is not None and value >= bar
    print(f"{'met   ' if met else 'MISSED'}  {name}: {cell(value)} (bar: ≥ {bar:g})")


def write_json(path: Path | None, figures) -> None:
    if path is not None:
        path.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def cell(value) -> str:
    """A value as tables show it."""
    if value is None or value != value:
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 0.1 and value else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return str(value)
