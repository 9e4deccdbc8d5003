"""Attention to frames that lie apart, farther in later layers."""

from __future__ import annotations

from torch import Tensor

from svs.attention.windowed import WindowedAttention

DILATIONS = (1, 2, 4, 8)  # by turns, a layer each


class DilatedAttention(WindowedAttention):
    """Self-attention of each frame to `window` frames on either side that lie `dilation` apart (Hassani & Shi 2022).

    Frames whose numbers leave the same rest by `dilation` are a line of their own, on which attention is windowed.
    """

    @property
    def dilation(self) -> int:
        return DILATIONS[self.layer % len(DILATIONS)]

    @property
    def multiple(self) -> int:
        return self.dilation * self.streams

    def attend(self, q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
        batch, tokens = keep.shape
        frames = (tokens // self.multiple, self.dilation, self.streams)

        def apart(x: Tensor) -> Tensor:
            return x.unflatten(1, frames).transpose(1, 2).flatten(0, 1).flatten(1, 2)

        # of lines shorter than the window no block need be longer
        window = min(self.window, frames[0])
        y = self.band(apart(q), apart(k), apart(v), apart(keep), window)
        return y.unflatten(0, (batch, self.dilation)).unflatten(2, frames[::2]).transpose(1, 2).flatten(1, 3)
