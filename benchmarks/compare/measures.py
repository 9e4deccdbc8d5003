"""How well a network knows the latents of lines it has not seen, and what it draws."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from svs import latents as encoded
from svs.backbone import Backbone
from svs.batches import clip_conditions
from svs.codec.noise import even_noise
from svs.conditioning import Conditions
from svs.evaluation.spectrum import mel_distance
from svs.objectives import objective_of
from svs.samplers import draw
from svs.units import LATENT_HOP, SAMPLE_RATE

RATIOS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of data to noise that the validation error is measured at
LONGEST = 400  # latent frames of a held-out line, 8 s where a frame is of 20 ms


@dataclass(frozen=True)
class Line:
    """A held-out line: its conditions, latents (1, frames, dim) and the noise (1, frames, dim) it is tried with.

    seconds: of sound.
    """

    id: str
    conditions: Conditions
    latents: Tensor
    noise: Tensor
    seconds: float


def held_out_lines(corpus) -> list[Line]:
    """The lines of a Corpus that are kept for measuring; their noise is the same for all networks."""
    shard, lines = corpus.shard, []
    table, latents = {symbol: row for row, symbol in enumerate(corpus.phonemes)}, encoded.read(shard)
    for number, clip in enumerate(shard.clips):
        if clip["id"] not in corpus.heldout:
            continue
        conditions = clip_conditions(latents.curve(shard, number), clip, table, corpus.speakers).slice(0, LONGEST)
        target = latents.of_clip(number)[: conditions.frames].astype(np.float32)
        noise = np.random.default_rng((7, number)).standard_normal(target.shape, dtype=np.float32)
        tensors = (torch.from_numpy(values)[None] for values in (target, noise))
        lines.append(Line(clip["id"], conditions, *tensors, len(target) / latents.frame_rate))
    return lines


@torch.no_grad()
def validation_error(network: Backbone, line: Line, weights: Tensor) -> float:
    """Mean squared error of the clean latents that the network's answers amount to; their variance is about 1.

    At RATIOS of data to noise on the objective's own path, so that objectives can be compared. weights: (dim,).
    """
    aim, c, errors = objective_of(network.objective), line.conditions, []
    condition = network.condition(c)
    for ratio in RATIOS:
        t = torch.tensor([aim.time(ratio)])
        at = t[:, None, None]
        x = aim.alpha(at) * line.latents + aim.sigma(at) * line.noise
        clean = aim.clean(network(x, t, condition, c.keep), x, at)
        errors.append(((clean - line.latents).square() * weights).mean().item())
    return float(np.mean(errors))


@torch.no_grad()
def drawn(network: Backbone, line: Line, steps: int, sampler: str) -> Tensor:
    """Latents (1, frames, dim) drawn from the line's noise."""
    condition = network.condition(line.conditions)
    return draw(
        lambda x, t: network(x, t, condition, line.conditions.keep), line.noise, steps, sampler, network.objective
    )


def frechet_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Squared Fréchet distance of two sets of latents, (frames, dim), as of Gaussians (Heusel et al. 2017)."""
    means = one.mean(axis=0), other.mean(axis=0)
    spreads = [np.atleast_2d(np.cov(x, rowvar=False)) for x in (one, other)]
    values, vectors = np.linalg.eigh(spreads[0])
    root = (vectors * np.sqrt(values.clip(0.0))) @ vectors.T
    shared = np.linalg.eigvalsh(root @ spreads[1] @ root)  # similar to the product, and symmetric
    return float(
        ((means[0] - means[1]) ** 2).sum()
        + np.trace(spreads[0])
        + np.trace(spreads[1])
        - 2.0 * np.sqrt(shared.clip(0.0)).sum()
    )


@torch.no_grad()
def sound_distance(codec, latents: Tensor, line: Line) -> float:
    """Mel distance in nepers of what a codec makes of drawn latents from what it makes of the line's own."""
    cents, voiced = line.conditions.cents.flatten(1), line.conditions.voiced.flatten(1)
    noise = torch.from_numpy(even_noise(latents.shape[1] * LATENT_HOP, 0, 0))[None]
    ours, theirs = (codec.decode(x, cents, voiced, noise)[0].numpy() for x in (latents, line.latents))
    return mel_distance(theirs, ours, SAMPLE_RATE)


def measure(network: Backbone, lines: list[Line], weights: Tensor, samplers: dict[str, list[int]], codec=None) -> dict:
    """All figures of a trained network.

    samplers: name → numbers of steps that are tried. weights: (dim,) what latents count. codec: for mel distances.
    Returns `error` by line; `draws`, for each sampler and steps its Fréchet distance, CPU seconds a second of
    sound and, with a codec, `mel` by line.
    """
    network = network.eval()
    real = np.concatenate([line.latents[0].numpy() for line in lines])
    scale = weights.sqrt().numpy()
    result: dict = {"error": {line.id: validation_error(network, line, weights) for line in lines}, "draws": []}
    seconds = sum(line.seconds for line in lines)
    for sampler, numbers in samplers.items():
        for steps in numbers:
            began = time.process_time()
            made = [drawn(network, line, steps, sampler) for line in lines]
            cost = (time.process_time() - began) / seconds
            ours = np.concatenate([latents[0].numpy() for latents in made])
            figures = {"sampler": sampler, "steps": steps, "cost": cost}
            figures["frechet"] = frechet_distance(ours * scale, real * scale)
            if codec is not None:
                figures["mel"] = {
                    line.id: sound_distance(codec, latents, line) for line, latents in zip(lines, made, strict=True)
                }
            result["draws"].append(figures)
    return result
