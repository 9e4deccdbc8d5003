"""From noise to data with what a network says, by any sampler that fits its objective. Knows nothing of singing.

Euler, midpoint and heun integrate the velocity along the objective's path (svs/flow.py). DDIM keeps the estimates of
noise and data over a step (Song et al. 2021), which on a straight path is what euler does. DPM-Solver++ of two steps
(Lu et al. 2022) is the scheduler of the library diffusers.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from svs import flow
from svs.objectives import Objective, Predict, objective_of

if TYPE_CHECKING:
    from torch import Tensor

SAMPLERS = (*flow.SAMPLERS, "ddim", "dpm++")
MOST_DPM_STEPS = 250  # of the thousand noise levels that the library's scheduler knows


def check_pair(sampler: str, objective: str = "velocity", steps: int = 1) -> None:
    """Raises ValueError, in one line, for a sampler that does not exist, cannot run here, or does not fit."""
    objective_of(objective)
    if sampler not in SAMPLERS:
        raise ValueError(f"sampler is {sampler!r}; choose {', '.join(SAMPLERS[:-1])} or {SAMPLERS[-1]}")
    if sampler == "ddim" and objective == "velocity":
        raise ValueError(
            "sampler ddim is for networks that predict noise or clean latents; of a velocity it is euler, choose that"
        )
    if sampler == "dpm++":
        if steps > MOST_DPM_STEPS:
            raise ValueError(f"sampler dpm++ takes at most {MOST_DPM_STEPS} steps, not {steps}; choose fewer, or heun")
        from importlib.util import find_spec

        if find_spec("diffusers") is None:
            raise ValueError("sampler dpm++ is that of the library diffusers; pip install 'svs[bench]', or choose heun")


def evaluations(sampler: str, steps: int) -> int:
    """How often a sampler asks the network; guidance of scales other than 1 multiplies that."""
    return {"midpoint": 2 * steps, "heun": 2 * steps - 1}.get(sampler, steps)


def draw(
    predict: Predict, noise: Tensor, steps: int, sampler: str = "euler", objective: str = "velocity", progress=None
) -> Tensor:
    """Data (batch, frames, dim) from noise of that shape.

    predict: what a network of this objective says at (x, t). progress: called with (done, steps) after each step.
    Raises ValueError for steps < 1 and where `check_pair` does.
    """
    check_pair(sampler, objective, steps)
    aim = objective_of(objective)
    if sampler in flow.SAMPLERS:

        def velocity(x: Tensor, t: Tensor) -> Tensor:
            return aim.velocity(predict(x, t), x, t[:, None, None])

        return flow.sample(velocity, noise, steps, sampler, progress, aim.first)
    if steps < 1:
        raise ValueError(f"sample: {steps} steps; at least 1 is needed")
    make = _ddim if sampler == "ddim" else _dpm
    return make(predict, noise, steps, aim, progress)


def _ddim(predict: Predict, x: Tensor, steps: int, aim: Objective, progress) -> Tensor:
    import torch

    times = flow.cosine_times(steps, aim.first)
    for number, (t, later) in enumerate(pairwise(times)):
        now, then = (torch.tensor(value, dtype=x.dtype, device=x.device) for value in (t, later))
        answer = predict(x, now.expand(len(x)))
        x = aim.alpha(then) * aim.clean(answer, x, now) + aim.sigma(then) * aim.noise(answer, x, now)
        if progress:
            progress(number + 1, steps)
    return x


def _dpm(predict: Predict, x: Tensor, steps: int, aim: Objective, progress) -> Tensor:
    """The library's scheduler walks the cosine path; points of others with as much noise are multiples of its own."""
    import torch
    from diffusers import DPMSolverMultistepScheduler

    cosine = objective_of("clean")
    times = torch.linspace(1.0, cosine.first, 1001, dtype=torch.float64)[1:]
    data = cosine.alpha(times).square()
    betas = 1.0 - data / torch.cat([torch.ones(1, dtype=torch.float64), data[:-1]])
    scheduler: Any = DPMSolverMultistepScheduler(trained_betas=betas.numpy(), prediction_type="sample", solver_order=2)
    scheduler.set_timesteps(steps)
    for number, timestep in enumerate(scheduler.timesteps):
        t = torch.tensor(aim.time(1.0 / float(scheduler.sigmas[number])), dtype=x.dtype, device=x.device)
        here = x * (aim.alpha(t).square() + aim.sigma(t).square()).sqrt()
        clean = aim.clean(predict(here, t.expand(len(x))), here, t)
        x = scheduler.step(clean, timestep, x, return_dict=False)[0]
        if progress:
            progress(number + 1, steps)
    return x
