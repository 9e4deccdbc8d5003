"""F0 tracking: from sound to a contour in cents on the pitch grid.

Conventions
- Frame i of every tracker describes the sound at exactly i × hop_seconds; a tracker whose own frames lie elsewhere is
  padded or interpolated (in cents, within voiced runs) until they do.
- The curve has grid.frames(audio.seconds) frames.
- Unvoiced frames carry cents too: a straight line between the voiced frames around them, the nearest voiced value at
  the ends, and A4 when nothing is voiced. Only `voiced` tells them apart.
- No tracker is smoothed or octave-corrected here: what it says is what an evaluation sees.
- Long sound is tracked in pieces that overlap, in memory that does not grow with it.
"""

from __future__ import annotations

import numpy as np

from svs.audio import Audio, AudioFile
from svs.pitch import PitchCurve
from svs.units import A4_CENTS, PITCH_GRID, FrameGrid, cents_to_hz, hz_to_cents

# Praat's own costs, 0.01 and 0.35, are made for speech: a note between two leaps of an octave is cheaper to track an
# octave off than to follow, which hides exactly what an evaluation must see. With these, frames more than 600 cents off
# fall from 7.8 to 1.0 % on synthetic melodies with such leaps; on vocadito's clip raw pitch accuracy is 97.6 for 97.7 %.
PRAAT_OCTAVE_COST = 0.02
PRAAT_OCTAVE_JUMP_COST = 0.2
PRAAT_SILENCE = 0.03  # of the loudest peak
WINDOW_SECONDS = 0.01  # whose peaks are compared
LOUD_SECONDS = 0.2  # of singing reach the loudest peak, nearly
KNOCK = 2.0  # times as loud is a knock on the microphone

# Praat measures over three periods of its floor and so flattens a vibrato: at a floor of 55 Hz one of 7 Hz by 5 %,
# whatever note is sung. A second look at each frame is taken through a window fitted to the pitch found by the first.
FITTED_FLOOR = 0.95  # of the lowest pitch nearby
FITTED_HIGHEST = 160.0  # Hz; a window of 19 ms flattens by less than 1 %, a shorter one lets in more noise
FITTED_STEP = 2 ** (1 / 3)  # between the floors of neighbouring looks
NEARBY_SECONDS = 0.15

PIECE_SECONDS = 60.0
PIECE_MARGIN_SECONDS = 1.0  # tracked on both sides of a piece and thrown away


def track(
    audio: Audio | AudioFile,
    tracker: str = "praat",
    floor_hz: float = 65.0,
    ceiling_hz: float = 1100.0,
    grid: FrameGrid = PITCH_GRID,
) -> PitchCurve:
    """Track the fundamental frequency of one voice.

    tracker: a key of TRACKERS: "praat" (autocorrelation, Boersma 1993, its window fitted to the pitch), "harvest"
             (Morise 2017), "harvest+stonemask", "pyin" (Mauch & Dixon 2014), "swiftf0".
    floor_hz, ceiling_hz: search range. Praat's first window is three periods of the floor.
    Silence gives a curve without a voiced frame, empty audio an empty curve.
    Raises ValueError for an unknown tracker, a range the sound cannot hold or samples that are not finite,
    ImportError when the tracker's package is missing.
    """
    check_tracker(tracker)
    if not 0 < floor_hz < ceiling_hz < audio.sample_rate / 2:
        raise ValueError(
            f"track: floor {floor_hz} Hz and ceiling {ceiling_hz} Hz must satisfy 0 < floor < ceiling < "
            f"{audio.sample_rate / 2:g} Hz, half the sample rate"
        )
    frames, hop = grid.frames(audio.seconds), grid.hop_seconds
    length, margin = round(PIECE_SECONDS / hop), round(PIECE_MARGIN_SECONDS / hop)
    if frames <= 1.5 * length:
        length = max(frames, 1)
    loudest = _loudest(audio)
    f0_hz = np.zeros(frames)
    for first in range(0, frames, length):
        last = min(first + length, frames)
        start, end = max(0, first - margin), min(frames, last + margin)
        piece = audio.piece(*(round(frame * hop * audio.sample_rate) for frame in (start, end)))
        if np.any(piece.samples):
            found = TRACKERS[tracker](piece, floor_hz, ceiling_hz, grid, end - start, loudest)
            f0_hz[first:last] = found[first - start : last - start]
    return curve_from_hz(f0_hz, grid)


def measure_pitch(audio: Audio) -> PitchCurve:
    """Praat's contour in two passes: the second searches only near the range the first one found.

    The second pass halves and doubles less: its range is the middle 96 % of the first, widened by seven semitones.
    """
    first = track(audio)
    if first.voiced.sum() < 5:
        return first
    low, high = cents_to_hz(np.percentile(first.cents[first.voiced], [2, 98]))
    return track(audio, floor_hz=max(55.0, low / 1.5), ceiling_hz=min(1400.0, high * 1.5))


def check_tracker(tracker: str, *others: str) -> None:
    """Raise ValueError for a name that no tracker has. others: what else could have been said."""
    if tracker not in TRACKERS:
        raise ValueError(f"there is no tracker {tracker!r}; choose one of {', '.join((*TRACKERS, *others))}")


def _loudest(audio):
    """The greatest distance of a sample from the mean of all. Raises ValueError when one is not finite.

    Knocks and clicks do not count: what is twice as loud as the loudest LOUD_SECONDS altogether is none of the voice.
    """
    total, length = 0.0, round(audio.seconds * audio.sample_rate)
    step = round(PIECE_SECONDS * audio.sample_rate)
    window = max(1, round(WINDOW_SECONDS * audio.sample_rate))
    step = -(-step // window) * window
    highest, lowest = [], []
    for start in range(0, length, step):
        samples = audio.piece(start, start + step).samples
        if not np.all(np.isfinite(samples)):
            raise ValueError("samples contain NaN or infinity; the file is damaged")
        total += float(samples.sum(dtype=np.float64))
        edges = np.arange(0, len(samples), window)
        highest.append(np.maximum.reduceat(samples, edges))
        lowest.append(np.minimum.reduceat(samples, edges))
    if not length:
        return 0.0
    mean = total / length
    peaks = np.sort(np.maximum(np.concatenate(highest) - mean, mean - np.concatenate(lowest)))[::-1]
    steady = peaks[min(round(LOUD_SECONDS / WINDOW_SECONDS), len(peaks) // 2)]
    return float(steady if peaks[0] > KNOCK * steady > 0 else peaks[0])


def curve_from_hz(f0_hz: np.ndarray, grid: FrameGrid = PITCH_GRID) -> PitchCurve:
    """A curve from (frames,) Hz where 0 means unvoiced, the convention of WORLD and mir_eval."""
    f0_hz = np.asarray(f0_hz, dtype=np.float64)
    voiced = f0_hz > 0
    cents = np.full(len(f0_hz), A4_CENTS)
    if voiced.any():
        at = np.flatnonzero(voiced)
        cents = np.interp(np.arange(len(f0_hz)), at, hz_to_cents(f0_hz[at]))
    return PitchCurve(cents, voiced, grid.hop_seconds)


def _praat(audio, floor_hz, ceiling_hz, grid, frames, loudest):
    first = _praat_look(audio, floor_hz, ceiling_hz, grid, frames, loudest)
    lowest = FITTED_FLOOR * _lowest_nearby(first, round(NEARBY_SECONDS / grid.hop_seconds))
    lowest = np.minimum(lowest, FITTED_HIGHEST)
    voiced = first > 0
    f0_hz = first.copy()
    if not voiced.any():
        return f0_hz
    floor = max(floor_hz, lowest[voiced].min())
    while floor <= lowest[voiced].max() and floor < ceiling_hz:
        here = voiced & (lowest >= floor) & (lowest < floor * FITTED_STEP)
        if here.any():
            fitted = _praat_look(audio, floor, ceiling_hz, grid, frames, loudest)
            same = here & (np.abs(np.log2(np.where(fitted > 0, fitted, 1.0) / np.where(voiced, first, 1.0))) < 1 / 12)
            f0_hz[same] = fitted[same]
        floor *= FITTED_STEP
    return f0_hz


def _lowest_nearby(f0_hz, reach):
    """The lowest voiced frequency within `reach` frames of each frame, slips of half an octave and more left out."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(f0_hz, reach), 2 * reach + 1)
    far = (windows < f0_hz[:, None] / 1.5) | (windows > f0_hz[:, None] * 1.5)
    return np.min(np.where(far, np.inf, windows), axis=1)


def _praat_look(audio, floor_hz, ceiling_hz, grid, frames, loudest):
    import parselmouth

    # Praat centres its frames in the sound and fits in as many windows of 3/floor as it can. Zeros on both sides
    # make that number `frames` and put the first frame on the first sample (to half a sample where the hop is no
    # whole number of samples). Boersma (1993); Sound_to_Pitch.cpp, Sampled_shortTermAnalysis.
    rate, hop = audio.sample_rate, grid.hop_seconds
    before = int(np.ceil(1.5 / floor_hz * rate)) + 1
    total = round(2 * before + (frames - 1) * hop * rate)
    after = total - before - len(audio.samples)
    samples = np.pad(audio.samples.astype(np.float64), (before, max(after, 0)))[:total]
    peak = np.abs(samples - samples.mean()).max()
    pitch = parselmouth.Sound(samples, rate).to_pitch_ac(
        time_step=hop,
        pitch_floor=floor_hz,
        pitch_ceiling=ceiling_hz,
        max_number_of_candidates=15,
        silence_threshold=PRAAT_SILENCE * loudest / peak,  # Praat knows the peak of this piece only, knocks and all
        octave_cost=PRAAT_OCTAVE_COST,
        octave_jump_cost=PRAAT_OCTAVE_JUMP_COST,
    )
    f0_hz = pitch.selected_array["frequency"]
    assert len(f0_hz) == frames, (len(f0_hz), frames)
    return f0_hz


def _harvest(audio, floor_hz, ceiling_hz, grid, frames, loudest):
    import pyworld

    f0_hz, _ = pyworld.harvest(
        audio.samples.astype(np.float64),
        audio.sample_rate,
        f0_floor=floor_hz,
        f0_ceil=ceiling_hz,
        frame_period=1000 * grid.hop_seconds,
    )
    return f0_hz[:frames]


def _harvest_stonemask(audio, floor_hz, ceiling_hz, grid, frames, loudest):
    import pyworld

    f0_hz = _harvest(audio, floor_hz, ceiling_hz, grid, frames, loudest)
    return pyworld.stonemask(audio.samples.astype(np.float64), f0_hz, grid.times(frames), audio.sample_rate)


def _pyin(audio, floor_hz, ceiling_hz, grid, frames, loudest):
    import librosa

    rate = 24_000  # whole samples per 10 ms, and a quarter of the work of 44.1 kHz
    hop = round(grid.hop_seconds * rate)
    if abs(hop - grid.hop_seconds * rate) > 1e-6:
        raise ValueError(f"track: pyin needs a hop of whole samples at {rate} Hz; {grid.hop_seconds} s is not")
    samples = audio.resample(rate).samples
    samples = np.pad(samples, (0, max(0, frames * hop - len(samples))))
    f0_hz, voiced, _ = librosa.pyin(
        samples, fmin=floor_hz, fmax=ceiling_hz, sr=rate, frame_length=2048, hop_length=hop, center=True
    )
    return np.where(voiced, f0_hz, 0.0)[:frames]


def _swiftf0(audio, floor_hz, ceiling_hz, grid, frames, loudest):
    try:
        from swift_f0 import SwiftF0
    except ImportError:
        raise ImportError("track: the swiftf0 tracker needs the package swift-f0: pip install swift-f0==0.3.0") from None
    # Its frames are 16 ms apart; a tail of zeros brings one beyond the last frame wanted, so all lie between two.
    samples = np.pad(audio.samples, (0, audio.sample_rate // 20))
    found = SwiftF0(threads=1).detect(samples, audio.sample_rate, floor_hz, ceiling_hz)
    f0_hz = np.where(found.confidence >= 0.5, found.pitch_hz, 0.0)
    return _onto_grid(found.timestamps, f0_hz, grid.times(frames))


def _onto_grid(times, f0_hz, wanted):
    """Hz at the wanted times, interpolated in cents where both neighbours are voiced, else the nearest frame's."""
    right = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    left = right - 1
    weight = np.clip((wanted - times[left]) / (times[right] - times[left]), 0, 1)
    low, high = f0_hz[left], f0_hz[right]
    nearest = np.where(weight < 0.5, low, high)
    both = (low > 0) & (high > 0)
    between = np.exp2((1 - weight) * np.log2(np.where(both, low, 1)) + weight * np.log2(np.where(both, high, 1)))
    return np.where(both, between, nearest)


TRACKERS = {
    "praat": _praat,
    "harvest": _harvest,
    "harvest+stonemask": _harvest_stonemask,
    "pyin": _pyin,
    "swiftf0": _swiftf0,
}
