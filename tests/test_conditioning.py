"""Conditions: what sounds in every 10 ms, for the network to see."""

import numpy as np
import pytest
import torch

from svs.conditioning import WHOLE, Singing, collate, frame_conditions, stresses
from svs.pitch import PitchCurve
from svs.score import Note
from svs.timing import PhonemeSpan, TypicalDurations, delay, place, voiced_frames
from svs.units import PITCH_GRID

NAMES = ["SIL", "T", "S", "AA", "IY", "UW", "AY", "M", "N", "B", "L", "Z", "D"]
TABLE = {symbol: row for row, symbol in enumerate(NAMES)}
SPEAKER = np.array([0.25, 0.75], np.float32)

# "SIL T AA S SIL", none of the borders on a latent frame but one on a 10 ms frame
SPANS = [
    PhonemeSpan("SIL", 0.0, 0.05, -1),
    PhonemeSpan("T", 0.05, 0.083, 0),
    PhonemeSpan("AA", 0.083, 0.3, 0),
    PhonemeSpan("S", 0.3, 0.335, 0),
    PhonemeSpan("SIL", 0.335, 0.4, -1),
]


def flat(seconds, cents=6000.0):
    frames = PITCH_GRID.frames(seconds)
    return PitchCurve(np.full(frames, cents), np.ones(frames, bool))


def of(spans, curve=None, table=TABLE, stress=None):
    curve = curve or flat(spans[-1].end)
    return frame_conditions(spans, stress or [None] * len(spans), curve, table, Singing(SPEAKER))


def symbols(rows):
    names = list(TABLE)
    return [names[row] for row in rows.flatten().tolist()]


def test_every_ten_milliseconds_have_the_phone_that_sounds_then():
    c = of(SPANS)
    assert c.frames == 20
    assert c.phonemes.shape == (1, 20, 2)
    wanted = [next(s.symbol for s in reversed(SPANS) if s.start <= i / 100 + 1e-9) for i in range(40)]
    assert symbols(c.phonemes) == wanted
    assert wanted.count("T") == 4  # 50, 60, 70 and 80 ms
    assert wanted.count("S") == 4


def test_a_phone_that_begins_on_a_frame_sounds_in_that_frame_in_spite_of_rounding():
    spans = [PhonemeSpan("AA" if i % 2 else "IY", 0.01 * i, 0.01 * (i + 1), 0) for i in range(300)]
    assert symbols(of(spans).phonemes) == [span.symbol for span in spans]


def test_neighbours_are_those_of_the_first_half_of_each_latent_frame():
    before, after = np.array(symbols(of(SPANS).neighbours)).reshape(-1, 2).T
    assert before[:3].tolist() == ["SIL"] * 3  # a line begins and ends with itself
    assert after[:3].tolist() == ["T"] * 3
    assert (before[3], after[3]) == ("SIL", "AA")  # 60 ms: T
    assert (before[10], after[10]) == ("T", "S")  # 200 ms: AA
    assert (before[19], after[19]) == ("S", "SIL")


def test_position_tells_the_share_and_the_seconds_that_are_over_and_left():
    position = of(SPANS).position.reshape(40, 3).numpy()
    share, over, left = position[18]  # 180 ms, in AA from 83 to 300 ms
    assert share == pytest.approx(97 / 217, abs=1e-5)
    assert over == pytest.approx(np.log1p(0.097 / 0.05), abs=1e-5)
    assert left == pytest.approx(np.log1p(0.12 / 0.05), abs=1e-5)
    assert np.all((position[:, 0] >= 0) & (position[:, 0] <= 1))
    starts = [5, 9, 30, 34]
    assert np.all(position[starts, 1] < np.log1p(0.01 / 0.05))


def test_pitch_and_voicing_reach_the_network_as_they_are():
    cents = np.linspace(5000, 7000, 40)
    voiced = np.arange(40) % 3 > 0
    c = of(SPANS, PitchCurve(cents, voiced))
    np.testing.assert_allclose(c.cents.flatten().numpy(), cents, atol=0.001)  # cents, in float32
    np.testing.assert_array_equal(c.voiced.flatten().numpy(), voiced)
    np.testing.assert_array_equal(c.speaker.numpy(), np.tile(SPEAKER, (1, c.frames, 1)))
    assert c.keep.all()


def test_the_last_phone_holds_beyond_its_end_and_an_odd_frame_is_left_off():
    c = of(SPANS, flat(0.47))
    assert c.frames == 23
    assert symbols(c.phonemes)[40:] == ["SIL"] * 6
    assert c.position.reshape(-1, 3)[-1, 0] == 1
    assert torch.isfinite(c.position).all()


def test_a_phoneme_the_voice_lacks_is_named_and_those_it_has():
    spans = [*SPANS[:4], PhonemeSpan("ZH", 0.335, 0.4, 0), PhonemeSpan("EY", 0.4, 0.5, 0)]
    with pytest.raises(ValueError, match=r"the voice has no phoneme EY, ZH; it knows AA AY B .* UW Z$"):
        of(spans)


# Stress -----------------------------------------------------------------------------------------------------------


def test_stress_comes_from_the_notes():
    notes = delay(
        (
            Note(0.0, 0.5, 6000, "bon", "begin", phonemes=("B", "AA1")),
            Note(0.5, 0.5, 6200, "nie", "end", phonemes=("N", "IY0")),
            Note(1.0, 0.5, 6000, None, melisma=True),
            Note(1.5, 0.5, 6500, "do I", phonemes=("D", "UW0", "AY1")),
            Note(2.0, 0.5, 6500, "lies", phonemes=("L", "AY2", "Z")),
        )
    )
    spans = place(notes, TypicalDurations())
    by_note = [(s.symbol, d) for s, d in zip(spans, stresses(spans, notes), strict=True) if d is not None]
    assert by_note == [("AA", 1), ("IY", 0), ("UW", 0), ("AY", 1), ("AY", 2)]

    curve = PitchCurve(np.full(PITCH_GRID.frames(spans[-1].end), 6000.0), voiced_frames(spans, PITCH_GRID))
    c = frame_conditions(spans, stresses(spans, notes), curve, TABLE, Singing(SPEAKER))
    heard = dict(zip(symbols(c.phonemes[..., 0]), c.stress.flatten().tolist(), strict=True))
    assert (heard["AA"], heard["IY"], heard["UW"], heard["AY"], heard["N"], heard["SIL"]) == (2, 1, 1, 2, 0, 0)


def test_a_vowel_taken_up_again_after_a_rest_keeps_its_stress():
    notes = delay(
        (Note(0.0, 0.5, 6000, "bee", phonemes=("B", "IY0")), Note(0.8, 0.5, 6000, None, melisma=True)),
    )
    spans = place(notes, TypicalDurations())
    assert [d for s, d in zip(spans, stresses(spans, notes), strict=True) if s.symbol == "IY"] == [0, 0]


def test_a_vowel_without_a_digit_counts_as_stressed():
    notes = [Note(0.1, 0.5, 6000, "ah", phonemes=("AA",))]
    assert stresses([PhonemeSpan("AA", 0.1, 0.6, 0)], notes) == [1]


# Batches ----------------------------------------------------------------------------------------------------------


def test_a_batch_is_padded_and_cut_to_length_and_says_so():
    short, long = of(SPANS), of(SPANS, flat(0.8))
    batch = collate([short, long], 30)
    assert batch.frames == 30
    assert batch.keep.sum(dim=1).tolist() == [20, 30]
    assert batch.speaker.shape == (2, batch.frames, 2)
    for name, value in vars(batch).items():
        if name not in WHOLE:
            assert value.shape[:2] == (2, 30), name
            assert torch.equal(value[:1, :20], getattr(short, name)), name
            assert torch.equal(value[1:], getattr(long, name)[:, :30]), name
            assert not value[0, 20:].any(), name


def test_borrowed_consonants_are_sung_by_another_and_the_rest_is_not():
    spans = [PhonemeSpan("SIL", 0.0, 0.06, -1), PhonemeSpan("T", 0.06, 0.11, 0), PhonemeSpan("AA", 0.11, 0.2, 0)]
    curve = PitchCurve(np.full(20, 6000.0), np.ones(20, bool))
    singing = Singing(np.array([1.0, 0.0]), np.array([0.25, 0.75]))
    c = frame_conditions(spans, [None, None, 1], curve, TABLE, singing)
    expected = [0, 0, 0, 0.75, 0.75, 0.375, 0, 0, 0, 0]  # frames of 20 ms; the sixth is half a consonant
    np.testing.assert_allclose(c.speaker[0, :, 1], expected)
    np.testing.assert_allclose(c.speaker.sum(dim=-1), 1.0)


def test_a_slice_keeps_the_singer():
    c = of(SPANS).slice(5, 12)
    assert (c.frames, c.keep.shape, c.position.shape) == (7, (1, 7), (1, 7, 6))
    assert torch.equal(c.phonemes, of(SPANS).phonemes[:, 5:12])
    assert torch.equal(c.speaker, of(SPANS).speaker[:, 5:12])
    assert c.to("cpu").frames == 7
