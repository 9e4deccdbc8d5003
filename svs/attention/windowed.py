"""Attention of each frame to the frames about it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from svs.attention.common import Attention, rotate


class WindowedAttention(Attention):
    """Self-attention of each frame to those at most `window` frames away, with rotary positions and qk-norm.

    Queries are taken in blocks of `window` frames, each of which sees the block before, its own and the one after:
    every frame in reach lies there, and the cost is frames × 3 × window.
    """

    @property
    def multiple(self) -> int:
        return self.window * self.streams

    def attend(self, q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
        return self.band(q, k, v, keep, self.window)

    def band(self, q: Tensor, k: Tensor, v: Tensor, keep: Tensor, window: int) -> Tensor:
        """Attention to the tokens of frames at most `window` away, of any number of whole frames."""
        batch, tokens, heads, size = v.shape
        w = window * self.streams
        blocks = (tokens + w - 1) // w
        spare = blocks * w - tokens
        q, k, v = (F.pad(x, (0, 0, 0, 0, 0, spare)) if spare else x for x in (q, k, v))
        keep = F.pad(keep, (w, spare + w))
        positions = torch.arange(blocks * w, device=v.device) // self.streams
        q, k = (rotate(x, positions).to(v.dtype) for x in (q, k))
        q = q.reshape(batch * blocks, w, heads, size).transpose(1, 2)
        k, v = (_with_neighbours(x, blocks).transpose(1, 2) for x in (k, v))
        around = keep.reshape(batch, blocks + 2, w)
        reach = torch.cat([around[:, :-2], around[:, 1:-1], around[:, 2:]], dim=2).reshape(batch * blocks, 1, 1, 3 * w)
        frame = torch.arange(-w, 2 * w, device=v.device) // self.streams
        mask = ((frame[None, :] - frame[w : 2 * w, None]).abs() <= window) & reach
        # a padded query may see nothing at all; let it see everything, nobody reads it
        mask = mask | ~mask.any(dim=-1, keepdim=True)
        if torch.is_grad_enabled():  # on CPUs the fused kernel's backward pass takes ten times as long on blocks this small
            scores = (q @ k.transpose(-1, -2)).float() * size**-0.5
            y = scores.masked_fill(~mask, -torch.inf).softmax(dim=-1).to(v.dtype) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v, mask)
        y = y.transpose(1, 2)
        return y.reshape(batch, blocks * w, heads, size)[:, :tokens]


def _with_neighbours(x: Tensor, blocks: int) -> Tensor:
    """(batch, blocks × w, heads, d) → (batch × blocks, 3w, heads, d): each block with both its neighbours."""
    x = x.reshape(x.shape[0], blocks, -1, *x.shape[2:])
    padded = F.pad(x, (0, 0, 0, 0, 0, 0, 1, 1))
    return torch.cat([padded[:, :-2], x, padded[:, 2:]], dim=2).flatten(0, 1)
