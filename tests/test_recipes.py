"""Recipes: the tiny one from its first stage to its last, killed on the way; configurations that fit one another."""

import inspect
import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
import warm
import yaml
from tiny_corpus import FewClips

from svs.audio import Audio
from svs.evaluation import take_curve
from svs.f0 import track
from svs.units import FrameGrid

ROOT = Path(__file__).parent.parent
RECIPES = ROOT / "recipes"
CENTS = 30.0  # after a tenth of the recipe's training, when the singer is hoarse; after all of it 0.2
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def command(recipe, work, *arguments):
    return [str(RECIPES / recipe / "run.sh"), "--work", str(work), *arguments]


def run(recipe, work, *arguments):
    line, environment = command(recipe, work, *arguments), {**ENVIRONMENT, "PYTHON": warm.python()}
    return subprocess.run(line, capture_output=True, text=True, check=False, env=environment)


def scalars(folder, name):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return [event.value for event in events.Scalars(name)]


def start_and_kill(work):
    """Train the tiny timing without end, and kill the process as soon as it has left a checkpoint."""
    endless = command("tiny", work, "train-timing", "--", "--trainer.limit_train_batches=1000000")
    environment = {**ENVIRONMENT, "PYTHON": sys.executable}
    process = subprocess.Popen(endless, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 300
        while not (work / "timing/last.ckpt").exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return torch.load(work / "timing/last.ckpt", weights_only=True)["batches_seen"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The tiny recipe's working folder after all stages, on five clips and with few batches; what they said."""
    work = tmp_path_factory.mktemp("tiny")
    FewClips().prepare(work / "manifests")
    said = [run("tiny", work, "--to", "latents", "--", "--trainer.limit_train_batches=80")]
    batches = start_and_kill(work) + 20
    said.append(run("tiny", work, "train-timing", "--", f"--trainer.limit_train_batches={batches}"))
    said.append(run("tiny", work, "--from", "train-acoustic", "--", "--trainer.limit_train_batches=250"))
    for each in said:
        assert each.returncode == 0, each.stdout + each.stderr
    return work, [each.stdout + each.stderr for each in said], batches


def test_every_stage_of_the_tiny_recipe_leaves_its_product(trained):
    work, said, _ = trained
    stages = re.findall(r"^== (\S+)$", "".join(said), re.MULTILINE)
    assert stages == [
        "prepare", "features", "train-codec", "latents", "train-timing", "train-acoustic", "export", "sing", "evaluate"
    ]  # fmt: skip
    for product in (
        "manifests/synthetic.jsonl", "features/synthetic/latents.npy", "codec/trained.ckpt", "codec/config.yaml",
        "timing/trained.ckpt", "acoustic/trained.ckpt", "voices/tiny/voice.json", "song.wav", "song.json", "song.html",
        "timing/config.yaml", "acoustic/config.yaml", "voices/tiny/CARD.md",
    ):  # fmt: skip
        assert (work / product).stat().st_size > 0, product
    assert not list(work.glob("*/last.ckpt"))
    assert "Traceback" not in "".join(said)


@pytest.mark.parametrize("part", ["codec", "timing", "acoustic"])
def test_what_made_a_checkpoint_stands_beside_it_and_in_the_card(trained, part):
    """Of timing too, which was killed on the way: the same code went on with it, so there is one entry."""
    from svs.provenance import packages, revision

    work, _, batches = trained
    (made,) = json.loads((work / part / "provenance.json").read_text())
    assert made["from_batch"] == 0
    assert made["revision"] == revision() and made["packages"] == packages()
    assert {"torch", "lightning", "numpy"} <= set(made["packages"])
    config = yaml.safe_load((work / part / "config.yaml").read_text())
    stated = configuration("tiny", part)["model"]["init_args"]
    assert config["model"]["init_args"].items() >= stated.items()
    assert "seed" in config["model"]["init_args"] and "seed" not in stated  # resolved: defaults are written out
    wanted = {"codec": 80, "timing": batches, "acoustic": 250}
    assert config["trainer"]["limit_train_batches"] == wanted[part]
    card = (work / "voices/tiny/CARD.md").read_text()
    assert f"| {part} | 0 | {made['svs']} | {made['revision']} | {made['python']} |" in card
    assert (work / part / "config.yaml").read_text().rstrip() in card
    assert f"torch {made['packages']['torch']}" in card


@pytest.mark.parametrize(
    ("part", "figure", "factor"),
    [("codec", "codec/total", 0.7), ("timing", "timing/error", 0.7), ("acoustic", "acoustic/loss", 0.95)],
)
def test_losses_of_the_tiny_recipe_fall(trained, part, figure, factor):
    losses = scalars(trained[0] / part, figure)
    assert len(losses) >= 5
    assert np.mean(losses[-2:]) < factor * np.mean(losses[:2])


def test_the_voice_of_the_tiny_recipe_sings_on_pitch(trained):
    work = trained[0]
    commanded = take_curve(json.loads((work / "song.json").read_text()))
    heard = track(Audio.read(work / "song.wav"), grid=FrameGrid(commanded.hop_seconds))
    frames = min(len(heard.cents), len(commanded.cents))
    both = (heard.voiced[:frames]) & (commanded.voiced[:frames])
    assert both.sum() > 0.25 * commanded.voiced.sum()  # so short a training leaves it hoarse
    assert np.median(np.abs(heard.cents[:frames] - commanded.cents[:frames])[both]) < CENTS
    summary = json.loads((work / "song.evaluation.json").read_text())["summary"]
    assert summary["notes"] == 13
    assert summary["median_abs_error_cents"] < CENTS


def test_a_killed_stage_goes_on_where_it_left(trained):
    work, said, batches = trained
    assert "svs: continues from timing/last.ckpt" in said[1]
    assert f"timing/trained.ckpt: {batches} batches" in said[1]
    assert torch.load(work / "timing/trained.ckpt", weights_only=True)["batches_seen"] == batches


def test_a_second_run_does_nothing_again(trained):
    work, _, _ = trained

    def products():
        return {path: path.stat().st_mtime_ns for path in work.rglob("*") if path.is_file()}

    before = products()
    again = run("tiny", work, "prepare", "features", "train-codec", "train-timing", "train-acoustic", "export", "sing")
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("already there") == 2 and again.stdout.count("nothing to do") == 5
    assert products() == before


def test_training_that_is_older_than_its_features_is_kept_and_said(trained):
    work, _, _ = trained
    (work / "features/synthetic/clips.jsonl").touch()
    said = run("tiny", work, "train-timing")
    assert said.returncode == 0
    assert "timing/trained.ckpt is older than features/synthetic/clips.jsonl and is kept; delete it" in said.stdout


@pytest.mark.parametrize(
    ("recipe", "stage", "lacks", "maker"),
    [
        ("tiny", "features", "manifests/synthetic.jsonl", "prepare"),
        ("tiny", "train-timing", "features/synthetic/clips.jsonl", "features"),
        ("tiny", "train-codec", "features/synthetic/clips.jsonl", "features"),
        ("tiny", "latents", "codec/trained.ckpt", "train-codec"),
        ("tiny", "train-acoustic", "features/synthetic/latents.npy", "latents"),
        ("tiny", "export", "codec/trained.ckpt", "train-codec"),
        ("tiny", "sing", "voices/tiny/voice.json", "export"),
        ("tiny", "evaluate", "song.json", "sing"),
        ("default", "features", "manifests/kumi.jsonl", "prepare"),
        ("default", "train-codec", "features/teacher/clips.jsonl", "features"),
        ("default", "latents", "codec/trained.ckpt", "train-codec"),
        ("default", "train-timing", "features/teacher/clips.jsonl", "features"),
        ("default", "train-acoustic", "features/teacher/latents.npy", "latents"),
        ("default", "train-folded", "acoustic/trained.ckpt", "train-acoustic"),
        ("default", "export", "codec/trained.ckpt", "train-codec"),
        ("default", "sing", "voices/default/voice.json", "export"),
        ("default", "evaluate", "songs/amazing_grace.json", "sing"),
    ],
)
def test_a_stage_says_which_stage_makes_what_it_lacks(recipe, stage, lacks, maker, tmp_path):
    done = run(recipe, tmp_path, stage)
    assert done.returncode == 2
    assert done.stderr == f"== {stage}\n{stage}: {tmp_path}/{lacks} is missing; the stage {maker} makes it\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sign"], "no stage sign; the stages are prepare"),
        (["--from", "x"], "no stage x; the stages are prepare"),
        (["--steps", "3"], "--steps: no such option"),
        (["--from", "sing", "--to", "features"], "--from sing --to features: comes to no stage"),
        (["sing", "--from", "export"], "--from export: stages are named beside it; give a range or names, not both"),
    ],
)
def test_a_stage_or_option_that_does_not_exist_is_told(arguments, message, tmp_path):
    done = run("tiny", tmp_path, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("recipe", ["tiny", "default", "corpus", "codecs"])
def test_help_explains_every_option_of_a_recipe(recipe, tmp_path):
    done = run(recipe, tmp_path, "--help")
    assert done.returncode == 0 and done.stderr == ""
    usage, *lines = done.stdout.splitlines()
    for option in re.findall(r"\[(--[\w-]+) …\]", usage):
        assert any(line.startswith(f"{option} ") and len(line) > 40 for line in lines), option


# Configurations ----------------------------------------------------------------------------------------------------


def configuration(recipe, part):
    return yaml.safe_load((RECIPES / recipe / f"{part}.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("recipe", ["tiny", "default"])
def test_configurations_of_a_recipe_agree(recipe):
    parts = {part: configuration(recipe, part) for part in ("codec", "timing", "acoustic")}
    models = {part: config["model"]["init_args"] for part, config in parts.items()}
    data = {part: config["data"]["init_args"] for part, config in parts.items()}
    for part, config in parts.items():
        for chosen in (config["model"], config["data"], *config["trainer"]["callbacks"]):
            module, _, name = chosen["class_path"].rpartition(".")
            inspect.signature(getattr(import_module(module), name)).bind(**chosen["init_args"])
        assert config["trainer"]["limit_train_batches"] == models[part]["steps"]
    for table in ("phonemes", "speakers"):
        assert models["timing"][table] == models["acoustic"][table] == data["timing"][table] == data["acoustic"][table]
    assert models["acoustic"].get("latent_dim") == models["codec"].get("latent_dim")
    assert models["codec"]["adversarial_from"] < models["codec"]["steps"]


def test_what_the_default_recipe_holds_out_is_held_out_of_the_codec():
    from svs.g2p import japanese
    from svs.inventory import ARPABET, SPECIALS, strip_stress

    script = (RECIPES / "default/run.sh").read_text(encoding="utf-8")
    assert re.search(r"HELDOUT=\((.*?)\)", script).group(1).split() == (
        configuration("default", "codec")["data"]["init_args"]["heldout"]
    )
    acoustic = configuration("default", "acoustic")["model"]["init_args"]
    assert acoustic["phonemes"][: len(SPECIALS) + len(ARPABET)] == [*SPECIALS, *ARPABET]  # then those of Japanese
    assert {strip_stress(p) for p in japanese.VOWELS.values()} <= set(acoustic["phonemes"])
    teachers = [entry.partition("=")[0] for entry in re.search(r"TEACHERS=\((.*?)\)", script, re.S).group(1).split()]
    assert sorted([*teachers, "kumi"]) == sorted(acoustic["speakers"])
    assert configuration("default", "folded")["model"]["init_args"]["speakers"] == acoustic["speakers"]
