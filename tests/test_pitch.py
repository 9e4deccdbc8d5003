"""Pitch: bare notes are the notes; a natural contour stays around them."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from svs.evaluation.pitch import fit_vibrato
from svs.pitch import PitchCurve, Style, exact, natural
from svs.score import Note
from svs.timing import TypicalDurations, delay, place

SCORES = Path(__file__).parent.parent / "assets" / "scores"
LIEDER = Path(__file__).resolve().parents[2] / "shared" / "cases" / "05_lieder_openscore" / "en"
CENT = 0.01  # well below hearing
SWITCHES = (
    *("portamento_seconds", "preparation_share", "overshoot_share", "scoop_cents", "release_cents", "vibrato_cents"),
    *("drift_cents", "fluctuation_cents", "consonant_dip_cents", "consonant_raise_cents"),
)
STILL = Style(**dict.fromkeys(SWITCHES, 0.0))


@pytest.fixture
def sung(line):
    notes = delay(line)
    return notes, place(notes, TypicalDurations())


def held(cents=6900, seconds=2.0):
    notes = delay([Note(0, seconds, cents, "ah", phonemes=("AA1",))])
    return notes, place(notes, TypicalDurations())


def joined(interval=400):
    notes = delay(
        [Note(0, 1, 6000, "la", phonemes=("L", "AA1")), Note(1, 1, 6000 + interval, "la", phonemes=("L", "AA1"))]
    )
    return notes, place(notes, TypicalDurations())


def inside(curve, note, margin=0.0):
    times = np.arange(len(curve.cents)) * curve.hop_seconds
    return (times >= note.onset + margin - 1e-9) & (times < note.end - margin - 1e-9)


def steady(note, curve):
    """Seconds and cents at least 100 ms inside a note."""
    at = inside(curve, note, margin=0.1)
    return np.flatnonzero(at) * curve.hop_seconds, curve.cents[at]


def test_exact_is_the_written_note_in_every_frame(sung):
    notes, spans = sung
    curve = exact(notes, spans)
    for note in notes:
        np.testing.assert_array_equal(curve.cents[inside(curve, note)], note.cents)


def test_exact_sings_consonants_after_a_rest_on_their_own_note(sung):
    notes, spans = sung
    curve = exact(notes, spans)
    consonant = next(span for span in spans if span.note == 5)
    assert curve.cents[round(consonant.start / 0.01) + 1] == notes[5].cents


def test_a_note_that_the_score_bends_is_sung_so_and_joined_from_where_it_was_bent_to():
    notes, spans = joined(interval=400)
    rising = replace(notes[0], bend=((0.0, -100.0), (0.5, 0.0), (0.8, 0.0), (0.95, 400.0)))
    curve = natural((rising, notes[1]), spans, style=STILL)
    times = np.arange(len(curve.cents)) * curve.hop_seconds - rising.onset
    at = (times > 0) & (times < 1.0)
    np.testing.assert_allclose(curve.cents[at], 6000 + np.interp(times[at], *np.transpose(rising.bend)), atol=CENT)
    np.testing.assert_allclose(curve.cents[times >= 1.0], 6400, atol=CENT)  # no step is left to take
    np.testing.assert_array_equal(exact((rising, notes[1]), spans).cents, exact(notes, spans).cents)


@pytest.mark.parametrize("contour", [exact, natural])
def test_the_curve_covers_the_line_and_is_finite_when_unvoiced(sung, contour):
    notes, spans = sung
    curve = contour(notes, spans)
    assert isinstance(curve, PitchCurve)
    assert len(curve.cents) == np.ceil(round(spans[-1].end / 0.01, 6))
    assert np.isfinite(curve.cents).all()
    assert not curve.voiced.all()


@pytest.mark.parametrize("contour", [exact, natural])
def test_transposing_the_score_shifts_the_curve_exactly(sung, contour):
    notes, spans = sung
    higher = [replace(note, cents=note.cents + 100) for note in notes]
    np.testing.assert_allclose(contour(higher, spans).cents - contour(notes, spans).cents, 100, rtol=0, atol=CENT)


def test_the_same_seed_gives_the_same_curve_and_another_seed_another(sung):
    np.testing.assert_array_equal(natural(*sung, seed=3).cents, natural(*sung, seed=3).cents)
    assert np.abs(natural(*sung, seed=3).cents - natural(*sung, seed=4).cents).max() > 1


def test_with_everything_switched_off_natural_is_exact(sung):
    np.testing.assert_array_equal(natural(*sung, style=STILL).cents, exact(*sung).cents)


@pytest.mark.parametrize("component", SWITCHES)
def test_each_component_can_be_switched_off_alone_and_leaves_the_others_as_they_were(sung, component):
    """Full minus the rest is what the component adds by itself (glides move preparation and vibrato: not those)."""
    assert {field.name for field in fields(Style)} >= {component}
    without = natural(*sung, style=replace(Style(), **{component: 0})).cents
    added = natural(*sung).cents - without
    assert np.abs(added).max() > 0.5
    if component != "portamento_seconds":
        alone = replace(STILL, **{component: getattr(Style(), component), "portamento_seconds": 0.09})
        base = natural(*sung, style=replace(STILL, portamento_seconds=0.09)).cents
        np.testing.assert_allclose(added, natural(*sung, style=alone).cents - base, rtol=0, atol=CENT)


def test_portamento_arrives_when_the_vowel_starts():
    notes, spans = joined(400)
    curve = natural(notes, spans, style=replace(STILL, portamento_seconds=0.09)).cents
    onset = round(notes[1].onset / 0.01)
    np.testing.assert_allclose(curve[onset:-30], 6400, rtol=0, atol=CENT)
    assert 6000 < curve[onset - 5] < 6400
    np.testing.assert_allclose(curve[: onset - 15], 6000, rtol=0, atol=CENT)
    assert np.all(np.diff(curve) >= -CENT)


@pytest.mark.parametrize("interval", [-1200, -200, 100, 500, 1200])
def test_preparation_and_overshoot_stay_small_whatever_the_interval(interval):
    notes, spans = joined(interval)
    curve = natural(
        notes, spans, style=replace(STILL, portamento_seconds=0.09, preparation_share=0.05, overshoot_share=0.07)
    )
    low, high = sorted((6000, 6000 + interval))
    limit = 20 + CENT
    assert low - limit <= curve.cents.min() <= curve.cents.max() <= high + limit


def test_vibrato_sets_in_late_and_swings_within_published_bounds():
    notes, spans = held()
    vibrato = natural(notes, spans, style=replace(STILL, vibrato_cents=32)).cents - 6900
    sung = inside(exact(notes, spans), notes[0])
    assert np.abs(vibrato[sung][:20]).max() == 0
    assert 25 <= np.abs(vibrato[sung]).max() <= 40
    assert np.abs(vibrato[sung][30:40]).max() < 0.7 * np.abs(vibrato[sung]).max(), "it eases in"
    crossings = np.flatnonzero(np.diff((vibrato[sung][60:175] > 1e-6).astype(int)) > 0)
    rate = 1 / (np.diff(crossings).mean() * 0.01)
    assert 4.5 <= rate <= 7.0


@pytest.mark.parametrize("seed", range(5))
def test_vibrato_does_not_move_the_mean_of_a_note(seed):
    for seconds in (0.8, 1.0, 1.3, 2.0):
        notes, spans = held(seconds=seconds)
        curve = natural(notes, spans, seed, style=replace(STILL, vibrato_cents=32, vibrato_full_cycles=0))
        assert np.abs(curve.cents - 6900).max() > 20
        assert abs(curve.cents[inside(curve, notes[0])].mean() - 6900) < 0.2


def test_short_notes_have_no_vibrato():
    notes, spans = held(seconds=0.34)
    np.testing.assert_array_equal(natural(notes, spans, style=replace(STILL, vibrato_cents=32)).cents, 6900)


def test_drift_is_slow_and_small():
    notes, spans = held(seconds=60)
    drift = (natural(notes, spans, style=replace(STILL, drift_cents=3)).cents - 6900)[40:-40]
    assert 1.5 < drift.std() < 4
    assert np.abs(np.diff(drift)).max() < 0.4  # cents a frame


def test_fine_fluctuation_is_quick_and_smaller_than_hearing():
    notes, spans = held(seconds=60)
    fine = (natural(notes, spans, style=replace(STILL, fluctuation_cents=2.5)).cents - 6900)[40:-40]
    assert 1 < fine.std() < 3
    power = np.abs(np.fft.rfft(fine)) ** 2
    hertz = np.fft.rfftfreq(len(fine), 0.01)
    assert power[(hertz > 1) & (hertz < 15)].sum() > 0.8 * power.sum()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("seconds", [0.25, 0.4, 0.7, 1.0, 1.5, 3.0])
def test_the_steady_part_of_a_note_keeps_the_written_pitch(seconds, seed):
    """All components together, between neighbours a fifth away: within 1 cent of the note."""
    words = [("la", 6000, ("L", "AA1")), ("zo", 6700, ("Z", "OW1")), ("ta", 6000, ("T", "AA1"))]
    notes = delay([Note(i * seconds, seconds, cents, text, phonemes=p) for i, (text, cents, p) in enumerate(words)])
    curve = natural(notes, place(notes, TypicalDurations()), seed)
    for note in notes:
        steady = inside(curve, note, margin=min(0.1, seconds / 4)) & curve.voiced
        assert abs(curve.cents[steady].mean() - note.cents) < 1


@pytest.mark.slow
def test_held_notes_of_twenty_scores_keep_their_pitch_over_whole_vibrato_cycles():
    """The fourteen that come with svs, and six of OpenScore's where they are there."""
    from benchmarks.contour import main

    scores = [*sorted(SCORES.glob("*.musicxml")), *sorted(LIEDER.glob("*.mxl"))[:6]]
    assert main([*map(str, scores), "--seeds", "1"]) <= 1.0  # cents


def test_the_measure_of_whole_cycles_sees_a_note_that_is_off():
    from benchmarks.contour import whole_cycle_error

    notes, spans = held(seconds=1.37)
    curve = natural(notes, spans, style=replace(STILL, vibrato_cents=50, vibrato_full_cycles=0))
    for off in (-7.0, 0.0, 3.0):
        measured = whole_cycle_error(notes[0], PitchCurve(curve.cents + off, curve.voiced))
        assert measured == pytest.approx(off, abs=1.0)


# What each control moves ------------------------------------------------------------------------------------------


def test_a_longer_portamento_takes_longer_and_arrives_at_the_same_time():
    notes, spans = joined(400)
    onset = round(notes[1].onset / 0.01)
    for seconds in (0.05, 0.09, 0.3):
        curve = natural(notes, spans, style=replace(STILL, portamento_seconds=seconds, portamento_per_semitone=0)).cents
        on_its_way = np.flatnonzero((curve > 6000 + CENT) & (curve < 6400 - CENT))
        assert len(on_its_way) == pytest.approx(seconds / 0.01 - 1, abs=1.5)
        assert on_its_way[-1] == onset - 1


def test_short_notes_are_joined_too_and_each_is_reached():
    notes = delay([Note(0.12 * i, 0.12, 6000 + 200 * (i % 2), "la", phonemes=("AA1",)) for i in range(8)])
    curve = natural(notes, place(notes, TypicalDurations()), style=replace(STILL, portamento_seconds=0.09)).cents
    for index, note in enumerate(notes):
        sung = curve[inside(PitchCurve(curve, curve > 0), note)]
        assert np.abs(sung - note.cents).min() < CENT, f"note {index} is never reached"
        assert np.abs(np.diff(sung)).max() < 100, "no step"


def test_a_slurred_step_is_slower_and_has_the_beat_in_its_middle():
    notes = delay([Note(0, 1, 6000, "la", phonemes=("AA1",)), Note(1, 1, 6400, None, melisma=True, slurred=True)])
    curve = natural(notes, place(notes, TypicalDurations()), style=replace(STILL, portamento_seconds=0.09)).cents
    assert curve[round(notes[1].onset / 0.01)] == pytest.approx(6200, abs=1)
    syllables, spans = joined(400)
    quick = natural(syllables, spans, style=replace(STILL, portamento_seconds=0.09)).cents
    assert np.diff(curve).max() < np.diff(quick).max()


@pytest.mark.parametrize("rate", [4.5, 5.5, 6.5])
def test_the_vibrato_rate_is_the_one_asked_for(rate):
    notes, spans = held(seconds=3)
    style = replace(STILL, vibrato_cents=40, vibrato_rate=rate, vibrato_variation=0)
    found = fit_vibrato(*steady(notes[0], natural(notes, spans, style=style)))
    assert found.rate_hz == pytest.approx(rate, abs=0.1)


@pytest.mark.parametrize("cents", [10, 30, 80])
def test_the_vibrato_extent_is_the_one_asked_for(cents):
    notes, spans = held(seconds=3)
    style = replace(STILL, vibrato_cents=cents, vibrato_variation=0, vibrato_delay=0, vibrato_ease=0.1)
    found = fit_vibrato(*steady(notes[0], natural(notes, spans, style=style)))
    assert found.extent_cents == pytest.approx(cents, rel=0.05)


def test_a_longer_delay_holds_the_vibrato_back():
    notes, spans = held(seconds=3)
    begins = []
    for delayed in (0.2, 0.6, 1.0):
        curve = natural(notes, spans, style=replace(STILL, vibrato_cents=40, vibrato_delay=delayed)).cents
        begins.append(np.flatnonzero(np.abs(curve - 6900) > 1)[0] * 0.01 - notes[0].onset)
    np.testing.assert_allclose(begins, [0.2, 0.6, 1.0], atol=0.1)


def test_after_a_rest_the_voice_comes_from_below_and_before_one_it_sinks():
    notes, spans = held()
    for name, at in (("scoop_cents", notes[0].onset), ("release_cents", notes[0].end - 0.01)):
        curve = natural(notes, spans, style=replace(STILL, **{name: 60})).cents
        assert -60 <= curve[round(at / 0.01)] - 6900 <= -20
        np.testing.assert_allclose(curve[inside(PitchCurve(curve, curve > 0), notes[0], 0.2)], 6900, atol=2)


def test_voiced_obstruents_lower_the_pitch_and_voiceless_ones_raise_it_after_them():
    def sung(consonant, style):
        notes = delay([Note(0, 1, 6000, "a", phonemes=("AA1",)), Note(1, 1, 6000, "a", phonemes=(consonant, "AA1"))])
        spans = place(notes, TypicalDurations())
        span = next(s for s in spans if s.symbol == consonant)
        return natural(notes, spans, style=style).cents - 6000, span

    dip, raised = replace(STILL, consonant_dip_cents=25), replace(STILL, consonant_raise_cents=12)
    cents, span = sung("Z", dip)
    assert cents[round(span.start / 0.01) : round(span.end / 0.01)].min() < -15
    cents, span = sung("S", raised)
    assert 6 < cents[round(span.end / 0.01) + 1] <= 12
    for consonant, style in (("M", dip), ("M", raised), ("S", dip), ("Z", raised)):
        np.testing.assert_array_equal(sung(consonant, style)[0], 0)


def test_a_style_for_every_note_moves_that_note_alone():
    notes, spans = joined(400)
    plain = replace(STILL, vibrato_cents=0)
    shaken = natural(notes, spans, style=[plain, replace(plain, vibrato_cents=60)]).cents
    whole = natural(notes, spans, style=plain).cents
    first = whole[: round(notes[1].onset / 0.01)]
    np.testing.assert_array_equal(shaken[: len(first)], first)
    assert np.abs(shaken - whole).max() > 20
    with pytest.raises(ValueError, match="1 styles for 2 notes"):
        natural(notes, spans, style=[plain])


# What is written --------------------------------------------------------------------------------------------------


def marked(*marks, interval=400):
    notes, spans = joined(interval)
    return [replace(notes[0], marks=marks), notes[1]], spans


def test_a_written_glissando_fills_its_note_to_the_next():
    notes, spans = marked("glide")
    curve = natural(notes, spans, style=STILL).cents
    at = round(notes[0].onset / 0.01)
    np.testing.assert_allclose(curve[at : at + 25], 6000, atol=CENT)
    np.testing.assert_allclose(curve[at + 25 : at + 100], 6000 + 400 * np.arange(75) / 75, atol=6)
    np.testing.assert_array_equal(natural(notes, spans, style=replace(STILL, glissando_share=0)).cents,
                                  exact(notes, spans).cents)  # fmt: skip


@pytest.mark.parametrize(("mark", "sign"), [("scoop", -1), ("plop", 1)])
def test_a_written_scoop_or_plop_leads_into_the_note(mark, sign):
    notes, spans = marked(mark)
    added = natural(notes, spans, style=STILL).cents - 6000
    at = round(notes[0].onset / 0.01)
    assert sign * added[at] == pytest.approx(200, abs=1)
    assert 40 < sign * added[at + 6] < 160 and np.all(sign * np.diff(added[at : at + 12]) <= 0)
    np.testing.assert_allclose(added[at + 12 : at + 100], 0, atol=CENT)


@pytest.mark.parametrize(("mark", "sign"), [("falloff", -1), ("doit", 1)])
def test_a_written_fall_or_doit_leads_away_from_the_note(mark, sign):
    notes, spans = held()
    added = natural([replace(notes[0], marks=(mark,))], spans, style=STILL).cents - 6900
    at, end = round(notes[0].onset / 0.01), round(notes[0].end / 0.01)
    np.testing.assert_allclose(added[at : end - 35], 0, atol=CENT)
    assert 350 < sign * added[end - 1] <= 400
    assert np.all(sign * np.diff(added[end - 35 : end]) >= 0)


def test_a_fall_in_the_middle_of_a_line_ends_where_the_next_note_begins():
    notes = delay([Note(i, 1, 6000, "la", phonemes=("L", "AA1")) for i in range(3)])
    notes = [notes[0], replace(notes[1], marks=("falloff",)), notes[2]]
    spans = place(notes, TypicalDurations())
    added = natural(notes, spans, style=STILL).cents - exact(notes, spans).cents
    begin, following = (round(notes[index].onset / 0.01) for index in (1, 2))
    assert added[begin:following].min() < -200
    np.testing.assert_allclose(added[: begin + 10], 0, atol=CENT)
    np.testing.assert_allclose(added[following + 1 :], 0, atol=CENT)


def test_exact_sings_bare_notes_whatever_is_written():
    notes, spans = marked("glide", "scoop", "falloff")
    np.testing.assert_array_equal(exact(notes, spans).cents, exact([replace(n, marks=()) for n in notes], spans).cents)


def test_a_curve_with_unequal_arrays_is_refused():
    with pytest.raises(ValueError, match="both need one value per frame"):
        PitchCurve(np.zeros(3), np.zeros(4, bool))
