"""Conditions to vectors: a learned description of every frame, which the velocity networks are modulated by."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from svs.conditioning import GROUPS, Conditions
from svs.layers import PITCH_FEATURES, ConvNeXtBlock, pitch_features


class Conditioner(nn.Module):
    """Conditions to one vector a frame. A dropped group is replaced by a learned vector."""

    def __init__(self, phonemes: int, speakers: int, dim: int, depth: int):
        super().__init__()
        self.phoneme = nn.Embedding(phonemes, dim)
        self.before = nn.Embedding(phonemes, dim)
        self.after = nn.Embedding(phonemes, dim)
        self.stress = nn.Embedding(3, dim)
        self.position = nn.Linear(6, dim)
        self.pitch = nn.Linear(2 * PITCH_FEATURES, dim)
        self.speaker = nn.Linear(speakers, dim, bias=False)
        self.absent = nn.Parameter(torch.zeros(len(GROUPS), dim))
        self.blocks = nn.ModuleList(ConvNeXtBlock(dim) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)

    def forward(self, conditions: Conditions, drop: Tensor | None = None) -> Tensor:
        """drop: (batch, 3) bool in the order of GROUPS, True where a group is absent. Returns (batch, frames, dim)."""
        c = conditions
        batch, frames = c.keep.shape
        lyrics = (
            self.phoneme(c.phonemes).mean(dim=2)
            + self.before(c.neighbours[..., 0])
            + self.after(c.neighbours[..., 1])
            + self.stress(c.stress)
            + self.position(c.position)
        )
        pitch = self.pitch(pitch_features(c.cents, c.voiced).reshape(batch, frames, -1))
        speaker = self.speaker(c.speaker)[:, None].expand(batch, frames, -1)
        x = torch.zeros_like(lyrics)
        for index, group in enumerate((lyrics, pitch, speaker)):
            if drop is not None:
                group = torch.where(drop[:, index, None, None], self.absent[index], group)
            x = x + group
        for block in self.blocks:
            x = block(x * c.keep[..., None])
        return self.norm(x)
