"""Claims about the trackers, on singers whose pitch is known exactly."""

import numpy as np
import pytest
from singers import melody, scale, tone

from svs.audio import Audio
from svs.f0 import TRACKERS, curve_from_hz, track
from svs.units import A4_CENTS, PITCH_GRID, FrameGrid

EDGE = 10  # frames at both ends, where a tracker's window looks past the sound


def errors(audio, truth, tracker="praat", **kwargs):
    """(measured − true) cents on voiced frames away from the ends, and the fraction of frames voiced there."""
    found = track(audio, tracker, **kwargs)
    assert len(found.cents) == len(truth.cents)
    inner = slice(EDGE, -EDGE)
    voiced = found.voiced[inner]
    return (found.cents - truth.cents)[inner][voiced], voiced.mean()


@pytest.mark.parametrize("cents", [4500, 5700, 6900, 7800, 8100])
@pytest.mark.parametrize("extent", [0, 50])
def test_praat_errs_by_less_than_two_cents(cents, extent):
    error, voiced = errors(*tone(cents, 1.0, vibrato_extent=extent, snr_db=30))
    assert voiced > 0.98
    assert np.abs(error).mean() < 2
    assert abs(error.mean()) < 0.5


@pytest.mark.parametrize("tracker, mean_cents", [("praat", 2), ("harvest", 1), ("harvest+stonemask", 1.5), ("pyin", 15)])
def test_every_tracker_follows_vibrato(tracker, mean_cents):
    error, voiced = errors(*tone(6000, 1.0, vibrato_extent=50, snr_db=30), tracker)
    assert voiced > 0.98
    assert np.abs(error).mean() < mean_cents


def test_swiftf0_follows_vibrato():
    pytest.importorskip("swift_f0")
    error, voiced = errors(*tone(6000, 1.0, vibrato_extent=50, snr_db=30), "swiftf0")
    assert voiced > 0.95
    assert np.abs(error).mean() < 15


@pytest.mark.parametrize("sample_rate", [8000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_frames_lie_on_the_grid_at_every_sample_rate(sample_rate):
    # A glide of 600 cents/s turns 10 ms of misplacement into 6 cents.
    from singers import sing_contour

    def glide(times):
        return 5400 + 600 * times, np.ones(len(times), dtype=bool)

    for seconds in (0.993, 1.0, 1.0001):
        error, _ = errors(*sing_contour(glide, seconds, sample_rate=sample_rate))
        assert abs(error.mean()) < 0.5
        assert np.abs(error).max() < 2


@pytest.mark.parametrize("tracker", ["praat", "harvest", "harvest+stonemask", "pyin"])
def test_misplaced_frames_would_show_as_cents(tracker):
    from singers import sing_contour

    def glide(times):
        return 5400 + 600 * times, np.ones(len(times), dtype=bool)

    error, _ = errors(*sing_contour(glide, 1.0), tracker)
    assert abs(np.median(error)) < 2.5  # under half a frame


@pytest.mark.parametrize("leap", [1200, -1200, 700])
def test_praat_follows_a_note_an_octave_from_its_neighbours(leap):
    audio, truth = melody(scale(6000, 6200, 6300 + leap, 6500), snr_db=30)
    found = track(audio)
    both = found.voiced & truth.voiced
    assert np.mean(np.abs(found.cents - truth.cents)[both] > 600) < 0.02


def test_rests_are_unvoiced_and_carry_a_straight_line_between_the_notes():
    audio, _ = melody(scale(6000, 6700, gap=0.4))
    found = track(audio)
    rest = slice(90, 110)  # 0.8 s … 1.2 s is silent
    assert not found.voiced[rest].any()
    assert np.isfinite(found.cents).all()
    assert np.all(np.diff(found.cents[rest]) > 0)
    assert np.ptp(np.diff(found.cents[rest])) < 1e-6


def test_another_hop_gives_the_same_pitch():
    audio, _ = tone(6000, 1.0)
    coarse, fine = track(audio, grid=FrameGrid(0.01)), track(audio, grid=FrameGrid(0.005))
    assert fine.hop_seconds == 0.005
    np.testing.assert_allclose(fine.cents[20:-20:2], coarse.cents[10:-10], rtol=0, atol=0.5)


@pytest.mark.parametrize("tracker", [name for name in TRACKERS if name != "swiftf0"])
@pytest.mark.parametrize("samples", [0, 1, 100, 4410])
def test_silence_has_no_pitch_and_short_sounds_have_every_frame(tracker, samples):
    found = track(Audio(np.zeros(samples, dtype=np.float32), 44_100), tracker)
    assert len(found.cents) == PITCH_GRID.frames(samples / 44_100)
    assert not found.voiced.any()
    assert np.all(found.cents == A4_CENTS)


@pytest.mark.parametrize("samples", [1, 10, 441, 442, 2000])
def test_a_sound_shorter_than_the_window_still_has_every_frame(samples):
    audio, _ = tone(6900, samples / 44_100)
    assert len(track(audio).cents) == PITCH_GRID.frames(samples / 44_100)


def test_noise_is_mostly_unvoiced():
    noise = np.random.default_rng(0).normal(0, 0.1, 44_100).astype(np.float32)
    assert track(Audio(noise, 44_100)).voiced.mean() < 0.1


def test_curve_from_hz_fills_unvoiced_frames_between_their_neighbours():
    curve = curve_from_hz([0, 440, 0, 0, 880, 0])
    np.testing.assert_allclose(curve.cents, [6900, 6900, 7300, 7700, 8100, 8100])
    assert curve.voiced.tolist() == [False, True, False, False, True, False]


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(tracker="yin"), "no tracker 'yin'; choose one of praat"),
        (dict(floor_hz=0), "floor 0 Hz"),
        (dict(floor_hz=500, ceiling_hz=400), "ceiling 400 Hz"),
        (dict(ceiling_hz=30_000), "22050 Hz"),
    ],
)
def test_bad_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        track(tone(6900, 0.2)[0], **change)


def test_damaged_samples_are_refused():
    samples = np.zeros(4410, dtype=np.float32)
    samples[5] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        track(Audio(samples, 44_100))


def test_praat_does_not_flatten_fast_vibrato():
    # at a floor of 55 Hz Praat's own window would take 5 cents off these 100
    audio, truth = tone(7200, 1.0, vibrato_rate=7.0, vibrato_extent=100, snr_db=30)
    found = track(audio, floor_hz=55)
    middle = slice(10, -10)
    assert np.ptp(found.cents[middle]) / 2 == pytest.approx(100, abs=2)
    assert np.abs(found.cents - truth.cents)[middle].mean() < 1


def test_long_sound_is_tracked_in_pieces_as_it_would_be_whole(monkeypatch):
    import svs.f0

    notes = scale(*[6000, 6400, 6700, 7200] * 4, seconds=0.6, gap=0.1)
    audio, _ = melody(notes, vibrato_extent=50, snr_db=30)
    soft = audio.samples.copy()
    soft[: len(soft) // 2] *= 0.02  # a soft half must not become loud by being looked at alone
    for samples in (audio.samples, soft):
        whole = track(Audio(samples, 44_100))
        monkeypatch.setattr(svs.f0, "PIECE_SECONDS", 3.0)
        pieces = track(Audio(samples, 44_100))
        monkeypatch.undo()
        assert np.mean(whole.voiced != pieces.voiced) < 0.005
        both = whole.voiced & pieces.voiced
        assert np.percentile(np.abs(whole.cents - pieces.cents)[both], 99) < 0.1


def test_a_file_on_disk_is_tracked_like_the_sound_in_memory(tmp_path):
    from svs.audio import AudioFile

    audio, _ = melody(scale(6000, 6400))
    audio.write(tmp_path / "a.wav")
    file = AudioFile.open(tmp_path / "a.wav")
    np.testing.assert_array_equal(track(file).cents, track(Audio.read(tmp_path / "a.wav")).cents)


@pytest.mark.parametrize("loud", [3.0, 20.0])
def test_a_knock_on_the_microphone_leaves_the_singing_voiced(loud):
    audio, truth = tone(6000, 1.0, snr_db=40)
    knocked = audio.samples.copy()
    knocked[2000:3500] += loud * np.random.default_rng(0).normal(0, 0.1, 1500).astype(np.float32)
    knocked[30_000] = loud  # a click
    found = track(Audio(knocked, audio.sample_rate))
    assert found.voiced.mean() >= 0.9  # all but the knocks themselves
    assert np.percentile(np.abs(found.cents - truth.cents)[found.voiced], 95) < 1


def test_what_is_30_db_below_the_loudest_singing_is_silence_still():
    audio, _ = tone(6000, 1.0)
    quiet = np.concatenate([audio.samples, 0.02 * audio.samples])
    assert not track(Audio(quiet, audio.sample_rate)).voiced[105:].any()
