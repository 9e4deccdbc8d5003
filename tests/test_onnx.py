"""Voices as ONNX: sung without torch, sample by sample what torch sings."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_voices import CODEC, write_voice

from svs import band, purity, speaker
from svs.audio import Audio, digest
from svs.cli import main
from svs.codec.purity import BANDS
from svs.description import NUMBERS
from svs.expression import Expression
from svs.frames import GROUPS
from svs.onnx_runner import NETWORKS, OnnxVoice, load
from svs.purity import Purity
from svs.score import Score
from svs.sing import sing
from svs.voice import TIMBRES, Voice, VoiceError

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

FULL_SCALE = 1e-3  # of 1.0: 60 dB below it; what is found is 60 dB less
ROW = Path(__file__).parent.parent / "assets" / "scores" / "row_your_boat.musicxml"
WITHOUT_TORCH = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ImportError("torch is blocked")
sys.meta_path.insert(0, Blocked())
from svs.cli import main
try:
    main()
finally:
    assert "torch" not in sys.modules and "onnxruntime" in sys.modules
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tenor = {"of": {"ann": 1, "bob": 3}, "range_cents": [4500, 6700], "formant_shift": -2.0}
    voice = write_voice(tmp_path_factory.mktemp("voices") / "tiny", fast={"steps": 1}, blends={"tenor": tenor})
    size = CODEC["latent_dim"]
    band.save(np.random.default_rng(0).normal(0, 0.1, (size + 1, size)), voice / band.FILE)
    purity.save({"ann": Purity(np.array([6000.0, 7000.0]), np.full((2, BANDS), 90.0))}, voice / purity.FILE)
    return voice


@pytest.fixture(scope="module")
def exported(folder):
    out = folder.parent / "exported"
    assert run("export", "--onnx", folder, out) == 0
    return out


def run(*arguments) -> int:
    """The exit status of `svs …` in this process."""
    before, sys.argv = sys.argv, ["svs", *map(str, arguments)]
    try:
        main()
        return 0
    except SystemExit as stop:
        return stop.code or 0
    finally:
        sys.argv = before


def song(count: int, seconds: float, every: int = 8) -> Score:
    """Notes with a rest after every few of them."""
    notes = [(seconds * (i + i // every), seconds, 6000 + 100 * (i % 9), "sing") for i in range(count)]
    return Score.from_notes(notes)


@pytest.mark.parametrize(
    "options",
    [
        {"seed": 3},
        {"guidance": 1.0, "sampler": "midpoint", "steps": 3, "pitch": "exact"},
        {"singer": "ann:0.3+tenor:0.7", "fast": True},
        {"expression": Expression(breathiness=6.0, tension=2.0, formant_shift=-1.5, consonants=3.0)},
    ],
    ids=["guided", "midpoint", "mixture, fast", "coloured"],
)
def test_a_song_sounds_as_with_torch(folder, exported, options):
    score = song(5, 0.487)  # an odd number of frames
    by_torch, by_onnx = sing(score, Voice.load(folder), **options), sing(score, load(exported), **options)
    assert by_onnx.to_json() == by_torch.to_json()
    assert np.abs(by_torch.audio.samples).max() > 0.05
    np.testing.assert_allclose(by_onnx.audio.samples, by_torch.audio.samples, rtol=0, atol=FULL_SCALE)


def test_stretches_of_other_lengths_than_the_one_traced_join_alike(folder, exported):
    score = song(70, 0.5)
    by_torch, by_onnx = (sing(score, load(voice), steps=1, guidance=1.0).audio.samples for voice in (folder, exported))
    np.testing.assert_allclose(by_onnx, by_torch, rtol=0, atol=FULL_SCALE)


def test_the_command_sings_with_torch_out_of_reach(folder, exported, tmp_path):
    out = tmp_path / "song.wav"
    command = [sys.executable, "-c", WITHOUT_TORCH, "sing", ROW, "-o", out, "--voice", exported, "--no-cache"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    assert done.returncode == 0, done.stderr
    take = sing(ROW, folder)
    np.testing.assert_allclose(Audio.read(out).samples, take.audio.samples, rtol=0, atol=FULL_SCALE)
    assert json.loads(out.with_suffix(".json").read_text()) == json.loads(json.dumps(take.to_json())) | {"digest": digest(out)}


def test_an_exported_voice_is_told_from_one_of_torch(folder, exported):
    assert isinstance(load(exported), OnnxVoice) and not isinstance(load(folder), OnnxVoice)
    networks = {f"{name}.onnx" for name in NETWORKS}
    assert {path.name for path in exported.iterdir()} == networks | {
        "voice.json", "timing.safetensors", band.FILE, purity.FILE
    }  # fmt: skip


def test_without_onnxruntime_one_line_says_what_to_install(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(VoiceError, match=r"sings with onnxruntime, which is not installed: pip install onnxruntime$"):
        load(exported)


@pytest.mark.parametrize("damage", ["missing", "cut", "noise"])
def test_damaged_networks_are_named_in_one_line(exported, tmp_path, damage):
    for path in exported.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    network = tmp_path / "velocity.onnx"
    if damage == "missing":
        network.unlink()
    else:
        data = network.read_bytes()
        network.write_bytes(data[: len(data) // 2] if damage == "cut" else b"\x00no graph" * 50)
    with pytest.raises(VoiceError, match=r"velocity\.onnx: (no such network|not a network)") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("about", [None, {"format": 99}, {"format": 1, "latent_dim": 0, "conditions": []}, [1]])
def test_facts_of_another_format_are_refused(exported, tmp_path, about):
    for path in exported.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    facts = json.loads((exported / "voice.json").read_text())
    (tmp_path / "voice.json").write_text(json.dumps({**facts, "onnx": about}))
    with pytest.raises(VoiceError, match="export the voice again"):
        load(tmp_path)


def test_networks_of_another_voice_are_refused(exported, tmp_path):
    for path in exported.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    facts = json.loads((exported / "voice.json").read_text())
    facts["singers"] = {"ann": facts["singers"]["ann"]}
    del facts["blends"]
    (tmp_path / "voice.json").write_text(json.dumps(facts))
    with pytest.raises(VoiceError, match=r"names 1 singers and 3 conditions, conditions\.onnx has 2 and 3"):
        load(tmp_path)


def test_what_is_there_already_is_left_alone(folder, exported, tmp_path, capsys):
    (tmp_path / "there").mkdir()
    for out, reason in ((tmp_path / "there", "is there already"), (tmp_path / "no" / "where", "cannot be made")):
        assert run("export", "--onnx", folder, out) == 2
        assert reason in capsys.readouterr().err
    assert run("export", "--onnx", tmp_path / "there", tmp_path / "new") == 2
    assert "is not installed" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    """A voice with all whole-line conditions, and the same without torch."""
    rng = np.random.default_rng(0)
    sizes = {**dict.fromkeys(GROUPS, 0), "timbre": speaker.NUMBERS, "style": 2, "text": NUMBERS}
    folder = tmp_path_factory.mktemp("rich") / "rich"
    write_voice(folder, conditions=sizes, styles=["plain", "strong"], style="plain", guidance={"style": 1.5})
    embedded = {name: rng.standard_normal(speaker.NUMBERS) for name in ("ann", "bob")}
    speaker.write_embeddings(folder / TIMBRES, embedded, "random vectors")
    assert run("export", "--onnx", folder, folder.parent / "exported") == 0
    return folder, folder.parent / "exported"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"style": "strong", "singer": "bob"},
        {"describe": "soft", "guidance": "text=2,timbre=1.3"},
        {"guidance": "text=2"},
    ],
    ids=["plain", "style", "words", "scale of what is not known"],
)
def test_styles_words_and_timbres_sound_as_with_torch(rich, options):
    by_torch, by_onnx = (sing(song(3, 0.4), load(voice), **options) for voice in rich)
    assert by_onnx.to_json() == by_torch.to_json()
    assert np.abs(by_torch.audio.samples).max() > 0.05
    np.testing.assert_allclose(by_onnx.audio.samples, by_torch.audio.samples, rtol=0, atol=FULL_SCALE)


def test_networks_that_lack_a_condition_of_voice_json_are_refused(rich, tmp_path):
    for path in rich[1].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    facts = json.loads((tmp_path / "voice.json").read_text())
    facts["onnx"]["conditions"][-1] = "mood"
    (tmp_path / "voice.json").write_text(json.dumps(facts))
    with pytest.raises(VoiceError, match=r"conditions mood, style, timbre, conditions\.onnx has style, text, timbre"):
        load(tmp_path)


@pytest.mark.parametrize("names", [("lyrics",), ("pitch", "style"), ("lyrics", "speaker")], ids="+".join)
def test_networks_that_know_less_than_is_sung_are_exported(tmp_path, names):
    sizes = {name: {"style": 2}.get(name, 0) for name in names}
    styles = {"styles": ["plain", "strong"]} if "style" in names else {}
    folder = write_voice(tmp_path / "few", conditions=sizes, guidance={}, **styles)
    assert run("export", "--onnx", folder, tmp_path / "out") == 0
    by_torch, by_onnx = (sing(song(2, 0.4), load(voice)).audio.samples for voice in (folder, tmp_path / "out"))
    np.testing.assert_allclose(by_onnx, by_torch, rtol=0, atol=FULL_SCALE)


def test_a_voice_that_hears_clips_is_not_exported(tmp_path, capsys):
    folder = write_voice(tmp_path / "hears", conditions={**dict.fromkeys(GROUPS, 0), "reference": 6})
    assert run("export", "--onnx", folder, tmp_path / "out") == 2
    assert "knows the condition 'reference'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
