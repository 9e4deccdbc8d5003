"""Every two of backbone, attention and conditioning together: one contract, and each of them learns to sing."""

import pytest
import torch
from test_dit import LATENTS, PHONEMES, SPEAKERS, conditions, row
from tiny_voices import ACOUSTIC, SINGERS, write_voice

from svs.attention import ATTENTIONS
from svs.networks import NETWORKS, build
from svs.objectives import OBJECTIVES
from svs.samplers import draw
from svs.voice import VoiceError, load_acoustic, save_acoustic

ALL = [
    (backbone, attention, conditioning)
    for backbone, network in NETWORKS.items()
    for attention in ATTENTIONS
    for conditioning in network.conditionings
]
FRAMES, STEPS = 20, 60
EXACT = {"rtol": 1e-4, "atol": 1e-5}


def made(backbone, attention, conditioning, awake=True, **sizes):
    """A small network; awake, its zero layers are random, as after training."""
    torch.manual_seed(0)
    sizes = {"dim": 16, "depth": 2, "heads": 2, "window": 3, "conditioner_depth": 1, "patch": 2, **sizes}
    network = build(
        backbone,
        phonemes=PHONEMES,
        speakers=SPEAKERS,
        latent_dim=LATENTS,
        attention=attention,
        conditioning=conditioning,
        **sizes,
    ).eval()
    if awake:
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    return network


def answer(network, x, t, c, drop=None):
    with torch.no_grad():
        return network(x, t, network.condition(c, drop), c.keep)


def phrase():
    torch.manual_seed(3)
    return conditions(FRAMES), torch.randn(1, FRAMES, LATENTS)


def learn(network, steps, objective="velocity", learning_rate=1e-2):
    """Train on one phrase; the losses."""
    (c, latents), losses = phrase(), []
    optimiser = torch.optim.Adam(network.parameters(), learning_rate, betas=(0.9, 0.98))
    for step in range(steps):
        torch.manual_seed(step)
        condition = network.condition(c).expand(8, -1, -1)
        keep = c.keep.expand(8, -1)
        loss = OBJECTIVES[objective].loss(
            lambda x, t, condition=condition, keep=keep: network(x, t, condition, keep), latents.expand(8, -1, -1), keep
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def pairs(choices):
    """All that two of the parts of some choices are together."""
    return {((i, choice[i]), (j, choice[j])) for choice in choices for i in range(3) for j in range(i)}


def pairwise(choices):
    """Some of the choices that hold every pair of parts that all of them hold."""
    taken, left = [], pairs(choices)
    while left:
        best = max(choices, key=lambda choice: len(pairs([choice]) & left))
        taken.append(best)
        left -= pairs([best])
    return taken


@pytest.mark.parametrize(("backbone", "attention", "conditioning"), pairwise(ALL))
def test_every_choice_overfits_one_phrase_with_no_leak_from_padding_and_the_same_bytes_twice(
    backbone, attention, conditioning, tmp_path
):
    choice = (backbone, attention, conditioning)
    # it learns the phrase, and its parts all move
    network = made(*choice, awake=False)
    before = {name: value.clone() for name, value in network.named_parameters()}
    losses = learn(network, STEPS)
    assert sum(losses[-5:]) < 0.65 * sum(losses[:5])
    still = [name for name, value in network.named_parameters() if torch.equal(value, before[name])]
    assert still == ["conditioner.absent"]  # nothing was dropped
    # what it learned is the same when it learns again
    again = made(*choice, awake=False)
    assert learn(again, 3) == losses[:3]
    # and the same from a file
    save_acoustic(network, tmp_path / "acoustic.safetensors")
    loaded = load_acoustic(tmp_path / "acoustic.safetensors")
    assert type(loaded) is NETWORKS[backbone] and loaded.sizes == network.sizes
    c, latents = phrase()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half())
    t = torch.tensor([0.4])
    assert torch.equal(answer(loaded, latents, t, c), answer(network, latents, t, c))
    # lines beside it, and what stands in their padding, are nothing to a line
    lengths = (13, 8, 21)
    network, c = made(*choice), conditions(*lengths, length=24)
    x, t = torch.randn(3, 24, LATENTS), torch.rand(3)
    together = answer(network, x, t, c)
    other = torch.where(c.keep[..., None], x, 1e4)
    assert torch.equal(answer(network, other, t, c)[c.keep], together[c.keep])
    for index, frames in enumerate(lengths):
        one = slice(index, index + 1)
        alone = answer(network, x[one, :frames], t[one], row(c, index, frames))
        torch.testing.assert_close(together[one, :frames], alone, **EXACT)
    # a group that is dropped is forgotten
    drop = torch.ones(3, 3, dtype=torch.bool)
    stranger = conditions(*lengths, length=24)
    torch.testing.assert_close(answer(network, x, t, c, drop)[c.keep], answer(network, x, t, stranger, drop)[c.keep])


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("conditioning", ["adaln", "cross", "add"])
@pytest.mark.parametrize("sizes", [{}, {"dim": 64, "depth": 6, "heads": 4}, {"dim": 32, "depth": 12, "expansion": 2}])
def test_the_unet_has_the_weights_of_the_dit_within_ten_per_cent(attention, conditioning, sizes):
    with torch.device("meta"):  # weights are counted only
        dit, unet = (made(name, attention, conditioning, awake=False, **sizes) for name in ("dit", "unet"))
    ours, theirs = (sum(p.numel() for p in network.parameters()) for network in (unet, dit))
    assert ours == pytest.approx(theirs, rel=0.1)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_phrase_that_was_learned_by_any_objective_is_drawn_from_noise(objective):
    network = made("dit", "windowed", "adaln", awake=False, objective=objective)
    learn(network, 120, objective, learning_rate=2e-2)
    c, latents = phrase()
    condition = network.condition(c)
    with torch.no_grad():
        drawn = draw(lambda x, t: network(x, t, condition, c.keep), torch.randn_like(latents), 16, "heun", objective)
    assert (drawn - latents).square().mean() < 0.12  # of latents of variance 1


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (("gru", "full", None), "backbone is 'gru'; choose one of dit, unet, joint"),
        (("dit", "sparse", None), "attention is 'sparse'; choose one of windowed"),
        (("unet", "sparse", None), "attention is 'sparse'; choose one of windowed"),
        (("dit", "full", "film"), "conditioning is 'film'; dit takes conditions by adaln or cross or add"),
        (("joint", "full", "adaln"), "conditioning is 'adaln'; joint takes conditions by joint"),
    ],
)
def test_a_choice_that_does_not_exist_is_told(choice, message):
    with pytest.raises(ValueError, match=message):
        made(*choice)


# Voices ------------------------------------------------------------------------------------------------------------


def voice_of(folder, **choices):
    path = write_voice(folder)
    torch.manual_seed(0)
    network = build(phonemes=len(_symbols(path)), speakers=len(SINGERS), **ACOUSTIC, **choices)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    save_acoustic(network, path / "acoustic.safetensors")
    return path


def _symbols(path):
    import json

    return json.loads((path / "voice.json").read_text())["phonemes"]


@pytest.mark.parametrize(
    "choices",
    [
        {"backbone": "unet", "attention": "linear", "conditioning": "cross"},
        {"backbone": "joint", "attention": "dilated", "objective": "noise"},
        {"conditioning": "add", "objective": "clean"},
    ],
)
def test_a_voice_of_any_network_sings_twice_alike(line, choices, tmp_path):
    from svs.pitch import exact
    from svs.rendering import render
    from svs.timing import delay, place
    from svs.voice import Voice

    voice = Voice.load(voice_of(tmp_path / "v", **choices))
    notes = delay(line)
    spans = place(notes, voice.durations(None))
    curve = exact(notes, spans)
    one, two = (render(notes, spans, curve, voice, steps=2) for _ in range(2))
    assert one.samples.tobytes() == two.samples.tobytes()
    assert abs(one.samples).max() > 0.001


def test_a_sampler_that_does_not_fit_the_network_is_told(tmp_path):
    from svs.rendering import Sampling
    from svs.voice import Voice

    path = voice_of(tmp_path / "v")
    with pytest.raises(ValueError, match="ddim is for networks that predict noise"):
        Sampling.of(Voice.load(path), 0, None, None, "ddim")
    facts = (path / "voice.json").read_text()
    (path / "voice.json").write_text(facts.replace('"name"', '"sampler": "ddim", "name"'))
    with pytest.raises(VoiceError, match=r"voice.json and acoustic.safetensors do not fit: sampler ddim"):
        Voice.load(path)
