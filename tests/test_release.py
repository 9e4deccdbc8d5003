"""Export: the voice that was trained, averaged weights, singers' ranges; or one line, and the old voice kept."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging
from tiny_corpus import ACOUSTIC, CODEC, PHONEMES, TABLES, fit

from data_prep.synthetic import SCALE, SINGER
from svs import band
from svs.audio import Audio
from svs.batches import AcousticBatches, CodecBatches, TimingBatches
from svs.checkpoints import RunCheckpoint
from svs.dataset import Shard, build_shard, read_manifest
from svs.release import ReleaseError, acoustic_of, codec_of, export, read_blends, read_lent, singers, timing_of
from svs.timing import Consonant
from svs.training import AcousticTraining, CodecTraining, TimingTraining
from svs.units import SAMPLE_RATE
from svs.voice import Voice, VoiceError

HALF = 1e-3  # relative error of 16 bits


@pytest.fixture(scope="module")
def runs(features, tmp_path_factory):
    """Folder with <part>/trained.ckpt of the three trainings, three batches each."""
    folder = tmp_path_factory.mktemp("runs")
    corpora, root = {"synthetic": 1.0}, str(features)
    torch.manual_seed(2)
    trainings = {
        "codec": (CodecTraining(3, **CODEC, adversarial_from=2), CodecBatches(root, corpora, batch_size=2, frames=20)),
        "timing": (TimingTraining(3, **TABLES), TimingBatches(root, ["synthetic"], **TABLES)),
        "acoustic": (
            AcousticTraining(3, **TABLES, **ACOUSTIC, learning_rate=0.1),
            AcousticBatches(root, corpora, **TABLES, frames=30),
        ),
    }
    for part, (module, data) in trainings.items():
        averaging = [EMAWeightAveraging(decay=0.5)] if part == "acoustic" else []
        fit(module, data, 3, *averaging, RunCheckpoint(str(folder / part)))
    return {part: folder / part / "trained.ckpt" for part in trainings}


@pytest.fixture
def shards(features):
    return [Shard.open(features / "synthetic")]


def test_what_learned_of_another_network_is_read_without_it(runs, features, tmp_path):
    start = tmp_path / "begun.ckpt"
    start.write_bytes(runs["acoustic"].read_bytes())
    of = {SINGER: {"lyrics": 2.0}}
    module = AcousticTraining(1, **TABLES, **ACOUSTIC, start=str(start), fold=1.5, fold_of=of, strides=2)
    data = AcousticBatches(str(features), {"synthetic": 1.0}, **TABLES, frames=30)
    fit(module, data, 1, RunCheckpoint(str(tmp_path / "folded")))
    start.unlink()
    read = acoustic_of(tmp_path / "folded" / "trained.ckpt")
    for name, value in module.network.state_dict().items():
        assert torch.equal(value, read.network.state_dict()[name]), name


def test_an_exported_voice_is_the_one_that_was_trained(runs, shards, tmp_path):
    voice = export(**runs, shards=shards, out=tmp_path / "mine", licence="CC0-1.0", guidance={"lyrics": 2.0})
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == [
        "acoustic.safetensors", "codec.safetensors", "purity.json", "timing.safetensors", "voice.json"
    ]  # fmt: skip
    assert (voice.name, voice.singer, voice.languages) == ("mine", SINGER, ("en",))
    assert (voice.steps, voice.sampler) == (4, "midpoint")
    assert list(voice.phonemes) == PHONEMES and voice.guidance == {"lyrics": 2.0}
    trained = torch.load(runs["codec"], weights_only=True)["state_dict"]
    for name, value in voice.codec.state_dict().items():
        torch.testing.assert_close(value, trained[f"network.{name}"].to(value.dtype), rtol=HALF, atol=1e-4)
    asked = [Consonant("S", "SIL", "AA", False, 0.4), Consonant("N", "IY", "SIL", True, 0.5)]
    module = timing_of(runs["timing"])
    with torch.inference_mode():
        rows = torch.tensor([[PHONEMES.index(p) for p in (c.before, c.symbol, c.after)] for c in asked])
        numbers = torch.tensor([[c.coda, np.log(c.room), 0.0] for c in asked])
        wanted = module(rows, torch.zeros(2, dtype=torch.long), numbers.float()).exp()
    np.testing.assert_allclose(voice.durations(SINGER).seconds(asked), wanted, rtol=1e-5)


def test_a_voice_sings_with_the_averaged_weights(runs, shards, tmp_path):
    voice = export(**runs, shards=shards, out=tmp_path / "mine")
    stored = torch.load(runs["acoustic"], weights_only=True)
    sung = voice.acoustic.state_dict()
    name = "blocks.0.widen.weight"
    average, last = (stored[key][f"network.{name}"] for key in ("state_dict", "current_model_state"))
    assert (average - last).abs().max() > 1e-5
    torch.testing.assert_close(sung[name], average.half().float(), rtol=0, atol=0)


def test_the_range_of_a_singer_is_that_of_the_notes_sung(runs, shards, tmp_path):
    low, high = export(**runs, shards=shards, out=tmp_path / "mine").singers[SINGER]["range_cents"]
    assert (low, high) == (min(SCALE), max(SCALE))


def test_without_notes_the_range_is_what_was_heard(shards):
    bare = [replace(shard, clips=[{**clip, "notes": []} for clip in shard.clips]) for shard in shards]
    low, high = singers(bare, [SINGER])[SINGER]["range_cents"]
    assert abs(low - min(SCALE)) <= 100 and abs(high - max(SCALE)) <= 100  # the natural contour leans and shakes
    with pytest.raises(ReleaseError, match="no voiced sound of singer 'bob' in .*synthetic"):
        singers(bare, ["bob"])


def test_a_voice_gets_singers_made_of_its_own(runs, shards, tmp_path):
    made = {"tenor": {"of": {SINGER: 1.0}, "range_cents": [4500, 6700], "formant_shift": -3}}
    file = tmp_path / "blends.json"
    file.write_text(json.dumps(made))
    assert export(**runs, shards=shards, out=tmp_path / "mine", blends=read_blends(file)).blends == made
    with pytest.raises(VoiceError, match="'blends' is .*; singers of other names, .* wanted"):
        export(**runs, shards=shards, out=tmp_path / "mine", blends={"tenor": {"of": {"bob": 1.0}, "range_cents": [0, 1]}})
    assert Voice.load(tmp_path / "mine").blends == made, "what was there is kept"
    for text in ("", "[]"):
        file.write_text(text)
        with pytest.raises(ReleaseError, match=r"blends.json: (cannot be read|singers by name are wanted)"):
            read_blends(file)


def test_singers_recorded_at_24_khz_get_the_band_above_from_those_who_were_not(runs, shards, tmp_path):
    (whole,) = shards
    manifest = tmp_path / "cut.jsonl"
    with manifest.open("w") as lines:
        for number, clip in enumerate(whole.clips):
            samples = band.cut(np.asarray(whole.samples(clip["start"], clip["frames"])))
            Audio(samples, SAMPLE_RATE).write(tmp_path / f"{number}.wav")
            kept = {key: value for key, value in clip.items() if key not in ("start", "frames", "pitch_at")}
            lines.write(json.dumps({**kept, "audio": f"{number}.wav", "speaker": SINGER}) + "\n")
    build_shard(read_manifest(manifest), tmp_path / "cut")
    cut = Shard.open(tmp_path / "cut")
    assert export(**runs, shards=[cut], out=tmp_path / "mine", whole=[whole]).band is not None
    again = [Shard.open(tmp_path / "cut"), whole]  # a corpus that is named twice
    assert export(**runs, shards=[cut], out=tmp_path / "mine", whole=again).band is not None
    for those in ([cut], [whole]):
        assert export(**runs, shards=those, out=tmp_path / "mine").band is None
    assert not (tmp_path / "mine" / band.FILE).exists(), "of recordings that the voice was not made of"


def test_a_singer_borrows_consonants_where_asked(runs, shards, tmp_path):
    with pytest.raises(ReleaseError, match="consonants: no singer bob; there are"):
        export(**runs, shards=shards, out=tmp_path / "mine", consonants={SINGER: {"bob": 1.0}})
    voice = export(**runs, shards=shards, out=tmp_path / "mine", consonants={SINGER: {SINGER: 0.5}})
    assert voice.singers[SINGER]["consonants"] == {SINGER: 0.5}
    assert voice.singers[SINGER]["languages"] == list(voice.languages)
    assert read_lent("kumi=hibari") == ("kumi", {"hibari": 1.0})
    assert read_lent("kumi=hibari:0.5") == ("kumi", {"hibari": 0.5})
    for wrong in ("kumi", "kumi=", "kumi=kumi", "kumi=hibari:2", "kumi=hibari:half", "=hibari"):
        with pytest.raises(ReleaseError, match="SINGER=OTHER or SINGER=OTHER:SHARE is wanted"):
            read_lent(wrong)


def test_the_card_is_left_alone_and_the_rest_replaced(runs, shards, tmp_path):
    (tmp_path / "mine").mkdir()
    for name in ("CARD.md", "voice.json", "codec.safetensors", "speakers.json"):
        (tmp_path / "mine" / name).write_text("by hand")
    export(**runs, shards=shards, out=tmp_path / "mine", name="renamed")
    assert (tmp_path / "mine" / "CARD.md").read_text() == "by hand"
    assert Voice.load(tmp_path / "mine").name == "renamed"
    assert not (tmp_path / "mine" / "speakers.json").exists()  # other singers' than these weights'


def test_a_voice_that_cannot_be_made_leaves_the_old_one(runs, shards, tmp_path):
    export(**runs, shards=shards, out=tmp_path / "mine")
    before = {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()}
    with pytest.raises(VoiceError, match="'singer' is \"nobody\"; one of the singers is wanted"):
        export(**runs, shards=shards, out=tmp_path / "mine", singer="nobody")
    assert {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("reader", "stage"), [(codec_of, "train-codec"), (timing_of, "train-timing"), (acoustic_of, "train-acoustic")]
)
def test_a_checkpoint_that_is_missing_or_another_is_told_in_one_line(reader, stage, runs, tmp_path):
    with pytest.raises(ReleaseError, match=f"none.ckpt: no such checkpoint; the recipe's stage `{stage}` makes it"):
        reader(tmp_path / "none.ckpt")
    (tmp_path / "torn.ckpt").write_bytes(runs["codec"].read_bytes()[:1000])
    with pytest.raises(ReleaseError, match="torn.ckpt: not a checkpoint of"):
        reader(tmp_path / "torn.ckpt")
    other = "timing" if stage != "train-timing" else "codec"
    with pytest.raises(ReleaseError, match=f"{other}/trained.ckpt: not a checkpoint of"):
        reader(runs[other])


def test_models_of_different_tables_are_not_put_together(runs, shards, features, tmp_path):
    tables = {**TABLES, "phonemes": PHONEMES[::-1]}
    module = TimingTraining(1, **tables)
    fit(module, TimingBatches(str(features), ["synthetic"], **tables), 1, RunCheckpoint(str(tmp_path / "timing")))
    with pytest.raises(ReleaseError, match="trained with different phonemes; make their configs agree"):
        export(**{**runs, "timing": tmp_path / "timing/trained.ckpt"}, shards=shards, out=tmp_path / "mine")


def test_the_command_says_in_one_line_what_is_missing(runs, features, tmp_path):
    parts = {**runs, "timing": tmp_path / "none.ckpt", "features": features / "synthetic", "out": tmp_path / "mine"}
    arguments = [str(text) for part, path in parts.items() for text in (f"--{part}", path)]
    done = subprocess.run([sys.executable, "-m", "svs.release", *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    wanted = f"export: {tmp_path}/none.ckpt: no such checkpoint; the recipe's stage `train-timing` makes it\n"
    assert done.stderr == wanted
    assert not (tmp_path / "mine").exists()
