"""A recording chooses among a voice's singers: the nearest of all mixtures, its similarity, or one clear line."""

import json
import re

import numpy as np
import pytest
from scipy.optimize import minimize
from singers import melody, scale
from tiny_voices import SINGERS, write_voice

from svs import speaker, timbre
from svs.audio import Audio
from svs.cli import main
from svs.dataset import write_manifest
from svs.score import Score
from svs.sing import sing
from svs.speaker import SpeakerError, embed_file, nearest, read_embeddings, write_embeddings
from svs.voice import Voice, VoiceError

DIM = 12
SCORE = Score.from_notes([(0.0, 0.4, "C4", "la"), (0.4, 0.4, "E4", "lo")])


def bands(audio):
    """A deterministic stand-in for the speaker encoder: the square roots of power in DIM bands, (1, DIM)."""
    power = np.abs(np.fft.rfft(audio.samples.astype(np.float64))) ** 2
    return np.sqrt([[part.sum() for part in np.array_split(power, DIM)]])


def tone(path, *hz, seconds=2.0, rate=16_000):
    times = np.arange(round(seconds * rate)) / rate
    sound = sum(0.2 * np.sin(2 * np.pi * f * times) for f in hz) if hz else np.zeros(len(times))
    Audio(np.asarray(sound, dtype=np.float32), rate).write(path)
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_voice(tmp_path_factory.mktemp("voices") / "tiny")


@pytest.fixture
def folder(written, tmp_path, monkeypatch):
    """A voice of ann at 500 Hz and bob at 3 kHz, by an encoder that hears nothing else."""
    monkeypatch.setattr(speaker, "encoder", lambda: bands)
    for file in written.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    low, high = (bands(Audio.read(tone(tmp_path / f"{hz}.wav", hz)))[0] for hz in (500, 3000))
    write_embeddings(tmp_path / "speakers.json", {"ann": low, "bob": high}, "tones")
    return tmp_path


def cosine(x, y):
    return x @ y / np.linalg.norm(x) / np.linalg.norm(y)


def random_singers(count, seed=0):
    random = np.random.default_rng(seed)
    return {f"s{i}": np.eye(DIM)[i] + 0.1 * np.abs(random.normal(size=DIM)) for i in range(count)}, random


def test_a_singer_is_nearest_to_itself_and_to_nobody_else():
    singers, _ = random_singers(8)
    for name, vector in singers.items():
        found = nearest(singers, 3.0 * vector)
        assert found.singer == name
        assert found.similarity == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("weights", [(0.6, 0.4), (0.5, 0.3, 0.2)])
def test_a_mixture_is_found_again_with_its_weights(weights):
    singers, _ = random_singers(8, seed=3)
    names = list(singers)[: len(weights)]
    units = [singers[name] / np.linalg.norm(singers[name]) for name in names]
    found = nearest(singers, sum(w * u for w, u in zip(weights, units, strict=True)))
    assert found.singer == "+".join(f"{name}:{w:g}" for name, w in zip(names, weights, strict=True))
    assert found.similarity == pytest.approx(1.0, abs=1e-4)


def test_no_mixture_of_two_found_by_descent_is_nearer():
    singers, random = random_singers(2, seed=5)
    units = [vector / np.linalg.norm(vector) for vector in singers.values()]
    for _ in range(10):
        target = np.abs(random.normal(size=DIM))
        descent = minimize(
            lambda w, t=target: -cosine(w[0] * units[0] + (1 - w[0]) * units[1], t), [0.5], bounds=[(0, 1)]
        )
        found = nearest(singers, target)
        assert found.similarity >= -descent.fun - speaker.WORTH
        assert sum(voice_weights(found.singer)) == pytest.approx(1.0, abs=0.011)


def voice_weights(singer):
    return [float(part.partition(":")[2] or 1.0) for part in singer.split("+")]


def test_three_singers_at_most_and_a_further_one_only_where_it_is_worth_it():
    singers, random = random_singers(7, seed=1)
    target = sum(v / np.linalg.norm(v) for v in singers.values())
    counts = [len(nearest(singers, target, most).singer.split("+")) for most in (1, 2, 3)]
    assert counts == [1, 2, 3]
    name, vector = next(iter(singers.items()))
    nearly = vector / np.linalg.norm(vector) + 0.02 * np.abs(random.normal(size=DIM))
    assert nearest(singers, nearly).singer == name


def test_a_recording_chooses_who_sings_and_the_take_says_how_near(folder, tmp_path):
    voice = Voice.load(folder)
    take = sing(SCORE, voice, singer_from=tone(tmp_path / "clip.wav", 3000))
    assert take.singer == "bob"
    assert take.likeness.similarity == pytest.approx(1.0, abs=1e-3)
    assert take.to_json()["singer_from"]["singers"].keys() == set(SINGERS)
    np.testing.assert_array_equal(take.audio.samples, sing(SCORE, voice, singer="bob").audio.samples)
    both = sing(SCORE, voice, singer_from=tone(tmp_path / "both.wav", 500, 3000))
    assert both.singer == "ann:0.5+bob:0.5"
    np.testing.assert_array_equal(both.audio.samples, sing(SCORE, voice, singer=both.singer).audio.samples)
    assert "singer_from" not in sing(SCORE, voice).to_json()


def command(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["svs", "sing", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_the_command_prints_the_similarity(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "song.txt").write_text("#TITLE:a\n#BPM:200\n: 0 4 0 la\nE\n")
    clip, out = tone(tmp_path / "clip.wav", 500), tmp_path / "out.wav"
    assert (
        command(monkeypatch, tmp_path / "song.txt", "-o", out, "--voice", folder, "--singer-from", clip, "--no-cache")
        == 0
    )
    said = capsys.readouterr().err
    assert f"svs: nearest to {clip}: singer ann, similarity 1.00 (ann 1.00, bob 0.0" in said
    assert json.loads(out.with_suffix(".json").read_text())["singer"] == "ann"


@pytest.mark.parametrize(
    "options, told",
    [
        (["--singer-from", "gone.wav"], r"gone\.wav: no such file"),
        (["--singer-from", "500.wav", "--singer", "ann"], r"--singer and --singer-from: give one of them"),
        (["--singer-from", "voice.json"], r"voice\.json: not a sound file"),
        (["--singer-from", "silent.wav"], r"silent\.wav: is silent"),
        (["--singer-from", "short.wav"], r"short\.wav: lasts 0\.50 s; at least 1 s"),
    ],
)
def test_what_cannot_choose_a_singer_is_refused_in_one_line(folder, tmp_path, monkeypatch, capsys, options, told):
    monkeypatch.chdir(folder)
    tone(tmp_path / "silent.wav")
    tone(tmp_path / "short.wav", 500, seconds=0.5)
    (tmp_path / "song.txt").write_text("#TITLE:a\n#BPM:200\n: 0 4 0 la\nE\n")
    assert command(monkeypatch, "song.txt", "-o", "out.wav", "--voice", folder, *options) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert re.search(told, said), said
    assert not (tmp_path / "out.wav").exists()


def test_a_voice_without_embeddings_says_what_makes_them(folder, tmp_path):
    clip = tone(tmp_path / "clip.wav", 500)
    facts = json.loads((folder / "speakers.json").read_text())
    for damage, told in (
        (facts | {"embeddings": {"ann": [1.0] * DIM}}, "bob not in it and the voice both"),
        (facts | {"encoder": "another"}, "made by 'another'"),
        (facts | {"embeddings": {"ann": [1.0], "bob": [1.0, 2.0]}}, "not one list of numbers"),
        (facts | {"embeddings": []}, "not embeddings of singers"),
    ):
        (folder / "speakers.json").write_text(json.dumps(damage))
        with pytest.raises((VoiceError, SpeakerError), match=told):
            Voice.load(folder).like(clip)
    (folder / "speakers.json").unlink()
    with pytest.raises(VoiceError, match=r"no speakers\.json .* python -m svs\.timbre .* ann, bob"):
        Voice.load(folder).like(clip)


def test_without_the_encoder_the_package_is_named(folder, tmp_path, monkeypatch):
    def missing():
        raise ImportError("speaker embedding: resemblyzer is missing: pip install resemblyzer")

    monkeypatch.setattr(speaker, "encoder", missing)
    with pytest.raises(VoiceError, match="pip install resemblyzer"):
        Voice.load(folder).like(tone(tmp_path / "clip.wav", 500))


def test_embeddings_are_made_of_the_voices_own_singing_or_of_clips(folder):
    voice = Voice.load(folder)
    timbre.add(voice, encode=bands)
    own = read_embeddings(folder / "speakers.json")
    assert list(own) == list(SINGERS)
    assert all(np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-3) for vector in own.values())
    clips = [{"id": f"{hz}", "speaker": name, "audio": f"{hz}.wav"} for name, hz in (("ann", 500), ("bob", 3000))]
    write_manifest(folder / "clips.jsonl", clips)
    timbre.add(voice, [folder / "clips.jsonl"], bands)
    made = read_embeddings(folder / "speakers.json")
    assert made["ann"] @ embed_file(folder / "500.wav", bands) == pytest.approx(1.0, abs=1e-3)
    write_manifest(folder / "clips.jsonl", clips[:1])
    with pytest.raises(ValueError, match="no clip of singer 'bob'"):
        timbre.add(voice, [folder / "clips.jsonl"], bands)


def test_the_real_encoder_hears_who_of_two_sings(tmp_path):
    pytest.importorskip("resemblyzer")

    def sung(lowest, **sound):
        return melody(scale(lowest, lowest + 400, lowest + 200, seconds=0.8), vibrato_extent=30, **sound)[0]

    singers = {"low": sung(4500, vowel="o"), "high": sung(6900, vowel="i")}
    embeddings = {name: speaker.direction(speaker.encoder()(audio)) for name, audio in singers.items()}
    assert all(vector.shape == (256,) for vector in embeddings.values())
    for name, audio in (("low", sung(4600, vowel="o", seed=1)), ("high", sung(6800, vowel="i", seed=1))):
        audio.write(tmp_path / "clip.wav")
        found = nearest(embeddings, embed_file(tmp_path / "clip.wav"))
        assert found.singer.startswith(name) and found.similarity > 0.8
