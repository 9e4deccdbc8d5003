"""The velocity network: a Diffusion Transformer whose every frame is modulated by its own conditions.

DiT (Peebles & Xie 2023) gives one shift, scale and gate to all tokens of an image. Singing has a condition for every
frame, so here each frame's vector (phoneme, place in it, pitch, voicing, singer, flow time) makes that frame's own
modulation: AdaLN-Zero, frame by frame. Attention looks a window to either side, so cost grows linearly with the song.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from svs.attention import attention_kind
from svs.conditioner import Conditioner
from svs.conditioning import Conditions


class DiTBlock(nn.Module):
    """Attention, a short convolution and an MLP, each shifted, scaled and gated frame by frame (AdaLN-Zero)."""

    def __init__(
        self, dim: int, heads: int, window: int, expansion: int, attention: str = "windowed", layer: int = 0
    ):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, elementwise_affine=False)
        self.attention = attention_kind(attention)(dim, heads, window, layer)
        self.norm2 = nn.LayerNorm(dim, elementwise_affine=False)
        self.convolution = nn.Conv1d(dim, dim, 5, padding=2, groups=dim)
        self.widen = nn.Linear(dim, expansion * dim)
        self.narrow = nn.Linear(expansion * dim, dim)
        self.modulation = nn.Parameter(torch.zeros(6 * dim))  # added to the projection that all blocks share

    def forward(self, x: Tensor, modulation: Tensor, keep: Tensor) -> Tensor:
        modulation = modulation + self.modulation.to(modulation.dtype)
        shift1, scale1, gate1, shift2, scale2, gate2 = modulation.chunk(6, dim=-1)
        y = self.norm1(x) * (1 + scale1) + shift1
        x = x + gate1 * self.attention(y, keep)
        y = self.norm2(x) * (1 + scale2) + shift2
        y = y + self.convolution((y * keep[..., None]).transpose(1, 2)).transpose(1, 2)
        return x + gate2 * self.narrow(F.gelu(self.widen(y), approximate="tanh"))


class DiT(nn.Module):
    """Velocity of the latents of a sung line.

    phonemes, speakers: sizes of the voice's tables. window: latent frames seen on either side.
    patch: latent frames a token (the frames of a patch share their modulation, as in DiT).
    attention: a name in svs.attention.ATTENTIONS.
    """

    def __init__(
        self,
        phonemes: int,
        speakers: int,
        latent_dim: int = 160,
        dim: int = 256,
        depth: int = 8,
        heads: int = 4,
        expansion: int = 4,
        window: int = 64,
        patch: int = 1,
        conditioner_depth: int = 4,
        attention: str = "windowed",
    ):
        super().__init__()
        self.sizes = {
            "phonemes": phonemes,
            "speakers": speakers,
            "latent_dim": latent_dim,
            "dim": dim,
            "depth": depth,
            "heads": heads,
            "expansion": expansion,
            "window": window,
            "patch": patch,
            "conditioner_depth": conditioner_depth,
            "attention": attention,
        }
        self.patch, self.latent_dim, self.dim = patch, latent_dim, dim
        self.conditioner = Conditioner(phonemes, speakers, dim, conditioner_depth)
        self.merge = nn.Linear(patch * dim, dim) if patch > 1 else nn.Identity()
        self.time = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.enter = nn.Linear(patch * latent_dim, dim)
        self.hint = nn.Linear(dim, dim)
        self.modulate = nn.Linear(dim, 6 * dim)
        self.blocks = nn.ModuleList(
            DiTBlock(dim, heads, window, expansion, attention, layer) for layer in range(depth)
        )
        self.norm = nn.LayerNorm(dim, elementwise_affine=False)
        self.last_modulation = nn.Linear(dim, 2 * dim)
        self.leave = nn.Linear(dim, patch * latent_dim)
        self.initialise()

    def initialise(self) -> None:
        """Every block starts as the identity (AdaLN-Zero), the velocity as that of a listener who knows nothing."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.3)
        nn.init.normal_(self.conditioner.speaker.weight, std=0.3)
        nn.init.normal_(self.conditioner.absent, std=0.1)
        for layer in (self.modulate, self.last_modulation, self.leave):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def condition(self, conditions: Conditions, drop: Tensor | None = None) -> Tensor:
        """The part that does not depend on flow time, (batch, tokens, dim): computed once a song, used every step."""
        c = self.conditioner(conditions, drop) * conditions.keep[..., None]  # a patch may hold frames of both kinds
        return self.merge(self._patches(c))

    def forward(self, x: Tensor, t: Tensor, condition: Tensor, keep: Tensor) -> Tensor:
        """Velocity of x, (batch, frames, latent_dim), at flow times t, (batch,). condition: from `condition`."""
        frames = x.shape[1]
        x = x * keep[..., None]
        keep = self._patches(keep[..., None].float()).amin(dim=-1) > 0  # (batch, tokens)
        c = F.silu(condition + self.time(time_features(t, self.dim))[:, None])  # (batch, tokens, dim)
        h = self.enter(self._patches(x)) + self.hint(condition)
        modulation = self.modulate(c)
        for block in self.blocks:
            h = block(h, modulation, keep)
        shift, scale = self.last_modulation(c).chunk(2, dim=-1)
        h = self.leave(self.norm(h) * (1 + scale) + shift)
        return h.reshape(h.shape[0], -1, self.latent_dim)[:, :frames] + indifferent(t)[:, None, None] * x

    def _patches(self, x: Tensor) -> Tensor:
        """(batch, frames, d) → (batch, tokens, patch × d), padded with zeros to whole patches."""
        batch, frames, size = x.shape
        x = F.pad(x, (0, 0, 0, -frames % self.patch))
        return x.reshape(batch, -1, self.patch * size)


def indifferent(t: Tensor) -> Tensor:
    """What to multiply x by for the velocity when nothing is known but that latents have unit variance, (batch,).

    E[x1 − x0 | x_t] of two unit Gaussians. What conditions say nothing of need not pass through the network then
    (after the skip connection of Karras et al. 2022).
    """
    return (2 * t - 1) / (t.square() + (1 - t).square())


def time_features(t: Tensor, dim: int) -> Tensor:
    """Sines and cosines of flow time, (batch,) → (batch, dim)."""
    frequencies = torch.exp(torch.linspace(0, math.log(1000.0), dim // 2, device=t.device))
    angle = t[:, None].float() * frequencies
    return torch.cat([angle.cos(), angle.sin()], dim=-1)
