"""The convolutional baseline: a U-Net over time with as many weights as the DiT of the same sizes.

Three rates, each half of the one before, with residual blocks on the way down and up and skips across (Ronneberger et
al. 2015; Ho et al. 2020). Attention stands at the lowest rate, as it does in the U-Nets of images.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from svs.attention import Attention, CrossAttention, attention_kind
from svs.backbone import Backbone
from svs.dit import DiT

LEVELS = 3


class ResidualBlock(nn.Module):
    """Two convolutions, shifted, scaled and gated frame by frame (AdaLN-Zero). hidden: channels between them."""

    def __init__(self, dim: int, hidden: int):
        super().__init__()
        self.norm = nn.LayerNorm(dim, elementwise_affine=False)
        self.widen = nn.Conv1d(dim, hidden, 5, padding=2)
        self.narrow = nn.Linear(hidden, dim)
        self.modulation = nn.Parameter(torch.zeros(3 * dim))  # added to the projection that a level's blocks share

    def forward(self, x: Tensor, modulation: Tensor, keep: Tensor) -> Tensor:
        shift, scale, gate = (modulation + self.modulation.to(modulation.dtype)).chunk(3, dim=-1)
        y = (self.norm(x) * (1 + scale) + shift) * keep[..., None]
        y = self.widen(y.transpose(1, 2)).transpose(1, 2)
        return x + gate * self.narrow(F.gelu(y))


class Level(nn.Module):
    """The blocks at one rate, on the way down and up. lowest: there is but one way, with attention on it."""

    def __init__(self, dim: int, hidden: int, blocks: int, heads: int, cross: bool, lowest: Attention | None):
        super().__init__()
        self.modulate = nn.Linear(dim, 3 * dim)
        self.down = nn.ModuleList(ResidualBlock(dim, hidden) for _ in range(blocks))
        self.up = nn.ModuleList(ResidualBlock(dim, hidden) for _ in range(blocks))
        self.cross_norm = nn.LayerNorm(dim) if cross else None
        self.cross = CrossAttention(dim, dim, heads) if cross else None
        self.attention_norm = nn.LayerNorm(dim) if lowest is not None else None
        self.attention = lowest
        self.halve = nn.Linear(2 * dim, dim) if lowest is None else None
        self.join = nn.Linear(2 * dim, dim) if lowest is None else None

    def silent(self) -> list[nn.Module]:
        """Layers that begin at zero."""
        attending = [module for module in (self.cross, self.attention) if module is not None]
        return [self.modulate, *(module.leave for module in attending)]

    def forward(self, x: Tensor, c: Tensor, condition: Tensor, keep: Tensor, below: list[Level]) -> Tensor:
        """x: (batch, frames, dim), of which frames is a multiple of 2 for each level below."""
        modulation = self.modulate(c)
        for block in self.down:
            x = block(x, modulation, keep)
        if self.cross is not None and self.cross_norm is not None:
            x = x + self.cross(self.cross_norm(x), condition, keep)
        if self.attention is not None and self.attention_norm is not None:
            x = x + self.attention(self.attention_norm(x), keep)
        if self.halve is not None and self.join is not None:
            pairs = (x * keep[..., None]).unflatten(1, (-1, 2)).flatten(2)
            c, condition = (half_rate(y, keep) if y.shape[1] > 1 else y for y in (c, condition))
            low = below[0](self.halve(pairs), c, condition, keep.unflatten(1, (-1, 2)).any(dim=2), below[1:])
            x = self.join(torch.cat([x, low.repeat_interleave(2, dim=1)], dim=-1))
        for block in self.up:
            x = block(x, modulation, keep)
        return x


def half_rate(x: Tensor, keep: Tensor) -> Tensor:
    """Means of pairs of the frames that are kept, (batch, frames, dim) → (batch, frames / 2, dim)."""
    weight = keep.unflatten(1, (-1, 2)).to(x.dtype)[..., None]
    return (x.unflatten(1, (-1, 2)) * weight).sum(dim=2) / weight.sum(dim=2).clamp(min=1.0)


class UNet(Backbone):
    """Blocks at three rates; the arguments are Backbone's. depth: residual blocks, rounded to as many at each level.

    The channels inside the blocks are as many as give it the weights of the DiT with these arguments, so that the two
    can be compared.
    """

    name = "unet"

    def make_trunk(self, dim: int, depth: int, heads: int, window: int, expansion: int, attention: str) -> None:
        blocks, cross = max(1, round(depth / (2 * LEVELS))), self.injection.attends

        def levels(hidden: int) -> nn.ModuleList:
            return nn.ModuleList(
                Level(dim, hidden, blocks, heads, cross, lowest)
                for lowest in (
                    *(None,) * (LEVELS - 1),
                    attention_kind(attention)(dim, heads, max(1, window // 2 ** (LEVELS - 1))),
                )
            )

        with torch.device("meta"):  # weights are counted, not made
            sizes = {key: value for key, value in self.sizes.items() if key != "backbone"}
            rival = DiT(**sizes)
            wanted = _weights(rival.modulate) + _weights(rival.blocks)
            least, more = _weights(levels(1)), _weights(levels(2))
        self.levels = levels(max(1, round(1 + (wanted - least) / (more - least))))

    def silent(self) -> Iterable[nn.Module]:
        return [layer for level in self.levels if isinstance(level, Level) for layer in level.silent()]

    def trunk(self, h: Tensor, c: Tensor, condition: Tensor, keep: Tensor) -> Tensor:
        tokens = keep.shape[1]
        spare = -tokens % 2 ** (LEVELS - 1)
        h, condition = (F.pad(x, (0, 0, 0, spare)) for x in (h, condition))
        c = F.pad(c, (0, 0, 0, spare)) if self.injection.modulates else c
        top, *below = self.levels
        return top(h, c, condition, F.pad(keep, (0, spare)), below)[:, :tokens]


def _weights(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
