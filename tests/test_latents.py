"""Latents of any codec: on their own frames, in step with what is sung, learned by the DiT and heard again."""

import json
from shutil import copytree

import numpy as np
import pytest
import torch
from tiny_codecs import write_model
from tiny_corpus import ACOUSTIC, CODEC, HELDOUT, TABLES, fit

from data_prep.latents import main
from svs import latents
from svs.audio import Audio
from svs.batches import AcousticBatches
from svs.codec import CodecError
from svs.codecs import Codes, load
from svs.dataset import GRID, DatasetError, Shard, build_latents, has_latents
from svs.training import AcousticTraining, TrainingError
from svs.units import SAMPLE_RATE

LATENT_DIM, FRAME_RATE = 12, 75.0  # of the tiny EnCodec
HALF = 2e-3  # of numbers around one, kept in 16 bits


@pytest.fixture(scope="module")
def encodec(tmp_path_factory):
    pytest.importorskip("transformers", reason="EnCodec comes with transformers, of the extra `codecs`")
    return f"encodec-24:{write_model('encodec-24', tmp_path_factory.mktemp('models'))}"


@pytest.fixture(scope="module")
def encoded(features, encodec, tmp_path_factory):
    """A folder of features whose latents are EnCodec's."""
    folder = tmp_path_factory.mktemp("encoded")
    copytree(features / "synthetic", folder / "synthetic")
    main([str(folder / "synthetic"), "--codec", encodec])
    return folder


def batches(folder, corpora=("synthetic",), **options):
    options = {"batch_size": 4, "frames": 60} | options
    return AcousticBatches(str(folder), dict.fromkeys(corpora, 1.0), **TABLES, heldout=HELDOUT, **options)


def test_latents_are_the_codecs_own_numbers_clip_by_clip_brought_to_unit_variance(encoded, encodec):
    shard, codec = Shard.open(encoded / "synthetic"), load(encodec, continuous=True)
    found = latents.read(shard)
    assert (found.codec, found.frame_rate, found.values.shape[1]) == (encodec, FRAME_RATE, LATENT_DIM)
    values = found.values.astype(np.float64)
    np.testing.assert_allclose(values.mean(axis=0), 0.0, atol=HALF)
    np.testing.assert_allclose(values.std(axis=0), 1.0, atol=HALF)
    for number in (0, 2):
        clip = shard.clips[number]
        sound = Audio(shard.samples(clip["start"], clip["frames"]), SAMPLE_RATE)
        wanted = codec.encode(sound).frames
        assert len(wanted) == pytest.approx(sound.seconds * FRAME_RATE, abs=1)
        np.testing.assert_allclose(found.restored(found.of_clip(number)), wanted, atol=4 * HALF * found.deviation.max())
    np.testing.assert_array_equal(shard.importance(), found.deviation)


def test_the_pitch_of_a_batch_is_that_of_its_frames(encoded):
    data = batches(encoded, batch_size=1, frames=5000)
    data.setup()
    conditions, target = data.batch(0)
    shard = Shard.open(encoded / "synthetic")
    found = latents.read(shard)
    kept = int(conditions.keep.sum())
    (number,) = [n for n in range(len(found.frames)) if np.array_equal(found.of_clip(n), target[0, :kept].half())]
    clip = shard.clips[number]
    curve = shard.curve(clip["start"], clip["frames"])
    at = (np.arange(kept)[:, None] + [0.0, 0.5]) / FRAME_RATE
    wanted = np.interp(at, np.arange(len(curve.cents)) * 0.01, curve.cents)
    np.testing.assert_allclose(conditions.cents[0, :kept].numpy(), wanted, atol=0.01)  # cents
    phones = [p for p in clip["phones"] if p["end"] - p["start"] > 0.05]
    for phone in phones:
        frame = round((phone["start"] + phone["end"]) / 2 * FRAME_RATE)
        assert TABLES["phonemes"][conditions.phonemes[0, frame, 0]] == phone["symbol"]


def test_a_dit_learns_encodecs_latents_and_what_it_makes_is_heard_through_encodec(encoded, encodec):
    from svs.flow import sample

    torch.manual_seed(1)
    module = AcousticTraining(100, **TABLES, **ACOUSTIC | {"latent_dim": LATENT_DIM}, learning_rate=2e-2)
    data = batches(encoded)
    data.setup()
    first = data.batch(0)
    data.batch = lambda number: first
    losses = []
    module.on_train_batch_end = lambda outputs, batch, batch_idx: (
        losses.append(float(outputs["loss"])), AcousticTraining.on_train_batch_end(module, outputs, batch, batch_idx)
    )  # fmt: skip
    fit(module, data, 100)
    assert np.mean(losses[-20:]) < 0.75 * np.mean(losses[:10])

    conditions = first[0]
    network = module.network.eval()
    with torch.inference_mode():
        condition = network.condition(conditions)
        noise = torch.randn(*first[1].shape, generator=torch.Generator().manual_seed(0))
        made = sample(lambda x, t: network(x, t, condition, conditions.keep), noise, 2)[0].numpy()
    found = latents.read(Shard.open(encoded / "synthetic"))
    samples = round(len(made) / FRAME_RATE * 24_000)
    sound = load(encodec, continuous=True).decode(Codes(found.restored(made), samples))
    assert len(sound.samples) == samples and np.isfinite(sound.samples).all() and sound.samples.any()


def test_latents_that_are_there_are_left_alone_and_others_are_not(encoded, encodec, tmp_path, capsys):
    copytree(encoded / "synthetic", tmp_path / "synthetic")
    shard = tmp_path / "synthetic"
    before = (shard / "latents.npy").stat().st_mtime_ns
    main([str(shard), "--codec", encodec])
    assert "latents already there (encodec-24, 12 latents at 75 Hz)" in capsys.readouterr().out
    assert (shard / "latents.npy").stat().st_mtime_ns == before
    main([str(shard), "--codec", f"dac-16@2:{write_model('dac-16', tmp_path)}"])
    assert latents.read(Shard.open(shard)).frame_rate == 50.0
    assert "(dac-16, 16 latents at 50 Hz; train with --model.latent_dim=16)" in capsys.readouterr().out


def test_latents_of_the_source_filter_codec_take_the_place_of_anothers(encoded, tmp_path):
    from svs.codec.source_filter import SourceFilterNetwork

    copytree(encoded / "synthetic", tmp_path / "synthetic")
    shard, network = Shard.open(tmp_path / "synthetic"), SourceFilterNetwork(**CODEC).eval()
    assert not has_latents(shard, network)
    build_latents(shard, network)
    assert not (shard.folder / GRID).exists()
    found = latents.read(shard)
    assert (found.codec, found.frame_rate) == ("source-filter", 50.0)
    start, frames = shard.clips[1]["start"], shard.clips[1]["frames"]
    np.testing.assert_array_equal(found.of_clip(1), shard.latents()[start : start + frames])
    curve = shard.curve(start, frames)
    np.testing.assert_array_equal(found.curve(shard, 1).cents, curve.cents)
    np.testing.assert_array_equal(found.curve(shard, 1).voiced, curve.voiced)


def test_corpora_encoded_together_share_one_scale_and_apart_they_do_not(encoded, encodec, tmp_path):
    for name in ("one", "two"):
        copytree(encoded / "synthetic", tmp_path / name)
    clips = [json.loads(line) for line in (tmp_path / "two" / "clips.jsonl").read_text().splitlines()][:2]
    (tmp_path / "two" / "clips.jsonl").write_text("".join(json.dumps(clip) + "\n" for clip in clips))
    main([str(tmp_path / "two"), "--codec", encodec])
    with pytest.raises(DatasetError, match="two: latents of encodec-24.* encode all corpora in one run"):
        batches(tmp_path, ("one", "two")).setup()
    main([str(tmp_path / "one"), str(tmp_path / "two"), "--codec", encodec])
    batches(tmp_path, ("one", "two")).setup()


def test_a_model_of_another_number_of_latents_says_which_to_train_with(encoded):
    module = AcousticTraining(1, **TABLES, **ACOUSTIC)
    with pytest.raises(TrainingError, match="the features' latents have 12 numbers; train with --model.latent_dim=12"):
        fit(module, batches(encoded), 1)


def test_codecs_without_continuous_latents_are_refused_before_anything_is_written(encoded, tmp_path):
    copytree(encoded / "synthetic", tmp_path / "synthetic")
    with pytest.raises(CodecError, match="its continuous latents are those of source-filter"):
        main([str(tmp_path / "synthetic"), "--codec", "rvq:rvq.safetensors"])
    with pytest.raises(CodecError, match="train on those of source-filter"):
        main([str(tmp_path / "synthetic"), "--codec", "source-filter-fine"])
    with pytest.raises(CodecError, match="continuous latents have no codebooks; leave @4 out"):
        main([str(tmp_path / "synthetic"), "--codec", "encodec-24@4"])
    assert (tmp_path / "synthetic" / GRID).exists()


def test_codebooks_are_fitted_on_features_and_make_a_codec(features, tmp_path, capsys):
    pytest.importorskip("vector_quantize_pytorch", reason="vector-quantize-pytorch is of the extra `codecs`")
    from data_prep.codebooks import main as fit_codebooks
    from svs.codec import load_network, save_network
    from svs.codec.source_filter import SourceFilterNetwork

    copytree(features / "synthetic", tmp_path / "features" / "synthetic")
    torch.manual_seed(0)
    save_network(SourceFilterNetwork(**CODEC), tmp_path / "codec.safetensors")
    command = [str(tmp_path / "features"), "--out", str(tmp_path / "rvq.safetensors")]
    command += ["--codebooks", "3", "--size", "8"]
    with pytest.raises(DatasetError, match="no latents of the default voice's codec there"):
        fit_codebooks(command)
    command += ["--codec", str(tmp_path / "codec.safetensors")]
    build_latents(Shard.open(tmp_path / "features" / "synthetic"), load_network(tmp_path / "codec.safetensors"))
    fit_codebooks(command)
    assert "3 codebooks of 8 entries" in capsys.readouterr().out
    first = (tmp_path / "rvq.safetensors").read_bytes()
    fit_codebooks(command)
    assert (tmp_path / "rvq.safetensors").read_bytes() == first
    codec = load(f"rvq@2:{tmp_path}")
    assert (codec.codebooks, codec.codebook_size, codec.bits_per_second) == (2, 8, 2 * 3 * 50 + 1200)
    with pytest.raises(CodecError, match="frames for codebooks of 100000 entries"):
        fit_codebooks([*command, "--size", "100000"])
    with pytest.raises(DatasetError, match="no features there"):
        fit_codebooks([str(tmp_path / "nothing"), *command[1:]])


@pytest.mark.parametrize(("broken", "writer"), [(latents.LATENTS, "save_array"), (latents.ENCODER, "write_text")])
def test_latents_of_which_an_interruption_left_half_are_not_taken_for_whole(
    encoded, encodec, tmp_path, monkeypatch, broken, writer
):
    shard = Shard.open(copytree(encoded / "synthetic", tmp_path / "synthetic"))
    codec, write = load(encodec, continuous=True), getattr(latents, writer)

    def stop(path, *content):
        if path.name == broken:
            raise KeyboardInterrupt
        write(path, *content)

    with monkeypatch.context() as patched:
        patched.setattr(latents, writer, stop)
        with pytest.raises(KeyboardInterrupt):
            latents.write([shard], codec, encodec)
    assert not latents.are_written([shard], codec, encodec)
    if broken == latents.LATENTS:
        with pytest.raises(DatasetError, match="no such latents"):
            latents.read(shard)
    latents.write([shard], codec, encodec)
    for file in (latents.LATENTS, latents.GRID, latents.ENCODER):
        assert (shard.folder / file).read_bytes() == (encoded / "synthetic" / file).read_bytes()
