"""The latents of one clip, by a process or machine elsewhere; a module of its own, to be found there by name."""

from __future__ import annotations

from functools import cache

import numpy as np

from svs import codecs
from svs.dataset import Shard, encoded
from svs.release import codec_of


@cache
def opened(folder: str, spec: str):
    """A shard and a codec network, once a process. spec: checkpoint, weights or a codec's name."""
    return Shard.open(folder), codecs.load(spec, continuous=True).network if codecs.is_name(spec) else codec_of(spec)


def encoded_clip(folder: str, spec: str, number: int) -> np.ndarray:
    """(frames, latent_dim) float16 of a clip of a shard."""
    shard, network = opened(folder, spec)
    return encoded(shard, network, shard.clips[number])
