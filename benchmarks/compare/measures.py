"""How well a network knows the latents of lines it has not seen, what it draws, and how that sounds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from benchmarks.codecs import figure
from benchmarks.common import evenly
from benchmarks.compare.choices import Corpus, Row
from data_prep.annotate import annotate
from svs import annotations
from svs import latents as encoded
from svs.audio import Audio
from svs.backbone import Backbone
from svs.batches import clip_conditions, style_weights
from svs.codec.noise import even_noise
from svs.codec.source_filter import SourceFilterNetwork
from svs.conditioning import Conditions, Manner, Prefix, after_prefix
from svs.dataset import DatasetError, Shard, fingerprint
from svs.description import HASHED
from svs.description import describe as described
from svs.evaluation.embedding import Moments, frechet_distance, moments
from svs.evaluation.quality import pesq, stoi
from svs.evaluation.spectrum import mel_distance
from svs.objectives import objective_of
from svs.pitch import PitchCurve
from svs.rendering import guided_answers
from svs.samplers import draw
from svs.speaker import direction, encoder
from svs.units import LATENT_HOP, SAMPLE_RATE

RATIOS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of data to noise that the validation error is measured at
LONGEST = 400  # latent frames of a held-out line, 8 s where a frame is of 20 ms
GIVEN = 100  # latent frames of a reference clip, where the row names no `prefix`
DRAWN = ("midpoint", 8)  # the sampler and steps that is listened to; every objective has it


@dataclass(frozen=True)
class Hearing:
    """How latents are listened to. codec: a source-filter network. embedding: of the Fréchet audio distance.

    own: clip → what the codec makes of its own latents, and the embedding of its singer or None; made once.
    """

    codec: SourceFilterNetwork
    embedding: str
    own: dict[str, tuple[Audio, np.ndarray | None]] = field(default_factory=dict)

    @property
    def facts(self) -> dict:
        return {"codec": fingerprint(self.codec), "embedding": self.embedding}

    def listen(self, name: str, latents: Tensor, conditions: Conditions) -> None:
        """Decode a clip's own latents (1, frames, dim), where that has not been done."""
        if name not in self.own:
            sound = decoded(self.codec, latents, conditions)
            self.own[name] = sound, figure(singer_of, sound)


@dataclass(frozen=True)
class Line:
    """A held-out line: its conditions, latents (1, frames, dim) and the noise (1, frames, dim) it is tried with.

    given: of these frames the first are a reference clip's and not the line's own. seconds: of the line.
    """

    id: str
    conditions: Conditions
    latents: Tensor
    noise: Tensor
    seconds: float
    given: int = 0

    def own(self, x: Tensor) -> Tensor:
        """(1, frames, dim) without what is given."""
        return x[:, self.given :]


def held_out_lines(corpus: Corpus, row: Row, most: int | None = None, hearing: Hearing | None = None) -> list[Line]:
    """Lines of a Corpus that are kept for measuring, evenly spaced, as the network of a row is given them.

    Their noise is the same for all rows. The embedding of a singer, and a reference, are of another clip of the same
    singer, which was trained on; a description is that of the line itself.
    Raises DatasetError where a singer has no other clip or something is not known of the clips.
    """
    shard, arguments = corpus.shard, row.arguments
    annotate(shard, row.conditions)
    latents, table = encoded.read(shard), {symbol: number for number, symbol in enumerate(corpus.phonemes)}
    said = annotations.descriptions(shard) if "text" in row.conditions else {}
    embedded = annotations.timbres(shard) if "timbre" in row.conditions else {}
    numbers = evenly([number for number, clip in enumerate(shard.clips) if clip["id"] in corpus.heldout], most)
    lines = []
    for number in numbers:
        clip = shard.clips[number]
        other = _other_clip(corpus, shard, number) if {"timbre", "reference"} & set(row.conditions) else number
        text, encoder_name = said.get(clip["id"], ""), arguments.get("text_encoder", HASHED)
        manner = Manner(
            embedded.get(shard.clips[other]["id"]),
            style_weights(shard, clip, arguments.get("styles") or []) if "style" in row.conditions else None,
            described(text, encoder_name) if text else None,
        )
        conditions = clip_conditions(latents.curve(shard, number), clip, table, corpus.speakers, manner)
        conditions = conditions.slice(0, LONGEST)
        target = latents.of_clip(number)[: conditions.frames].astype(np.float32)
        noise = np.random.default_rng((7, number)).standard_normal(target.shape, dtype=np.float32)
        if hearing is not None:
            hearing.listen(clip["id"], torch.from_numpy(target)[None], conditions)
        seconds, given = len(target) / latents.frame_rate, 0
        if "reference" in row.conditions:
            known = _reference(latents, shard, other, arguments.get("prefix", GIVEN))
            conditions, given = after_prefix(conditions, known), len(known.latents)
            more = np.random.default_rng((8, number)).standard_normal(known.latents.shape, dtype=np.float32)
            target, noise = np.concatenate([known.latents, target]), np.concatenate([more, noise])
        tensors = (torch.from_numpy(values)[None] for values in (target, noise))
        lines.append(Line(clip["id"], conditions, *tensors, seconds, given))
    return lines


def _other_clip(corpus: Corpus, shard: Shard, number: int) -> int:
    """The number of a clip of the same singer that is trained on."""
    singer = shard.clips[number]["speaker"]
    others = [
        other
        for other, clip in enumerate(shard.clips)
        if clip["speaker"] == singer and clip["id"] not in corpus.heldout and "phones" in clip
    ]
    if not others:
        raise DatasetError(f"{shard.folder}: all clips of {singer} are held out; one is wanted as a reference")
    return int(np.random.default_rng((11, number)).choice(others))


def _reference(latents: encoded.Latents, shard: Shard, number: int, most: int) -> Prefix:
    """The beginning of a clip, from where its voice sets in."""
    curve = latents.curve(shard, number)
    first = int(np.argmax(curve.voiced)) // 2
    values = latents.of_clip(number)[first : first + most].astype(np.float32)
    at = slice(2 * first, 2 * (first + len(values)))
    return Prefix(values, PitchCurve(curve.cents[at], curve.voiced[at], curve.hop_seconds))


@torch.no_grad()
def validation_error(network: Backbone, line: Line, weights: Tensor, guidance: Mapping[str, float]) -> float:
    """Mean squared error of the clean latents that the network's answers amount to; their variance is about 1.

    At RATIOS of data to noise on the objective's own path, so that objectives can be compared. weights: (dim,).
    guidance: condition → scale.
    """
    aim, errors = objective_of(network.objective), []
    answers = guided_answers(network, line.conditions, guidance)
    for ratio in RATIOS:
        t = torch.tensor([aim.time(ratio)])
        at = t[:, None, None]
        x = aim.alpha(at) * line.latents + aim.sigma(at) * line.noise
        clean = aim.clean(answers(x, t), x, at)
        errors.append((line.own(clean - line.latents).square() * weights).mean().item())
    return float(np.mean(errors))


@torch.no_grad()
def drawn(network: Backbone, line: Line, steps: int, sampler: str, guidance: Mapping[str, float]) -> Tensor:
    """The line's latents (1, frames, dim), drawn from its noise."""
    answers = guided_answers(network, line.conditions, guidance)
    return line.own(draw(answers, line.noise, steps, sampler, network.objective))


@torch.no_grad()
def decoded(codec, latents: Tensor, conditions: Conditions) -> Audio:
    """What a codec's network makes of latents (1, frames, dim) and the pitch of a line's conditions."""
    cents, voiced = conditions.cents.flatten(1), conditions.voiced.flatten(1)
    noise = torch.from_numpy(even_noise(latents.shape[1] * LATENT_HOP, 0, 0))[None]
    return Audio(codec.decode(latents, cents, voiced, noise)[0].numpy(), SAMPLE_RATE)


def singer_of(sound: Audio) -> np.ndarray:
    """(256,) unit embedding of a sound's singer. Raises ImportError without the encoder."""
    return direction(encoder()(sound))


def heard(hearing: Hearing, lines: Sequence[Line], latents: Sequence[Tensor]) -> dict:
    """How drawn latents sound beside the lines' own, through the codec both.

    By line `mel` (nepers), `stoi`, `pesq` and `singer`, the cosine of speaker embeddings; None where a package is
    missing. `fad`: Fréchet audio distance over all lines, of the embedding `fad_embedding`.
    """
    made = [
        decoded(hearing.codec, each, line.conditions.slice(line.given, line.conditions.frames))
        for each, line in zip(latents, lines, strict=True)
    ]
    found: dict = {name: {} for name in ("mel", "stoi", "pesq", "singer")}
    for line, other in zip(lines, made, strict=True):
        sound, singer = hearing.own[line.id]
        for name, measured in (("mel", mel_distance), ("stoi", stoi), ("pesq", pesq)):
            found[name][line.id] = figure(measured, sound.samples, other.samples, SAMPLE_RATE)
        found["singer"][line.id] = None if singer is None else float(singer @ singer_of(other))
    sides = [hearing.own[line.id][0] for line in lines], made
    joined = (Audio(np.concatenate([each.samples for each in side]), SAMPLE_RATE) for side in sides)
    distance = frechet_distance(*(moments([side], hearing.embedding) for side in joined))
    return {**found, "fad": distance, "fad_embedding": hearing.embedding}


def measure(
    network: Backbone,
    lines: Sequence[Line],
    weights: Tensor,
    samplers: Mapping[str, Sequence[int]],
    guidance: Mapping[str, float],
    hearing: Hearing | None = None,
) -> dict:
    """All figures of a trained network.

    samplers: name → numbers of steps that are tried, DRAWN among them. weights: (dim,) what latents count.
    Returns `error` by line; `draws`, for each sampler and steps its Fréchet distance and CPU seconds a second of
    sound; and, where it is listened to, `heard` of DRAWN.
    """
    network = network.eval()
    scale = weights.sqrt().numpy()
    real = Moments.of(scale * np.concatenate([line.own(line.latents)[0].numpy() for line in lines]))
    errors = {line.id: validation_error(network, line, weights, guidance) for line in lines}
    result: dict = {"error": errors, "draws": []}
    seconds = sum(line.seconds for line in lines)
    for sampler, numbers in samplers.items():
        for steps in numbers:
            began = time.process_time()
            made = [drawn(network, line, steps, sampler, guidance) for line in lines]
            cost = (time.process_time() - began) / seconds
            ours = Moments.of(scale * np.concatenate([latents[0].numpy() for latents in made]))
            figures = {"sampler": sampler, "steps": steps, "cost": cost, "frechet": frechet_distance(ours, real)}
            result["draws"].append(figures)
            if hearing is not None and (sampler, steps) == DRAWN:
                result["heard"] = heard(hearing, lines, made)
    return result
