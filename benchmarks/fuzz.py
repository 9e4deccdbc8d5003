"""Damaged files of every format that svs reads: each must be read, or refused in one line that the package owns.

  python -m benchmarks.fuzz musicxml --inputs 100000 --seconds 600

Inputs are seeds from tests and assets with pieces cut, doubled, swapped, overwritten and their numbers made extreme, each
a function of the seed and its number alone (--first repeats one). What counts as a fault: any other exception, a message
of several lines, more than --limit seconds, or memory beyond --megabytes. Faults are printed, and kept with --keep DIR.
"""

from __future__ import annotations

import json
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from benchmarks.common import ROOT, parser, say

EXTREME = ["0", "-1", "1e308", "-1e308", "nan", "inf", "1e-308", "9" * 30, "1/0", "4294967296", "", "é", "\x00", "\ud800"]
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")


class TooSlowError(Exception):
    """An input took longer than it may."""


@dataclass(frozen=True)
class Format:
    """seeds: whole files to begin from. read: what is done with a damaged one, at a path."""

    suffix: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], object]
    damage: Callable[[bytes, random.Random], bytes] | None = None


def main(arguments=None):
    options = parser(__doc__)
    options.add_argument("format", choices=[*FORMATS, "all"])
    options.add_argument("--inputs", type=int, default=1000)
    options.add_argument("--seconds", type=float, default=3600.0, help="stop after this long, for each format")
    options.add_argument("--limit", type=float, default=10.0, help="seconds that one input may take")
    options.add_argument("--megabytes", type=int, default=3000, help="address space at most, beyond what is in use")
    options.add_argument("--first", type=int, default=0, help="number of the first input")
    options.add_argument("--keep", type=Path, help="folder for inputs that are faults")
    options = options.parse_args(arguments)
    failed = 0
    for name in FORMATS if options.format == "all" else [options.format]:
        failed += fuzz(name, options)
    return 1 if failed else 0


def fuzz(name: str, options) -> int:
    """Try so many inputs of a format; returns how many are faults."""
    kind = FORMATS[name]
    seeds = kind.seeds()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"input{kind.suffix}"
        path.write_bytes(seeds[0])
        attempt(kind.read, path, 60.0)  # imports are not the input's fault
        _bound(options.megabytes)
        signal.signal(signal.SIGALRM, _too_slow)
        began, outcomes, faults, slowest = time.monotonic(), Counter(), {}, 0.0
        number = options.first
        while number < options.first + options.inputs and time.monotonic() - began < options.seconds:
            path.write_bytes(damaged(seeds, random.Random(f"{name}/{number}"), kind.damage))
            started = time.monotonic()
            outcome, fault = attempt(kind.read, path, options.limit)
            slowest = max(slowest, time.monotonic() - started)
            outcomes[outcome] += 1
            if fault:
                if fault not in faults:
                    say(f"{name} {number}: {fault}")
                    if options.keep:
                        options.keep.mkdir(parents=True, exist_ok=True)
                        (options.keep / f"{name}-{number}{kind.suffix}").write_bytes(path.read_bytes())
                faults[fault] = faults.get(fault, 0) + 1
            number += 1
        extra = sorted(p.name for p in Path(folder).iterdir() if p != path and not p.name.startswith("."))
        if extra:
            faults[f"left behind: {', '.join(extra)}"] = 1
    tried = number - options.first
    told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    print(f"{name}: {tried} inputs ({told}), {sum(faults.values())} faults of {len(faults)} kinds, slowest {slowest:.2f} s")
    return len(faults)


def attempt(read, path: Path, limit: float) -> tuple[str, str | None]:
    """(read or refused or fault, what the fault is)."""
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(path)
        return "read", None
    except TooSlowError:
        return "fault", "too slow"
    except ValueError as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if not _raised_by_us(error):
            return "fault", _place(error)
        return ("fault", f"message of several lines: {type(error).__name__}") if "\n" in str(error) else ("refused", None)
    except BaseException as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if isinstance(error, KeyboardInterrupt):
            raise
        return "fault", _place(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _raised_by_us(error: Exception) -> bool:
    """Whether a statement of the package raises it: either an exception of its own, or a ValueError with its own words."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return "/svs/" in last.filename and (type(error).__module__.startswith("svs") or (last.line or "").startswith("raise"))


def _place(error: BaseException) -> str:
    """An exception with the last place of ours that it came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/svs/" in frame.filename]
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {where}: {' '.join(str(error).split())[:100]}"


def _too_slow(*_):
    raise TooSlowError


def _bound(megabytes: int) -> None:
    """Let the process grow by so much and no more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    limit = pages * resource.getpagesize() + megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


# Damage -----------------------------------------------------------------------------------------------------------


def damaged(seeds: list[bytes], rng: random.Random, damage=None) -> bytes:
    """A seed with one to six wounds."""
    data = rng.choice(seeds)
    if damage is not None and rng.random() < 0.8:
        return damage(data, rng)
    for _ in range(rng.choice([1, 1, 2, 3, 6])):
        data = _wound(data, rng, seeds)
    return data


def _wound(data: bytes, rng: random.Random, seeds: list[bytes]) -> bytes:
    a, b = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    b = min(b, a + rng.choice([1, 4, 40, 400]))
    kind = rng.randrange(8)
    if kind == 0:
        return data[:a] + data[b:]
    if kind == 1:
        return data[:b] + data[a:b] * rng.choice([1, 2, 20]) + data[b:]
    if kind == 2:
        return data[:a] + bytes(rng.randrange(256) for _ in range(min(b - a, 8))) + data[b:]
    if kind == 3:
        other = rng.choice(seeds)
        c = rng.randrange(len(other) + 1)
        return data[:a] + other[c : c + (b - a)] + data[b:]
    if kind == 4:
        return data[:a]
    if kind in (5, 6) and (numbers := list(NUMBER.finditer(data))):
        found = rng.choice(numbers)
        value = rng.choice(EXTREME).encode("utf-8", "surrogatepass")
        return data[: found.start()] + value + data[found.end() :]
    lines = data.split(b"\n")
    rng.shuffle(lines) if rng.random() < 0.2 else lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
    return b"\n".join(lines)


def damaged_archive(data: bytes, rng: random.Random) -> bytes:
    """A zip whose members are damaged and which is whole itself."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if rng.random() < 0.7:
                content = _wound(content, rng, [content])
            if rng.random() < 0.1:
                name = rng.choice(["../../escape.xml", "/tmp/escape.xml", "META-INF/container.xml", "x" * 300])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                target.writestr(name, content)
    return out.getvalue()


# Formats ----------------------------------------------------------------------------------------------------------


def _scores() -> list[bytes]:
    names = ["twinkle_twinkle_little_star", "row_your_boat", "drink_to_me_only", "silent_night"]
    return [(ROOT / "assets" / "scores" / f"{name}.musicxml").read_bytes() for name in names]


def _archives() -> list[bytes]:
    found = []
    for content in _scores()[:2]:
        out = BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(
                "META-INF/container.xml",
                '<container><rootfiles><rootfile full-path="score.xml"/></rootfiles></container>',
            )
            archive.writestr("score.xml", content)
        found.append(out.getvalue())
    return found


def _take() -> dict:
    from svs.g2p import load
    from svs.phonemes import pronounce
    from svs.pitch import exact
    from svs.score import note_to_json, read_score
    from svs.timing import TypicalDurations, delay, place

    score = read_score(ROOT / "assets" / "scores" / "row_your_boat.musicxml")
    notes = delay(pronounce(score.parts[0], load("en")).notes)
    spans = place(notes, TypicalDurations())
    curve = exact(notes, spans)
    return {
        "sample_rate": 44_100, "seed": 0, "voice": "default", "singer": "ann", "part": "Voice",
        "notes": [note_to_json(note) for note in notes],
        "phones": [{"symbol": s.symbol, "start": s.start, "end": s.end, "note": s.note} for s in spans],
        "f0": {"hop_seconds": curve.hop_seconds, "cents": list(curve.cents[:200]), "voiced": [bool(v) for v in curve.voiced[:200]]},
        "grid": {"quarters": [0.0], "seconds": [0.0], "bars": [[0.0, 1]]},
    }  # fmt: skip


def _midis() -> list[bytes]:
    import mido

    found = []
    for kind in (0, 1):
        song = mido.MidiFile(type=kind, ticks_per_beat=480)
        track = mido.MidiTrack()
        song.tracks.append(track)
        track.append(mido.MetaMessage("set_tempo", tempo=500_000))
        track.append(mido.MetaMessage("time_signature", numerator=3, denominator=4))
        for number, text in enumerate(("Twin", "kle ", "twin", "kle ", "lit", "tle ", "star")):
            track.append(mido.MetaMessage("lyrics", text=text, time=0))
            track.append(mido.Message("note_on", note=60 + number, velocity=64, time=0))
            track.append(mido.Message("note_off", note=60 + number, velocity=0, time=480))
        out = BytesIO()
        song.save(file=out)
        found.append(out.getvalue())
    return found


USTX = b"""name: song
ustx_version: "0.6"
resolution: 480
tempos:
- position: 0
  bpm: 120
time_signatures:
- bar_position: 0
  beat_per_bar: 4
  beat_unit: 4
tracks:
- phonemizer: OpenUtau.Core.DefaultPhonemizer
voice_parts:
- name: Voice
  track_no: 0
  position: 0
  notes:
  - position: 0
    duration: 480
    tone: 60
    lyric: la
  - position: 480
    duration: 960
    tone: 62
    lyric: twinkle
  - position: 1440
    duration: 240
    tone: 64
    lyric: "+"
"""
ULTRASTAR = b"#TITLE:Song\n#ARTIST:Nobody\n#BPM:240\n#GAP:1000\n: 0 4 0 Twin\n: 4 4 0 kle\n* 8 4 7  lit\n- 14\n: 16 4 7 tle\nF 20 8 9  star\nE\n"
LYRICS = ["Twinkle, twinkle little star", "[HH AH0 - L OW1]", "café naïve Köln", "さくら さくら", "don't 'tis o'er 1984 & co."]
SETTINGS = b"""style:
  breathiness: 3
  vibrato_cents: 40
  vibrato_rate: 5.5
notes:
- bar: 3
  note: 2
  vibrato_cents: 0
- bar: 4-6
  lyric: star
  tension: 2
"""
SCALE = b"! just.scl\n!\nJust intonation\n 12\n!\n 16/15\n 9/8\n 6/5\n 5/4\n 4/3\n 45/32\n 3/2\n 8/5\n 5/3\n 9/5\n 15/8\n 2/1\n"
CURVE = "seconds,cents\n" + "".join(f"{n / 100:.2f},{6000 + n}\n" for n in range(100)) + "1.00,\n2.00,nan\n"


def _read_score(path: Path):
    from svs.check import unsung
    from svs.score import read_score

    read_score(path)
    return unsung(path)


def _read_lyrics(path: Path):
    from svs import g2p

    text = path.read_bytes().decode("utf-8", "surrogateescape")[:400]
    for language in ("en", "ja", "de", "fr", "it", "es", "la"):
        pronouncer = g2p.load(language)
        words = tuple(text.split()[:12])
        for number, word in enumerate(words):
            try:
                pronouncer.phones(word, g2p.Context(words, number))
            except ValueError as error:
                if "\n" in str(error):
                    raise AssertionError("message of several lines") from None


def _read_settings(path: Path):
    from svs.hand import read_settings

    return read_settings(path)


def _read_curve(path: Path):
    from svs.hand import read_curve

    return read_curve(path)


def _read_scale(path: Path):
    from svs.tuning import read_scale

    return read_scale(path)


def _read_take(path: Path):
    from svs.evaluation import take_curve, take_notes
    from svs.evaluator import read_take
    from svs.export import export

    take = read_take(path)
    take_notes(take)
    take_curve(take)
    for suffix in (".mid", ".musicxml", ".TextGrid", ".ustx", ".ds", ".csv"):
        export(take, f"take{suffix}")


def _read_facts(path: Path):
    from svs.voice import _read_facts

    return _read_facts(path)


FORMATS = {
    "musicxml": Format(".musicxml", _scores, _read_score),
    "mxl": Format(".mxl", _archives, _read_score, damaged_archive),
    "midi": Format(".mid", _midis, _read_score),
    "ustx": Format(".ustx", lambda: [USTX], _read_score),
    "ultrastar": Format(".txt", lambda: [ULTRASTAR], _read_score),
    "lyrics": Format(".lyrics", lambda: [text.encode() for text in LYRICS], _read_lyrics),
    "settings": Format(".yaml", lambda: [SETTINGS], _read_settings),
    "curve": Format(".csv", lambda: [CURVE.encode()], _read_curve),
    "scale": Format(".scl", lambda: [SCALE], _read_scale),
    "take": Format(".json", lambda: [json.dumps(_take()).encode()], _read_take),
    "voice": Format(".json", lambda: [(ROOT / "assets" / "voices" / "default" / "voice.json").read_bytes()], _read_facts),
}


if __name__ == "__main__":
    sys.exit(main())
