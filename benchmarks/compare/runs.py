"""One run: a row of the table trained with one seed, and measured. A finished run is kept, a killed one goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from benchmarks.compare.choices import CompareError, Corpus, Row
from benchmarks.compare.measures import Hearing, Line, measure, validation_error
from svs.audio import write_text
from svs.batches import AcousticBatches
from svs.checkpoints import RunCheckpoint, batches_done
from svs.training import AcousticTraining

POINTS = 10  # of the curve of validation errors
TOLD = ("conditions", "styles", "text_encoder")  # arguments of a row that its batches are told too
TIMED = 6  # batches that a budget of minutes is turned into steps by


@dataclass(frozen=True)
class Budget:
    """What every run may use: so many batches, or what fits into so many minutes of this machine."""

    steps: int | None = None
    minutes: float | None = None


class Curve(Callback):
    """Validation errors by step and the seconds of training, kept in the checkpoints so that a killed run has them."""

    def __init__(self, lines: list[Line], every: int):
        self.lines, self.every = lines, every
        self.points: list[tuple[int, float]] = []
        self.cpu_seconds = 0.0
        self._began = 0.0

    def on_train_batch_start(self, trainer: Trainer, module: LightningModule, batch, batch_idx: int) -> None:
        self._began = time.process_time()

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, outputs, batch, batch_idx: int) -> None:
        self.cpu_seconds += time.process_time() - self._began
        done = batches_done(trainer)
        if done % self.every == 0 or done == trainer.num_training_batches:
            module.eval()
            errors = [validation_error(module.network, line, module.weights, {}) for line in self.lines]
            module.train()
            self.points.append((done, sum(errors) / len(errors)))

    def state_dict(self) -> dict:
        return {"points": self.points, "cpu_seconds": self.cpu_seconds}

    def load_state_dict(self, state_dict: dict) -> None:
        self.points = [(int(step), float(error)) for step, error in state_dict["points"]]
        self.cpu_seconds = float(state_dict["cpu_seconds"])


@dataclass(frozen=True)
class Run:
    """A row with a seed. out: the comparison's folder. batches: arguments of AcousticBatches."""

    row: Row
    seed: int
    corpus: Corpus
    batches: dict
    out: Path

    @property
    def folder(self) -> Path:
        return self.out / "runs" / self.row.folder / str(self.seed)

    @property
    def result(self) -> Path:
        return self.folder / "result.json"

    @property
    def trained(self) -> Run:
        """The run whose network this one's is: itself, or that of the row that it guides."""
        return self if self.row.like is None else replace(self, row=self.row.like)

    def module(self, steps: int) -> AcousticTraining:
        torch.manual_seed(self.seed)
        tables = {"phonemes": self.corpus.phonemes, "speakers": self.corpus.speakers}
        try:
            return AcousticTraining(
                steps, **tables, **{"latent_dim": self.corpus.latent_dim, **self.row.arguments, "seed": self.seed}
            )
        except (ValueError, TypeError) as error:
            raise CompareError(f"{self.row.name}: {error}") from None

    def data(self) -> AcousticBatches:
        known = {key: value for key, value in self.row.arguments.items() if key in TOLD}
        return AcousticBatches(
            str(self.corpus.features),
            {self.corpus.name: 1.0},
            self.corpus.phonemes,
            self.corpus.speakers,
            self.corpus.heldout,
            **{**self.batches, **known, "seed": self.seed},
        )

    def plan(self, budget: Budget, hearing: Hearing | None = None) -> dict:
        """What this run is, kept beside its figures; the steps too, once they are known.

        Raises CompareError where the folder holds another run.
        """
        path, shard = self.folder / "plan.json", self.corpus.shard
        facts = {
            "row": self.row.name,
            "arguments": self.row.arguments,
            "guidance": self.row.guidance,
            "batches": self.batches,
            "seed": self.seed,
            "features": str(self.corpus.features.resolve() / self.corpus.name),
            "frames": len(shard.latents()),
            "heldout": self.corpus.heldout,
            "budget": {"steps": budget.steps, "minutes": budget.minutes},
            "heard": None if hearing is None else hearing.facts,
        }
        if path.is_file():
            kept = json.loads(path.read_text(encoding="utf-8"))
            steps = kept.pop("steps")
            if kept != facts:
                differing = ", ".join(key for key in facts if kept.get(key) != facts[key])
                raise CompareError(
                    f"{path}: was made with other {differing}; choose another --out, or delete {self.folder}"
                )
        else:
            if self.row.like is not None:
                steps = self.trained.plan(budget, hearing)["steps"]
            else:
                steps = budget.steps or self.steps_within(60.0 * (budget.minutes or 1.0))
            self.folder.mkdir(parents=True, exist_ok=True)
            _write_json(path, {**facts, "steps": steps})
        return {**facts, "steps": steps}

    def steps_within(self, seconds: float) -> int:
        """Batches of this row that the machine trains in so many seconds, by a few of them."""
        module, data = self.module(10 * TIMED), self.data()
        began: list[float] = []

        class Watch(Callback):
            def on_train_batch_end(self, *_):
                began.append(time.perf_counter())

        _trainer(self.folder, TIMED, [Watch()]).fit(module, data)
        pace = (began[-1] - began[1]) / (len(began) - 2)  # the first two warm up
        return max(TIMED, int(seconds / pace))

    def train(self, steps: int, lines: list[Line]) -> tuple[AcousticTraining, Curve]:
        """Train to the end, from the last checkpoint where there is one."""
        every = max(1, steps // POINTS)
        curve, saves = Curve(lines, every), RunCheckpoint(str(self.folder), every)
        module, data = self.module(steps), self.data()
        if saves.trained.exists():
            kept = torch.load(saves.trained, map_location="cpu", weights_only=True)
            module.load_state_dict(kept["state_dict"])
            (state,) = (state for name, state in kept["callbacks"].items() if name.startswith("Curve"))
            curve.load_state_dict(state)
        else:
            resume = saves.last if saves.last.exists() else None
            _trainer(self.folder, steps, [curve, saves]).fit(module, data, ckpt_path=resume)
        return module, curve

    def finish(
        self, budget: Budget, lines: list[Line], samplers: Mapping[str, Sequence[int]], hearing: Hearing | None = None
    ) -> dict:
        """The run's figures: read where it is finished, else trained and measured."""
        plan = self.plan(budget, hearing)
        if self.result.is_file():
            return json.loads(self.result.read_text(encoding="utf-8"))
        module, curve = self.trained.train(plan["steps"], lines)
        weights = self.corpus.shard.importance() ** module.hparams.focus
        weights = torch.from_numpy(weights / weights.mean())
        figures = measure(module.network, lines, weights, samplers, self.row.guidance, hearing)
        result = {
            **plan,
            "parameters": sum(parameter.numel() for parameter in module.network.parameters()),
            "cpu_seconds_a_step": curve.cpu_seconds / plan["steps"],
            "curve": curve.points,
            **figures,
        }
        _write_json(self.result, result)
        return result


def _trainer(folder: Path, steps: int, callbacks: list) -> Trainer:
    saves = any(isinstance(callback, RunCheckpoint) for callback in callbacks)
    return Trainer(
        accelerator="cpu",
        max_epochs=1,
        limit_train_batches=steps,
        gradient_clip_val=1.0,
        logger=False,
        enable_checkpointing=saves,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=callbacks,
        default_root_dir=folder,
    )


def _write_json(path: Path, facts: dict) -> None:
    text = json.dumps(facts, ensure_ascii=False, indent=1) + "\n"
    write_text(path, text)
