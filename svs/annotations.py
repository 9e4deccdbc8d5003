"""What is known of a shard's clips beside their manifest: descriptions and speaker embeddings, in files of its folder.

    python -m data_prep.describe FEATURES      descriptions.json
    python -m data_prep.timbres FEATURES       timbres.npz
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from svs.audio import write_atomically, write_text
from svs.dataset import DatasetError, Shard

DESCRIPTIONS = "descriptions.json"
TIMBRES = "timbres.npz"


def write_descriptions(shard: Shard, found: Mapping[str, Mapping]) -> None:
    """Write clip id → {"description": text, …measures} into the shard's folder, whole or not at all."""
    text = json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    write_text(shard.folder / DESCRIPTIONS, text)


def descriptions(shard: Shard) -> dict[str, str]:
    """Clip id → description: the manifest's `description`, else the measured one; "" where nothing stands out.

    Raises DatasetError for a clip that has neither.
    """
    path = shard.folder / DESCRIPTIONS
    try:
        measured = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        found = {c["id"]: str(c.get("description") or measured[c["id"]]["description"]) for c in shard.clips}
    except KeyError as error:
        raise DatasetError(
            f"{shard.folder}: clip {error} has no description; write some into the manifest, or measure them: "
            f"python -m data_prep.describe {shard.folder.parent}"
        ) from None
    except (ValueError, TypeError, AttributeError) as error:
        remedy = f"python -m data_prep.describe {shard.folder.parent} makes them"
        raise DatasetError(f"{path}: no descriptions of clips ({error}); {remedy}") from None
    return found


def write_timbres(shard: Shard, found: Mapping[str, np.ndarray]) -> None:
    """Write clip id → (numbers,) of length 1 into the shard's folder, whole or not at all."""

    def save(temporary):
        with open(temporary, "wb") as handle:
            np.savez(handle, ids=np.array(list(found)), vectors=np.array(list(found.values()), np.float32))

    write_atomically(shard.folder / TIMBRES, save)


def timbres(shard: Shard) -> dict[str, np.ndarray]:
    """Clip id → (numbers,) float32 embedding of its speaker. Raises DatasetError where a clip has none."""
    path = shard.folder / TIMBRES
    remedy = f"python -m data_prep.timbres {shard.folder.parent} makes them"
    if not path.is_file():
        raise DatasetError(f"{shard.folder}: has no embeddings of its clips; {remedy}")
    try:
        with np.load(path) as stored:
            found = dict(zip(stored["ids"].tolist(), stored["vectors"], strict=True))
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(f"{path}: no embeddings of clips ({error}); {remedy}") from None
    if missing := [clip["id"] for clip in shard.clips if clip["id"] not in found]:
        raise DatasetError(f"{path}: clip {missing[0]} is not in it; {remedy}")
    return found
