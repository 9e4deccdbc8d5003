"""Conditions: what is sung, when, how high and by whom, as tensors on the frame grid.

Everything is sampled on the 10 ms pitch grid and paired into the 20 ms latent frames, so that a consonant of 30 ms
still falls on the frames where it sounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from svs.phonemes import is_vowel
from svs.pitch import PitchCurve
from svs.score import Note
from svs.timing import PhonemeSpan

GROUPS = ("lyrics", "pitch", "speaker")  # what can be dropped, and guided, apart


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


def stresses(spans: Sequence[PhonemeSpan], notes: Sequence[Note]) -> list[int | None]:
    """Stress digit of every span's vowel as its note's phonemes have it; None for what is no vowel."""
    seen: dict[int, int] = {}
    result: list[int | None] = []
    for span in spans:
        if span.note < 0 or not is_vowel(span.symbol):
            result.append(None)
            continue
        digits = [int(p[-1]) for p in notes[span.note].phonemes if p[-1].isdigit()]
        turn = seen.get(span.note, 0)
        seen[span.note] = turn + 1
        result.append(digits[min(turn, len(digits) - 1)] if digits else 1)
    return result


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
    lacking = sorted({span.symbol for span in spans} - set(phonemes))
    if lacking:
        raise ValueError(f"the voice has no phoneme {', '.join(lacking)}; it knows {' '.join(sorted(phonemes))}")
    grid = len(curve.cents) // 2 * 2
    times = np.arange(grid) * curve.hop_seconds
    starts = np.array([span.start for span in spans])
    ends = np.array([span.end for span in spans])
    row = np.array([phonemes[span.symbol] for span in spans], np.int64)
    degree = np.array([0 if s is None else 1 + (s > 0) for s in stress], np.int64)
    at = np.clip(np.searchsorted(starts, times + 1e-6, side="right") - 1, 0, len(spans) - 1)
    over = np.maximum(times - starts[at], 0.0)
    left = np.maximum(ends[at] - times, 0.0)
    position = np.stack([over / np.maximum(over + left, 1e-3), np.log1p(over / 0.05), np.log1p(left / 0.05)], axis=-1)
    first = at[::2]
    neighbours = np.stack([row[np.maximum(first - 1, 0)], row[np.minimum(first + 1, len(row) - 1)]], axis=-1)

    def tensor(array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array))[None]

    return Conditions(
        phonemes=tensor(row[at].reshape(-1, 2)),
        neighbours=tensor(neighbours),
        stress=tensor(degree[first]),
        position=tensor(position.reshape(-1, 6).astype(np.float32)),
        cents=tensor(curve.cents[:grid].reshape(-1, 2).astype(np.float32)),
        voiced=tensor(curve.voiced[:grid].reshape(-1, 2)),
        speaker=tensor(np.asarray(speaker, np.float32)),
        keep=torch.ones(1, grid // 2, dtype=torch.bool),
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
