"""Training: Lightning modules that wire a network, its loss and its optimiser, and `svs train`.

Every step draws its random numbers from the seed and the number of batches seen, and the data modules their batches from
the same two, so a run that was stopped continues on the curve it would have had. Several processes, on one machine or
many, train as one with a batch of all their items would (svs.processes).
"""

from __future__ import annotations

import math
import re
import sys
from argparse import ArgumentError
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import LightningModule
from torch import Tensor, nn

from svs.audio import write_atomically
from svs.backbone import Backbone
from svs.checkpoints import RunCheckpoint, batches_done, batches_in
from svs.codec.losses import Discriminators, SpectralLoss
from svs.codec.noise import even_noise
from svs.codec.source_filter import SourceFilterNetwork
from svs.conditioning import GROUPS, Conditions, with_prefix
from svs.description import HASHED, describe
from svs.flow import folding_loss
from svs.layers import multiplies_bfloat16
from svs.mistakes import Mistake
from svs.networks import build
from svs.objectives import objective_of
from svs.processes import as_one_batch, mean_over_processes, process
from svs.provenance import CONFIG, record
from svs.speaker import NUMBERS as TIMBRE_NUMBERS
from svs.timing import NUMBERS, ConsonantDurations

FITTED_ON = 60  # batches that the encoder's components are found on
ALONE = dict.fromkeys(("start", "fold", "fold_of", "strides"))  # with which a checkpoint is read: nothing of what it learned of


def cosine_with_warmup(step: int, warmup: int, total: int, floor: float = 0.03) -> float:
    """Factor on the learning rate: linear rise over `warmup` steps, then half a cosine down to `floor` at `total`."""
    if step < warmup:
        return (step + 1) / warmup
    done = min(1.0, (step - warmup) / max(1, total - warmup))
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))


class ResumableModule(LightningModule):
    """Counts its batches and seeds each of them, so that stopping and resuming changes nothing."""

    hparams: Any  # the constructor's arguments

    def __init__(self, seed: int):
        super().__init__()
        self.seed = seed
        self.batches_seen = 0

    def on_train_start(self):
        torch.set_flush_denormal(True)

    def on_train_batch_start(self, batch, batch_idx):
        torch.manual_seed(self.seed * 1_000_003 + self.batches_seen)

    def on_train_batch_end(self, outputs, batch, batch_idx):
        self.batches_seen += 1

    def on_save_checkpoint(self, checkpoint):
        # callbacks save before the batch has ended for the module, so its own count is one behind
        checkpoint["batches_seen"] = batches_done(self.trainer)

    def on_load_checkpoint(self, checkpoint):
        self.batches_seen = checkpoint["batches_seen"]

    def autocast(self) -> torch.autocast:
        """A context of bfloat16 or none, as `bfloat16` says."""
        wanted = self.hparams.bfloat16
        kind = self.device.type
        return torch.autocast(kind, torch.bfloat16, enabled=multiplies_bfloat16(kind) if wanted is None else wanted)

    def scheduled(self, optimiser, warmup: int) -> dict:
        """What configure_optimizers returns: the rate warms up and falls over `hparams.steps` batches."""
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: cosine_with_warmup(step, warmup, self.hparams.steps)
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class CodecTraining(ResumableModule):
    """Trains a SourceFilterNetwork: the encoder's components from the first batches, then the decoder, by a spectral loss
    and from batch `adversarial_from` on by discriminators too.

    steps: batches of the whole run, over which the learning rate falls.
    latent_noise: deviation of the noise on the latents at most, drawn evenly for every item: with little of it the
    decoder copies well, and with much it forgives the acoustic model's errors.
    fine_dim: latents for copies alone, see SourceFilterNetwork.
    start: codec.safetensors to begin from.
    bfloat16: matrix products in it; when None, where the device multiplies it.
    """

    def __init__(
        self,
        steps: int,
        latent_dim: int = 160,
        decoder_dim: int = 320,
        decoder_depth: int = 6,
        fine_dim: int = 0,
        decoder_expansion: int = 3,
        learning_rate: float = 8e-4,
        latent_noise: float = 0.12,
        adversarial_from: int | None = None,
        adversarial_weight: float = 0.1,
        matching_weight: float = 0.5,
        discriminator_channels: int = 16,
        start: str | None = None,
        bfloat16: bool | None = None,
        seed: int = 0,
    ):
        super().__init__(seed)
        self.save_hyperparameters()
        self.automatic_optimization = False
        self.network = SourceFilterNetwork(latent_dim, decoder_dim, decoder_depth, fine_dim, decoder_expansion)
        if start:
            from svs.codec import load_network

            self.network.load_state_dict(load_network(start).state_dict())
        self.loss = SpectralLoss()
        self.judges = Discriminators(channels=discriminator_channels) if adversarial_from is not None else None

    def configure_optimizers(self):
        rate = self.hparams.learning_rate
        optimisers = [torch.optim.AdamW(self.network.parameters(), rate, betas=(0.8, 0.99), weight_decay=1e-3, fused=True)]
        if self.judges is not None:
            optimisers.append(torch.optim.AdamW(self.judges.parameters(), 2e-4, betas=(0.8, 0.99), fused=True))
        return optimisers

    def on_fit_start(self):
        if not self.network.encoder.fitted:
            batches = (self.trainer.datamodule.whole(number) for number in range(FITTED_ON))
            self.network.encoder.fit(batch["audio"] for batch in batches)

    @as_one_batch
    def training_step(self, batch: dict[str, Tensor], batch_idx: int):
        optimisers = self.optimizers()
        optimisers = optimisers if isinstance(optimisers, list) else [optimisers]
        step = self.batches_seen
        for group in optimisers[0].param_groups:
            group["lr"] = self.hparams.learning_rate * cosine_with_warmup(step, 200, self.hparams.steps)
        audio = batch["audio"]
        noise = self._noise(audio.shape).to(audio)
        latent_noise = self.hparams.latent_noise * torch.rand(len(audio)).to(audio)
        if self.hparams.fine_dim:  # half of the items are copies, which have their fine latents and no noise
            latent_noise = latent_noise * torch.randint(2, (len(audio),)).to(audio)
        with self.autocast():
            copy = self.network(audio, batch["cents"], batch["voiced"], noise, latent_noise)
        terms = self.loss(copy, audio)
        total = terms["total"]
        if self.judges is not None and step >= self.hparams.adversarial_from:
            # a random third of a second an item is enough to judge, and three times as fast
            length = min(audio.shape[1], 44_100 // 3)
            at = int(torch.randint(0, audio.shape[1] - length + 1, ()))
            real, fake = audio[:, at : at + length], copy[:, at : at + length]
            with self.autocast():
                judged = self.judges.discriminator_loss(real, fake, step)
            self._update(optimisers[1], judged, self.judges.parameters())
            self.judges.requires_grad_(False)
            with self.autocast():
                passing, matching = self.judges.generator_loss(real, fake, step)
            self.judges.requires_grad_(True)
            terms.update(judged=judged, passing=passing, matching=matching)
            total = total + self.hparams.adversarial_weight * passing + self.hparams.matching_weight * matching
        self._update(optimisers[0], total, self.network.parameters())
        self.log_dict({f"codec/{name}": value.detach() for name, value in terms.items()}, prog_bar=True, sync_dist=True)

    def _noise(self, shape: torch.Size) -> Tensor:
        first = process()[0] * shape[0]  # of the big batch's items
        items = [even_noise(shape[1], self.seed, self.batches_seen, first + item) for item in range(shape[0])]
        return torch.from_numpy(np.stack(items))

    def _update(self, optimiser, loss: Tensor, parameters) -> None:
        optimiser.zero_grad()
        self.manual_backward(loss)
        torch.nn.utils.clip_grad_norm_(parameters, 3.0)
        optimiser.step()


class AcousticTraining(ResumableModule):
    """Trains a DiT, or another network, to turn conditions into codec latents, by flow matching or another objective;
    or to do in one evaluation what another network does in two with guidance.

    phonemes, speakers: the voice's tables, in the order of their rows. steps: batches of the whole run.
    backbone, attention, conditioning, objective: names in svs/networks.py, svs/attention, svs/injection.py and
    svs/objectives.py; conditioning is the backbone's usual one when None.
    conditions: what the network knows, of svs.conditioning.CONDITIONS; lyrics, pitch and speaker when None.
    styles: the table of `style`. text_encoder: of `text` (svs.description); text_numbers: how many it gives, found when
    None. prefix: longest prefix of `reference`, in frames; half a crop at most. It is kept out of the loss.
    drop: share of the items that lose a condition, each drawn apart, or that of each by name (0.1 where none is named);
    what guidance needs, and singing without a description or a reference.
    focus: power of the latents' importance that their errors are weighted by. At 0 the many latents that hold the grain
    of noises, which nobody can foretell, count as much as the few that make vowels.
    start: acoustic.safetensors, or a checkpoint, of the same sizes to begin from. It may know fewer conditions and
    styles: the new ones begin without any effect.
    fold: guidance scale to fold into the weights of `start`, after which none is wanted when it sings: on the lyrics, or by
    condition. fold_of: singer → scale or scales, where they are not `fold`.
    strides: how many steps of Euler's the network is to sing in, each worth a step of midpoint's of `start`.
    bfloat16: matrix products in it; when None, where the device multiplies it.
    """

    def __init__(
        self,
        steps: int,
        phonemes: list[str],
        speakers: list[str],
        latent_dim: int = 160,
        dim: int = 256,
        depth: int = 8,
        heads: int = 4,
        expansion: int = 4,
        window: int = 64,
        patch: int = 1,
        conditioner_depth: int = 4,
        backbone: str = "dit",
        attention: str = "windowed",
        conditioning: str | None = None,
        objective: str = "velocity",
        learning_rate: float = 1e-3,
        drop: float | dict[str, float] = 0.1,
        focus: float = 1.0,
        start: str | None = None,
        fold: float | dict[str, float] | None = None,
        fold_of: dict[str, float | dict[str, float]] | None = None,
        strides: int | None = None,
        conditions: list[str] | None = None,
        styles: list[str] | None = None,
        text_encoder: str = HASHED,
        text_numbers: int | None = None,
        prefix: int = 100,
        bfloat16: bool | None = None,
        seed: int = 0,
    ):
        super().__init__(seed)
        if conditions is not None and "text" in conditions and text_numbers is None:
            text_numbers = len(describe("voice", text_encoder))
        self.save_hyperparameters()
        self.hparams.text_numbers = text_numbers  # so that a checkpoint is read without the encoder
        numbers = {"timbre": TIMBRE_NUMBERS, "style": len(styles or ()), "text": text_numbers or 0}
        numbers["reference"] = latent_dim
        self.network = build(
            backbone,
            phonemes=len(phonemes),
            speakers=len(speakers),
            latent_dim=latent_dim,
            dim=dim,
            depth=depth,
            heads=heads,
            expansion=expansion,
            window=window,
            patch=patch,
            conditioner_depth=conditioner_depth,
            attention=attention,
            conditioning=conditioning,
            objective=objective,
            conditions=None if conditions is None else {name: numbers.get(name, 0) for name in conditions},
        )
        self.objective = objective_of(objective)
        self.names = self.network.conditioner.names
        self.shares = torch.tensor(drop_shares(self.names, drop))
        self.learns_of_another = fold is not None or bool(fold_of) or strides is not None
        self.scales = fold_scales(self.names, speakers, fold, fold_of)
        if self.learns_of_another and start is None:
            raise ValueError("fold, strides: what is folded is of a trained network; name its weights with start")
        if self.learns_of_another and objective != "velocity":
            raise ValueError(f"fold, strides: are for networks that predict velocity, not {objective}")
        if strides is not None and strides < 1:
            raise ValueError(f"strides is {strides}; at least 1 is wanted")
        self._guide: list[Backbone] = []  # not a submodule: it is neither trained nor saved
        if start:
            begun = self._begun(start)
            if begun.objective != objective:
                raise ValueError(f"start: {start} predicts {begun.objective}, this run is to predict {objective}")
            begin_as(self.network, begun)
            if self.learns_of_another:
                if begun.conditioner.names != self.names:
                    known = ", ".join(begun.conditioner.names)
                    raise ValueError(f"fold: {start} knows {known}; name the same conditions")
                self._guide.append(begun.requires_grad_(False))

    @classmethod
    def _begun(cls, start: str) -> Backbone:
        """The network in acoustic.safetensors, or in a checkpoint."""
        from svs.voice import load_acoustic

        if not start.endswith(".ckpt"):
            return load_acoustic(start)
        module = cls.load_from_checkpoint(start, map_location="cpu", weights_only=True, **ALONE)
        return module.network.eval()

    def on_fit_start(self):
        check_same_conditions(self.hparams, self.trainer.datamodule.hparams)
        if self.trainer.datamodule.hparams.get("lent") and not self.learns_of_another:
            raise TrainingError("lent: crops under another singer's name teach a wrong voice; it goes with fold or strides only")
        importance = self.trainer.datamodule.importance()
        if len(importance) != self.hparams.latent_dim:
            raise TrainingError(
                f"latent_dim is {self.hparams.latent_dim}, the features' latents have {len(importance)} numbers; "
                f"train with --model.latent_dim={len(importance)}"
            )
        weights = importance.to(self.device) ** self.hparams.focus
        self.weights = weights / weights.mean()

    def configure_optimizers(self):
        optimiser = torch.optim.AdamW(
            self.network.parameters(), self.hparams.learning_rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        return self.scheduled(optimiser, warmup=200)

    @as_one_batch
    def training_step(self, batch: tuple[Conditions, Tensor], batch_idx: int) -> Tensor:
        conditions, latents = batch
        drop = (torch.rand(len(latents), len(self.names)) < self.shares).to(latents.device)
        if "reference" in self.names:
            conditions = with_prefix(conditions, latents, self._prefixes(conditions.keep))
        counted = conditions.keep & ~conditions.prefix
        with self.autocast():
            condition = self.network.condition(conditions, drop)

            def predict(x: Tensor, t: Tensor) -> Tensor:
                return self.network(x, t, condition, conditions.keep)

            if self._guide:
                goal = self._guided(conditions, drop)
                loss = folding_loss(predict, goal, latents, counted, self.weights, self.hparams.strides)
            else:
                loss = self.objective.loss(predict, latents, counted, self.weights)
        kept = counted.sum()
        loss = loss * (kept / mean_over_processes(kept))
        self.log("acoustic/loss", loss.detach(), prog_bar=True, batch_size=len(latents), sync_dist=True)
        return loss

    def _prefixes(self, keep: Tensor) -> Tensor:
        """How many frames of each item are given, (batch,): up to `prefix`, and at most half of what is sung."""
        shares = 0.2 + 0.8 * torch.rand(len(keep)).to(keep.device)
        return (shares * (keep.sum(dim=1) // 2).clamp(max=self.hparams.prefix)).long()

    def _guided(self, conditions: Conditions, drop: Tensor):
        """The velocity to be folded in: guided as whoever sings most of an item is, except on what the item has lost."""
        (guide,) = self._guide
        full = guide.condition(conditions, drop)
        who = conditions.speaker.mean(dim=1).argmax(dim=-1)
        steered = []
        for name, scales in self.scales.items():
            group = self.names.index(name)
            excess = (scales.to(who.device)[who] - 1.0) * ~drop[:, group]
            (rows,) = torch.nonzero(excess, as_tuple=True)
            if len(rows):
                without = drop.clone()
                without[:, group] = True
                bare = guide.condition(conditions, without)[rows]
                steered.append((rows, bare, conditions.keep[rows], excess[rows, None, None]))

        def velocity(x: Tensor, t: Tensor) -> Tensor:
            found = guide(x, t, full, conditions.keep).float()
            wanted = found.clone()
            for rows, bare, keep, excess in steered:
                wanted[rows] += excess * (found[rows] - guide(x[rows], t[rows], bare, keep).float())
            return wanted

        return velocity


def fold_scales(
    names: tuple[str, ...],
    speakers: list[str],
    fold: float | dict[str, float] | None,
    fold_of: dict[str, float | dict[str, float]] | None,
) -> dict[str, Tensor]:
    """Condition → (speakers,) guidance scales to be folded in, of those conditions where one is not 1.

    A number is a scale on the lyrics. Raises ValueError for strangers among conditions and speakers.
    """
    if strangers := sorted(set(fold_of or {}) - set(speakers)):
        raise ValueError(f"fold_of: no such speaker {', '.join(strangers)}; the table has {', '.join(speakers)}")
    of = {name: (fold_of or {}).get(name, {} if fold is None else fold) for name in speakers}
    by_speaker = [asked if isinstance(asked, dict) else {"lyrics": asked} for asked in of.values()]
    if unknown := sorted({name for asked in by_speaker for name in asked} - set(names)):
        raise ValueError(f"fold: {', '.join(unknown)} none of the conditions {', '.join(names)}")
    scales = {name: [float(asked.get(name, 1.0)) for asked in by_speaker] for name in names}
    return {name: torch.tensor(each) for name, each in scales.items() if any(scale != 1.0 for scale in each)}


def drop_shares(names: tuple[str, ...], drop: float | dict[str, float]) -> list[float]:
    """The share of items that lose each condition. Raises ValueError for shares that cannot be."""
    by_name = drop if isinstance(drop, dict) else dict.fromkeys(names, drop)
    if unknown := sorted(set(by_name) - set(names)):
        raise ValueError(f"drop: {', '.join(unknown)} none of the conditions {', '.join(names)}")
    shares = {name: by_name.get(name, 0.1) for name in names}
    for name, share in shares.items():
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"drop: {name} is {share}; a share from 0 to 1 is wanted")
        if share == 0.0 and name in ("text", "reference"):
            raise ValueError(f"drop: {name} is 0; singing without it wants items that had to do without")
    return list(shares.values())


def check_same_conditions(model, data) -> None:
    """Raises TrainingError where the settings of model and data name other conditions, or other tables of them."""
    known = [set(each.get("conditions") or GROUPS) - {"reference"} for each in (model, data)]  # cut from the latents
    if known[0] != known[1]:
        lists = (", ".join(sorted(names)) for names in known)
        raise TrainingError("conditions: the model has {}, the data {}; name the same".format(*lists))
    for condition, key in (("style", "styles"), ("text", "text_encoder")):
        if condition in known[0] and model[key] != data[key]:
            raise TrainingError(f"{key}: the model has {model[key]}, the data {data[key]}; name the same")


def begin_as(network: Any, begun: Any) -> None:
    """Give a network the weights of another that may know fewer conditions and styles, of which the new have no effect.

    Both are modules with a Conditioner as `conditioner`. Raises ValueError or RuntimeError where they differ otherwise.
    """
    old, new = begun.conditioner.names, network.conditioner.names
    if missing := [name for name in old if name not in new]:
        raise ValueError(f"start: knows {', '.join(missing)}, which the conditions leave out")
    state, weights = network.state_dict(), begun.state_dict()
    absent, style = "conditioner.absent", "conditioner.style.weight"
    rows = torch.zeros_like(state[absent])
    rows[[new.index(name) for name in old]] = weights[absent]
    grown = {absent: rows}
    if style in state:
        columns, known = torch.zeros_like(state[style]), weights.get(style, state[style][:, :0])
        columns[:, : known.shape[1]] = known
        grown[style] = columns
    for name in set(new) - set(old):
        last = {"text": "text.2", "style": "style"}.get(name, name)  # a layer of zeros says nothing, and learns
        for key in state:
            if key.startswith(f"conditioner.{name}.") and key not in grown:
                silent = key.startswith(f"conditioner.{last}.")
                grown[key] = torch.zeros_like(state[key]) if silent else state[key]
    network.load_state_dict({**weights, **grown})


class TimingTraining(ResumableModule):
    """Trains consonant durations: embeddings and two layers that give log seconds (see timing.ConsonantDurations).

    start: timing.safetensors with the same tables to begin from.
    """

    def __init__(
        self,
        steps: int,
        phonemes: list[str],
        speakers: list[str],
        phone_dim: int = 12,
        speaker_dim: int = 4,
        hidden: int = 64,
        learning_rate: float = 5e-3,
        start: str | None = None,
        seed: int = 0,
    ):
        super().__init__(seed)
        self.save_hyperparameters()
        self.phone = nn.Embedding(len(phonemes) + 1, phone_dim)  # the last row takes unknown phones
        self.speaker = nn.Embedding(len(speakers), speaker_dim)
        self.enter = nn.Linear(3 * phone_dim + speaker_dim + NUMBERS, hidden)
        self.leave = nn.Linear(hidden, 1)
        nn.init.constant_(self.leave.bias, math.log(0.08))
        if start:
            self._begin(ConsonantDurations.load(start))

    def _begin(self, durations: ConsonantDurations) -> None:
        tables = (durations.phones[:-1], durations.speakers)
        if tables != (tuple(self.hparams.phonemes), tuple(self.hparams.speakers)):
            raise ValueError("start: the phonemes and speakers of its timing are not those of this run")
        w = {name: torch.from_numpy(np.array(value, np.float32)) for name, value in durations.weights.items()}
        places = {
            "phone.weight": w["phone"], "speaker.weight": w["speaker"], "enter.weight": w["w1"].T, "enter.bias": w["b1"],
            "leave.weight": w["w2"].reshape(1, -1), "leave.bias": w["b2"].reshape(1),
        }  # fmt: skip
        self.load_state_dict(places)

    def configure_optimizers(self):
        optimiser = torch.optim.AdamW(self.parameters(), self.hparams.learning_rate, weight_decay=1e-3)
        return self.scheduled(optimiser, warmup=20)

    def forward(self, phones: Tensor, speaker: Tensor, numbers: Tensor) -> Tensor:
        """phones: (batch, 3) rows before, of and after the consonant. Returns log seconds (batch,)."""
        known = torch.cat([self.phone(phones).flatten(1), self.speaker(speaker), numbers], dim=1)
        return self.leave(torch.relu(self.enter(known)))[:, 0]

    @as_one_batch
    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> Tensor:
        phones, speaker, numbers, log_seconds = batch
        error = (self(phones, speaker, numbers) - log_seconds).abs()
        self.log("timing/error", error.mean().detach(), prog_bar=True, sync_dist=True)
        return error.mean()

    def durations(self) -> ConsonantDurations:
        """The trained model as `svs sing` reads it."""
        weights = {
            "phone": self.phone.weight,
            "speaker": self.speaker.weight,
            "w1": self.enter.weight.T,
            "b1": self.enter.bias,
            "w2": self.leave.weight[0],
            "b2": self.leave.bias,
        }
        arrays = {name: value.detach().float().numpy().copy() for name, value in weights.items()}
        phones = (*self.hparams.phonemes, "<other>")
        return ConsonantDurations(arrays, phones, tuple(self.hparams.speakers), self.hparams.speakers[0])


class TrainingError(Mistake):
    """A run that cannot begin; the message says why."""


def _several(trainer) -> bool:
    """Whether a trainer's options ask for more than one process."""
    if trainer.num_nodes > 1:
        return True
    devices = trainer.devices
    if isinstance(devices, list):
        return len(devices) > 1
    if str(devices) in ("auto", "-1"):
        return trainer.accelerator != "cpu" and torch.cuda.device_count() > 1
    return "," in str(devices) or int(devices) > 1


def _from_trainer(error: ValueError) -> bool:
    """Whether Lightning's trainer refused its own options."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith("lightning.pytorch.trainer")


ABOVE_ZERO = ("learning_rate", "steps", "batch_size", "frames")  # of model and data


def main(config, arguments: list[str] | None = None) -> None:
    """`svs train CONFIG`: build model, data and trainer from a YAML file and fit; an interrupted run goes on.

    arguments: further LightningCLI options, such as `--trainer.max_time=00:00:10:00`.
    Raises TrainingError for a run that is finished, and for what the file or the options say wrong.
    """
    import logging

    from lightning.pytorch.cli import LightningCLI, SaveConfigCallback
    from lightning.pytorch.utilities import rank_zero_only
    from lightning.pytorch.utilities.exceptions import MisconfigurationException

    for name in ("lightning.fabric.utilities.seed", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.WARNING)  # tips, and which accelerators are absent

    say = rank_zero_only(print)

    def runs(trainer) -> list[RunCheckpoint]:
        return [callback for callback in trainer.checkpoint_callbacks if isinstance(callback, RunCheckpoint)]

    class SaveBeside(SaveConfigCallback):
        """Resolved configuration and provenance, beside the checkpoints."""

        def save_config(self, trainer, pl_module, stage):
            for run in runs(trainer):
                folder = run.last.parent
                record(folder, batches_in(run.last))
                config = self.parser.dump(self.config, skip_none=False).encode()
                write_atomically(folder / CONFIG, lambda temporary, config=config: Path(temporary).write_bytes(config))

    class Command(LightningCLI):
        def before_instantiate_classes(self):
            for part in ("model", "data"):
                chosen = self.config[self.subcommand].get(part)
                for name in ABOVE_ZERO:
                    value = (chosen or {}).get("init_args", {}).get(name)
                    if value is not None and not value > 0:
                        raise TrainingError(f"{config}: {part}.{name} is {value:g}; a number above 0 is wanted")
            trainer = self.config[self.subcommand].trainer
            if trainer.strategy == "ddp" or (trainer.strategy == "auto" and _several(trainer)):
                trainer.strategy = "ddp_find_unused_parameters_true"  # judges rest in some batches

        def before_fit(self):
            for run in runs(self.trainer):
                if run.trained.exists():
                    raise TrainingError(f"{run.trained}: this run is finished; delete it to train anew")
                if run.last.exists():
                    say(f"svs: continues from {run.last}", file=sys.stderr)
                    self.config_init[self.subcommand]["ckpt_path"] = str(run.last)

        def after_fit(self):
            for run in runs(self.trainer):
                path = run.trained if run.trained.exists() else run.last
                say(f"{path}: {batches_done(self.trainer)} batches", flush=True)

    try:
        if not Path(config).read_text(encoding="utf-8").strip():
            raise TrainingError(f"{config}: holds nothing; model, data and trainer are wanted, as in recipes/tiny")
    except UnicodeDecodeError:
        raise TrainingError(f"{config}: not a text file; a YAML of model, data and trainer is wanted") from None
    torch.set_flush_denormal(True)
    try:
        Command(
            args=["fit", "--config", str(config), *(arguments or [])],
            save_config_callback=SaveBeside,
            save_config_kwargs={"save_to_log_dir": False},
            parser_kwargs={"exit_on_error": False, "fit": {"exit_on_error": False}},
        )
    except (MisconfigurationException, ModuleNotFoundError, ValueError) as error:
        if isinstance(error, Mistake) or (type(error) is ValueError and not _from_trainer(error)):
            raise
        raise TrainingError(f"{config}: {' '.join(str(error).split())}") from None  # an accelerator that is not here, say
    except ArgumentError as error:
        text = " ".join(str(error).split())
        inner = re.search(r"Problem with given class_path.*?(?= - Expected a | Given value type|$)", text)
        raise TrainingError(f"{config}: {inner[0] if inner else text}") from None
