"""Songs of karaoke games and singing editors: notes, seconds and syllables as the file has them."""

import numpy as np
import pytest

from svs.score import ScoreError, read_score, read_written
from svs.ustx import editor_lyrics

HEAD = "#TITLE:Song\n#ARTIST:Nobody\n#LANGUAGE:English\n#BPM:120\n#GAP:1000\n"


@pytest.fixture
def song(tmp_path):
    def song(lines, head=HEAD):
        path = tmp_path / "song.txt"
        path.write_text(head + lines, encoding="utf-8")
        return read_score(path)

    return song


def test_an_ultrastar_beat_is_a_quarter_of_those_of_its_bpm_and_counts_from_the_gap(song):
    notes = song(": 0 4 0 One\n: 8 2 12  two\nE\n").parts[0].notes
    assert [(n.lyric, n.onset, n.duration, n.cents) for n in notes] == [
        ("One", 1.0, 0.5, 6000.0),  # 4 beats of 15 s / 120
        ("two", 2.0, 0.25, 7200.0),
    ]


def test_ultrastar_syllables_become_words_by_their_spaces_and_lines(song):
    notes = (
        song(": 0 2 0 Twin\n: 2 2 0 kle\n: 4 2 0  lit\n: 6 2 0 tle \n: 8 2 0 star\n- 12\n: 12 2 0 how\n").parts[0].notes
    )
    assert [(n.lyric, n.syllabic) for n in notes] == [
        ("Twin", "begin"),
        ("kle", "end"),
        ("lit", "begin"),
        ("tle", "end"),
        ("star", "single"),
        ("how", "single"),
    ]


def test_a_tilde_holds_the_vowel_even_over_a_gap_and_may_close_the_word(song):
    held, closed = song(": 0 2 0 oh\n: 5 2 2 ~\n: 8 2 0  i\n: 10 2 0 ~n\n").parts[0].notes[1::2]
    assert held.melisma and held.lyric is None and held.onset == pytest.approx(1.625)
    assert (closed.lyric, closed.syllabic) == ("n", "end")


def test_notes_before_the_first_syllable_are_left_out_and_said(song):
    score = song(": 0 4 3 -\n: 4 4 3 ~\n: 8 4 3 la\n: 12 4 4 ~\n")
    assert [n.lyric for n in score.parts[0].notes] == ["la", None]
    assert "Voice: 2 notes before the first syllable left out" in score.remarks


def test_spoken_and_rapped_notes_are_left_out_and_said(song):
    score = song(": 0 2 0 sing\nF 4 2 0  speak\nR 8 2 0  rap\n")
    assert [n.lyric for n in score.parts[0].notes] == ["sing"]
    assert any("1 spoken notes left out" in remark for remark in score.remarks)
    assert any("1 rapped notes left out" in remark for remark in score.remarks)


def test_what_holds_a_spoken_syllable_is_spoken_too(song):
    score = song(": 0 2 0 sing\nF 4 2 0  oh\n: 8 2 0 ~\n: 10 2 0  on\n")
    assert [n.lyric for n in score.parts[0].notes] == ["sing", "on"]


def test_words_may_be_parted_by_hyphens_alone(song):
    notes = song(": 0 2 0 A-\n: 2 2 0 ma-\n: 4 2 0 zing\n: 6 2 0 grace\n").parts[0].notes
    assert [(n.lyric, n.syllabic) for n in notes] == [("A", "begin"), ("ma", "middle"), ("zing", "end"), ("grace", "single")]


def test_a_tempo_within_an_ultrastar_text_holds_from_its_beat_on(song):
    notes = song(": 0 4 0 One\nB 8 60\n: 8 4 0  two\n").parts[0].notes
    assert [(n.onset, n.duration) for n in notes] == [(1.0, 0.5), (2.0, 1.0)]  # 15 s / 120, then 15 s / 60 a beat


def test_both_singers_of_a_duet_sing_what_is_for_both(song):
    score = song("P1\n: 0 4 0 me\nP2\n: 4 4 4 you\nP3\n: 8 4 0 us\n")
    assert [[n.lyric for n in part.notes] for part in score.parts] == [["me", "us"], ["you", "us"]]


def test_a_duet_is_two_parts(song):
    score = song("P1\n: 0 4 0 me\nP2\n: 4 4 4 you\n")
    assert [(part.name, part.notes[0].lyric) for part in score.parts] == [("P1", "me"), ("P2", "you")]


def test_relative_beats_count_from_the_line_before(song):
    notes = song(": 0 4 0 one\n- 8\n: 0 4 0 two\n", HEAD + "#RELATIVE:yes\n").parts[0].notes
    assert [n.onset for n in notes] == [1.0, 2.0]


@pytest.mark.parametrize(
    "text, message",
    [
        ("#TITLE:x\n#BPM:fast\n: 0 2 0 la\n", "#BPM is 'fast'"),
        ("#TITLE:x\n#ARTIST:y\n: 0 2 0 la\n", "#BPM is None"),
        ("#TITLE:x\n#BPM:100\n", "no notes"),
        ("#TITLE:x\n#BPM:100\n: zero 2 0 la\n", r"line 3: ': zero 2 0 la'"),
        ("just words\n", "not a score that can be read"),
    ],
)
def test_a_bad_text_is_refused_in_one_line(song, text, message):
    with pytest.raises(ScoreError, match=message) as caught:
        song(text, head="")
    assert "\n" not in str(caught.value) and str(caught.value).startswith("song.txt")


USTX = """\ufeffname: Project
resolution: 480
time_signatures: [{bar_position: 0, beat_per_bar: 3, beat_unit: 4}]
tempos: [{position: 0, bpm: 60}, {position: 1440, bpm: 120}]
tracks: [{track_name: Lead}]
voice_parts:
- name: A
  track_no: 0
  position: 480
  notes:
  - {position: 0, duration: 480, tone: 60, lyric: twinkle}
  - {position: 480, duration: 480, tone: 62, lyric: '+'}
  - {position: 960, duration: 480, tone: 64, lyric: star}
  - {position: 1440, duration: 480, tone: 65, lyric: '+~'}
  - {position: 1920, duration: 240, tone: 60, lyric: R}
  - {position: 2160, duration: 240, tone: 60, tuning: 10, lyric: 'read[r eh d]'}
"""


def test_an_openutau_project_is_sung_by_its_ticks_tempos_and_plus_signs(tmp_path):
    path = tmp_path / "song.ustx"
    path.write_text(USTX, encoding="utf-8")
    score = read_score(path)
    assert score.parts[0].name == "Lead"
    assert [(n.lyric, n.syllabic, n.onset, n.duration, n.cents, n.bar) for n in score.parts[0].notes] == [
        ("twin", "begin", 1.0, 1.0, 6000.0, 1),
        ("kle", "end", 2.0, 1.0, 6200.0, 1),
        ("star", "single", 3.0, 0.5, 6400.0, 2),
        (None, "single", 3.5, 0.5, 6500.0, 2),
        ("read", "single", 4.25, 0.25, 6010.0, 2),
    ]
    assert any("rests written as notes" in remark for remark in score.remarks)


@pytest.mark.parametrize(
    "text, message",
    [
        ("[1, 2", "not YAML"),
        ("name: x\n", "no voice_parts"),
        ("voice_parts: []\n", "without notes"),
        ("voice_parts: [{notes: [{position: 0}]}]\n", "not a whole OpenUtau project"),
    ],
)
def test_a_bad_project_is_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "song.ustx"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScoreError, match=message) as caught:
        read_written(path)
    assert "\n" not in str(caught.value)


def test_of_kana_named_as_in_voicebanks_only_the_kana_are_sung():
    sung = editor_lyrics(["- か", "a な", "a ー", "い_F4", "n きゃ", "a R", "う", "- "])
    assert [s if s in (None, "rest") else s.text for s in sung] == ["か", "な", None, "い", "きゃ", "rest", "う", None]


def test_a_numbered_plus_sign_is_the_next_syllable():
    assert [s.text for s in editor_lyrics(["wonderful", "+2", "+3"])] == ["won", "der", "ful"]


DRAWN = """name: Project
resolution: 480
tempos: [{position: 0, bpm: 120}]
voice_parts:
- name: A
  track_no: 0
  position: 480
  curves:
  - {abbr: dyn, xs: [0, 960], ys: [100, 100]}
  - {abbr: pitd, xs: [240, 480, 720, 960], ys: [0, -100, 50, 50]}
  notes:
  - {position: 0, duration: 480, tone: 60, lyric: la}
  - {position: 480, duration: 480, tone: 62, lyric: la, vibrato: {length: 0, period: 175, depth: 25}}
  - {position: 960, duration: 960, tone: 64, lyric: la, vibrato: {length: 50, period: 125, depth: 30, in: 25, out: 25}}
  - {position: 1920, duration: 480, tone: 65, lyric: la, pitch: {snap_first: true, data: [
      {x: -40, y: 0, shape: io}, {x: 40, y: 0, shape: io}, {x: 140, y: 10, shape: l}, {x: 240, y: 0, shape: l}]}}
  - {position: 2400, duration: 480, tone: 65, lyric: la, pitch: {data: [{x: -40, y: 0}, {x: 40, y: 0}]}}
  - {position: 2880, duration: 480, tone: 65, lyric: la, pitch: {snap_first: false, data: [
      {x: 0, y: -20, shape: l}, {x: 100, y: 0}]}}
"""


def bend_at(note, seconds):
    return np.interp(seconds, *np.transpose(note.bend))


def test_what_is_drawn_over_openutaus_notes_bends_them(tmp_path):
    path = tmp_path / "song.ustx"
    path.write_text(DRAWN, encoding="utf-8")
    curve, after, vibrato, points, plain, scoop = read_score(path).parts[0].notes
    assert [n.cents for n in (curve, after, vibrato, points)] == [6000.0, 6200.0, 6400.0, 6500.0]
    assert bend_at(curve, [0.0, 0.25, 0.375, 0.5]) == pytest.approx([0, 0, -50, -100], abs=0.1)
    assert bend_at(after, [0.0, 0.25, 0.5]) == pytest.approx([-100, 50, 50], abs=0.1)
    cycle = 0.625 + 0.125 * np.arange(4) / 4  # it begins 0.5 s into the note, and is whole after 0.125 s
    assert bend_at(vibrato, cycle) == pytest.approx([0, 30, 0, -30], abs=1.5)
    assert bend_at(vibrato, [0.2, 0.45]) == pytest.approx([0, 0], abs=0.1)
    assert bend_at(points, [0.0, 0.04, 0.09, 0.14, 0.19, 0.3]) == pytest.approx([0, 0, 50, 100, 50, 0], abs=2)
    assert plain.bend == ()
    assert bend_at(scoop, [0.0, 0.05, 0.2]) == pytest.approx([-200, -100, 0], abs=2)


def test_curves_without_end_are_refused(tmp_path):
    vibrato = "vibrato: {length: 100, period: 5, depth: 100}"
    notes = [f"  - {{position: {480_000 * i}, duration: 480000, tone: 60, lyric: la, {vibrato}}}" for i in range(150)]
    path = tmp_path / "song.ustx"
    path.write_text("\n".join(["voice_parts:", "- notes:", *notes]), encoding="utf-8")
    with pytest.raises(ScoreError, match="song.ustx: curves of more than 500,000 points"):
        read_written(path)


def test_plus_signs_share_out_the_syllables_of_a_word():
    sung = editor_lyrics(["wonderful", "+", "+~", "+", "have", "+", "SP", "-", "corazón", "+", "+"])
    assert [s if s in (None, "rest") else s.text for s in sung] == [
        "won",
        "der",
        None,
        "ful",
        "have",
        None,
        "rest",
        None,
        "co",
        "ra",
        "zón",
    ]


def test_other_editors_projects_want_libresvip_or_are_read_by_it(tmp_path):
    path = tmp_path / "song.vsqx"
    path.write_text("<vsq4/>")
    with pytest.raises(ScoreError, match=r"pip install 'svs\[editors\]'|not a project that libresvip can read"):
        read_score(path)
