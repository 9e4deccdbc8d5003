"""Files from strangers: each is refused in one line, soon, and without what it tries to bring about."""

import io
import json
import os
import time
import zipfile

import numpy as np
import pytest
from tiny_voices import write_voice

from svs.evaluator import EvaluationError, read_take
from svs.hand import HandError, read_curve, read_settings
from svs.midi import read_midi
from svs.score import ScoreError, read_score
from svs.tuning import TuningError, read_scale
from svs.voice import Voice, VoiceError

SECONDS = 10  # of the processor; more than any refusal may take


@pytest.fixture(autouse=True)
def soon():
    began = time.process_time()
    yield
    assert time.process_time() - began < SECONDS


def refused(kind, read, *arguments):
    with pytest.raises(kind) as caught:
        read(*arguments)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 1000
    return text


def score(tmp_path, notes="", divisions="1", declaration=""):
    path = tmp_path / "song.musicxml"
    path.write_text(
        f'<?xml version="1.0"?>{declaration}<score-partwise><part-list><score-part id="P1"><part-name>V</part-name>'
        '</score-part></part-list><part id="P1"><measure number="1"><attributes>'
        f"<divisions>{divisions}</divisions></attributes>{notes}</measure></part></score-partwise>"
    )
    return path


def note(pitch="<step>A</step><octave>4</octave>", duration="1", lyric="la"):
    return f"<note><pitch>{pitch}</pitch><duration>{duration}</duration><lyric><text>{lyric}</text></lyric></note>"


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x [<!ENTITY % a SYSTEM "http://localhost/a.dtd"> %a;]>',
    ],
)
def test_xml_entities_are_refused_before_they_grow_or_fetch(tmp_path, declaration):
    assert "entity" in refused(ScoreError, read_score, score(tmp_path, note(), declaration=declaration))


def archive(tmp_path, **members):
    path = tmp_path / "song.mxl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as content:
        for name, data in members.items():
            content.writestr(name.replace("__", "/"), data)
    return path


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = archive(tmp_path, **{"score.xml": b" " * (300 << 20)})
    assert path.stat().st_size < 1 << 20
    assert "unpacks to more than" in refused(ScoreError, read_score, path)


@pytest.mark.parametrize("name", ["../../../tmp/escaped.xml", "/tmp/escaped.xml", "..\\escaped.xml"])
def test_an_archive_that_reaches_outside_itself_is_refused(tmp_path, name):
    path = archive(tmp_path, **{name: "<score-partwise/>"})
    assert "outside itself" in refused(ScoreError, read_score, path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["song.mxl"]


@pytest.mark.parametrize("value", ["nan", "inf", "1e308", "-1", "0", "1e999999999", "9" * 5000])
def test_impossible_tempos_are_refused_or_left_alone(tmp_path, value):
    path = score(tmp_path, f'<sound tempo="{value}"/>' + note())
    try:
        assert read_score(path).parts[0].notes[0].duration == pytest.approx(0.5, abs=0.5)
    except ScoreError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("value", ["1e308", "1e999999999", "9" * 5000, "nan", "1/0"])
def test_impossible_durations_octaves_and_divisions_are_refused(tmp_path, value):
    refused(ScoreError, read_score, score(tmp_path, note(duration=value)))
    refused(ScoreError, read_score, score(tmp_path, note(f"<step>A</step><octave>{value}</octave>")))
    refused(ScoreError, read_score, score(tmp_path, note(), value))


def test_a_note_that_lasts_a_year_is_refused(tmp_path):
    assert "hours" in refused(ScoreError, read_score, score(tmp_path, note(duration="60000000")))


def test_a_note_no_ear_could_hear_is_refused(tmp_path):
    text = refused(ScoreError, read_score, score(tmp_path, note("<step>A</step><octave>30</octave>")))
    assert "octave" in text and "bar 1" in text
    refused(ScoreError, lambda path: read_score(path, transpose=1e9), score(tmp_path, note()))


def test_notes_that_last_no_time_are_left_out(tmp_path):
    notes = read_score(score(tmp_path, note() + note(duration="0") + note())).parts[0].notes
    assert len(notes) == 2 and all(n.duration > 0 for n in notes)


def test_a_million_notes_are_refused(tmp_path):
    path = score(tmp_path, note() * 1_000_000)
    refused(ScoreError, read_score, path)


def test_a_midi_file_of_megabytes_is_refused(tmp_path):
    (tmp_path / "song.mid").write_bytes(b"MThd" + b"\0" * (64 << 20))
    refused(ScoreError, read_midi, tmp_path / "song.mid")


@pytest.mark.parametrize("lyric", ["&#55296;", "&#0;", "la\x01"])
def test_characters_that_xml_forbids_are_refused(tmp_path, lyric):
    assert "XML" in refused(ScoreError, read_score, score(tmp_path, note(lyric=lyric)))


def test_elements_nested_a_hundred_thousand_deep_do_not_end_the_process(tmp_path):
    path = tmp_path / "deep.musicxml"
    path.write_text("<score-partwise>" + "<a>" * 100_000)
    refused(ScoreError, read_score, path)


# YAML, JSON, text --------------------------------------------------------------------------------------------------

ALIASES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join(f'*{a}' for _ in range(9))}]\n" for a, b in zip("abcdefghijk", "bcdefghijkl", strict=True)
)


@pytest.mark.parametrize("text", [ALIASES + "notes: *l\n", ALIASES, "notes: " + "[" * 50_000, "&a [*a]", "style: &a {*a : *a}"])
def test_yaml_that_grows_when_it_is_told_stays_small(tmp_path, text):
    (tmp_path / "song.yaml").write_text(text)
    refused(HandError, read_settings, tmp_path / "song.yaml")


def test_json_nested_deeper_than_the_stack_is_refused(tmp_path):
    (tmp_path / "take.json").write_text("[" * 200_000)
    refused(EvaluationError, read_take, tmp_path / "take.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize(
    "kind, read", [(HandError, read_curve), (HandError, read_settings), (TuningError, read_scale), (ScoreError, read_score)]
)
def test_pipes_devices_and_folders_are_not_waited_for(tmp_path, kind, read):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "pipe", tmp_path / "folder", "/dev/zero"):
        refused(kind, read, path)


# Voices ------------------------------------------------------------------------------------------------------------


def reheaded(path, sizes):
    """The weights of a file under other sizes."""
    from safetensors.numpy import load_file, save_file

    weights = load_file(path)
    save_file(weights, path, metadata={"sizes": sizes if isinstance(sizes, str) else json.dumps(sizes)})


@pytest.mark.parametrize(
    "sizes",
    [
        {"phonemes": 41, "speakers": 2, "latent_dim": 6, "dim": 10**6, "depth": 2, "heads": 2},
        {"phonemes": 41, "speakers": 2, "latent_dim": 6, "dim": 16, "depth": 10**9, "heads": 2},
        {"phonemes": 41, "speakers": 2, "latent_dim": 6, "dim": "16"},
        {"phonemes": -1, "speakers": 2},
        "[1, 2]",
        "not JSON",
    ],
)
def test_sizes_beyond_the_weights_allocate_nothing(tmp_path, sizes):
    import resource

    folder = write_voice(tmp_path / "voice")
    reheaded(folder / "acoustic.safetensors", sizes)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(VoiceError, Voice.load, folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB


def test_a_header_longer_than_its_file_is_refused(tmp_path):
    folder = write_voice(tmp_path / "voice")
    (folder / "codec.safetensors").write_bytes((2**62).to_bytes(8, "little") + b"{}")
    refused(VoiceError, Voice.load, folder)


def test_a_pickle_in_place_of_weights_is_never_opened(tmp_path):
    import pickle

    class Bad:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    folder = write_voice(tmp_path / "voice")
    for name in ("codec", "acoustic", "timing"):
        kept = (folder / f"{name}.safetensors").read_bytes()
        (folder / f"{name}.safetensors").write_bytes(pickle.dumps(Bad()))
        refused(VoiceError, Voice.load, folder)
        (folder / f"{name}.safetensors").write_bytes(kept)
    assert not (tmp_path / "ran").exists()


def test_nothing_in_the_package_unpickles():
    from pathlib import Path

    import svs

    for path in Path(svs.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "pickle.load" not in text and "allow_pickle=True" not in text, path
        for call in (*text.split("load_from_checkpoint(")[1:], *text.split("torch.load(")[1:]):
            assert "weights_only=True" in call.split(")")[0], path


def test_numpy_files_of_the_cache_cannot_hold_objects(tmp_path):
    from svs.cache import PhraseCache

    np.save(tmp_path / "key.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert PhraseCache(tmp_path).find("key", 1) is None


def test_an_archive_in_place_of_its_members_is_told(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as content:
        content.writestr("score.xml", "<score-partwise/>")
    refused(ScoreError, read_score, archive(tmp_path, **{"score.xml": inner.getvalue()}))
