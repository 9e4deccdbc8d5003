"""What the kinds of attention share: projections to heads, normalised queries and keys, rotary positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Self-attention; a kind says in `attend` which frames are seen.

    window: frames seen on either side, for the kinds that have one. layer: number of the block it stands in, from 0.
    streams: tokens of each frame, interleaved; they share the frame's position.
    """

    def __init__(self, dim: int, heads: int, window: int, layer: int = 0, streams: int = 1):
        super().__init__()
        self.heads, self.window, self.layer, self.streams = heads, window, layer, streams
        self.project = nn.Linear(dim, 3 * dim)
        self.query_norm: nn.Module = nn.RMSNorm(dim // heads)
        self.key_norm = nn.RMSNorm(dim // heads)
        self.leave: nn.Module = nn.Linear(dim, dim)

    @property
    def multiple(self) -> int:
        """`attend` wants so many tokens, or a multiple."""
        return 1

    def forward(self, x: Tensor, keep: Tensor) -> Tensor:
        """x: (batch, frames, dim); keep: (batch, frames), False where a frame must not be looked at."""
        frames = x.shape[1]
        spare = -frames % self.multiple
        x, keep = F.pad(x, (0, 0, 0, spare)), F.pad(keep, (0, spare))
        y = self.attend(*self.queries_keys_values(x), keep)
        return self.leave(y.flatten(2)[:, :frames])

    def queries_keys_values(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Each (batch, frames, heads, d); queries and keys normalised, in float32, not rotated yet."""
        size = x.shape[-1] // self.heads
        q, k, v = self.project(x).reshape(x.shape[0], -1, 3, self.heads, size).unbind(2)
        return self.query_norm(q.float()), self.key_norm(k.float()), v

    def attend(self, q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
        """What each query gathers, (batch, frames, heads, d)."""
        raise NotImplementedError

    def rotated(self, x: Tensor) -> Tensor:
        """Queries or keys turned by the positions of their frames."""
        return rotate(x, torch.arange(x.shape[1], device=x.device) // self.streams)


def rotate(x: Tensor, positions: Tensor, base: float = 1000.0) -> Tensor:
    """Rotary position embedding (Su et al. 2021) of (batch, frames, heads, d) at (frames,) positions."""
    half = x.shape[-1] // 2
    frequencies = base ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angle = positions.float()[:, None] * frequencies
    cos, sin = angle.cos()[None, :, None], angle.sin()[None, :, None]
    a, b = x.float().chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1).to(x.dtype)


def dense(q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
    """Every query, (batch, queries, heads, d), looks at all keys, (batch, keys, heads, d), that keep has True."""
    mask = keep[:, None, None]
    mask = mask | ~mask.any(dim=-1, keepdim=True)  # a line of nothing but padding; nobody reads it
    q, k, v = (x.transpose(1, 2) for x in (q.to(v.dtype), k.to(v.dtype), v))
    return F.scaled_dot_product_attention(q, k, v, mask).transpose(1, 2)
