"""Fit the codebooks of the codec `rvq` on the latents of features.

    python -m data_prep.codebooks work/features/teacher --out rvq.safetensors

FEATURES are shards, or folders of shards, with latents of the source-filter codec (stage `latents`). Any number of the
codebooks, from the first on, makes a codec: rvq@4:rvq.safetensors uses four. Where the latents are not of the default
voice's codec, keep its codec.safetensors beside the codebooks.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_prep import stages
from svs.audio import AudioError
from svs.codec import CodecError
from svs.codecs.rvq import fit_codebooks, save_codebooks, silence_of
from svs.codecs.source_filter import network_of
from svs.dataset import INDEX, DatasetError, Shard, fingerprint, has_latents


def shards_of(folders: Sequence[Path]) -> list[Shard]:
    """The shards among folders and in them. Raises DatasetError where a folder has none."""
    found = []
    for folder in folders:
        inside = [folder] if (folder / INDEX).is_file() else sorted(path.parent for path in folder.glob(f"*/{INDEX}"))
        if not inside:
            raise DatasetError(f"{folder}: no features there; run the recipe's stages `features` and `latents` first")
        found += [Shard.open(path) for path in inside]
    return found


def sample(shards: Sequence[Shard], most: int, seed: int) -> np.ndarray:
    """(frames, latent_dim) float32 latents times their importance, at most so many frames, drawn evenly."""
    parts = [shard.latents(mapped=True) for shard in shards]
    share = min(1.0, most / sum(map(len, parts)))
    random, drawn = np.random.default_rng(seed), []
    for part, shard in zip(parts, shards, strict=True):
        at = np.sort(random.permutation(len(part))[: round(share * len(part))])
        drawn.append(part[at].astype(np.float32) * shard.importance())
    return np.concatenate(drawn)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m data_prep.codebooks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("features", nargs="+", type=Path, metavar="FEATURES")
    parser.add_argument("--out", type=Path, required=True, help="file to write, .safetensors")
    parser.add_argument("--codec", type=Path, help="codec.safetensors that made the latents (default: the voice's)")
    parser.add_argument("--codebooks", type=stages.positive, default=16)
    parser.add_argument("--size", type=stages.positive, default=1024, help="entries of a codebook")
    parser.add_argument("--frames", type=stages.positive, default=40_000, help="drawn from the features at most")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    shards = shards_of(options.features)
    network = network_of(options.codec)
    for shard in shards:
        if not has_latents(shard, network):
            raise DatasetError(
                f"{shard.folder}: no latents of {options.codec or 'the default voice'}'s codec there; run "
                "data_prep.latents with it, or name the codec that made them with --codec"
            )
    vectors, size = sample(shards, options.frames, options.seed), options.size
    with stages.bar("codebooks") as progress:
        books = fit_codebooks(
            vectors, silence_of(network), options.codebooks, size, seed=options.seed, progress=progress
        )
    save_codebooks(books, fingerprint(network.encoder), options.out)
    print(f"{options.out}: {options.codebooks} codebooks of {options.size} entries from {len(vectors)} frames")


if __name__ == "__main__":
    stages.run(main, DatasetError, AudioError, CodecError)
