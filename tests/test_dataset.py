"""Shards: what goes in comes out, an interrupted build goes on, and what is missing names the stage that makes it."""

import numpy as np
import pytest
from singers import tone
from tiny_corpus import CODEC

from svs import dataset
from svs.audio import LEVEL, level
from svs.dataset import (
    DatasetError,
    Shard,
    build_latents,
    build_shard,
    has_latents,
    is_built,
    read_manifest,
    write_manifest,
)
from svs.units import LATENT_HOP, SAMPLE_RATE

CENT = 1.0


@pytest.fixture
def clips(tmp_path):
    """Three notes of known pitch as a manifest; the second at 24 kHz and quiet."""
    entries = []
    for number, (cents, seconds, rate) in enumerate([(6000, 0.63, 44_100), (6450, 0.5, 24_000), (5700, 0.41, 44_100)]):
        audio, _ = tone(cents, seconds, sample_rate=rate)
        type(audio)(audio.samples * (0.1 if number == 1 else 1.0), rate).write(tmp_path / f"{number}.wav")
        entries.append({"id": f"tones/{number}", "speaker": "tone", "audio": f"{number}.wav", "text": "là"})
    write_manifest(tmp_path / "tones.jsonl", entries)
    return read_manifest(tmp_path / "tones.jsonl")


@pytest.fixture
def network():
    import torch

    from svs.codec.source_filter import SourceFilterNetwork

    torch.manual_seed(0)
    return SourceFilterNetwork(**CODEC).eval()


def test_a_manifest_comes_back_as_it_was_written(clips, tmp_path):
    assert [clip["id"] for clip in clips] == ["tones/0", "tones/1", "tones/2"]
    assert clips[0]["audio"] == str(tmp_path / "0.wav") and clips[0]["text"] == "là"


def test_what_goes_into_a_shard_comes_out(clips, tmp_path):
    frames = build_shard(clips, tmp_path / "shard")
    shard = Shard.open(tmp_path / "shard")
    assert frames == sum(clip["frames"] for clip in shard.clips) == len(shard.audio) // LATENT_HOP
    for clip, given, cents, seconds in zip(shard.clips, clips, (6000, 6450, 5700), (0.63, 0.5, 0.41), strict=True):
        assert {key: clip[key] for key in given} == given
        assert clip["frames"] == np.ceil(round(seconds * SAMPLE_RATE) / LATENT_HOP)
        curve, sound = shard.curve(clip["start"], clip["frames"]), shard.samples(clip["start"], clip["frames"])
        assert len(curve.cents) == 2 * clip["frames"] and len(sound) == LATENT_HOP * clip["frames"]
        assert abs(np.median(curve.cents[curve.voiced]) - cents) < CENT
        assert curve.voiced.mean() > 0.85
        assert np.sqrt(np.mean(sound[2000:-2000] ** 2)) == pytest.approx(LEVEL, rel=0.05)  # the quiet one too


def test_level_leaves_peaks_below_full_scale():
    clicks = np.zeros(SAMPLE_RATE, np.float32)
    clicks[::4000] = 0.5
    assert np.abs(level(clicks)).max() == pytest.approx(0.99)
    assert (level(np.zeros(SAMPLE_RATE, np.float32)) == 0).all()


def test_an_interrupted_build_goes_on_where_it_stopped(clips, tmp_path, monkeypatch):
    measured = []
    measure = dataset.measure_pitch

    def counting(audio):
        if len(measured) == 2:
            raise KeyboardInterrupt
        measured.append(audio)
        return measure(audio)

    monkeypatch.setattr(dataset, "measure_pitch", counting)
    with pytest.raises(KeyboardInterrupt):
        build_shard(clips, tmp_path / "shard")
    with pytest.raises(DatasetError, match="no features there"):
        Shard.open(tmp_path / "shard")
    monkeypatch.setattr(dataset, "measure_pitch", lambda audio: measured.append(audio) or measure(audio))
    build_shard(clips, tmp_path / "shard")
    build_shard(clips, tmp_path / "whole")
    assert len(measured) == 3 + 3
    for name in ("audio.npy", "cents.npy", "voiced.npy", "clips.jsonl"):
        assert (tmp_path / "shard" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_shard_is_built_when_it_holds_the_clips_of_the_manifest(clips, tmp_path):
    assert not is_built(clips, tmp_path / "shard")
    build_shard(clips[:2], tmp_path / "shard")
    assert is_built(clips[:2], tmp_path / "shard")
    assert not is_built(clips, tmp_path / "shard")  # a corpus that has grown
    build_shard(clips, tmp_path / "shard")
    assert is_built(clips, tmp_path / "shard")


def test_latents_are_those_of_the_encoder_and_remembered_as_such(clips, tmp_path, network):
    import torch

    build_shard(clips, tmp_path / "shard")
    shard = Shard.open(tmp_path / "shard")
    assert not has_latents(shard, network)
    build_latents(shard, network)
    assert has_latents(shard, network)
    np.testing.assert_array_equal(shard.importance(), network.encoder.deviation.numpy())
    second = shard.clips[1]
    with torch.inference_mode():
        wanted = network.encode(torch.from_numpy(shard.samples(second["start"], second["frames"]))[None])[0].numpy()
    there = shard.latents()[second["start"] : second["start"] + second["frames"]]
    np.testing.assert_allclose(there, wanted, atol=0.01)
    with torch.no_grad():
        network.decoder.enter.weight += 1
    assert has_latents(shard, network)  # what decodes them does not matter
    with torch.no_grad():
        network.encoder.mean += 1
    assert not has_latents(shard, network)


def test_latents_do_not_outlive_the_shard_they_were_made_of(clips, tmp_path, network):
    build_shard(clips[:2], tmp_path / "shard")
    build_latents(Shard.open(tmp_path / "shard"), network)
    build_shard(clips, tmp_path / "shard")
    shard = Shard.open(tmp_path / "shard")
    assert not has_latents(shard, network)
    with pytest.raises(DatasetError, match="no such latents"):
        shard.latents()


def test_what_is_missing_names_the_stage_that_makes_it(clips, tmp_path):
    with pytest.raises(DatasetError, match=r"none.jsonl: no such manifest; run the stage `prepare` or `teach`"):
        read_manifest(tmp_path / "none.jsonl")
    with pytest.raises(DatasetError, match=r"none: no features there; run the recipe's stage `features` first"):
        Shard.open(tmp_path / "none")
    build_shard(clips[:1], tmp_path / "shard")
    with pytest.raises(DatasetError, match=r"latents.npy: no such latents; run the recipe's stage `latents` first"):
        Shard.open(tmp_path / "shard").latents()


@pytest.mark.parametrize("line", ["{", '{"id": "x"}', "[1]"])
def test_a_damaged_manifest_is_told_with_its_line(tmp_path, line):
    (tmp_path / "bad.jsonl").write_text('{"id": "a", "audio": "a.wav"}\n' + line + "\n")
    with pytest.raises(DatasetError, match=r"bad.jsonl, line 2: no clip with the key `audio`"):
        read_manifest(tmp_path / "bad.jsonl")


def test_two_clips_of_one_name_are_refused(clips, tmp_path):
    with pytest.raises(DatasetError, match="more than one clip is called tones_0; ids must differ"):
        build_shard([*clips, clips[0]], tmp_path / "shard")


def test_a_recording_that_is_not_there_is_named(clips, tmp_path):
    with pytest.raises(ValueError, match=r"gone.wav: no such file"):
        build_shard([dict(clips[0], audio=str(tmp_path / "gone.wav"))], tmp_path / "shard")
