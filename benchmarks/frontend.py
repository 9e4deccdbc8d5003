"""Speed of the way from a file to spans, wall-clock: imports in a new process, then songs, each warm.

  python -m benchmarks.frontend [SCORE…]

Without scores: those of assets/scores, every verse. The bar is for the slowest, reckoned for five minutes of its kind.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.common import ROOT, parser, print_table, verdict, write_json

MEASURED = """
import json, sys, time
began = time.perf_counter()
from svs import g2p
from svs.phonemes import pronounce
from svs.score import read_score, select_part
from svs.timing import TypicalDurations, delay, place
g2p.load("en")
imported = time.perf_counter() - began

def spans(path):
    part = select_part(read_score(path, verse="all"))
    return place(delay(pronounce(part, g2p.load(part.language)).notes), TypicalDurations())

found = {}
for path in sys.argv[1:]:
    length = spans(path)[-1].end
    began = time.perf_counter()
    spans(path)
    found[path] = [length, time.perf_counter() - began]
print(json.dumps({"imports": imported, "torch": "torch" in sys.modules, "songs": found}))
"""


def main(arguments=None):
    options = parser(__doc__)
    options.add_argument("scores", nargs="*", type=Path)
    options.add_argument("--repeats", type=int, default=3, help="processes whose imports are timed")
    options.add_argument("--json", type=Path)
    options = options.parse_args(arguments)
    scores = options.scores or sorted((ROOT / "assets" / "scores").glob("*.musicxml"))
    runs = []
    for _ in range(options.repeats):
        command = [sys.executable, "-c", MEASURED, *map(str, scores)]
        runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout))
    songs = runs[-1]["songs"]
    for_five = {path: took * max(1.0, 300.0 / length) for path, (length, took) in songs.items()}
    print_table(
        ["song", "seconds of it", "file to spans, s", "for five minutes, s"],
        [[Path(path).stem, length, took, for_five[path]] for path, (length, took) in songs.items()],
    )
    imports = statistics.median(run["imports"] for run in runs)
    print()
    verdict("imports, s", imports, 2.0)
    verdict("slowest song from file to spans, for five minutes of it, s", max(for_five.values()), 5.0)
    print("MISSED  torch was imported" if runs[-1]["torch"] else "met     torch is not imported on this path")
    write_json(options.json, {"imports": imports, "torch": runs[-1]["torch"], "songs": songs})


if __name__ == "__main__":
    main()
