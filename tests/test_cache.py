"""Phrases kept between renders: an edit costs what it changed, and the sound is the same to the bit as without."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny_voices import write_voice

from svs.cache import PhraseCache, default_folder
from svs.score import Score
from svs.sing import sing
from svs.voice import Voice


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    return Voice.load(write_voice(tmp_path_factory.mktemp("voices") / "tiny"))


@pytest.fixture(scope="module")
def sung(voice, tmp_path_factory):
    """The song as it is sung without a cache, and the folder of a cache that has seen it once, not to be written to."""
    folder = tmp_path_factory.mktemp("sung")
    cache = PhraseCache(folder)
    first = sing(song(), voice, pitch="exact", cache=cache)
    assert counts(cache) == (0, 3)
    plain = sing(song(), voice, pitch="exact").audio.samples.tobytes()
    assert first.audio.samples.tobytes() == plain
    return plain, folder


@pytest.fixture
def kept(sung, tmp_path):
    """A cache that holds the song."""
    return PhraseCache(shutil.copytree(sung[1], tmp_path / "phrases"))


def song(last_cents=6700.0):
    """Three phrases of 16 seconds with a rest after each: three stretches."""
    phrase = [(0.0, 8.0, 6000, "la"), (8.0, 8.0, 6400, "la")]
    notes = [(20.0 * turn + onset, length, cents, word) for turn in range(3) for onset, length, cents, word in phrase]
    return Score.from_notes([*notes[:-1], (*notes[-1][:2], last_cents, "la")])


def counts(cache):
    found = cache.hits, cache.misses
    cache.hits = cache.misses = 0
    return found


def test_a_song_sung_again_is_not_sung_again_and_sounds_the_same(voice, kept, sung):
    again = sing(song(), voice, pitch="exact", cache=kept)
    assert counts(kept) == (3, 0)
    assert again.audio.samples.tobytes() == sung[0]


def test_after_an_edit_only_the_phrase_with_the_note_is_sung(voice, kept):
    edited = sing(song(6800.0), voice, pitch="exact", cache=kept)
    assert counts(kept) == (2, 1)
    assert edited.audio.samples.tobytes() == sing(song(6800.0), voice, pitch="exact").audio.samples.tobytes()


def test_a_line_without_rests_is_the_same_to_the_bit_whichever_of_its_stretches_are_kept(voice, kept):
    """Its stretches begin with the phase that the one before ends with, so that an early edit reaches the later ones."""

    def line(**changed):
        return Score.from_notes([(0.5 * i, 0.5, changed.get(f"n{i}", 6000 + 100 * (i % 5)), "la") for i in range(120)])

    sing(line(), voice, pitch="exact", cache=kept)
    assert counts(kept) == (0, 3)
    for edited, expected in ((line(n119=6700), (2, 1)), (line(n1=6700), (0, 3))):
        again = sing(edited, voice, pitch="exact", cache=kept)
        assert counts(kept) == expected
        assert again.audio.samples.tobytes() == sing(edited, voice, pitch="exact").audio.samples.tobytes()


@pytest.mark.parametrize("options", [{"seed": 1}, {"steps": 3}, {"guidance": 2.0}, {"singer": "bob"}, {"tuning": 442.0}])
def test_what_changes_the_sound_misses(voice, kept, options):
    sing(song(), voice, pitch="exact", cache=kept, **options)
    assert counts(kept) == (0, 3)


def test_other_weights_miss(voice, kept, tmp_path):
    other = Voice.load(write_voice(tmp_path / "other", seed=1))
    sing(song(), other, pitch="exact", cache=kept)
    assert counts(kept) == (0, 3)


def test_a_voice_made_anew_in_its_folder_is_told_from_the_one_before(tmp_path):
    """In one process, as a notebook beside a training does it; and one that is loaded still sings as it was loaded."""
    kept = PhraseCache(tmp_path / "phrases")
    before = Voice.load(write_voice(tmp_path / "voice"))
    after = Voice.load(write_voice(tmp_path / "voice", seed=1))
    sounds = [sing(song(), voice, pitch="exact", cache=kept).audio.samples.tobytes() for voice in (before, after, before)]
    assert counts(kept) == (3, 6)
    assert sounds[0] == sounds[2] != sounds[1]
    shutil.rmtree(tmp_path / "phrases")
    assert sounds[1] == sing(song(), after, pitch="exact", cache=kept).audio.samples.tobytes()


def test_a_damaged_phrase_is_sung_again(voice, kept, sung):
    files = sorted(kept.folder.glob("*.npy"))
    files[0].write_bytes(b"")
    files[1].write_bytes(files[1].read_bytes()[:-5])
    inside = bytearray(files[2].read_bytes())
    inside[len(inside) // 2] ^= 1
    files[2].write_bytes(inside)
    assert sing(song(), voice, pitch="exact", cache=kept).audio.samples.tobytes() == sung[0]
    assert counts(kept) == (0, 3)


def test_what_was_used_last_stays_when_there_is_too_much(tmp_path):
    kept = PhraseCache(tmp_path, megabytes=0.1)
    sound = np.zeros(10_000, np.float32)  # 40 kB
    kept.keep("a", sound)
    kept.keep("b", sound)
    assert kept.find("a", 10_000) is not None
    kept.keep("c", sound)
    assert [kept.find(name, 10_000) is not None for name in "abc"] == [True, False, True]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1e5


def test_a_folder_that_cannot_be_written_costs_only_time(voice, tmp_path):
    (tmp_path / "file").write_text("")
    kept = PhraseCache(tmp_path / "file")
    assert sing(song(), voice, pitch="exact", cache=kept).audio.seconds > 50
    assert counts(kept) == (0, 3)


def test_the_folder_is_the_users_choice(monkeypatch, tmp_path):
    monkeypatch.setenv("SVS_CACHE", str(tmp_path / "mine"))
    assert default_folder() == tmp_path / "mine"
    monkeypatch.delenv("SVS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "svs" / "phrases"
    monkeypatch.setenv("SVS_CACHE", "")
    assert default_folder() == tmp_path / "svs" / "phrases"


def test_a_user_without_a_folder_keeps_nothing(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("SVS_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    kept = PhraseCache()
    kept.keep("a", np.zeros(10, np.float32))
    assert kept.find("a", 10) is None
