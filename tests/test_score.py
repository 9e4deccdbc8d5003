"""What a singer is owed by the score: the right notes, in the right order, on the right words, at the right time."""

import itertools
import json
import zipfile
from fractions import Fraction
from pathlib import Path

import pytest

from svs.musicxml import clean_lyric
from svs.repeats import play_order
from svs.score import Note, Score, ScoreError, read_score, read_written, score_to_json, select_part
from svs.units import note_name
from svs.written import Measure, join_ties, note_cents

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"
SECOND = 1e-6

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<score-partwise version="4.0"><part-list>{list}</part-list>{parts}</score-partwise>'
)
ATTRIBUTES = (
    "<attributes><divisions>4</divisions><time><beats>4</beats><beat-type>4</beat-type></time>{more}</attributes>"
)


def note(pitch, quarters=1, lyric=None, *, inside="", before="", after="", syllabic="single", verses=(), voice=1):
    """One <note>; pitch "C5", "F#4" or "rest". `before` goes before the pitch, `inside` and `after` after it."""
    duration = "" if quarters == 0 else f"<duration>{int(quarters * 4)}</duration>"
    if pitch == "rest":
        head = "<rest/>"
    else:
        alter = {"#": 1, "b": -1}.get(pitch[1:2], 0)
        head = f"<pitch><step>{pitch[0]}</step><alter>{alter}</alter><octave>{pitch[-1]}</octave></pitch>"
    texts = list(verses) or ([lyric] if lyric else [])
    lyrics = "".join(
        f'<lyric number="{n}"><syllabic>{syllabic}</syllabic><text>{text}</text></lyric>'
        for n, text in enumerate(texts, 1)
        if text
    )
    return f"<note>{before}{head}{duration}{inside}<voice>{voice}</voice>{after}{lyrics}</note>"


def slur(kind):
    return f'<notations><slur type="{kind}" number="1"/></notations>'


def tie(kind):
    return f'<tie type="{kind}"/>'


def document(*measures, more="", name="Voice"):
    body = "".join(
        f'<measure number="{number}">{ATTRIBUTES.format(more=more) if number == 1 else ""}{content}</measure>'
        for number, content in enumerate(measures, 1)
    )
    return HEAD.format(
        list=f'<score-part id="P1"><part-name>{name}</part-name></score-part>', parts=f'<part id="P1">{body}</part>'
    )


@pytest.fixture
def read(tmp_path):
    def read(*measures, options=None, more="", xml=None):
        path = tmp_path / "song.musicxml"
        path.write_text(xml or document(*measures, more=more), encoding="utf-8")
        return read_score(path, **(options or {}))

    return read


def line(score):
    return [(n.lyric, n.onset, n.duration, n.cents) for n in score.parts[0].notes]


def sung(score):
    return [n.lyric for n in score.parts[0].notes]


# ------------------------------------------------------------------------------- pitch, time, tempo


def test_a_quarter_note_a4_lasts_half_a_second_at_120(read):
    assert line(read(note("A4", 1, "la") + note("rest", 1) + note("C5", 2, "la"))) == [
        ("la", 0.0, 0.5, 6900.0),
        ("la", 1.0, 1.0, 7200.0),
    ]


def test_a_score_without_tempo_mark_says_what_tempo_was_taken(read):
    assert any("120" in remark for remark in read(note("A4", 4, "la")).remarks)
    assert not read('<sound tempo="90"/>' + note("A4", 4, "la")).remarks


def test_tempo_changes_hold_from_where_they_stand(read):
    metronome = (
        "<direction><direction-type><metronome><beat-unit>half</beat-unit><per-minute>30</per-minute>"
        "</metronome></direction-type></direction>"
    )
    score = read(note("A4", 2, "a") + metronome + note("A4", 2, "b"), note("A4", 4, "c"))
    assert [(n.onset, n.duration) for n in score.parts[0].notes] == [(0, 1), (1, 2), (3, 4)]


def test_dotted_beats_and_metric_modulation(read):
    def mark(inner):
        return f"<direction><direction-type><metronome>{inner}</metronome></direction-type></direction>"

    dotted = mark("<beat-unit>quarter</beat-unit><beat-unit-dot/><per-minute>c. 40</per-minute>")
    equals = mark("<beat-unit>quarter</beat-unit><beat-unit>quarter</beat-unit><beat-unit-dot/>")
    score = read(dotted + note("A4", 4, "a"), equals + note("A4", 4, "b"))
    assert [n.duration for n in score.parts[0].notes] == pytest.approx([4.0, 4 * 60 / 90], abs=SECOND)


def test_transposing_and_quickening_are_exact(read):
    measure = note("A4", 2, "la") + note("B4", 2, "la")
    plain, changed = read(measure), read(measure, options={"transpose": -2.5, "tempo": 2})
    for a, b in zip(plain.parts[0].notes, changed.parts[0].notes, strict=False):
        assert b.cents - a.cents == -250
        assert (b.onset, b.duration) == (a.onset / 2, a.duration / 2)


def test_a_transposing_part_is_sung_at_sounding_pitch_and_an_octave_clef_shifts_nothing(read):
    tenor = "<clef><sign>G</sign><line>2</line><clef-octave-change>-1</clef-octave-change></clef>"
    clarinet = "<transpose><chromatic>-2</chromatic></transpose>"
    assert read(note("A4", 4, "la"), more=tenor).parts[0].notes[0].cents == 6900
    assert read(note("A4", 4, "la"), more=clarinet).parts[0].notes[0].cents == 6700


def test_quarter_tones_are_fifty_cents(read):
    measure = note("A4", 4, "la").replace("<alter>0</alter>", "<alter>-0.5</alter>")
    assert read(measure).parts[0].notes[0].cents == 6850


def test_a_fermata_holds_the_note_and_delays_the_rest(read):
    fermata = "<notations><fermata/></notations>"
    measure = note("A4", 1, "a") + note("A4", 1, "b", after=fermata) + note("A4", 2, "c")
    assert [n.duration for n in read(measure).parts[0].notes] == [0.5, 0.875, 1.0]
    assert read(measure).parts[0].notes[2].onset == 1.375
    assert [n.duration for n in read(measure, options={"fermata": 1.0}).parts[0].notes] == [0.5, 0.5, 1.0]


def test_a_pickup_keeps_the_bar_numbers_and_lasts_only_as_long_as_it_is(read):
    xml = document(note("A4", 1, "O"), note("D5", 4, "come"), note("D5", 4, "all"))
    xml = xml.replace('number="1"', 'number="0" implicit="yes"', 1).replace(
        '<measure number="2"', '<measure number="1"'
    )
    notes = read(xml=xml.replace('<measure number="3"', '<measure number="2"')).parts[0].notes
    assert [(n.bar, n.onset) for n in notes] == [(0, 0.0), (1, 0.5), (2, 2.5)]


def test_dynamics_and_hairpins_become_loudness_relative_to_mezzo_forte(read):
    def direction(inner):
        return f"<direction><direction-type>{inner}</direction-type></direction>"

    score = read(
        direction("<dynamics><mf/></dynamics>") + note("A4", 4, "a"),
        direction("<dynamics><p/></dynamics>")
        + direction('<wedge type="crescendo"/>')
        + note("A4", 2, "b")
        + note("A4", 2, "c"),
        direction('<wedge type="stop"/>') + direction("<dynamics><f/></dynamics>") + note("A4", 4, "d"),
    )
    a, b, c, d = (n.loudness for n in score.parts[0].notes)
    assert a == 0 and b < c < d and c == pytest.approx((b + d) / 2)


# ------------------------------------------------------------------------------- ties, slurs, melismas


def test_cresc_in_words_grows_until_the_next_dynamic_as_a_hairpin_does(read):
    def sign(inner):
        return f"<direction><direction-type>{inner}</direction-type></direction>"

    words, hairpin = sign("<words>cresc.</words>"), sign('<wedge type="crescendo"/>')
    soft, loud = sign("<dynamics><p/></dynamics>"), sign("<dynamics><f/></dynamics>")
    bar = "".join(note("A4", 1, "la") for _ in range(4))

    def loudness(*swells):
        score = read(soft + "".join(swells) + bar, loud + bar)
        assert not any("cresc" in remark for remark in score.remarks)
        return [n.loudness for n in score.parts[0].notes[:5]]

    assert loudness(words) == loudness(hairpin) == loudness(words, hairpin) == [-6, -3.75, -1.5, 0.75, 3]


def test_a_swell_in_words_takes_four_bars_at_most(read):
    words = "<direction><direction-type><words>cresc.</words></direction-type></direction>"
    loud = "<direction><direction-type><dynamics><f/></dynamics></direction-type></direction>"
    score = read(words + note("A4", 4, "la"), *[note("A4", 4, "la")] * 6, loud + note("A4", 4, "la"))
    assert [n.loudness for n in score.parts[0].notes] == [0, 0.75, 1.5, 2.25, 3, 3, 3, 3]


@pytest.mark.parametrize(
    "text, decibels", [("pp dolce", -10), ("f", 3), ("sub. p", -6), ("mf, espressivo", 0), ("fine", 0), ("F", 0)]
)
def test_a_dynamic_may_be_written_as_words(read, text, decibels):
    for tag in (f"<words>{text}</words>", f"<dynamics><other-dynamics>{text}</other-dynamics></dynamics>"):
        score = read(f"<direction><direction-type>{tag}</direction-type></direction>" + note("A4", 4, "la"))
        assert score.parts[0].notes[0].loudness == decibels


def test_dynamics_that_only_the_player_hears_are_sung(read):
    score = read('<sound dynamics="54.44"/>' + note("A4", 2, "la") + '<sound dynamics="106.67"/>' + note("A4", 2, "la"))
    assert [n.loudness for n in score.parts[0].notes] == pytest.approx([-6, 3], abs=0.3)  # p and f


def test_tied_notes_are_one_note_across_the_barline(read):
    score = read(
        note("A4", 3, "a") + note("D5", 1, "long", inside=tie("start")),
        note("D5", 2, inside=tie("stop") + tie("start")) + note("D5", 2, inside=tie("stop")),
    )
    assert line(score)[1] == ("long", 1.5, 2.5, 7400.0)


def test_a_tie_into_a_repeat_joins_in_both_endings(read):
    score = read(
        note("A4", 3, "a") + note("D5", 1, "hold", inside=tie("start")),
        left_ending(1) + note("D5", 4, inside=tie("stop")) + right_ending(1),
        left_ending(2) + note("D5", 4, inside=tie("stop")),
    )
    assert [(n.lyric, n.duration) for n in score.parts[0].notes] == [("a", 1.5), ("hold", 2.5)] * 2


def test_a_new_syllable_breaks_a_tie(read):
    score = read(
        note("D5", 2, inside=tie("start"), verses=("held", "two"))
        + note("D5", 2, inside=tie("stop"), verses=("", "notes"))
    )
    assert [(n.lyric, n.duration) for n in score.parts[0].notes] == [("held", 2.0)]


def test_a_tie_over_a_grace_note_loses_no_time(read):
    grace = note("D5", 0, before="<grace/>", after="<type>eighth</type>")
    notes = read(note("C5", 2, "ah", inside=tie("start")) + grace + note("C5", 2, inside=tie("stop"))).parts[0].notes
    assert [n.cents for n in notes] == [7200, 7400, 7200]
    assert [(n.onset, n.end) for n in notes] == [(0.0, 1.0), (1.0, 1.25), (1.25, 2.0)]


def test_a_note_without_syllable_continues_the_vowel(read):
    first, second, third = (
        read(note("A4", 1, "Glo", syllabic="begin") + note("B4", 1) + note("A4", 2, "ry", syllabic="end"))
        .parts[0]
        .notes
    )
    assert (second.lyric, second.melisma, second.slurred) == (None, True, True)
    assert not first.melisma and not third.melisma and not third.slurred
    assert (first.syllabic, third.syllabic) == ("begin", "end")


def test_a_slur_over_two_syllables_is_no_melisma(read):
    a, b, c = (
        read(note("A4", 1, "a", after=slur("start")) + note("B4", 1, "b", after=slur("stop")) + note("A4", 2, "c"))
        .parts[0]
        .notes
    )
    assert [n.slurred for n in (a, b, c)] == [False, True, False]
    assert not b.melisma


def test_a_word_that_stands_whole_under_its_first_note_is_sung_on_the_notes_after_it(read):
    def bar(word, **first):
        return note("A4", 1, word, **first) + note("B4", 1) + note("C5", 2)

    found = [(n.lyric, n.syllabic) for n in read(bar("Amazing")).parts[0].notes]
    assert found == [("A", "begin"), ("maz", "middle"), ("ing", "end")]
    assert sung(read(bar("wonder"))) == ["won", "der", None]
    assert sung(read(bar("heaven"))) == ["heaven", None, None]  # may be one syllable
    slurred = note("A4", 1, "Amazing", after=slur("start")) + note("B4", 1) + note("C5", 2, after=slur("stop"))
    assert sung(read(slurred)) == ["Amazing", None, None]
    assert sung(read(bar("Wunder"), options={"language": "de"})) == ["Wunder", None, None]


def test_a_melisma_may_breathe_inside_a_word_but_a_new_phrase_needs_words(read):
    glory = (
        note("A4", 1, "Glo", syllabic="begin") + note("rest", 1) + note("B4", 1) + note("B4", 1, "ry", syllabic="end")
    )
    assert [(n.melisma, n.slurred) for n in read(glory).parts[0].notes][1] == (True, False)
    with pytest.raises(ScoreError, match=r"^song\.musicxml, Voice, bar 1, note 2 \(B4\): no lyric\."):
        read(note("A4", 1, "word") + note("rest", 1) + note("B4", 2))


def test_notes_without_syllable_are_sung_on_the_one_asked_for(read):
    assert sung(read(note("A4", 1) + note("rest", 1) + note("B4", 2), options={"missing_lyric": "la"})) == ["la", "la"]


def test_a_line_without_words_is_sung_anew_on_every_note_that_is_not_slurred(read):
    line = note("A4") + note("B4", after=slur("start")) + note("C5", after=slur("stop")) + note("C5", inside=tie("start"))
    assert sung(read(line, note("C5", 1, inside=tie("stop")) + note("A4"), options={"missing_lyric": "la"})) == [
        "la", "la", None, "la", "la",
    ]  # fmt: skip


def swing(content):
    return f"<sound><swing>{content}</swing></sound>"


TWO_TO_ONE = swing("<first>2</first><second>1</second>")


def onsets(score):
    return [n.onset for n in score.parts[0].notes]


def eighths(count):
    return "".join(note("A4", 0.5, "la") for _ in range(count))


def test_swung_eighths_fall_late_off_the_beat_until_they_are_straight_again(read):
    score = read(TWO_TO_ONE + eighths(8), swing("<straight/>") + eighths(8))
    assert onsets(score) == pytest.approx([beat + half for beat in (0, 0.5, 1, 1.5) for half in (0, 1 / 3)]
                                          + [2 + 0.25 * n for n in range(8)])  # fmt: skip
    assert all(b.onset == pytest.approx(a.end) for a, b in itertools.pairwise(score.parts[0].notes))


def test_swing_leaves_triplets_and_longer_notes_where_they_are(read):
    triplet = "".join(note("A4", 0.25, "la").replace("<duration>1<", f"<duration>{d}<") for d in (4, 4, 4))
    divided = "<attributes><divisions>12</divisions></attributes>"
    score = read(TWO_TO_ONE + divided + triplet, divided)
    assert onsets(score) == pytest.approx([0, 1 / 6, 1 / 3])
    assert onsets(read(TWO_TO_ONE + note("A4", 1, "la") + note("A4", 2, "la"))) == [0, 0.5]


def test_sixteenths_swing_within_the_eighth_and_a_pickup_counts_from_its_end(read):
    sixteenths = swing("<first>3</first><second>1</second><swing-type>16th</swing-type>")
    assert onsets(read(sixteenths + "".join(note("A4", 0.25, "la") for _ in range(4)))) == pytest.approx(
        [0, 0.1875, 0.25, 0.4375]
    )
    late = read(TWO_TO_ONE + note("A4", 0.5, "la"), note("A4", 4, "la"))
    assert [(n.onset, n.end) for n in late.parts[0].notes] == [
        (pytest.approx(1 / 12), pytest.approx(0.25)), (0.25, pytest.approx(2.25))
    ]  # fmt: skip


def test_swing_in_words_is_two_to_one_until_straight(read):
    def words(text):
        return f"<direction><direction-type><words>{text}</words></direction-type></direction>"

    eighths = "".join(note("A4", 0.5, "la") for _ in range(8))
    notes = read(words("Medium Swing") + eighths, words("Straight 8ths") + eighths).parts[0].notes
    assert [n.duration for n in notes[:2]] == pytest.approx([1 / 3, 1 / 6])
    assert [n.duration for n in notes[8:10]] == pytest.approx([1 / 4, 1 / 4])
    assert [n.duration for n in read(words("Swing low") + eighths).parts[0].notes[:2]] == [0.25, 0.25]


def test_a_swing_without_a_ratio_is_told(read):
    with pytest.raises(ScoreError, match="a swing of 0 to 1; numbers above 0 are wanted"):
        read(swing("<first>0</first><second>1</second>") + eighths(2))


# ------------------------------------------------------------------------------- lyrics


@pytest.mark.parametrize(
    "written, place, text, syllabic",
    [
        ("1. For", "begin", "For", "begin"),
        ("- e’er", "end", "e’er", "end"),
        ("Twin-", "single", "Twin", "begin"),
        ("(2) O", "single", "O", "single"),
        ("thee,", "end", "thee,", "end"),
        ("held_", "single", "held", "single"),
    ],
)
def test_verse_numbers_and_engravers_hyphens_are_not_sung(read, written, place, text, syllabic):
    first = read(note("A4", 4, written, syllabic=place)).parts[0].notes[0]
    assert (first.lyric, first.syllabic) == (text, syllabic)


def test_an_elision_keeps_both_syllables_on_the_note(read):
    xml = document(note("A4", 4, "do")).replace(
        "<syllabic>single</syllabic><text>do</text>",
        "<syllabic>end</syllabic><text>do</text><elision>‿</elision><syllabic>single</syllabic><text>I</text>",
    )
    first = read(xml=xml).parts[0].notes[0]
    assert (first.lyric, first.syllabic) == ("do‿I", "end")


@pytest.mark.parametrize("sign", ["_", "~", "⁀", "‿"])
def test_an_elision_may_be_typed_into_the_syllable(sign):
    assert clean_lyric(f"glo{sign}e").text == "glo‿e"


def test_a_syllable_in_several_fonts_is_one_syllable(read):
    fonts = '<lyric><syllabic>single</syllabic><text font-weight="bold">L</text><text>ord</text></lyric>'
    assert sung(read(note("A4", 4, after=fonts))) == ["Lord"]


def test_hyphens_that_only_the_text_has_join_the_word(read):
    texts = ("A-", "ma-", "zing", "grace")
    bare = "".join(note("A4", 1, after=f"<lyric><text>{text}</text></lyric>") for text in texts)
    single = "".join(note("A4", 1, text) for text in texts)
    for bar in (bare, single):  # without <syllabic>, and with one that is always the same
        found = [(n.lyric, n.syllabic) for n in read(bar).parts[0].notes]
        assert found == [("A", "begin"), ("ma", "middle"), ("zing", "end"), ("grace", "single")]
    elsewhere = note("A4", 2, "glo", syllabic="begin") + note("A4", 2, "ry", syllabic="end")
    dashes = [(n.lyric, n.syllabic) for n in read(note("A4", 2, "hope-") + note("A4", 2, "ye"), elsewhere).parts[0].notes]
    assert dashes[1] == ("ye", "single")


def test_chords_are_sung_at_the_top_and_cues_and_crosses_not_at_all(read):
    measure = (
        note("C4", 1, "one")
        + note("E4", 1, before="<chord/>")
        + note("G4", 1, "cue", before="<cue/>")
        + note("G4", 1, "spoken", after="<notehead>x</notehead>")
        + note("A4", 1, "two")
    )
    score = read(measure)
    assert line(score) == [("one", 0.0, 0.5, 6400.0), ("two", 1.5, 0.5, 6900.0)]
    assert any("cue" in remark for remark in score.remarks)


def test_of_two_voices_on_a_staff_the_one_with_words_is_sung(read):
    both = (
        note("C5", 4, "high")
        + "<backup><duration>16</duration></backup>"
        + note("E4", 2, voice=2)
        + note("F4", 2, voice=2)
    )
    assert line(read(both)) == [("high", 0.0, 2.0, 7200.0)]


def test_a_lower_voice_takes_the_words_above_it_where_both_move_together(read):
    def two(above, below):
        return above + "<backup><duration>16</duration></backup>" + below

    score = read(
        two(note("C5", 4, "peace"), note("rest", 4, voice=2)),
        two(note("C5", 4, "on"), note("E4", 4, voice=2)),
        two(note("rest", 4), note("E4", 4, "earth", voice=2)),
        two(note("D5", 4, "good"), note("E4", 4, "will", voice=2)),
    )
    assert [[n.lyric for n in part.notes] for part in score.parts] == [["peace", "on", "good"], ["on", "earth", "will"]]


def test_two_singers_on_a_staff_are_two_parts(read):
    both = (
        note("C5", 2, "one")
        + note("D5", 2, "two")
        + "<backup><duration>16</duration></backup>"
        + note("E4", 2, "three", voice=2)
        + note("F4", 2, "four", voice=2)
    )
    score = read(both)
    assert [p.name for p in score.parts] == ["Voice", "Voice (voice 2)"]
    assert [n.lyric for n in score.parts[1].notes] == ["three", "four"]


# ------------------------------------------------------------------------------- grace notes


def test_an_acciaccatura_takes_70_ms_of_the_note_and_begins_its_word(read):
    grace = note("D5", 0, before='<grace slash="yes"/>', after="<type>eighth</type>")
    _first, second, third = read(note("A4", 2, "a") + grace + note("C5", 2, "word")).parts[0].notes
    assert (second.lyric, second.onset, second.duration) == ("word", 1.0, 0.07)
    assert (third.melisma, third.onset, third.end) == (True, 1.07, 2.0)


def test_an_appoggiatura_takes_its_written_value_at_most_half(read):
    def split(kind):
        grace = note("D5", 0, before="<grace/>", after=f"<type>{kind}</type>")
        return [round(n.duration, 6) for n in read(grace + note("C5", 2, "word")).parts[0].notes]

    assert split("eighth") == [0.25, 0.75]
    assert split("half") == [0.5, 0.5]


def test_an_afterbeat_takes_its_time_from_the_note_before(read):
    grace = note("D5", 0, before='<grace steal-time-previous="20"/>', after="<type>16th</type>")
    first, turn, last = read(note("C5", 2, "a") + grace + note("E5", 2, "b")).parts[0].notes
    assert turn.melisma and turn.end == pytest.approx(last.onset) == pytest.approx(1.0)
    assert first.end == pytest.approx(turn.onset)


# ------------------------------------------------------------------------------- repeats and verses


def left_ending(number):
    return f'<barline location="left"><ending number="{number}" type="start"/></barline>'


def right_ending(number, repeat=True):
    sign = '<repeat direction="backward"/>' if repeat else ""
    return f'<barline location="right"><ending number="{number}" type="stop"/>{sign}</barline>'


END = '<barline location="right"><repeat direction="backward"/></barline>'


def test_a_repeat_sings_the_second_verse_and_the_refrain_again(read):
    score = read(
        note("A4", 4, verses=("one", "two")),
        note("rest", 1) + "".join(note("B4", 1, word) for word in ("all", "sing", "now")),
        note("B4", 1, "la") + note("rest", 3) + END,
    )
    assert sung(score) == ["one", "all", "sing", "now", "la", "two", "all", "sing", "now", "la"]
    assert score.parts[0].notes[5].onset == 6.0
    assert [n.bar for n in score.parts[0].notes][4:6] == [3, 1]


def test_second_endings_keep_their_own_words_whichever_line_they_stand_on(read):
    def ending_of(*verses):
        return sung(
            read(
                note("A4", 4, verses=("one", "two")),
                left_ending(1) + note("B4", 4, verses=("first", "")) + right_ending(1),
                left_ending(2) + note("C5", 4, verses=verses) + right_ending(2, repeat=False),
            )
        )

    assert ending_of("last") == ending_of("", "last") == ["one", "first", "two", "last"]


def test_verses_without_repeat_signs_are_chosen_or_sung_in_turn(read):
    measure = note("A4", 2, verses=("one", "two", "three")) + note("rest", 2)
    assert sung(read(measure)) == ["one"]
    assert sung(read(measure, options={"verse": 3})) == ["three"]
    everything = read(measure, options={"verse": "all"})
    assert sung(everything) == ["one", "two", "three"]
    assert [n.onset for n in everything.parts[0].notes] == [0, 2, 4]


def test_all_verses_are_sung_once_when_the_repeat_sings_them(read):
    assert sung(read(note("A4", 4, verses=("one", "two")) + END, options={"verse": "all"})) == ["one", "two"]


def test_no_verse_is_sung_twice_because_the_repeat_was_for_two(read):
    song = note("A4", 4, verses=("one", "two", "three")) + END
    assert sung(read(song)) == ["one", "two"]
    assert sung(read(song, options={"verse": 2})) == ["two", "three"]
    assert sung(read(song, options={"verse": 3})) == ["three"]
    assert sung(read(song, options={"verse": "all"})) == ["one", "two", "three"]


def test_a_verse_alone_goes_into_the_last_volta(read):
    song = (
        note("A4", 4, verses=("one", "two")),
        left_ending(1) + note("B4", 4, "again") + right_ending(1),
        left_ending(2) + note("C5", 4, "end") + right_ending(2, repeat=False),
    )
    assert sung(read(*song)) == ["one", "again", "two", "end"]
    assert sung(read(*song, options={"verse": 2})) == ["two", "end"]


def test_an_amen_after_the_last_verse_is_no_melisma_of_it(read):
    verses = note("A4", 4, verses=("one", "two"))
    amen = note("B4", 2, "A", syllabic="begin") + note("C5", 2, "men", syllabic="end")
    assert sung(read(verses, amen, options={"verse": "all"})) == ["one", "A", "men", "two", "A", "men"]
    assert sung(read(verses, amen + END)) == ["one", "A", "men", "two", "A", "men"]
    slurred = note("B4", 2, "e", syllabic="single", after=slur("start")) + note("C5", 2, "ven", after=slur("stop"))
    held = note("A4", 4, verses=("one", "two"), after=slur("start").replace('number="1"', 'number="2"'))
    assert sung(read(held, slurred, options={"verse": 2})) == ["two", None, None]


def test_a_refrain_on_a_line_of_its_own_belongs_to_every_verse_and_is_none(read):
    refrain = "".join(
        note("B4", 1, after=f'<lyric number="3"><syllabic>{place}</syllabic><text>{text}</text></lyric>')
        for text, place in (("glo", "begin"), ("ri", "middle"), ("a", "end"))
    )
    score = read(
        note("A4", 4, verses=("one", "two")),
        refrain,
        note("A4", 4, verses=("three", "four")),
        options={"verse": "all"},
    )
    assert sung(score) == ["one", "glo", "ri", "a", "three", "two", "glo", "ri", "a", "four"]


def test_a_double_bar_parts_the_refrain_from_the_verse(read):
    double = '<barline location="right"><bar-style>light-light</bar-style></barline>'
    refrain = note("B4", 2, "o", syllabic="begin") + note("C5", 2, "men", syllabic="end")

    def second_verse(barline):
        verse = note("A4", 4, verses=("one", "two"))
        return sung(read(verse + barline, refrain, note("A4", 4, verses=("three", "four")), options={"verse": 2}))

    assert second_verse(double) == ["two", "o", "men", "four"]
    assert second_verse("") == ["two", None, None, "four"]


@pytest.mark.parametrize("text", ["3x", "3 ×", "(3 times)", "Play three times", "3 mal", "x3", "(×3)"])
def test_a_repeat_may_say_in_words_how_often(read, text):
    words = f"<direction><direction-type><words>{text}</words></direction-type></direction>"
    song = note("A4", 4, verses=("one", "two", "three")) + words + END, note("A4", 4, "end")
    assert sung(read(*song)) == ["one", "two", "three", "end"]


def test_signs_of_jumps_may_be_written_as_text(read):
    def text(words):
        return f"<direction><direction-type><words>{words}</words></direction-type></direction>"

    bars = (
        note("A4", 4, "a"),
        text("𝄋") + note("A4", 4, "b"),
        note("A4", 4, "c") + text("𝄌"),
        note("A4", 4, "d") + text("D.S. al Coda"),
        text("𝄌 Coda") + note("A4", 4, "e"),
    )
    assert sung(read(*bars)) == list("abcdbce")


def test_a_lyric_for_one_pass_only_is_sung_on_that_pass(read):
    texts = "".join(f'<lyric number="1" time-only="{n}"><text>{text}</text></lyric>' for n, text in ((1, "one"), (2, "two")))
    assert sung(read(note("A4", 4, after=texts) + END)) == ["one", "two"]


def test_the_language_that_the_page_names_is_believed_where_the_words_do_not_tell(read):
    def language(*words):
        page = document("".join(note("A4", 1, word) for word in words))
        named = '<defaults><lyric-language xml:lang="de-AT"/></defaults><part-list>'
        return read(xml=page.replace("<part-list>", named)).parts[0].language

    assert language("Stern", "Glanz") == "de"
    assert language(*"and we will sing of the love that you have for me".split()) == "en"


def test_a_part_without_a_name_has_its_instruments(read):
    instrument = '<part-name/><score-instrument id="I1"><instrument-name>Alto</instrument-name></score-instrument>'
    nameless = document(note("A4", 4, "la"), name="").replace("<part-name></part-name>", instrument)
    assert read(xml=nameless).parts[0].name == "Alto"


def test_a_repeat_inside_a_bar_repeats_from_its_sign_in_all_parts(read):
    start = '<barline location="middle"><repeat direction="forward"/></barline>'
    stop = '<barline location="middle"><repeat direction="backward"/></barline>'
    score = read(
        '<sound tempo="60"/>' + note("A4", 2, "come") + start + note("B4", 2, verses=("one", "two")),
        note("C5", 2, verses=("and", "or")) + stop + '<sound tempo="120"/>' + note("D5", 2, "end"),
    )
    assert sung(score) == ["come", "one", "and", "two", "or", "end"]
    assert [n.onset for n in score.parts[0].notes] == [0, 2, 4, 6, 8, 10]
    assert [n.bar for n in score.parts[0].notes] == [1, 1, 2, 1, 2, 2]
    assert score.parts[0].notes[-1].duration == 1.0


def test_a_verse_with_fewer_syllables_slurs_where_another_has_more(read):
    measure = (
        note("A4", 1, verses=("ev", "love")) + note("B4", 1, verses=("er", "")) + note("C5", 2, verses=("more", "thee"))
    )
    notes = read(measure, options={"verse": 2}).parts[0].notes
    assert [(n.lyric, n.melisma) for n in notes] == [("love", False), (None, True), ("thee", False)]


def bars(text):
    """Measures of a tiny language.

    |: and :| repeat, 1 and 2 are voltas, S segno, O to coda, Q coda, F fine, C da capo, D dal segno.
    """
    measures = []
    for word in text.split():
        m = Measure(length=Fraction(4))
        m.repeat_start, m.repeat_end = word.startswith("|:"), 2 if word.endswith(":|") else None
        signs = word.strip("|:")
        if signs[:1].isdigit():
            m.endings, m.ending_starts, m.ending_stops = frozenset(int(c) for c in signs if c.isdigit()), True, True
        m.segno, m.coda = ({"s"} if "S" in signs else set()), ({"q"} if "Q" in signs else set())
        m.to_coda, m.dal_segno = ("q" if "O" in signs else None), ("s" if "D" in signs else None)
        m.fine, m.da_capo = "F" in signs, "C" in signs
        measures.append(m)
    return measures


@pytest.mark.parametrize(
    "score, played",
    [
        ("- - -", "0 1 2"),
        ("- |:- :| -", "0 1 2 1 2 3"),
        ("- :| - :| -", "0 1 0 1 2 3 2 3 4"),
        ("- 1:| 2 -", "0 1 0 2 3"),
        ("- 1,2:| 3 -", "0 1 0 1 0 2 3"),
        ("- |:- 1:| 2 |:- 1:| 2", "0 1 2 1 3 4 5 4 6"),
        ("- F - C", "0 1 2 3 0 1"),
        ("- S F - D", "0 1 2 3 4 1 2"),
        ("- SO - D Q", "0 1 2 3 1 4"),
        ("|:- :| F - C", "0 1 0 1 2 3 4 0 1 2"),
        ("- 1:| 2F - C", "0 1 0 2 3 4 0 2"),
    ],
)
def test_the_order_of_measures(score, played):
    score = score.replace(" :|", " -:|")
    assert play_order(bars(score)) == [int(i) for i in played.split()]


# ------------------------------------------------------------------------------- parts, JSON, own notes


def duet(tmp_path, second="la"):
    parts = "".join(
        f'<part id="P{i}"><measure number="1">{ATTRIBUTES.format(more="")}{note(pitch, 4, lyric)}</measure></part>'
        for i, pitch, lyric in ((1, "C5", "la"), (2, "A3", second))
    )
    names = "".join(
        f'<score-part id="P{i}"><part-name>{n}</part-name></score-part>' for i, n in ((1, "Soprano"), (2, "Bass"))
    )
    path = tmp_path / "duet.xml"
    path.write_text(HEAD.format(list=names, parts=parts))
    return read_score(path)


def test_a_part_is_found_by_number_name_or_piece_of_it(tmp_path):
    score = duet(tmp_path)
    for which, name in ((None, "Soprano"), (2, "Bass"), ("2", "Bass"), ("bass", "Bass"), ("sop", "Soprano")):
        assert select_part(score, which).name == name
    with pytest.raises(ScoreError, match="'Tenor' is not a part; the sung parts are 1 'Soprano', 2 'Bass'"):
        select_part(score, "Tenor")
    with pytest.raises(ScoreError, match="'3' is not a part"):
        select_part(score, 3)
    with pytest.raises(ScoreError, match="'bass' is a part without lyrics; the sung parts are 1 'Soprano'"):
        select_part(duet(tmp_path, None), "bass")


def test_json_has_the_keys_the_interface_promises(tmp_path):
    data = json.loads(json.dumps(score_to_json(duet(tmp_path))))
    assert set(data) == {"title", "parts"}
    assert set(data["parts"][0]) == {"name", "language", "notes"}
    assert data["parts"][1]["notes"] == [
        {
            **{"onset": 0.0, "duration": 2.0, "cents": 5700.0, "lyric": "la", "syllabic": "single"},
            **{"phonemes": [], "melisma": False, "bar": 1},
        }
    ]


def test_a_score_can_be_made_of_plain_notes():
    notes = Score.from_notes([(0, 1, "A4", "Twin-"), (1, 1, 7150.0, None), (2, 1, "Bb4", "kle")]).parts[0].notes
    assert [(n.cents, n.lyric, n.syllabic, n.melisma) for n in notes] == [
        (6900, "Twin", "begin", False),
        (7150, None, "single", True),
        (7000, "kle", "end", False),
    ]
    assert isinstance(notes[0], Note)


@pytest.mark.parametrize(
    "notes, message",
    [
        ([(0, 0, "A4", "la")], r"note 1 \(A4\): lasts 0 s"),
        ([(0, 2, "A4", "la"), (1, 1, "A4", "la")], "before note 1 ends"),
        ([(0, 1, "A4", None)], "no lyric"),
        ([(0, 1, "H4", "la")], "'H4' is not a note name"),
        ([(0, 1, "A4")], r"note \(0, 1, 'A4'\): \(onset seconds, duration seconds, pitch, syllable\) is wanted"),
        ([(0, "long", "A4", "la")], r"note \(0, 'long', 'A4', 'la'\): \(onset seconds"),
        ([(-1, 1, "A4", "la")], "an onset of 0 s or later"),
        ([(0, 1, float("nan"), "la")], "a finite pitch"),
        ([(0, 1, 20000.0, "la")], "a note of 20000 cents; 0 to 13200 can be sung"),
        ([(0, float("inf"), "A4", "la")], "songs of 4 hours at most"),
        ([], "a score of no notes"),
    ],
)
def test_notes_that_cannot_be_sung_are_refused(notes, message):
    with pytest.raises(ScoreError, match=message):
        Score.from_notes(notes)


def test_note_names_and_cents_agree():
    for cents in range(3600, 9700, 100):
        assert note_cents(note_name(cents)) == cents


# ------------------------------------------------------------------------------- bad files


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]>'
    "<score-partwise>&b;</score-partwise>"
)


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "empty file"),
        ("<score-partwise>", "not well-formed XML"),
        ("<html/>", "not a score .*<html>"),
        ("<score-partwise/>", "without measures"),
        (BOMB, "entity"),
        (document(note("A4", 4)), r"no lyrics in any part \(Voice: 1 notes\)\. Write syllables"),
        (document(note("rest", 4)), "no notes in any part"),
        (document(note("A4", 4, "la").replace("<step>A", "<step>=")), r"bar 1, note 1: <step> is '='"),
        (document(note("A4", 4, "la").replace("<duration>16", "<duration>x")), "<duration> is 'x'"),
        (document(note("A4", 4)), "no lyrics"),
    ],
)
def test_a_bad_score_is_refused_in_one_line_that_names_it(tmp_path, content, message):
    path = tmp_path / "bad.musicxml"
    path.write_text(content)
    with pytest.raises(ScoreError, match=message) as caught:
        read_score(path)
    assert "\n" not in str(caught.value) and str(caught.value).startswith("bad.musicxml")


def test_missing_files_and_foreign_files_are_named(tmp_path):
    with pytest.raises(ScoreError, match="nowhere.musicxml: no such file"):
        read_score(tmp_path / "nowhere.musicxml")
    (tmp_path / "song.mscz").write_bytes(b"PK??")
    with pytest.raises(ScoreError, match="song.mscz: .*Export it from MuseScore as MusicXML"):
        read_score(tmp_path / "song.mscz")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"verse": 3}, "no verse 3; the score has verse 1"),
        ({"verse": "first"}, "verse is 'first'"),
        ({"tempo": 0}, "tempo is 0"),
        ({"transpose": float("nan")}, "transpose is nan"),
    ],
)
def test_options_that_cannot_be_met_are_refused(read, options, message):
    with pytest.raises(ScoreError, match=message):
        read(note("A4", 4, "la"), options=options)


@pytest.mark.parametrize("text, sung", [(".1]", None), ("(2)", None), ("…", None), ("12", "12"), ("1. Oh", "Oh")])
def test_numbers_of_verses_and_footnotes_are_not_sung(text, sung):
    lyric = clean_lyric(text)
    assert (lyric and lyric.text) == sung


@pytest.mark.parametrize(
    "text, sung",
    [("①A", "A"), ("1ª A", "A"), ("II. O", "O"), ("1\u202fA", "A"), ("Refrain: Glo", "Glo"), ("[Chorus] sing", "sing"),
     ("Ref.: O", "O"), ("[Verse 2]", None), ("(oh)", "(oh)"), ("[HH OW1]", "[HH OW1]"), ("I", "I"), ("I. ", "I."), ("2nd", "2nd"),
     ("Bridge", "Bridge"), ("1.2. O", "O"), ("1.-3. O", "O"), ("1-3.", None), ("1./2. O", "O"), ("1 & 2. O", "O"),
     ("(1,2) O", "O"), ("1-2-3", "1-2-3"), ("1, 2, 3,", "1, 2, 3,"), ("3.50", "3.50"),
     ("it&#39;s", "it's"), ("you &amp; I", "you & I"), ("&lt;oh&gt;", "<oh>")],
)  # fmt: skip
def test_numbers_and_labels_of_any_kind_are_not_sung_and_entities_are_their_signs(text, sung):
    assert getattr(clean_lyric(text), "text", None) == sung


@pytest.mark.parametrize(
    "text, sung",
    [("(softly)", None), ("(x2)", None), ("[2x]", None), ("(repeat 3 times)", None), ("love (x2)", "love"),
     ("(softly) love", "love"), ("(rit.)", None), ("(spoken)", None), ("(mf)", None), ("(hum)", "mm"), ("(yeah)", "(yeah)"),
     ("(shout)", "(shout)"), ("soft(ly)", "soft(ly)"), ("softly", "softly"), ("solo", "solo")],
)  # fmt: skip
def test_directions_among_the_words_are_not_sung_and_other_brackets_are(text, sung):
    assert getattr(clean_lyric(text), "text", None) == sung


def test_a_direction_that_stands_alone_under_a_note_is_told(read):
    score = read(note("A4", 1, "I") + note("A4", 1, "(softly)") + note("A4", 2, "sing"))
    assert sung(score) == ["I", None, "sing"]
    assert "Voice: 1 directions among the words left out" in score.remarks


@pytest.mark.parametrize(
    "text, sung", [("lo\u00adve", "love"), ("\u200blove\ufeff", "love"), ("ah\u00ad", "ah"), ("&", "&"), ("…", None)]
)
def test_what_is_not_seen_is_not_sung(text, sung):
    lyric = clean_lyric(text)
    assert (lyric and lyric.text) == sung


def test_signs_under_notes_are_said_to_have_no_sound(read):
    score = read(note("A4", 1, "I") + note("A4", 1, "♥") + note("A4", 1, "—") + note("A4", 1, "you"))
    assert sung(score) == ["I", None, None, "you"]
    assert "Voice: 1 lyrics without letters left out" in score.remarks


def test_breaths_that_editors_write_as_notes_are_rests(read):
    score = read(note("A4", 1, "la") + note("F6", 1, "br") + note("F6", 1) + note("A4", 1, "ap", syllabic="begin"))
    assert [n.lyric for n in score.parts[0].notes] == ["la", "ap"]
    assert score.parts[0].notes[1].onset == pytest.approx(1.5)
    assert any("1 breaths written as notes are rests" in remark for remark in score.remarks)


def test_an_empty_measure_lasts_no_time(read):
    score = read(note("A4", 4, "la"), "<attributes/>", note("B4", 4, "la"))
    assert [n.onset for n in score.parts[0].notes] == [0.0, 2.0]


def archive(tmp_path, **members):
    path = tmp_path / "song.mxl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "/"), content)
    return path


def test_a_compressed_score_is_sung_like_a_plain_one(tmp_path):
    container = '<container><rootfiles><rootfile full-path="a.xml"/></rootfiles></container>'
    path = archive(tmp_path, **{"META-INF__container.xml": container, "a.xml": document(note("A4", 4, "la"))})
    assert line(read_score(path)) == [("la", 0.0, 2.0, 6900.0)]


def test_archives_that_explode_or_climb_out_are_refused(tmp_path):
    with pytest.raises(ScoreError, match="unpacks to more than 64 MB"):
        read_score(archive(tmp_path, **{"a.xml": b" " * (65 * 2**20)}))
    with pytest.raises(ScoreError, match="a path outside itself"):
        read_score(archive(tmp_path, **{"..__a.xml": document(note("A4", 4, "la"))}))
    with pytest.raises(ScoreError, match="without a score inside"):
        read_score(archive(tmp_path, **{"a.txt": "la"}))


@pytest.mark.parametrize(
    "named, content", [("a.mid", "MThd"), ("a.xml", "<opus/>"), ("a.png", b"\x89PNG"), (None, "<settings/>")]
)
def test_the_score_is_found_among_other_files_of_an_archive(tmp_path, named, content):
    files = {named or "a.xml": content, "z.xml": document(note("A4", 4, "la"))}
    if named:
        container = f'<container><rootfiles><rootfile full-path="{named}"/></rootfiles></container>'
        files["META-INF__container.xml"] = container
    assert sung(read_score(archive(tmp_path, **files))) == ["la"]


def test_a_timewise_score_is_sung_like_a_partwise_one(read):
    measures = "".join(
        f'<measure number="{n}"><part id="P1">{ATTRIBUTES.format(more="") if n == 1 else ""}{content}</part></measure>'
        for n, content in ((1, note("A4", 4, "one")), (2, note("B4", 4, "two")))
    )
    names = '<part-list><score-part id="P1"><part-name>V</part-name></score-part></part-list>'
    xml = f"<score-timewise>{names}{measures}</score-timewise>"
    assert line(read(xml=xml)) == [("one", 0.0, 2.0, 6900.0), ("two", 2.0, 2.0, 7100.0)]


# ------------------------------------------------------------------------------- scores nobody here wrote


def cases(folder):
    path = CASES / folder
    if not path.is_dir():
        pytest.skip(f"{path} is absent: the gold cases are not part of the project")
    return path


def test_vocal_parts_of_lieder_equal_their_gold_note_lists():
    folder = cases("05_lieder_openscore")
    golds = [json.loads(text) for text in (folder / "gold_vocal.jsonl").read_text().splitlines()]
    golds = [gold for i, gold in enumerate(golds) if gold["unrolled_quarters"] is not None or i % 3 == 0]  # for time
    written = {gold["file"]: read_written(folder / gold["file"]) for gold in golds}
    equal = lengths = with_length = 0
    for gold in golds:
        score = written[gold["file"]]
        part = next(p for p in score.parts if p.id == gold["part"])
        mine = sorted((float(a), float(b), n.cents / 100) for a, b, n in join_ties(part.notes, score.starts()))
        want = sorted(tuple(n[:3]) for n in gold["notes"])
        equal += len(mine) == len(want) and all(
            abs(x - y) < 0.01 for m, w in zip(mine, want, strict=False) for x, y in zip(m, w, strict=False)
        )
        if gold["unrolled_quarters"] is not None:
            with_length += 1
            length = sum(score.measures[i].length for i in play_order(score.measures))
            lengths += abs(float(length) - gold["unrolled_quarters"]) <= 4
    assert equal / len(golds) >= 0.99
    assert lengths / with_length >= 0.97


def test_every_file_of_the_musicxml_suite_parses_or_is_refused_in_one_line():
    for path in sorted(cases("01_mxml_lilypond_suite").glob("*.[xm]*l")):
        try:
            score = read_score(path)
        except ScoreError as error:
            assert "\n" not in str(error) and path.name in str(error)
            continue
        for part in score.parts:
            assert part.notes and all(n.duration > 0 for n in part.notes)
            assert all(a.end <= b.onset + SECOND for a, b in zip(part.notes, part.notes[1:], strict=False))


def test_abc_is_sung_with_its_words(tmp_path):
    path = tmp_path / "round.abc"
    path.write_text(
        "X:1\nT:Round\nM:4/4\nL:1/4\nQ:1/4=60\nK:C\n"
        "c c (cd) | e4 |]\nw: Row, row, row_ gent-\ne d e f | Hg4 |]\nw: ly * down the stream\n"
    )
    score = read_score(path)
    assert score.title == "Round"
    assert [(n.lyric, n.syllabic) for n in score.parts[0].notes if n.lyric] == [
        ("Row,", "single"),
        ("row,", "single"),
        ("row", "single"),
        ("gent", "begin"),
        ("ly", "end"),
        ("down", "single"),
        ("the", "single"),
        ("stream", "single"),
    ]
    assert [n.onset for n in score.parts[0].notes] == [0, 1, 2, 3, 4, 8, 9, 10, 11, 12]


ABC = "X:1\nT:Tune\nM:4/4\nL:1/4\nQ:1/4=60\nK:C\n"


@pytest.mark.parametrize(
    "tune, words",
    [
        ("C D E F|G A B c|]\nw: A-men|so la\n", ["A", "men", None, None, "so", "la", None, None]),  # | goes on to the next bar
        ("C D E F|G A B c|]\nw: A-ma-zing grace\n+: how sweet the sound\n", "A ma zing grace how sweet the sound".split()),
        ("C D E F|\\\nG A B c|]\nw: A-ma-zing grace how sweet the sound\n", "A ma zing grace how sweet the sound".split()),
        ("|:C D E F|G4:|\nw: one or all do sing\nw: 2.~two or all do sing\n", "one or all do sing two or all do sing".split()),
    ],
)  # fmt: skip
def test_words_of_abc_go_on_over_bars_lines_and_repeats(tune, words, tmp_path):
    path = tmp_path / "tune.abc"
    path.write_text(ABC + tune)
    score = read_score(path)
    assert sung(score) == words
    assert score.parts[0].notes[0].bar == 1


def test_voices_of_abc_may_change_from_line_to_line(tmp_path):
    path = tmp_path / "duet.abc"
    lines = ("[V:S] C D E F|", "w: one two three four", "[V:B] C, D, E, F,|", "w: la le li lo") * 2
    path.write_text(ABC + "\n".join(lines) + "\n")
    parts = read_score(path).parts
    assert [part.name for part in parts] == ["S", "B"]
    assert [[n.lyric for n in part.notes] for part in parts] == ["one two three four".split() * 2, "la le li lo".split() * 2]


def test_accents_of_abc_are_letters(tmp_path):
    path = tmp_path / "tune.abc"
    path.write_text(ABC + "C D E F|]\nw: caf\\'e na\\\"ive gro\\ss &eacute;t\\'e\n")
    assert sung(read_score(path)) == ["café", "naïve", "groß", "été"]


def test_voices_of_abc_keep_their_names(tmp_path):
    path = tmp_path / "duet.abc"
    path.write_text(ABC + 'V:1 name="Soprano"\nC D E F|\nw: do re mi fa\nV:2 nm="Bass"\nC, D, E, F,|\nw: la la la la\n')
    assert [part.name for part in read_score(path).parts] == ["Soprano", "Bass"]


HUMDRUM = """**kern	**kern	**text	**text
*M4/4	*M4/4	*	*
*MM60	*MM60	*	*
=1	=1	=1	=1
4C	4c	Row,	Mer-
4D	4c	row	-ry
*^	*	*	*
2E	2G	4d	gent-	way
.	.	4e	-ly	to
*v	*v	*	*	*
=2	=2	=2	=2
2GG	[2g	down	ver
2r	2g]	.	.
==	==	==	==
*-	*-	*-	*-
"""


def test_humdrum_is_sung_with_the_words_beside_its_spine(tmp_path):
    path = tmp_path / "round.krn"
    path.write_text(HUMDRUM)
    first, second = read_score(path).parts[0].notes, read_score(path, verse=2).parts[0].notes
    words = [("Row,", "single"), ("row", "single"), ("gent", "begin"), ("ly", "end"), ("down", "single")]
    assert [(n.lyric, n.syllabic) for n in first] == words
    assert [n.lyric for n in second] == ["Mer", "ry", "way", "to", "ver"]
    assert [(n.onset, n.duration) for n in first] == [(0, 1), (1, 1), (2, 1), (3, 1), (4, 4)]
