"""What every acoustic network shares: conditions and latents to tokens, flow time, and tokens back to latents.

The contract: `condition(conditions, drop)` is computed once a line, `forward(x, t, condition, keep)` every step. A
network says in `make_trunk` and `trunk` what happens to the tokens in between; svs/networks.py has the names of all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from svs.conditioner import Conditioner
from svs.conditioning import Conditions
from svs.injection import INJECTIONS
from svs.objectives import objective_of


class Backbone(nn.Module):
    """What is learned of the latents of a sung line.

    phonemes, speakers: sizes of the voice's tables. window: tokens seen on either side, by attention that has a window.
    patch: latent frames a token (the frames of a patch share their modulation, as in DiT).
    attention: a name in svs.attention.ATTENTIONS. conditioning: one of the class's own; its first when None.
    objective: a name in svs.objectives.OBJECTIVES, what `forward` gives.
    conditions: those it knows and their sizes (svs.conditioner); lyrics, pitch and speaker when None.
    sizes: the arguments, for the file's header; a choice that is the default stays out, as in files from before it.
    """

    name: str
    conditionings: tuple[str, ...] = ("adaln", "cross", "add")

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
        conditioning: str | None = None,
        objective: str = "velocity",
        conditions: dict[str, int] | None = None,
    ):
        super().__init__()
        conditioning = conditioning or self.conditionings[0]
        if conditioning not in self.conditionings:
            raise ValueError(
                f"conditioning is {conditioning!r}; {self.name} takes conditions by {' or '.join(self.conditionings)}"
            )
        choices = {
            "backbone": (self.name, "dit"),
            "attention": (attention, "windowed"),
            "conditioning": (conditioning, self.conditionings[0]),
            "objective": (objective, "velocity"),
            "conditions": (conditions, None),
        }
        self.sizes: dict[str, Any] = {
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
            **{key: chosen for key, (chosen, default) in choices.items() if chosen != default},
        }
        self.patch, self.latent_dim, self.dim = patch, latent_dim, dim
        self.injection, self.objective = INJECTIONS[conditioning], objective
        self.indifferent = objective_of(objective).indifferent
        self.conditioner = Conditioner(phonemes, speakers, dim, conditioner_depth, conditions)
        self.merge = nn.Linear(patch * dim, dim) if patch > 1 else nn.Identity()
        self.time = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.enter = nn.Linear(patch * latent_dim, dim)
        self.hint = nn.Linear(dim, dim) if self.injection.enters else None
        self.make_trunk(dim, depth, heads, window, expansion, attention)
        self.norm = nn.LayerNorm(dim, elementwise_affine=False)
        self.last_modulation = nn.Linear(dim, 2 * dim)
        self.leave = nn.Linear(dim, patch * latent_dim)
        self.initialise()

    def make_trunk(self, dim: int, depth: int, heads: int, window: int, expansion: int, attention: str) -> None:
        raise NotImplementedError

    def trunk(self, h: Tensor, c: Tensor, condition: Tensor, keep: Tensor) -> Tensor:
        """Tokens (batch, tokens, dim) to tokens.

        c: (batch, tokens or 1, dim), what modulates. condition: (batch, tokens, dim). keep: (batch, tokens).
        """
        raise NotImplementedError

    def silent(self) -> Iterable[nn.Module]:
        """The trunk's layers that begin at zero, so that it begins as the identity."""
        raise NotImplementedError

    def initialise(self) -> None:
        """Every block starts as the identity (AdaLN-Zero), the answer as that of a listener who knows nothing."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.3)
        self.conditioner.initialise()
        for layer in (*self.silent(), self.last_modulation, self.leave):
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)

    def condition(self, conditions: Conditions, drop: Tensor | None = None) -> Tensor:
        """The part that does not depend on flow time, (batch, tokens, dim): computed once a song, used every step."""
        c = self.conditioner(conditions, drop) * conditions.keep[..., None]  # a patch may hold frames of both kinds
        return self.merge(self._patches(c))

    def forward(self, x: Tensor, t: Tensor, condition: Tensor, keep: Tensor) -> Tensor:
        """The objective's answer at x, (batch, frames, latent_dim), and times t, (batch,). condition: `condition`'s."""
        frames = x.shape[1]
        x = x * keep[..., None]
        keep = self._patches(keep[..., None].float()).amin(dim=-1) > 0  # (batch, tokens)
        time = self.time(time_features(t, self.dim))[:, None]
        c = F.silu(condition + time if self.injection.modulates else time)  # (batch, tokens or 1, dim)
        h = self.enter(self._patches(x))
        if self.hint is not None:
            h = h + self.hint(condition)
        h = self.trunk(h, c, condition, keep)
        shift, scale = self.last_modulation(c).chunk(2, dim=-1)
        h = self.leave(self.norm(h) * (1 + scale) + shift)
        return h.reshape(h.shape[0], -1, self.latent_dim)[:, :frames] + self.indifferent(t)[:, None, None] * x

    def _patches(self, x: Tensor) -> Tensor:
        """(batch, frames, d) → (batch, tokens, patch × d), padded with zeros to whole patches."""
        batch, frames, size = x.shape
        x = F.pad(x, (0, 0, 0, -frames % self.patch))
        return x.reshape(batch, -1, self.patch * size)


def time_features(t: Tensor, dim: int) -> Tensor:
    """Sines and cosines of flow time, (batch,) → (batch, dim)."""
    frequencies = torch.exp(torch.linspace(0, math.log(1000.0), dim // 2, device=t.device))
    angle = t[:, None].float() * frequencies
    return torch.cat([angle.cos(), angle.sin()], dim=-1)
