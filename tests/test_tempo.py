"""Tempo in words: rit. slows, accel. quickens, a tempo goes back; a breath mark leaves a rest."""

from fractions import Fraction

import pytest
from test_score import document, note

from svs.articulation import articulate
from svs.score import read_score
from svs.tempo import change, number_in, of_words, settle_changes, sudden
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


@pytest.mark.parametrize(
    "text, bpm",
    [("♩ = 96", 96), ("Andante (♩. = 60)", 90), ("Allegro (q=144)", 144), ("half note = 60", 120), ("M.M. 72", 72),
     ("𝅘𝅥𝅮 = c. 100", 50), ("dotted quarter = 40", 60), ("120 bpm", 120), ("♩ = 62,5", 62.5), ("Verse 2", None), ("Tempo 1", None),
     ("Psalm 96", None), ("♩ = ♩.", None)],
)  # fmt: skip
def test_a_number_in_words_is_a_metronome_mark(text, bpm, notes):
    assert number_in(text) == bpm
    later = notes(direction("", 30) + BAR, direction(text) + BAR)[2]
    assert later.duration == pytest.approx(120 / (bpm or 30))


def test_a_text_of_several_fonts_is_read_as_one(notes):
    runs = "<words>Andante (</words><symbol>metNoteQuarterUp</symbol><symbol>metAugmentationDot</symbol><words>= 40)</words>"
    sung = notes(f"<direction><direction-type>{runs}</direction-type></direction>" + BAR)
    assert sung[0].duration == pytest.approx(2.0)


def test_tempo_words_within_a_song_change_its_tempo(notes):
    sung = notes(
        direction("Andante", 60) + BAR,
        direction("Più mosso") + BAR,
        direction("a tempo") + BAR,
        direction("Allegro molto") + BAR,
        direction("Tempo I") + BAR,
    )
    assert [n.duration for n in sung[::2]] == pytest.approx([2, 2 / 1.15, 2, 120 / 128, 2])


def test_a_faster_tempo_after_a_ritardando_is_faster_than_before_it(notes):
    sung = notes(direction("", 60) + BAR, direction("rit.") + BAR, direction("più mosso") + BAR, direction("a tempo") + BAR)
    assert [n.duration for n in sung[4::2]] == pytest.approx([2 / 1.15, 2])


def test_a_change_after_a_new_mark_goes_back_to_that_mark(notes):
    sung = notes(direction("", 60) + BAR, direction("rit.") + BAR, direction("", 120) + BAR, direction("rit.") + BAR, *[BAR] * 2)
    assert sung[-1].duration == pytest.approx(1.0)


def test_words_of_character_leave_the_tempo_and_a_mark_beside_a_word_wins(notes):
    assert sudden("ruhig") is None and sudden("legato ma non troppo") is None
    sung = notes(direction("", 60) + BAR, direction("dolce, ruhig") + BAR, direction("Allegro", 90) + BAR)
    assert [n.duration for n in sung[::2]] == pytest.approx([2, 2, 120 / 90])


def metronome(signs):
    return f"<direction><direction-type><metronome>{signs}</metronome></direction-type></direction>"


def test_two_dots_lengthen_a_beat_by_three_quarters_of_itself(notes):
    mark = "<beat-unit>quarter</beat-unit><beat-unit-dot/><beat-unit-dot/><per-minute>60</per-minute>"
    assert notes(metronome(mark) + BAR)[0].duration == pytest.approx(2 / 1.75)


def test_a_metric_modulation_may_be_written_in_notes(notes):
    def sign(dots):
        return f"<metronome-note><metronome-type>quarter</metronome-type>{'<metronome-dot/>' * dots}</metronome-note>"

    equation = f"{sign(0)}<metronome-relation>equals</metronome-relation>{sign(1)}"
    sung = notes(direction("", 60) + BAR, metronome(equation) + BAR)
    assert sung[2].duration == pytest.approx(2 / 1.5)


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
