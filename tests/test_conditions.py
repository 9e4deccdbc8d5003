"""Conditions: any of them is learned and heard, dropped ones are not, and each is guided by itself."""

import json
import re
import shutil
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from singers import tone
from tiny_corpus import ACOUSTIC, CODEC, PHONEMES, fit
from tiny_voices import write_voice

from data_prep import describe, timbres
from data_prep.synthetic import SINGER
from svs import speaker
from svs.batches import AcousticBatches, CodecBatches, TimingBatches
from svs.cache import PhraseCache
from svs.checkpoints import RunCheckpoint
from svs.cli import main
from svs.conditioner import Conditioner
from svs.conditioning import CONDITIONS, GROUPS, Conditions, with_prefix
from svs.dataset import INDEX, DatasetError, Shard
from svs.description import HASHED, NUMBERS
from svs.description import describe as described
from svs.dit import DiT
from svs.flow import flow_matching_loss
from svs.guidance import GuidanceError, read_guidance
from svs.release import export
from svs.samplers import draw
from svs.score import Score
from svs.sing import sing
from svs.training import AcousticTraining, CodecTraining, TimingTraining, TrainingError, begin_as
from svs.voice import Voice, VoiceError, load_acoustic, save_acoustic

TABLES = {"phonemes": PHONEMES, "speakers": [SINGER, "tan"]}
STYLES = ["plain", "strong"]
FRAMES = 30
SUBSETS = [
    *((name,) for name in CONDITIONS),
    *(tuple(name for name in CONDITIONS if name != other) for other in CONDITIONS),
    GROUPS,
    (*GROUPS, "style", "text"),
    CONDITIONS,
]
SIZES = {
    **dict.fromkeys(GROUPS, 0),
    **{"timbre": speaker.NUMBERS, "style": 2, "text": NUMBERS, "reference": ACOUSTIC["latent_dim"]},
}
SCORE = Score.from_notes([(0.0, 0.3, 6000, "la"), (0.3, 0.4, 6400, "so")])


def spectrum(audio):
    """A sound's magnitudes in as many bands as the speaker encoder has numbers: enough to tell clips apart."""
    power = np.abs(np.fft.rfft(audio.samples.astype(np.float64))) ** 2
    return np.sqrt([[part.sum() for part in np.array_split(power, speaker.NUMBERS)]])


@pytest.fixture(scope="module")
def annotated(features, tmp_path_factory):
    """Features whose clips have a style in turn, measured descriptions and embeddings."""
    root = tmp_path_factory.mktemp("annotated")
    shutil.copytree(features / "synthetic", root / "synthetic")
    index = root / "synthetic" / INDEX
    clips = [json.loads(line) for line in index.read_text().splitlines()]
    styled = [{**clip, "style": STYLES[i % 2]} for i, clip in enumerate(clips)]
    index.write_text("".join(json.dumps(clip) + "\n" for clip in styled))
    describe.main([str(root)])
    timbres.embed(Shard.open(root / "synthetic"), spectrum)
    return root


def batches(folder, names, **options):
    given = {"styles": STYLES, "batch_size": 3, "frames": FRAMES, "conditions": list(names), **options}
    return AcousticBatches(str(folder), {"synthetic": 1.0}, **TABLES, **given)


def acoustic(names, steps=3, **options):
    torch.manual_seed(1)
    given = {"conditions": list(names), "styles": STYLES, "prefix": 10, "bfloat16": False, **options}
    return AcousticTraining(steps, **TABLES, **ACOUSTIC, **given)


def altered(conditions, name):
    """The same conditions but for one."""
    c = conditions
    changes = {
        "lyrics": lambda: {"phonemes": (c.phonemes + 1) % len(PHONEMES), "position": c.position + 0.5},
        "pitch": lambda: {"cents": c.cents + 500},
        "reference": lambda: {"reference": c.reference * torch.tensor([1.0] + [-2.0] * (c.reference.shape[-1] - 1))},
    }
    return replace(c, **changes.get(name, lambda: {name: getattr(c, name).flip(-1)})())


@pytest.mark.parametrize("names", SUBSETS, ids="+".join)
def test_any_conditions_are_learned_and_heard_and_dropped_apart(annotated, names):
    module, data = acoustic(names, learning_rate=0.5), batches(annotated, names)
    fit(module, data, 3)
    network = module.network.eval()
    assert network.conditioner.names == names
    conditions, latents = data.batch(7)
    if "text" in names:  # clips that nothing sets apart have no words
        conditions = replace(conditions, text=torch.from_numpy(described("soft", HASHED)).repeat(3, 1))
    if "reference" in names:
        conditions = with_prefix(conditions, latents, torch.tensor([4, 8, 12]))
    x, t = torch.randn_like(latents), torch.tensor([0.2, 0.5, 0.8])

    def velocity(conditions, drop=None):
        with torch.inference_mode():
            return network(x, t, network.condition(conditions, drop), conditions.keep)

    for index, name in enumerate(names):
        drop = torch.zeros(3, len(names), dtype=torch.bool)
        drop[:, index] = True
        other = altered(conditions, name)
        assert torch.equal(velocity(conditions, drop), velocity(other, drop)), name
        for with_it, without in zip(velocity(conditions), velocity(conditions, drop), strict=True):
            assert (with_it - without).abs().max() > 1e-5, name
        for before, after in zip(velocity(conditions), velocity(other), strict=True):
            assert (before - after).abs().max() > 1e-5, name


def test_every_one_of_the_127_subsets_makes_vectors_of_its_conditions_alone(annotated):
    data = batches(annotated, CONDITIONS)
    data.setup()
    conditions, latents = data.batch(0)
    conditions = with_prefix(conditions, latents, torch.tensor([5, 5, 5]))
    conditions = replace(conditions, text=torch.from_numpy(described("soft", HASHED)).repeat(3, 1))
    subsets = [names for count in range(1, 8) for names in combinations(CONDITIONS, count)]
    assert len(subsets) == 127
    for names in subsets:
        conditioner = Conditioner(len(PHONEMES), 2, 8, 0, {name: SIZES[name] for name in names})
        conditioner.initialise()
        before = conditioner(conditions)
        for name in CONDITIONS:
            assert torch.equal(before, conditioner(altered(conditions, name))) == (name not in names), (names, name)


def test_what_is_not_known_of_a_line_is_as_if_dropped(annotated):
    network = acoustic(CONDITIONS).network
    data = batches(annotated, CONDITIONS)
    data.setup()
    conditions, latents = data.batch(0)
    known = with_prefix(conditions, latents, torch.tensor([5, 5, 5]))
    for name in ("timbre", "style", "text", "reference"):
        drop = torch.zeros(3, len(CONDITIONS), dtype=torch.bool)
        drop[:, CONDITIONS.index(name)] = True
        here = conditions if name == "reference" else known
        zero, none = (replace(here, **{name: value}) for value in (
            torch.zeros_like(getattr(known, name)), getattr(known, name)[..., :0]
        ))  # fmt: skip
        dropped = network.condition(here, drop)
        torch.testing.assert_close(network.condition(zero), dropped, rtol=0, atol=0)
        torch.testing.assert_close(network.condition(none), dropped, rtol=0, atol=0)


def test_styles_and_words_come_from_the_clips(annotated):
    data = batches(annotated, CONDITIONS, batch_size=40)
    data.setup()
    conditions, _ = data.batch(0)
    assert {tuple(row) for row in conditions.style.tolist()} == {(1.0, 0.0), (0.0, 1.0)}
    lengths = conditions.text.norm(dim=1)
    assert torch.all(torch.isclose(lengths, torch.ones(())) | (lengths == 0)) and lengths.any()
    torch.testing.assert_close(conditions.timbre.norm(dim=1), torch.ones(40))
    plain = batches(annotated, GROUPS, styles=None)
    plain.setup()
    assert plain.batch(0)[0].text.shape == (3, 0)


def test_any_phrases_of_a_description_are_drawn():
    from svs.batches import Texts

    texts, random = Texts(HASHED), np.random.default_rng(0)
    wanted = {" ".join(sorted(words)): described(", ".join(words), HASHED) for n in (1, 2) for words in
              combinations(("soft", "breathy"), n)}  # fmt: skip
    drawn = [texts.drawn("soft, breathy", random)[0].numpy() for _ in range(40)]
    seen = {name for vector in drawn for name, known in wanted.items() if np.allclose(vector, known, atol=1e-6)}
    assert seen == set(wanted)
    assert not texts.drawn("", random).any()


def test_the_prefix_is_known_and_kept_out_of_the_loss(annotated):
    """A network that has learned nothing yet hears no condition, so its loss tells which frames count."""
    module, data = acoustic(("lyrics", "reference"), drop={"lyrics": 0.0}), batches(annotated, ("lyrics", "reference"))
    data.setup()
    conditions, latents = data.batch(0)
    module.weights = torch.ones(latents.shape[-1])
    module.log = lambda *args, **kwargs: None

    def loss(latents):
        torch.manual_seed(5)
        return float(module.training_step((conditions, latents), 0).detach())

    shortest = 2  # of half a crop, at most 10 frames, a fifth
    first, last = latents.clone(), latents.clone()
    first[:, :shortest] += 3.0
    last[:, -shortest:] += 3.0
    assert loss(first) == loss(latents) != loss(last)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"names": ("mood",)}, "conditions: mood unknown; choose of lyrics, pitch, speaker"),
        ({"names": ()}, "conditions: none is named"),
        ({"names": ("style",), "styles": None}, "style comes as 0 numbers"),
        ({"names": GROUPS, "drop": {"text": 0.1}}, "drop: text none of the conditions lyrics, pitch, speaker"),
        ({"names": GROUPS, "drop": 1.5}, "drop: lyrics is 1.5; a share from 0 to 1 is wanted"),
        ({"names": ("text",), "drop": 0.0}, "drop: text is 0; singing without it wants"),
    ],
)
def test_conditions_that_cannot_be_trained_are_named(options, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        acoustic(**options)


def test_model_and_data_name_the_same_conditions(annotated):
    for names, options, says in (
        (GROUPS, {}, "conditions: the model has lyrics, pitch, speaker, the data lyrics, pitch, speaker, style; name"),
        ((*GROUPS, "style"), {"styles": STYLES[::-1]}, "styles: the model has ['strong', 'plain'], the data"),
    ):
        with pytest.raises(TrainingError, match=re.escape(says)):
            fit(acoustic(names, **options), batches(annotated, (*GROUPS, "style")), 1)


def test_what_a_condition_is_heard_to_mean_is_sung():
    """Latents whose four numbers are told by style, words, timbre and the clip before, each by one alone.

    After a few hundred batches nine of ten numbers have the right sign, and what is dropped is left to chance.
    """
    names = ("style", "text", "timbre", "reference")
    frames, prefix, dim = 16, 5, len(names)
    torch.manual_seed(0)
    known = {"style": 2, "text": NUMBERS, "timbre": 8, "reference": dim}
    network = DiT(2, 2, dim, 32, 2, 2, 2, 16, 1, 1, conditions=known)
    words = torch.from_numpy(np.stack([described(text, HASHED) for text in ("soft, breathy", "strong")]))

    def drawn(count):
        told = torch.randint(0, 2, (count, dim))
        line = Conditions(
            *(torch.zeros(count, frames, width, dtype=torch.long) for width in (2, 2)),
            torch.zeros(count, frames, dtype=torch.long), torch.zeros(count, frames, 6),
            torch.zeros(count, frames, 2), torch.ones(count, frames, 2, dtype=torch.bool),
            torch.eye(2)[torch.zeros(count, dtype=torch.long)], torch.ones(count, frames, dtype=torch.bool),
            timbre=torch.eye(8)[told[:, 2]], style=torch.eye(2)[told[:, 0]], text=words[told[:, 1]],
        )  # fmt: skip
        latents = 0.3 * torch.randn(count, frames, dim)
        latents[:, :prefix, 3] += 2.0 * told[:, 3:] - 1.0  # the clip before tells the last number and no other
        latents[:, prefix:] += (2.0 * told - 1.0)[:, None]
        return told, with_prefix(line, latents, torch.full((count,), prefix)), latents

    optimiser = torch.optim.AdamW(network.parameters(), 4e-3)
    for _ in range(250):
        _, conditions, latents = drawn(16)
        encoded = network.condition(conditions, torch.rand(16, dim) < 0.1)
        counted = conditions.keep & ~conditions.prefix
        loss = flow_matching_loss(lambda x, t, c=encoded, k=conditions.keep: network(x, t, c, k), latents, counted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    told, conditions, _ = drawn(64)
    for missing in (None, *names):
        drop = torch.tensor([name == missing for name in network.conditioner.names]).expand(64, -1)
        with torch.inference_mode():
            encoded = network.condition(conditions, drop)
            noise = torch.randn(64, frames, dim)
            sung = draw(lambda x, t, c=encoded: network(x, t, c, conditions.keep), noise, 4, "midpoint", "velocity")
        right = ((sung[:, prefix:].mean(dim=1) > 0) == (told > 0)).float().mean(dim=0)
        for name, share in zip(names, right.tolist(), strict=True):
            assert 0.25 < share < 0.75 if name == missing else share > 0.9, (missing, name, share)


def test_clips_that_lack_what_a_condition_wants_name_the_remedy(features, annotated):
    for names, says in ((("text",), "python -m data_prep.describe"), (("timbre",), "python -m data_prep.timbres")):
        with pytest.raises(DatasetError, match=re.escape(f"{says} {features}")):
            batches(features, names).setup()
    with pytest.raises(DatasetError, match="is sung in the style 'strong'; styles names plain$"):
        batches(annotated, ("style",), styles=["plain"]).setup()


def test_a_network_goes_on_with_more_conditions_and_styles_as_it_was(annotated):
    """Further banks of a singer join by data alone."""
    known, more = {**dict.fromkeys(GROUPS, 0), "style": 1}, {**dict.fromkeys(GROUPS, 0), "style": 2, "text": NUMBERS}
    torch.manual_seed(3)
    old, new = (DiT(len(PHONEMES), 2, **ACOUSTIC, conditions=sizes) for sizes in (known, more))
    begin_as(new, old)
    data = batches(annotated, tuple(more))
    data.setup()
    conditions, _ = data.batch(0)
    plain = replace(conditions, style=torch.tensor([[1.0, 0.0]] * 3))
    alone = replace(plain, style=plain.style[:, :1], text=plain.text[:, :0])
    torch.testing.assert_close(new.condition(plain), old.condition(alone), rtol=0, atol=0)
    with pytest.raises(ValueError, match="start: knows text, which the conditions leave out"):
        begin_as(old, new)


# Voices -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    """The folder of a voice that knows every condition."""
    folder = write_voice(
        tmp_path_factory.mktemp("voices") / "rich", conditions=SIZES, styles=STYLES, style="plain", text_encoder=HASHED,
        reference_seconds=0.4, guidance={},
    )  # fmt: skip
    embedded = {name: np.eye(speaker.NUMBERS)[i] for i, name in enumerate(("ann", "bob"))}
    speaker.write_embeddings(folder / "timbres.json", embedded, "unit vectors")
    return folder


@pytest.fixture
def voice(rich, monkeypatch):
    monkeypatch.setattr(speaker, "encoder", lambda: spectrum)
    return Voice.load(rich)


@pytest.fixture
def clip(tmp_path):
    tone(6200, 1.2)[0].write(tmp_path / "clip.wav")
    return tmp_path / "clip.wav"


def samples(voice, **options):
    return sing(SCORE, voice, pitch="exact", **options).audio.samples


def test_style_words_and_reference_change_the_sound_and_not_the_time(voice, clip, tmp_path):
    options = ({"style": "strong"}, {"describe": "soft"}, {"reference": clip}, {"singer": "bob"})
    plain, *others = (samples(voice, **each) for each in ({}, *options))
    for number, other in enumerate(others):
        assert other.shape == plain.shape
        assert not np.array_equal(other, plain)
        assert not any(np.array_equal(other, further) for further in others[number + 1 :])
    assert np.array_equal(plain, samples(voice, style="plain"))
    assert np.array_equal(others[1], samples(voice, describe="  Soft! "))
    kept = PhraseCache(tmp_path / "phrases")
    for _ in range(2):
        assert np.array_equal(others[2], samples(voice, reference=clip, cache=kept))
    assert (kept.hits, kept.misses) == (1, 1)
    asked = sing(SCORE, voice, style="strong:1+plain:1", describe="soft", reference=clip).to_json()
    assert (asked["style"], asked["describe"], asked["reference"]) == ("strong:1+plain:1", "soft", "clip.wav")


def test_a_clip_is_heard_by_its_latents_and_by_its_speaker(rich, clip, tmp_path, monkeypatch):
    """Of voices that know one of the two, another clip sings differently; silence before it does not count."""
    from svs.audio import Audio

    monkeypatch.setattr(speaker, "encoder", lambda: spectrum)
    sound = Audio.read(clip)
    late = Audio(np.concatenate([np.zeros(882 * 20, np.float32), sound.samples]), sound.sample_rate)
    late.write(tmp_path / "late.wav")
    tone(6900, 1.2, vowel="i")[0].write(tmp_path / "other.wav")
    for name in ("reference", "timbre"):
        conditions = {**dict.fromkeys(GROUPS, 0), name: SIZES[name]}
        folder = write_voice(tmp_path / name, conditions=conditions, reference_seconds=0.4)
        shutil.copy(rich / "timbres.json", folder)
        voice = Voice.load(folder)
        one, other = (samples(voice, reference=tmp_path / file) for file in ("clip.wav", "other.wav"))
        assert not np.array_equal(one, other)
        if name == "reference":
            assert np.array_equal(one, samples(voice, reference=tmp_path / "late.wav"))


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_guidance_scale_of_1_costs_nothing_and_any_other_one_evaluation_each(voice, clip, name):
    evaluations = []
    hook = voice.acoustic.register_forward_hook(lambda *args: evaluations.append(1))
    asked = {"style": "strong", "describe": "soft", "reference": clip, "steps": 1, "sampler": "euler"}

    def sung(**options):
        evaluations.clear()
        return samples(voice, **asked, **options), len(evaluations)

    try:
        (plain, few), (same, as_few), (other, more) = sung(), sung(guidance={name: 1.0}), sung(guidance=f"{name}=2")
    finally:
        hook.remove()
    assert (few, as_few, more) == (1, 1, 2)
    assert plain.tobytes() == same.tobytes()
    assert not np.array_equal(plain, other)


def test_guidance_on_what_is_not_asked_for_costs_nothing(voice):
    assert samples(voice).tobytes() == samples(voice, guidance="text=3,reference=2").tobytes()


def test_scales_of_voice_json_hold_until_others_are_asked_for(rich, tmp_path):
    folder = shutil.copytree(rich, tmp_path / "guided")
    facts = json.loads((folder / "voice.json").read_text()) | {"guidance": {"style": 2.0, "pitch": 1.5}}
    (folder / "voice.json").write_text(json.dumps(facts))
    guided, plain = Voice.load(folder), Voice.load(rich)
    assert samples(guided).tobytes() == samples(plain, guidance="style=2,pitch=1.5").tobytes()
    assert samples(guided, guidance="style=1,pitch=1").tobytes() == samples(plain).tobytes()


@pytest.mark.parametrize(
    ("asked", "scales"),
    [
        (None, {}),
        (1.5, {"lyrics": 1.5}),
        ("1.5", {"lyrics": 1.5}),
        ("lyrics=1.5,text=2", {"lyrics": 1.5, "text": 2.0}),
        (" style = 0 , pitch=-1", {"style": 0.0, "pitch": -1.0}),
        ({"reference": 2}, {"reference": 2.0}),
    ],
)
def test_scales_are_read_as_a_number_or_by_condition(asked, scales):
    assert read_guidance(asked) == scales


@pytest.mark.parametrize(
    "asked",
    ["much", "lyrics=", "lyrics=1,lyrics=2", "lyrics=1,2", "=2", float("nan"), "1e9", {"text": "x"}, "text=inf"],
)
def test_scales_that_cannot_be_read_are_told(asked):
    with pytest.raises(GuidanceError, match=r"guidance is .*lyrics=1\.5,text=2"):
        read_guidance(asked)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"style": "strong"}, "voice 'tiny' has no condition 'style'; it has lyrics, pitch, speaker"),
        ({"describe": "soft"}, "voice 'tiny' has no condition 'text'; it has lyrics, pitch, speaker"),
        ({"reference": "clip.wav"}, "has no condition 'reference' or 'timbre'; it has lyrics, pitch, speaker"),
        ({"guidance": "text=2"}, "guidance: voice 'tiny' has no condition 'text'; it has lyrics, pitch, speaker"),
    ],
)
def test_a_voice_without_a_condition_names_those_it_has(tmp_path, options, says):
    voice = Voice.load(write_voice(tmp_path / "tiny"))
    with pytest.raises(ValueError, match=re.escape(says)) as told:
        sing(SCORE, voice, **options)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"style": "loud"}, "voice 'rich' has no style 'loud'; it has plain, strong"),
        ({"style": "plain:0"}, "style 'plain:0': the weights add up to nothing"),
        ({"describe": " …"}, "says nothing; words such as 'soft, breathy' are wanted"),
        ({"describe": "a" * 2000}, "is 2000 characters long; 1000 at most are read"),
        ({"reference": "nowhere.wav"}, "nowhere.wav"),
    ],
)
def test_what_cannot_be_sung_like_that_is_told_in_one_line(voice, options, says):
    with pytest.raises(ValueError, match=re.escape(says)) as told:
        sing(SCORE, voice, **options)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"styles": ["plain"]}, "voice.json names 1 styles, acoustic.safetensors has 2"),
        ({"style": "loud"}, "'style' is \"loud\"; one of the styles is wanted"),
        ({"reference_seconds": 0}, "'reference_seconds' is 0; seconds from 0.1 to 60 is wanted"),
        ({"text_encoder": 3}, "'text_encoder' is 3; hashed, or a model's name or folder is wanted"),
    ],
)
def test_a_voice_whose_facts_do_not_fit_its_network_is_refused(rich, tmp_path, facts, says):
    folder = shutil.copytree(rich, tmp_path / "rich")
    about = json.loads((folder / "voice.json").read_text()) | facts
    (folder / "voice.json").write_text(json.dumps(about))
    with pytest.raises(VoiceError, match=re.escape(says)):
        Voice.load(folder)


def test_a_network_of_further_conditions_comes_back_from_its_file_as_it_was(tmp_path):
    network = DiT(len(PHONEMES), 2, **ACOUSTIC, conditions=SIZES)
    save_acoustic(network, tmp_path / "acoustic.safetensors")
    again = load_acoustic(tmp_path / "acoustic.safetensors")
    assert again.sizes == network.sizes and again.conditioner.names == CONDITIONS


def test_the_command_sings_so_and_refuses_in_one_line(rich, voice, clip, tmp_path, monkeypatch, capsys):
    (tmp_path / "song.txt").write_text("#TITLE:a\n#BPM:200\n: 0 4 0 la\nE\n")

    def command(*options):
        arguments = ["svs", "sing", tmp_path / "song.txt", "-o", tmp_path / "out.wav", "--voice", rich, *options]
        monkeypatch.setattr("sys.argv", list(map(str, arguments)))
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code

    asked = ("--style", "strong", "--describe", "soft", "--reference", clip)
    assert command(*asked, "--guidance", "lyrics=1.5,text=2") == 0
    take = json.loads((tmp_path / "out.json").read_text())
    assert (take["style"], take["describe"], take["reference"]) == ("strong", "soft", "clip.wav")
    capsys.readouterr()
    for options, says in (
        (("--guidance", "mood=2"), "guidance: voice 'rich' has no condition 'mood'; it has lyrics, pitch, speaker"),
        (("--guidance", "much"), "guidance is much"),
        (("--reference", tmp_path / "none.wav"), "none.wav: no such file"),
    ):
        assert command(*options) == 2
        said = capsys.readouterr().err.strip()
        assert says in said and "\n" not in said


def test_from_annotated_clips_to_a_voice_that_sings_in_a_style(annotated, clip, tmp_path, monkeypatch):
    monkeypatch.setattr(speaker, "encoder", lambda: spectrum)
    tables = {"phonemes": PHONEMES, "speakers": [SINGER]}
    corpora = {"synthetic": 1.0}
    trainings = {
        "codec": (CodecTraining(2, **CODEC), CodecBatches(str(annotated), corpora, batch_size=2, frames=20)),
        "timing": (TimingTraining(2, **tables), TimingBatches(str(annotated), ["synthetic"], **tables)),
        "acoustic": (
            AcousticTraining(2, **tables, **ACOUSTIC, conditions=list(CONDITIONS), styles=STYLES, prefix=25),
            AcousticBatches(
                str(annotated), corpora, **tables, frames=60, batch_size=2, conditions=list(CONDITIONS), styles=STYLES
            ),
        ),
    }
    for part, (module, data) in trainings.items():
        fit(module, data, 2, RunCheckpoint(str(tmp_path / part)))
    checkpoints = {part: tmp_path / part / "trained.ckpt" for part in trainings}
    shards = [Shard.open(annotated / "synthetic")]
    voice = export(**checkpoints, shards=shards, out=tmp_path / "mine", guidance={"text": 2.0}, steps=1)
    assert voice.conditions == CONDITIONS
    assert (voice.styles, voice.style, voice.text_encoder) == (tuple(STYLES), "plain", HASHED)
    assert voice.reference_seconds == 0.5
    np.testing.assert_allclose(np.linalg.norm(voice.timbre(None)), 1.0, rtol=1e-5)
    take = sing(SCORE, voice, style="strong", describe="bright", reference=clip)
    assert np.isfinite(take.audio.samples).all() and take.audio.samples.any()
