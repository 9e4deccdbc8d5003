"""Claims about finding a score in a recording of another tempo, key and tuning."""

from dataclasses import replace

import numpy as np
import pytest
from singers import melody, scale

from svs.evaluation import evaluate_notes, measure
from svs.evaluation.alignment import align, beat_errors, warp, warp_notes
from svs.score import Note

SONG = [
    Note(onset, length, cents, "la", bar=i)
    for i, (onset, length, cents) in enumerate(
        [(0.0, 0.5, 6200), (0.5, 1.0, 6700), (1.5, 0.3, 7100), (1.8, 0.3, 6700), (2.1, 1.0, 7100), (3.1, 0.5, 6900),
         (3.6, 1.0, 6700), (5.0, 0.5, 6400), (5.5, 1.0, 6200), (6.5, 0.6, 6200), (7.1, 1.0, 6700), (8.1, 0.4, 7100)]
    )
]  # fmt: skip


def sung(tempo=1.0, start=0.0, key=0.0, rubato=0.0, seed=0):
    """The song at another tempo (durations × tempo), start, key; each note's length wavering by rubato."""
    random, at, notes = np.random.default_rng(seed), start, []
    for note, after in zip(SONG, [*SONG[1:], None], strict=True):
        wavering = tempo * (1 + rubato * random.standard_normal())
        step = (note.duration if after is None else after.onset - note.onset) * wavering
        notes.append(replace(note, onset=at, duration=note.duration * wavering * 0.95, cents=note.cents + key))
        at += step
    return notes


@pytest.mark.parametrize(
    "tempo, start, key, rubato", [(1.4, 2.0, 0, 0), (0.75, 0.1, -40, 0.1), (1.2, 1.0, -1200, 0.1), (1.0, 0.5, 300, 0.15)]
)
def test_dynamic_time_warping_finds_every_onset_within_30_ms(tempo, start, key, rubato):
    true = sung(tempo, start, key, rubato)
    audio, _ = melody(true, vibrato_extent=30, snr_db=30)
    found = warp_notes(SONG, measure(audio)[0]["praat"])
    late = [a.onset - b.onset for a, b in zip(found.notes, true, strict=True)]
    assert np.abs(late).max() < 0.03
    assert found.method == "dtw" and found.agreement > 0.9
    assert found.key_cents == 100 * round(key / 100 + 1e-9)


def test_notes_of_another_tempo_are_measured_where_they_are_sung():
    detune = np.linspace(-50, 50, len(SONG))
    audio, _ = melody(sung(1.3, 1.5), detune=detune, snr_db=30)
    result = evaluate_notes(audio, SONG, alignment="auto")
    assert result["alignment"]["method"] == "dtw"
    assert result["alignment"]["tempo"] == pytest.approx(1.3, abs=0.02)
    np.testing.assert_allclose([row["error_cents"] for row in result["notes"]], detune, rtol=0, atol=1.5)


def test_auto_keeps_the_scores_own_time_when_it_fits():
    audio, _ = melody(sung(), snr_db=30)
    assert align(SONG, measure(audio)[0]["praat"]).method == "time"
    detuned, _ = melody(sung(key=-1200), snr_db=30)  # an octave low is another key, not another time
    assert align(SONG, measure(detuned)[0]["praat"]).method == "time"


def test_the_lines_own_tuning_is_told_apart_from_its_errors():
    detune = -30 + np.tile([4.0, -4.0], len(SONG) // 2)
    audio, _ = melody(sung(), detune=detune, snr_db=30)
    summary = evaluate_notes(audio, SONG)["summary"]
    assert summary["mean_abs_error_cents"] == pytest.approx(30, abs=0.5)
    assert summary["tuning_offset_cents"] == pytest.approx(-30, abs=4.2)
    assert summary["mean_abs_error_in_tuning_cents"] == pytest.approx(4, abs=0.6)


def test_a_line_in_another_key_gets_that_verdict():
    audio, _ = melody(sung(key=-500), snr_db=30)
    assert evaluate_notes(audio, SONG)["verdicts"] == ["the whole line is 5 semitones too low: another key?"]


def test_a_note_late_in_its_surroundings_is_late_by_that():
    placed = [replace(note, onset=2 * note.onset + 3) for note in SONG]
    assert beat_errors(SONG, placed) == pytest.approx([0.0] * len(SONG), abs=1e-9)
    placed[5] = replace(placed[5], onset=placed[5].onset + 0.08)
    assert beat_errors(SONG, placed)[5] == pytest.approx(0.08, abs=1e-9)
    assert beat_errors(SONG[:2], placed[:2]) == [None, None]


def test_warping_is_librosas_where_it_is_searched_whole():
    import librosa

    random = np.random.default_rng(0)
    x, y = random.normal(size=(60, 3)), random.normal(size=(50, 3))
    cost, _ = librosa.sequence.dtw(x.T, y.T, metric="euclidean")
    path = warp(x, y)
    steps = np.diff(path, axis=0)
    assert path[0].tolist() == [0, 0] and path[-1].tolist() == [59, 49]
    assert steps.min() >= 0 and steps.max() <= 1 and steps.sum(axis=1).min() >= 1
    assert np.linalg.norm(x[path[:, 0]] - y[path[:, 1]], axis=1).sum() == pytest.approx(cost[-1, -1])


def test_a_coarse_search_first_finds_the_same_path(monkeypatch):
    import svs.evaluation.alignment as alignment

    times = np.linspace(0, 20, 800)
    x = np.stack([np.sin(times), np.cos(1.7 * times)], axis=1)
    y = np.stack([np.sin(times + 0.3 * np.sin(times)), np.cos(1.7 * (times + 0.3 * np.sin(times)))], axis=1)
    whole = warp(x, y)
    monkeypatch.setattr(alignment, "FULL_CELLS", 10_000)
    coarse = warp(x, y)
    lengths = [np.linalg.norm(x[p[:, 0]] - y[p[:, 1]], axis=1).sum() for p in (whole, coarse)]
    assert lengths[1] == pytest.approx(lengths[0], rel=1e-6)


def test_silence_stays_by_time_and_bad_methods_are_named():
    from svs.pitch import PitchCurve

    silent = PitchCurve(np.full(500, 6900.0), np.zeros(500, dtype=bool))
    assert align(SONG, silent).method == "time" and align(SONG, silent).agreement == 0
    with pytest.raises(ValueError, match="alignment is 'guess'; choose auto, time or dtw"):
        align(SONG, silent, "guess")
    with pytest.raises(ValueError, match="no notes"):
        align([], silent)
    with pytest.raises(ValueError, match="0 and 3 frames"):
        warp(np.zeros((0, 2)), np.zeros((3, 2)))


def test_forty_repeated_notes_keep_the_beat():
    notes = scale(*[6000] * 40, seconds=0.3, gap=0.05, start=0.0)
    audio, _ = melody([replace(n, onset=1.25 * n.onset + 1, duration=1.25 * n.duration) for n in notes])
    found = warp_notes(notes, measure(audio)[0]["praat"])
    late = [a.onset - (1.25 * b.onset + 1) for a, b in zip(found.notes, notes, strict=True)]
    assert np.abs(late).max() < 0.03


def test_the_local_tempo_of_a_beat_is_that_of_six_notes_on_each_side():
    notes = [Note(0.5 * i, 0.4, 6000, "la") for i in range(20)]

    def moved(index):
        return [replace(note, onset=note.onset + 0.1 * (i == index)) for i, note in enumerate(notes)]

    for index, heard in ((3, False), (4, True), (9, True), (16, True), (17, False)):
        assert (abs(beat_errors(notes, moved(index))[10]) > 1e-9) == heard, index
