"""Pitch, to the cent: what was measured against what was commanded, frame by frame and note by note.

Conventions
- Errors are measured − wanted, in cents: positive is sharp. Nothing is folded into an octave, clipped or dropped for
  being large: an octave error is 1200 cents and counts as such.
- A frame lies inside a note when its centre is at least MARGIN_SECONDS after the note's onset and before its end;
  what lies nearer is transition.
- The steady part of a note is what remains when STEADY_MARGIN_SECONDS, or a quarter of the note if that is less, is
  taken off both ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from svs.pitch import PitchCurve
from svs.score import Note

MARGIN_SECONDS = 0.05
STEADY_MARGIN_SECONDS = 0.1
ONSET_SEARCH_SECONDS = 0.15
VIBRATO_HZ = (3.0, 10.0)  # singers: 4–8 Hz (Prame 1994); room on both sides, for what is called wobble and flutter
SWING_HZ = (2.0, 12.0)  # slower and faster swings are no vibrato, but are taken out of a note's pitch all the same
VIBRATO_CYCLES = 2.0  # fewer do not make a vibrato
VIBRATO_EXPLAINS = 0.4  # of the steady part's variance about its trend, at least
VIBRATO_CENTS = 5.0  # a smaller swing is not called vibrato


@dataclass(frozen=True)
class FrameErrors:
    """How far a measured curve lies from the commanded one.

    frames:                  frames compared: inside a note, voiced in both curves.
    mean_abs_error_cents, median_abs_error_cents, p95_abs_error_cents: over those; None when there are none.
    mean_error_cents:        signed; None when there are none.
    octave_errors:           percent of those more than 600 cents away (they are part of the means above).
    voicing_disagreement:    percent of all frames, rests and consonants too, voiced in one curve only.
    voicing_disagreement_in_notes: the same, over frames inside notes.
    unsung:                  percent of commanded-voiced frames inside notes that were measured unvoiced.
    """

    frames: int
    mean_abs_error_cents: float | None
    median_abs_error_cents: float | None
    p95_abs_error_cents: float | None
    mean_error_cents: float | None
    octave_errors: float
    voicing_disagreement: float
    voicing_disagreement_in_notes: float
    unsung: float


def frame_errors(
    commanded: PitchCurve,
    measured: PitchCurve,
    notes: Sequence[Note],
    margin_seconds: float = MARGIN_SECONDS,
) -> FrameErrors:
    """Errors on frames voiced in both curves, at least margin_seconds inside a note.

    Raises ValueError when the curves have other hops, or lengths more than 0.1 s apart (else the shorter counts).
    """
    commanded, measured = same_frames(commanded, measured)
    frames = len(commanded.cents)
    inside = frames_inside(notes, frames, commanded.hop_seconds, margin_seconds)
    compared = inside & commanded.voiced & measured.voiced
    error = (measured.cents - commanded.cents)[compared]
    size = np.abs(error)
    disagree = commanded.voiced != measured.voiced
    any_frame = len(error) > 0
    return FrameErrors(
        frames=len(error),
        mean_abs_error_cents=float(size.mean()) if any_frame else None,
        median_abs_error_cents=float(np.median(size)) if any_frame else None,
        p95_abs_error_cents=float(np.percentile(size, 95)) if any_frame else None,
        mean_error_cents=float(error.mean()) if any_frame else None,
        octave_errors=_percent(size > 600),
        voicing_disagreement=_percent(disagree),
        voicing_disagreement_in_notes=_percent(disagree[inside]),
        unsung=_percent(~measured.voiced[inside & commanded.voiced]),
    )


def frames_inside(notes: Sequence[Note], frames: int, hop_seconds: float, margin_seconds: float) -> np.ndarray:
    """(frames,) bool: centre at least margin_seconds inside some note."""
    inside = np.zeros(frames, dtype=bool)
    for note in notes:
        inside[_between(note.onset + margin_seconds, note.end - margin_seconds, frames, hop_seconds)] = True
    return inside


def _between(start, end, frames, hop_seconds):
    """The frames from start to end in seconds, both ends included."""
    first = max(0, int(np.ceil((start - 1e-9) / hop_seconds)))
    return slice(first, max(first, min(frames, int(np.floor((end + 1e-9) / hop_seconds)) + 1)))


def note_errors(notes: Sequence[Note], measured: PitchCurve) -> list[dict]:
    """One row per note, with the keys of DESIGN §3; None where a value cannot be measured.

    onset, duration:       seconds of the audio, where the note was looked for.
    error_cents:           median of the steady part over whole vibrato cycles minus the written pitch. The fitted
                           vibrato is taken out first, so that frames falling between cycles do not matter either.
    drift_cents:           change along the steady part, of the straight line fitted with the vibrato.
    vibrato_rate_hz:       of the sinusoid that fits best; None when there is no vibrato (see the constants above).
    vibrato_extent_cents:  centre to peak; 0 when there is none, None when the note is too short to tell.
    onset_error_seconds:   see onset_error.
    voiced_fraction:       of the note's frames, onset to end, that were measured voiced.
    spread_cents:          half the range between the 10th and the 90th percentile of the steady part, vibrato and all.
    """
    return [note_error(note, notes[i - 1] if i else None, measured) for i, note in enumerate(notes)]


def note_error(note: Note, previous: Note | None, measured: PitchCurve) -> dict:
    """The row of note_errors for one note; `previous` is the note before it, if any."""
    hop, frames = measured.hop_seconds, len(measured.cents)
    whole = measured.voiced[_between(note.onset, note.end - hop / 1000, frames, hop)]
    margin = min(STEADY_MARGIN_SECONDS, note.duration / 4)
    part = _between(note.onset + margin, note.end - margin, frames, hop)
    steady = np.flatnonzero(measured.voiced[part]) + part.start
    cents, at = measured.cents[steady], steady * hop
    row = {
        "bar": note.bar,
        "lyric": note.lyric,
        "onset": float(note.onset),
        "duration": float(note.duration),
        "target_cents": float(note.cents),
        "error_cents": None,
        "abs_error_cents": None,
        "drift_cents": None,
        "vibrato_rate_hz": None,
        "vibrato_extent_cents": None,
        "onset_error_seconds": onset_error(note, previous, measured),
        "voiced_fraction": float(whole.mean()) if len(whole) else 0.0,
        "spread_cents": None,
    }
    if len(cents) == 0:
        return row
    vibrato = fit_vibrato(at, cents)
    cycles = vibrato.whole_cycles(at)
    error = float(np.median((cents - vibrato.swing(at))[cycles])) - float(note.cents)
    row.update(error_cents=error, abs_error_cents=abs(error), vibrato_extent_cents=vibrato.extent_cents)
    row["vibrato_rate_hz"] = vibrato.rate_hz
    row["spread_cents"] = float(np.subtract(*np.percentile(cents, [90, 10])) / 2)
    if vibrato.slope is not None:
        row["drift_cents"] = vibrato.slope * float(at[-1] - at[0])
    return row


@dataclass(frozen=True)
class Vibrato:
    """A sinusoid on a straight line.

    rate_hz: None when there is no vibrato. extent_cents: centre to peak; 0 for none, None when too short to tell.
    slope:   cents per second of the line; None when fewer than four frames were given.
    sine, cosine: amplitudes in cents, of a swing at swing_hz: the vibrato, or what is too slow or too fast to be one.
    """

    rate_hz: float | None
    extent_cents: float | None
    slope: float | None
    sine: float = 0.0
    cosine: float = 0.0
    swing_hz: float | None = None

    def swing(self, times: np.ndarray) -> np.ndarray:
        """Cents of the sinusoid alone at times in seconds."""
        if self.swing_hz is None:
            return np.zeros(len(times))
        angle = 2 * np.pi * self.swing_hz * times
        return self.sine * np.sin(angle) + self.cosine * np.cos(angle)

    def whole_cycles(self, times: np.ndarray) -> np.ndarray:
        """(frames,) bool: what is left of times when both ends are cut evenly to a whole number of cycles.

        All of them where nothing would be left: a note that is voiced at its ends only, say.
        """
        if self.swing_hz is None:
            return np.ones(len(times), dtype=bool)
        seconds = times[-1] - times[0]
        cut = (seconds - np.floor(seconds * self.swing_hz) / self.swing_hz) / 2
        kept = (times >= times[0] + cut - 1e-9) & (times <= times[-1] - cut + 1e-9)
        return kept if kept.any() else ~kept


def fit_vibrato(times: np.ndarray, cents: np.ndarray) -> Vibrato:
    """Fit line + sinusoid by least squares to a contour, seconds and cents; the rate is searched to 0.01 Hz.

    Frames more than 300 cents from the median (octave slips) are left out of the fit; gaps are allowed.
    """
    kept = np.abs(cents - np.median(cents)) <= 300
    times, cents = times[kept], cents[kept]
    if len(cents) < 4:
        return Vibrato(None, None, None)
    seconds = times[-1] - times[0]
    slope, level = np.polyfit(times - times[0], cents, 1)
    around_line = np.sum((cents - level - slope * (times - times[0])) ** 2)
    lowest = max(SWING_HZ[0], VIBRATO_CYCLES / seconds)
    if lowest >= VIBRATO_HZ[1]:
        return Vibrato(None, None, float(slope))

    rates = np.arange(lowest, SWING_HZ[1], 0.1)
    for step in (0.1, 0.01):
        weights, left = _fit_rates(times, cents, rates)
        best = int(np.argmin(left))
        if step == 0.1:
            rates = np.arange(max(lowest, rates[best] - 0.1), rates[best] + 0.1, 0.01)
    _, line_slope, sine, cosine = weights[best]
    extent = float(np.hypot(sine, cosine))
    if extent < VIBRATO_CENTS or around_line - left[best] < VIBRATO_EXPLAINS * around_line:
        return Vibrato(None, 0.0, float(slope))
    # the weights hold for times from times[0]; turn them back to the caller's times
    rate = float(rates[best])
    turn = 2 * np.pi * rate * times[0]
    is_vibrato = VIBRATO_HZ[0] - 1e-9 <= rate <= VIBRATO_HZ[1] + 1e-9
    return Vibrato(
        rate if is_vibrato else None,
        extent if is_vibrato else 0.0,
        float(line_slope),
        float(sine * np.cos(turn) + cosine * np.sin(turn)),
        float(cosine * np.cos(turn) - sine * np.sin(turn)),
        rate,
    )


def _fit_rates(times, cents, rates):
    """Least squares of level, slope, sine and cosine at every rate: weights (rates, 4), squared error (rates,)."""
    since = times - times[0]
    angle = 2 * np.pi * rates[:, None] * since  # (rates, frames)
    basis = np.stack([np.ones_like(angle), np.broadcast_to(since, angle.shape), np.sin(angle), np.cos(angle)], axis=-1)
    centre = cents.mean()
    gram = np.einsum("rtj,rtk->rjk", basis, basis)
    right = np.einsum("rtj,t->rj", basis, cents - centre)
    weights = np.linalg.solve(gram + 1e-9 * np.eye(4), right[..., None])[..., 0]
    left = np.sum((cents - centre - np.einsum("rtj,rj->rt", basis, weights)) ** 2, axis=1)
    return weights, left


def onset_error(note: Note, previous: Note | None, measured: PitchCurve) -> float | None:
    """Seconds by which the note is heard late (early: negative), searched within ONSET_SEARCH_SECONDS; None if unheard.

    After a rest or an unvoiced consonant: the first voiced frame. From note to note without a break in voicing: where
    the pitch crosses the middle between the two; None when they are less than 50 cents apart.
    """
    hop = measured.hop_seconds
    before = max(0, int(np.ceil((note.onset - ONSET_SEARCH_SECONDS) / hop)))
    reach = note.onset + min(ONSET_SEARCH_SECONDS, note.duration / 2)
    after = min(len(measured.cents), int(reach / hop) + 1)
    voiced, cents = measured.voiced[before:after], measured.cents[before:after]
    if len(voiced) < 2 or not voiced.any():
        return None
    starts = np.flatnonzero(voiced[1:] & ~voiced[:-1]) + 1
    if before == 0 and voiced[0]:
        starts = np.concatenate([[0], starts])
    if len(starts):
        found = (starts + before) * hop - note.onset
        return float(found[np.argmin(np.abs(found))])
    if not voiced.all() or previous is None or abs(note.cents - previous.cents) < 50:
        return None
    way = np.sign(note.cents - previous.cents) * (cents - (note.cents + previous.cents) / 2)
    crossings = np.flatnonzero((way[:-1] < 0) & (way[1:] >= 0))
    if len(crossings) == 0:
        return None
    found = (before + crossings + way[crossings] / (way[crossings] - way[crossings + 1])) * hop - note.onset
    return float(found[np.argmin(np.abs(found))])


def summarise(rows: Sequence[dict], voicing_error: float | None = None) -> dict:
    """DESIGN's summary of note_errors' rows.

    The error figures are over the notes that have one; `unsung` counts those that have none. within_5_cents and
    within_25_cents are fractions of all notes, unsung notes counting as outside. voicing_error: a fraction, given.
    tuning_offset_cents is the line's own tuning, see tuning_offset; mean_abs_error_in_tuning_cents what is left of the
    errors without it.
    """
    errors = np.array([row["abs_error_cents"] for row in rows if row["abs_error_cents"] is not None])
    total = max(1, len(rows))
    tuning = tuning_offset(rows)
    signed = np.array([row["error_cents"] for row in rows if row["error_cents"] is not None])
    return {
        "notes": len(rows),
        "unsung": len(rows) - len(errors),
        "mean_abs_error_cents": float(errors.mean()) if len(errors) else None,
        "median_abs_error_cents": float(np.median(errors)) if len(errors) else None,
        "p95_abs_error_cents": float(np.percentile(errors, 95)) if len(errors) else None,
        "within_5_cents": float(np.sum(errors <= 5) / total),
        "within_25_cents": float(np.sum(errors <= 25) / total),
        "voicing_error": voicing_error,
        "tuning_offset_cents": tuning,
        "mean_abs_error_in_tuning_cents": float(np.abs(signed - tuning).mean()) if len(signed) else None,
    }


def tuning_offset(rows: Sequence[dict]) -> float | None:
    """Cents by which the whole line is sharp: the median of its notes' errors. None when nothing is sung."""
    errors = [row["error_cents"] for row in rows if row["error_cents"] is not None]
    return float(np.median(errors)) if errors else None


def verdicts(rows: Sequence[dict]) -> list[str]:
    """What is wrong with the whole line, in words: unsung, transposed, out of tune, loose. Empty when nothing is."""
    errors = np.array([row["error_cents"] for row in rows if row["error_cents"] is not None])
    found = []
    if not rows:
        return ["there are no notes to measure"]
    if len(errors) == 0:
        return ["nothing is sung: no note has a voiced frame"]
    if len(errors) < len(rows):
        found.append(f"{len(rows) - len(errors)} of {len(rows)} notes have no pitch to measure (too few voiced frames)")
    key = 100 * int(np.round(np.median(errors) / 100))
    if key % 1200 and np.median(np.abs(errors - key)) < 50:
        way = "high" if key > 0 else "low"
        found.append(f"the whole line is {abs(key) // 100} semitone{'s' * (abs(key) > 100)} too {way}: another key?")
        errors = errors - key
    octaves = np.round(errors / 1200)
    for octave in sorted(set(octaves[octaves != 0].astype(int).tolist())):
        count = int(np.sum(octaves == octave))
        name = "an octave" if abs(octave) == 1 else f"{abs(octave)} octaves"
        found.append(f"{count} of {len(rows)} notes are {name} too {'high' if octave > 0 else 'low'}")
    within = errors - 1200 * octaves
    middle, spread = np.median(within), np.median(np.abs(within - np.median(within)))
    if 10 < abs(middle) <= 60 and spread < abs(middle):  # further off on the whole is another key, told above
        found.append(f"the whole line is {abs(middle):.0f} cents {'sharp' if middle > 0 else 'flat'}")
    elif np.median(np.abs(within)) > 50:
        found.append(f"half the notes are more than {np.median(np.abs(within)):.0f} cents off: is this the same song?")
    return found


def same_frames(commanded: PitchCurve, measured: PitchCurve) -> tuple[PitchCurve, PitchCurve]:
    """Both curves cut to the shorter. Raises ValueError for other hops, or lengths more than 0.1 s apart."""
    if commanded.hop_seconds != measured.hop_seconds:
        raise ValueError(
            f"curves with hops of {commanded.hop_seconds} and {measured.hop_seconds} s cannot be compared; "
            "track the sound on the commanded curve's grid"
        )
    lengths = len(commanded.cents), len(measured.cents)
    if abs(lengths[0] - lengths[1]) * commanded.hop_seconds > 0.1:
        seconds = [length * commanded.hop_seconds for length in lengths]
        raise ValueError(
            f"one contour lasts {seconds[0]:.2f} s, the other {seconds[1]:.2f} s; they must be of the same performance"
        )
    frames = min(lengths)
    first, second = (PitchCurve(c.cents[:frames], c.voiced[:frames], c.hop_seconds) for c in (commanded, measured))
    return first, second


def _percent(flags):
    return 100 * float(np.mean(flags)) if len(flags) else 0.0
