"""Features of a few synthetic clips, and networks small enough to be trained for a few batches by every test."""

from __future__ import annotations

from pathlib import Path

from data_prep.synthetic import SINGER, Synthetic
from svs.dataset import Shard, build_latents, build_shard, read_manifest

PHONEMES = ["SIL", "AA", "EH", "IY", "OW", "UW", "L", "M", "N", "S"]
TABLES = {"phonemes": PHONEMES, "speakers": [SINGER]}
CODEC = {"latent_dim": 6, "decoder_dim": 16, "decoder_depth": 1}
ACOUSTIC = {"latent_dim": 6, "dim": 32, "depth": 2, "heads": 2, "window": 8, "patch": 2, "conditioner_depth": 1}
HELDOUT = ["synthetic/000"]


class FewClips(Synthetic):
    count = 5


def write_features(folder: Path) -> Path:
    """The shard `synthetic` in folder/features, with latents of an untrained codec. Returns folder/features."""
    import torch

    from svs.codec.source_filter import SourceFilterNetwork

    shard = folder / "features" / "synthetic"
    build_shard(read_manifest(FewClips().prepare(folder)), shard)
    torch.manual_seed(0)
    build_latents(Shard.open(shard), SourceFilterNetwork(**CODEC).eval())
    return shard.parent


def fit(module, data, batches: int, *callbacks, resume=None) -> None:
    """Train for so many batches in all."""
    from lightning import Trainer
    from lightning.pytorch.callbacks import Checkpoint

    saves = any(isinstance(callback, Checkpoint) for callback in callbacks)
    trainer = Trainer(
        accelerator="cpu", max_epochs=1, limit_train_batches=batches, callbacks=list(callbacks), logger=False,
        enable_checkpointing=saves, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, data, ckpt_path=resume)
