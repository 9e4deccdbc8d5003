"""Claims about measures between recordings: melody, quality, embeddings, several trackers, many songs."""

import json
from pathlib import Path

import numpy as np
import pytest
from singers import melody, scale, tone

from svs.audio import Audio
from svs.evaluation import evaluate_notes
from svs.evaluation.embedding import (
    EMBEDDINGS,
    Moments,
    embed_clap,
    embed_vggish,
    frechet_distance,
    load,
    moments,
    speaker_similarity,
    vggish_network,
    vggish_windows,
)
from svs.evaluation.intelligibility import edit_errors, phone_error_rate
from svs.evaluation.intervals import bootstrap
from svs.evaluation.melody import contour_scores, espnet_scores, series_scores
from svs.evaluation.quality import pesq, si_sdr, stoi
from svs.evaluation.songs import notes_csv, songs_csv, summarise_songs
from svs.evaluation.spectrum import spectrogram_db
from svs.f0 import track
from svs.pitch import PitchCurve

RATE = 44_100
CASES = Path(__file__).parent.parent.parent / "shared" / "cases"


def curve_of(cents, voiced=None):
    cents = np.asarray(cents, dtype=np.float64)
    return PitchCurve(cents, np.ones(len(cents), dtype=bool) if voiced is None else np.asarray(voiced, dtype=bool))


# ---- melody ----------------------------------------------------------------------------------------------------------


def test_mir_evals_own_fixtures_score_as_stored():
    folder = CASES / "20_pitch_mir_eval" / "melody"
    if not folder.is_dir():
        pytest.skip("mir_eval's fixtures are not here")
    stored = sorted(folder.glob("output*.json"))
    assert len(stored) == 10
    for path in stored:
        number = path.stem.removeprefix("output")
        series = [np.loadtxt(folder / f"{side}{number}.txt") for side in ("ref", "est")]
        found = series_scores(*(column for table in series for column in table.T))
        for name, value in json.loads(path.read_text()).items():
            assert found[name.lower().replace(" ", "_")] == pytest.approx(value, abs=1e-6), (path.name, name)


def test_pitch_accuracy_at_every_tolerance_and_differences_by_hand():
    estimate = np.full(100, 6000.0)
    estimate[:10], estimate[10:30], estimate[30:60], estimate[60:65] = 6004, 6008, 6020, 7200
    scores = contour_scores(curve_of(np.full(100, 6000.0)), curve_of(estimate))
    found = [scores[f"raw_pitch_accuracy_{cents}_cents"] for cents in (5, 10, 25, 50)]
    assert found == pytest.approx([0.45, 0.65, 0.95, 0.95])
    difference = np.abs(estimate - 6000)
    assert scores["f0_mae_cents"] == pytest.approx(difference.mean())
    assert scores["f0_rmse_cents"] == pytest.approx(np.sqrt(np.mean(difference**2)))
    nothing = contour_scores(curve_of(np.zeros(10) + 6000), curve_of(np.zeros(10) + 6000, np.zeros(10)))
    assert nothing["f0_rmse_cents"] is None and nothing["voicing_recall"] == 0


def test_espnets_figures_of_a_line_sung_sharp_are_the_ratio_of_frequencies():
    plain, sharp = tone(6010, 1.0, snr_db=40)[0], tone(6040, 1.0, snr_db=40)[0]
    scores = espnet_scores(plain, sharp)
    assert scores["log_f0_rmse"] == pytest.approx(30 / 1200 * np.log(2), rel=0.05)
    assert scores["semitone_accuracy"] > 0.95  # 6010 and 6040 round to one semitone
    same = espnet_scores(plain, plain)
    assert same["log_f0_rmse"] == 0 and same["semitone_accuracy"] == 1
    assert espnet_scores(plain, tone(6060, 1.0, snr_db=40)[0])["semitone_accuracy"] < 0.05
    with pytest.raises(ValueError, match="8000 Hz; ESPnet defines it for 16000"):
        espnet_scores(plain, plain.resample(8000))
    with pytest.raises(ValueError, match="no voiced frame"):
        espnet_scores(plain, Audio(np.zeros(RATE, np.float32), RATE))


# ---- quality and embeddings ------------------------------------------------------------------------------------------


def song(seconds=3.0, seed=0, snr_db=40):
    notes = scale(6000, 6400, 6200, seconds=seconds / 4, gap=seconds / 20)
    return melody(notes, snr_db=snr_db, vibrato_extent=30, seed=seed)[0]


@pytest.mark.parametrize("decibels", [0.0, 10.0, 40.0])
def test_si_sdr_is_the_level_of_a_sound_above_what_is_added_to_it_at_any_loudness(decibels):
    """An added cosine is orthogonal to a sine of another whole number of periods: the ratio is known exactly."""
    phase = 2 * np.pi * np.arange(RATE) / RATE
    sound, added = np.sin(440 * phase), 10 ** (-decibels / 20) * np.cos(441 * phase)
    for gain in (0.01, -3.0):
        assert si_sdr(sound, gain * (sound + added), RATE) == pytest.approx(decibels, abs=1e-6)
    assert si_sdr(sound + 0.5, sound + added, RATE) == pytest.approx(decibels, abs=1e-6)  # no matter what the mean is


def test_si_sdr_of_a_copy_is_without_bound_and_of_silence_refused():
    sound = np.random.default_rng(0).standard_normal(1000)
    assert si_sdr(sound, sound, RATE) > 200
    for pair in ((sound, 0 * sound), (0 * sound, sound)):
        with pytest.raises(ValueError, match="si_sdr: one of the sounds is silent"):
            si_sdr(*pair, RATE)


@pytest.mark.parametrize("measure, package, best", [(stoi, "pystoi", 1.0), (pesq, "pesq", 4.64)])
def test_a_sound_is_itself_and_noise_takes_from_it(measure, package, best):
    pytest.importorskip(package)
    clean, noisy = song(), song(snr_db=5)
    assert measure(clean.samples, clean.samples, RATE) == pytest.approx(best, abs=0.01)
    assert measure(clean.samples, noisy.samples, RATE) < 0.9 * best
    with pytest.raises(ValueError, match=r"0\.30 s of sound"):
        measure(clean.samples[:13_230], clean.samples[:13_230], RATE)
    with pytest.raises(ValueError, match="silent"):
        measure(clean.samples, np.zeros_like(clean.samples), RATE)


@pytest.mark.parametrize("measure, package", [(stoi, "pystoi"), (pesq, "pesq")])
def test_a_missing_package_is_one_clear_line(measure, package, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(ImportError, match=f"{package} is missing: pip install {package}"):
        measure(np.ones(RATE), np.ones(RATE), RATE)


def test_the_frechet_distance_of_gaussians_in_closed_form():
    random = np.random.default_rng(0)
    x = random.normal(size=(200_000, 2)) * [1.0, 2.0]
    y = random.normal(size=(200_000, 2)) * [3.0, 2.0] + [1.0, -2.0]
    # diagonal covariances: squared gap of means, and squared gaps of standard deviations
    assert frechet_distance(Moments.of(x), Moments.of(y)) == pytest.approx(5 + 4, rel=0.02)
    assert frechet_distance(Moments.of(x), Moments.of(x)) == pytest.approx(0, abs=1e-9)


def test_the_frechet_distance_is_scipys_matrix_square_root():
    from scipy.linalg import sqrtm

    random = np.random.default_rng(1)
    x, y = (random.normal(size=(500, 6)) @ random.normal(size=(6, 6)) for _ in range(2))
    a, b = np.cov(x.T), np.cov(y.T)
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert frechet_distance(Moments.of(x), Moments.of(y)) == pytest.approx(expected, rel=1e-6)
    halves = Moments.of(x[:200]) + Moments.of(x[200:])
    np.testing.assert_allclose(halves.covariance, a, atol=1e-9)
    with pytest.raises(ValueError, match="1 and 500 windows"):
        frechet_distance(Moments.of(x[:1]), Moments.of(y))


@pytest.mark.parametrize("name, dim", [("mfcc", 26), ("whisper", 384), ("resemblyzer", 256)])
def test_embeddings_that_need_no_network_tell_noise_from_singing(name, dim):
    try:
        load(name)
    except ImportError as error:
        pytest.skip(str(error))
    noise = Audio(np.random.default_rng(0).normal(0, 0.1, 3 * RATE).astype(np.float32), RATE)
    one, other, far = (moments([audio], name) for audio in (song(), song(seed=1), noise))
    assert len(one.mean) == dim
    assert frechet_distance(one, other) < frechet_distance(one, far)


def test_a_voice_is_nearer_itself_than_noise():
    pytest.importorskip("resemblyzer")
    noise = Audio(np.random.default_rng(0).normal(0, 0.1, 3 * RATE).astype(np.float32), RATE)
    assert speaker_similarity(song(), song(seed=1)) > 0.95 > speaker_similarity(song(), noise)


def test_vggish_runs_on_its_own_front_end():
    import librosa

    audio = song(2.5)
    windows = vggish_windows(audio)
    assert windows.shape == (2, 96, 64)
    low = audio.resample(16_000).samples
    magnitude = np.abs(librosa.stft(low, n_fft=512, win_length=400, hop_length=160, center=False))
    bands = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=64, fmin=125, fmax=7500, htk=True, norm=None)
    near = np.log(bands @ magnitude + 0.01).T  # librosa's triangles are straight in Hz, and its window lies 56 samples later
    assert np.corrcoef(windows[0].ravel(), near[:96].ravel())[0, 1] > 0.98
    found = embed_vggish(audio, vggish_network())
    assert found.shape == (2, 128) and np.isfinite(found).all()


def test_clap_runs_on_a_small_random_model_of_its_class():
    transformers = pytest.importorskip("transformers")
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    audio = {"patch_embeds_hidden_size": 16, "depths": [1, 1], "num_attention_heads": [1, 2], "hidden_size": 32}
    config = transformers.ClapConfig(text_config=small, audio_config=audio, projection_dim=24)
    model, extractor = transformers.ClapModel(config).eval(), transformers.ClapFeatureExtractor(truncation="rand_trunc")
    assert embed_clap(song(12.0), extractor, model).shape == (2, 24)


def test_weights_that_cannot_be_fetched_are_one_clear_line(monkeypatch):
    import torch

    def offline(*args, **options):
        raise OSError("name or service not known")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    with pytest.raises(ValueError, match="weights .* could not be fetched .* put the file into .* --embedding whisper"):
        EMBEDDINGS["vggish"]()
    with pytest.raises(ValueError, match="embedding 'ear' is not known; choose one of whisper"):
        load("ear")


# ---- words -----------------------------------------------------------------------------------------------------------


def test_phones_weigh_a_near_miss_less_than_words_do():
    found = phone_error_rate("light night", "right night")
    assert (found.words, found.substitutions, found.rate) == (6, 1, pytest.approx(1 / 6))
    assert edit_errors("abc", "").deletions == 3
    with pytest.raises(ValueError, match="no words"):
        phone_error_rate("…", "hello")


# ---- several trackers, many songs -----------------------------------------------------------------------------------


def test_trackers_that_agree_bound_what_is_claimed(monkeypatch):
    import svs.evaluation.agreement as agreement

    def missing(*args):
        raise ImportError("not here")

    monkeypatch.setattr(agreement, "TRACKERS", {"praat": None, "harvest": None, "pyin": None})
    real = agreement.track
    monkeypatch.setattr(agreement, "track", lambda a, name, *rest: missing() if name == "pyin" else real(a, name, *rest))
    notes = scale(6000, 6400, 6700)
    result = evaluate_notes(melody(notes, detune=12, snr_db=30)[0], notes, tracker="all")
    assert set(result["trackers"]) == {"praat", "harvest", "pyin"}
    assert result["trackers"]["pyin"] == {"missing": "not here"}
    assert result["trackers"]["harvest"]["mean_abs_error_cents"] == pytest.approx(12, abs=1)
    assert result["disagreement"]["notes_median_cents"] < 1
    assert result["disagreement"]["frames"]["praat / harvest"] < 2
    assert result["tracker"] == "praat"


def test_bootstrap_intervals_cover_the_mean_as_often_as_they_say():
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(100):
        interval = bootstrap(random.normal(3.0, 1.0, 40), seed=trial)
        covered += interval.low <= 3.0 <= interval.high
    assert 88 <= covered <= 100
    assert bootstrap([2.0]).low is None and bootstrap([None, float("nan")]) is None
    assert bootstrap([1.0, 3.0, None]).mean == 2.0 and bootstrap([1.0, 3.0, None]).count == 2


def test_many_songs_have_means_intervals_and_rows():
    notes = scale(6000, 6400)
    results = {f"{off}.wav": evaluate_notes(melody(notes, detune=off)[0], notes) for off in (5, 15, 25)}
    results["broken.wav"] = {"error": "not a sound file"}
    whole = summarise_songs(results)
    mean = whole["all"]["mean_abs_error_cents"]
    assert mean["mean"] == pytest.approx(15, abs=0.3) and mean["low"] < 10 < 20 < mean["high"] and mean["count"] == 3
    assert whole["failed"] == {"broken.wav": "not a sound file"}
    rows = songs_csv(results).splitlines()
    assert len(rows) == 5 and rows[0].startswith("song,notes,") and rows[-1].endswith(",not a sound file")
    assert len(notes_csv(results).splitlines()) == 1 + 3 * 2


def test_a_spectrogram_peaks_where_the_tone_is_and_never_grows_beyond_its_columns():
    audio, _ = tone(6900, 2.0)
    level, column, top = spectrogram_db(audio, 10_000)
    assert column == pytest.approx(0.005, abs=1e-4) and len(level) == pytest.approx(2.0 / column, abs=1)
    harmonic = level[len(level) // 2].argmax() / (level.shape[1] - 1) * top
    assert harmonic / 440 == pytest.approx(round(harmonic / 440), abs=0.06)
    assert len(spectrogram_db(audio, 50)[0]) <= 50


# ---- files that are not what they should be --------------------------------------------------------------------------


def test_eight_kilohertz_and_stereo_files_are_measured_to_a_cent(tmp_path):
    import soundfile

    from svs.evaluation import measure
    from svs.evaluation.pitch import note_errors

    notes = scale(6000, 6400, 6700)
    low, _ = melody(notes, detune=(-20, 5, 30), sample_rate=8000, snr_db=30)
    both, _ = melody(notes, detune=(-20, 5, 30), snr_db=30)
    soundfile.write(tmp_path / "low.wav", low.samples, 8000)
    soundfile.write(tmp_path / "stereo.wav", np.stack([both.samples, 0.3 * both.samples], axis=1), RATE)
    for name in ("low.wav", "stereo.wav"):
        rows = note_errors(notes, measure(Audio.read(tmp_path / name))[0]["praat"])
        np.testing.assert_allclose([row["error_cents"] for row in rows], (-20, 5, 30), rtol=0, atol=1)


def test_work_on_a_song_grows_with_its_length_and_not_faster():
    from svs.evaluation.pitch import note_errors

    short, long = (curve_of(np.full(100 * n, 6000.0)) for n in (50, 500))
    seen = []
    for curve, count in ((short, 50), (long, 500)):
        notes = scale(*[6000] * count, seconds=1.0, start=0.0)
        calls = 0

        class Counting(np.ndarray):
            def __getitem__(self, key):
                nonlocal calls
                found = super().__getitem__(key)
                calls += np.size(found)
                return found

        counted = PitchCurve(curve.cents.view(Counting), curve.voiced.view(Counting), 0.01)
        note_errors(notes, counted)
        seen.append(calls)
    assert seen[1] < 12 * seen[0]  # ten times the notes and the frames


def test_a_sample_rate_that_holds_no_singing_is_refused():
    from svs.evaluation import measure

    with pytest.raises(ValueError, match="sample rate of 100 Hz holds no singing"):
        measure(Audio(np.ones(100, np.float32), 100))
    assert track(Audio(np.zeros(0, np.float32), RATE)).cents.size == 0
