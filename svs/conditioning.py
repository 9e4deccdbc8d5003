"""Conditions: what is sung, when, how high and by whom, as tensors on the frame grid of svs/frames.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from svs.frames import GROUPS, frame_arrays, stresses
from svs.pitch import PitchCurve
from svs.timing import PhonemeSpan

__all__ = ["GROUPS", "Conditions", "collate", "frame_conditions", "stresses"]


@dataclass(frozen=True)
class Conditions:
    """Frame-wise conditions of a batch of lines; two 10 ms subframes in each latent frame.

    phonemes:  (batch, frames, 2) int64 rows of the voice's phoneme table.
    neighbours: (batch, frames, 2) int64 the phoneme before and the one after.
    stress:    (batch, frames) int64, 0 no vowel, 1 unstressed, 2 stressed.
    position:  (batch, frames, 6) float32, for each subframe: share of the phoneme that is over, and how much time of it
               is over and is left, as ln(1 + seconds / 0.05).
    cents, voiced: (batch, frames, 2) float32 and bool.
    speaker:   (batch, speakers) float32 weights that add up to 1.
    keep:      (batch, frames) bool, False on padding.
    """

    phonemes: Tensor
    neighbours: Tensor
    stress: Tensor
    position: Tensor
    cents: Tensor
    voiced: Tensor
    speaker: Tensor
    keep: Tensor

    @property
    def frames(self) -> int:
        return self.phonemes.shape[1]

    def to(self, device) -> Conditions:
        return Conditions(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def slice(self, start: int, end: int) -> Conditions:
        """Frames start to end."""
        cut = {f.name: getattr(self, f.name)[:, start:end] for f in fields(self) if f.name != "speaker"}
        return replace(self, **cut)


def frame_conditions(
    spans: Sequence[PhonemeSpan],
    stress: Sequence[int | None],
    curve: PitchCurve,
    phonemes: Mapping[str, int],
    speaker: np.ndarray,
) -> Conditions:
    """Conditions of one line, batch size 1; as many latent frames as `curve` has pairs.

    spans: in order, without gaps; the last one holds beyond its end. phonemes: symbol → row of the voice's table.
    Raises ValueError naming the phonemes the voice lacks.
    """
    arrays = frame_arrays(spans, stress, curve, phonemes)

    def tensor(array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array))[None]

    return Conditions(
        **{name: tensor(array) for name, array in arrays.items()},
        speaker=tensor(np.asarray(speaker, np.float32)),
        keep=torch.ones(1, len(arrays["stress"]), dtype=torch.bool),
    )


def collate(items: Sequence[Conditions], frames: int) -> Conditions:
    """Stack single lines into a batch, padded or cut to `frames`; padding is marked in `keep`."""
    columns = {}
    for field in fields(Conditions):
        tensors = [getattr(item, field.name) for item in items]
        if field.name != "speaker":
            tensors = [_fit(tensor, frames) for tensor in tensors]
        columns[field.name] = torch.cat(tensors)
    return Conditions(**columns)


def _fit(tensor: Tensor, frames: int) -> Tensor:
    tensor = tensor[:, :frames]
    missing = frames - tensor.shape[1]
    return tensor if missing == 0 else torch.cat([tensor, tensor.new_zeros(1, missing, *tensor.shape[2:])], dim=1)
