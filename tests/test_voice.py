"""Voices: found by name or folder, whole, or refused in one line."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file
from tiny_voices import ACOUSTIC, CODEC, CONSONANT_SECONDS, PHONEMES, SINGERS, write_timing, write_voice

from svs.dit import DiT
from svs.score import Score
from svs.sing import sing
from svs.timing import Consonant
from svs.voice import Voice, VoiceError, find, installed, load_acoustic, save_acoustic


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_voice(tmp_path_factory.mktemp("voices") / "tiny")


@pytest.fixture
def folder(written, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(written, tmp_path / "tiny")


def edit(folder, **facts):
    """Replace facts of voice.json; None removes one."""
    about = json.loads((folder / "voice.json").read_text()) | facts
    (folder / "voice.json").write_text(json.dumps({k: v for k, v in about.items() if v is not None}))


def test_a_whole_voice_is_loaded(written):
    voice = Voice.load(written)
    assert (voice.name, voice.singer, voice.languages, voice.steps) == ("tiny", "ann", ("en",), 2)
    assert list(voice.phonemes) == PHONEMES
    assert list(voice.phonemes.values()) == list(range(len(PHONEMES)))
    assert voice.guidance == {"lyrics": 1.5}
    assert voice.acoustic.sizes == {"phonemes": len(PHONEMES), "speakers": 2, "expansion": 4, **ACOUSTIC}
    assert voice.codec.sizes == CODEC | {"fine_dim": 0, "decoder_expansion": 3}
    assert not voice.acoustic.training
    assert not voice.codec.training


def test_no_pickle_is_in_a_voice(written):
    assert {path.suffix for path in written.iterdir()} <= {".json", ".safetensors", ".md"}


def test_singers_are_weights_in_the_order_of_the_file(written):
    voice = Voice.load(str(written))
    assert voice.singer_weights(None).tolist() == voice.singer_weights("ann").tolist() == [1.0, 0.0]
    assert voice.singer_weights("bob").tolist() == [0.0, 1.0]
    for ask in (voice.singer_weights, voice.durations):
        with pytest.raises(VoiceError, match=r"voice 'tiny' has no singer 'carl'; it has ann, bob"):
            ask("carl")


def test_singers_can_be_mixed(written):
    voice = Voice.load(str(written))
    assert voice.singer_weights("ann:0.6+bob:0.4").tolist() == pytest.approx([0.6, 0.4])
    assert voice.singer_weights("bob:3 + ann").tolist() == pytest.approx([0.25, 0.75])
    lows = [voice.singers[name]["range_cents"][0] for name in ("ann", "bob")]
    assert voice.range_cents("ann:1+bob:3")[0] == pytest.approx(0.25 * lows[0] + 0.75 * lows[1])
    asked = [Consonant("S", "SIL", "AA", False, 0.4)]
    one, other, both = (voice.durations(singer).seconds(asked)[0] for singer in ("ann", "bob", "ann+bob"))
    assert min(one, other) <= both <= max(one, other)


@pytest.mark.parametrize(
    ("singer", "says"),
    [
        ("ann+carl:0.5", "no singer 'carl'"),
        ("ann:loud+bob", "'ann:loud' cannot be mixed"),
        ("ann:-1+bob", "'ann:-1' cannot be mixed"),
        ("ann:nan+bob", "'ann:nan' cannot be mixed"),
        ("ann+ann", "'ann' cannot be mixed"),
        ("ann:0", "add up to nothing"),
    ],
)
def test_what_cannot_be_mixed_is_said(written, singer, says):
    with pytest.raises(VoiceError, match=re.escape(says)):
        Voice.load(str(written)).singer_weights(singer)


def test_consonants_are_as_long_as_the_voice_or_the_singer_of_the_moment_says(folder):
    asked = [Consonant("S", "SIL", "AA", False, 0.4)]
    (learned,) = Voice.load(folder).durations("ann").seconds(asked)
    edit(folder, consonant_length=1.25)
    voice = Voice.load(folder)
    for length, factor in ((None, 1.25), (2.0, 2.0), (1.0, 1.0)):
        assert voice.durations("ann", length).seconds(asked)[0] == pytest.approx(factor * learned)
    with pytest.raises(ValueError, match="consonant_length is 9; a factor from 0.25 to 4 is wanted"):
        voice.durations("ann", 9)


def test_consonants_are_borrowed_in_languages_a_singer_was_not_recorded_in(folder):
    lends = {**SINGERS["ann"], "languages": ["ja"], "consonants": {"bob": 0.75}}
    edit(folder, singers={"ann": lends, "bob": SINGERS["bob"]}, languages=["ja", "en"])
    voice = Voice.load(folder)
    for language, singer, consonants in (
        ("en-GB", "ann", [0.25, 0.75]),
        ("de", "ann:0.6+bob:0.4", [0.15, 0.85]),
        ("ja", "ann", None),
        (None, "ann", None),  # the voice's first language
        ("en", "bob", None),
    ):
        singing = voice.singing(singer, language)
        np.testing.assert_array_equal(singing.weights, voice.singer_weights(singer))
        assert (singing.consonants is None) == (consonants is None)
        if consonants:
            np.testing.assert_allclose(singing.consonants, consonants, atol=1e-6)


def test_a_blend_is_a_singer_made_of_the_trained_ones(folder):
    tenor = {"of": {"ann": 1, "bob": 3}, "range_cents": [4500, 6700], "formant_shift": -2.0}
    edit(folder, blends={"tenor": tenor}, singer="tenor")
    voice = Voice.load(folder)
    assert voice.names == ("ann", "bob", "tenor")
    assert voice.singer_weights(None).tolist() == voice.singer_weights("ann+bob:3").tolist() == [0.25, 0.75]
    assert voice.mixture("tenor:0.5+ann:0.5") == {"ann": 0.625, "bob": 0.375}
    assert voice.range_cents("tenor") == (4500, 6700)
    assert voice.range_cents("tenor+ann") == (5000, 7200)
    assert (voice.formant_shift("tenor"), voice.formant_shift("ann"), voice.formant_shift("ann:3+tenor")) == (-2.0, 0.0, -0.5)
    with pytest.raises(VoiceError, match=r"has no singer 'carl'; it has ann, bob, tenor"):
        voice.singing("carl")


def test_consonants_last_as_long_as_the_file_says(written):
    seconds = Voice.load(written).durations("bob").seconds([Consonant("S", "SIL", "AA", False, 0.4)])
    assert seconds == pytest.approx([CONSONANT_SECONDS], rel=1e-6)


# Found ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def places(written, tmp_path, monkeypatch):
    """Two places where voices are installed, the first of which wins."""
    wheel, clone = tmp_path / "wheel", tmp_path / "clone"
    shutil.copytree(written, wheel / "tiny")
    shutil.copytree(written, clone / "tiny")
    shutil.copytree(written, clone / "alto")
    (clone / "unfinished").mkdir()
    monkeypatch.setattr("svs.voice.FOLDERS", (wheel, clone))
    return wheel, clone


def test_installed_voices_are_listed_by_name_each_once(places):
    wheel, clone = places
    assert installed() == [clone / "alto", wheel / "tiny"]


def test_a_voice_is_found_by_name_or_by_folder(places, written):
    wheel, clone = places
    assert find("tiny") == wheel / "tiny"
    assert find("alto") == clone / "alto"
    assert find(written) == find(str(written)) == written


@pytest.mark.parametrize("name", ["soprano", "unfinished", "/nowhere/tiny"])
def test_a_voice_that_is_not_there_is_told_with_those_that_are(places, name):
    with pytest.raises(VoiceError, match=rf"voice '{name}' is not installed .*; installed: alto, tiny$"):
        find(name)


def test_without_any_voice_the_recipe_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("svs.voice.FOLDERS", (tmp_path,))
    assert installed() == []
    with pytest.raises(VoiceError, match=r"installed: none; recipes/default makes one$"):
        Voice.load("default")


# Damaged ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "stage"), [("acoustic", "train-acoustic"), ("codec", "train-codec"), ("timing", "train-timing")]
)
def test_a_missing_network_names_the_stage_that_makes_it(folder, file, stage):
    (folder / f"{file}.safetensors").unlink()
    with pytest.raises(VoiceError, match=rf"{file}.safetensors: no such .*; the recipe's stage `{stage}` makes it$"):
        Voice.load(folder)


@pytest.mark.parametrize("file", ["acoustic", "codec", "timing"])
@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "foreign"])
def test_a_damaged_network_is_told_in_one_line(folder, file, damage):
    path = folder / f"{file}.safetensors"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-20])
    elif damage == "foreign":
        save_file({"weight": np.zeros(3)}, path)
    else:
        path.write_bytes(b"these are no weights" if damage == "text" else b"")
    with pytest.raises(VoiceError) as caught:
        Voice.load(folder)
    message = str(caught.value)
    assert message.startswith(f"{path}: not the ")
    assert "\n" not in message
    assert len(message) < 400


def with_weight(path, name, value):
    """The file with every number of one of its tensors replaced."""
    with safe_open(path, "np") as stored:
        header, weights = stored.metadata(), {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118 (no dict)
    weights[name] = np.full_like(weights[name], value)
    save_file(weights, path, header)


@pytest.mark.parametrize(("file", "name"), [("codec", "decoder.noise.bias"), ("timing", "w1")])
def test_weights_that_are_no_numbers_are_refused(folder, file, name):
    with_weight(folder / f"{file}.safetensors", name, np.nan)
    with pytest.raises(VoiceError, match=rf"{file}\.safetensors.*{name} is not finite"):
        Voice.load(folder)


def test_a_voice_whose_sound_would_be_no_number_says_so(folder):
    """As a training that diverged leaves it: every weight a number, and what they make together none."""
    with_weight(folder / "acoustic.safetensors", "merge.weight", 60_000.0)
    with pytest.raises(VoiceError, match=r"from 0\.00 s on the voice makes no sound that is finite"):
        sing(Score.from_notes([(0.0, 0.5, "A4", "la")]), Voice.load(folder))


@pytest.mark.parametrize("text", ["", "{", "[]", '"voice"', "\udcff"])
def test_a_voice_json_that_is_none_is_told(folder, text):
    path = folder / "voice.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(VoiceError, match=r"voice.json: (cannot be read as JSON|holds no JSON object)"):
        Voice.load(folder)


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("name", 3),
        ("singer", "carl"),
        ("singers", []),
        ("consonant_length", 9),
        ("consonant_length", "long"),
        ("singers", {}),
        ("singers", {"ann": {}, "bob": {}}),
        ("singers", {"ann": {"range_cents": [7700, 5500]}, "bob": SINGERS["bob"]}),
        ("singers", SINGERS | {"bob": SINGERS["bob"] | {"languages": "en"}}),
        ("singers", SINGERS | {"bob": SINGERS["bob"] | {"consonants": {"carl": 1.0}}}),
        ("singers", SINGERS | {"bob": SINGERS["bob"] | {"consonants": {"ann": 1.5}}}),
        ("phonemes", {"SIL": 0}),
        ("phonemes", ["SIL", "SIL"]),
        ("languages", "en"),
        ("steps", 0),
        ("steps", "many"),
        ("guidance", 1.5),
        ("guidance", {"mood": 2.0}),
        ("guidance", {"lyrics": "much"}),
        ("sampler", "rk45"),
        ("sampler", ["euler"]),
        ("fast", {"sampler": "euler"}),
        ("fast", {"steps": 2, "sampler": "rk45"}),
        ("fast", 2),
        ("blends", ["ann"]),
        ("blends", {"ann": {"of": {"bob": 1}, "range_cents": [4500, 6700]}}),
        ("blends", {"tenor": {"of": {"carl": 1}, "range_cents": [4500, 6700]}}),
        ("blends", {"tenor": {"of": {"bob": 0}, "range_cents": [4500, 6700]}}),
        ("blends", {"tenor": {"of": {"bob": 1}}}),
        ("blends", {"tenor": {"of": {"bob": 1}, "range_cents": [4500, 6700], "formant_shift": 40}}),
    ],
)
def test_a_fact_that_cannot_be_is_named(folder, fact, value):
    edit(folder, **{fact: value})
    with pytest.raises(VoiceError, match=rf"voice.json: '{fact}' is .*; .* wanted$") as caught:
        Voice.load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("fact", ["name", "singer", "singers", "phonemes", "languages", "steps", "guidance"])
def test_a_fact_that_is_missing_is_named(folder, fact):
    edit(folder, **{fact: None})
    with pytest.raises(VoiceError, match=rf"voice.json: has no '{fact}'; .* is wanted$"):
        Voice.load(folder)


def test_tables_of_other_sizes_than_the_weights_are_told(folder):
    edit(folder, phonemes=PHONEMES[:-1])
    count = len(PHONEMES)
    with pytest.raises(VoiceError, match=rf"names {count - 1} phonemes and 2 singers, .* has {count} and 2"):
        Voice.load(folder)
    edit(folder, phonemes=PHONEMES, singers=SINGERS | {"carl": SINGERS["bob"]})
    with pytest.raises(VoiceError, match=r"phonemes and 3 singers, acoustic.safetensors has"):
        Voice.load(folder)


def test_networks_of_two_voices_are_told(folder):
    other = DiT(len(PHONEMES), len(SINGERS), **{**ACOUSTIC, "latent_dim": 8})
    save_acoustic(other, folder / "acoustic.safetensors")
    with pytest.raises(VoiceError, match=r"makes latents of 8 numbers, codec.safetensors takes 6; they are not"):
        Voice.load(folder)


def test_a_singer_without_timing_is_told(folder):
    write_timing(folder / "timing.safetensors", singers=("ann",))
    with pytest.raises(VoiceError, match=r"timing.safetensors: not the consonant durations of this voice .*'bob'"):
        Voice.load(folder)


# Weights ----------------------------------------------------------------------------------------------------------


def test_an_acoustic_model_comes_back_from_its_file_as_it_was(tmp_path):
    network = DiT(len(PHONEMES), len(SINGERS), **ACOUSTIC)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter).half())
    save_acoustic(network, tmp_path / "acoustic.safetensors")
    again = load_acoustic(tmp_path / "acoustic.safetensors")
    assert again.sizes == network.sizes
    for name, value in network.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
