"""Conditions to vectors: a learned description of every frame, which the velocity networks are modulated by."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from svs.conditioning import CONDITIONS, GROUPS, Conditions
from svs.layers import PITCH_FEATURES, ConvNeXtBlock, pitch_features

MOST_NUMBERS = 1 << 16  # that one condition may come as


class Conditioner(nn.Module):
    """Conditions to one vector a frame. What is dropped, or not known of a line, is replaced by a learned vector.

    conditions: those it knows, with how many numbers each comes as (of lyrics, pitch and speaker, which tables and grid
    settle, any); GROUPS when None. Raises ValueError for what is no condition.
    """

    def __init__(
        self, phonemes: int, speakers: int, dim: int, depth: int, conditions: Mapping[str, int] | None = None
    ):
        super().__init__()
        sizes = dict.fromkeys(GROUPS, 0) if conditions is None else dict(conditions)
        check_conditions(sizes)
        self.names = tuple(name for name in CONDITIONS if name in sizes)  # in the order of `drop`
        if "lyrics" in sizes:
            self.phoneme = nn.Embedding(phonemes, dim)
            self.before = nn.Embedding(phonemes, dim)
            self.after = nn.Embedding(phonemes, dim)
            self.stress = nn.Embedding(3, dim)
            self.position = nn.Linear(6, dim)
        if "pitch" in sizes:
            self.pitch = nn.Linear(2 * PITCH_FEATURES, dim)
        if "speaker" in sizes:
            self.speaker = nn.Linear(speakers, dim, bias=False)
        if "timbre" in sizes:
            self.timbre = nn.Linear(sizes["timbre"], dim, bias=False)
        if "style" in sizes:
            self.style = nn.Linear(sizes["style"], dim, bias=False)
        if "text" in sizes:
            self.text = nn.Sequential(nn.Linear(sizes["text"], dim), nn.SiLU(), nn.Linear(dim, dim))
        if "reference" in sizes:
            self.reference = nn.Linear(1 + sizes["reference"], dim)
        self.absent = nn.Parameter(torch.zeros(len(self.names), dim))
        self.blocks = nn.ModuleList(ConvNeXtBlock(dim) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)

    def initialise(self) -> None:
        """What comes as weights of a table, or as a vector of length 1, tells lines apart from the first step."""
        if "speaker" in self.names:
            nn.init.normal_(self.speaker.weight, std=0.3)
        nn.init.normal_(self.absent, std=0.1)
        if "style" in self.names:
            nn.init.normal_(self.style.weight, std=0.3)
        if "timbre" in self.names:
            nn.init.normal_(self.timbre.weight, std=1.0)
        if "text" in self.names:
            nn.init.normal_(next(self.text.parameters()), std=1.0)

    def forward(self, conditions: Conditions, drop: Tensor | None = None) -> Tensor:
        """(batch, frames, dim). drop: (batch, conditions) bool in the order of `names`, True where one is absent."""
        c = conditions
        batch, frames = c.keep.shape
        x = self.absent.new_zeros(batch, frames, self.absent.shape[-1])
        for index, name in enumerate(self.names):
            part, missing = getattr(self, f"_{name}")(c)  # (batch, frames or 1, dim), (batch, frames or 1) or None
            if drop is not None:
                dropped = drop[:, index, None]
                missing = dropped if missing is None else missing | dropped
            if missing is not None:
                part = torch.where(missing[..., None], self.absent[index], part)
            x = x + part
        for block in self.blocks:
            x = block(x * c.keep[..., None])
        return self.norm(x)

    def _lyrics(self, c: Conditions) -> tuple[Tensor, Tensor | None]:
        part = (
            self.phoneme(c.phonemes).mean(dim=2)
            + self.before(c.neighbours[..., 0])
            + self.after(c.neighbours[..., 1])
            + self.stress(c.stress)
            + self.position(c.position)
        )
        # of a clip that is given as a prefix nobody knows the words, so that in training they are not known either
        return part, c.prefix if c.reference.shape[-1] else None

    def _pitch(self, c: Conditions) -> tuple[Tensor, None]:
        return self.pitch(pitch_features(c.cents, c.voiced).reshape(*c.keep.shape, -1)), None

    def _speaker(self, c: Conditions) -> tuple[Tensor, None]:
        return self.speaker(c.speaker), None

    def _timbre(self, c: Conditions) -> tuple[Tensor, Tensor]:
        return self._of_line(self.timbre, c.timbre)

    def _style(self, c: Conditions) -> tuple[Tensor, Tensor]:
        return self._of_line(self.style, c.style)

    def _text(self, c: Conditions) -> tuple[Tensor, Tensor]:
        return self._of_line(self.text, c.text)

    def _reference(self, c: Conditions) -> tuple[Tensor, Tensor]:
        if not c.reference.shape[-1]:
            return self._nothing(len(c.reference))
        return self.reference(c.reference), ~c.prefix.any(dim=1, keepdim=True)

    def _of_line(self, layer: nn.Module, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Of (batch, numbers), all 0 where a line's are not known."""
        if not numbers.shape[-1]:
            return self._nothing(len(numbers))
        return layer(numbers)[:, None], ~numbers.any(dim=-1, keepdim=True)

    def _nothing(self, batch: int) -> tuple[Tensor, Tensor]:
        part = self.absent.new_zeros(batch, 1, self.absent.shape[-1])
        return part, part.new_ones(batch, 1, dtype=torch.bool)


def check_conditions(sizes: Mapping[str, int]) -> None:
    """Raises ValueError for names that are no conditions, for none at all, and for sizes that cannot be."""
    if unknown := [str(name) for name in sizes if name not in CONDITIONS]:
        raise ValueError(f"conditions: {', '.join(unknown)} unknown; choose of {', '.join(CONDITIONS)}")
    if not sizes:
        raise ValueError(f"conditions: none is named; choose of {', '.join(CONDITIONS)}")
    for name, size in sizes.items():
        lowest = 0 if name in GROUPS else 1
        if type(size) is not int or not lowest <= size <= MOST_NUMBERS:
            raise ValueError(f"conditions: {name} comes as {size} numbers; {lowest} to {MOST_NUMBERS} are possible")
