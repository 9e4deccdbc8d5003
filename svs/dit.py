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

from svs.conditioning import GROUPS, Conditions
from svs.layers import ConvNeXtBlock, pitch_features


class Conditioner(nn.Module):
    """Conditions to one vector a frame. A dropped group is replaced by a learned vector."""

    def __init__(self, phonemes: int, speakers: int, dim: int, depth: int):
        super().__init__()
        self.phoneme = nn.Embedding(phonemes, dim)
        self.before = nn.Embedding(phonemes, dim)
        self.after = nn.Embedding(phonemes, dim)
        self.stress = nn.Embedding(3, dim)
        self.position = nn.Linear(6, dim)
        self.pitch = nn.Linear(2 * pitch_features(torch.zeros(1, 1), torch.zeros(1, 1)).shape[-1], dim)
        self.speaker = nn.Linear(speakers, dim, bias=False)
        self.absent = nn.Parameter(torch.zeros(len(GROUPS), dim))
        self.blocks = nn.ModuleList(ConvNeXtBlock(dim) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)

    def forward(self, conditions: Conditions, drop: Tensor | None = None) -> Tensor:
        """drop: (batch, 3) bool in the order of GROUPS, True where a group is absent. Returns (batch, frames, dim)."""
        c = conditions
        batch, frames = c.keep.shape
        lyrics = (
            self.phoneme(c.phonemes).mean(dim=2)
            + self.before(c.neighbours[..., 0])
            + self.after(c.neighbours[..., 1])
            + self.stress(c.stress)
            + self.position(c.position)
        )
        pitch = self.pitch(pitch_features(c.cents, c.voiced).reshape(batch, frames, -1))
        speaker = self.speaker(c.speaker)[:, None].expand(batch, frames, -1)
        x = torch.zeros_like(lyrics)
        for index, group in enumerate((lyrics, pitch, speaker)):
            if drop is not None:
                group = torch.where(drop[:, index, None, None], self.absent[index], group)
            x = x + group
        for block in self.blocks:
            x = block(x * c.keep[..., None])
        return self.norm(x)


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


class DiTBlock(nn.Module):
    """Attention, a short convolution and an MLP, each shifted, scaled and gated frame by frame (AdaLN-Zero)."""

    def __init__(self, dim: int, heads: int, window: int, expansion: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, elementwise_affine=False)
        self.attention = WindowedAttention(dim, heads, window)
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
        }
        self.patch, self.latent_dim, self.dim = patch, latent_dim, dim
        self.conditioner = Conditioner(phonemes, speakers, dim, conditioner_depth)
        self.merge = nn.Linear(patch * dim, dim) if patch > 1 else nn.Identity()
        self.time = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.enter = nn.Linear(patch * latent_dim, dim)
        self.hint = nn.Linear(dim, dim)
        self.modulate = nn.Linear(dim, 6 * dim)
        self.blocks = nn.ModuleList(DiTBlock(dim, heads, window, expansion) for _ in range(depth))
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
