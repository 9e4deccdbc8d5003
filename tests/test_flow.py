"""Flow matching against Gaussian data, for which everything is known in closed form."""

import math

import pytest
import torch

from svs.flow import (
    SAMPLERS,
    cosine_times,
    euler,
    flow_matching_loss,
    folding_loss,
    guided,
    midpoint,
    sample,
    sample_times,
    stride_end,
    stride_times,
)

MEAN, DEVIATION = 1.5, 0.4


def gaussian_velocity(x, t):
    """The mean velocity of the rectified flow from N(0, 1) to N(MEAN, DEVIATION²).

    x_t ~ N(tμ, s²) with s² = (1 − t)² + t²σ², so that a path stands at a fixed z = (x − tμ) / s: v = μ + s'/s (x − tμ).
    """
    t = t[:, None, None]
    variance = (1 - t) ** 2 + (t * DEVIATION) ** 2
    return MEAN + (t * DEVIATION**2 - (1 - t)) / variance * (x - t * MEAN)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# Samplers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_noise_becomes_data_of_the_right_mean_and_deviation(sampler):
    made = sample(gaussian_velocity, noise(4, 500, 10), 64, sampler)
    assert made.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert made.std().item() == pytest.approx(DEVIATION, rel=0.03)


def test_every_path_ends_where_the_exact_solution_does():
    start = noise(1, 50, 4)
    exact = MEAN + DEVIATION * start
    assert (sample(gaussian_velocity, start, 200, "midpoint") - exact).abs().max() < 1e-3


@pytest.mark.parametrize(("sampler", "order"), [("euler", 1), ("midpoint", 2)])
def test_the_error_falls_with_the_order_of_the_method(sampler, order):
    start = noise(1, 50, 4)

    def velocity(x, t):  # dx/dt = x cos 2t, so x(1) = x(0) exp(sin(2) / 2)
        return x * torch.cos(2 * t)[:, None, None]

    exact = start * math.exp(math.sin(2) / 2)
    errors = [(sample(velocity, start, steps, sampler) - exact).abs().mean().item() for steps in (64, 128)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize("step", [euler, midpoint])
def test_a_straight_path_needs_one_step(step):
    start, end = noise(2, 3, 4), noise(2, 3, 4, seed=1)
    torch.testing.assert_close(step(lambda x, t: end - start, start, 0.0, 1.0), end)


@pytest.mark.parametrize(
    ("sampler", "times"), [("euler", [0.0, 0.5 - 0.5**1.5, 0.5, 0.5 + 0.5**1.5]), ("midpoint", [0.0, 0.25, 0.5, 0.75])]
)
def test_velocities_are_asked_for_at_the_times_of_the_method(sampler, times):
    asked, done = [], []

    def velocity(x, t):
        assert t.shape == (3,)
        asked.append(t[0].item())
        return torch.zeros_like(x)

    steps = 4 if sampler == "euler" else 2
    sample(velocity, torch.zeros(3, 2, 1), steps, sampler, progress=lambda now, total: done.append((now, total)))
    assert asked == pytest.approx(times)
    assert done == [(number, steps) for number in range(1, steps + 1)]


@pytest.mark.parametrize(
    ("steps", "sampler", "message"),
    [(0, "euler", "0 steps; at least 1 is needed"), (4, "rk45", "no sampler 'rk45'; choose one of euler, midpoint")],
)
def test_a_sampler_that_cannot_be_is_refused(steps, sampler, message):
    with pytest.raises(ValueError, match=message):
        sample(gaussian_velocity, torch.zeros(1, 1, 1), steps, sampler)


# Guidance ---------------------------------------------------------------------------------------------------------

LEFT_OUT = {None: 1.0, "lyrics": 0.25, "pitch": -2.0, "speaker": 7.0}


@pytest.fixture
def counted():
    """A velocity that is a known number for each condition left out, and the list of those asked for."""
    asked = []

    def velocity(x, t, without):
        asked.append(without)
        return torch.full_like(x, LEFT_OUT[without])

    return velocity, asked


X, T = torch.zeros(2, 3, 4), torch.zeros(2)


@pytest.mark.parametrize("scales", [{}, {"lyrics": 1.0, "pitch": 1.0, "speaker": 1.0}])
def test_a_scale_of_one_changes_nothing_and_costs_nothing(counted, scales):
    velocity, asked = counted
    torch.testing.assert_close(guided(velocity, scales)(X, T), torch.full_like(X, 1.0))
    assert asked == [None]


@pytest.mark.parametrize("scale", [0.0, 1.5, 3.0])
def test_one_guided_condition_is_classifier_free_guidance(counted, scale):
    velocity, asked = counted
    wanted = LEFT_OUT["lyrics"] + scale * (LEFT_OUT[None] - LEFT_OUT["lyrics"])
    torch.testing.assert_close(guided(velocity, {"lyrics": scale, "pitch": 1.0})(X, T), torch.full_like(X, wanted))
    assert asked == [None, "lyrics"]


def test_scales_of_several_conditions_add_up(counted):
    velocity, asked = counted
    scales = {"lyrics": 2.0, "pitch": 1.25, "speaker": 0.5}
    wanted = 1.0 + sum((scale - 1) * (1.0 - LEFT_OUT[name]) for name, scale in scales.items())
    torch.testing.assert_close(guided(velocity, scales)(X, T), torch.full_like(X, wanted))
    assert sorted(asked, key=str) == sorted(LEFT_OUT, key=str)


# Training ---------------------------------------------------------------------------------------------------------


def test_the_exact_velocity_has_the_least_loss_of_all():
    """Its loss is the variance of x1 − x0 given x_t; a velocity that is off by δ has δ² more."""
    torch.manual_seed(0)
    data = MEAN + DEVIATION * noise(2000, 20, 2)
    losses = []
    for off in (0.0, 0.3):
        torch.manual_seed(1)
        losses.append(flow_matching_loss(lambda x, t, off=off: gaussian_velocity(x, t) + off, data).item())
    times = sample_times(200_000).double()
    variance = (DEVIATION**2 / ((1 - times) ** 2 + (times * DEVIATION) ** 2)).mean().item()
    assert losses[0] == pytest.approx(variance, rel=0.03)
    assert losses[1] - losses[0] == pytest.approx(0.09, rel=0.1)


def test_the_loss_ignores_padding():
    data = noise(3, 10, 4).float()
    keep = torch.ones(3, 10, dtype=torch.bool)
    keep[0, 7:], keep[2, 2:] = False, False

    def velocity(x, t):
        return torch.where(keep[..., None], 0.5 * x, 1e6)

    torch.manual_seed(0)
    masked = flow_matching_loss(velocity, data, keep)
    torch.manual_seed(0)
    x0 = torch.randn_like(data)
    t = sample_times(3)[:, None, None]
    squared = (0.5 * ((1 - t) * x0 + t * data) - (data - x0)).square()[keep]
    assert masked.item() == pytest.approx(squared.mean().item(), rel=1e-5)


def test_weights_say_what_the_error_of_each_latent_counts():
    data, weights = noise(3, 10, 4).float(), torch.tensor([0.0, 1.0, 0.0, 3.0])
    torch.manual_seed(0)
    weighed = flow_matching_loss(lambda x, t: 0.5 * x, data, weights=weights)
    torch.manual_seed(0)
    x0, t = torch.randn_like(data), sample_times(3)[:, None, None]
    squared = (0.5 * ((1 - t) * x0 + t * data) - (data - x0)).square()
    assert weighed.item() == pytest.approx((squared[..., 1].mean() + 3 * squared[..., 3].mean()).item() / 4, rel=1e-5)


def test_without_padding_every_frame_counts():
    data = noise(3, 10, 4).float()
    values = []
    for keep in (None, torch.ones(3, 10, dtype=torch.bool)):
        torch.manual_seed(0)
        values.append(flow_matching_loss(lambda x, t: x, data, keep).item())
    assert values[0] == pytest.approx(values[1], rel=1e-6)


def test_training_times_are_logit_normal():
    torch.manual_seed(0)
    times = sample_times(100_000)
    assert times.min() > 0
    assert times.max() < 1
    logits = torch.logit(times.double())
    assert logits.mean().item() == pytest.approx(0, abs=0.02)
    assert logits.std().item() == pytest.approx(1, abs=0.02)


# Strides ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strides", [1, 4])
def test_half_of_the_strides_begin_where_steps_do_and_end_where_the_next_begin(strides):
    torch.manual_seed(0)
    times = cosine_times(strides)
    drawn = stride_times(4000, strides)
    assert drawn.min() >= 0 and drawn.max() <= 1
    at = (drawn[:, None] - torch.tensor(times[:-1])).abs() < 1e-6
    assert at.any(dim=1).float().mean() == pytest.approx(0.5, abs=0.05)
    ends = stride_end(torch.tensor(times[:-1], dtype=torch.float64), strides)
    torch.testing.assert_close(ends, torch.tensor(times[1:], dtype=torch.float64))
    assert stride_end(torch.tensor([0.999]), strides).item() == pytest.approx(1.0)


def test_what_strides_are_learned_of_is_a_midpoint_step():
    torch.manual_seed(0)
    x1 = MEAN + DEVIATION * noise(64, 5, 3)

    def one_stride(x, t):  # for each item the mean velocity of its own midpoint step
        step = stride_end(t, 4) - t
        ends = [midpoint(gaussian_velocity, x[i : i + 1], t[i].item(), step[i].item()) for i in range(len(x))]
        return (torch.cat(ends) - x) / step[:, None, None]

    assert folding_loss(one_stride, gaussian_velocity, x1, strides=4).item() < 1e-9
    assert folding_loss(gaussian_velocity, gaussian_velocity, x1, strides=4).item() > 1e-3
