"""Objectives and samplers on data that are known whole: a Gaussian, whose best predictor has a closed form."""

import math
import sys

import pytest
import torch

from svs.flow import cosine_times
from svs.networks import build
from svs.objectives import OBJECTIVES, objective_of
from svs.samplers import SAMPLERS, check_pair, draw

MEAN, DEVIATION = torch.tensor([[1.5, -0.5], [0.4, 1.3]], dtype=torch.float64)  # of two dimensions
PAIRS = [(o, s) for o in OBJECTIVES for s in SAMPLERS if (o, s) != ("velocity", "ddim")]
ORDERS = {"euler": 1, "midpoint": 2, "heun": 2, "ddim": 1, "dpm++": 2}


@pytest.fixture(autouse=True)
def library(request):
    if "dpm++" in str(getattr(request.node, "callspec", "")):
        pytest.importorskip("diffusers", reason="of pip install -e .[bench]")


def best(objective):
    """What the best network of an objective says: E[answer | x_t], by conditioning one Gaussian on another."""
    aim = objective_of(objective)

    def predict(x, t):
        t = t[:, None, None].double()
        alpha, sigma = aim.alpha(t), aim.sigma(t)
        spread = (alpha * DEVIATION) ** 2 + sigma**2
        off = x - alpha * MEAN
        data, noise = MEAN + alpha * DEVIATION**2 / spread * off, sigma / spread * off
        return {"velocity": data - noise, "noise": noise, "clean": data}[objective].to(x.dtype)

    return predict


def noise(lines=4, frames=5000):
    return torch.randn(lines, frames, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def exact(objective, start):
    """Where the path from a point ends: it stands at the same deviation from the mean all along."""
    aim = objective_of(objective)
    t = torch.tensor(aim.first, dtype=torch.float64)
    spread = ((aim.alpha(t) * DEVIATION) ** 2 + aim.sigma(t) ** 2).sqrt()
    return MEAN + DEVIATION * (start - aim.alpha(t) * MEAN) / spread


@pytest.mark.parametrize(("objective", "sampler"), PAIRS)
def test_noise_becomes_data_of_the_right_mean_and_deviation(objective, sampler):
    made = draw(best(objective), noise(), 50, sampler, objective)
    assert made.mean(dim=(0, 1)).tolist() == pytest.approx(MEAN.tolist(), abs=0.03)
    assert made.std(dim=(0, 1)).tolist() == pytest.approx(DEVIATION.tolist(), rel=0.04)


@pytest.mark.parametrize(("objective", "sampler"), PAIRS)
def test_the_error_falls_with_the_order_of_the_sampler(objective, sampler):
    start = noise(1, 200)
    coarse, fine = (5, 80) if sampler == "dpm++" else (32, 64)  # the library's grid gives it by and by
    wanted = exact("clean" if sampler == "dpm++" else objective, start)  # it begins on the cosine path in any case
    drawn = [draw(best(objective), start, steps, sampler, objective) for steps in (coarse, fine)]
    errors = [(made - wanted).abs().mean().item() for made in drawn]
    assert errors[1] < 0.02
    order = math.log2(errors[0] / errors[1]) / math.log2(fine / coarse)
    assert order > ORDERS[sampler] - 0.25  # midpoint gains one on straight paths of Gaussians


def test_ddim_of_noise_and_of_clean_estimates_is_one_sampler():
    start = noise(1, 100)
    ours, theirs = (draw(best(name), start, 12, "ddim", name) for name in ("noise", "clean"))
    torch.testing.assert_close(ours, theirs)


def test_ddim_makes_the_steps_of_its_paper():
    start = noise(1, 10)
    x, aim = start, objective_of("noise")
    for t, later in zip(cosine_times(5, aim.first), cosine_times(5, aim.first)[1:], strict=False):
        angle, then = 0.5 * math.pi * t, 0.5 * math.pi * later
        said = best("noise")(x, torch.tensor([t]))
        x = math.sin(then) * (x - math.cos(angle) * said) / math.sin(angle) + math.cos(then) * said  # Song et al., (12)
    torch.testing.assert_close(draw(best("noise"), start, 5, "ddim", "noise"), x)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
def test_answers_say_where_the_noise_and_the_data_are(objective, t):
    aim, at = objective_of(objective), torch.tensor(t, dtype=torch.float64)
    x0, x1 = noise(2, 10).unbind()
    x = aim.alpha(at) * x1 + aim.sigma(at) * x0
    answer = {"velocity": x1 - x0, "noise": x0, "clean": x1}[objective]
    torch.testing.assert_close(aim.clean(answer, x, at), x1)
    torch.testing.assert_close(aim.noise(answer, x, at), x0)
    slope = [aim.alpha(at + d) * x1 + aim.sigma(at + d) * x0 for d in (1e-5, -1e-5)]
    torch.testing.assert_close(aim.velocity(answer, x, at), (slope[0] - slope[1]) / 2e-5, rtol=1e-5, atol=1e-5)
    assert aim.time(float(aim.alpha(at) / aim.sigma(at))) == pytest.approx(t)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("t", [0.1, 0.5, 0.8])
def test_who_knows_nothing_answers_by_the_regression_of_two_unit_gaussians(objective, t):
    aim, at = objective_of(objective), torch.tensor(t, dtype=torch.float64)
    x0, x1 = torch.randn(2, 400_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = aim.alpha(at) * x1 + aim.sigma(at) * x0
    answer = {"velocity": x1 - x0, "noise": x0, "clean": x1}[objective]
    assert float(aim.indifferent(at)) == pytest.approx(float((answer * x).sum() / (x * x).sum()), abs=0.01)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_network_has_a_smaller_loss_than_the_best(objective):
    data = MEAN + DEVIATION * noise(2000, 3)
    aim = objective_of(objective)

    def loss(predict):
        torch.manual_seed(1)
        return aim.loss(predict, data).item()

    least = loss(best(objective))
    for off in (-0.1, 0.1):
        assert loss(lambda x, t, off=off: best(objective)(x, t) + off) > least
        assert loss(lambda x, t, off=off: best(objective)(x, t) * (1 + off)) > least


def test_padding_and_weights_of_dimensions_count_as_they_say():
    data, keep = noise(3, 4), torch.tensor([[True] * 4, [True, False, False, False], [True, True, False, False]])
    for objective in OBJECTIVES.values():
        torch.manual_seed(0)
        loss = objective.loss(lambda x, t: torch.where(keep[..., None], x, 1e3), data, keep, torch.tensor([1.0, 0.0]))
        torch.manual_seed(0)
        other = data.clone()
        other[..., 1] += 1e3  # counts nothing
        again = objective.loss(lambda x, t: x, other, keep, torch.tensor([1.0, 0.0]))
        assert loss.item() == pytest.approx(again.item(), rel=1e-6)


def test_errors_of_clean_estimates_count_as_the_noise_leaves_something_to_say():
    weight = OBJECTIVES["clean"].weight(torch.tensor([0.0, 0.5, 0.99]))
    assert weight.tolist() == pytest.approx([0.0, 1.0, 5.0])


@pytest.mark.parametrize(
    ("sampler", "objective", "steps", "message"),
    [
        ("rk45", "velocity", 4, "sampler is 'rk45'; choose euler, midpoint, heun, ddim or dpm"),
        ("euler", "score", 4, "objective is 'score'; choose one of velocity, noise, clean"),
        ("ddim", "velocity", 4, "ddim is for networks that predict noise or clean latents; of a velocity it is euler"),
        ("dpm++", "noise", 1000, "at most 250 steps, not 1000; choose fewer, or heun"),
        ("ddim", "noise", 0, "0 steps; at least 1 is needed"),
        ("heun", "noise", 0, "0 steps; at least 1 is needed"),
    ],
)
def test_pairs_that_do_not_fit_are_told_in_a_line(sampler, objective, steps, message):
    with pytest.raises(ValueError, match=message) as caught:
        draw(lambda x, t: x, torch.zeros(1, 1, 1), steps, sampler, objective)
    assert "\n" not in str(caught.value)


def test_where_the_library_is_absent_that_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)  # as Python marks what cannot be imported
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'svs\[bench\]', or choose heun"):
        check_pair("dpm++", "noise")


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_new_network_answers_as_who_knows_nothing(objective):
    torch.manual_seed(0)
    sizes = {"latent_dim": 4, "dim": 8, "depth": 1, "heads": 2, "window": 2, "conditioner_depth": 1}
    network = build(phonemes=3, speakers=1, **sizes, objective=objective)
    x, t, keep = torch.randn(1, 6, 4), torch.tensor([0.3]), torch.ones(1, 6, dtype=torch.bool)
    with torch.no_grad():
        said = network(x, t, torch.randn(1, 6, 8), keep)
    torch.testing.assert_close(said, objective_of(objective).indifferent(t) * x)
    assert network.sizes.get("objective", "velocity") == objective
