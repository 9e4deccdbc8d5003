"""Stages as Slurm jobs: in order, with the settings asked for; run here by submitit's own local executor."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_corpus import FewClips

from data_prep.slurm import SlurmError, Stage, settings, submit

ROOT = Path(__file__).parent.parent
LACKING = "submitit is not installed; pip install '.[cluster]' brings it"
STAGES = ["prepare", "features", "train-codec"]
RECIPE = """#!/usr/bin/env bash
echo "$@" >> "$(dirname "$0")/ran"
[[ $1 != train-codec ]]
"""
SBATCH = """#!/usr/bin/env bash
folder=$(dirname "$0")
cp "${@: -1}" "$folder/job$(ls "$folder" | grep -c '^job')"
echo "Submitted batch job $((100 + $(ls "$folder" | grep -c '^job')))"
"""


def script(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_settings_are_for_all_stages_or_for_one():
    found = settings(["train-codec.gpus_per_node=4", "partition=gpu", "time=60", "train-codec.time=600"], STAGES)
    assert found["features"] == {"partition": "gpu", "time": "60"}
    assert found["train-codec"] == {"partition": "gpu", "time": "600", "gpus_per_node": "4"}


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("gpu", "--slurm gpu: KEY=VALUE or STAGE.KEY=VALUE is wanted"),
        ("partition=", "KEY=VALUE or STAGE.KEY=VALUE is wanted"),
        ("sing.time=3", "no stage sing is to run; there are prepare, features, train-codec"),
        ("time=an hour", "time is a whole number, not 'an hour'"),
        ("cluster=moon", "cluster is one of slurm, local, debug, for all stages"),
        ("prepare.cluster=local", "cluster is one of slurm, local, debug, for all stages"),
    ],
)
def test_settings_that_cannot_be_are_told(pair, message):
    with pytest.raises(SlurmError, match=message):
        settings([pair], STAGES)


def test_a_job_that_fails_stops_those_after_it(tmp_path):
    pytest.importorskip("submitit", reason=LACKING)
    command = [str(script(tmp_path / "run.sh", RECIPE)), "--work", "here"]
    with pytest.raises(SlurmError, match=r"train-codec: failed; .*\.err says why"):
        submit(["prepare", "train-codec", "features"], command, ["cluster=local"], tmp_path / "logs")
    assert (tmp_path / "ran").read_text() == "prepare --work here\ntrain-codec --work here\n"


def test_a_job_whose_time_is_over_is_queued_again_as_it_was():
    helpers = pytest.importorskip("submitit.helpers", reason=LACKING)
    again = Stage(["run.sh", "teach"]).checkpoint()
    assert isinstance(again, helpers.DelayedSubmission)
    assert again.function.command == ["run.sh", "teach"]


def test_slurm_is_given_the_settings_and_the_order(tmp_path, monkeypatch):
    """What sbatch would be given: there is no Slurm here, so a script keeps it."""
    pytest.importorskip("submitit", reason=LACKING)
    (tmp_path / "bin").mkdir()
    script(tmp_path / "bin/sbatch", SBATCH)
    script(tmp_path / "bin/srun", "#!/bin/sh\n")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    pairs = ["partition=cpu", "time=30"]
    pairs += ["train-codec.nodes=2", "train-codec.tasks_per_node=4", "train-codec.partition=gpu"]
    jobs = submit(["prepare", "train-codec"], ["run.sh"], pairs, tmp_path / "logs")
    assert [job.job_id for job in jobs] == ["101", "102"]
    first, second = ((tmp_path / "bin" / name).read_text().splitlines() for name in ("job0", "job1"))
    assert {"#SBATCH --partition=cpu", "#SBATCH --time=30", "#SBATCH --job-name=svs-prepare"} <= set(first)
    assert not any("dependency" in line for line in first)
    assert {
        "#SBATCH --partition=gpu",
        "#SBATCH --nodes=2",
        "#SBATCH --ntasks-per-node=4",
        "#SBATCH --dependency=afterok:101",
    } <= set(second)


def test_a_recipe_hands_its_stages_over(tmp_path):
    pytest.importorskip("submitit", reason=LACKING)
    FewClips().prepare(tmp_path / "manifests")
    line = [str(ROOT / "recipes/tiny/run.sh"), "--work", str(tmp_path), "--to", "features", "--slurm", "cluster=local"]
    environment = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(line, capture_output=True, text=True, timeout=300, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == ["prepare", "features"]
    assert (tmp_path / "features/synthetic/clips.jsonl").is_file()
    (said,) = (tmp_path / "slurm/prepare").glob("*.out")
    assert "manifests/synthetic.jsonl: already there" in said.read_text()


def test_without_submitit_or_slurm_the_way_to_them_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(SlurmError, match=r"submitit is not installed; pip install '\.\[cluster\]' brings it"):
        submit(["prepare"], ["run.sh"], ["partition=cpu"], tmp_path)


def test_a_setting_without_a_value_is_told_before_anything_runs(tmp_path):
    line = [str(ROOT / "recipes/tiny/run.sh"), "--work", str(tmp_path), "--slurm", "gpu"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == "--slurm: KEY=VALUE is wanted after it, such as partition=gpu\n"
    assert list(tmp_path.iterdir()) == []
