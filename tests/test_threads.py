"""The same seed gives the same bytes however many threads there are, when it is asked for."""

import pytest
import torch
from tiny_voices import write_voice

from svs.score import Score
from svs.sing import sing, stream
from svs.voice import Voice


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    return Voice.load(write_voice(tmp_path_factory.mktemp("voices") / "tiny"))


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


SONG = Score.from_notes([(0.4 * i, 0.4, 6000 + 100 * i, "la") for i in range(5)])


def test_a_reproducible_song_has_the_same_bytes_on_any_number_of_threads(voice, threads):
    sung = set()
    for count in (1, 2, 4):
        threads(count)
        seen = []
        take = sing(SONG, voice, seed=4, reproducible=True, hear=lambda _, to=seen: to.append(torch.get_num_threads()))
        assert seen == [1] and torch.get_num_threads() == count
        sung.add(take.audio.samples.tobytes())
    assert len(sung) == 1


def test_the_number_of_threads_comes_back_after_a_failure(voice, threads):
    threads(2)

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sing(SONG, voice, reproducible=True, hear=stop)
    assert torch.get_num_threads() == 2


def test_a_stream_is_reproducible_too(voice, threads):
    threads(2)
    heard = b"".join(piece.samples.tobytes() for piece in stream(SONG, voice, seed=4, reproducible=True))
    threads(1)
    assert heard == sing(SONG, voice, seed=4).audio.samples.tobytes()
