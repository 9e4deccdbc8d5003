"""Encode features with a trained codec: what the acoustic model learns to predict.

    python -m data_prep.latents work/features/teacher --codec work/codec/trained.ckpt

Writes latents.npy into each shard. Latents that this codec's encoder made from all of the shard are left alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from data_prep import stages
from svs.audio import AudioError
from svs.codec import CodecError
from svs.dataset import DatasetError, Shard, build_latents, has_latents
from svs.release import ReleaseError, codec_of


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m data_prep.latents", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shards", nargs="+", type=Path, metavar="SHARD")
    parser.add_argument("--codec", type=Path, required=True, help="checkpoint (.ckpt) or weights (.safetensors)")
    options = parser.parse_args(arguments)
    shards = [Shard.open(folder) for folder in options.shards]
    codec = codec_of(options.codec)
    for shard in shards:
        if has_latents(shard, codec):
            print(f"{shard.folder}: latents already there")
            continue
        with stages.bar(shard.folder.name) as progress:
            build_latents(shard, codec, progress)
        print(f"{shard.folder}: latents of {len(shard.clips)} clips")


if __name__ == "__main__":
    stages.run(main, DatasetError, AudioError, CodecError, ReleaseError)
