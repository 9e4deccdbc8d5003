"""Conditions: what is sung, when, how high, by whom and how, as tensors on the frame grid of svs/frames.py.

A network may know any of CONDITIONS; the shipped voice knows GROUPS. Each can be dropped, and guided, apart:

    lyrics     phonemes in time                    pitch      the commanded contour
    speaker    a row of the voice's table          timbre     a pretrained speaker encoder's vector of a clip
    style      a row of the table of styles        text       a frozen text encoder's vector of a description
    reference  a clip's latents, sung before the line as an in-context prefix that is known
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from svs.frames import CONDITIONS, GROUPS, WHOLE, Manner, Prefix, Singing, frame_arrays, stresses
from svs.pitch import PitchCurve
from svs.timing import PhonemeSpan

__all__ = [
    "CONDITIONS",
    "GROUPS",
    "WHOLE",
    "Conditions",
    "Manner",
    "Prefix",
    "Singing",
    "after_prefix",
    "collate",
    "frame_conditions",
    "stresses",
    "with_prefix",
]

EMPTY = torch.zeros(0)


@dataclass(frozen=True)
class Conditions:
    """Frame-wise conditions of a batch of lines; two 10 ms subframes in each latent frame.

    phonemes:  (batch, frames, 2) int64 rows of the voice's phoneme table.
    neighbours: (batch, frames, 2) int64 the phoneme before and the one after.
    stress:    (batch, frames) int64, 0 no vowel, 1 unstressed, 2 stressed.
    position:  (batch, frames, 6) float32, for each subframe: share of the phoneme that is over, and how much time of it
               is over and is left, as ln(1 + seconds / 0.05).
    cents, voiced: (batch, frames, 2) float32 and bool.
    speaker:   (batch, frames, speakers) float32 weights that add up to 1 in every frame.
    keep:      (batch, frames) bool, False on padding.
    timbre, style, text: (batch, numbers) float32; no numbers where nothing is known of any line, all 0 where nothing is
               known of this one. Weights of styles add up to 1, the other two have length 1.
    reference: (batch, frames, 1 + latent_dim) float32: 1 and the clean latents in a prefix that is known, 0 elsewhere;
               (batch, frames, 0) where there is none.
    """

    phonemes: Tensor
    neighbours: Tensor
    stress: Tensor
    position: Tensor
    cents: Tensor
    voiced: Tensor
    speaker: Tensor
    keep: Tensor
    timbre: Tensor = EMPTY
    style: Tensor = EMPTY
    text: Tensor = EMPTY
    reference: Tensor = EMPTY

    def __post_init__(self):
        for name in CONDITIONS[len(GROUPS) :]:
            if getattr(self, name) is EMPTY:
                shape = self.keep.shape[:1] if name in WHOLE else self.keep.shape
                object.__setattr__(self, name, self.cents.new_zeros(*shape, 0))

    @property
    def frames(self) -> int:
        return self.phonemes.shape[1]

    @property
    def prefix(self) -> Tensor:
        """(batch, frames) bool, True where a prefix is known."""
        return (self.reference[..., :1] > 0).any(dim=-1)

    def to(self, device) -> Conditions:
        return Conditions(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def slice(self, start: int, end: int) -> Conditions:
        """Frames start to end."""
        cut = {f.name: getattr(self, f.name)[:, start:end] for f in fields(self) if f.name not in WHOLE}
        return replace(self, **cut)


def frame_conditions(
    spans: Sequence[PhonemeSpan],
    stress: Sequence[int | None],
    curve: PitchCurve,
    phonemes: Mapping[str, int],
    singing: Singing,
    manner: Manner | None = None,
) -> Conditions:
    """Conditions of one line, batch size 1; as many latent frames as `curve` has pairs.

    spans: in order, without gaps; the last one holds beyond its end. phonemes: symbol → row of the voice's table.
    manner: all but its prefix, which `after_prefix` puts before a stretch.
    Raises ValueError naming the phonemes the voice lacks.
    """
    arrays = frame_arrays(spans, stress, curve, phonemes)

    def tensor(array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array))[None]

    asked = {} if manner is None else {"timbre": manner.timbre, "style": manner.style, "text": manner.text}
    return Conditions(
        **{name: tensor(array) for name, array in arrays.items()},
        speaker=tensor(singing.frames(arrays["phonemes"], phonemes)),
        keep=torch.ones(1, len(arrays["stress"]), dtype=torch.bool),
        **{name: tensor(np.asarray(numbers, np.float32)) for name, numbers in asked.items() if numbers is not None},
    )


def after_prefix(conditions: Conditions, prefix: Prefix) -> Conditions:
    """Conditions of one line, batch size 1, with a clip before it whose latents are known and whose words are not."""
    latents = torch.from_numpy(np.asarray(prefix.latents, np.float32))[None]
    known = torch.cat([torch.ones_like(latents[..., :1]), latents], dim=-1)
    before = {
        "cents": torch.from_numpy(prefix.curve.cents.reshape(1, -1, 2).astype(np.float32)),
        "voiced": torch.from_numpy(prefix.curve.voiced.reshape(1, -1, 2)),
        "reference": known,
    }
    joined = {}
    for name in (f.name for f in fields(Conditions) if f.name not in WHOLE):
        after = getattr(conditions, name)
        if name == "reference":
            after = known.new_zeros(1, conditions.frames, known.shape[-1])
        elif name not in before:  # the line's first frame; networks hide the words of a prefix
            before[name] = after[:, :1].repeat_interleave(known.shape[1], dim=1)
        joined[name] = torch.cat([before[name], after], dim=1)
    return replace(conditions, **joined)


def with_prefix(conditions: Conditions, latents: Tensor, lengths: Tensor) -> Conditions:
    """Conditions of a batch whose first `lengths` frames, (batch,), are known from latents, (batch, frames, dim)."""
    known = (torch.arange(conditions.frames, device=latents.device) < lengths[:, None]) & conditions.keep
    marked = torch.cat([torch.ones_like(latents[..., :1]), latents], dim=-1)
    return replace(conditions, reference=marked * known[..., None])


def collate(items: Sequence[Conditions], frames: int) -> Conditions:
    """Stack single lines into a batch, padded or cut to `frames`; padding is marked in `keep`."""
    columns = {}
    for field in fields(Conditions):
        tensors = [getattr(item, field.name) for item in items]
        if field.name not in WHOLE:
            tensors = [_fit(tensor, frames) for tensor in tensors]
        columns[field.name] = torch.cat(tensors)
    return Conditions(**columns)


def _fit(tensor: Tensor, frames: int) -> Tensor:
    tensor = tensor[:, :frames]
    missing = frames - tensor.shape[1]
    return tensor if missing == 0 else torch.cat([tensor, tensor.new_zeros(1, missing, *tensor.shape[2:])], dim=1)
