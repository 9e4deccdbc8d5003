"""Several scores by one command, as somebody sings who leaves for the night."""

import atexit
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from test_cli import is_one_line, svs  # noqa: F401 (a fixture)
from tiny_voices import write_voice

from svs.audio import digest
from svs.songs import Song, outcomes

NOTE = (
    "<note><pitch><step>{}</step><octave>4</octave></pitch><duration>1</duration><lyric><text>la</text></lyric></note>"
    "<note><rest/><duration>4</duration></note>"
)
PAGE = (
    "<score-partwise><part-list><score-part id='P1'><part-name>Voice</part-name></score-part></part-list><part id='P1'>"
    "<measure number='1'><attributes><divisions>4</divisions></attributes>{}</measure></part></score-partwise>"
)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SVS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def songs(tmp_path):
    """Three songs of a note, the second of which is no song, and a voice."""
    for name, step in (("one", "A"), ("three", "F")):
        (tmp_path / f"{name}.musicxml").write_text(PAGE.format(NOTE.format(step)))
    (tmp_path / "two.musicxml").write_text("this is no score")
    write_voice(tmp_path / "tiny")
    return [tmp_path / f"{name}.musicxml" for name in ("one", "two", "three")]


def test_a_score_that_cannot_be_sung_does_not_stop_the_others(svs, songs, tmp_path, monkeypatch):  # noqa: F811
    from svs import onnx_runner

    loaded = []
    load = onnx_runner.load
    monkeypatch.setattr(onnx_runner, "load", lambda voice: loaded.append(voice) or load(voice))
    result = svs("sing", *songs, "-o", tmp_path / "night", "--voice", tmp_path / "tiny", "--singer", "bob")
    assert result.status == 2
    assert sorted(path.name for path in (tmp_path / "night").iterdir()) == ["one.json", "one.wav", "three.json", "three.wav"]
    assert [line.rpartition("/")[2] for line in result.out.splitlines()] == ["one.wav", "three.wav"]
    said = [line for line in result.err.splitlines() if "warning" not in line]
    assert said[0].startswith("svs: two.musicxml: ") and said[1:] == ["svs: 1 of 3 scores could not be sung"]
    strained = [line.split(": ")[2] for line in result.err.splitlines() if "outside the range of bob" in line]
    assert strained == ["one.musicxml", "three.musicxml"]  # the same words, of each song
    assert len(loaded) == 1


def test_processes_sing_what_one_process_sings(svs, songs, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # on more threads the last bits are others
    for folder, workers in (("alone", 1), ("shared", 2)):
        options = ("--voice", tmp_path / "tiny", "--workers", workers, "--no-cache", "--reproducible")
        result = svs("sing", *songs, "-o", tmp_path / folder, *options)
        assert result.status == 2 and result.err.endswith("svs: 1 of 3 scores could not be sung\n"), result.err
    for name in ("one", "three"):
        assert digest(tmp_path / "alone" / f"{name}.wav") == digest(tmp_path / "shared" / f"{name}.wav")
        assert (tmp_path / "alone" / f"{name}.json").read_text() == (tmp_path / "shared" / f"{name}.json").read_text()


def fall_ill(song: Song) -> str:
    if song.score.stem == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if song.score.stem == "broken":
        raise KeyError("out of tune")
    return song.score.stem


@pytest.mark.parametrize("workers", [1, 2])
def test_a_fault_of_ours_is_shown_whole_and_the_next_song_sung(workers):
    songs = [Song(Path(name), Path(name)) for name in ("a", "broken", "b", "c")]
    found = {outcome.song.score.stem: outcome for outcome in outcomes(fall_ill, songs, workers)}
    assert [found[name].said for name in "abc"] == ["a", "b", "c"]
    assert found["broken"].fault and "Traceback" in found["broken"].said and "out of tune" in found["broken"].said


def test_a_process_that_is_killed_takes_only_its_song_along():
    songs = [Song(Path(name), Path(name)) for name in ("a", "killed", "b", "c", "d")]
    found = {outcome.song.score.stem: outcome for outcome in outcomes(fall_ill, songs, 2)}
    assert [found[name].sung for name in ("a", "killed", "b", "c", "d")] == [True, False, True, True, True]
    assert "killed: the process that sang it ended (-9)" in found["killed"].said


def tidy_up(song: Song) -> None:
    time.sleep(0.5)
    song.output.write_text("tidied up")


def sing_and_leave_something_to_tidy(song: Song) -> str:
    atexit.register(tidy_up, song)
    return song.score.stem


def test_processes_that_have_sung_are_not_disturbed_as_they_end(tmp_path, capfd):
    songs = [Song(Path(name), tmp_path / name) for name in "abc"]
    assert all(outcome.sung for outcome in outcomes(sing_and_leave_something_to_tidy, songs, 2))
    assert [song.output.read_text() for song in songs] == ["tidied up"] * 3
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["one.musicxml", "more/one.musicxml", "-o", "night"], "both would be sung to night/one.wav"),
        (["one.musicxml", "three.musicxml", "-o", "tiny/voice.json"], "is a file; 2 songs want a folder"),
        (["tiny", "-o", "night"], "tiny: is a folder; name the scores in it, as in tiny/*.musicxml"),
        (["one.musicxml", "three.musicxml", "-o", "no/night"], "there is no folder no"),
        (["one.musicxml", "three.musicxml", "-o", "night", "--f0", "f0.csv"], "a contour drawn by hand is of one song"),
        (["one.musicxml", "three.musicxml", "-o", "night", "--stream"], "one song can be streamed, not all"),
        (["one.musicxml", "three.musicxml", "-o", "night", "--voice", "nobody"], "voice 'nobody' is not installed"),
    ],
)
def test_what_several_songs_cannot_be_asked_for_is_told_before_a_note(svs, songs, tmp_path, monkeypatch, arguments, message):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    result = svs("sing", *arguments)
    assert result.status == 2 and is_one_line(result.err), result.err
    assert message in result.err
    assert not list(tmp_path.rglob("*.wav"))


def test_one_score_goes_into_a_folder_too(svs, songs, tmp_path):  # noqa: F811
    (tmp_path / "out").mkdir()
    assert svs("sing", songs[0], "-o", tmp_path / "out", "--voice", tmp_path / "tiny").status == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["one.json", "one.wav"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["sing", "one.musicxml", "-o", "clip.wav", "--singer-from", "clip.wav"],
        ["sing", "one.musicxml", "-o", "clip.wav", "--reference", "./link.wav"],
        ["evaluate", "clip.wav", "--json", "clip.json"],
        ["evaluate", "clip.wav", "--reference", "clip.wav", "--csv", "clip.wav"],
    ],
)
def test_no_file_that_is_read_is_written_over(svs, songs, tmp_path, monkeypatch, arguments):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    Path("clip.wav").write_bytes(b"a recording")
    Path("clip.json").write_text("a take")
    Path("link.wav").symlink_to("clip.wav")
    result = svs(*arguments)
    assert result.status == 2 and is_one_line(result.err), result.err
    assert re.search(r"clip\.\w+: is read too, and would be lost", result.err), result.err
    assert (Path("clip.wav").read_bytes(), Path("clip.json").read_text()) == (b"a recording", "a take")


@pytest.mark.parametrize(
    ("request_to_end", "workers"), [(signal.SIGTERM, 1), (signal.SIGHUP, 1), (signal.SIGINT, 1), (signal.SIGTERM, 2)]
)
def test_a_render_that_is_told_to_end_leaves_nothing_half_written(songs, tmp_path, request_to_end, workers):
    long = [tmp_path / f"long {number}.musicxml" for number in range(workers)]
    for path in long:
        path.write_text(PAGE.format(NOTE.format("A") * 400))
    (tmp_path / "out").mkdir()
    command = [sys.executable, "-m", "svs", "sing", *long, "-o", tmp_path / "out", "--voice", tmp_path / "tiny"]
    obeyed = partial(signal.signal, request_to_end, signal.SIG_DFL)  # also where these tests run in the background
    command += ["--no-cache", "--workers", workers]
    singer = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, preexec_fn=obeyed)
    while not list((tmp_path / "out").iterdir()):
        assert singer.poll() is None, singer.stderr.read()
        time.sleep(0.05)
    singer.send_signal(request_to_end)
    _, said = singer.communicate(timeout=60)
    assert singer.returncode != 0
    assert b"Traceback" not in said
    assert list((tmp_path / "out").iterdir()) == []
