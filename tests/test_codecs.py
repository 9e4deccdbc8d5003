"""Codecs: one contract that all of them keep, and what is known of each by arithmetic or by the library itself."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from tiny_codecs import RATES, SIZE, noise, sung, write_model

from svs.audio import Audio
from svs.codecs import NAMES, CodecError, Codes, load
from svs.codecs.protocol import Codec, bits_per_second
from svs.evaluation.spectrum import world_copy
from svs.f0 import track
from svs.pitch import PitchCurve, at_hop

TRANSFORMERS = "EnCodec, DAC and the hub's client come with transformers, of the extra `codecs`"
BOOKS = 4
LATENT_DIM = 160
FLOAT = 1e-5  # of full scale
SILENT = 10 ** (-80 / 20)  # of full scale
CONTINUOUS = ["encodec-24 continuous", "encodec-48 continuous", "dac-16 continuous", "dac-44 continuous"]
ALL = [*NAMES, *CONTINUOUS]


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """name → ":" and where its weights are, made when they are first asked for."""
    folder, made = tmp_path_factory.mktemp("codecs"), {}

    def find(name: str) -> str:
        if name not in made:
            if name in RATES:
                pytest.importorskip("transformers", reason=TRANSFORMERS)
                made[name] = f":{write_model(name, folder)}"
            elif name == "rvq":
                pytest.importorskip(
                    "vector_quantize_pytorch", reason="vector-quantize-pytorch is of the extra `codecs`"
                )
                made[name] = f":{write_codebooks(folder / 'rvq.safetensors')}"
            else:
                made[name] = ""
        return made[name]

    return find


def write_codebooks(path):
    from svs.codecs.rvq import fit_codebooks, save_codebooks, silence_of

    codec = load("source-filter")
    latents = codec.encode(Audio(np.concatenate([sung(44_100).samples, noise(44_100)]), 44_100)).frames
    books = fit_codebooks(latents * codec.network.importance.numpy(), silence_of(codec.network), BOOKS, SIZE, passes=2)
    save_codebooks(books, codec.encoder_fingerprint, path)
    return path


@pytest.fixture(scope="session")
def codecs(weights):
    """codecs("dac-44"), codecs("dac-44@2") or codecs("dac-44 continuous"), each loaded once."""
    loaded: dict[str, Codec] = {}

    def get(asked: str) -> Codec:
        if asked not in loaded:
            spec, _, continuous = asked.partition(" ")
            loaded[asked] = load(spec + weights(spec.partition("@")[0]), continuous=bool(continuous))
        return loaded[asked]

    return get


# The contract ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ALL)
def test_a_copy_has_the_length_and_rate_of_the_sound_and_is_finite(codecs, asked):
    codec = codecs(asked)
    for samples in (1, 700, codec.sample_rate // 3 + 123):
        sound = Audio(noise(samples), codec.sample_rate)
        copy = codec.decode(codec.encode(sound))
        assert (len(copy.samples), copy.sample_rate, copy.samples.dtype) == (samples, codec.sample_rate, np.float32)
        assert np.isfinite(copy.samples).all()
    elsewhere = Audio(noise(8_001), 22_050)
    copy = codec.copy(elsewhere)
    assert (len(copy.samples), copy.sample_rate) == (8_001, 22_050)


@pytest.mark.parametrize("asked", ALL)
def test_codes_have_the_shape_and_rate_that_the_codec_says(codecs, asked):
    codec, seconds = codecs(asked), 0.7
    codes = codec.encode(Audio(noise(round(seconds * codec.sample_rate)), codec.sample_rate))
    width = codec.latent_dim if codec.continuous else codec.codebooks
    assert codes.frames.shape[1] == width
    assert codes.frames.dtype == (np.float32 if codec.continuous else np.int64)
    assert len(codes.frames) == pytest.approx(seconds * codec.frame_rate, abs=2)
    assert (codec.bits_per_second is None) == codec.continuous == (codec.numbers_per_second is not None)
    if codec.pitch_rate:
        assert len(codes.pitch.cents) == pytest.approx(seconds * codec.pitch_rate, abs=2)


@pytest.mark.parametrize("asked", ALL)
def test_silence_stays_silent_and_a_note_does_not(codecs, asked):
    codec = codecs(asked)
    silence = codec.decode(codec.encode(Audio(np.zeros(codec.sample_rate // 4, np.float32), codec.sample_rate)))
    assert np.abs(silence.samples).max() < SILENT
    assert np.abs(codec.decode(codec.encode(sung(codec.sample_rate))).samples).max() > 10 * SILENT


@pytest.mark.parametrize("asked", ALL)
def test_the_same_sound_gives_the_same_codes_and_the_same_codes_the_same_sound(codecs, asked, tmp_path):
    codec, sound = codecs(asked), sung(codecs(asked).sample_rate)
    codes, again = codec.encode(sound), codec.encode(sound)
    np.testing.assert_array_equal(codes.frames, again.frames)
    codes.save(tmp_path / "codes.safetensors")
    stored = Codes.load(tmp_path / "codes.safetensors")
    assert stored.frames.dtype == codes.frames.dtype
    np.testing.assert_array_equal(codec.decode(codes).samples, codec.decode(stored).samples)
    np.testing.assert_array_equal(codec.decode(codes).samples, codec.decode(again).samples)


@pytest.mark.parametrize("asked", ALL)
def test_loaded_again_a_codec_makes_the_same(codecs, weights, asked):
    name, _, continuous = asked.partition(" ")
    codec, again = codecs(asked), load(name + weights(name), continuous=bool(continuous))
    assert codec.fingerprint == again.fingerprint
    sound = sung(codec.sample_rate)
    np.testing.assert_array_equal(codec.copy(sound).samples, again.copy(sound).samples)


@pytest.mark.parametrize("asked", ALL)
def test_sounds_and_codes_that_are_none_are_told_in_one_line(codecs, asked):
    codec = codecs(asked)
    codes = codec.encode(sung(codec.sample_rate))
    damaged = sung(codec.sample_rate).samples.copy()
    damaged[100] = np.nan
    width = codes.frames.shape[1]
    wrong = codes.frames.astype(np.float64) * np.nan if codec.continuous else codes.frames + codec.codebook_size
    cases = [
        (lambda: codec.encode(Audio(np.zeros(0, np.float32), codec.sample_rate)), "holds no samples"),
        (lambda: codec.encode(Audio(damaged, codec.sample_rate)), "NaN or infinity"),
        (lambda: codec.decode(Codes(codes.frames[:, :-1], 100, codes.pitch, codes.scales)), rf"\(frames, {width}\)"),
        (lambda: codec.decode(Codes(codes.frames[:0], 100, codes.pitch, codes.scales)), r"have shape \(0, "),
        (lambda: codec.decode(Codes(wrong, 100, codes.pitch, codes.scales)), "NaN or infinity|the codes lie from"),
        (lambda: codec.decode(Codes(codes.frames, 0, codes.pitch, codes.scales)), "0 samples"),
    ]
    if codes.scales is not None:
        cases.append((lambda: codec.decode(Codes(codes.frames, 100)), "the loudness of 0 chunks; 1 is wanted"))
    if codes.pitch is not None:
        cases.append((lambda: codec.decode(Codes(codes.frames, 100)), "without a pitch"))
    for case, message in cases:
        with pytest.raises(CodecError, match=message) as told:
            case()
        assert str(told.value).startswith(f"codec {codec.name}: ") and "\n" not in str(told.value)


# Names and weights ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("opus", "no such codec; choose one of source-filter, source-filter-fine, source-filter-refined, rvq, world"),
        ("world@4", "continuous and has no codebooks; leave @4 out"),
        ("world:folder", "it has no weights; leave :folder out"),
        ("rvq@none", "'none' is no number of codebooks"),
        ("rvq@0", "'0' is no number of codebooks"),
        ("rvq", "python -m data_prep.codebooks FEATURES"),
        ("rvq:nowhere.safetensors", "nowhere.safetensors: no such codebooks"),
        ("source-filter:nowhere.safetensors", "nowhere.safetensors: no such codec"),
    ],
)
def test_what_cannot_be_loaded_is_told_in_one_line(spec, message):
    with pytest.raises(CodecError, match=message) as told:
        load(spec)
    assert "\n" not in str(told.value)


def test_a_folder_that_holds_no_model_or_another_says_what_is_wanted(weights, tmp_path):
    other = weights("dac-24").removeprefix(":")
    with pytest.raises(CodecError, match=r"config.json: no configuration of a model there"):
        load(f"encodec-24:{tmp_path}")
    with pytest.raises(CodecError, match=r"dac at 24000 Hz; encodec-24 wants the model_type encodec"):
        load(f"encodec-24:{other}")
    with pytest.raises(CodecError, match=r"dac at 24000 Hz; dac-44 wants .* a sampling_rate of 44100"):
        load(f"dac-44:{other}")


@pytest.mark.parametrize("fault", ["missing", "cut short", "of other sizes"])
def test_weights_that_do_not_fit_are_told_in_one_line(weights, tmp_path, fault):
    folder = Path(copytree(weights("dac-16").removeprefix(":"), tmp_path / "model"))
    if fault == "missing":
        (folder / "model.safetensors").unlink()
    elif fault == "cut short":
        (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])
    else:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"codebook_dim": 4}))
    with pytest.raises(CodecError, match="model: the weights of dac-16 ") as told:
        load(f"dac-16:{folder}")
    assert "\n" not in str(told.value)


def test_without_a_network_one_line_says_where_weights_may_be_put(monkeypatch, tmp_path):
    hub = pytest.importorskip("huggingface_hub", reason=TRANSFORMERS)
    pytest.importorskip("transformers", reason=TRANSFORMERS)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub.constants, "ENDPOINT", "http://127.0.0.1:9")  # where nobody listens
    with pytest.raises(CodecError, match=r"descript/dac_44khz are not on this machine .*dac-44:FOLDER") as told:
        load("dac-44")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("asked", ["encodec-24", "dac-44", "rvq"])
def test_more_codebooks_than_there_are_cannot_be_had(weights, asked):
    with pytest.raises(CodecError, match="codebooks, 99 are asked for"):
        load(f"{asked}@99{weights(asked)}")


# Known answers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "codebooks", "size", "frame_rate", "kilobits"),
    [
        ("encodec-24", 8, 1024, 24_000 / 320, 6.0),  # the bitrates that the papers name
        ("encodec-24", 32, 1024, 24_000 / 320, 24.0),
        ("dac-16", 12, 1024, 16_000 / 320, 6.0),
        ("dac-24", 32, 1024, 24_000 / 320, 24.0),
        ("dac-44", 9, 1024, 44_100 / 512, 7.751953125),
    ],
)
def test_bits_per_second_are_those_of_the_published_models(codecs, asked, codebooks, size, frame_rate, kilobits):
    codec = codecs(asked)
    assert codec.frame_rate == frame_rate
    assert codec.bits_per_second == codec.codebooks * math.log2(SIZE) * frame_rate
    assert bits_per_second(frame_rate, codebooks, size) / 1000 == pytest.approx(kilobits)


def test_encodec_at_48_khz_counts_the_overlap_of_its_chunks_and_their_loudness(codecs):
    codec = codecs("encodec-48")
    assert codec.frame_rate == pytest.approx(150 / 0.99)
    assert codec.bits_per_second == pytest.approx(codec.codebooks * math.log2(SIZE) * 150 / 0.99 + 32 / 0.99)


def test_rvq_counts_the_bits_of_its_pitch_too(codecs):
    assert codecs("rvq").bits_per_second == BOOKS * math.log2(SIZE) * 50 + 12 * 100
    assert codecs("rvq@1").bits_per_second == math.log2(SIZE) * 50 + 12 * 100


def test_rvq_error_falls_with_every_codebook(codecs):
    codec = codecs("rvq")
    latents = codec.inner.encode(sung(44_100)).frames
    tokens = codec.tokens(latents)
    scaled = latents * codec.importance
    errors = np.stack(
        [
            np.square(codec.latents(tokens[:, :used]) * codec.importance - scaled).sum(axis=1)
            for used in range(1, BOOKS + 1)
        ]
    )
    assert (np.diff(errors, axis=0) <= 1e-3 * errors[:-1]).all()  # in no frame does it rise
    assert (np.diff(errors.mean(axis=1)) < 0).all()
    assert errors[-1].mean() < 0.5 * np.square(scaled).sum(axis=1).mean()


def test_tokens_of_fewer_codebooks_are_the_first_of_more(codecs):
    sound = sung(44_100)
    np.testing.assert_array_equal(codecs("rvq@2").encode(sound).frames, codecs("rvq").encode(sound).frames[:, :2])
    sound = sung(24_000)
    three, four = codecs("encodec-24@3").encode(sound).frames, codecs("encodec-24").encode(sound).frames
    np.testing.assert_array_equal(three, four[:, :3])
    np.testing.assert_array_equal(codecs("dac-24@2").encode(sound).frames, codecs("dac-24").encode(sound).frames[:, :2])


def test_each_token_of_rvq_is_the_nearest_entry_to_what_the_codebooks_before_left(codecs):
    codec = codecs("rvq")
    latents = codec.inner.encode(sung(44_100)).frames
    rest, tokens = (latents * codec.importance).astype(np.float64), codec.tokens(latents)
    for book, chosen in zip(codec.books.astype(np.float64), tokens.T, strict=True):
        distances = np.square(rest[:, None] - book).sum(axis=-1)
        at = np.arange(len(rest))
        np.testing.assert_allclose(distances[at, chosen], distances.min(axis=1), rtol=1e-4)
        rest = rest - book[chosen]


def test_rvq_keeps_the_pitch_to_a_cent(codecs):
    codec = codecs("rvq")
    curve = PitchCurve(np.linspace(3300, 8900, 1000), np.arange(1000) % 7 > 0)
    from svs.codecs.rvq import pitch_of_tokens, pitch_tokens

    tokens = pitch_tokens(curve)
    assert tokens.min() == 0 and tokens.max() < 4096
    back = pitch_of_tokens(tokens, 0.01)
    np.testing.assert_array_equal(back.voiced, curve.voiced)
    assert np.abs(back.cents - curve.cents)[curve.voiced].max() < 1.0
    commanded = track(sung(44_100))
    copied = track(codec.copy(sung(44_100)))
    both = commanded.voiced & copied.voiced
    assert both.mean() > 0.8 and np.median(np.abs(commanded.cents - copied.cents)[both]) < 5.0


def test_codebooks_of_another_codec_are_refused(tmp_path):
    from svs.codecs.rvq import save_codebooks

    save_codebooks(np.zeros((2, 4, LATENT_DIM), np.float32), "another", tmp_path / "rvq.safetensors")
    with pytest.raises(CodecError, match="codebooks of another codec than the default voice's"):
        load(f"rvq:{tmp_path}")


def test_world_full_is_world_itself(codecs):
    sound = sung(44_100)
    np.testing.assert_allclose(codecs("world-full").copy(sound).samples, world_copy(sound).samples, atol=FLOAT)


@pytest.mark.parametrize("seconds", [0.5, 1.0, 1.005, 2.7])
@pytest.mark.parametrize("asked", ["encodec-24", "encodec-48"])
def test_encodec_codes_are_decoded_as_the_library_decodes_them(codecs, asked, seconds):
    import torch

    codec = codecs(asked)
    sound = sung(codec.sample_rate, seconds)
    channels = codec.model.config.audio_channels
    unfilled = -len(sound.samples) % 320
    inputs = torch.from_numpy(np.pad(sound.samples, (0, unfilled)))[None, None].expand(1, channels, -1)
    if codec.stride and 0 < inputs.shape[-1] % codec.stride < 640:
        inputs = torch.nn.functional.pad(inputs, (0, 640 - inputs.shape[-1] % codec.stride))
    with torch.inference_mode():
        wanted = codec.model(inputs, bandwidth=codec.model.config.target_bandwidths[-1]).audio_values[0].mean(dim=0)
    np.testing.assert_allclose(codec.copy(sound).samples, wanted.numpy()[: len(sound.samples)], atol=FLOAT)


@pytest.mark.parametrize("asked", ["dac-16", "dac-44"])
def test_dac_codes_are_decoded_as_the_library_decodes_them(codecs, asked):
    import torch

    codec = codecs(asked)
    sound = sung(codec.sample_rate)
    inputs = torch.from_numpy(np.pad(sound.samples, (0, -len(sound.samples) % codec.hop)))[None, None]
    with torch.inference_mode():
        wanted = codec.model(inputs).audio_values[0].numpy()
    length = min(len(wanted), len(sound.samples))
    np.testing.assert_allclose(codec.copy(sound).samples[:length], wanted[:length], atol=FLOAT)


def test_continuous_latents_of_dac_lose_nothing_that_its_codes_keep(codecs):
    sound = sung(44_100)
    codec, latents = codecs("dac-44"), codecs("dac-44 continuous")
    assert latents.latent_dim == 8 * codec.codebooks
    np.testing.assert_allclose(latents.copy(sound).samples, codec.copy(sound).samples, atol=FLOAT)


def test_a_curve_on_a_finer_grid_and_back_is_the_same():
    curve = PitchCurve(np.linspace(6000, 6500, 50), np.arange(50) % 9 > 1)
    fine = at_hop(curve, 0.005, 100)
    np.testing.assert_allclose(fine.cents[::2], curve.cents)
    np.testing.assert_allclose(fine.cents[1:-1:2], 0.5 * (curve.cents[:-1] + curve.cents[1:]))
    back = at_hop(fine, 0.01, 50)
    np.testing.assert_array_equal(back.cents, curve.cents)
    np.testing.assert_array_equal(back.voiced, curve.voiced)
    assert not at_hop(curve, 0.01, 60).voiced[50:].any()


# The table ------------------------------------------------------------------------------------------------------------


def test_the_benchmark_measures_what_is_there_and_says_in_a_line_what_is_not(tmp_path, capsys, monkeypatch):
    from benchmarks.codecs import main

    monkeypatch.chdir(tmp_path)
    sung(44_100).write(tmp_path / "note.wav")
    asked = ["--codecs", "source-filter", "world", "rvq@2"]
    found = main([str(tmp_path), *asked, "--json", "figures.out", "--save", "copies"])
    out = capsys.readouterr().out
    assert "rvq@2: not measured: codec rvq: it wants its codebooks" in out
    table = [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("| ")]
    assert table == ["codec", "source-filter", "world"]
    rates = {"sample_rate": 44_100, "frame_rate": 200.0, "kilobits_per_second": None, "numbers_per_second": 200 * 66}
    assert found["world"]["rates"] == rates
    for asked in ("source-filter", "world"):
        figures = found[asked]["means"]
        assert figures["f0_median_cents"] < 6 and figures["voicing_disagreement"] < 25 and 0 < figures["lsd"] < 2
        assert figures["real_time_factor"] > 0 and figures["si_sdr"] < 20
        assert len(Audio.read(next((tmp_path / "copies").glob(f"*.{asked}.wav"))).samples) == len(sung(44_100).samples)
    stored = json.loads((tmp_path / "figures.out").read_text())
    assert stored["codecs"] == found and list(stored["missing"]) == ["rvq@2"]


def test_a_perfect_copy_has_lost_nothing():
    from benchmarks.codecs import compare

    figures = compare(sung(44_100), sung(44_100))
    assert figures["lsd"] == figures["mel"] == figures["f0_median_cents"] == figures["voicing_disagreement"] == 0.0
    assert figures["si_sdr"] == math.inf or figures["si_sdr"] > 200


def test_the_recipe_prints_the_table_and_takes_models_from_a_folder(weights, tmp_path):
    models, books = Path(weights("dac-16").removeprefix(":")).parent, Path(weights("rvq").removeprefix(":"))
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "rvq.safetensors").write_bytes(books.read_bytes())
    sung(44_100).write(tmp_path / "note.wav")
    script = Path(__file__).parent.parent / "recipes" / "codecs" / "run.sh"
    line = [script, "measure", "--work", tmp_path / "work", "--clips", tmp_path / "note.wav", "--models", models]
    environment = {
        **os.environ, "PYTHON": sys.executable, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"
    }  # fmt: skip
    done = subprocess.run([*map(str, line)], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "work" / "codecs.md").read_text() == done.stdout
    rows = {row.split("|")[1].strip(): row.split("|")[2:-1] for row in done.stdout.splitlines() if row.startswith("| ")}
    assert {"source-filter", "world", "world-full", "rvq@2", "rvq@4", "dac-16"} <= set(rows)
    assert [float(cell) for cell in rows["dac-16"][:3]] == [16_000, 50, pytest.approx(3 * 4 * 50 / 1000)]
    assert "rvq@8: not measured: codec rvq: it has 4 codebooks, 8 are asked for" in done.stdout
    if not (models / "dac-44").exists():
        assert "dac-44: not measured: codec dac-44: the weights of descript/dac_44khz are not on this" in done.stdout
