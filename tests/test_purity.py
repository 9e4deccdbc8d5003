"""Purity: held vowels are no airier than their singers' recordings, and nothing else is touched."""

import numpy as np
import pytest
import torch
from tiny_corpus import CODEC, write_features
from tiny_voices import write_voice

from svs import purity, valleys
from svs.codec.arrays import HOP, NOISE_FFT, synthesise
from svs.codec.noise import even_noise
from svs.codec.purity import BANDS, CENTRES_HZ, MOST_DB, UNTOUCHED_HZ, over_noise, without_excess
from svs.dataset import Shard
from svs.evaluation.spectrum import harmonic_to_noise
from svs.purity import MARGIN_SECONDS, Purity, least_purity
from svs.score import Score
from svs.sing import sing
from svs.timing import PhonemeSpan
from svs.units import SAMPLE_RATE
from svs.voice import Voice, VoiceError

FRAMES = 200
HZ = np.linspace(0.0, SAMPLE_RATE / 2, 1025)
NOISE_HZ = np.linspace(0.0, SAMPLE_RATE / 2, NOISE_FFT // 2 + 1)
NEPERS = np.log(10.0) / 20.0
VOICED = np.ones(FRAMES, bool)
A4 = np.full(FRAMES, 6900.0, np.float32)


def filters(noise_db: float, frames: int = FRAMES):
    """A vowel's filter, 12 dB an octave down from 400 Hz, and a noise that lies so many dB from it everywhere."""
    slope = [-12.0 * np.log2(np.maximum(hz, 400.0) / 400.0) - 20.0 for hz in (HZ, NOISE_HZ)]
    pulses, noise = (np.float32(NEPERS) * db for db in (slope[0], slope[1] + noise_db))
    return np.tile(pulses, (frames, 1)).astype(np.float32), np.tile(noise, (3 * frames, 1)).astype(np.float32)


@pytest.mark.parametrize("cents", [4500.0, 6000.0, 6900.0, 7600.0])
@pytest.mark.parametrize("noise_db", [-35.0, -10.0, 5.0])
def test_partials_rise_above_a_noise_by_as_much_as_it_lies_below_them(cents, noise_db):
    found = over_noise(*filters(noise_db), np.full(FRAMES, cents))
    np.testing.assert_allclose(found, -noise_db, atol=1.0)


def test_a_pitch_that_nobody_sings_costs_no_more_memory():
    assert np.isfinite(over_noise(*filters(-20.0), np.full(FRAMES, -20_000.0))).all()


def test_a_band_without_a_partial_has_no_figure():
    found = over_noise(*filters(-20.0), np.full(FRAMES, 8500.0))  # 1109 Hz
    assert np.isnan(found[:, 0]).all() and np.isfinite(found[:, 1:]).all()


@pytest.mark.parametrize("noise_db", [-12.0, -20.0])
def test_noise_in_excess_is_taken_away_and_heard_no_more(noise_db):
    pulses, noise = filters(noise_db)
    least = np.full((FRAMES, BANDS), 30.0, np.float32)
    mended = without_excess(noise, pulses, A4, VOICED, least)
    middle = slice(20, FRAMES - 20)
    np.testing.assert_allclose(over_noise(pulses, mended, A4)[middle], 30.0, atol=1.5)

    def clear(filtered) -> float:
        return harmonic_to_noise(synthesise(pulses, filtered, A4, VOICED, even_noise(FRAMES * HOP, 0)), SAMPLE_RATE)

    assert clear(mended) - clear(noise) == pytest.approx(30.0 + noise_db, abs=2.5)  # dB


def test_no_more_than_a_limit_is_taken_away_and_nothing_far_up():
    pulses, noise = filters(5.0)
    mended = without_excess(noise, pulses, A4, VOICED, np.full((FRAMES, BANDS), 60.0, np.float32))
    taken = (noise - mended)[300] / NEPERS
    assert taken.max() == pytest.approx(MOST_DB, abs=0.1)
    assert np.abs(taken[NOISE_HZ >= UNTOUCHED_HZ]).max() == 0.0 < taken[CENTRES_HZ[-1] > NOISE_HZ].min()


def test_what_is_pure_enough_voiceless_or_not_asked_for_stays_as_it_is():
    pulses, noise = filters(-30.0)
    least = np.full((FRAMES, BANDS), 25.0, np.float32)
    assert without_excess(noise, pulses, A4, VOICED, least) is noise
    assert without_excess(noise, pulses, A4, ~VOICED, least + 20.0) is noise
    assert without_excess(noise, pulses, A4, VOICED, np.full_like(least, -np.inf)) is noise
    half = np.where(np.arange(FRAMES)[:, None] < 100, least + 20.0, -np.inf).astype(np.float32)
    mended = without_excess(noise, pulses, A4, VOICED, half)
    np.testing.assert_array_equal(mended[3 * 106 :], noise[3 * 106 :])
    assert (mended[: 3 * 90] < noise[: 3 * 90] - 0.5)[:, NOISE_HZ < 8000].all()


def spans():
    return [PhonemeSpan("SIL", 0.0, 0.2, -1), PhonemeSpan("M", 0.2, 0.3, 0), PhonemeSpan("IY", 0.3, 1.0, 0)]


def test_only_the_inside_of_vowels_is_asked_for():
    figures = Purity(np.array([6000.0]), np.full((1, BANDS), 20.0))
    least = least_purity([(figures, 1.0)], spans(), np.full(120, 6000.0), 0.01)
    inside = np.flatnonzero(np.isfinite(least).all(axis=1))
    assert inside[0] * 0.01 == pytest.approx(0.3 + MARGIN_SECONDS, abs=0.011)
    assert inside[-1] * 0.01 == pytest.approx(1.0 - MARGIN_SECONDS, abs=0.021)
    assert np.isneginf(least[: inside[0]]).all() and np.isneginf(least[inside[-1] + 1 :]).all()
    assert least_purity([], spans(), np.full(120, 6000.0), 0.01) is None


def test_between_two_pitches_and_two_singers_figures_are_between():
    low, high = (np.full((1, BANDS), db) for db in (20.0, 30.0))
    rising = Purity(np.array([6000.0, 6600.0]), np.concatenate([low, high]))
    np.testing.assert_allclose(rising.at(np.array([5000.0, 6300.0, 7000.0]))[:, 0], [20.0, 25.0, 30.0])
    other = Purity(np.array([6000.0]), low - 10.0)
    least = least_purity([(rising, 0.5), (other, 0.25)], spans(), np.full(120, 6600.0), 0.01)
    assert least[60, 0] == pytest.approx((2 * 30.0 + 10.0) / 3)


def test_figures_are_such_that_four_fifths_of_the_frames_have_more():
    random = np.random.default_rng(0)
    db = random.normal(30.0, 5.0, (4000, BANDS))
    db[:, 0] = np.nan
    cents = np.repeat([5990.0, 6610.0, 7200.0], [2000, 1900, 100])
    figures = Purity.of(db, cents)
    assert figures.cents.tolist() == [6000.0, 6600.0]  # a second of 7200 is too little
    np.testing.assert_allclose(figures.db[:, 1:], 30.0 - 0.842 * 5.0, atol=0.5)
    assert (figures.db[:, 0] < -100).all()
    assert Purity.of(db[:50], cents[:50]) is None


def test_figures_survive_their_file(tmp_path):
    figures = Purity(np.array([6000.0, 6300.0]), np.round(np.random.default_rng(0).normal(20, 9, (2, BANDS)), 1))
    purity.save({"ann": figures}, tmp_path / "purity.json")
    found = purity.load(tmp_path / "purity.json", ["ann", "bob"])["ann"]
    np.testing.assert_array_equal(found.cents, figures.cents)
    np.testing.assert_allclose(found.db, figures.db)


@pytest.mark.parametrize(
    "fact, reason",
    [
        ("[]", "no JSON object"),
        ("{", "JSON"),
        ('{"eve": {"cents": [6000], "db": [[1, 1, 1, 1, 1, 1]]}}', "eve"),
        ('{"ann": {"cents": [6000], "db": [[1, 1]]}}', "rows of 6"),
        ('{"ann": {"cents": [6300, 6000], "db": [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]]}}', "rise"),
        ('{"ann": {"cents": [6000], "db": [[1, 1, 1, 1, 1, NaN]]}}', "rows of 6"),
        ('{"ann": {"cents": [], "db": []}}', "rows of 6"),
    ],
)
def test_a_damaged_file_is_told_in_a_line(tmp_path, fact, reason):
    voice = write_voice(tmp_path / "voice")
    (voice / "purity.json").write_text(fact)
    with pytest.raises(VoiceError, match=reason) as told:
        Voice.load(voice)
    assert "\n" not in str(told.value) and "purity.json" in str(told.value)


def test_a_held_vowel_of_the_default_voice_is_as_clear_where_its_singer_was_not_recorded():
    """Kumi at G#4, between the D4 and the A4 of her recordings, whose harmonic-to-noise ratio is 25 dB."""
    score = Score.from_notes([(0.0, 3.0, 6800.0, "ah")])
    voice = Voice.load("default")
    with_figures = sing(score, voice, singer="kumi", pitch="exact").audio.samples
    object.__setattr__(voice, "purity", {})
    without = sing(score, voice, singer="kumi", pitch="exact").audio.samples
    clear = [harmonic_to_noise(sound, SAMPLE_RATE) for sound in (with_figures, without)]
    assert clear[0] > 22.0 and clear[0] > clear[1] + 3.0


def test_another_purity_is_another_voice_to_the_cache(tmp_path):
    folder = write_voice(tmp_path / "voice")
    plain = Voice.load(folder).digest
    purity.save({"ann": Purity(np.array([6000.0]), np.full((1, BANDS), 20.0))}, folder / "purity.json")
    assert Voice.load(folder).digest != plain


def test_valleys_are_measured_in_recordings_and_not_in_copies_of_them(tmp_path):
    from svs.codec.source_filter import SourceFilterNetwork

    torch.manual_seed(0)
    codec = SourceFilterNetwork(**CODEC).eval()
    shard = Shard.open(write_features(tmp_path) / "synthetic")
    name = shard.clips[0]["speaker"]
    found = valleys.purities(codec, [shard] * 40, [name, "nobody"])
    assert list(found) == [name]
    for clip in shard.clips:
        clip["shifted_semitones"] = 3
    assert valleys.purities(codec, [shard] * 40, [name]) == {}
