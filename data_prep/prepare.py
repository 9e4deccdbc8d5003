"""Make manifests of corpora: found in local folders, or fetched from where they are published.

    python -m data_prep.prepare kumi philipp vocobox --out work/manifests --source ../recordings

Writes <out>/<corpus>.jsonl. A corpus is taken from <source>/<corpus> where that folder exists; where only one is asked
for, --source may be its own folder. Otherwise it is downloaded once into <out>/<corpus>, if its publisher gives it
without being asked. A manifest that is there already is left alone; delete it to make it anew. Recordings of your own
are the corpus `folder` (data_prep.folder), or `utau`, if they are a UTAU bank.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from data_prep import stages
from data_prep.corpus import Corpus, CorpusError
from data_prep.csd import Csd
from data_prep.folder import Folder
from data_prep.gtsinger import GtSinger
from data_prep.kiritan import Kiritan
from data_prep.kumi import Kumi
from data_prep.m4singer import M4Singer
from data_prep.nit_song070 import NitSong070
from data_prep.opencpop import Opencpop
from data_prep.philipp import Philipp
from data_prep.pjs import Pjs
from data_prep.synthetic import Synthetic
from data_prep.utau import Utau
from data_prep.vocalset import VocalSet
from data_prep.vocobox import Vocobox
from svs.audio import AudioError
from svs.dataset import read_manifest

CORPORA: dict[str, Corpus] = {
    corpus.name: corpus
    for corpus in (
        Kumi(), Philipp(), Vocobox(), Synthetic(), NitSong070(), Kiritan(), Pjs(), Csd(), VocalSet(), GtSinger(),
        Opencpop(), M4Singer(), Utau(), Folder(),
    )
}  # fmt: skip


def prepare(name: str, out: Path, source: Path | None = None, alone: bool = False) -> None:
    """Write a corpus's manifest, unless it is there. alone: `source` may be the corpus itself. Raises CorpusError."""
    manifest = out / f"{name}.jsonl"
    if manifest.exists():
        print(f"{manifest}: already there")
        return
    if source is not None and not source.is_dir():
        raise CorpusError(f"{source}: no such folder; --source is that of the recordings, or one that holds it as {name}")
    local = source / name if source is not None and (source / name).is_dir() else source if alone else None
    CORPORA[name].prepare(out, local)
    clips = read_manifest(manifest)
    labelled = sum("phones" in clip for clip in clips)
    print(f"{manifest}: {len(clips)} clips" + (f", {labelled} with phones" if labelled else ""))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m data_prep.prepare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpora", nargs="+", choices=list(CORPORA), metavar="CORPUS", help=", ".join(CORPORA))
    parser.add_argument("--out", type=Path, required=True, help="folder of the manifests")
    parser.add_argument("--source", type=Path, help="folder that holds a folder for each corpus, or is the one corpus")
    options = parser.parse_args(arguments)
    for name in options.corpora:
        prepare(name, options.out, options.source, alone=len(options.corpora) == 1)


if __name__ == "__main__":
    stages.run(main, CorpusError, AudioError)
