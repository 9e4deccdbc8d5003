"""Embed the speaker of every clip with a pretrained encoder: what the condition `timbre` learns from.

    python -m data_prep.timbres work/features              every shard there is, or one

Writes timbres.npz into each shard. Wants the optional package resemblyzer: pip install .[speaker]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from data_prep import stages
from data_prep.describe import shards_in
from svs.annotations import write_timbres
from svs.audio import Audio
from svs.dataset import DatasetError, Shard
from svs.speaker import Encode, direction, encoder
from svs.units import SAMPLE_RATE


def embed(shard: Shard, encode: Encode, progress: Callable[[int, int], None] | None = None) -> None:
    """Write the embeddings of a shard's clips into its folder. encode: Audio → (windows, numbers)."""
    found = {}
    for number, clip in enumerate(shard.clips):
        sound = Audio(shard.samples(clip["start"], clip["frames"]), SAMPLE_RATE)
        found[clip["id"]] = direction(encode(sound))
        if progress:
            progress(number + 1, len(shard.clips))
    write_timbres(shard, found)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m data_prep.timbres", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("features", type=Path, help="a folder of shards, or one shard")
    options = parser.parse_args(arguments)
    try:
        encode = encoder()
    except ImportError as error:
        raise DatasetError(str(error)) from None
    for shard in shards_in(options.features):
        with stages.bar(shard.folder.name) as progress:
            embed(shard, encode, progress)
        print(f"{shard.folder}: {len(shard.clips)} clips embedded")


if __name__ == "__main__":
    stages.run(main, DatasetError)
