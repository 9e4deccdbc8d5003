"""Timing: the vowel meets the beat, and the phonemes fill the line."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from svs.phonemes import VOWELS
from svs.score import Note
from svs.timing import (
    LEAD_IN,
    NUMBERS,
    SHORTEST_REST,
    SILENCE,
    Consonant,
    ConsonantDurations,
    TypicalDurations,
    delay,
    features,
    observed,
    place,
    voiced_frames,
)
from svs.units import SAMPLE_RATE, FrameGrid

GRID = FrameGrid(0.01)


@pytest.fixture
def notes(line):
    return delay(line)


@pytest.fixture
def spans(notes):
    return place(notes, TypicalDurations(), tail=0.3)


def of_note(spans, note):
    return [span for span in spans if span.note == note]


def test_spans_fill_the_line_to_the_sample(notes, spans):
    assert spans[0].start == 0.0
    assert spans[-1].end == pytest.approx(notes[-1].end + 0.3, abs=1e-9)
    for before, after in pairwise(spans):
        assert before.end == after.start
    samples = [round(span.end * SAMPLE_RATE) - round(span.start * SAMPLE_RATE) for span in spans]
    assert min(samples) > 0
    assert sum(samples) == round(spans[-1].end * SAMPLE_RATE)


def test_silence_is_of_no_note_and_without_a_tail_there_is_none_at_the_end(notes, spans):
    assert {span.note for span in spans if span.symbol == SILENCE} == {-1}
    assert spans[-1].symbol == SILENCE
    bare = place(notes, TypicalDurations(), tail=0.0)
    assert bare[-1].symbol != SILENCE and bare[-1].end == pytest.approx(notes[-1].end, abs=1e-9)
    assert bare == spans[:-1]


def test_every_vowel_starts_at_its_notes_onset(notes, spans):
    for index, note in enumerate(notes):
        if not note.melisma:
            vowel = next(span for span in of_note(spans, index) if span.symbol in VOWELS)
            assert vowel.start == note.onset


def test_all_phonemes_are_sung_once_and_in_order(notes, spans):
    sung = [span.symbol for span in spans if span.symbol != SILENCE]
    assert sung == [symbol.rstrip("012") for note in notes for symbol in note.phonemes]


def test_lead_in_delays_every_note_alike(line, notes):
    assert [later.onset - note.onset for later, note in zip(notes, line, strict=True)] == pytest.approx(
        [LEAD_IN] * len(line)
    )


def test_a_melisma_is_one_vowel_over_its_notes(notes, spans):
    vowel = of_note(spans, 2)[-1]
    assert vowel.symbol == "IY"
    assert vowel.start == notes[2].onset
    assert vowel.end == pytest.approx(notes[4].onset - 0.08, abs=1e-9)  # until the L of "lies"
    assert not of_note(spans, 3)


def test_the_coda_follows_the_last_note_of_the_melisma():
    notes = delay([Note(0, 1, 6000, "lies", phonemes=("L", "AY1", "Z")), Note(1, 1, 6200, None, melisma=True)])
    vowel, coda = place(notes, TypicalDurations())[2:4]
    assert (vowel.symbol, coda.symbol) == ("AY", "Z")
    assert coda.end == notes[1].end
    assert coda.start > notes[1].onset


def test_a_melisma_broken_by_a_rest_takes_its_vowel_up_again():
    notes = delay([Note(0, 1, 6000, "lies", phonemes=("L", "AY1", "Z")), Note(1.5, 1, 6200, None, melisma=True)])
    assert [s.symbol for s in place(notes, TypicalDurations())] == ["SIL", "L", "AY", "SIL", "AY", "Z", "SIL"]


def test_consonants_take_their_time_from_the_rest_before_them(notes, spans):
    rest = next(s for s in spans if s.symbol == SILENCE and s.start > LEAD_IN)
    first = of_note(spans, 5)[0]
    assert rest.start == notes[4].end
    assert rest.end == first.start < notes[5].onset


def test_two_vowels_on_one_note_share_it(notes, spans):
    first, second = of_note(spans, 6)[-2:]
    assert (first.symbol, second.symbol) == ("UW", "AY")
    assert first.end - first.start == pytest.approx(second.end - second.start)
    assert second.end == pytest.approx(notes[6].end)


@pytest.mark.parametrize("gap", [0.0, 0.02, SHORTEST_REST - 0.001])
def test_a_gap_too_short_to_hear_goes_to_the_vowel(gap):
    notes = delay([Note(0, 1 - gap, 6000, "a", phonemes=("AH0",)), Note(1, 1, 6200, "o", phonemes=("OW1",))])
    assert [span.symbol for span in place(notes, TypicalDurations())] == ["SIL", "AH", "OW", "SIL"]


@pytest.mark.parametrize("seconds", [0.06, 0.1, 0.15, 0.3])
def test_consonants_leave_the_vowel_of_a_short_note_its_share(seconds):
    strengths = ("S", "T", "R", "EH1", "NG", "K", "TH", "S")
    notes = delay([Note(seconds * i, seconds, 6000, "strengths", phonemes=strengths) for i in range(4)])
    spans = place(notes, TypicalDurations())
    vowels = [span.end - span.start for span in spans if span.symbol == "EH"]
    assert vowels[:-1] == pytest.approx([max(0.4 * seconds, min(0.064, 0.8 * seconds))] * 3)


@pytest.mark.parametrize("seconds", [0.1, 0.17, 0.25])
def test_consonants_after_a_melisma_leave_its_last_note_its_share(seconds):
    notes = delay([
        Note(0, 1, 6000, "strengths", phonemes=("S", "T", "R", "EH1", "NG", "K", "TH", "S")),
        Note(1, seconds, 6200, None, melisma=True),
        Note(1 + seconds, 1, 6000, "strengths", phonemes=("S", "T", "R", "EH1", "NG", "K", "TH", "S")),
    ])
    first = next(span for span in place(notes, TypicalDurations()) if span.symbol == "EH")
    assert first.end - notes[1].onset == pytest.approx(max(0.4 * seconds, min(0.064, 0.8 * seconds)))


def test_long_notes_keep_their_consonants_whole():
    notes = delay([Note(0, 1, 6000, "sea", phonemes=("S", "IY1")), Note(1, 1, 6000, "sea", phonemes=("S", "IY1"))])
    spans = place(notes, TypicalDurations())
    assert [s.end - s.start for s in spans if s.symbol == "S"] == pytest.approx([0.105, 0.105])


def test_a_syllable_without_a_vowel_holds_its_sonorant():
    spans = place(delay([Note(0, 1, 6000, "hm", phonemes=("HH", "M"))]), TypicalDurations())
    assert (spans[2].symbol, spans[2].start, spans[2].end) == ("M", LEAD_IN, LEAD_IN + 1)


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ([], "no notes"),
        ([Note(0, 1, 6000, "my", phonemes=("M", "AY1"))], "leaves no time for its consonants M; sing delay"),
        ([Note(1, 1, 6000, "my")], r"note 1 \(bar 1\) has no phonemes"),
        ([Note(1, 1, 6000, None, melisma=True)], "continues a vowel, but no note is before it"),
        (
            [Note(1, 1, 6000, "a", phonemes=("AH0",)), Note(1.5, 1, 6000, "a", bar=7, phonemes=("AH0",))],
            r"note 2 \(bar 7\).*do not overlap",
        ),
    ],
)
def test_a_line_that_cannot_be_placed_says_why(notes, message):
    with pytest.raises(ValueError, match=message):
        place(notes, TypicalDurations())


def test_vowels_are_voiced_and_silence_is_not(spans):
    voiced = voiced_frames(spans, GRID)
    times = GRID.times(len(voiced))
    assert len(voiced) == GRID.frames(spans[-1].end)
    for span in spans:
        inside = (times >= span.start) & (times < span.end)
        if span.symbol in VOWELS or span.symbol in ("M", "N", "L"):
            assert voiced[inside].all()
        if span.symbol in (SILENCE, "S", "T", "K", "TH"):
            assert not voiced[inside].any()


def test_a_voiced_stop_is_voiced_between_vowels_but_not_after_a_rest():
    both = delay([Note(0, 1, 6000, "bo", phonemes=("B", "OW1")), Note(1, 1, 6000, "bo", phonemes=("B", "OW1"))])
    spans = place(both, TypicalDurations())
    voiced = voiced_frames(spans, GRID)
    first, second = ([round(s.start / 0.01) + 2] for s in spans if s.symbol == "B")
    assert not voiced[first]
    assert voiced[second]


def learned(speaker="kumi", scale=0.1):
    rng = np.random.default_rng(0)
    phones = ("SIL", "AH", "S", "T", "other")
    weights = {
        "phone": rng.standard_normal((5, 4)) * scale, "speaker": rng.standard_normal((2, 2)) * scale,
        "w1": rng.standard_normal((3 * 4 + 2 + NUMBERS, 8)) * scale, "b1": np.zeros(8),
        "w2": rng.standard_normal(8) * scale, "b2": np.array(np.log(0.08)),
    }  # fmt: skip
    return ConsonantDurations({n: w.astype(np.float32) for n, w in weights.items()}, phones, ("kumi", "heart"), speaker)


CONSONANTS = [Consonant("S", "SIL", "T", False, 1.0), Consonant("M", "AH", "SIL", True, 0.4)]


def test_features_name_neighbours_by_row_and_unknown_phones_by_the_last():
    indices, numbers = features(CONSONANTS, ("SIL", "AH", "S", "T", "other"))
    np.testing.assert_array_equal(indices, [[0, 2, 3], [1, 4, 0]])
    np.testing.assert_allclose(numbers, [[0, 0.0, 1], [1, np.log(0.4), 0]], atol=1e-6)


def test_learned_durations_agree_with_torch():
    torch = pytest.importorskip("torch")
    model = learned()
    w = {name: torch.from_numpy(value) for name, value in model.weights.items()}
    indices, numbers = features(CONSONANTS, model.phones)
    inputs = torch.cat(
        [w["phone"][torch.from_numpy(indices)].flatten(1), w["speaker"][[0, 0]], torch.from_numpy(numbers)], dim=1
    )
    expected = torch.exp(torch.relu(inputs @ w["w1"] + w["b1"]) @ w["w2"] + w["b2"])
    np.testing.assert_allclose(model.seconds(CONSONANTS), expected.numpy(), rtol=1e-5)


def test_learned_durations_survive_saving(tmp_path, notes):
    learned().save(tmp_path / "timing.safetensors")
    model = ConsonantDurations.load(tmp_path / "timing.safetensors", speaker="heart")
    np.testing.assert_array_equal(model.seconds(CONSONANTS), learned("heart").seconds(CONSONANTS))
    assert place(notes, model)[-1].end == place(notes, TypicalDurations())[-1].end


def test_the_same_durations_are_saved_as_the_same_bytes(tmp_path):
    """safetensors alone writes its two tables in either order, by chance."""
    path = tmp_path / "timing.safetensors"
    saved = set()
    for _ in range(16):
        learned().save(path)
        saved.add(path.read_bytes())
    assert len(saved) == 1


def test_an_unknown_speaker_or_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="no speaker 'bob'; there are kumi, heart"):
        learned("bob")
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="broken.safetensors: not a file of consonant durations"):
        ConsonantDurations.load(tmp_path / "broken.safetensors")


def test_what_was_placed_is_what_is_observed(notes):
    """Training sees the same consonants, with the same context, as singing asks for."""
    asked = []

    class Recorder(TypicalDurations):
        def seconds(self, consonants):
            asked.extend(consonants)
            return super().seconds(consonants)

    consonants, seconds = observed(place(notes, Recorder()))
    assert [replace(c, room=0) for c in consonants] == [replace(c, room=0) for c in asked]
    np.testing.assert_allclose([c.room for c in consonants], [c.room for c in asked], atol=1e-9)
    assert np.all(seconds <= TypicalDurations().seconds(asked) + 1e-9)
