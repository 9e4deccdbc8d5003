"""Hand the stages of a recipe to Slurm, one job each, every one after the one before it has ended well.

    recipes/tiny/run.sh --slurm partition=cpu --slurm train-acoustic.gpus_per_node=4 --slurm train-acoustic.time=600

or by itself, which run.sh does:

    python -m data_prep.slurm --logs slurm --set partition=cpu --stages features latents -- recipes/tiny/run.sh

KEY=VALUE is for all stages, STAGE.KEY=VALUE for one. Keys are `time` (minutes), `nodes`, `tasks_per_node`,
`cpus_per_task`, `gpus_per_node`, `mem_gb`, `cluster` (slurm; local runs the jobs here, debug in this process) and any
other option of sbatch, such as partition, account, qos or constraint. A job that runs out of time is queued again and
goes on where it was. The machines see the working folder under the same path. pip install '.[cluster]' brings submitit.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from data_prep import stages
from svs.mistakes import Mistake

NUMBERS = {  # ours → submitit's
    "time": "timeout_min",
    "nodes": "nodes",
    "tasks_per_node": "tasks_per_node",
    "cpus_per_task": "cpus_per_task",
    "gpus_per_node": "gpus_per_node",
    "mem_gb": "mem_gb",
}
CLUSTERS = ("slurm", "local", "debug")


class SlurmError(Mistake):
    """Settings that name no stage or are no numbers, a machine without Slurm, or a job that failed."""


class Stage:
    """One stage as a job; when Slurm takes its machine away or its time is over, the same command is queued again."""

    def __init__(self, command: list[str]):
        self.command = command

    def __call__(self) -> str:
        done = subprocess.run(self.command, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(self.command)}: status {done.returncode}")
        return self.command[1]

    def checkpoint(self):
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def settings(pairs: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, str]]:
    """For each stage its settings, from KEY=VALUE and STAGE.KEY=VALUE. Raises SlurmError."""
    found: dict[str, dict[str, str]] = {name: {} for name in names}
    for pair in sorted(pairs, key=lambda pair: "." in pair.partition("=")[0]):  # those of one stage win
        key, equals, value = pair.partition("=")
        stage, dot, inner = key.rpartition(".")
        if not equals or not inner or not value:
            raise SlurmError(f"--slurm {pair}: KEY=VALUE or STAGE.KEY=VALUE is wanted, such as partition=gpu")
        if dot and stage not in names:
            raise SlurmError(f"--slurm {pair}: no stage {stage} is to run; there are {', '.join(names)}")
        if inner in NUMBERS and not value.isdecimal():
            raise SlurmError(f"--slurm {pair}: {inner} is a whole number, not {value!r}")
        if inner == "cluster" and (dot or value not in CLUSTERS):
            raise SlurmError(f"--slurm {pair}: cluster is one of {', '.join(CLUSTERS)}, for all stages")
        for name in [stage] if dot else names:
            found[name][inner] = value
    return found


def submit(names: Sequence[str], command: Sequence[str], pairs: Sequence[str], logs: Path) -> list:
    """Submit a job for each stage; returns the jobs. Where there is no Slurm to order them, each is waited for.

    command: run.sh and its options, to which the stage is added. Raises SlurmError.
    """
    try:
        import submitit
    except ImportError:
        raise SlurmError("--slurm: submitit is not installed; pip install '.[cluster]' brings it") from None
    wanted = settings(pairs, names)
    jobs: list = []
    for name in names:
        options = dict(wanted[name])
        cluster = options.pop("cluster", "slurm")
        try:
            executor = submitit.AutoExecutor(folder=logs / name, cluster=cluster)
        except RuntimeError as error:
            raise SlurmError(f"--slurm: {error}; this is for a machine where sbatch is") from None
        numbers = {NUMBERS[key]: int(value) for key, value in options.items() if key in NUMBERS}
        others = {key: value for key, value in options.items() if key not in NUMBERS}
        if cluster == "slurm":
            if jobs:
                others["dependency"] = f"afterok:{jobs[-1].job_id}"
            others = {"slurm_additional_parameters": others}
        else:
            others = {}
        executor.update_parameters(name=f"svs-{name}", **numbers, **others)
        job = executor.submit(Stage([command[0], name, *command[1:]]))
        print(f"{name}: job {job.job_id}, its words go to {job.paths.stdout}", flush=True)
        if cluster != "slurm":
            _wait(name, job)
        jobs.append(job)
    return jobs


def _wait(name: str, job) -> None:
    error = job.exception()
    if error is not None:
        raise SlurmError(f"{name}: failed; {job.paths.stderr} says why")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m data_prep.slurm", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--logs", type=Path, required=True, help="folder of what the jobs say")
    parser.add_argument("--stages", nargs="+", required=True, metavar="STAGE", help="in the order to run in")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="for Slurm")
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    at = arguments.index("--") if "--" in arguments else len(arguments)
    options, command = parser.parse_args(arguments[:at]), arguments[at + 1 :]
    if not command:
        parser.error("the recipe's run.sh is wanted after --")
    submit(options.stages, command, options.set, options.logs)


if __name__ == "__main__":
    stages.run(main, SlurmError)
