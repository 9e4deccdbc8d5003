"""Turn manifests into features: the sound at 44.1 kHz and level, and its measured pitch.

    python -m data_prep.features kumi=work/manifests/kumi.jsonl teacher=work/corpus/manifest.jsonl --out work/features
    python -m data_prep.features kumi=work/manifests/kumi.jsonl --out work/features --workers 8

Writes <out>/<name>, the shards that svs.batches reads. Interrupt and start again at will: clips that are measured stay
so, and a shard that holds what its manifest says is left alone. It goes by the clips' names, so after recordings have
changed under old names, delete the shard. --workers measures by many processes, --ray on a cluster (data_prep.workers).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from data_prep import stages, workers
from svs.audio import AudioError
from svs.dataset import DatasetError, build_shard, is_built, read_manifest
from svs.units import LATENT_HOP, SAMPLE_RATE


def build(name: str, manifest: Path, out: Path, over: workers.Over = map) -> None:
    """Make one shard, unless it holds the manifest's clips already. Raises DatasetError, AudioError."""
    clips, folder = read_manifest(manifest), out / name
    if not clips:
        raise DatasetError(f"{manifest}: holds no clips; delete it and run the stage that makes it again")
    if is_built(clips, folder):
        print(f"{folder}: already there, {len(clips)} clips")
        return
    with stages.bar(name) as progress:
        frames = build_shard(clips, folder, progress, over)
    print(f"{folder}: {len(clips)} clips, {frames * LATENT_HOP / SAMPLE_RATE / 60:.1f} minutes")


def pair(text: str) -> tuple[str, Path]:
    name, _, manifest = text.partition("=")
    if not name or not manifest:
        raise argparse.ArgumentTypeError(f"{text!r}: NAME=MANIFEST is wanted")
    return name, Path(manifest)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m data_prep.features", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpora", nargs="+", type=pair, metavar="NAME=MANIFEST")
    parser.add_argument("--out", type=Path, required=True, help="folder of the shards")
    workers.add_options(parser)
    options = parser.parse_args(arguments)
    with workers.over(options.workers, options.ray) as over:
        for name, manifest in options.corpora:
            build(name, manifest, options.out, over)


if __name__ == "__main__":
    stages.run(main, DatasetError, AudioError, workers.WorkersError)
