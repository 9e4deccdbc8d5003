"""kill -9 at random moments of a recipe's stages: started again, each ends with what it would have made.

  python -m benchmarks.stages --tries 20

recipes/tiny runs once to its end, with the budgets below. Then every try takes the working folder as it was before a
stage, starts run.sh with that stage, kills it and all its processes at a random moment of the time the stage takes,
starts it again, and compares all files with those of the first run: byte for byte, checkpoints weight for weight.
TensorBoard's logs, which show the batches that were done twice, and hidden files are left out. Stages take turns.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.common import ROOT, parser, print_table, say, write_json

BATCHES = {"codec": 24, "timing": 40, "acoustic": 24}
EVERY = 4  # batches between checkpoints
ADVERSARIAL_FROM = 20
STAGES = (
    *("prepare", "features", "train-codec", "latents", "train-timing", "train-acoustic"),
    *("export", "sing", "evaluate"),
)
COMPARED = ("state_dict", "current_model_state", "averaging_state", "optimizer_states", "lr_schedulers", "batches_seen")
LONGEST = 900.0  # seconds of a stage


class StageError(AssertionError):
    """A stage that fails when nobody kills it, or does not go on when somebody has."""


def main(arguments=None):
    options = parser(__doc__)
    options.add_argument("--tries", type=int, default=20)
    options.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES), metavar="STAGE")
    options.add_argument("--seed", type=int, default=0, help="of the moments")
    options.add_argument("--json", type=Path, help="write the list here too")
    options = options.parse_args(arguments)
    headings = ["try", "stage", "killed after, s", "of, s", "files then", "files after", "result"]
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        recipe = Recipe(Path(scratch))
        seconds = recipe.whole()
        moments = random.Random(options.seed)
        for number in range(options.tries):
            stage = options.stages[number % len(options.stages)]
            moment = moments.uniform(0.0, seconds[stage])
            rows.append([number + 1, stage, *recipe.killed(stage, moment, seconds[stage])])
            say(f"{' · '.join(str(cell) for cell in rows[-1])}")
            write_json(options.json, [dict(zip(headings, row, strict=True)) for row in rows])
    print_table(headings, rows)
    unlike = [row for row in rows if row[-1] != "the same"]
    print(f"{len(rows) - len(unlike)} of {len(rows)} tries ended with the same result")
    raise SystemExit(1 if unlike else 0)


class Recipe:
    """recipes/tiny with small budgets, its working folder, and copies of that before each stage and after the last."""

    def __init__(self, scratch: Path):
        self.work, self.copies = scratch / "work", scratch / "copies"
        self.run_sh = write_recipe(scratch / "tree")

    def whole(self) -> dict[str, float]:
        """Run all stages; returns the seconds that each took."""
        seconds = {}
        self.work.mkdir()
        for stage in STAGES:
            shutil.copytree(self.work, self.copies / stage)
            say(f"the first run: {stage}")
            began = time.monotonic()
            if self._end(self._start(stage)) != 0:
                raise StageError(f"{stage}: fails when nobody kills it")
            seconds[stage] = time.monotonic() - began
        shutil.copytree(self.work, self.copies / "end")
        return seconds

    def killed(self, stage: str, moment: float, seconds: float) -> list:
        """Kill a stage at a moment and start it again: [seconds it ran, of, files left, files after, result]."""
        shutil.rmtree(self.work)
        shutil.copytree(self.copies / stage, self.work)
        began = time.monotonic()
        process = self._start(stage)
        with suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        ran = time.monotonic() - began
        ended = process.poll() is not None
        kill(process)
        left = len(files(self.work))
        if self._end(self._start(stage)) != 0:
            return [round(ran, 1), round(seconds, 1), left, len(files(self.work)), "does not go on"]
        after = STAGES[STAGES.index(stage) + 1] if stage != STAGES[-1] else "end"
        unlike = differences(self.work, self.copies / after)
        result = f"not the same: {', '.join(unlike)}" if unlike else "the same"
        return [f"{ran:.1f}{' (had ended)' if ended else ''}", round(seconds, 1), left, len(files(self.work)), result]

    def _start(self, stage: str) -> subprocess.Popen:
        environment = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
        environment["SVS_CACHE"] = str(self.work / ".phrases")
        command = [str(self.run_sh), "--work", str(self.work), stage]
        return subprocess.Popen(
            command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _end(self, process: subprocess.Popen) -> int:
        try:
            return process.wait(LONGEST)
        finally:
            kill(process)


def kill(process: subprocess.Popen) -> None:
    """kill -9 a process and all that it started, which are of its session."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def write_recipe(tree: Path) -> Path:
    """The tiny recipe with small budgets, in a tree that otherwise is this one by links; returns its run.sh."""
    import yaml

    recipe = tree / "recipes" / "tiny"
    shutil.copytree(ROOT / "recipes" / "tiny", recipe)
    shutil.copy(ROOT / "recipes" / "stages.sh", tree / "recipes")
    for name in ("svs", "data_prep", "assets"):
        (tree / name).symlink_to(ROOT / name)
    for part, batches in BATCHES.items():
        path = recipe / f"{part}.yaml"
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        model = config["model"]["init_args"]
        model["steps"] = config["trainer"]["limit_train_batches"] = batches
        if "adversarial_from" in model:
            model["adversarial_from"] = ADVERSARIAL_FROM
        config["trainer"]["callbacks"][-1]["init_args"]["every"] = EVERY
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return recipe / "run.sh"


def files(folder: Path) -> dict[str, Path]:
    """What a working folder holds, by relative path, but for hidden files and TensorBoard's."""
    found = {}
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in place.parts) and "tfevents" not in path.name:
            found[str(place)] = path
    return found


def differences(one: Path, other: Path) -> list[str]:
    """Files that only one of two folders has, or that differ; checkpoints by their weights and all that trains them."""
    ours, theirs = files(one), files(other)
    both = ours.keys() & theirs.keys()
    return sorted((ours.keys() ^ theirs.keys()) | {name for name in both if not same_file(ours[name], theirs[name])})


def same_file(one: Path, other: Path) -> bool:
    if one.suffix != ".ckpt":
        return one.read_bytes() == other.read_bytes()
    import torch

    stored = [torch.load(path, map_location="cpu", weights_only=True) for path in (one, other)]
    return all(same(*(each.get(part) for each in stored)) for part in COMPARED)


def same(one, other) -> bool:
    import torch

    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


if __name__ == "__main__":
    main()
