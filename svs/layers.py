"""Layers that the codec and the timing of the acoustic model share. Tensors are (batch, frames, channels)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over time, then a pointwise MLP, added to the input (Liu et al. 2022, in one dimension).

    The residual is scaled by a learned vector that starts small, so that deep stacks train from the first step.
    """

    def __init__(self, dim: int, expansion: int = 3, kernel: int = 7, scale: float = 0.1):
        super().__init__()
        self.depthwise = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.widen = nn.Linear(dim, expansion * dim)
        self.narrow = nn.Linear(expansion * dim, dim)
        self.scale = nn.Parameter(torch.full((dim,), scale))

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        y = self.narrow(F.gelu(self.widen(self.norm(y)), approximate="tanh"))
        return x + self.scale * y


def pitch_features(cents: Tensor, voiced: Tensor, octaves: int = 4) -> Tensor:
    """Smooth features of a pitch contour.

    cents, voiced: (batch, frames). Returns (batch, frames, 2 * octaves + 2): voicing, pitch scaled to about ±1, and
    sines and cosines with periods of 8, 4, 2, … octaves, so that both register and fine position are visible.
    """
    height = (cents - 5700.0) / 2400.0
    periods = 9600.0 / 2.0 ** torch.arange(octaves, device=cents.device, dtype=cents.dtype)
    angle = 2 * math.pi * cents[..., None] / periods
    parts = [voiced.to(cents.dtype)[..., None], height[..., None], torch.sin(angle), torch.cos(angle)]
    return torch.cat(parts, dim=-1)
