"""Load: many renders one after another without growth, and eight at once that all finish.

  python -m benchmarks.soak                   2 000 short renders in one process, then 8 processes at once

Both sing with the tiny test voice unless --voice names another: the many the first --bars of the song, those at once the
whole. Growth is of the resident memory after every tenth of the renders; of those at once the slowest must not take --fair
times as long as the quickest, and all must write the same bytes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

from benchmarks.common import ROOT, opening, parser, print_table, verdict, write_json

SONG = ROOT / "assets" / "scores" / "row_your_boat.musicxml"
GROWTH = 30.0  # MB that caches of libraries may take once they have warmed up


def main(arguments=None):
    options = parser(__doc__)
    options.add_argument("--renders", type=int, default=2000)
    options.add_argument("--at-once", type=int, default=8)
    options.add_argument("--most", type=float, default=1200.0, help="MB of memory that each of those at once may hold")
    options.add_argument("--fair", type=float, default=2.0, help="times the quickest that the slowest may take")
    options.add_argument("--score", type=Path, default=SONG)
    options.add_argument("--bars", type=int, default=2, help="of the score that the many renders sing")
    options.add_argument("--voice", help="(default: the tiny one of the tests)")
    options.add_argument("--json", type=Path, help="write the figures here too")
    options = options.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        voice = Path(options.voice) if options.voice else _tiny(Path(folder) / "voice")
        short = Path(folder) / options.score.name
        short.write_bytes(opening(options.score.read_bytes(), options.bars))
        grown = many(short, voice, options.renders) if options.renders else {}
        together = at_once(options.score, voice, options.at_once, Path(folder)) if options.at_once else {}
    if grown:
        verdict(f"growth over {grown['renders']} renders, MB", grown["growth_mb"], GROWTH)
    if together:
        ratio = together["slowest_s"] / together["quickest_s"]
        verdict(f"of {options.at_once} at once, slowest by quickest", ratio, options.fair)
        verdict("memory of each of them at most, MB", together["most_mb"] / options.at_once, options.most)
    write_json(options.json, {"many": grown, "at_once": together})


def many(score: Path, voice: Path, renders: int) -> dict:
    """Render over and over, each with another seed so that no cache helps; resident memory as it goes."""
    from svs.sing import sing
    from svs.voice import Voice

    loaded, every, rows = Voice.load(voice), max(1, renders // 10), []
    began = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(1, renders + 1):
            sing(score, loaded, seed=number)
            if number % every == 0 or number == 1:
                rows.append([number, round(resident_mb(), 1), round(time.monotonic() - began, 1)])
    print_table(["renders", "resident MB", "seconds"], rows)
    warm = rows[1] if len(rows) > 2 else rows[0]
    first, last = rows[0][1], rows[-1][1]
    return {"renders": renders, "first_mb": first, "warm_mb": warm[1], "last_mb": last, "growth_mb": last - warm[1]}


def at_once(score: Path, voice: Path, count: int, folder: Path) -> dict:
    """So many `svs sing` begun together. Raises SystemExit when one fails or they differ."""
    command = [sys.executable, "-m", "svs", "sing", str(score), "--voice", str(voice), "--no-cache", "-o"]
    began = time.monotonic()
    running = {
        number: subprocess.Popen(
            [*command, str(folder / f"{number}.wav")], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for number in range(count)
    }
    seconds, most = {}, 0.0
    while len(seconds) < count:
        most = max(most, sum(resident_mb(child.pid) for number, child in running.items() if number not in seconds))
        for number, child in running.items():
            if number not in seconds and child.poll() is not None:
                seconds[number] = time.monotonic() - began
        time.sleep(0.05)
    for number, child in running.items():
        if child.returncode:
            raise SystemExit(f"render {number} failed: {child.stderr.read().decode()[-500:]}")
    if len({(folder / f"{number}.wav").read_bytes() for number in range(count)}) != 1:
        raise SystemExit("the same song with the same seed gave different bytes")
    figures = {"count": count, "quickest_s": min(seconds.values()), "slowest_s": max(seconds.values()), "most_mb": most}
    print_table(["at once", "quickest s", "slowest s", "resident MB of all at most"], [list(figures.values())])
    return figures


def resident_mb(process: int | str = "self") -> float:
    """Megabytes of memory that a process holds; 0 when it is gone."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    import resource

    return pages * resource.getpagesize() / 1e6


def _tiny(folder: Path) -> Path:
    from tests.tiny_voices import write_voice

    return write_voice(folder)


if __name__ == "__main__":
    main()
