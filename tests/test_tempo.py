"""Tempo in words: rit. slows, accel. quickens, a tempo goes back; a breath mark leaves a rest."""

from fractions import Fraction

import pytest
from test_score import document, note

from svs.articulation import articulate
from svs.score import read_score
from svs.tempo import change, of_words, settle_changes
from svs.written import Measure, WrittenScore


def direction(text, tempo=None):
    sound = "" if tempo is None else f'<sound tempo="{tempo}"/>'
    return f"<direction><direction-type><words>{text}</words></direction-type>{sound}</direction>"


@pytest.fixture
def notes(tmp_path):
    def notes(*measures):
        path = tmp_path / "song.musicxml"
        path.write_text(document(*measures))
        return read_score(path).parts[0].notes

    return notes


BAR = note("A4", 2, "la") + note("B4", 2, "la")


@pytest.mark.parametrize(
    "text, asked",
    [("rit.", "slower"), ("Ritardando", "slower"), ("poco rall.", "slower"), ("accel.", "faster"), ("a tempo", "back"),
     ("Tempo I", "back"), ("ritornello", None), ("Allegro", None)],
)  # fmt: skip
def test_words_that_change_the_tempo_are_known(text, asked):
    assert change(text) == asked


def test_a_ritardando_slows_from_its_place_until_a_tempo(notes):
    sung = notes(direction("", 60) + BAR, direction("rit.") + BAR, direction("a tempo") + BAR)
    seconds = [n.duration for n in sung]
    assert seconds[:2] == pytest.approx([2, 2]) and seconds[4:] == pytest.approx([2, 2])
    assert 2 < seconds[2] < seconds[3] < 2 / 0.7
    assert seconds[3] == pytest.approx(2 / 0.775, rel=0.01)  # the mean of its second half, from 0.85 to 0.7


def test_an_accelerando_heads_for_the_mark_after_it(notes):
    sung = notes(direction("", 60) + BAR, direction("accel.") + BAR, direction("Presto", 120) + BAR)
    seconds = [n.duration for n in sung]
    assert 2 > seconds[2] > seconds[3] > 1 and seconds[4:] == pytest.approx([1, 1])


def test_a_change_that_nothing_ends_lasts_eight_quarters():
    score = WrittenScore("x", measures=[Measure(i, Fraction(4)) for i in range(8)], tempos=[(0, Fraction(0), 100.0)])
    settle_changes(score, [(1, Fraction(0), "slower")], 120.0)
    tempos = {(m, o): bpm for m, o, bpm in score.tempos}
    assert tempos[3, Fraction(0)] == 100.0 and 70 < tempos[2, Fraction(7, 2)] < 73


@pytest.mark.parametrize("words, bpm", [("Andante con moto", 76), ("Sehr langsam", 58), ("With feeling", None)])
def test_a_word_gives_the_tempo_where_no_mark_does(words, bpm, tmp_path):
    assert of_words(words) == bpm
    path = tmp_path / "song.musicxml"
    path.write_text(document(direction(words) + BAR))
    score = read_score(path)
    assert score.parts[0].notes[0].duration == pytest.approx(120 / (bpm or 120))
    assert any(words in remark for remark in score.remarks)


def test_a_breath_mark_is_a_rest_taken_from_its_note(notes):
    mark = "<notations><articulations><breath-mark/></articulations></notations>"
    first, second = articulate(notes(direction("", 60) + note("A4", 2, "la", after=mark) + note("B4", 2, "la")))
    assert first.duration == pytest.approx(1.75) and second.onset == pytest.approx(2.0)
    caesura = mark.replace("breath-mark", "caesura")
    short = articulate(notes(direction("", 240) + note("A4", 2, "la", after=caesura) + note("B4", 2, "la")))[0]
    assert short.duration == pytest.approx(0.5 * 0.6)


def test_a_breath_after_tied_notes_is_taken_from_their_end(notes):
    mark = "<notations><articulations><breath-mark/></articulations></notations>"
    tied = note("A4", 2, "la", inside='<tie type="start"/>') + note("A4", 2, inside='<tie type="stop"/>', after=mark)
    assert articulate(notes(direction("", 60) + tied + "", BAR))[0].duration == pytest.approx(3.75)
