"""Breath: singers breathe in where there is time for it, and never into a syllable."""

from dataclasses import replace
from itertools import pairwise

import pytest
from tiny_voices import write_voice

from svs.breath import BEFORE, EVERY, LONGEST, SHORTEST, SHORTEST_REST, breathe
from svs.score import Score
from svs.sing import sing
from svs.timing import PhonemeSpan
from svs.voice import Voice


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    return Voice.load(write_voice(tmp_path_factory.mktemp("voices") / "tiny"))


def song():
    return Score.from_notes([(0.0, 2.0, "A4", "ah"), (3.0, 2.0, "A4", "ah")])


def line(*rests, sung=2.0):
    """Vowels of `sung` seconds with rests of so many seconds before each, and one after the last."""
    spans, now = [], 0.0
    for rest in rests:
        spans.append(PhonemeSpan("SIL", now, now + rest, -1))
        now += rest
        spans.append(PhonemeSpan("AA", now, now + sung, 0))
        now += sung
    return [*spans, PhonemeSpan("SIL", now, now + 0.3, -1)]


def breaths(spans):
    return [span for span in spans if span.symbol == "BR"]


@pytest.mark.parametrize("rest", [0.3, 0.5, 1.0, 4.0])
def test_a_breath_ends_just_before_its_phrase_and_lasts_a_fifth_to_half_a_second(rest):
    spans = breathe(line(0.3, rest))
    breath = breaths(spans)[-1]
    phrase = spans[spans.index(breath) + 2]
    assert phrase.start - breath.end == pytest.approx(BEFORE)
    assert SHORTEST - 1e-9 <= breath.end - breath.start <= min(LONGEST, rest)


def test_breaths_leave_the_line_filled_and_the_phones_where_they_were():
    before, after = line(0.3, 0.5, 0.1, 0.7), breathe(line(0.3, 0.5, 0.1, 0.7))
    assert all(a.end == b.start for a, b in pairwise(after))
    assert all(span.end > span.start for span in after)
    assert [s for s in after if s.symbol == "AA"] == [s for s in before if s.symbol == "AA"]
    assert (after[0].start, after[-1].end) == (before[0].start, before[-1].end)


def test_there_is_no_breath_in_a_short_rest_nor_after_the_last_phrase():
    assert len(breaths(breathe(line(0.3, SHORTEST_REST - 0.01)))) == 1
    assert breathe(line(0.3))[-1].symbol == "SIL"


def test_nobody_breathes_after_every_short_shout():
    assert len(breaths(breathe(line(*[0.5] * 8, sung=0.25 * EVERY)))) == 2


def test_a_singer_who_breathes_does_so_unless_told_otherwise(voice):
    plain = sing(song(), voice, steps=1)
    assert "BR" in voice.phonemes and not breaths(plain.spans)  # the tiny voice does not
    breathing = replace(voice, singers={name: {**facts, "breathes": True} for name, facts in voice.singers.items()})
    assert len(breaths(sing(song(), breathing, steps=1).spans)) == 2
    assert not breaths(sing(song(), breathing, steps=1, breaths=False).spans)
    assert len(breaths(sing(song(), voice, steps=1, breaths=True).spans)) == 2


def test_a_breath_moves_no_note(voice):
    without, with_breath = (sing(song(), voice, steps=1, breaths=b) for b in (False, True))
    assert without.notes == with_breath.notes
    assert (without.curve.cents == with_breath.curve.cents).all() and (without.curve.voiced == with_breath.curve.voiced).all()

