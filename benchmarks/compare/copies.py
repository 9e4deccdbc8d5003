"""Codecs on the clips that a comparison holds out: the table beside those of what was trained."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.codecs import survey
from benchmarks.common import evenly
from benchmarks.compare.choices import Corpus
from benchmarks.compare.measures import LONGEST, Hearing
from svs.audio import Audio, write_text
from svs.codec import CodecError, save_network
from svs.codecs.rvq import FILE, fit_codebooks, save_codebooks, silence_of
from svs.codecs.source_filter import WEIGHTS
from svs.dataset import fingerprint, kept_out
from svs.units import SAMPLE_RATE

CODEBOOKS, SIZE = 16, 1024  # and entries of each
FITTED_ON = 40_000  # frames at most


def copies(
    corpus: Corpus, hearing: Hearing, asked: list[str], out: Path, most: int, models: Path | None
) -> tuple[dict, dict]:
    """What codecs' copies of held-out clips have lost, as benchmarks.codecs.survey returns it.

    source-filter is the codec that is listened with, and rvq quantises its latents. most: clips that are copied.
    models: folder that holds weights as models/NAME. Figures are kept in out/codecs.json, and what was missing is
    tried again.
    """
    shard, network = corpus.shard, hearing.codec
    clips = evenly([clip for clip in shard.clips if clip["id"] in corpus.heldout], most)
    sounds = {clip["id"]: partial(_sound, shard, clip["start"], min(clip["frames"], LONGEST)) for clip in clips}
    own = out / "codec"
    own.mkdir(parents=True, exist_ok=True)
    save_network(network, own / WEIGHTS)
    weights = dict.fromkeys(("source-filter", "source-filter-fine", "source-filter-refined", "rvq"), own)
    if models is not None:
        weights |= {folder.parent.name: folder.parent for folder in sorted(models.glob("*/config.json"))}
    kept = _kept(out / "codecs.json", facts := {"clips": sorted(sounds), **hearing.facts})
    lacking, refused = [name for name in asked if name not in kept], {}
    quantised = [name for name in lacking if name.partition("@")[0] == "rvq"]
    if quantised and not (own / FILE).is_file():
        try:
            _fit(corpus, network, own / FILE)
        except CodecError as error:
            refused = dict.fromkeys(quantised, str(error))
    found, missing = survey([name for name in lacking if name not in refused], weights, sounds, hearing.embedding)
    kept |= found
    write_text(out / "codecs.json", json.dumps({**facts, "codecs": kept}, ensure_ascii=False, indent=1) + "\n")
    return {name: kept[name] for name in asked if name in kept}, refused | missing


def _sound(shard, start: int, frames: int) -> Audio:
    return Audio(shard.samples(start, frames), SAMPLE_RATE)


def _kept(path: Path, facts: dict) -> dict:
    """The figures of codecs that were measured on the same clips."""
    if not path.is_file():
        return {}
    stored = json.loads(path.read_text(encoding="utf-8"))
    return stored.pop("codecs") if {key: stored.get(key) for key in facts} == facts else {}


def _fit(corpus: Corpus, network, path: Path) -> None:
    """Fit rvq's codebooks on the clips that are trained on. Raises CodecError."""
    shard, latents = corpus.shard, corpus.shard.latents()
    vectors = np.concatenate(
        [
            latents[clip["start"] : clip["start"] + clip["frames"]]
            for clip in shard.clips
            if not kept_out(clip, corpus.heldout)
        ]
    ).astype(np.float32)
    drawn = np.sort(np.random.default_rng(0).permutation(len(vectors))[:FITTED_ON])
    vectors = vectors[drawn] * shard.importance()
    books = fit_codebooks(vectors, silence_of(network), CODEBOOKS, min(SIZE, len(vectors) // 8))
    save_codebooks(books, fingerprint(network.encoder), path)
