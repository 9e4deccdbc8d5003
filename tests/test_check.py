"""All that a score holds and is not sung is listed with its bars and the reason."""

import json

import pytest
from test_score import cases, document, note

from svs.check import unsung
from svs.cli import app
from svs.repeats import play_order
from svs.score import choose_verses, read_score, read_written, vocal_lines

typer_testing = pytest.importorskip("typer.testing")


@pytest.fixture
def check(tmp_path):
    def check(*measures, **options):
        path = tmp_path / "song.musicxml"
        path.write_text(document(*measures))
        return [str(each) for each in unsung(path, **options)]

    return check


def test_a_score_that_is_sung_whole_has_nothing_to_list(check):
    assert check(note("A4", 2, "la") + note("B4", 2)) == []


def test_another_verse_is_named_with_its_option(check):
    found = check(note("A4", 4, verses=("one", "two")), note("A4", 4, verses=("is", "too")))
    assert found == ["Voice, bars 1–2: syllables of verse 2: 2 (--verse 2 or --verse all sings it)"]
    assert check(note("A4", 4, verses=("one", "two")), verse="all") == []
    assert check(note("A4", 4, verses=("one", "two")), verse=2) == [
        "Voice, bar 1: syllables of verse 1: 1 (--verse 1 or --verse all sings it)"
    ]


def test_cue_notes_x_heads_and_lyrics_on_rests_are_listed(check):
    head = "<notehead>x</notehead>"
    found = check(
        note("A4", 2, "la") + note("B4", 1, before="<cue/>") + note("C5", 1, "clap", after=head),
        note("rest", 2, "hush") + note("A4", 2, "la"),
    )
    assert found == [
        "Voice, bar 1: cue notes: 1 (printed so that the singer finds the entry)",
        "Voice, bar 2: lyrics on rests: 1 (a rest has no note to sing them on)",
        "Voice, bar 1: x-headed notes: 1 (spoken, not sung)",
    ]


def test_the_lower_notes_of_chords_are_listed(check):
    found = check(note("A4", 4, "la") + note("C4", 4, before="<chord/>"))
    assert found == ["Voice, bar 1: lower notes of chords: 1 (a voice sings one note at a time, the top one)"]


def test_bars_that_the_repeats_never_reach_are_listed(check):
    fine = '<direction><direction-type><words>Fine</words></direction-type><sound fine="yes"/></direction>'
    da_capo = '<direction><direction-type><words>D.C.</words></direction-type><sound dacapo="yes"/></direction>'
    found = check(note("A4", 4, "one") + fine, note("A4", 4, "two") + da_capo, note("A4", 4, "lost"))
    assert found == [
        "Voice, bar 3: notes: 1 (the repeats never come to this bar)",
        "Voice, bar 3: syllables of verse 1: 1 (the repeats never come to this bar)",
    ]


def test_signs_that_change_nothing_are_listed(check):
    trill = "<notations><ornaments><trill-mark/></ornaments></notations>"
    assert check(note("A4", 4, "la", after=trill)) == [
        "Voice, bar 1: trills: 1 (the sign changes nothing in the singing)"
    ]


def test_check_is_an_option_of_score(tmp_path):
    path = tmp_path / "song.musicxml"
    path.write_text(document(note("A4", 4, verses=("one", "two"))))
    run = typer_testing.CliRunner().invoke
    assert "syllables of verse 2: 1" in run(app, ["score", str(path), "--check"]).stdout
    rows = json.loads(run(app, ["score", str(path), "--check", "--json"]).stdout)
    assert rows[0]["what"] == "syllables of verse 2: 1" and set(rows[0]) == {"where", "what", "why"}
    assert "everything in the file is sung" in run(app, ["score", str(path), "--check", "--verse", "all"]).stdout


def test_every_note_and_syllable_of_a_score_is_sung_or_listed():
    """Sung notes and listed ones add up to those of the file, in every song of the cases that repeats nothing."""
    for path in sorted(cases("05_lieder_openscore").glob("en/*.mxl"))[:12]:
        written = read_written(path)
        order = play_order(written.measures)
        if len(set(order)) != len(order):
            continue
        lines, _ = vocal_lines(written)
        kept, _ = choose_verses(written, lines, order, 1)
        names = {part.name for part in read_score(path).parts}
        sung = sum(len(items) for (name, _, _), items in zip(lines, kept, strict=True) if name in names)
        listed = sum(
            int(each.what.rsplit(": ", 1)[1])
            for each in unsung(path)
            if "notes" in each.what and not each.what.startswith(("cue", "x-", "unpitched"))
        )
        assert sung + listed == sum(len(part.notes) for part in written.parts), path.name
