"""Attention of each frame to the whole line."""

from __future__ import annotations

from torch import Tensor

from svs.attention.common import Attention, dense


class FullAttention(Attention):
    """Every frame sees every other (Vaswani et al. 2017), whatever `window` is."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
        return dense(self.rotated(q), self.rotated(k), v, keep)
