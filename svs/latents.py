"""Latents of a shard by any continuous codec: written once, read with the conditions that lie on their frames.

The source-filter codec's come at 50 Hz and of unit variance (svs.dataset.build_latents). Those of another codec come
at its own frame rate; they are brought to zero mean and unit variance, and latents.json beside them keeps whose they
are, how many each clip has, and what gives the codec its own numbers back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from svs.audio import Audio, write_text
from svs.codecs import Codec, CodecError
from svs.dataset import ENCODER, GRID, IMPORTANCE, LATENTS, DatasetError, Shard, forget, save_array
from svs.pitch import PitchCurve, at_hop
from svs.units import LATENT_HOP, SAMPLE_RATE

LEAST_DEVIATION = 1e-3  # of the greatest: what hardly ever changes is not blown up


@dataclass(frozen=True)
class Latents:
    """The latents of a shard.

    codec:      as svs.codecs.load takes it. frame_rate: Hz.
    values:     (frames, latent_dim) float16, zero mean and unit variance over all that were encoded together.
    starts, frames: (clips,) first frame and number of frames of each clip of the shard, in its order.
    mean, deviation: (latent_dim,) float32, of the codec's own numbers.
    """

    codec: str
    frame_rate: float
    values: np.ndarray
    starts: np.ndarray
    frames: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    def of_clip(self, number: int) -> np.ndarray:
        """(frames, latent_dim) of the shard's clip of that number."""
        return self.values[self.starts[number] : self.starts[number] + self.frames[number]]

    def curve(self, shard: Shard, number: int) -> PitchCurve:
        """The measured pitch of a clip, two values to a latent frame."""
        clip = shard.clips[number]
        return at_hop(shard.curve(clip["start"], clip["frames"]), 0.5 / self.frame_rate, 2 * int(self.frames[number]))

    def restored(self, values: np.ndarray) -> np.ndarray:
        """(frames, latent_dim) float32 as the codec decodes them."""
        return (np.asarray(values, np.float32) * self.deviation + self.mean).astype(np.float32)

    def like(self, other: Latents) -> bool:
        """Whether both were made by one codec and scaled alike, so that a model can learn from both."""
        return (
            self.codec == other.codec
            and np.array_equal(self.mean, other.mean)
            and np.array_equal(self.deviation, other.deviation)
        )


def read(shard: Shard) -> Latents:
    """The latents of a shard. Raises DatasetError where there are none."""
    values, path = shard.latents(), shard.folder / GRID
    if not path.is_file():
        starts, frames = (np.array([clip[key] for clip in shard.clips]) for key in ("start", "frames"))
        width = values.shape[1]
        if frames.sum() != len(values):
            raise DatasetError(f"{shard.folder / LATENTS}: not of this shard; run the stage `latents` again")
        mean, deviation = np.zeros(width, np.float32), np.ones(width, np.float32)
        return Latents("source-filter", SAMPLE_RATE / LATENT_HOP, values, starts, frames, mean, deviation)
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        frames = np.array(facts["frames"])
        starts = np.concatenate([[0], np.cumsum(frames)[:-1]])
        mean, deviation = (np.array(facts[key], np.float32) for key in ("mean", "deviation"))
        found = Latents(str(facts["codec"]), float(facts["frame_rate"]), values, starts, frames, mean, deviation)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path}: damaged ({error}); run the stage `latents` again") from None
    if len(frames) != len(shard.clips) or frames.sum() != len(values) or mean.shape != values.shape[1:]:
        raise DatasetError(f"{path}: it does not fit {LATENTS} beside it; run the stage `latents` again")
    return found


def write(shards: Sequence[Shard], codec: Codec, spec: str, progress: Callable | None = None) -> None:
    """Encode all clips of the shards with a continuous codec; what is scaled alike can be learned together.

    progress: called with (done, total) clips. Raises CodecError for a discrete codec.
    """
    if not codec.continuous:
        raise CodecError(f"codec {codec.name}: it is discrete and has no latents to be modelled")
    encoded: list[list[np.ndarray]] = []
    total, done = sum(len(shard.clips) for shard in shards), 0
    for shard in shards:
        encoded.append([])
        for clip in shard.clips:
            audio = Audio(shard.samples(clip["start"], clip["frames"]), SAMPLE_RATE)
            encoded[-1].append(codec.encode(audio).frames.astype(np.float32))
            done += 1
            if progress:
                progress(done, total)
    whole = [np.concatenate(clips) for clips in encoded]
    count = sum(map(len, whole))
    mean = np.sum([part.sum(axis=0, dtype=np.float64) for part in whole], axis=0) / count
    variance = np.sum([np.square(part - mean).sum(axis=0, dtype=np.float64) for part in whole], axis=0) / count
    deviation = np.sqrt(variance)
    deviation = np.maximum(deviation, max(LEAST_DEVIATION * deviation.max(), 1e-8)).astype(np.float32)
    mean = mean.astype(np.float32)
    for shard, clips, part in zip(shards, encoded, whole, strict=True):
        forget(shard)
        facts = {
            "codec": spec,
            "frame_rate": codec.frame_rate,
            "frames": [len(clip) for clip in clips],
            "mean": mean.tolist(),
            "deviation": deviation.tolist(),
        }
        write_text(shard.folder / GRID, json.dumps(facts))
        save_array(shard.folder / IMPORTANCE, deviation)
        save_array(shard.folder / LATENTS, ((part - mean) / deviation).astype(np.float16))
        write_text(shard.folder / ENCODER, _mark(codec, spec))


def are_written(shards: Sequence[Shard], codec: Codec, spec: str) -> bool:
    """Whether the latents of all shards are there, made by this codec and scaled alike."""
    marks = [shard.folder / ENCODER for shard in shards]
    if not all(mark.is_file() and mark.read_text(encoding="utf-8") == _mark(codec, spec) for mark in marks):
        return False
    try:
        first, *others = map(read, shards)
    except DatasetError:
        return False
    return all(first.like(other) for other in others)


def _mark(codec: Codec, spec: str) -> str:
    return f"{spec} {codec.fingerprint}"
