"""The comparison of choices: its measures by known answers, and the whole of it, stopped on the way."""

import json
import math
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
import warm
import yaml
from test_conditions import spectrum
from tiny_corpus import CODEC, write_features

from benchmarks.codecs import HEADINGS
from benchmarks.compare import __main__ as command
from benchmarks.compare import tables
from benchmarks.compare.choices import open_corpus, read_choices
from benchmarks.compare.figures import together
from benchmarks.compare.measures import held_out_lines
from benchmarks.compare.runs import Budget, Curve, Run
from data_prep import annotate, timbres
from svs import annotations
from svs.codec import save_network
from svs.codec.source_filter import SourceFilterNetwork
from svs.dataset import Shard
from svs.evaluation.intervals import crossed_bootstrap

ROOT = Path(__file__).parent.parent
ROWS = [
    {"name": "DiT"},
    {"name": "U-Net & co", "panel": "backbone", "backbone": "unet"},
    {"name": "noise_prediction", "panel": "objective", "objective": "noise"},
    {"name": "embedded", "panel": "conditions", "conditions": ["lyrics", "pitch", "timbre"]},
    {"name": "after a clip", "panel": "conditions", "conditions": ["lyrics", "pitch", "reference"], "prefix": 20},
    {"name": "told", "panel": "conditions", "conditions": ["lyrics", "pitch", "text"]},
    {"name": "guided", "guidance": {"lyrics": 3.0}},
]
BASE = {"dim": 16, "depth": 2, "heads": 2, "window": 8, "patch": 2, "conditioner_depth": 1}
STEPS = 4
SOME = ("--only", "U-Net", "guided")


@pytest.fixture(scope="module")
def choices(tmp_path_factory):
    path = tmp_path_factory.mktemp("choices") / "choices.yaml"
    facts = {
        "base": BASE,
        "batches": {"batch_size": 2, "frames": 40},
        "rows": ROWS,
        "codecs": ["source-filter", "dac-16"],
    }
    path.write_text(yaml.safe_dump(facts))
    return path


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """Features of the tests' own, whose singers are embedded, and codec.safetensors beside them."""
    folder = write_features(tmp_path_factory.mktemp("compared"))
    timbres.embed(Shard.open(folder / "synthetic"), spectrum)
    torch.manual_seed(0)
    save_network(SourceFilterNetwork(**CODEC), folder.parent / "codec.safetensors")
    return folder


def arguments(features, choices, out, *more):
    return [
        "--features", str(features), "--corpus", "synthetic", "--choices", str(choices), "--heldout", "synthetic/000",
        "--steps", str(STEPS), "--seeds", "2", "--draws", "2", "--out", str(out),
        "--codec", str(features.parent / "codec.safetensors"), "--embedding", "mfcc", *more,
    ]  # fmt: skip


def run(*given):
    command.main(arguments(*given))


@pytest.fixture(scope="module")
def compared(features, choices, tmp_path_factory):
    """Folders of a comparison of some rows that was stopped in its second run's third batch and went on, and of one of
    all rows that was not."""
    stopped, whole = tmp_path_factory.mktemp("stopped"), tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        seen = Curve.on_train_batch_start

        def stop(self, trainer, module, batch, batch_idx):
            if "unet" in str(module.hparams.backbone) and module.batches_seen == 2:
                raise KeyboardInterrupt
            seen(self, trainer, module, batch, batch_idx)

        patch.setattr(Curve, "on_train_batch_start", stop)
        with pytest.raises(SystemExit):
            run(features, choices, stopped, *SOME)
    assert (stopped / "runs/u_net_co/0/last.ckpt").exists() and not (stopped / "table.md").exists()
    run(features, choices, stopped, *SOME)
    run(features, choices, whole)
    return stopped, whole


def figures(folder):
    """All results without their times."""
    found = {}
    for path in sorted(folder.glob("runs/*/*/result.json")):
        result = json.loads(path.read_text())
        result.pop("cpu_seconds_a_step")
        for draw in result["draws"]:
            assert draw.pop("cost") > 0
        found[str(path.relative_to(folder))] = result
    return found


def test_a_comparison_that_was_stopped_ends_as_one_that_was_not(compared):
    stopped, whole = map(figures, compared)
    assert len(stopped) == 2 * 3 and stopped == {name: whole[name] for name in stopped}
    assert len(whole) == 2 * len(ROWS)


def test_every_run_has_its_curve_and_its_draws(compared):
    for result in figures(compared[1]).values():
        assert [step for step, _ in result["curve"]] == [1, 2, 3, 4]
        assert all(0 < error < math.inf for _, error in result["curve"])
        tried = {(draw["sampler"], draw["steps"]) for draw in result["draws"]}
        if result["row"] in ("DiT", "noise_prediction"):
            samplers = {"euler", "midpoint", "heun"} | ({"ddim"} if result["arguments"].get("objective") else set())
            assert {name for name, _ in tried} - {"dpm++"} == samplers
            assert len(tried) == 2 * len({name for name, _ in tried})
        else:
            assert tried == {("midpoint", 8)}
        assert all(math.isfinite(draw["frechet"]) for draw in result["draws"])
        assert all(error > 0 for error in result["heard"]["mel"].values()) and result["heard"]["fad"] > 0


def test_a_guided_row_is_the_network_of_the_row_it_guides(compared):
    """Trained once; at a scale of 3 it answers otherwise, and at 1 as it does by itself."""
    runs = compared[1] / "runs"
    assert not (runs / "guided/0/trained.ckpt").exists() and (runs / "dit/0/trained.ckpt").exists()
    plain, guided = (json.loads((runs / row / "0/result.json").read_text()) for row in ("dit", "guided"))
    assert plain["curve"] == guided["curve"] and plain["parameters"] == guided["parameters"]
    assert plain["error"] != guided["error"] and plain["heard"]["mel"] != guided["heard"]["mel"]


def test_lines_are_given_what_a_row_knows_and_all_rows_the_same_noise(features, choices):
    corpus = open_corpus(features, "synthetic", ["synthetic/000"])
    lines = {row.name: held_out_lines(corpus, row)[0] for row in read_choices(choices).rows}
    plain = lines["DiT"]
    for line in lines.values():
        assert torch.equal(line.own(line.latents), plain.latents) and torch.equal(line.own(line.noise), plain.noise)
        assert line.seconds == plain.seconds
    known = {
        name: {c for c in ("timbre", "text", "reference") if getattr(line.conditions, c).any()}
        for name, line in lines.items()
    }
    assert known["embedded"] == {"timbre"} and known["after a clip"] == {"reference"} and known["told"] == {"text"}
    assert known["DiT"] == known["guided"] == set()
    after = lines["after a clip"]
    assert after.given == 20 and after.conditions.frames == plain.conditions.frames + 20
    assert bool(after.conditions.prefix[:, :20].all()) and not after.conditions.prefix[:, 20:].any()
    embeddings = annotations.timbres(corpus.shard)
    own = torch.from_numpy(embeddings[plain.id])
    assert not torch.allclose(lines["embedded"].conditions.timbre[0], own)  # it is that of another clip


def test_a_row_whose_condition_is_not_known_here_is_left_out_and_says_why(features, choices, tmp_path, monkeypatch):
    bare = shutil.copytree(features.parent, tmp_path / "bare") / "features"
    (bare / "synthetic" / annotations.TIMBRES).unlink()

    def lacking():
        raise ImportError("speaker embedding: resemblyzer is missing: pip install it")

    monkeypatch.setattr(annotate, "encoder", lacking)
    run(bare, choices, tmp_path / "out", "--only", "embedded", "told", "--seeds", "1")
    text = (tmp_path / "out/table.md").read_text()
    assert "Not trained: embedded (speaker embedding: resemblyzer is missing: pip install it)." in text
    rows = [line.split(" | ")[0].strip("| ") for line in text.split("\n\n")[0].splitlines()[2:]]
    assert rows == ["DiT", "told"]


def without_times(text):
    """The tables without the last column of those that end with seconds of the processor."""
    learned, *others = text.split("\n\n| ")
    return [learned, *(re.sub(r"\| [^|]+ \|$", "|", table, flags=re.MULTILINE) for table in others)]


def test_the_recipe_trains_nothing_again_that_is_finished(compared, features, choices):
    results = {path: path.stat().st_mtime_ns for path in compared[1].rglob("*.*") if "runs" in path.parts}
    before = (compared[1] / "table.md").read_text()
    (compared[1] / "table.md").unlink()
    measured = compared[1] / "runs/dit/1/result.json"
    measured.unlink()  # as if it had been killed between training and measuring
    del results[measured]
    done = subprocess.run(
        [ROOT / "recipes/compare/run.sh", *arguments(features, choices, compared[1])],
        env={**os.environ, "PYTHON": warm.python(), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{compared[1]}: table.md, table.tex, curves.png, steps.png"
    assert without_times((compared[1] / "table.md").read_text()) == without_times(before)
    assert {path: path.stat().st_mtime_ns for path in compared[1].rglob("*.*") if "runs" in path.parts} == {
        **results,
        measured: measured.stat().st_mtime_ns,
    }


def test_the_table_says_what_the_results_say(compared):
    text = (compared[1] / "table.md").read_text()
    learned, _, _ = text.split("\n\n| ")
    rows = [line.split(" | ") for line in learned.splitlines() if line.startswith("| ")][1:]
    assert [row[0].strip("| ") for row in rows] == [row["name"] for row in ROWS]
    results = list(figures(compared[1]).values())
    for row, name in zip(rows, [row["name"] for row in ROWS], strict=True):
        errors = [list(result["error"].values()) for result in results if result["row"] == name]
        assert float(row[4].split()[0].strip("*")) == pytest.approx(np.mean(errors), abs=6e-4)
    base = np.mean([list(result["error"].values()) for result in results if result["row"] == "DiT"])
    unet = np.mean([list(result["error"].values()) for result in results if result["row"] == "U-Net & co"])
    assert float(rows[1][5].split()[0].strip("*")) == pytest.approx(unet - base, abs=1e-3)
    latex = (compared[1] / "table.tex").read_text()
    assert r"U-Net \& co" in latex and r"noise\_prediction" in latex
    assert latex.count("{") == latex.count("}")
    widths = [len(re.split(r"(?<!\\)&", line)) for line in latex.splitlines() if line.endswith(r"\\")]
    assert widths == (len(ROWS) + 1) * [7] + (len(ROWS) + 1) * [7] + 2 * [len(HEADINGS)]
    for name in ("curves", "steps"):
        assert (compared[1] / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
        assert (compared[1] / f"{name}.pdf").read_bytes()[:4] == b"%PDF"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--steps", "5"], r"plan.json: was made with other budget; choose another --out, or delete"),
        (["--only", "GRU"], "--only GRU: no row of .* beside the first has that in its name"),
        (["--heldout", "nothing"], r"0 of 5 clips held out; some, and not all, are wanted"),
        (["--codec", "no.ckpt"], "no.ckpt: no such checkpoint"),
    ],
)
def test_a_comparison_that_cannot_be_is_told_in_a_line(compared, features, choices, more, message, capsys):
    with pytest.raises(SystemExit) as caught:
        run(features, choices, compared[1], *more)
    assert caught.value.code == 2
    said = [line for line in capsys.readouterr().err.splitlines() if "without dpm++" not in line]
    assert len(said) == 1 and re.search(message, said[0])


def test_a_budget_of_minutes_becomes_steps_once(features, choices, tmp_path):
    chosen = read_choices(choices)
    one = Run(chosen.rows[0], 0, open_corpus(features, "synthetic", ["synthetic/000"]), chosen.batches, tmp_path)
    long, short = (one.steps_within(seconds) for seconds in (600.0, 0.0))
    assert long > 50 and short == 6  # a batch of this network takes far less than ten seconds
    plan = one.plan(Budget(minutes=1e-6))
    assert plan["steps"] == 6
    (one.folder / "plan.json").write_text((one.folder / "plan.json").read_text().replace('"steps": 6', '"steps": 7'))
    assert one.plan(Budget(minutes=1e-6))["steps"] == 7  # as it was found the first time


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rows: 3", "has no list of rows"),
        ("rows: [{name: a, dept: 3}]", "a: AcousticTraining has no dept; it has "),
        ("rows: [{depth: 3}]", "row 1: {'depth': 3} has no name"),
        ("rows: [{name: a}, {name: A}]", "a stands there twice"),
        ("rows: [{name: a, guidance: {lyrics: 2}}]", "a: guides a network that no row before it trains"),
        ("rows: [{name: a}, {name: b, guidance: {text: 2}}]", "b: guidance on text, none of its conditions"),
        ("rows: [", "cannot be read as YAML"),
    ],
)
def test_choices_that_cannot_be_are_told(text, message, tmp_path):
    path = tmp_path / "choices.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_choices(path)


def test_every_row_of_the_recipe_makes_a_network_and_names_every_choice():
    from svs.attention import ATTENTIONS
    from svs.codecs import NAMES
    from svs.frames import CONDITIONS
    from svs.networks import NETWORKS
    from svs.objectives import OBJECTIVES
    from svs.training import AcousticTraining

    chosen = read_choices(ROOT / "recipes/compare/choices.yaml")
    rows, sizes = chosen.rows, {}
    for row in rows:
        with torch.device("meta"):
            network = AcousticTraining(1, ["A"], ["b"], **row.arguments).network
        sizes[row.name] = sum(parameter.numel() for parameter in network.parameters())
    for key, known in (("backbone", NETWORKS), ("attention", ATTENTIONS), ("objective", OBJECTIVES)):
        assert {row.arguments.get(key) for row in rows} - {None} == set(list(known)[1:])
    assert {row.arguments.get("conditioning") for row in rows} - {None} == {"cross", "add"}
    assert {name for row in rows for name in row.conditions} == set(CONDITIONS) - {"style"}
    assert any(row.guidance for row in rows)
    extremes = {"source-filter-fine", "source-filter-refined", "world-full"}
    assert {name.partition("@")[0] for name in chosen.codecs} == set(NAMES) - extremes
    default, *others = sizes.values()
    assert all(0.8 < other / default < 1.35 for other in others)


def test_curves_of_runs_of_other_lengths_are_laid_over_each_other_by_their_shares():
    steps, errors = together([[(5, 4.0), (10, 2.0)], [(10, 8.0), (15, 7.0), (20, 6.0)]])
    assert steps.tolist() == [7.5, 15.0]
    assert errors.tolist() == [[4.0, 2.0], [8.0, 6.0]]


# Measures ---------------------------------------------------------------------------------------------------------


def test_intervals_of_crossed_runs_and_lines_cover_the_mean_as_often_as_they_say():
    random, covered = np.random.default_rng(0), 0
    for trial in range(30):
        values = random.standard_normal((12, 1)) + random.standard_normal((1, 20)) + random.standard_normal((12, 20))
        interval = crossed_bootstrap(values, seed=trial)
        covered += interval.low < 0.0 < interval.high
    assert covered >= 25
    independent = crossed_bootstrap(np.repeat(random.standard_normal((12, 1)), 20, axis=1))
    assert independent.high - independent.low > 0.6  # lines that repeat a run tell nothing more: ±2 / √12


def test_a_single_value_has_no_interval():
    assert crossed_bootstrap(np.array([[2.0]])).low is None
    assert tables._written(crossed_bootstrap(np.array([[2.0]]))) == "2.000"
