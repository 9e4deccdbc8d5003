"""Partials of another octave: put in where drawn latents lack them, smoothed away where noise has them, else left alone."""

import numpy as np
import pytest

from svs.audio import Audio
from svs.codec.arrays import HOP, NOISE_FFT, synthesise
from svs.codec.noise import even_noise
from svs.codec.partials import with_odd_partials, without_half_partials
from svs.f0 import track
from svs.units import SAMPLE_RATE, cents_to_hz

FRAMES = 100
HZ = np.linspace(0.0, SAMPLE_RATE / 2, 1025)
NOISE_HZ = np.linspace(0.0, SAMPLE_RATE / 2, NOISE_FFT // 2 + 1)


def vowel(hz=HZ):
    """(bins,) natural logs of a vowel-like envelope: a slope, and formants at 700 and 1200 Hz."""
    bumps = sum(np.exp(-0.5 * ((hz - centre) / 90.0) ** 2) for centre in (700.0, 1200.0))
    return (-0.7 * np.log2(np.maximum(hz, 100.0) / 100.0) + 1.5 * bumps - 2.0).astype(np.float32)


def an_octave_too_high(cents, depth_db):
    """(FRAMES, bins): the vowel, with as many dB of gap about the odd partials."""
    gap = 0.5 - 0.5 * np.cos(np.pi * HZ / cents_to_hz(cents))
    return np.tile(vowel() - depth_db / 8.686 * gap, (FRAMES, 1)).astype(np.float32)


def heard(magnitude, cents):
    """Median of Praat's F0, in cents, of what is sung through a filter."""
    line = np.full(FRAMES, cents, np.float32)
    faint = np.full((3 * FRAMES, len(NOISE_HZ)), -9.0, np.float32)
    sound = synthesise(magnitude, faint, line, np.ones(FRAMES, bool), even_noise(FRAMES * HOP, 0))
    found = track(Audio(sound, SAMPLE_RATE), "praat", floor_hz=60.0, ceiling_hz=1200.0)
    return float(np.median(found.cents[found.voiced]))


@pytest.mark.parametrize("cents", [6000.0, 6500.0, 7100.0])
def test_a_note_whose_odd_partials_lack_is_heard_at_its_octave_again(cents):
    lacking = an_octave_too_high(cents, 35.0)
    assert heard(lacking, cents) == pytest.approx(cents + 1200, abs=5)
    assert heard(with_odd_partials(lacking, np.full(FRAMES, cents)), cents) == pytest.approx(cents, abs=5)


def test_what_was_lacking_is_as_strong_as_its_neighbours():
    lacking = an_octave_too_high(6500.0, 30.0)
    mended = with_odd_partials(lacking, np.full(FRAMES, 6500.0))
    at = np.round(np.arange(2, 20) * cents_to_hz(6500.0) / HZ[1]).astype(int)
    far = [8.686 * np.abs(magnitude[0, at] - vowel()[at]) for magnitude in (lacking, mended)]
    assert far[0].max() > 29.0 and far[1].max() < 6.0 and far[1].mean() < 2.0  # 6 dB between two formants


@pytest.mark.parametrize("cents", [4500.0, 5700.0, 6500.0, 7600.0, 8500.0])
def test_a_vowel_is_left_alone_and_so_are_gaps_that_singers_have(cents):
    for depth_db in (0.0, 9.0):
        natural = an_octave_too_high(cents, depth_db)
        assert with_odd_partials(natural, np.full(FRAMES, cents)) is natural


def test_only_the_frames_that_lack_partials_are_changed():
    line = an_octave_too_high(6500.0, 0.0)
    line[40:60] = an_octave_too_high(6500.0, 35.0)[40:60]
    changed = (with_odd_partials(line, np.full(FRAMES, 6500.0)) != line).any(axis=1)
    assert np.flatnonzero(changed).tolist() == list(range(40, 60))


def test_noise_halfway_between_the_partials_is_smoothed_where_voiced():
    cents = 7100.0
    ripple = np.cos(2 * np.pi * NOISE_HZ / (cents_to_hz(cents) / 2)).astype(np.float32)
    noise = np.tile(vowel(NOISE_HZ) - 1.0 + 1.5 * ripple, (3 * FRAMES, 1)).astype(np.float32)
    voiced = np.arange(FRAMES) < 50
    even = without_half_partials(noise, np.full(FRAMES, cents), voiced)
    assert np.array_equal(even[150:], noise[150:])
    left = even[:150] - (vowel(NOISE_HZ) - 1.0)
    assert np.abs(left[:, 5:-5]).mean() < 0.35 < np.abs(1.5 * ripple).mean()


def test_a_low_voice_keeps_its_noise():
    """100 Hz: what an octave lower would make of the noise is finer than its filter."""
    noise = np.tile(vowel(NOISE_HZ), (3 * FRAMES, 1))
    even = without_half_partials(noise, np.full(FRAMES, 4335.0), np.ones(FRAMES, bool))
    assert np.abs(even - noise).max() < 0.05
