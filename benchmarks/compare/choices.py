"""What is compared: the rows of choices.yaml, and the corpus they are trained on."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from svs.dataset import DatasetError, Shard
from svs.mistakes import Mistake

HELD_OUT = 0.1  # of the clips, where none are named


class CompareError(Mistake):
    """A comparison that cannot be made; the message says why."""


@dataclass(frozen=True)
class Row:
    """One choice. arguments: of AcousticTraining."""

    name: str
    panel: str | None
    arguments: dict

    @property
    def folder(self) -> str:
        """Its name as a folder's."""
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_")

    @property
    def objective(self) -> str:
        return self.arguments.get("objective", "velocity")


@dataclass(frozen=True)
class Corpus:
    """A labelled shard. heldout: ids of the clips that are measured and not trained on."""

    features: Path
    name: str
    phonemes: list[str]
    speakers: list[str]
    latent_dim: int
    heldout: list[str]

    @property
    def shard(self) -> Shard:
        return Shard.open(self.features / self.name)


def read_choices(path: Path) -> tuple[list[Row], dict]:
    """The rows of recipes/compare/choices.yaml or its like, and the arguments of AcousticBatches."""
    from svs.training import AcousticTraining

    try:
        facts = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CompareError(f"{path}: cannot be read as YAML ({error})") from None
    if not isinstance(facts, dict) or not isinstance(facts.get("rows"), list) or not facts["rows"]:
        raise CompareError(f"{path}: has no list of rows; see recipes/compare/choices.yaml")
    known = set(inspect.signature(AcousticTraining.__init__).parameters) - {"self", "steps", "phonemes", "speakers"}
    rows = []
    for number, row in enumerate(facts["rows"], 1):
        if not isinstance(row, dict) or not isinstance(row.get("name"), str):
            raise CompareError(f"{path}, row {number}: {row!r} has no name")
        arguments = {**(facts.get("base") or {}), **row}
        name, panel = arguments.pop("name"), arguments.pop("panel", None)
        if strange := sorted(set(arguments) - known):
            raise CompareError(
                f"{path}, {name}: AcousticTraining has no {', '.join(strange)}; it has {', '.join(sorted(known))}"
            )
        rows.append(Row(name, panel, arguments))
    folders = [row.folder for row in rows]
    if twice := sorted({folder for folder in folders if folders.count(folder) > 1}):
        raise CompareError(f"{path}: {', '.join(twice)} stands there twice; rows want names of their own")
    return rows, facts.get("batches") or {}


def open_corpus(features: Path, name: str, heldout: list[str] | None) -> Corpus:
    """The corpus with its tables. heldout: parts of ids; a tenth of the clips when None."""
    shard = Shard.open(Path(features) / name)
    clips = [clip for clip in shard.clips if "phones" in clip]
    if not clips:
        raise DatasetError(f"{shard.folder}: no clip has phones; a labelled corpus is wanted")
    if heldout is None:
        count = max(1, round(HELD_OUT * len(clips)))
        chosen = {clips[index * len(clips) // count]["id"] for index in range(count)}
    else:
        chosen = {clip["id"] for clip in clips if any(part in clip["id"] for part in heldout)}
    # an id that is a part of others holds those out as well
    held = [clip["id"] for clip in clips if any(name in clip["id"] for name in chosen)]
    if not held or len(held) == len(clips):
        raise CompareError(f"{shard.folder}: {len(held)} of {len(clips)} clips held out; some, and not all, are wanted")
    symbols = {phone["symbol"] for clip in clips for phone in clip["phones"]}
    return Corpus(
        Path(features),
        name,
        sorted(symbols),
        sorted({clip["speaker"] for clip in clips}),
        int(shard.latents().shape[1]),
        held,
    )
