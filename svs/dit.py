"""The default acoustic network: a Diffusion Transformer whose every frame is modulated by its own conditions.

DiT (Peebles & Xie 2023) gives one shift, scale and gate to all tokens of an image. Singing has a condition for every
frame, so here each frame's vector (phoneme, place in it, pitch, voicing, singer, flow time) makes that frame's own
modulation: AdaLN-Zero, frame by frame. Attention looks a window to either side, so cost grows linearly with the song.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from svs.attention import CrossAttention, attention_kind
from svs.backbone import Backbone, time_features
from svs.objectives import indifferent

__all__ = ["DiT", "DiTBlock", "indifferent", "time_features"]


class DiTBlock(nn.Module):
    """Attention, a short convolution and an MLP, each shifted, scaled and gated frame by frame (AdaLN-Zero).

    cross: whether it attends to the sequence of conditions as well, between the two.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        window: int,
        expansion: int,
        attention: str = "windowed",
        layer: int = 0,
        cross: bool = False,
    ):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, elementwise_affine=False)
        self.attention = attention_kind(attention)(dim, heads, window, layer)
        self.cross_norm = nn.LayerNorm(dim) if cross else None
        self.cross = CrossAttention(dim, dim, heads) if cross else None
        self.norm2 = nn.LayerNorm(dim, elementwise_affine=False)
        self.convolution = nn.Conv1d(dim, dim, 5, padding=2, groups=dim)
        self.widen = nn.Linear(dim, expansion * dim)
        self.narrow = nn.Linear(expansion * dim, dim)
        self.modulation = nn.Parameter(torch.zeros(6 * dim))  # added to the projection that all blocks share

    def forward(self, x: Tensor, modulation: Tensor, keep: Tensor, condition: Tensor | None = None) -> Tensor:
        modulation = modulation + self.modulation.to(modulation.dtype)
        shift1, scale1, gate1, shift2, scale2, gate2 = modulation.chunk(6, dim=-1)
        y = self.norm1(x) * (1 + scale1) + shift1
        x = x + gate1 * self.attention(y, keep)
        if self.cross is not None and self.cross_norm is not None:
            x = x + self.cross(self.cross_norm(x), condition, keep)
        y = self.norm2(x) * (1 + scale2) + shift2
        y = y + self.convolution((y * keep[..., None]).transpose(1, 2)).transpose(1, 2)
        return x + gate2 * self.narrow(F.gelu(self.widen(y)))


class DiT(Backbone):
    """A stack of blocks of equal width and rate; the arguments are Backbone's."""

    name = "dit"

    def make_trunk(self, dim: int, depth: int, heads: int, window: int, expansion: int, attention: str) -> None:
        cross = self.injection.attends
        self.modulate = nn.Linear(dim, 6 * dim)
        self.blocks = nn.ModuleList(
            DiTBlock(dim, heads, window, expansion, attention, layer, cross) for layer in range(depth)
        )

    def silent(self) -> Iterable[nn.Module]:
        crosses = [block.cross for block in self.blocks if isinstance(block, DiTBlock) and block.cross is not None]
        return [self.modulate, *(cross.leave for cross in crosses)]

    def trunk(self, h: Tensor, c: Tensor, condition: Tensor, keep: Tensor) -> Tensor:
        modulation = self.modulate(c)
        for block in self.blocks:
            h = block(h, modulation, keep, condition)
        return h
