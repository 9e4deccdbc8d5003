"""The scores that come with the project are whole: full bars, a syllable for every note that needs one."""

import xml.etree.ElementTree as ET
from fractions import Fraction
from pathlib import Path

import pytest
from tiny_voices import write_voice

from assets.samples.make import PICTURE_BYTES, SAMPLES, SECONDS, SOUND_BYTES, make
from benchmarks.common import song_list
from data_prep.songs import is_heldout, read_heldout
from svs.audio import Audio
from svs.voice import Voice

ROOT = Path(__file__).parent.parent
SCORES = sorted((ROOT / "assets" / "scores").glob("*.musicxml"))
JAPANESE = sorted((ROOT / "assets" / "scores" / "ja").glob("*.musicxml"))


@pytest.fixture(params=[*SCORES, *JAPANESE], ids=lambda path: path.stem)
def tree(request):
    return ET.parse(request.param)


def test_twenty_songs_measure_the_voice_and_ten_of_them_the_first_figures():
    twenty, ten = (song_list(ROOT / "benchmarks" / name) for name in ("songs20.txt", "songs.txt"))
    assert sorted(twenty) == SCORES
    assert len(set(twenty)) == 20 and len(set(ten)) == 10 and set(ten) < set(twenty)


def test_ten_songs_measure_how_japanese_is_sung_and_all_are_in_kana():
    assert sorted(song_list(ROOT / "benchmarks" / "songs_ja.txt")) == JAPANESE and len(JAPANESE) == 10
    for song in JAPANESE:
        text = "".join(lyric.text for lyric in ET.parse(song).findall(".//lyric/text"))
        assert text and all("\u3041" <= letter <= "\u3096" or letter == "ー" for letter in text)


def test_no_song_that_measures_the_voice_may_be_in_its_corpus(tree):
    verse = [n.find("lyric[@number='1']") for n in tree.findall(".//note")]
    text = "".join(
        lyric.findtext("text") + ("" if lyric.findtext("syllabic") in ("begin", "middle") else " ")
        for lyric in verse
        if lyric is not None
    )
    assert is_heldout(tree.findtext("work/work-title"), text, read_heldout())


def test_every_score_names_its_authors_and_is_free(tree):
    assert tree.findtext("work/work-title")
    assert {creator.get("type") for creator in tree.findall("identification/creator")} == {"composer", "lyricist"}
    assert tree.findtext("identification/rights") == "Public domain"
    assert float(tree.find(".//sound").get("tempo")) > 0


def test_bars_fill_the_time_signature(tree):
    quarters = Fraction(int(tree.findtext(".//divisions")))
    full = Fraction(4 * int(tree.findtext(".//beats")), int(tree.findtext(".//beat-type")))
    measures = tree.findall(".//measure")
    lengths = [sum(int(d.text) for d in measure.findall("note/duration")) / quarters for measure in measures]
    if measures[0].get("implicit") == "yes":
        lengths = [lengths[0] + lengths[-1], *lengths[1:-1]]
    assert set(lengths) == {full}


def test_every_verse_has_a_syllable_or_a_melisma_on_every_note(tree):
    sung = [n for n in tree.findall(".//note") if n.find("pitch") is not None and n.find("tie[@type='stop']") is None]
    verses = {lyric.get("number") for lyric in tree.findall(".//lyric")}
    assert verses
    for verse in verses:
        extended, inside_word = False, False
        for note in sung:
            lyric = note.find(f"lyric[@number='{verse}']")
            if lyric is None:
                assert extended
                continue
            syllabic = lyric.findtext("syllabic")
            assert (syllabic in ("middle", "end")) == inside_word
            inside_word = syllabic in ("begin", "middle")
            extended = lyric.find("extend") is not None
        assert not inside_word


def test_slurs_open_and_close_by_turns(tree):
    turns = [slur.get("type") for slur in tree.findall(".//slur")]
    assert turns == ["start", "stop"] * (len(turns) // 2)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_the_samples_are_short_and_small(sample):
    sound, picture = (ROOT / "assets" / "samples" / f"{sample.name}{suffix}" for suffix in (".mp3", ".png"))
    assert sound.stat().st_size <= SOUND_BYTES and picture.stat().st_size <= PICTURE_BYTES
    assert 5.0 < Audio.read(sound).seconds <= SECONDS + 0.1


def test_samples_are_made_by_any_voice(tmp_path):
    voice = Voice.load(write_voice(tmp_path / "tiny"))
    said = make(SAMPLES[-1], voice, tmp_path)
    assert said.startswith(f"{SAMPLES[-1].name}.mp3 ") and ": ann, " in said
    assert (tmp_path / f"{SAMPLES[-1].name}.png").read_bytes().startswith(b"\x89PNG")
