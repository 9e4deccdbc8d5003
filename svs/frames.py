"""Frames: what is sung and when, on the frame grid, as arrays. svs/conditioning.py makes tensors of them.

Everything is sampled on the 10 ms pitch grid and paired into the 20 ms latent frames, so that a consonant of 30 ms
still falls on the frames where it sounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from svs.phonemes import BR, SIL, is_vowel
from svs.pitch import PitchCurve
from svs.score import Note
from svs.timing import PhonemeSpan

GROUPS = ("lyrics", "pitch", "speaker")  # what a network knows unless it says otherwise
CONDITIONS = (*GROUPS, "timbre", "style", "text", "reference")  # all there are, in the order of `drop`
WHOLE = ("timbre", "style", "text")  # of a whole line, not of its frames


@dataclass(frozen=True)
class Singing:
    """Who sings: weights of the voice's singers, each (singers,) float32 that add up to 1.

    consonants: other weights for the consonants, of a singer who borrows them (svs.voice); None for the same.
    """

    weights: np.ndarray
    consonants: np.ndarray | None = None

    def frames(self, rows: np.ndarray, phonemes: Mapping[str, int]) -> np.ndarray:
        """(frames, singers) float32 for the phonemes of frames, (frames, 2) rows of a table."""
        own = np.asarray(self.weights, np.float32)
        if self.consonants is None:
            return np.tile(own, (len(rows), 1))
        borrowed = [row for symbol, row in phonemes.items() if not is_vowel(symbol) and symbol not in (SIL, BR)]
        share = np.isin(rows, borrowed).mean(axis=1, dtype=np.float32)[:, None]
        return (1 - share) * own + share * np.asarray(self.consonants, np.float32)


@dataclass(frozen=True)
class Prefix:
    """A clip to be known before a line. latents: (frames, latent_dim) float32; curve: its pitch, two values a frame."""

    latents: np.ndarray
    curve: PitchCurve


@dataclass(frozen=True)
class Manner:
    """How a line is sung beside who sings it; None where nothing is asked or the voice knows no such thing.

    timbre, style, text: (numbers,) float32 as in svs.conditioning.Conditions.
    """

    timbre: np.ndarray | None = None
    style: np.ndarray | None = None
    text: np.ndarray | None = None
    prefix: Prefix | None = None


def stresses(spans: Sequence[PhonemeSpan], notes: Sequence[Note]) -> list[int | None]:
    """Stress digit of every span's vowel as its note's phonemes have it; None for what is no vowel."""
    seen: dict[int, int] = {}
    result: list[int | None] = []
    for span in spans:
        if span.note < 0 or not is_vowel(span.symbol):
            result.append(None)
            continue
        digits = [int(p[-1]) for p in notes[span.note].phonemes if p[-1].isdigit()]
        turn = seen.get(span.note, 0)
        seen[span.note] = turn + 1
        result.append(digits[min(turn, len(digits) - 1)] if digits else 1)
    return result


def frame_arrays(
    spans: Sequence[PhonemeSpan], stress: Sequence[int | None], curve: PitchCurve, phonemes: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """The frame-wise fields of svs.conditioning.Conditions but `keep`, each (frames, …): of one line.

    spans: in order, without gaps; the last one holds beyond its end. phonemes: symbol → row of the voice's table.
    Raises ValueError naming the phonemes the voice lacks.
    """
    lacking = sorted({span.symbol for span in spans} - set(phonemes))
    if lacking:
        raise ValueError(f"the voice has no phoneme {', '.join(lacking)}; it knows {' '.join(sorted(phonemes))}")
    grid = len(curve.cents) // 2 * 2
    times = np.arange(grid) * curve.hop_seconds
    starts = np.array([span.start for span in spans])
    ends = np.array([span.end for span in spans])
    row = np.array([phonemes[span.symbol] for span in spans], np.int64)
    degree = np.array([0 if s is None else 1 + (s > 0) for s in stress], np.int64)
    at = np.clip(np.searchsorted(starts, times + 1e-6, side="right") - 1, 0, len(spans) - 1)
    over = np.maximum(times - starts[at], 0.0)
    left = np.maximum(ends[at] - times, 0.0)
    position = np.stack([over / np.maximum(over + left, 1e-3), np.log1p(over / 0.05), np.log1p(left / 0.05)], axis=-1)
    first = at[::2]
    neighbours = np.stack([row[np.maximum(first - 1, 0)], row[np.minimum(first + 1, len(row) - 1)]], axis=-1)
    return {
        "phonemes": row[at].reshape(-1, 2),
        "neighbours": neighbours,
        "stress": degree[first],
        "position": position.reshape(-1, 6).astype(np.float32),
        "cents": curve.cents[:grid].reshape(-1, 2).astype(np.float32),
        "voiced": curve.voiced[:grid].reshape(-1, 2),
    }
