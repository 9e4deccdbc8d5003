"""Damaged files of every format that svs reads: each must be read, or refused in one line that the package owns.

  python -m benchmarks.fuzz all --inputs 100000

Inputs are seeds with pieces cut, doubled, swapped, overwritten and their numbers made extreme: as bytes, and where the
format has a structure as its elements (benchmarks/damage.py). Each is a function of its number alone; --first repeats
one. Seeds are short, since most faults are of a line or an element; one input in WHOLE begins from a whole song.
--seeds DIR adds files of yours to begin from. --engine atheris lets coverage choose what to damage further, where
that package is installed. What counts as a fault: any other exception, a message of several lines or of more than 2 000
characters, more than --limit seconds of the processor (or as many times LATE of the clock), memory beyond --megabytes, and
any file written, process begun or connection made outside the folder of the input. Faults are printed, and kept with --keep
DIR.
"""

from __future__ import annotations

import json
import linecache
import os
import random
import re
import resource
import shutil
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

from benchmarks import damage
from benchmarks.common import ROOT, opening, parser, say

LONGEST_MESSAGE = 2000
WHOLE = 20
LATE = 10  # seconds of the clock for one of the processor, on a machine that does other work too
MEMORY = Path("/dev/shm")  # where inputs are written, if the system has it: files that no disk waits for
RICH = Path(__file__).with_name("seeds") / "rich.musicxml"  # something of everything that the reader knows


class TooSlowError(Exception):
    """An input took longer than it may."""


@dataclass(frozen=True)
class Format:
    """seeds: short files to begin from, whole: long ones. read: what is done with a damaged one, at a path. wound: by its
    structure."""

    suffix: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], object]
    wound: Callable[[bytes, random.Random], bytes] | None = None
    whole: Callable[[], list[bytes]] | None = None


def main(arguments=None):
    options = parser(__doc__)
    options.add_argument("format", choices=[*FORMATS, "all"])
    options.add_argument("--inputs", type=int, default=1000)
    options.add_argument("--seconds", type=float, default=3600.0, help="of the processor, after which to stop, for each format")
    options.add_argument("--limit", type=float, default=10.0, help="processor seconds that one input may take")
    options.add_argument("--megabytes", type=int, default=3000, help="address space at most, beyond what is in use")
    options.add_argument("--first", type=int, default=0, help="number of the first input")
    options.add_argument("--seeds", type=Path, help="folder of more files to begin from")
    options.add_argument("--keep", type=Path, help="folder for inputs that are faults")
    options.add_argument("--engine", choices=["numbered", "atheris"], default="numbered")
    options = options.parse_args(arguments)
    if options.engine == "atheris":
        return _with_coverage(options)
    failed = 0
    for name in FORMATS if options.format == "all" else [options.format]:
        failed += fuzz(name, options)
    return 1 if failed else 0


def fuzz(name: str, options) -> int:
    """Try so many inputs of a format; returns how many kinds of faults there were."""
    kind = FORMATS[name]
    seeds, whole = kind.seeds(), kind.whole() if kind.whole else []
    if options.seeds:
        suffixes = SUFFIXES.get(name, (kind.suffix,))
        found = sorted(path for path in options.seeds.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
        seeds += [path.read_bytes() for path in found if path.stat().st_size < 200_000]
    with (
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        path = Path(folder) / f"input{kind.suffix}"
        for seed in seeds + whole:
            path.write_bytes(seed)
            attempt(kind.read, path, 60.0)  # imports and tables are not the input's fault
        before = resource.getrlimit(resource.RLIMIT_AS)
        _bound(options.megabytes)
        watch = _Watch(Path(folder))
        tried = _Tried(name, kind, options, watch)

        def further() -> bool:
            return tried.count < options.inputs and tried.now - tried.began < options.seconds

        if options.engine == "atheris":
            _let_coverage_choose(seeds + whole, path, tried, further, options)
        else:
            while further():
                rng = random.Random(f"{name}/{options.first + tried.count}")
                some = whole if whole and rng.randrange(WHOLE) == 0 else seeds
                path.write_bytes(damage.wounded(some, rng, kind.wound))
                tried.one(path)
        resource.setrlimit(resource.RLIMIT_AS, before)  # the next format has imports of its own
    tried.tell()
    return len(tried.faults)


class _Tried:
    """Counts of what came of the inputs, and the faults among them."""

    def __init__(self, name: str, kind: Format, options, watch: _Watch):
        self.name, self.kind, self.options, self.watch = name, kind, options, watch
        self.count, self.slowest, self.outcomes, self.faults = 0, 0.0, Counter(), Counter()
        self.began = self.now = time.process_time()

    def one(self, path: Path) -> None:
        with self.watch:
            outcome, fault = attempt(self.kind.read, path, self.options.limit)
        before, self.now = self.now, time.process_time()
        self.slowest = max(self.slowest, self.now - before)
        if self.watch.seen:
            outcome, fault = "fault", self.watch.seen.pop()
            self.watch.seen.clear()
        self.outcomes[outcome] += 1
        if fault:
            number = self.options.first + self.count
            if fault.partition(": ")[0] not in {known.partition(": ")[0] for known in self.faults}:
                say(f"{self.name} {number}: {fault}")
                if self.options.keep:
                    self.options.keep.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, self.options.keep / f"{self.name}-{number}{self.kind.suffix}")
            self.faults[fault] += 1
        self.count += 1

    def tell(self) -> None:
        told = ", ".join(f"{count} {outcome}" for outcome, count in self.outcomes.most_common())
        print(
            f"{self.name}: {self.count} inputs ({told}), {self.faults.total()} faults of {len(self.faults)} kinds, "
            f"slowest {self.slowest:.2f} s, {time.process_time() - self.began:.1f} s of the processor",
            flush=True,
        )


def _with_coverage(options) -> int:
    """fuzz, with the modules of the package instrumented as they are imported. One format."""
    try:
        import atheris
    except ImportError:
        raise SystemExit("--engine atheris wants the package atheris: pip install atheris") from None
    if options.format == "all":
        raise SystemExit("--engine atheris: name one format; libFuzzer ends the process")
    with atheris.instrument_imports(include=["svs"]):
        return fuzz(options.format, options)


def _let_coverage_choose(seeds: list[bytes], path: Path, tried: _Tried, further, options) -> None:
    """Let atheris mutate the seeds by what they reach in the package, as long as the options say."""
    import atheris

    def one(data: bytes) -> None:
        path.write_bytes(data)
        tried.one(path)
        if not further():
            tried.tell()
            os._exit(1 if tried.faults else 0)  # libFuzzer never returns

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], "-rss_limit_mb=0", "-len_control=0", f"-seed={options.first + 1}", corpus], one)
        atheris.Fuzz()


class _Watch:
    """Notes what a reader does outside its folder: files opened for writing, processes, connections."""

    FORBIDDEN = ("socket.connect", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork")
    CHANGES = ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.link", "os.truncate")

    def __init__(self, folder: Path):
        self.folder, self.seen, self.active = str(folder), set(), False
        sys.addaudithook(self._hook)

    def __enter__(self) -> None:
        self.active = True

    def __exit__(self, *_) -> None:
        self.active = False

    def _hook(self, event: str, arguments) -> None:
        if not self.active:
            return
        if event == "open":
            path, mode, flags = arguments
            writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) if mode is None else set(mode) & set("wax+")
            if writes and isinstance(path, str) and not path.startswith((self.folder, "/dev/null")):
                self.seen.add(f"writes {path}")
        elif event in self.FORBIDDEN:
            self.seen.add(f"{event} {str(arguments)[:80]}")
        elif event in self.CHANGES:
            path = str(arguments[0])
            if path.startswith("/") and not path.startswith(self.folder):
                self.seen.add(f"{event} {path}")


def attempt(read, path: Path, limit: float) -> tuple[str, str | None]:
    """(read or refused or fault, what the fault is). limit: seconds of the processor."""
    signal.signal(signal.SIGPROF, _too_slow)
    signal.signal(signal.SIGALRM, _too_slow)
    signal.setitimer(signal.ITIMER_PROF, limit)
    signal.setitimer(signal.ITIMER_REAL, limit * LATE)  # of one that waits
    try:
        read(path)
        return "read", None
    except TooSlowError as error:
        return "fault", f"too slow: {_place(error)}"
    except ValueError as error:
        _disarm()
        if not _raised_by_us(error):
            return "fault", _place(error)
        message = str(error)
        if len(message.splitlines()) > 1 or len(message) > LONGEST_MESSAGE:
            return "fault", f"message of several lines, or endless: {_place(error)}"
        return "refused", None
    except BaseException as error:
        _disarm()
        if isinstance(error, KeyboardInterrupt):
            raise
        return "fault", _place(error)
    finally:
        _disarm()


def _disarm() -> None:
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)


def _raised_by_us(error: Exception) -> bool:
    """Whether a statement of the package raises it: either an exception of its own, or a ValueError with its own words."""
    last = error.__traceback__
    while last.tb_next is not None:
        last = last.tb_next
    file = last.tb_frame.f_code.co_filename
    if file == __file__:
        return True
    if "/svs/" not in file:
        return False
    return type(error).__module__.startswith("svs") or linecache.getline(file, last.tb_lineno).lstrip().startswith("raise")


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


# Formats ----------------------------------------------------------------------------------------------------------


def _songs() -> list[bytes]:
    names = ["twinkle_twinkle_little_star", "row_your_boat", "drink_to_me_only", "silent_night"]
    return [(ROOT / "assets" / "scores" / f"{name}.musicxml").read_bytes() for name in names]


def _scores() -> list[bytes]:
    return [RICH.read_bytes(), *(opening(song, 2) for song in _songs()), _timewise(opening(_songs()[1], 2))]


def _timewise(score: bytes) -> bytes:
    """A score of one part, with its measures outside."""
    text = score.replace(b"score-partwise", b"score-timewise")
    text = re.sub(rb'<part id="P1">|</part>', b"", text)
    return re.sub(rb"(<measure [^>]*>)(.*?)(?=</measure>)", rb'\1<part id="P1">\2</part>', text, flags=re.DOTALL)


def _archives() -> list[bytes]:
    return [_archive(score) for score in _scores()[:3]]


def _archive(score: bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "META-INF/container.xml",
            '<container><rootfiles><rootfile full-path="score.xml"/></rootfiles></container>',
        )
        archive.writestr("score.xml", score)
    return out.getvalue()


def _short_take() -> dict:
    """The beginning of a take."""
    take = _take()
    notes, f0 = take["notes"][:6], take["f0"]
    f0 |= {"cents": f0["cents"][:20], "voiced": f0["voiced"][:20]}
    return take | {"notes": notes, "phones": [phone for phone in take["phones"] if phone["note"] in range(6)][:16]}


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
        "f0": {
            "hop_seconds": curve.hop_seconds,
            "cents": list(curve.cents[:60]),
            "voiced": [bool(v) for v in curve.voiced[:60]],
        },
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
  curves:
  - abbr: pitd
    xs: [0, 240, 480]
    ys: [0, -100, 50]
  notes:
  - position: 0
    duration: 480
    tone: 60
    lyric: la
    pitch: {snap_first: true, data: [{x: -40, y: 0, shape: io}, {x: 40, y: 5, shape: l}, {x: 90, y: 0}]}
    vibrato: {length: 50, period: 175, depth: 25, in: 10, out: 10, shift: 0, drift: 0}
  - position: 480
    duration: 960
    tone: 62
    lyric: twinkle
  - position: 1440
    duration: 240
    tone: 64
    lyric: "+"
"""
ULTRASTAR = (
    b"#TITLE:Song\n#ARTIST:Nobody\n#BPM:240\n#GAP:1000\n"
    b": 0 4 0 Twin\n: 4 4 0 kle\n* 8 4 7  lit\n- 14\n: 16 4 7 tle\nF 20 8 9  star\nE\n"
)
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

    return unsung(path)  # plays it too


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
                if not _raised_by_us(error) or len(str(error).splitlines()) > 1:
                    raise AssertionError(f"{language}, {_place(error)}") from error


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


def _voices() -> list[bytes]:
    """Voice folders as archives."""
    from tests.tiny_voices import write_voice

    out = BytesIO()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(out, "w") as archive:
        for path in sorted(write_voice(Path(folder) / "voice").iterdir()):
            archive.write(path, path.name)
    return [out.getvalue()]


def _read_voice(path: Path):
    """Load the voice, and sing a note with it."""
    from svs.score import Score
    from svs.sing import sing
    from svs.voice import Voice, VoiceError

    folder = path.with_suffix("")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
    except Exception as error:  # the archive only carries the folder from the damage to here
        raise VoiceError(f"no archive ({error})") from None
    if path.stat().st_size % 8:  # most are refused in loading; a few of the others are sung with
        return Voice.load(folder)
    return sing(Score.from_notes([(0.0, 0.2, "A4", "la")]), Voice.load(folder), steps=1)


def _read_facts(path: Path):
    from svs.voice import read_facts

    return read_facts(path)


SUFFIXES = {"musicxml": (".musicxml", ".xml"), "midi": (".mid", ".midi", ".kar")}
FORMATS = {
    "musicxml": Format(".musicxml", _scores, _read_score, damage.xml, _songs),
    "mxl": Format(".mxl", _archives, _read_score, damage.archive, lambda: [_archive(_songs()[0])]),
    "midi": Format(".mid", _midis, _read_score, damage.midi),
    "ustx": Format(".ustx", lambda: [USTX], _read_score, damage.yaml_tree),
    "ultrastar": Format(".txt", lambda: [ULTRASTAR], _read_score),
    "lyrics": Format(".lyrics", lambda: [text.encode() for text in LYRICS], _read_lyrics, damage.words),
    "settings": Format(".yaml", lambda: [SETTINGS], _read_settings, damage.yaml_tree),
    "curve": Format(".csv", lambda: [CURVE.encode()], _read_curve),
    "scale": Format(".scl", lambda: [SCALE], _read_scale),
    "take": Format(
        ".json",
        lambda: [json.dumps(_short_take()).encode()],
        _read_take,
        damage.json_tree,
        lambda: [json.dumps(_take()).encode()],
    ),
    "facts": Format(".json", lambda: [(ROOT / "assets/voices/default/voice.json").read_bytes()], _read_facts, damage.json_tree),
    "voice": Format(".voice", _voices, _read_voice, damage.voice),
}


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
