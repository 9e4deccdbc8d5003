"""Training: losses fall, only what should move moves, and a run that was killed ends where it would have ended."""

import copy
from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging
from tiny_corpus import ACOUSTIC, CODEC, HELDOUT, TABLES, fit

from svs.batches import AcousticBatches, CodecBatches, TimingBatches
from svs.checkpoints import RunCheckpoint, batches_done
from svs.training import AcousticTraining, CodecTraining, TimingTraining, TrainingError, cosine_with_warmup, main

BATCHES = 7  # of a whole run
KILLED_IN = 5  # the batch in which it is killed
EVERY = 2

ADVERSARIAL = {"adversarial_from": 3, "discriminator_channels": 2}


def codec(steps=BATCHES, **options):
    torch.manual_seed(1)
    return CodecTraining(steps, **CODEC, **options)


def acoustic(steps=BATCHES, **options):
    torch.manual_seed(1)
    return AcousticTraining(steps, **TABLES, **ACOUSTIC, **options)


def timing(steps=BATCHES, **options):
    torch.manual_seed(1)
    return TimingTraining(steps, **TABLES, hidden=8, **options)


@pytest.fixture
def codec_batches(features):
    return lambda **options: CodecBatches(
        str(features), {"synthetic": 1.0}, HELDOUT, **{"batch_size": 2, "frames": 20, **options}
    )


@pytest.fixture
def acoustic_batches(features):
    return lambda **options: AcousticBatches(
        str(features), {"synthetic": 1.0}, **TABLES, heldout=HELDOUT, batch_size=4, frames=40, **options
    )


@pytest.fixture
def timing_batches(features):
    return lambda **options: TimingBatches(
        str(features), ["synthetic"], **TABLES, heldout=HELDOUT, batch_size=32, **options
    )


class Losses(Callback):
    """Keeps a logged figure of every batch."""

    def __init__(self, name):
        self.name, self.values = name, []

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.values.append(float(trainer.callback_metrics[self.name]))


def one_batch(data):
    """The data module with its first batch for every other."""
    data.setup()
    first = data.batch(0)
    data.batch = lambda number: first
    return data


# Losses fall -------------------------------------------------------------------------------------------------------


def test_the_codec_learns_to_copy_one_batch(codec_batches):
    losses = Losses("codec/total")
    fit(codec(40, learning_rate=3e-2), one_batch(codec_batches()), 40, losses)
    assert sum(losses.values[-5:]) < 0.75 * sum(losses.values[:5])  # it begins with copies that are not bad


def test_the_acoustic_model_learns_one_batch(acoustic_batches):
    losses = Losses("acoustic/loss")
    fit(acoustic(80, learning_rate=3e-3), one_batch(acoustic_batches()), 80, losses)
    assert sum(losses.values[-20:]) < 0.75 * sum(losses.values[:20])


@pytest.fixture
def begun(acoustic_batches, tmp_path):
    """Trains a model for so many batches; returns it and where its weights are."""
    from svs.voice import save_acoustic

    def begin(steps):
        learned = acoustic(steps, learning_rate=3e-3)
        fit(learned, acoustic_batches(), steps)
        save_acoustic(learned.network, tmp_path / "acoustic.safetensors")
        return learned, tmp_path / "acoustic.safetensors"

    return begin


def test_guidance_is_folded_into_the_weights(acoustic_batches, begun):
    """After folding, one evaluation gives what two with guidance gave before."""
    _, start = begun(120)
    folding = acoustic(60, learning_rate=1e-3, start=str(start), fold=3.0, bfloat16=False)
    losses = Losses("acoustic/loss")
    fit(folding, one_batch(acoustic_batches()), 60, losses)
    assert sum(losses.values[-10:]) < 0.5 * sum(losses.values[:10])
    assert not any("guide" in name for name in folding.state_dict())


def test_as_many_steps_of_euler_do_what_those_of_midpoint_did(acoustic_batches, begun):
    from svs.samplers import draw

    learned, start = begun(120)
    quick = acoustic(150, learning_rate=1e-3, start=str(start), strides=2, bfloat16=False)
    fit(quick, acoustic_batches(), 150)
    data = acoustic_batches()
    data.setup()
    conditions, latents = data.batch(1000)
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0))

    def drawn(network, sampler):
        network = network.eval()
        with torch.inference_mode():
            known = network.condition(conditions)
            found = draw(lambda x, t: network(x, t, known, conditions.keep), noise, 2, sampler)
        return found[conditions.keep]

    wanted = drawn(learned.network, "midpoint")
    error = (drawn(quick.network, "euler") - wanted).square().mean()
    assert error < 0.6 * (drawn(learned.network, "euler") - wanted).square().mean()


def test_folding_wants_a_network_to_begin_from():
    for asked in ({"fold": 1.5}, {"strides": 4}):
        with pytest.raises(ValueError, match="start"):
            acoustic(**asked)
    with pytest.raises(ValueError, match="fold: mood none of the conditions"):
        acoustic(fold={"mood": 2.0})


def test_names_are_lent_for_folding_only(acoustic_batches):
    with pytest.raises(ValueError, match="lent: .* goes with fold or strides only"):
        fit(acoustic(), acoustic_batches(lent={"tin": 0.5}), 1)


def test_each_singer_has_a_scale_of_their_own_to_fold(acoustic_batches, begun):
    learned, start = begun(60)
    data = acoustic_batches()
    data.setup()
    conditions, latents = data.batch(0)
    kept = torch.zeros(len(latents), 3, dtype=torch.bool)
    noise, times = torch.randn_like(latents), torch.full((len(latents),), 0.5)
    names = learned.hparams.speakers
    goals = []
    with torch.no_grad():
        for of in (None, {names[0]: 4.0}, dict.fromkeys(names, 2.0)):
            folding = acoustic(start=str(start), fold=2.0, fold_of=of, bfloat16=False)
            goals.append(folding._guided(conditions, kept)(noise, times))
    assert torch.equal(goals[0], goals[2])
    theirs = conditions.speaker[:, 0, 0] == 1  # in their first frame, as in all
    assert theirs.any() and (goals[0] != goals[1])[theirs].any() and torch.equal(goals[0][~theirs], goals[1][~theirs])
    both = acoustic(start=str(start), fold={"lyrics": 2.0, "speaker": 3.0}, bfloat16=False)
    with torch.no_grad():
        found = both._guided(conditions, kept)(noise, times)
        bare = torch.tensor([[name == "speaker" for name in both.names]]).expand(len(noise), -1)
        network = learned.network.eval()
        full, without = (network(noise, times, network.condition(conditions, d), conditions.keep) for d in (kept, bare))
    torch.testing.assert_close(found - goals[0], 2.0 * (full - without), atol=2e-3, rtol=1e-2)  # fp16 weights
    with pytest.raises(ValueError, match="fold_of: no such speaker nobody"):
        acoustic(start=str(start), fold=2.0, fold_of={"nobody": 2.0})


def test_consonants_get_the_durations_that_were_seen(timing_batches):
    losses = Losses("timing/error")
    fit(timing(80, learning_rate=2e-2), one_batch(timing_batches()), 80, losses)
    assert losses.values[-1] < 0.25 * losses.values[0]
    assert losses.values[-1] < 0.1  # a tenth of a duration


def test_the_learning_rate_rises_and_falls():
    rates = [cosine_with_warmup(step, 10, 110) for step in range(120)]
    assert rates[0] == 0.1 and rates[9] == rates[10] == 1.0
    assert rates[60] == pytest.approx(0.515)  # half way down to the floor of 0.03
    assert min(rates[110:]) == max(rates[110:]) == pytest.approx(0.03)


# What moves --------------------------------------------------------------------------------------------------------


def moved(before, module, prefix):
    """Whether any, and whether all tensors below a name have changed."""
    after = module.state_dict()
    changed = [not torch.equal(before[name], after[name]) for name in before if name.startswith(prefix)]
    assert changed, prefix
    return any(changed), all(changed)


def test_the_encoder_is_fitted_before_the_first_batch_and_stays_while_the_decoder_learns(codec_batches):
    module = codec(3)
    fit(module, codec_batches(), 1)
    assert module.network.encoder.fitted
    before = copy.deepcopy(module.state_dict())
    fit(module, codec_batches(), 3)
    assert moved(before, module, "network.encoder") == (False, False)
    assert moved(before, module, "network.decoder") == (True, True)


def test_the_judges_rest_until_the_adversarial_phase(codec_batches):
    module = codec(4, adversarial_from=3, discriminator_channels=2)
    before = copy.deepcopy(module.state_dict())
    fit(module, codec_batches(), 3)
    assert moved(before, module, "judges")[0] is False
    module = codec(4, adversarial_from=3, discriminator_channels=2)
    fit(module, codec_batches(), 4)
    assert moved(before, module, "judges.judges.0") == (True, True)  # batch 3 is judged by the first of three
    assert moved(before, module, "judges.judges.1")[0] is False
    assert all(parameter.requires_grad for parameter in module.judges.parameters())


def test_a_codec_begins_from_the_weights_it_is_given(codec_batches, tmp_path):
    from svs.codec import load_network, save_network

    save_network(codec().network, tmp_path / "codec.safetensors")
    torch.manual_seed(7)
    module = CodecTraining(1, **CODEC, start=str(tmp_path / "codec.safetensors"))
    wanted = load_network(tmp_path / "codec.safetensors").state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in module.network.state_dict().items())


# Exact resume ------------------------------------------------------------------------------------------------------


class Killed(Exception):
    pass


class Kill(Callback):
    """Ends the process of training in the middle of a batch, as far as a test can."""

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        if batches_done(trainer) == KILLED_IN:
            raise Killed


RUNS = {
    "codec": (lambda: codec(bfloat16=False), "codec_batches", []),
    "codec, adversarial, bfloat16": (lambda: codec(bfloat16=True, **ADVERSARIAL), "codec_batches", []),
    "timing": (timing, "timing_batches", []),
    "acoustic, averaged": (acoustic, "acoustic_batches", [lambda: EMAWeightAveraging(decay=0.9)]),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(name, request, tmp_path):
    make, batches, callbacks = RUNS[name]
    batches = request.getfixturevalue(batches)

    def train(folder, *more, resume=None):
        run = [callback() for callback in callbacks]
        fit(make(), batches(), BATCHES, *run, RunCheckpoint(str(tmp_path / folder), EVERY), *more, resume=resume)

    train("whole")
    with pytest.raises(Killed):
        train("killed", Kill())
    assert not (tmp_path / "killed/trained.ckpt").exists()
    assert stored(tmp_path / "killed/last.ckpt")["batches_seen"] == 4
    train("killed", resume=tmp_path / "killed/last.ckpt")
    assert not (tmp_path / "killed/last.ckpt").exists()
    whole, resumed = stored(tmp_path / "whole/trained.ckpt"), stored(tmp_path / "killed/trained.ckpt")
    assert whole["batches_seen"] == resumed["batches_seen"] == BATCHES
    for part in ("state_dict", "current_model_state", "averaging_state", "optimizer_states", "lr_schedulers"):
        assert same(whole.get(part), resumed.get(part)), part
    if callbacks:
        assert not same(whole["state_dict"], whole["current_model_state"])  # the average is not the last


@pytest.mark.parametrize("asked", [None, False, True])
def test_matrix_products_are_in_bfloat16_where_the_processor_multiplies_it_unless_told(asked, monkeypatch):
    for here in (False, True):
        monkeypatch.setattr("svs.training.multiplies_bfloat16", lambda kind, here=here: here)
        with codec(bfloat16=asked).autocast():
            product = torch.ones(2, 2) @ torch.ones(2, 2)
        assert (product.dtype == torch.bfloat16) == (here if asked is None else asked)


def stored(path):
    return torch.load(path, weights_only=True)


def same(one, other) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_another_seed_gives_other_weights(timing_batches):
    ends = []
    for seed in (0, 0, 1):
        module = timing(3)
        fit(module, timing_batches(seed=seed), 3)
        ends.append(module.state_dict())
    assert same(ends[0], ends[1]) and not same(ends[0], ends[2])


def test_checkpoints_want_at_least_a_batch_between_them(tmp_path):
    with pytest.raises(ValueError, match="every is 0; at least 1 batch is wanted"):
        RunCheckpoint(str(tmp_path), 0)


# Choices -----------------------------------------------------------------------------------------------------------


def test_a_joint_network_learns_clean_latents_by_the_same_trainer(acoustic_batches):
    losses = Losses("acoustic/loss")
    module = acoustic(40, learning_rate=1e-2, backbone="joint", attention="dilated", objective="clean")
    fit(module, one_batch(acoustic_batches()), 40, losses)
    assert sum(losses.values[-10:]) < 0.8 * sum(losses.values[:10])
    assert module.network.sizes["backbone"] == "joint"


def test_weights_of_another_objective_are_no_beginning(tmp_path):
    from svs.voice import save_acoustic

    start = tmp_path / "acoustic.safetensors"
    save_acoustic(acoustic(objective="noise").network, start)
    with pytest.raises(ValueError, match=r"acoustic.safetensors predicts noise, this run is to predict velocity"):
        acoustic(start=str(start))
    with pytest.raises(ValueError, match="fold, strides: are for networks that predict velocity, not noise"):
        acoustic(start=str(start), objective="noise", fold=1.5)


TIMING = (Path(__file__).parent.parent / "recipes/tiny/timing.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("config", "options", "message"),
    [
        ("model: [", [], "Problems parsing config: while parsing a flow node"),
        ("colour: blue", [], "does not accept option 'colour'"),
        ("model: {class_path: svs.training.Nope}", [], "'svs.training.Nope': module 'svs.training' has no attribute 'Nope'"),
        (" \n", [], "holds nothing; model, data and trainer are wanted"),
        (TIMING, ["--model.learning_rate=-1"], "model.learning_rate is -1; a number above 0 is wanted"),
        (TIMING, ["--data.batch_size=0"], "data.batch_size is 0; a number above 0 is wanted"),
        (TIMING, ["--trainer.accelerator=abacus"], "abacus"),
        (TIMING, ["--trainer.speed=3"], "unrecognized arguments: --trainer.speed=3"),
        (TIMING, ["--model.steps=many"], "Parser key \"steps\": Expected a <class 'int'>. Got value: many"),
    ],
)
def test_a_mistake_in_a_configuration_is_told_in_a_line(config, options, message, tmp_path):
    (tmp_path / "run.yaml").write_text(config)
    with pytest.raises(TrainingError) as told:
        main(tmp_path / "run.yaml", options)
    assert str(told.value).startswith(f"{tmp_path}/run.yaml: ") and message in str(told.value)


def test_a_configuration_that_is_no_text_is_told_in_a_line(tmp_path):
    (tmp_path / "run.yaml").write_bytes(b"RIFF\xac\x00\xff")
    with pytest.raises(TrainingError, match=r"run\.yaml: not a text file; a YAML of model, data and trainer is wanted"):
        main(tmp_path / "run.yaml")
