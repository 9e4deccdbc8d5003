"""A network in which conditions are tokens too: two streams, weights of their own each, that attend to each other.

After MM-DiT (Esser et al. 2024), in one dimension: the latents and the conditions of a frame stand side by side and
share its place, so attention with a window reaches as far in both. Flow time modulates both streams.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from svs.attention import attention_kind
from svs.backbone import Backbone


class Stream(nn.Module):
    """One stream's own weights in a joint block. ends: nothing of it is wanted after the attention."""

    def __init__(self, dim: int, heads: int, window: int, expansion: int, attention: str, layer: int, ends: bool):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, elementwise_affine=False)
        self.attention = attention_kind(attention)(dim, heads, window, layer, streams=2)
        self.ends = ends
        self.modulation = nn.Parameter(torch.zeros(6 * dim))
        if ends:
            self.attention.leave = self.attention.query_norm = nn.Identity()  # its queries are asked in vain
            return
        self.norm2 = nn.LayerNorm(dim, elementwise_affine=False)
        self.convolution = nn.Conv1d(dim, dim, 5, padding=2, groups=dim)
        self.widen = nn.Linear(dim, expansion * dim)
        self.narrow = nn.Linear(expansion * dim, dim)

    def before(self, x: Tensor, modulation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (batch, frames, heads, d)."""
        shift, scale = self._modulation(modulation)[:2]
        return self.attention.queries_keys_values(self.norm1(x) * (1 + scale) + shift)

    def after(self, x: Tensor, gathered: Tensor, modulation: Tensor, keep: Tensor) -> Tensor:
        """The stream with what attention gathered for it, (batch, frames, heads, d), through its MLP."""
        if self.ends:
            return x
        gate1, shift, scale, gate2 = self._modulation(modulation)[2:]
        x = x + gate1 * self.attention.leave(gathered.flatten(2))
        y = self.norm2(x) * (1 + scale) + shift
        y = y + self.convolution((y * keep[..., None]).transpose(1, 2)).transpose(1, 2)
        return x + gate2 * self.narrow(F.gelu(self.widen(y)))

    def _modulation(self, modulation: Tensor) -> tuple[Tensor, ...]:
        return (modulation + self.modulation.to(modulation.dtype)).chunk(6, dim=-1)


class JointBlock(nn.Module):
    """Both streams, which attend to themselves and to each other."""

    def __init__(self, dim: int, heads: int, window: int, expansion: int, attention: str, layer: int, last: bool):
        super().__init__()
        self.latents = Stream(dim, heads, window, expansion, attention, layer, ends=False)
        self.conditions = Stream(dim, heads, window, expansion, attention, layer, ends=last)

    def forward(
        self, x: Tensor, g: Tensor, modulation_x: Tensor, modulation_g: Tensor, keep: Tensor
    ) -> tuple[Tensor, Tensor]:
        """x, g: (batch, frames, dim) latents and conditions."""
        frames = keep.shape[1]
        pair = zip(self.latents.before(x, modulation_x), self.conditions.before(g, modulation_g), strict=True)
        spare = -2 * frames % self.latents.attention.multiple
        q, k, v = (F.pad(torch.stack(both, dim=2).flatten(1, 2), (0, 0, 0, 0, 0, spare)) for both in pair)
        seen = F.pad(keep.repeat_interleave(2, dim=1), (0, spare))
        y = self.latents.attention.attend(q, k, v, seen)[:, : 2 * frames]
        return (
            self.latents.after(x, y[:, ::2], modulation_x, keep),
            self.conditions.after(g, y[:, 1::2], modulation_g, keep),
        )


class JointDiT(Backbone):
    """A stack of joint blocks; the arguments are Backbone's. At equal depth it has about twice the DiT's weights."""

    name = "joint"
    conditionings = ("joint",)

    def make_trunk(self, dim: int, depth: int, heads: int, window: int, expansion: int, attention: str) -> None:
        self.modulate_latents = nn.Linear(dim, 6 * dim)
        self.modulate_conditions = nn.Linear(dim, 6 * dim)
        self.blocks = nn.ModuleList(
            JointBlock(dim, heads, window, expansion, attention, layer, last=layer == depth - 1)
            for layer in range(depth)
        )

    def silent(self) -> Iterable[nn.Module]:
        return self.modulate_latents, self.modulate_conditions

    def trunk(self, h: Tensor, c: Tensor, condition: Tensor, keep: Tensor) -> Tensor:
        modulation = self.modulate_latents(c), self.modulate_conditions(c)
        for block in self.blocks:
            h, condition = block(h, condition, *modulation, keep)
        return h
