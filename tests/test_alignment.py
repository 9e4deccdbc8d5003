"""Claims about finding a score in a recording of another tempo, key and tuning."""

from dataclasses import replace

import numpy as np
import pytest
from singers import melody, scale

from svs.evaluation import evaluate_notes, judge, measure
from svs.evaluation.alignment import align, beat_errors, warp, warp_notes
from svs.pitch import PitchCurve
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


# ---- notes that are left out, or wrong -------------------------------------------------------------------------------

STEPS = [6000, 6200, 6400, 6500, 6700, 6900, 7100, 7200, 6700, 6400, 6900, 6500, 6200, 6000]


def in_turn(cents, tempo=1.0, start=0.2):
    """Notes of 0.4 s, the last of 0.8 s, sung for all but 30 ms of that."""
    lengths = [0.4] * (len(cents) - 1) + [0.8]
    onsets = start + tempo * np.cumsum([0.0, *lengths[:-1]])
    return [Note(float(o), tempo * (n - 0.03), c, "la") for o, n, c in zip(onsets, lengths, cents, strict=True)]


def heard(notes, seconds=9.0):
    """The contour of notes sung exactly."""
    cents, voiced = np.full(round(100 * seconds), 6000.0), np.zeros(round(100 * seconds), dtype=bool)
    for note in notes:
        frames = slice(round(100 * note.onset), round(100 * note.end))
        cents[frames], voiced[frames] = note.cents, True
    return PitchCurve(cents, voiced)


def judged(curve, method):
    """(method, numbers of unsung notes, errors of more than 20 cents by note number)."""
    result = judge({"praat": curve}, in_turn(STEPS), None, method)
    errors = [row["error_cents"] for row in result["notes"]]
    unsung = [i for i, error in enumerate(errors) if error is None]
    assert result["summary"]["unsung"] == len(unsung)
    wrong = {i: round(error) for i, error in enumerate(errors) if error is not None and abs(error) > 20}
    return result["alignment"]["method"], unsung, wrong


@pytest.mark.parametrize("left_out", [(0,), (4,), (4, 9), (3, 11), (6, 7, 8), (13,)])
def test_notes_left_silent_are_unsung_and_no_other_note_is_wrong(left_out):
    curve = heard([note for i, note in enumerate(in_turn(STEPS)) if i not in left_out])
    assert judged(curve, "auto") == ("time", list(left_out), {})
    assert judged(curve, "dtw") == ("dtw", list(left_out), {})


@pytest.mark.parametrize("left_out", [(4,), (4, 9), (3, 11), (6, 7, 8)])
def test_notes_skipped_over_are_unsung_and_no_other_note_is_wrong(left_out):
    curve = heard(in_turn([cents for i, cents in enumerate(STEPS) if i not in left_out]))
    assert judged(curve, "auto") == ("dtw", list(left_out), {})


def test_notes_left_silent_make_no_other_note_early_or_late():
    curve = heard([note for i, note in enumerate(in_turn(STEPS, 1.3)) if i not in (4, 9)], 12.0)
    rows = judge({"praat": curve}, in_turn(STEPS), None, "dtw")["notes"]
    assert [i for i, row in enumerate(rows) if row["onset_error_seconds"] is None] == [4, 9]
    assert max(abs(row["onset_error_seconds"]) for i, row in enumerate(rows) if i not in (4, 9)) < 0.02


@pytest.mark.parametrize("wrong", [{6: -100, 9: -100}, {6: 400}, {0: -300}, {13: 200}, {5: 1200}])
@pytest.mark.parametrize("tempo", [1.0, 1.3])
def test_wrong_notes_are_wrong_by_what_was_sung_at_any_tempo(wrong, tempo):
    curve = heard(in_turn([cents + wrong.get(i, 0) for i, cents in enumerate(STEPS)], tempo), 9 * tempo)
    assert judged(curve, "auto") == ("time" if tempo == 1 else "dtw", [], wrong)


def test_every_tracker_leaves_out_the_notes_that_were_passed_over():
    curve = heard(in_turn([cents for i, cents in enumerate(STEPS) if i not in (4, 9)]))
    result = judge({"praat": curve, "harvest": curve}, in_turn(STEPS), None, "dtw")
    assert [figures["unsung"] for figures in result["trackers"].values()] == [2, 2]
    assert result["disagreement"]["notes_p95_cents"] == 0
