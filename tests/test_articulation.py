"""Articulation: signs over notes are obeyed, and read from the page."""

import pytest

from svs.articulation import articulate
from svs.score import Note, read_score

NOTATED = """<score-partwise version="4.0">
<part-list><score-part id="P1"><part-name>V</part-name></score-part></part-list>
<part id="P1"><measure number="1"><attributes><divisions>1</divisions></attributes>{}</measure></part>
</score-partwise>"""


def sung(*marks, seconds=1.0, slurred=False):
    return articulate([Note(0, seconds, 6000, "la", marks=marks, slurred=slurred)])[0]


@pytest.mark.parametrize(
    ("marks", "seconds"),
    [
        ((), 1.0),
        (("tenuto",), 1.0),
        (("staccato",), 0.5),
        (("staccatissimo",), 0.25),
        (("detached-legato",), 0.75),
        (("staccato", "tenuto"), 0.75),
        (("breath-mark",), 0.75),
        (("caesura",), 0.6),
        (("accent",), 1.0),
        (("scoop", "glide"), 1.0),
    ],
)
def test_signs_shorten_a_note_of_one_second_to(marks, seconds):
    assert sung(*marks).duration == pytest.approx(seconds)


def test_dots_under_a_slur_are_portato():
    assert sung("staccato", slurred=True).duration == pytest.approx(0.75)


def test_a_short_staccato_note_keeps_a_vowel_that_can_be_heard():
    assert sung("staccatissimo", seconds=0.2).duration == pytest.approx(0.12)
    assert sung("staccatissimo", seconds=0.1).duration == pytest.approx(0.1)


def test_accents_are_louder_and_nothing_else():
    assert (sung("accent").loudness, sung("strong-accent").loudness, sung("staccato").loudness) == (3, 4, 0)


def test_onsets_and_pitch_stay():
    note = sung("staccato", "accent", "breath-mark")
    assert (note.onset, note.cents, note.lyric) == (0, 6000, "la")


def notated(tmp_path, *contents, step="G"):
    notes = "".join(
        f"<note><pitch><step>{step}</step><octave>4</octave></pitch><duration>1</duration>{before}"
        f"<notations>{content}</notations>{'' if after else '<lyric><text>la</text></lyric>'}</note>"
        for before, content, after in contents
    )
    path = tmp_path / "page.musicxml"
    path.write_text(NOTATED.format(notes), encoding="utf-8")
    return read_score(path).parts[0].notes


@pytest.mark.parametrize(
    ("notation", "marks"),
    [
        ("<articulations><staccato/></articulations>", ("staccato",)),
        ("<articulations><tenuto/><accent/></articulations>", ("accent", "tenuto")),
        ("<articulations><strong-accent type='up'/></articulations>", ("strong-accent",)),
        ("<articulations><scoop/></articulations>", ("scoop",)),
        ("<articulations><plop/></articulations>", ("plop",)),
        ("<articulations><doit/></articulations>", ("doit",)),
        ("<articulations><falloff/></articulations>", ("falloff",)),
        ("<articulations><breath-mark>comma</breath-mark></articulations>", ("breath-mark",)),
        ("<glissando type='start' number='1' line-type='wavy'/>", ("glide",)),
        ("<slide type='start' number='1'/>", ("glide",)),
        ("<slide type='stop' number='1'/>", ()),
        ("<articulations><stress/></articulations>", ()),
    ],
)
def test_signs_are_read_from_the_page(tmp_path, notation, marks):
    assert notated(tmp_path, ("", notation, False))[0].marks == marks


def test_a_glide_from_the_end_of_a_tie_belongs_to_the_whole_note(tmp_path):
    first = ("<tie type='start'/>", "<articulations><accent/></articulations>", False)
    second = ("<tie type='stop'/>", "<slide type='start'/>", True)
    (note,) = notated(tmp_path, first, second)
    assert note.duration == pytest.approx(1.0)
    assert set(note.marks) == {"accent", "glide"}


def test_words_that_ask_for_portamento_are_obeyed(tmp_path):
    words = "<direction><direction-type><words>port.</words></direction-type></direction>"
    notes = "".join(
        f"{before}<note><pitch><step>{step}</step><octave>4</octave></pitch><duration>1</duration>"
        "<lyric><text>la</text></lyric></note>"
        for before, step in (("", "C"), (words, "D"), ("", "E"))
    )
    path = tmp_path / "page.musicxml"
    path.write_text(NOTATED.format(notes), encoding="utf-8")
    assert [note.marks for note in read_score(path).parts[0].notes] == [(), ("glide",), ()]
