"""Pitch: bare notes are the notes; a natural contour stays around them."""

from dataclasses import fields, replace

import numpy as np
import pytest

from svs.pitch import PitchCurve, Style, exact, natural
from svs.score import Note
from svs.timing import TypicalDurations, delay, place

CENT = 0.01  # well below hearing
STILL = Style(
    portamento_seconds=0, preparation_share=0, overshoot_share=0, scoop_cents=0, vibrato_cents=0, drift_cents=0
)


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


@pytest.mark.parametrize(
    "component",
    ["portamento_seconds", "preparation_share", "overshoot_share", "scoop_cents", "vibrato_cents", "drift_cents"],
)
def test_each_component_can_be_switched_off_alone_and_leaves_the_others_as_they_were(sung, component):
    """Full minus the rest is what the component adds by itself (glides move preparation and vibrato: not those)."""
    assert {field.name for field in fields(Style)} >= {component}
    without = natural(*sung, style=replace(Style(), **{component: 0})).cents
    added = natural(*sung).cents - without
    assert np.abs(added).max() > 1
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
    crossings = np.flatnonzero(np.diff(np.sign(vibrato[sung][60:180])) > 0)
    rate = 1 / (np.diff(crossings).mean() * 0.01)
    assert 4.5 <= rate <= 7.0


@pytest.mark.parametrize("seed", range(5))
def test_vibrato_does_not_move_the_mean_of_a_note(seed):
    for seconds in (0.5, 0.8, 1.3, 2.0):
        notes, spans = held(seconds=seconds)
        curve = natural(notes, spans, seed, style=replace(STILL, vibrato_cents=32))
        assert abs(curve.cents[inside(curve, notes[0])].mean() - 6900) < 0.2


def test_short_notes_have_no_vibrato():
    notes, spans = held(seconds=0.34)
    np.testing.assert_array_equal(natural(notes, spans, style=replace(STILL, vibrato_cents=32)).cents, 6900)


def test_drift_is_slow_and_small():
    notes, spans = held(seconds=60)
    drift = natural(notes, spans, style=replace(STILL, drift_cents=3)).cents - 6900
    assert 2 < drift.std() < 4
    assert np.abs(np.diff(drift)).max() < 0.8  # cents a frame


def test_a_held_note_stays_in_tune():
    """All components together: the mean of a sung note lies within 10 cents, the just noticeable difference."""
    for seed in range(10):
        notes, spans = held(seconds=1.5)
        curve = natural(notes, spans, seed)
        assert abs(curve.cents[inside(curve, notes[0], margin=0.1)].mean() - 6900) < 10


def test_a_curve_with_unequal_arrays_is_refused():
    with pytest.raises(ValueError, match="both need one value per frame"):
        PitchCurve(np.zeros(3), np.zeros(4, bool))
