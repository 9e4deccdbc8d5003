"""What is compared: the rows of choices.yaml, and the corpus they are trained on."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from svs.conditioning import GROUPS
from svs.dataset import DatasetError, Shard
from svs.guidance import read_guidance
from svs.mistakes import Mistake

HELD_OUT = 0.1  # of the clips, where none are named


class CompareError(Mistake):
    """A comparison that cannot be made; the message says why."""


@dataclass(frozen=True)
class Row:
    """One choice. arguments: of AcousticTraining.

    guidance: condition → scale that its answers are guided with; the network is then that of another row, `like`.
    """

    name: str
    panel: str | None
    arguments: dict
    guidance: dict[str, float] = field(default_factory=dict)
    like: Row | None = None

    @property
    def folder(self) -> str:
        """Its name as a folder's."""
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_")

    @property
    def objective(self) -> str:
        return self.arguments.get("objective", "velocity")

    @property
    def conditions(self) -> list[str]:
        return self.arguments.get("conditions") or list(GROUPS)


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


@dataclass(frozen=True)
class Choices:
    """What choices.yaml says. batches: arguments of AcousticBatches. codecs: as svs.codecs.load takes them."""

    rows: list[Row]
    batches: dict
    codecs: list[str]


def read_choices(path: Path) -> Choices:
    """recipes/compare/choices.yaml or its like. Raises CompareError."""
    from svs.training import AcousticTraining

    try:
        facts = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CompareError(f"{path}: cannot be read as YAML ({error})") from None
    if not isinstance(facts, dict) or not isinstance(facts.get("rows"), list) or not facts["rows"]:
        raise CompareError(f"{path}: has no list of rows; see recipes/compare/choices.yaml")
    known = set(inspect.signature(AcousticTraining.__init__).parameters) - {"self", "steps", "phonemes", "speakers"}
    rows: list[Row] = []
    for number, row in enumerate(facts["rows"], 1):
        if not isinstance(row, dict) or not isinstance(row.get("name"), str):
            raise CompareError(f"{path}, row {number}: {row!r} has no name")
        arguments = {**(facts.get("base") or {}), **row}
        name, panel = arguments.pop("name"), arguments.pop("panel", None)
        guidance = read_guidance(arguments.pop("guidance", None))
        if strange := sorted(set(arguments) - known):
            raise CompareError(
                f"{path}, {name}: AcousticTraining has no {', '.join(strange)}; it has {', '.join(sorted(known))}"
            )
        row = Row(name, panel, arguments, guidance)
        if lacking := sorted(set(guidance) - set(row.conditions)):
            raise CompareError(f"{path}, {name}: guidance on {', '.join(lacking)}, none of its conditions")
        like = next((other for other in rows if other.arguments == arguments and not other.guidance), None)
        if guidance and like is None:
            raise CompareError(
                f"{path}, {name}: guides a network that no row before it trains; add one without guidance"
            )
        rows.append(replace(row, like=like) if guidance else row)
    folders = [row.folder for row in rows]
    if twice := sorted({folder for folder in folders if folders.count(folder) > 1}):
        raise CompareError(f"{path}: {', '.join(twice)} stands there twice; rows want names of their own")
    return Choices(rows, facts.get("batches") or {}, list(facts.get("codecs") or []))


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
