"""Checkpoints of a training run: last.ckpt while it goes on, trained.ckpt once it has seen all its batches."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from svs.audio import write_atomically

LAST, TRAINED = "last.ckpt", "trained.ckpt"


def batches_done(trainer: Trainer) -> int:
    """Batches trained on so far, in this run and those it continues; true inside callbacks too."""
    total: Any = trainer.fit_loop.epoch_loop.batch_progress.total
    return total.processed


def batches_in(path: Path) -> int:
    """Batches that a checkpoint has seen; 0 where there is none."""
    import torch

    return torch.load(path, map_location="cpu", weights_only=True, mmap=True)["batches_seen"] if path.exists() else 0


def _save(trainer: Trainer, path: Path) -> None:
    """Write a checkpoint, whole or not at all: Lightning itself moves it from another folder, which may be a copy."""
    if not trainer.is_global_zero:
        trainer.save_checkpoint(path, weights_only=False)  # gives its share of the state, if any, and writes nothing
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda temporary: trainer.save_checkpoint(temporary, weights_only=False))


class RunCheckpoint(Checkpoint):
    """Writes <folder>/last.ckpt every `every` batches; after the last batch <folder>/trained.ckpt takes its place.

    Lightning's ModelCheckpoint counts the steps of all optimisers, of which an adversarial batch takes two, and does
    not save what lies beyond the last multiple.
    """

    def __init__(self, folder: str, every: int = 500):
        if every < 1:
            raise ValueError(f"RunCheckpoint: every is {every}; at least 1 batch is wanted")
        self.last, self.trained = Path(folder) / LAST, Path(folder) / TRAINED
        self.every = every

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, outputs, batch, batch_idx: int) -> None:
        done = batches_done(trainer)
        if done == trainer.num_training_batches:
            _save(trainer, self.trained)
            if trainer.is_global_zero:
                self.last.unlink(missing_ok=True)
        elif done % self.every == 0 or trainer.should_stop:
            _save(trainer, self.last)

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        if isinstance(exception, KeyboardInterrupt) and trainer.is_global_zero:
            place = f"goes on from {self.last}" if self.last.exists() else "begins anew"
            print(f"interrupted; the same command {place}", file=sys.stderr)
