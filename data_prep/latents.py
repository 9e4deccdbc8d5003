"""Encode features with a codec: what the acoustic model learns to predict.

    python -m data_prep.latents work/features/teacher --codec work/codec/trained.ckpt
    python -m data_prep.latents work/features/* --codec encodec-24

CODEC is a trained source-filter codec (.ckpt, .safetensors), or any of svs.codecs by its name, NAME[:WEIGHTS], with
WEIGHTS a folder where they are not to come from the hub. Latents of another codec have its frame rate and its number of
latents; train on them with `svs train acoustic.yaml -- --model.latent_dim=N`, N being what this stage prints.

Writes latents.npy into each shard. Latents that this codec's encoder made from all of the shard are left alone. Shards
that are to be learned together are encoded together, for they share the scale of their latents. With a source-filter
codec --workers encodes by many processes, --ray on a cluster (data_prep.workers); others work in this process.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from data_prep import stages, workers
from data_prep.encoding import encoded_clip
from svs import codecs, latents
from svs.audio import AudioError
from svs.codec import CodecError
from svs.codecs.source_filter import SourceFilter
from svs.dataset import DatasetError, Shard, build_latents, has_latents
from svs.release import ReleaseError, codec_of


def encode(shards: Sequence[Shard], network, spec: str, spread=workers.over) -> None:
    """With a trained source-filter codec; shards that have its latents are left alone.

    spec: what the codec was loaded from, for processes elsewhere. spread: gives what runs over the clips.
    """
    lacking = []
    for shard in shards:
        if has_latents(shard, network):
            print(f"{shard.folder}: latents already there")
        else:
            lacking.append(shard)
    if not lacking:
        return
    with spread() as over:
        for shard in lacking:
            one = partial(encoded_clip, str(shard.folder.resolve()), spec)
            rows = None if over is map else over(one, range(len(shard.clips)))  # here the codec is loaded already
            with stages.bar(shard.folder.name) as progress:
                build_latents(shard, network, progress, rows)
            print(f"{shard.folder}: latents of {len(shard.clips)} clips")


def encode_with(shards: Sequence[Shard], spec: str, spread=workers.over) -> None:
    """With a codec by name. Raises CodecError."""
    codec = codecs.load(spec, continuous=True)
    if isinstance(codec, SourceFilter):
        if codec.fine:
            raise CodecError(
                f"codec {codec.name}: nobody can foretell its fine latents; train on those of source-filter"
            )
        encode(shards, codec.network, spec, spread)
        return
    said = f"{codec.name}, {codec.latent_dim} latents at {codec.frame_rate:g} Hz"
    if latents.are_written(shards, codec, spec):
        print(f"{', '.join(str(shard.folder) for shard in shards)}: latents already there ({said})")
        return
    with stages.bar(codec.name) as progress:
        latents.write(shards, codec, spec, progress)
    for shard in shards:
        clips = f"{shard.folder}: latents of {len(shard.clips)} clips"
        print(f"{clips} ({said}; train with --model.latent_dim={codec.latent_dim})")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m data_prep.latents", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shards", nargs="+", type=Path, metavar="SHARD")
    workers.add_options(parser)
    parser.add_argument("--codec", required=True, help="checkpoint (.ckpt), weights (.safetensors), or NAME[:WEIGHTS]")
    options = parser.parse_args(arguments)
    shards = [Shard.open(folder) for folder in options.shards]
    spread = partial(workers.over, options.workers, options.ray)
    if codecs.is_name(options.codec):
        encode_with(shards, options.codec, spread)
    else:
        encode(shards, codec_of(options.codec), str(Path(options.codec).resolve()), spread)


if __name__ == "__main__":
    stages.run(main, DatasetError, AudioError, CodecError, ReleaseError, workers.WorkersError)
