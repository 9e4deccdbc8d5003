"""Length: an hour of song costs memory like a minute of it, with one part and with several."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from tiny_voices import write_voice

from svs.audio import READ_SAMPLES, AudioError, AudioFile
from svs.score import Score
from svs.sing import mix, sing, sing_parts
from svs.tape import Tape
from svs.units import SAMPLE_RATE
from svs.voice import Voice

MEGABYTE = 1e6
STRETCH_MB = 24.0  # what the arrays of one stretch of half a minute may take, whatever the song


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    return Voice.load(write_voice(tmp_path_factory.mktemp("voices") / "tiny"))


def song(seconds: float, name: str = "Voice") -> Score:
    """Notes of two seconds and rests of one, by turns."""
    score = Score.from_notes([(3.0 * i, 2.0, 6000 + 100 * (i % 8), "la") for i in range(round(seconds / 3.0))])
    return replace(score, parts=(replace(score.parts[0], name=name),))


def peak_mb(work) -> float:
    """Megabytes of arrays and objects that were alive at once, beside those that were there before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / MEGABYTE
    finally:
        tracemalloc.stop()


def test_a_song_five_times_as_long_takes_no_more_memory(voice, tmp_path):
    sing(song(6.0), voice, to=tmp_path / "warm.wav")
    short = peak_mb(lambda: sing(song(30.0), voice, to=tmp_path / "short.wav"))
    long = peak_mb(lambda: sing(song(150.0), voice, to=tmp_path / "long.wav"))
    sound = 4 * AudioFile.open(tmp_path / "long.wav").length / MEGABYTE
    assert sound > 26.0
    assert short < STRETCH_MB and long - short < 0.1 * sound


def test_parts_on_tapes_sound_as_in_memory_and_leave_no_file(voice, tmp_path):
    duet = Score("duet", (song(9.0, "High").parts[0], song(60.0, "Low").parts[0]))
    taped, held = sing_parts(duet, voice, scratch=tmp_path), sing_parts(duet, voice)
    assert list(tmp_path.iterdir()) == []
    for tape, memory in zip(taped, held, strict=True):
        assert tape.audio.length == memory.audio.length
        assert tape.audio.piece(0, tape.audio.length).samples.tobytes() == memory.audio.samples.tobytes()
        assert tape.to_json() == memory.to_json()
    assert held[1].audio.length > 2 * READ_SAMPLES
    together = mix(held)
    together.write(tmp_path / "memory.wav")
    file = mix(taped, tmp_path / "tape.wav")
    assert (tmp_path / "tape.wav").read_bytes() == (tmp_path / "memory.wav").read_bytes()
    assert file.length == together.length


def test_mixing_tapes_takes_the_memory_of_blocks(tmp_path):
    class Sung:
        def __init__(self):
            block = np.full(READ_SAMPLES, 0.1, np.float32)
            self.audio = Tape(tmp_path, SAMPLE_RATE).record(block for _ in range(16))

    takes = [Sung() for _ in range(4)]
    assert peak_mb(lambda: mix(takes, tmp_path / "mix.wav")) < 10 * 4 * READ_SAMPLES / MEGABYTE
    assert AudioFile.open(tmp_path / "mix.wav").length == 16 * READ_SAMPLES


def test_a_tape_gives_back_what_it_was_given_and_no_more(tmp_path):
    samples = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    tape = Tape(tmp_path, 1000).record([samples[:300], samples[300:300]])
    tape.piece(100, 200)  # reading between does not move what is written next
    tape.record([samples[300:]])
    assert tape.length == 1000 and tape.seconds == 1.0
    np.testing.assert_array_equal(tape.piece(250, 350).samples, samples[250:350])
    np.testing.assert_array_equal(tape.piece(990, 2000).samples, samples[990:])
    assert tape.piece(2000, 3000).length == tape.piece(-5, 0).length == 0


def test_a_folder_that_takes_no_files_is_named(tmp_path):
    with pytest.raises(AudioError, match=r"nowhere: takes no files \(No such file"):
        Tape(tmp_path / "nowhere", SAMPLE_RATE)


def test_pieces_beyond_the_end_of_a_file_are_empty(tmp_path):
    Tape(tmp_path, SAMPLE_RATE).record([np.zeros(100, np.float32)]).write(tmp_path / "short.wav")
    assert AudioFile.open(tmp_path / "short.wav").piece(200, 300).length == 0
