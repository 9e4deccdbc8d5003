"""Where a line may be cut into stretches, and how they are joined, so that an hour costs memory like a minute of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from svs.codec.arrays import periods
from svs.inventory import BR, SIL, features
from svs.timing import PhonemeSpan
from svs.units import LATENT_HOP, SAMPLE_RATE

LATENT_SECONDS = LATENT_HOP / SAMPLE_RATE
STRETCH = 15.0  # seconds; a stretch ends at the first rest after this
LONGEST = 30.0  # seconds; where there is none until then, it ends in a voiceless consonant
OVERLAP = 8  # latent frames that neighbouring stretches share on each side of their border


@dataclass(frozen=True)
class Stretch:
    """Latent frames start to end; fade_in and fade_out: over how many on each side of a border it gives way.

    held: whether it begins in a voice that goes on, whose pulses must go on too.
    """

    start: int
    end: int
    fade_in: int = 0
    fade_out: int = 0
    held: bool = False

    @property
    def first(self) -> int:
        """The latent frame with which its sound begins, to be faded into."""
        return max(0, self.start - OVERLAP)


def stretches(spans: Sequence[PhonemeSpan], frames: int) -> list[Stretch]:
    """The stretches of a line of latent frames, in order and without gaps.

    Each ends in the middle of a rest, the first after STRETCH seconds or more. A line that does not rest until LONGEST
    is cut in a consonant without voice between the two, where no pulse is cut in half: the longest stop, else the longest
    fricative. Where there is not even that, in the middle between the two, and the next stretch is `held`.
    """
    fade = OVERLAP * LATENT_SECONDS
    room = 2 * fade + LATENT_SECONDS  # the fade and its rounding lie in the rest
    rests = [
        round(0.5 * (start + end) / LATENT_SECONDS) for start, end in _rests(spans) if end - start >= room
    ]
    voiceless = [span for span in spans if _is_voiceless(span) and span.end - span.start >= 3 * LATENT_SECONDS]
    cuts = [(0, 0, False)]  # frame, fade, whether in a voice
    while True:
        last = cuts[-1][0] * LATENT_SECONDS
        while rests and rests[0] * LATENT_SECONDS < last + STRETCH - 1e-9:
            rests.pop(0)
        rest = rests[0] if rests else frames
        if rest * LATENT_SECONDS <= last + LONGEST or frames * LATENT_SECONDS <= last + LONGEST:
            cut = (rest, OVERLAP, False)
        else:
            here = [s for s in voiceless if s.start >= last + STRETCH and s.end <= last + LONGEST]
            best = max(here, key=lambda s: (features(s.symbol).manner != "fricative", s.end - s.start), default=None)
            at = 0.5 * (best.start + best.end) if best else last + 0.5 * (STRETCH + LONGEST)
            cut = (round(at / LATENT_SECONDS), 1 if best else OVERLAP, best is None)
        if frames - cut[0] <= 2 * OVERLAP:
            cuts.append((frames, 0, False))
            break
        cuts.append(cut)
    return [Stretch(a, b, before, after, held) for (a, before, held), (b, after, _) in pairwise(cuts)]


def phases(line: Sequence[Stretch], cents: np.ndarray) -> dict[int, float]:
    """First latent frame of each stretch → the phase, in periods, with which its pulses begin there.

    0, but for one that is held: its pulses stand where those of the stretch before it go on, so that in the fade there is
    one voice and not two that beat. cents: of the whole line, two frames a latent frame.
    """
    found = {line[0].first: 0.0}
    for before, stretch in pairwise(line):
        turned = found[before.first] + periods(cents[2 * before.first : 2 * stretch.first + 1])
        found[stretch.first] = turned % 1.0 if stretch.held else 0.0
    return found


def crossfaded(
    line: Sequence[Stretch], frames: int, sound: Callable[[int, int], np.ndarray]
) -> Iterator[np.ndarray]:
    """The samples of stretches joined, each piece when it is finished: (samples,) float32, frames × LATENT_HOP in all.

    sound: the samples of latent frames first to last; a stretch is asked for with OVERLAP frames of its neighbours.
    """
    tail: np.ndarray = np.zeros(0, np.float32)  # what the stretch before left to fade into
    for stretch in line:
        first, last = stretch.first, min(frames, stretch.end + OVERLAP)
        samples = sound(first, last)
        if stretch.start > 0:
            ramp = _ramp(stretch.fade_in)
            samples = samples[(stretch.start - stretch.fade_in - first) * LATENT_HOP :]
            samples[: len(ramp)] = samples[: len(ramp)] * ramp + tail
        if stretch.end < frames:
            ramp = _ramp(stretch.fade_out)
            samples = samples[: len(samples) - (last - stretch.end - stretch.fade_out) * LATENT_HOP]
            tail = samples[-len(ramp) :] * (1.0 - ramp)
            samples = samples[: -len(ramp)]
        yield samples


def _ramp(fade: int) -> np.ndarray:
    return np.linspace(0.0, 1.0, 2 * fade * LATENT_HOP, dtype=np.float32)


def _rests(spans: Sequence[PhonemeSpan]) -> list[tuple[float, float]]:
    """From where to where nothing is sung, a breath notwithstanding; not at the line's end."""
    found = []
    for rest, alike in groupby(spans[:-1], key=lambda span: span.symbol in (SIL, BR)):
        run = list(alike)
        if rest:
            found.append((run[0].start, run[-1].end))
    return found


def _is_voiceless(span: PhonemeSpan) -> bool:
    return span.symbol not in (SIL, BR) and not features(span.symbol).voiced
