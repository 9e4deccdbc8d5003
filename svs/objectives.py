"""What a network learns to say of a noisy point: its velocity, its noise, or the clean data. Knows nothing of singing.

A path leads from noise x_0 ~ N(0, 1) at t = 0 to data x_1 at t = 1: x_t = α(t) x_1 + σ(t) x_0.

    velocity   straight path, α = t, σ = 1 − t; the network gives x_1 − x_0 (rectified flow, the default)
    noise      variance-preserving path, α = sin(πt/2), σ = cos(πt/2); the network gives x_0 (Ho et al. 2020)
    clean      the same path; the network gives x_1, weighted by min(α²/σ², 5) (Salimans & Ho 2022; Hang et al. 2023)

With any one of the three in hand the two others follow, so that every objective has a clean estimate and, where a
sampler wants one, a velocity dx/dt along its own path. That of the latter two is of Nichol & Dhariwal 2021.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from svs.flow import flow_matching_loss, mean_error

if TYPE_CHECKING:
    from torch import Tensor

# (x, t of shape (batch,)) → what the network says, of the shape of x
Predict: TypeAlias = "Callable[[Tensor, Tensor], Tensor]"
EARLIEST = 0.008  # on the cosine path noise divided by α means nothing before; α is 0.0126 there


class Objective:
    """One way to learn and to read a network. Times may be tensors of any shape that fits x."""

    name: str
    first: float = 0.0  # the time that sampling begins at

    def alpha(self, t: Tensor) -> Tensor:
        """Amount of data at time t."""
        raise NotImplementedError

    def sigma(self, t: Tensor) -> Tensor:
        """Amount of noise at time t."""
        raise NotImplementedError

    def time(self, ratio: float) -> float:
        """When α/σ is `ratio`."""
        raise NotImplementedError

    def indifferent(self, t: Tensor) -> Tensor:
        """What to multiply x by for the answer when nothing is known but that data have unit variance, (batch,)."""
        raise NotImplementedError

    def loss(self, predict: Predict, x1: Tensor, keep: Tensor | None = None, weights: Tensor | None = None) -> Tensor:
        """Weighted mean squared error of the answer at random times; arguments as in `flow.flow_matching_loss`."""
        raise NotImplementedError

    def clean(self, answer: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """The mean of the data that an answer at (x, t) amounts to."""
        raise NotImplementedError

    def noise(self, answer: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """The mean of the noise that an answer at (x, t) amounts to."""
        raise NotImplementedError

    def velocity(self, answer: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """dx/dt along the path, the mean of it at (x, t)."""
        raise NotImplementedError


class VelocityObjective(Objective):
    """Rectified flow (Liu et al. 2023; Lipman et al. 2023)."""

    name = "velocity"

    def alpha(self, t: Tensor) -> Tensor:
        return t

    def sigma(self, t: Tensor) -> Tensor:
        return 1 - t

    def time(self, ratio: float) -> float:
        return ratio / (1.0 + ratio)

    def indifferent(self, t: Tensor) -> Tensor:
        return indifferent(t)

    def loss(self, predict, x1, keep=None, weights=None) -> Tensor:
        return flow_matching_loss(predict, x1, keep, weights)

    def clean(self, answer: Tensor, x: Tensor, t: Tensor) -> Tensor:
        return x + (1 - t) * answer

    def noise(self, answer: Tensor, x: Tensor, t: Tensor) -> Tensor:
        return x - t * answer

    def velocity(self, answer: Tensor, x: Tensor, t: Tensor) -> Tensor:
        return answer


class _VariancePreserving(Objective):
    """The cosine path, on which data of unit variance keep it at all times."""

    def alpha(self, t: Tensor) -> Tensor:
        import torch

        return torch.sin(0.5 * math.pi * t)

    def sigma(self, t: Tensor) -> Tensor:
        import torch

        return torch.cos(0.5 * math.pi * t)

    def time(self, ratio: float) -> float:
        return 2.0 / math.pi * math.atan(ratio)

    def velocity(self, answer: Tensor, x: Tensor, t: Tensor) -> Tensor:
        clean, noise = self.clean(answer, x, t), self.noise(answer, x, t)
        return 0.5 * math.pi * (self.sigma(t) * clean - self.alpha(t) * noise)

    def loss(self, predict, x1, keep=None, weights=None) -> Tensor:
        import torch

        x0 = torch.randn_like(x1)
        t = self.first + (1.0 - self.first) * torch.rand(len(x1)).to(x1)
        at = t[:, None, None]
        x = self.alpha(at) * x1 + self.sigma(at) * x0
        return mean_error((predict(x, t).float() - self.goal(x0, x1)) * self.weight(at).sqrt(), keep, weights)

    def goal(self, x0: Tensor, x1: Tensor) -> Tensor:
        raise NotImplementedError

    def weight(self, t: Tensor) -> Tensor:
        """What a squared error at time t counts."""
        raise NotImplementedError


class NoiseObjective(_VariancePreserving):
    """Noise prediction (Ho et al. 2020)."""

    name = "noise"
    first = EARLIEST

    def indifferent(self, t: Tensor) -> Tensor:
        return self.sigma(t)

    def goal(self, x0: Tensor, x1: Tensor) -> Tensor:
        return x0

    def weight(self, t: Tensor) -> Tensor:
        import torch

        return torch.ones_like(t)

    def clean(self, answer: Tensor, x: Tensor, t: Tensor) -> Tensor:
        return (x - self.sigma(t) * answer) / self.alpha(t)

    def noise(self, answer: Tensor, x: Tensor, t: Tensor) -> Tensor:
        return answer


class CleanObjective(_VariancePreserving):
    """Prediction of the data themselves (Salimans & Ho 2022), the weight bounded as in Hang et al. 2023."""

    name = "clean"
    first = EARLIEST  # that both begin alike
    most = 5.0

    def indifferent(self, t: Tensor) -> Tensor:
        return self.alpha(t)

    def goal(self, x0: Tensor, x1: Tensor) -> Tensor:
        return x1

    def weight(self, t: Tensor) -> Tensor:
        import torch

        return torch.tan(0.5 * math.pi * t).square().clamp(max=self.most)

    def clean(self, answer: Tensor, x: Tensor, t: Tensor) -> Tensor:
        return answer

    def noise(self, answer: Tensor, x: Tensor, t: Tensor) -> Tensor:
        return (x - self.alpha(t) * answer) / self.sigma(t)


OBJECTIVES: dict[str, Objective] = {
    made.name: made for made in (VelocityObjective(), NoiseObjective(), CleanObjective())
}


def objective_of(name: str) -> Objective:
    """The objective of a name. Raises ValueError naming those there are."""
    if name not in OBJECTIVES:
        raise ValueError(f"objective is {name!r}; choose one of {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]


def indifferent(t: Tensor) -> Tensor:
    """What to multiply x by for the velocity when nothing is known but that latents have unit variance, (batch,).

    E[x1 − x0 | x_t] of two unit Gaussians. What conditions say nothing of need not pass through the network then
    (after the skip connection of Karras et al. 2022).
    """
    return (2 * t - 1) / (t.square() + (1 - t).square())
