"""The velocity network: what a frame may see, what padding may do (nothing), and how it starts (knowing nothing)."""

import numpy as np
import pytest
import torch

from svs.attention import WindowedAttention, rotate
from svs.conditioning import GROUPS, Conditions
from svs.dit import DiT, DiTBlock, indifferent, time_features
from svs.layers import ConvNeXtBlock, pitch_features

PHONEMES, SPEAKERS, LATENTS = 12, 3, 5
EXACT = {"rtol": 1e-4, "atol": 1e-5}  # float32 after a few layers


@pytest.fixture(autouse=True)
def reproducible():
    torch.manual_seed(0)


def network(patch=1, awake=True, **sizes):
    """A small DiT; awake, its zero layers are random, as after training."""
    sizes = {"dim": 16, "depth": 2, "heads": 2, "window": 4, "conditioner_depth": 2, **sizes}
    made = DiT(PHONEMES, SPEAKERS, LATENTS, patch=patch, **sizes).eval()
    if awake:
        for parameter in made.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    return made


def conditions(*frames, length=None):
    """Random conditions of lines of so many frames, padded to length with what must not matter."""
    length = length or max(frames)
    batch = len(frames)
    return Conditions(
        phonemes=torch.randint(PHONEMES, (batch, length, 2)),
        neighbours=torch.randint(PHONEMES, (batch, length, 2)),
        stress=torch.randint(3, (batch, length)),
        position=torch.rand(batch, length, 6),
        cents=6000 + 1200 * torch.rand(batch, length, 2),
        voiced=torch.rand(batch, length, 2) > 0.3,
        speaker=torch.softmax(torch.randn(batch, 1, SPEAKERS), dim=-1).expand(-1, length, -1),
        keep=torch.arange(length)[None] < torch.tensor(frames)[:, None],
    )


def row(c, index, frames):
    """One line of a batch, without its padding."""
    return Conditions(**{name: value[index : index + 1, :frames] for name, value in vars(c).items()})


def velocity(dit, x, t, c, drop=None):
    with torch.no_grad():
        return dit(x, t, dit.condition(c, drop), c.keep)


# Attention --------------------------------------------------------------------------------------------------------


def dense_attention(module, x, keep):
    """The same attention over all pairs of frames at once, rotations as complex numbers."""
    batch, frames, dim = x.shape
    size = dim // module.heads
    q, k, v = module.project(x).reshape(batch, frames, 3, module.heads, size).permute(2, 0, 3, 1, 4)

    def turned(y, gain):
        y = y / (y.square().mean(dim=-1, keepdim=True) + torch.finfo(torch.float32).eps).sqrt() * gain
        turns = 1000.0 ** (-torch.arange(size // 2) / (size // 2))
        angle = torch.arange(frames)[:, None] * turns
        return torch.complex(y[..., : size // 2], y[..., size // 2 :]) * torch.polar(torch.ones_like(angle), angle)

    q, k = turned(q, module.query_norm.weight), turned(k, module.key_norm.weight)
    scores = (q @ k.conj().transpose(-1, -2)).real * size**-0.5
    distance = (torch.arange(frames)[:, None] - torch.arange(frames)[None]).abs()
    seen = (distance <= module.window) & keep[:, None, None]
    weights = torch.softmax(scores.masked_fill(~seen, -torch.inf), dim=-1).nan_to_num(0.0)
    return module.leave((weights @ v).transpose(1, 2).reshape(batch, frames, dim))


@pytest.mark.parametrize("window", [1, 3, 8])
@pytest.mark.parametrize("frames", [1, 7, 8, 9, 40])
def test_windowed_attention_is_dense_attention_under_a_band_mask(window, frames):
    module = WindowedAttention(16, 2, window)
    torch.nn.init.normal_(module.query_norm.weight, 1.0, 0.3)
    torch.nn.init.normal_(module.key_norm.weight, 1.0, 0.3)
    x, keep = torch.randn(3, frames, 16), torch.ones(3, frames, dtype=torch.bool)
    keep[1, frames // 2 + 1 :] = False
    keep[2, frames // 3] = frames < 3  # a hole
    with torch.no_grad():
        ours, theirs = module(x, keep), dense_attention(module, x, keep)
    sees = torch.nn.functional.max_pool1d(keep[:, None].float(), 2 * window + 1, 1, window)[:, 0] > 0
    assert sees.any(dim=1).all()
    torch.testing.assert_close(ours[sees], theirs[sees], **EXACT)
    assert torch.isfinite(ours).all()  # padding that sees nothing too


@pytest.mark.parametrize("window", [1, 5])
def test_attention_reaches_as_far_as_its_window_and_no_further(window):
    module = WindowedAttention(16, 2, window)
    x, keep = torch.randn(1, 30, 16, requires_grad=True), torch.ones(1, 30, dtype=torch.bool)
    for frame in (0, 4, 5, 13, 29):
        (slope,) = torch.autograd.grad(module(x, keep)[0, frame].square().sum(), x)
        seen = torch.nonzero(slope[0].abs().sum(dim=-1)).flatten().tolist()
        assert seen == list(range(max(0, frame - window), min(29, frame + window) + 1))


def test_rotations_make_scores_depend_on_distance_alone():
    q, k = torch.randn(2, 1, 1, 1, 16).unbind()
    scores = [
        [(rotate(q, torch.tensor([at])) * rotate(k, torch.tensor([at + gap]))).sum().item() for at in (0, 7, 900)]
        for gap in (-30, 0, 1, 64)
    ]
    for same in scores:
        assert same == pytest.approx([same[0]] * 3, abs=1e-3)
    assert scores[0][0] != pytest.approx(scores[3][0], abs=1e-2)
    torch.testing.assert_close(rotate(q, torch.tensor([0])), q)


def test_rotations_keep_length():
    x = torch.randn(2, 10, 3, 8)
    torch.testing.assert_close(rotate(x, torch.arange(10)).norm(dim=-1), x.norm(dim=-1), **EXACT)


# The whole --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("patch", [1, 2, 4])
def test_a_new_network_knows_nothing_but_that_latents_have_unit_variance(patch):
    x, t = torch.randn(1, 11, LATENTS), torch.rand(1)
    found = velocity(network(patch, awake=False), x, t, conditions(11))
    torch.testing.assert_close(found, indifferent(t) * x)


@pytest.mark.parametrize("t", [0.1, 0.5, 0.8])
def test_the_velocity_of_who_knows_nothing_is_the_regression_of_two_unit_gaussians(t):
    x0, x1 = np.random.default_rng(0).standard_normal((2, 400_000))
    x = (1 - t) * x0 + t * x1
    assert float(indifferent(torch.tensor(t))) == pytest.approx(np.sum((x1 - x0) * x) / np.sum(x * x), abs=0.01)


def test_a_new_block_leaves_its_input_as_it_is():
    block = DiTBlock(16, 2, 4, 4)
    x = torch.randn(2, 9, 16)
    with torch.no_grad():
        assert torch.equal(block(x, torch.zeros(2, 9, 96), torch.ones(2, 9, dtype=torch.bool)), x)


@pytest.mark.parametrize("patch", [1, 2, 4])
@pytest.mark.parametrize("frames", [1, 3, 8, 13, 37])
def test_lines_of_any_length_have_a_velocity_for_every_frame(patch, frames):
    made = velocity(network(patch), torch.randn(2, frames, LATENTS), torch.rand(2), conditions(frames, frames))
    assert made.shape == (2, frames, LATENTS)
    assert torch.isfinite(made).all()
    assert made.abs().min() > 0


@pytest.mark.parametrize("patch", [1, 2, 4])
def test_a_padded_batch_equals_singles(patch):
    lengths = (13, 8, 21)
    dit, c = network(patch), conditions(*lengths, length=24)
    x, t = torch.randn(3, 24, LATENTS), torch.rand(3)
    drop = torch.tensor([[True, False, False], [False, False, False], [False, True, True]])
    together = velocity(dit, x, t, c, drop)
    for index, frames in enumerate(lengths):
        one = slice(index, index + 1)
        alone = velocity(dit, x[one, :frames], t[one], row(c, index, frames), drop[one])
        torch.testing.assert_close(together[one, :frames], alone, **EXACT)


@pytest.mark.parametrize("patch", [1, 2])
def test_what_padding_holds_does_not_matter(patch):
    dit, c = network(patch), conditions(13, length=24)
    x, t = torch.randn(1, 24, LATENTS), torch.rand(1)
    before = velocity(dit, x, t, c)[:, :13]
    other = x.clone()
    other[:, 13:] = 1e3
    torch.testing.assert_close(velocity(dit, other, t, c)[:, :13], before, **EXACT)


@pytest.mark.parametrize("patch", [1, 2])
def test_a_frame_hears_of_others_only_within_the_sum_of_all_windows(patch):
    """So cost can grow linearly with the song, and stretches need little overlap."""
    dit, c = network(patch, depth=2, window=4), conditions(80)
    reach = patch * (2 * (4 + 2) + 1)  # each block: its window and a convolution of 2 to either side
    x = torch.randn(1, 80, LATENTS, requires_grad=True)
    (slope,) = torch.autograd.grad(dit(x, torch.tensor([0.3]), dit.condition(c), c.keep)[0, 40].square().sum(), x)
    seen = torch.nonzero(slope[0].abs().sum(dim=-1)).flatten()
    assert seen.min() >= 40 - reach
    assert seen.max() <= 40 + reach
    assert seen.max() - seen.min() > 2 * 4 * patch  # and the blocks do pass it on


def test_the_order_of_lines_in_a_batch_does_not_matter():
    dit, c = network(2), conditions(20, 20)
    x, t = torch.randn(2, 20, LATENTS), torch.rand(2)
    swapped = Conditions(**{name: value.flip(0) for name, value in vars(c).items()})
    torch.testing.assert_close(
        velocity(dit, x.flip(0), t.flip(0), swapped), velocity(dit, x, t, c).flip(0), **EXACT
    )


def test_the_conditions_of_each_frame_modulate_that_frame():
    """Per-frame AdaLN: a change of pitch in one place changes the velocity there and not far away."""
    dit, c = network(1, conditioner_depth=1), conditions(80)
    x, t = torch.randn(1, 80, LATENTS), torch.rand(1)
    before = velocity(dit, x, t, c)
    c.cents[0, 40] += 300
    change = (velocity(dit, x, t, c) - before).abs().sum(dim=-1)[0]
    assert change[40] > 1e-3
    assert change[:20].max() == change[60:].max() == 0


@pytest.mark.parametrize(
    ("group", "fields"),
    [
        ("lyrics", ("phonemes", "neighbours", "stress", "position")),
        ("pitch", ("cents", "voiced")),
        ("speaker", ("speaker",)),
    ],
)
def test_a_dropped_group_is_forgotten_and_no_other(group, fields):
    dit, one, two = network(), conditions(9, 9), conditions(9, 9)
    x, t = torch.randn(2, 9, LATENTS), torch.rand(2)
    drop = torch.zeros(2, 3, dtype=torch.bool)
    drop[0, GROUPS.index(group)] = True  # of the first line only
    mixed = Conditions(**{name: getattr(two if name in fields else one, name) for name in vars(one)})
    a, b = velocity(dit, x, t, one, drop), velocity(dit, x, t, mixed, drop)
    torch.testing.assert_close(a[0], b[0], rtol=0, atol=0)
    assert (a[1] - b[1]).abs().max() > 1e-3
    assert (velocity(dit, x, t, one)[0] - a[0]).abs().max() > 1e-3


def test_dropping_nothing_is_the_same_as_no_mask():
    dit, c = network(), conditions(9)
    torch.testing.assert_close(dit.condition(c, torch.zeros(1, 3, dtype=torch.bool)), dit.condition(c), rtol=0, atol=0)


# Features ---------------------------------------------------------------------------------------------------------


def test_flow_times_are_told_apart():
    features = time_features(torch.linspace(0, 1, 101), 64)
    assert features.shape == (101, 64)
    distance = torch.cdist(features, features) + 10 * torch.eye(101)
    assert distance.min() > 0.1


def test_pitch_features_tell_ten_cents_and_octaves_apart():
    cents = torch.arange(4000.0, 9000.0, 10.0)[None]
    features = pitch_features(cents, torch.ones_like(cents))[0]
    assert features.shape == (500, 10)
    apart = torch.cdist(features, features)
    assert torch.diagonal(apart, 1).min() > 0.02
    assert torch.diagonal(apart, 120).min() > 0.4  # octave
    voiceless = pitch_features(cents, torch.zeros_like(cents))[0]
    assert torch.all((voiceless != features).sum(dim=-1) == 1)


def test_a_convnext_block_starts_close_to_the_identity():
    x = torch.randn(2, 20, 16)
    with torch.no_grad():
        assert (ConvNeXtBlock(16)(x) - x).std() < 0.1 * x.std()
