"""Attention of frames to the sequence of conditions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from svs.attention.common import dense, rotate


class CrossAttention(nn.Module):
    """Each frame of x looks at all conditions, with rotary positions by which it can find its own.

    It adds nothing before it has learned: the way out starts at zero where its owner does so.
    """

    def __init__(self, dim: int, condition_dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(condition_dim, 2 * dim)
        self.query_norm = nn.RMSNorm(dim // heads)
        self.key_norm = nn.RMSNorm(dim // heads)
        self.leave = nn.Linear(dim, dim)

    def forward(self, x: Tensor, condition: Tensor, keep: Tensor) -> Tensor:
        """x: (batch, frames, dim); condition: (batch, frames, condition_dim); keep: (batch, frames), of conditions."""
        q = self.query(x).unflatten(-1, (self.heads, -1))
        k, v = self.key_value(condition).unflatten(-1, (2, self.heads, -1)).unbind(2)
        positions = torch.arange(x.shape[1], device=x.device)
        q, k = (rotate(norm(part.float()), positions) for norm, part in ((self.query_norm, q), (self.key_norm, k)))
        return self.leave(dense(q, k, v, keep).flatten(2))
