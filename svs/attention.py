"""Attention of each frame to the frames about it, with rotary positions and normalised queries and keys."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class WindowedAttention(nn.Module):
    """Self-attention of each frame to those at most `window` frames away, with rotary positions and qk-norm.

    Queries are taken in blocks of `window` frames, each of which sees the block before, its own and the one after:
    every frame in reach lies there, and the cost is frames × 3 × window.
    """

    def __init__(self, dim: int, heads: int, window: int):
        super().__init__()
        self.heads, self.window = heads, window
        self.project = nn.Linear(dim, 3 * dim)
        self.query_norm = nn.RMSNorm(dim // heads)
        self.key_norm = nn.RMSNorm(dim // heads)
        self.leave = nn.Linear(dim, dim)

    def forward(self, x: Tensor, keep: Tensor) -> Tensor:
        """x: (batch, frames, dim); keep: (batch, frames), False where a frame must not be looked at."""
        batch, frames, dim = x.shape
        w, heads = self.window, self.heads
        blocks = -(-frames // w)
        x = F.pad(x, (0, 0, 0, blocks * w - frames))
        keep = F.pad(keep, (w, (blocks + 1) * w - frames))
        q, k, v = self.project(x).reshape(batch, blocks * w, 3, heads, dim // heads).unbind(2)
        positions = torch.arange(blocks * w, device=x.device)
        q = rotate(self.query_norm(q.float()), positions).to(v.dtype)
        k = rotate(self.key_norm(k.float()), positions).to(v.dtype)
        q = q.reshape(batch * blocks, w, heads, -1).transpose(1, 2)
        k, v = (self._reach(t, blocks).transpose(1, 2) for t in (k, v))
        reach = keep.unfold(1, 3 * w, w).reshape(batch * blocks, 1, 1, 3 * w)
        distance = torch.arange(3 * w, device=x.device)[None, :] - w - torch.arange(w, device=x.device)[:, None]
        mask = (distance.abs() <= w) & reach
        # a padded query may see nothing at all; let it see everything, nobody reads it
        mask = mask | ~mask.any(dim=-1, keepdim=True)
        # written out: on CPUs the fused kernel's backward pass takes ten times as long on blocks this small
        scores = (q @ k.transpose(-1, -2)).float() * (dim // heads) ** -0.5
        weights = scores.masked_fill(~mask, -torch.inf).softmax(dim=-1)
        y = weights.to(v.dtype) @ v
        return self.leave(y.transpose(1, 2).reshape(batch, blocks * w, dim)[:, :frames])

    def _reach(self, x: Tensor, blocks: int) -> Tensor:
        """(batch, blocks × w, heads, d) → (batch × blocks, 3w, heads, d): each block with both its neighbours."""
        batch, _, heads, size = x.shape
        x = x.reshape(batch, blocks, self.window, heads, size)
        padded = F.pad(x, (0, 0, 0, 0, 0, 0, 1, 1))
        return torch.cat([padded[:, :-2], x, padded[:, 2:]], dim=2).flatten(0, 1)


def rotate(x: Tensor, positions: Tensor, base: float = 1000.0) -> Tensor:
    """Rotary position embedding (Su et al. 2021) of (batch, frames, heads, d) at (frames,) positions."""
    half = x.shape[-1] // 2
    frequencies = base ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angle = positions.float()[:, None] * frequencies
    cos, sin = angle.cos()[None, :, None], angle.sin()[None, :, None]
    a, b = x.float().chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1).to(x.dtype)
