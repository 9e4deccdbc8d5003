"""What networks with further conditions learn of clips: measured, and written into the shard, where it is lacking."""

from __future__ import annotations

from collections.abc import Collection

from data_prep import describe, timbres
from svs.annotations import DESCRIPTIONS, TIMBRES
from svs.dataset import DatasetError, Shard
from svs.speaker import encoder


def annotate(shard: Shard, conditions: Collection[str]) -> None:
    """Descriptions of a shard's clips for `text`, embeddings of their singers for `timbre`.

    Raises DatasetError where the speaker encoder is missing.
    """
    if "text" in conditions and not (shard.folder / DESCRIPTIONS).is_file():
        describe.describe([shard])
    if "timbre" in conditions and not (shard.folder / TIMBRES).is_file():
        try:
            encode = encoder()
        except ImportError as error:
            raise DatasetError(str(error)) from None
        timbres.embed(shard, encode)
