"""Two processes train as one with twice the batch: the same crops, the same noise, the same losses and weights."""

import csv
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import warm
import yaml
from tiny_corpus import ACOUSTIC, CODEC, HELDOUT, TABLES

from svs import batches, training
from svs.batches import AcousticBatches, CodecBatches, TimingBatches
from svs.processes import SharedDraws, mean_over_processes, process

ROOT = Path(__file__).parent.parent
BATCHES, ITEMS = 5, 2  # items of one process
SECONDS = 240  # the two processes start in a few, on a machine that does nothing else


def configuration(features, folder, kind):
    """Of a run of few batches, without rounding to bfloat16; its losses go to <folder>/metrics.csv."""
    models = {
        "codec": {**CODEC, "adversarial_from": 2, "discriminator_channels": 2, "learning_rate": 1e-2},
        "acoustic": {**TABLES, **ACOUSTIC},
    }
    data = {
        "codec": {"frames": 20},
        "acoustic": {**TABLES, "frames": 300},  # longer than some clips: the shares keep unlike numbers of frames
    }
    common = {"features": str(features), "corpora": {"synthetic": 1.0}, "heldout": HELDOUT, "batch_size": ITEMS}
    return {
        "seed_everything": 1,
        "model": {
            "class_path": f"svs.training.{kind.title()}Training",
            "init_args": {"steps": BATCHES, "bfloat16": False, **models[kind]},
        },
        "data": {"class_path": f"svs.batches.{kind.title()}Batches", "init_args": {**common, **data[kind]}},
        "trainer": {
            "accelerator": "cpu",
            "max_epochs": 1,
            "limit_train_batches": BATCHES,
            "log_every_n_steps": 1,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "logger": {
                "class_path": "lightning.pytorch.loggers.CSVLogger",
                "init_args": {"save_dir": str(folder), "name": "", "version": ""},
            },
            "callbacks": [
                {"class_path": "svs.checkpoints.RunCheckpoint", "init_args": {"folder": str(folder), "every": 2}}
            ],
        },
    }


def losses(folder, name):
    with open(folder / "metrics.csv", newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]


@pytest.mark.parametrize(("kind", "figure"), [("codec", "codec/total"), ("acoustic", "acoustic/loss")])
def test_two_processes_end_where_one_with_twice_the_batch_does(kind, figure, features, tmp_path):
    for folder in ("one", "two"):
        config = configuration(features, tmp_path / folder, kind)
        (tmp_path / f"{folder}.yaml").write_text(yaml.safe_dump(config))
    command = [warm.python(), "-m", "svs", "train", str(tmp_path / "two.yaml")]
    command += ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count(f"two/trained.ckpt: {BATCHES} batches") == 1  # said once, not by each
    training.main(tmp_path / "one.yaml", [f"--data.init_args.batch_size={2 * ITEMS}"])
    one, two = losses(tmp_path / "one", figure), losses(tmp_path / "two", figure)
    assert len(one) == len(two) == BATCHES
    assert two == pytest.approx(one, rel=1e-4)
    assert len(set(one)) == BATCHES
    weights = [torch.load(tmp_path / f"{n}/trained.ckpt", weights_only=True)["state_dict"] for n in ("one", "two")]
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=1e-3, atol=1e-4, msg=name)
    assert not (tmp_path / "two/last.ckpt").exists()


@pytest.mark.parametrize(
    ("options", "several"),
    [
        ({"devices": 2}, True), ({"devices": "2"}, True), ({"devices": [0, 1]}, True), ({"devices": "0,1"}, True),
        ({"devices": 1, "num_nodes": 2}, True), ({"devices": 1}, False), ({"devices": "1"}, False),
        ({"devices": [3]}, False), ({"devices": "auto"}, False),
    ],
)  # fmt: skip
def test_more_than_one_process_is_told_from_the_trainer_s_options(options, several):
    trainer = SimpleNamespace(**{"num_nodes": 1, "accelerator": "cpu", **options})
    assert training._several(trainer) is several


MAKERS = {
    "codec": lambda folder, items: CodecBatches(str(folder), {"synthetic": 1.0}, HELDOUT, items, 20, resampled=0.5),
    "acoustic": lambda folder, items: AcousticBatches(str(folder), {"synthetic": 1.0}, **TABLES, batch_size=items),
    "timing": lambda folder, items: TimingBatches(str(folder), ["synthetic"], **TABLES, batch_size=items),
}


def tensors(batch):
    if isinstance(batch, dict):
        return list(batch.values())
    return [tensor for part in batch for tensor in (vars(part).values() if not torch.is_tensor(part) else [part])]


@pytest.mark.parametrize("kind", MAKERS)
def test_the_shares_of_three_processes_are_one_big_batch(kind, features, monkeypatch):
    data, big = MAKERS[kind](features, 2), MAKERS[kind](features, 6)
    data.setup()
    big.setup()
    shares = []
    for rank in range(3):
        monkeypatch.setattr(batches, "process", lambda rank=rank: (rank, 3))
        shares.append(tensors(data.batch(7)))
    whole = tensors(data.whole(7))
    monkeypatch.undo()
    for number, tensor in enumerate(tensors(big.batch(7))):
        assert torch.equal(torch.cat([share[number] for share in shares]), tensor)
        assert torch.equal(whole[number], tensor)


@pytest.mark.parametrize(
    "draw",
    [
        lambda items: torch.rand(items, 3),
        lambda items: torch.randn((items, 4, 2)),
        lambda items: torch.randn(size=(items,), dtype=torch.float64),
        lambda items: torch.randn_like(torch.zeros(items, 20, dtype=torch.float64)),
        lambda items: torch.rand_like(input=torch.zeros(items, 2)),
        lambda items: torch.randint(1000, (items,)),
        lambda items: torch.randint(5, 1000, size=(items, 2)),
    ],
)
def test_what_a_process_draws_for_its_items_are_rows_of_the_big_draw(draw):
    torch.manual_seed(3)
    whole, after = draw(10), torch.randn(7)
    shares = []
    for rank in range(2):
        torch.manual_seed(3)
        with SharedDraws(5, rank, 2):
            shares.append(draw(5))
            assert torch.equal(torch.randn(7), after)  # what is not for the items is drawn by all alike
            assert torch.randint(9, ()).shape == ()
    assert torch.equal(torch.cat(shares), whole) and shares[0].dtype == whole.dtype


def test_alone_there_is_one_process():
    assert process() == (0, 1)
    assert mean_over_processes(torch.tensor(3.0)) == 3.0
