"""Length: seconds and peak memory of `svs sing` for songs of 1, 10 and 60 minutes.

A song is repeated until it lasts so long and each length is sung in a process of its own, to a WAV, without the cache.
Seconds are of the processor, start-up included. An hour of the default voice takes about 0.1 s for each second of song
on one thread, so 6 minutes; `--voice tiny` sings noise on pitch with the tests' weights in a fifth of that, by the same
code. `--restless` sings "la" on notes that never pause, without a voiceless sound where a line could be cut.
"""

from __future__ import annotations

import copy
import itertools
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path

from benchmarks.common import ROOT, parser, print_table, verdict, write_json

SONG = ROOT / "assets" / "scores" / "amazing_grace.musicxml"
MOST_MB = 1200.0
TEN_TO_ONE = 10.5
LATE_TO_EARLY = 1.05


def main(arguments=None):
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, nargs="+", default=[1.0, 10.0, 60.0])
    options.add_argument("--score", type=Path, default=SONG, help="MusicXML of one part")
    options.add_argument("--restless", action="store_true", help="a song without rests instead")
    options.add_argument("--parts", type=int, default=1, help="sing so many copies of the part together")
    options.add_argument("--voice", default="default", help="tiny: that of the tests")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--json", type=Path)
    options = options.parse_args(arguments)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        voice = _tiny(Path(folder) / "voice") if options.voice == "tiny" else options.voice
        for minutes in options.minutes:
            song = Path(folder) / "song.musicxml"
            score = restless(Path(folder) / "restless.musicxml") if options.restless else options.score
            song.write_bytes(lengthened(score, 60.0 * minutes, options.parts))
            rows.append({"minutes": minutes, **sung(song, voice, options.threads, options.parts > 1)})
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    verdict("peak memory at any length, MB", max(row["peak MB"] for row in rows), MOST_MB)
    times = {row["minutes"]: row["CPU s"] for row in rows}
    if {1.0, 10.0} <= set(times):
        verdict("time(10 min) / time(1 min)", times[10.0] / times[1.0], TEN_TO_ONE)
    if len(rows) >= 3:
        first, *_, before, last = rows
        early, late = _slope(first, before), _slope(before, last)
        verdict("a further minute late in a song, by one early in it", late / early, LATE_TO_EARLY)
    write_json(options.json, rows)


def lengthened(score: Path, seconds: float, parts: int = 1) -> bytes:
    """MusicXML whose part is repeated until it lasts about so long, and copied to make so many parts."""
    from svs.score import read_score, select_part

    times = max(1, round(seconds / select_part(read_score(score)).notes[-1].end))
    tree = ET.parse(score).getroot()
    part = tree.find("part")
    measures = list(part.findall("measure"))
    for _ in range(times - 1):
        part.extend(copy.deepcopy(measure) for measure in measures)
    entry = tree.find("part-list/score-part")
    for number in range(2, parts + 1):
        for original, parent in ((entry, tree.find("part-list")), (part, tree)):
            other = copy.deepcopy(original)
            other.set("id", f"X{number}")
            parent.append(other)
    return ET.tostring(tree, encoding="utf-8")


def restless(path: Path) -> Path:
    """Write eight bars of "la" in quarters that follow each other without a rest."""
    steps = itertools.cycle("CDEFGFED")
    note = "<note><pitch><step>{}</step><octave>4</octave></pitch><duration>1</duration><lyric><text>la</text></lyric></note>"
    start = "<attributes><divisions>1</divisions><time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
    bars = "".join(
        f'<measure number="{bar}">{start if bar == 1 else ""}{"".join(note.format(next(steps)) for _ in range(4))}</measure>'
        for bar in range(1, 9)
    )
    parts = '<part-list><score-part id="P1"><part-name>Voice</part-name></score-part></part-list>'
    path.write_text(f'<score-partwise>{parts}<part id="P1">{bars}</part></score-partwise>', encoding="utf-8")
    return path


def sung(song: Path, voice, threads: int, together: bool) -> dict:
    """Seconds of song, of the processor and of the clock, and peak megabytes, of a process that sings."""
    out = song.with_suffix(".wav")
    command = [sys.executable, "-m", "svs", "sing", str(song), "-o", str(out), "--voice", str(voice), "--no-cache"]
    began = time.monotonic()
    child = subprocess.Popen(
        command + (["--part", "all"] if together else []),
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    from svs.audio import AudioFile

    seconds = AudioFile.open(out).seconds
    return {
        "seconds of song": seconds,
        "CPU s": used.ru_utime + used.ru_stime,
        "wall s": time.monotonic() - began,
        "peak MB": used.ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0) / 1e6,
    }


def _slope(shorter: dict, longer: dict) -> float:
    return (longer["CPU s"] - shorter["CPU s"]) / (longer["seconds of song"] - shorter["seconds of song"])


def _tiny(folder: Path) -> Path:
    from tests.tiny_voices import write_voice

    return write_voice(folder)


if __name__ == "__main__":
    main()
