"""Batches: functions of the seed and their number, from the clips that may be used, sound and labels in step."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_corpus import HELDOUT, TABLES

from svs.batches import AcousticBatches, CodecBatches, TimingBatches, chances, clip_spans, clips_left, with_smooth_pitch
from svs.dataset import Shard
from svs.phonemes import is_vowel
from svs.timing import observed
from svs.units import LATENT_HOP

CLIP = 60  # latent frames


def write_shard(folder, names, first=0, frames=CLIP):
    """Clips whose every value says where it is from: cents 1000 × clip + frame / 10, latents the frame in the shard."""
    folder.mkdir(parents=True)
    total = frames * len(names)
    cents = np.concatenate([1000.0 * (first + i) + np.arange(2 * frames) / 10 for i in range(len(names))])
    phones = [{"symbol": "AA", "stress": 1, "start": 0.0, "end": frames * 0.02, "note": 0}]
    clips = [
        {"id": name, "speaker": name.split("/")[0], "start": frames * i, "frames": frames, "phones": phones}
        for i, name in enumerate(names)
    ]
    np.save(folder / "audio.npy", np.full(total * LATENT_HOP, 1000, np.int16))
    np.save(folder / "cents.npy", cents.astype(np.float32))
    np.save(folder / "voiced.npy", np.ones(2 * total, bool))
    np.save(folder / "latents.npy", np.repeat(np.arange(total, dtype=np.float16)[:, None], 3, axis=1))
    (folder / "clips.jsonl").write_text("".join(json.dumps(clip) + "\n" for clip in clips))


@pytest.fixture
def shards(tmp_path):
    write_shard(tmp_path / "one", ["ann/000", "ann/001", "bob/000", "bob/001"])
    write_shard(tmp_path / "two", ["cat/000", "cat/001"], first=4)
    return tmp_path


def codec_batches(folder, corpora=None, **options):
    data = CodecBatches(str(folder), corpora or {"one": 1.0}, **{"batch_size": 8, "frames": 20, **options})
    data.setup()
    return data


def acoustic_batches(folder, frames=20, phonemes=("AA",), **options):
    tables = {"phonemes": list(phonemes), "speakers": ["ann", "bob"]}
    data = AcousticBatches(str(folder), {"one": 1.0}, **tables, **{"batch_size": 8, "frames": frames, **options})
    data.setup()
    return data


def clips_of(batch):
    """Which clips a batch was cut from."""
    return (batch["cents"] / 1000).floor().int().flatten().unique().tolist()


def tensors(batch):
    if isinstance(batch, dict):
        return list(batch.values())
    return [tensor for part in batch for tensor in (vars(part).values() if not torch.is_tensor(part) else [part])]


MAKERS = {
    "codec": lambda folder, seed: CodecBatches(str(folder), {"synthetic": 1.0}, frames=20, seed=seed),
    "acoustic": lambda folder, seed: AcousticBatches(str(folder), {"synthetic": 1.0}, **TABLES, seed=seed),
    "timing": lambda folder, seed: TimingBatches(str(folder), ["synthetic"], **TABLES, batch_size=16, seed=seed),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_batch_depends_on_the_seed_and_its_number_alone(kind, features):
    def batches(seed, numbers):
        data = MAKERS[kind](features, seed)
        data.setup()
        found = {number: tensors(data.batch(number)) for number in numbers}
        return [found[number] for number in sorted(numbers)]

    def same(one, other):
        return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))

    forth, back = batches(0, [3, 4, 1000]), batches(0, [1000, 4, 3])
    assert all(map(same, forth, back))
    assert not same(forth[0], forth[1])
    assert not same(forth[0], batches(1, [3])[0])


@pytest.mark.parametrize(
    ("heldout", "left"),
    [([], [0, 1, 2, 3]), (["bob"], [0, 1]), (["bob/000"], [0, 1, 3]), (["ann", "001"], [2]), (["/00"], None)],
)
def test_clips_that_are_held_out_are_never_drawn(shards, heldout, left):
    if left is None:
        with pytest.raises(ValueError, match=r"one: no clip is left .*held out"):
            codec_batches(shards, heldout=heldout)
        return
    data = codec_batches(shards, heldout=heldout)
    drawn = {clip for number in range(30) for clip in clips_of(data.batch(number))}
    assert sorted(drawn) == left
    data = acoustic_batches(shards, heldout=heldout)
    drawn = {int(frame) // CLIP for number in range(30) for frame in data.batch(number)[1].unique()}
    assert sorted(drawn) == left


@pytest.mark.parametrize("batches", [codec_batches, acoustic_batches])
def test_a_held_out_name_that_is_nothings_is_warned_of(shards, batches):
    with pytest.warns(UserWarning, match="heldout: 'ann/07' is no clip and no singer of one"):
        batches(shards, heldout=["ann/07", "bob"])


@pytest.mark.parametrize(
    ("corpora", "options", "message"),
    [
        ({}, {}, "corpora is empty"),
        ({"one": -1.0, "two": 2.0}, {}, "shares of 0 or more are wanted"),
        ({"one": 0.0}, {}, "and one above 0"),
        ({"one": 1.0}, {"batch_size": 0}, "batch_size is 0; 1 or more is wanted"),
    ],
)
def test_numbers_that_make_no_batch_are_told(shards, corpora, options, message):
    with pytest.raises(ValueError, match=message):
        CodecBatches(str(shards), corpora, frames=20, **options).setup()


def test_crops_are_drawn_from_corpora_by_their_shares(shards):
    data = codec_batches(shards, {"one": 0.8, "two": 0.2}, batch_size=500)
    second = (data.batch(0)["cents"][:, 0] >= 4000).float().mean()
    assert abs(second - 0.2) < 0.06


def test_crops_stay_inside_their_clip_and_reach_all_of_it(shards):
    data = codec_batches(shards, batch_size=200)
    frames = (data.batch(0)["cents"] % 1000) * 10
    assert torch.allclose(frames.diff(dim=1), torch.tensor(1.0), atol=0.05)  # none spans two clips
    assert frames.min() < 10 and frames.max() > 2 * CLIP - 10


def test_gain_changes_the_sound_by_decibels_within_bounds(shards):
    levels = codec_batches(shards, batch_size=200).batch(0)["audio"].abs().mean(dim=1) / (1000 / 32767)
    decibels = 20 * torch.log10(levels)
    assert -6.1 < decibels.min() < -5 and 2 < decibels.max() < 3.1


def test_latents_and_conditions_of_a_crop_are_in_step(shards):
    conditions, latents = acoustic_batches(shards).batch(0)
    frame = latents[..., 0] % CLIP
    torch.testing.assert_close((conditions.cents[..., 0] % 1000) * 5, frame, rtol=0, atol=0.05)
    share = (frame * 0.02) / (CLIP * 0.02)
    torch.testing.assert_close(conditions.position[..., 0], share, rtol=0, atol=1e-3)
    clip = (latents[:, 0, 0] // CLIP).int()
    assert torch.equal(conditions.speaker[:, 0].argmax(dim=1), (clip >= 2).long())  # ann, ann, bob, bob


def test_with_an_accent_some_crops_go_by_other_symbols(shards):
    data = acoustic_batches(shards, phonemes=("AA", "a"), batch_size=500, accents={"one": {"AA": "a"}}, accented=0.25)
    assert (data.batch(0)[0].phonemes == 1).float().mean() == pytest.approx(0.25, abs=0.06)
    with pytest.raises(ValueError, match="no phoneme a"):
        acoustic_batches(shards, accents={"one": {"AA": "a"}})


def test_accents_have_a_share_for_each_corpus(shards):
    data = acoustic_batches(
        shards, phonemes=("AA", "a"), batch_size=400, accents={"one": {"AA": "a"}}, accented={"one": 0.75, "other": 0.1}
    )
    assert (data.batch(0)[0].phonemes == 1).float().mean() == pytest.approx(0.75, abs=0.07)


def test_of_some_crops_the_pitch_is_smoothed_and_nothing_else(shards):
    line = acoustic_batches(shards, batch_size=1).batch(0)[0]
    trembling = replace(line, cents=6000 + 20 * torch.randn(line.cents.shape, generator=torch.Generator().manual_seed(0)))
    smooth = with_smooth_pitch(trembling, 4.0)
    assert smooth.cents.std() < 0.5 * trembling.cents.std() and smooth.cents.mean() == pytest.approx(6000, abs=5)
    assert torch.equal(smooth.phonemes, line.phonemes) and with_smooth_pitch(trembling, 0.0) is trembling
    measured, some = (
        acoustic_batches(shards, batch_size=300, smoothed=share).batch(0)[0].cents for share in (None, {"one": 0.3})
    )
    assert measured.shape == some.shape and not torch.equal(measured, some)


def test_of_a_share_of_the_crops_the_vowels_go_under_a_lent_name(shards):
    for path in shards.glob("*/clips.jsonl"):  # a consonant in the first half of every clip
        clips = [json.loads(line) for line in path.read_text().splitlines()]
        for clip in clips:
            halfway = clip["phones"][0]["end"] / 2
            consonant = {"symbol": "T", "stress": None, "start": 0.0, "end": halfway, "note": 0}
            clip["phones"] = [consonant, clip["phones"][0] | {"start": halfway}]
        path.write_text("".join(json.dumps(clip) + "\n" for clip in clips))
    data = acoustic_batches(shards, phonemes=("AA", "T", "SIL"), batch_size=400, lent={"bob": 0.5})
    conditions, _ = data.batch(0)
    table = data.hparams.phonemes
    vowels = torch.tensor([is_vowel(symbol) for symbol in table])[conditions.phonemes].all(dim=-1) & conditions.keep
    ann, bob = conditions.speaker[vowels].mean(dim=0)
    assert float(bob) == pytest.approx(0.5 + 0.5 * 0.5, abs=0.06) and float(ann + bob) == pytest.approx(1.0)
    sung = [symbol for symbol in table if not is_vowel(symbol) and symbol not in ("SIL", "BR")]
    consonants = torch.tensor([symbol in sung for symbol in table])[conditions.phonemes].all(dim=-1) & conditions.keep
    ann, bob = conditions.speaker[consonants].mean(dim=0)
    assert float(bob) == pytest.approx(0.5, abs=0.08)
    with pytest.raises(ValueError, match="lent: no such speaker eve"):
        acoustic_batches(shards, lent={"eve": 0.5})


def test_the_more_balance_the_more_often_rare_singers_are_drawn():
    clips = [{"speaker": "ann", "frames": 100}] * 9 + [{"speaker": "bob", "frames": 100}]
    assert chances(clips, 0.0)[-1] == pytest.approx(0.1)
    assert chances(clips, 0.5)[-1] == pytest.approx(0.25)
    assert chances(clips, 1.0)[-1] == pytest.approx(0.5)


def test_clips_without_phones_train_codecs_only(shards):
    index = shards / "one" / "clips.jsonl"
    clips = [json.loads(line) for line in index.read_text().splitlines()]
    for clip in clips[:2]:
        del clip["phones"]
    index.write_text("".join(json.dumps(clip) + "\n" for clip in clips))
    assert len(clips_left(Shard.open(shards / "one"), [])) == 4
    assert [clip["id"] for clip in clips_left(Shard.open(shards / "one"), [], ["ann", "bob"])] == ["bob/000", "bob/001"]
    with pytest.raises(ValueError, match="no clip has phones"):
        clips_left(Shard.open(shards / "one"), ["bob"], ["ann", "bob"])


def test_a_clip_shorter_than_the_crop_is_padded_and_says_so(shards):
    conditions, latents = acoustic_batches(shards, frames=CLIP + 15).batch(0)
    assert conditions.keep.shape == latents.shape[:2] == (8, CLIP + 15)
    assert conditions.keep[:, :CLIP].all() and not conditions.keep[:, CLIP:].any()
    assert (latents[:, CLIP:] == 0).all()


def test_timing_sees_the_consonants_of_the_clips_that_are_left(features):
    data = TimingBatches(str(features), ["synthetic"], **TABLES, heldout=HELDOUT)
    data.setup()
    clips = [clip for clip in Shard.open(features / "synthetic").clips if clip["id"] not in HELDOUT]
    seconds = np.concatenate([observed(clip_spans(clip))[1] for clip in clips])
    np.testing.assert_allclose(np.exp(data.columns[3].numpy()), seconds, rtol=1e-5)
    assert len(clips) == 4


def test_a_singer_that_the_configuration_does_not_name_is_told(shards):
    with pytest.raises(ValueError, match=r"bob/000 is sung by 'bob'; speakers names ann"):
        AcousticBatches(str(shards), {"one": 1.0}, ["AA"], ["ann"]).setup()
