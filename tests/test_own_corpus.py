"""docs/bring-your-own-corpus.md in miniature: a folder of WAV and TextGrid becomes a voice that sings."""

import copy
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from test_conditions import SIZES, STYLES, spectrum
from test_recipes import run
from tiny_corpora import text
from tiny_corpus import PHONEMES, FewClips, fit
from tiny_voices import SINGERS, write_voice

from data_prep import annotate, begin
from svs.audio import Audio
from svs.batches import AcousticBatches
from svs.dataset import INDEX, DatasetError, Shard, build_latents, build_shard, read_manifest
from svs.description import HASHED
from svs.export import textgrid
from svs.f0 import track
from svs.frames import CONDITIONS
from svs.sing import sing
from svs.speaker import NUMBERS, write_embeddings
from svs.training import AcousticTraining
from svs.voice import Voice

ROOT = Path(__file__).parent.parent
WALK = ROOT / "docs" / "bring-your-own-corpus.md"
SONG = ROOT / "recipes" / "tiny" / "song.musicxml"
CENTS = 5.0  # of a voice of random weights, whose decoder is driven by the commanded pitch all the same


def write_recordings(folder, made):
    """Recordings of the synthetic singer with a TextGrid each, as svs exports it."""
    folder.mkdir(parents=True)
    for clip in read_manifest(FewClips().prepare(made)):
        name = Path(clip["audio"]).stem
        (folder / f"{name}.wav").write_bytes(Path(clip["audio"]).read_bytes())
        frames = round(100 * Audio.read(clip["audio"]).seconds)
        take = {**clip, "part": "tin", "f0": {"hop_seconds": 0.01, "cents": [0.0] * frames, "voiced": [False] * frames}}
        text(folder / f"{name}.TextGrid", textgrid.write([take], name))
    return folder


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """The recipe's working folder after all stages, a few batches each, and what they said."""
    place = tmp_path_factory.mktemp("own")
    source = write_recordings(place / "anna", place / "made")
    voice = write_voice(place / "start")
    options = [
        "--source",
        str(source),
        "--from-voice",
        str(voice),
        "--voice",
        str(place / "work/voices/anna"),
        "--song",
        str(SONG),
    ]
    said = run("corpus", place / "work", *options, "--", "--trainer.limit_train_batches=3")
    assert said.returncode == 0, said.stdout + said.stderr
    return place, said.stdout + said.stderr, options


def test_every_stage_leaves_its_product_and_the_recordings_their_singer(walked):
    place, said, _ = walked
    work = place / "work"
    assert re.findall(r"^== (\S+)$", said, re.MULTILINE) == [
        "prepare", "features", "latents", "begin", "train-timing", "train-acoustic", "export", "sing", "evaluate"
    ]  # fmt: skip
    for product in (
        "begin/acoustic.safetensors",
        "timing/trained.ckpt",
        "acoustic/trained.ckpt",
        "song.json",
        "song.html",
    ):
        assert (work / product).stat().st_size > 0
    assert "Traceback" not in said and "manifests/folder.jsonl: 5 clips, 5 with phones" in said
    assert re.search(r"^anna: begins as (ann|bob) of voice start \(loss", said, re.MULTILINE)
    facts = json.loads((work / "voices/anna/voice.json").read_text())
    assert list(facts["singers"]) == ["anna"] and facts["languages"] == ["en"]
    assert 5300 <= facts["singers"]["anna"]["range_cents"][0] < facts["singers"]["anna"]["range_cents"][1] <= 6900


def test_features_and_latents_are_spread_over_processes_as_recipes_do(walked, tmp_path):
    """The same bytes as from one process, and --workers is passed on to what measures and encodes."""
    place, _, options = walked
    shutil.copytree(place / "work/manifests", tmp_path / "manifests")
    said = run("corpus", tmp_path, "features", "latents", "--workers", "2", *options)
    assert said.returncode == 0, said.stdout + said.stderr
    for name in ("audio.npy", "cents.npy", "latents.npy"):
        made, wanted = (folder / "features/folder" / name for folder in (tmp_path, place / "work"))
        assert made.read_bytes() == wanted.read_bytes(), name
    refused = run("corpus", tmp_path, "latents", "--workers", "none", *options)
    assert refused.returncode == 2 and "--workers: 'none': a whole number from 1 on is wanted" in refused.stderr


def test_labels_survive_the_way_through_the_textgrid(walked):
    """Phones of the manifest are those that the synthetic singer was told to sing, within a millisecond."""
    place = walked[0]
    told = {Path(c["audio"]).stem: c["phones"] for c in read_manifest(place / "made/synthetic.jsonl")}
    for clip in read_manifest(place / "work/manifests/folder.jsonl"):
        wanted = [(p["symbol"], p["start"], p["end"]) for p in told[Path(clip["audio"]).stem]]
        assert [p["symbol"] for p in clip["phones"]] == [symbol for symbol, _, _ in wanted]
        assert [(p["start"], p["end"]) for p in clip["phones"]] == [
            pytest.approx((a, b), abs=1e-3) for _, a, b in wanted
        ]


def test_the_voice_keeps_the_codec_and_sings_on_pitch(walked):
    place = walked[0]
    kept = (place / "work/voices/anna/codec.safetensors", place / "start/codec.safetensors")
    a, b = (Voice.load(path.parent).codec.state_dict() for path in kept)
    assert all(torch.equal(a[name], b[name]) for name in a)
    take = sing(SONG, place / "work/voices/anna", pitch="exact")
    heard = track(take.audio)
    frames = min(len(heard.cents), len(take.curve.cents))
    both = heard.voiced[:frames] & take.curve.voiced[:frames]
    assert both.sum() > 0.5 * take.curve.voiced.sum()
    assert np.median(np.abs(heard.cents[:frames] - take.curve.cents[:frames])[both]) < CENTS


def test_a_second_run_does_nothing_again(walked):
    place, _, options = walked
    before = {path: path.stat().st_mtime_ns for path in (place / "work").rglob("*") if path.is_file()}
    stages = ["prepare", "features", "latents", "begin", "train-timing", "train-acoustic", "export", "sing"]
    said = run("corpus", place / "work", *stages, *options)
    assert said.returncode == 0, said.stderr
    assert {path: path.stat().st_mtime_ns for path in (place / "work").rglob("*") if path.is_file()} == before


def test_without_a_folder_the_recipe_asks_for_one(tmp_path):
    said = run("corpus", tmp_path, "prepare")
    assert said.returncode == 2
    assert said.stderr == "== prepare\nprepare: name the folder of the recordings: --source DIR\n"


def test_the_walk_through_names_what_there_is():
    """Its commands are of this repository: the recipe, its stages and its options."""
    page, script = WALK.read_text(encoding="utf-8"), (ROOT / "recipes/corpus/run.sh").read_text(encoding="utf-8")
    assert "recipes/corpus/run.sh --source" in page
    options = {*re.findall(r"OPTION\[([\w-]+)\]=", script), "work", "from", "to"}
    for line in re.findall(r"^recipes/corpus/run\.sh (.*)$", page, re.MULTILINE):
        assert set(re.findall(r"--([\w-]+)", line.split(" -- ")[0].partition("#")[0])) <= options
    for path in re.findall(r"\]\((\.\./[^)#]+)\)", page):
        assert (WALK.parent / path).exists(), path
    for module in re.findall(r"python -m (data_prep\.\w+)", page):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file()


# What a voice begins from ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    place = tmp_path_factory.mktemp("begin")
    voice = Voice.load(write_voice(place / "start"))
    clips = [dict(clip, speaker="tin") for clip in read_manifest(FewClips().prepare(place))][:2]
    build_shard(clips, place / "shard")
    shard = Shard.open(place / "shard")
    build_latents(shard, voice.codec)
    return voice, Shard.open(place / "shard")


def test_with_the_tables_of_the_voice_its_weights_are_as_they_were(start):
    voice, _ = start
    same = begin.acoustic(voice, list(voice.phonemes), np.eye(len(SINGERS))).state_dict()
    for name, value in voice.acoustic.state_dict().items():
        torch.testing.assert_close(same[name], value)
    timing = begin.timing(voice, list(voice.phonemes), list(SINGERS), np.eye(len(SINGERS)))
    for name, value in voice.durations("ann").weights.items():
        np.testing.assert_allclose(timing.weights[name], value)


def test_training_of_timing_begins_with_the_durations_it_is_given(start, tmp_path):
    from svs.training import TimingTraining

    given = start[0].durations("ann")
    given.save(tmp_path / "timing.safetensors")
    tables = {"phonemes": list(given.phones[:-1]), "speakers": list(given.speakers)}
    options = {**tables, **begin.sizes(start[0])["timing"], "start": str(tmp_path / "timing.safetensors")}
    begun = TimingTraining(steps=1, **options).durations()
    for name, value in given.weights.items():
        np.testing.assert_array_equal(begun.weights[name].reshape(value.shape), value)
    with pytest.raises(ValueError, match="the phonemes and speakers of its timing are not those of this run"):
        TimingTraining(steps=1, **{**options, "speakers": ["carl", "ann"]})


def test_a_phone_that_the_voice_lacks_begins_as_its_nearest(start):
    voice, _ = start
    phonemes = [*voice.phonemes, "ɾ", "ɲ"]
    fresh = begin.acoustic(voice, phonemes, np.array([[0.0, 1.0]]))
    table, known = fresh.conditioner.phoneme.weight.detach(), voice.phonemes
    torch.testing.assert_close(table[len(known)], table[known["R"]])
    torch.testing.assert_close(table[len(known) + 1], (table[known["N"]] + table[known["Y"]]) / 2)
    torch.testing.assert_close(fresh.conditioner.speaker.weight[:, 0], voice.acoustic.conditioner.speaker.weight[:, 1])


def test_the_tables_are_the_voices_and_then_what_the_corpus_adds(start):
    voice, shard = start
    assert begin.tables(voice, shard) == (list(voice.phonemes), ["tin"])
    clips = [dict(shard.clips[0], phones=[dict(shard.clips[0]["phones"][0], symbol="ɾ")])]
    assert begin.tables(voice, replace(shard, clips=clips))[0] == [*voice.phonemes, "ɾ"]
    with pytest.raises(DatasetError, match="no clip has phones"):
        begin.tables(voice, replace(shard, clips=[{"speaker": "tin"}]))


def test_a_singer_begins_as_the_one_that_foretells_the_recordings_best(start):
    """It goes by the singers' vectors: with these exchanged, the other's name is found, at the same loss."""
    voice, shard = start
    found, loss, others = begin.likeliest(voice, shard, list(voice.phonemes), "tin")
    assert loss < others
    network = copy.deepcopy(voice.acoustic)
    with torch.no_grad():
        network.conditioner.speaker.weight.copy_(network.conditioner.speaker.weight.flip(1))
    other = begin.likeliest(replace(voice, acoustic=network), shard, list(voice.phonemes), "tin")
    assert {found, other[0]} == set(SINGERS)
    assert other[1:] == pytest.approx((loss, others), rel=1e-6)


def test_a_voice_that_knows_every_condition_is_begun_from_and_trained_on(start, tmp_path, monkeypatch):
    """The clips are embedded and described on the way; a style that the voice lacks joins its own, at first unheard."""
    monkeypatch.setattr(annotate, "encoder", lambda: spectrum)
    rich = write_voice(
        tmp_path / "rich", conditions=SIZES, styles=STYLES, style="plain", text_encoder=HASHED, reference_seconds=0.4
    )
    write_embeddings(
        rich / "timbres.json", {name: np.eye(NUMBERS)[i] for i, name in enumerate(SINGERS)}, "unit vectors"
    )
    features = tmp_path / "features" / "folder"
    shutil.copytree(start[1].folder, features)
    clips = [json.loads(line) | {"style": "sob"} for line in (features / INDEX).read_text().splitlines()]
    (features / INDEX).write_text("".join(json.dumps(clip) + "\n" for clip in clips))
    begin.main([str(features), "--voice", str(rich), "--out", str(tmp_path / "begin")])
    model, data = (
        yaml.safe_load((tmp_path / "begin/acoustic.yaml").read_text())[part]["init_args"] for part in ("model", "data")
    )
    assert model["conditions"] == data["conditions"] == list(CONDITIONS)
    assert model["styles"] == data["styles"] == [*STYLES, "sob"] and model["prefix"] == 20
    module = AcousticTraining(2, bfloat16=False, **model)
    begun, style = Voice.load(rich).acoustic.state_dict(), "conditioner.style.weight"
    torch.testing.assert_close(module.network.state_dict()[style][:, :2], begun[style])
    assert not module.network.state_dict()[style][:, 2].any()
    fit(module, AcousticBatches(str(features.parent), {"folder": 1.0}, batch_size=2, frames=30, **data), 2)
    assert module.network.state_dict()[style][:, 2].any()


def test_the_synthetic_singers_phones_are_all_in_the_tiny_voice(start):
    assert set(PHONEMES) <= set(start[0].phonemes)
