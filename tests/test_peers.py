"""Songs made longer for the benchmark of length, and written down for Festival, are still the songs."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks.long import lengthened
from benchmarks.peers import raise_pitch, singing_markup, words
from svs.score import read_score, select_part

ROW = Path(__file__).parent.parent / "assets" / "scores" / "row_your_boat.musicxml"


def test_a_song_is_repeated_note_by_note_until_it_is_long_enough(tmp_path):
    once = select_part(read_score(ROW)).notes
    path = tmp_path / "long.musicxml"
    path.write_bytes(lengthened(ROW, 60.0, parts=2))
    parts = read_score(path).parts
    assert len(parts) == 2 and [n.cents for n in parts[0].notes] == [n.cents for n in parts[1].notes]
    times, rest = divmod(len(parts[0].notes), len(once))
    assert rest == 0 and [n.lyric for n in parts[0].notes] == times * [n.lyric for n in once]
    assert parts[0].notes[-1].end == pytest.approx(60.0, abs=0.5 * once[-1].end)


def test_a_song_raised_for_a_peer_is_the_song_transposed(tmp_path):
    tree = ET.parse(ROW)
    for pitch in tree.iter("pitch"):
        raise_pitch(pitch, 6)  # to F sharp major
    tree.write(tmp_path / "raised.musicxml")
    written, raised = (select_part(read_score(path)).notes for path in (ROW, tmp_path / "raised.musicxml"))
    assert [note.cents + 600 for note in written] == [note.cents for note in raised]


def test_festivals_markup_holds_every_note_in_its_time():
    notes = select_part(read_score(ROW)).notes
    song = ET.fromstring(singing_markup(ROW))
    assert len(song.findall("PITCH")) == len(notes)
    seconds = [float(each.get("BEATS")) for each in song.iter() if each.get("BEATS")]
    assert song.get("BPM") == "60" and sum(seconds) == pytest.approx(notes[-1].end, abs=0.05)
    letters = "".join(each.text for each in song.iter("DURATION")).lower()
    assert letters == "".join(filter(str.isalpha, words(ROW))).lower()
    heights = [each.get("NOTE") for each in song.findall("PITCH")]
    assert heights[:3] == ["C4", "C4", "C4"] and "G4" in heights and "C5" in heights
