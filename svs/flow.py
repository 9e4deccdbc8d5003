"""Flow matching: paths from noise to data, the loss on them, and samplers. Knows nothing of singing.

Rectified flow (Liu et al. 2023; Lipman et al. 2023): x_t = (1 − t) x_0 + t x_1 with x_0 ~ N(0, 1) and x_1 data has the
velocity x_1 − x_0; a network learns its mean given x_t, and sampling integrates that mean from t = 0 to 1. Losses are of
tensors; samplers take arrays of numpy as well, and torch is imported by the losses alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Velocity: TypeAlias = "Callable[[Tensor, Tensor], Tensor]"  # (x, t of shape (batch,)) → velocity of the shape of x


def sample_times(batch: int, scale: float = 1.0) -> Tensor:
    """Training times in (0, 1), logit-normal, so that the hard middle is seen most (Esser et al. 2024). (batch,)."""
    import torch

    return torch.sigmoid(scale * torch.randn(batch))


def flow_matching_loss(
    velocity: Velocity, x1: Tensor, keep: Tensor | None = None, weights: Tensor | None = None
) -> Tensor:
    """Mean squared error of the velocity at random times.

    x1: (batch, frames, dim) data. keep: (batch, frames), True where frames count; all when None.
    weights: (dim,) what an error of each dimension counts; all the same when None.
    """
    import torch

    x0 = torch.randn_like(x1)
    t = sample_times(len(x1)).to(x1)
    at = t[:, None, None]
    return mean_error(velocity((1 - at) * x0 + at * x1, t).float() - (x1 - x0), keep, weights)


def mean_error(difference: Tensor, keep: Tensor | None, weights: Tensor | None) -> Tensor:
    """Mean of the squares of (batch, frames, dim); keep and weights as in `flow_matching_loss`."""
    error = difference.square()
    error = (error if weights is None else error * weights).mean(dim=-1)
    return error.mean() if keep is None else (error * keep).sum() / keep.sum()


def folding_loss(
    velocity: Velocity,
    goal: Velocity,
    x1: Tensor,
    keep: Tensor | None = None,
    weights: Tensor | None = None,
    strides: int | None = None,
) -> Tensor:
    """Mean squared difference of two velocities at random times on the paths to x1: a guided one folded into weights.

    After Meng et al. 2023. strides: learn `goal` not as it is at a time but its mean over one of so many steps from there
    on, found by a midpoint step (progressive distillation, Salimans & Ho 2022), so that so many steps of Euler's do what
    as many of midpoint's did. The other arguments are those of `flow_matching_loss`; no gradient passes through `goal`.
    """
    import torch

    x0 = torch.randn_like(x1)
    t = (sample_times(len(x1), scale=1.3) if strides is None else stride_times(len(x1), strides)).to(x1)
    x = x0 + t[:, None, None] * (x1 - x0)
    with torch.no_grad():
        wanted = goal(x, t).float()
        if strides is not None:
            half = 0.5 * (stride_end(t, strides) - t)
            wanted = goal(x + half[:, None, None] * wanted, t + half).float()
    return mean_error(velocity(x, t).float() - wanted, keep, weights)


def stride_times(batch: int, strides: int) -> Tensor:
    """Training times in [0, 1), (batch,): half of them those at which one of so many steps begins, the others any."""
    import torch

    begin = torch.randint(strides, (batch,)) / strides
    return _cosine_time(torch.where(torch.rand(batch) < 0.5, begin, torch.rand(batch)))


def stride_end(t: Tensor, strides: int) -> Tensor:
    """Where a step from t ends that is one of so many over `cosine_times`, at 1 at the latest."""
    import torch

    share = torch.arccos(1.0 - 2.0 * t) / math.pi
    return _cosine_time((share + 1.0 / strides).clamp(max=1.0))


def _cosine_time(share: Tensor) -> Tensor:
    """The time of `cosine_times` after a share of its steps."""
    import torch

    return 0.5 - 0.5 * torch.cos(math.pi * share)


def guided(velocity: Callable[..., Tensor], scales: Mapping[str, float]) -> Velocity:
    """Classifier-free guidance with a scale for each condition (Ho & Salimans 2022, composed as in Liu et al. 2022).

    velocity(x, t, without): `without` names the condition to leave out, or is None. A scale of 1 costs nothing;
    every other adds one evaluation: v + Σ (scale − 1) (v − v without that condition).
    """
    active = {name: scale for name, scale in scales.items() if scale != 1.0}

    def steered(x: Tensor, t: Tensor) -> Tensor:
        full = velocity(x, t, None)
        return full + sum(((s - 1.0) * (full - velocity(x, t, name)) for name, s in active.items()), 0.0)

    return steered


def euler(velocity: Velocity, x: Tensor, t: float, step: float) -> Tensor:
    """One evaluation a step, first order."""
    return x + step * velocity(x, _times(x, t))


def midpoint(velocity: Velocity, x: Tensor, t: float, step: float) -> Tensor:
    """Two evaluations a step, second order."""
    half = x + 0.5 * step * velocity(x, _times(x, t))
    return x + step * velocity(half, _times(x, t + 0.5 * step))


def heun(velocity: Velocity, x: Tensor, t: float, step: float) -> Tensor:
    """Two evaluations a step, second order; the last step to t = 1 is Euler's.

    At t = 1 there is no noise left, so that what predicts data says nothing of the way there (Karras et al. 2022).
    """
    here = velocity(x, _times(x, t))
    there = x + step * here
    if t + step >= 1.0 - 1e-9:
        return there
    return x + 0.5 * step * (here + velocity(there, _times(x, t + step)))


SAMPLERS = {"euler": euler, "midpoint": midpoint, "heun": heun}


def sample(
    velocity: Velocity, x0: Tensor, steps: int, sampler: str = "euler", progress=None, first: float = 0.0
) -> Tensor:
    """Integrate from noise x0 (batch, frames, dim) at t = first to data at t = 1, over the times of `cosine_times`.

    progress: called with (done, steps) after each step. Raises ValueError for an unknown sampler or steps < 1.
    """
    if sampler not in SAMPLERS:
        raise ValueError(f"sample: no sampler {sampler!r}; choose one of {', '.join(SAMPLERS)}")
    if steps < 1:
        raise ValueError(f"sample: {steps} steps; at least 1 is needed")
    x, times = x0, cosine_times(steps, first)
    for number, (t, later) in enumerate(pairwise(times)):
        x = SAMPLERS[sampler](velocity, x, t, later - t)
        if progress:
            progress(number + 1, steps)
    return x


def cosine_times(steps: int, first: float = 0.0) -> list[float]:
    """From first to 1 in steps that are short near both ends, where velocities of learned flows turn fastest."""
    return [first + (1.0 - first) * (0.5 - 0.5 * math.cos(math.pi * number / steps)) for number in range(steps + 1)]


def _times(x: Tensor, t: float) -> Tensor:
    return np.full(len(x), t, x.dtype) if isinstance(x, np.ndarray) else x.new_full((len(x),), t)
