"""Kinds of attention against their definitions, written as one matrix of who sees whom; padding is never looked at."""

import pytest
import torch

from svs.attention import ATTENTIONS, CrossAttention, attention_kind, rotate
from svs.dit import DiT

WINDOW, LAYERS = 3, 4
EXACT = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(autouse=True)
def reproducible():
    torch.manual_seed(0)


def made(name, layer=0, streams=1, heads=2):
    module = ATTENTIONS[name](16, heads, WINDOW, layer, streams).eval()
    torch.nn.init.normal_(module.query_norm.weight, 1.0, 0.3)
    torch.nn.init.normal_(module.key_norm.weight, 1.0, 0.3)
    return module


def padded(frames, *lengths):
    keep = torch.arange(frames)[None] < torch.tensor(lengths)[:, None]
    return torch.randn(len(lengths), frames, 16), keep


def by_definition(name, module, x, keep):
    """The output for all pairs of tokens at once; a token's frame is its number over `streams`."""
    q, k, v = module.queries_keys_values(x)
    at = torch.arange(x.shape[1]) // module.streams
    apart = (at[:, None] - at[None]).abs()
    step = 2**module.layer if name == "dilated" else 1
    seen = keep[:, None]
    if name in ("windowed", "dilated"):
        seen = seen & (apart <= WINDOW * step) & (apart % step == 0)
    turned_q, turned_k = rotate(q, at // step), rotate(k, at // step)
    if name == "linear":
        q, k = torch.nn.functional.elu(q) + 1, torch.nn.functional.elu(k) + 1
        above = torch.einsum("bqhd,bkhd->bhqk", rotate(q, at), rotate(k, at))
        weights = (
            above
            * keep[:, None, None]
            / (torch.einsum("bqhd,bkhd->bhqk", q, k) * keep[:, None, None]).sum(dim=-1, keepdim=True)
        )
    else:
        scores = torch.einsum("bqhd,bkhd->bhqk", turned_q, turned_k) * q.shape[-1] ** -0.5
        weights = scores.masked_fill(~seen[:, None], -torch.inf).softmax(dim=-1)
    return module.leave(torch.einsum("bhqk,bkhd->bqhd", weights, v).flatten(2))


@pytest.mark.parametrize("layer", range(LAYERS))
@pytest.mark.parametrize("name", ATTENTIONS)
@pytest.mark.parametrize("frames", [1, 7, 26, 61])
def test_every_kind_is_what_it_is_defined_to_be(name, layer, frames):
    module = made(name, layer)
    x, keep = padded(frames, frames, -(-frames // 2))
    with torch.no_grad():
        found, wanted = module(x, keep), by_definition(name, module, x, keep)
    torch.testing.assert_close(found[keep], wanted[keep], **EXACT)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("name", ATTENTIONS)
def test_two_streams_share_the_places_of_their_frames(name, layer):
    module = made(name, layer, streams=2)
    x, keep = padded(2 * 12, 2 * 12, 2 * 7)
    with torch.no_grad():
        found = module.leave(module.attend(*module.queries_keys_values(x), keep).flatten(2))
        wanted = by_definition(name, module, x, keep)
    torch.testing.assert_close(found[keep], wanted[keep], **EXACT)


@pytest.mark.parametrize("layer", [0, 3])
@pytest.mark.parametrize("name", ATTENTIONS)
def test_what_padding_holds_never_shows(name, layer):
    module = made(name, layer)
    x, keep = padded(40, 40, 23)
    other = x.clone()
    other[1, 23:] = 1e4
    with torch.no_grad():
        assert torch.equal(module(x, keep)[keep], module(other, keep)[keep])


@pytest.mark.parametrize(("name", "reach"), [("windowed", 3), ("dilated", 24), ("full", 99), ("linear", 99)])
def test_how_far_a_frame_sees_in_the_fourth_layer(name, reach):
    module = made(name, 3)
    x, keep = torch.randn(1, 100, 16, requires_grad=True), torch.ones(1, 100, dtype=torch.bool)
    (slope,) = torch.autograd.grad(module(x, keep)[0, 50].square().sum(), x)
    seen = torch.nonzero(slope[0].abs().sum(dim=-1)).flatten()
    assert (seen - 50).abs().max() == min(reach, 50)
    if name == "dilated":
        assert set((seen - 50).tolist()) == set(range(-24, 25, 8))  # as many as the window has


def test_frames_find_their_own_condition_in_the_sequence():
    module = CrossAttention(16, 8, 2)
    x, keep = padded(20, 20, 11)
    condition = torch.randn(2, 20, 8)
    other = condition.clone()
    other[1, 11:] = 1e4
    with torch.no_grad():
        found = module(x, condition, keep)
        assert torch.equal(found, module(x, other, keep))
        q = rotate(module.query_norm(module.query(x).unflatten(-1, (2, -1))), torch.arange(20))
        k, v = module.key_value(condition).unflatten(-1, (2, 2, -1)).unbind(2)
        scores = torch.einsum("bqhd,bkhd->bhqk", q, rotate(module.key_norm(k), torch.arange(20))) * 8**-0.5
        weights = scores.masked_fill(~keep[:, None, None], -torch.inf).softmax(dim=-1)
        wanted = module.leave(torch.einsum("bhqk,bkhd->bqhd", weights, v).flatten(2))
    torch.testing.assert_close(found, wanted, **EXACT)


def test_linear_attention_in_bfloat16_keeps_its_sums_in_float32():
    module = made("linear")
    x, keep = padded(400, 400)
    with torch.no_grad():
        exact = module(x, keep)
        with torch.autocast("cpu", torch.bfloat16):
            rough = module(x, keep)
    assert (rough.float() - exact).std() < 0.02 * exact.std()


def test_an_unknown_kind_is_told():
    with pytest.raises(ValueError, match="attention is 'sparse'; choose one of windowed, full, dilated, linear"):
        attention_kind("sparse")


def test_old_weights_of_a_network_are_windowed():
    sizes = {"dim": 16, "depth": 1, "heads": 2, "window": 4, "conditioner_depth": 1}
    assert "attention" not in DiT(5, 2, 3, **sizes).sizes  # a missing choice is the default
    names = {name: set(DiT(5, 2, 3, **sizes, attention=name).state_dict()) for name in ATTENTIONS}
    assert all(found == names["windowed"] for found in names.values())
