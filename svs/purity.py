"""Purity: how far the partials of a singer's vowels rise above the noise between them, where they were recorded.

A voice that holds its singers' figures, purity.json (svs.valleys finds them), need not be airier than they are: noise above
what four fifths of their recorded frames have is taken away (svs.codec.purity). Breath that is asked for comes on top.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from svs.audio import write_text
from svs.codec.purity import BANDS
from svs.files import read_small
from svs.phonemes import is_vowel
from svs.timing import PhonemeSpan

FILE = "purity.json"
MARGIN_SECONDS = 0.05  # from the ends of a vowel: there it may be breathy by nature
KNOT_CENTS, KNOT_FRAMES = 300, 200  # pitches that figures are kept of, and how many frames each takes at least
PERCENTILE = 20.0  # of a singer's frames: those below it are airier than most
NONE_DB = -200.0  # of a band in which partials are rare
LARGEST = 1e5  # of any number in the file


@dataclass(frozen=True)
class Purity:
    """A singer's partials over noise at least: (pitches, BANDS) dB at so many cents, in rising order."""

    cents: np.ndarray
    db: np.ndarray

    @classmethod
    def of(cls, over_noise: np.ndarray, cents: np.ndarray) -> Purity | None:
        """From (frames, BANDS) dB of a singer's vowels, NaN where a band has no partial; None where there are too few."""
        knots, rows = [], []
        nearest = np.round(cents / KNOT_CENTS).astype(int)
        for knot in np.unique(nearest):
            here = over_noise[nearest == knot]
            if len(here) >= KNOT_FRAMES:
                knots.append(float(knot * KNOT_CENTS))
                rows.append(np.percentile(np.nan_to_num(here, nan=NONE_DB), PERCENTILE, axis=0))
        return cls(np.array(knots), np.array(rows)) if knots else None

    def at(self, cents: np.ndarray) -> np.ndarray:
        """(frames, BANDS) dB at (frames,) cents."""
        return np.stack([np.interp(cents, self.cents, column) for column in self.db.T], axis=1)


def save(found: Mapping[str, Purity], path) -> None:
    """Write figures by singer, a line each: {"kumi": {"cents": [5700, …], "db": [[33.1, …], …]}, …}."""
    lines = []
    for name, purity in found.items():
        db = [[round(figure, 1) for figure in row] for row in purity.db.tolist()]
        lines.append(f"{json.dumps(name)}: {json.dumps({'cents': purity.cents.tolist(), 'db': db})}")
    write_text(path, "{\n" + ",\n".join(lines) + "\n}\n")


def load(path: Path, singers: Collection[str]) -> dict[str, Purity]:
    """What `save` wrote of these singers. Raises ValueError saying what is off."""
    try:
        facts = json.loads(read_small(path).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"cannot be read as JSON ({error})") from None
    if not isinstance(facts, dict):
        raise ValueError("holds no JSON object")
    if strangers := sorted(set(facts) - set(singers)):
        raise ValueError(f"has figures of {strangers[0]}, who is no singer of the voice")
    for name, fact in facts.items():
        if not _is_purity(fact):
            raise ValueError(f'{name}: "cents" that rise and as many rows of {BANDS} numbers as "db" are wanted')
    return {name: Purity(np.array(fact["cents"], float), np.array(fact["db"], float)) for name, fact in facts.items()}


def _is_purity(fact) -> bool:
    def numbers(values) -> bool:
        return isinstance(values, list) and all(
            type(value) in (int, float) and math.isfinite(value) and abs(value) <= LARGEST for value in values
        )

    if not isinstance(fact, dict) or set(fact) != {"cents", "db"} or not numbers(fact["cents"]):
        return False
    cents, rows = fact["cents"], fact["db"]
    fits = isinstance(rows, list) and len(rows) == len(cents) > 0 and all(numbers(row) and len(row) == BANDS for row in rows)
    return fits and all(low < high for low, high in pairwise(cents))


def inner_frames(start: float, end: float, hop_seconds: float) -> slice:
    """The frames of a vowel, from start to end in seconds, but those within a margin of its ends."""
    first, last = (start + MARGIN_SECONDS) / hop_seconds, (end - MARGIN_SECONDS) / hop_seconds
    return slice(max(0, int(np.ceil(first))), max(0, int(last)))


def least_purity(
    singers: Sequence[tuple[Purity, float]], spans: Sequence[PhonemeSpan], cents: np.ndarray, hop_seconds: float
) -> np.ndarray | None:
    """(frames, BANDS) float32 dB that a line's partials rise above noise at least; −inf outside vowels. None of nobody.

    singers: their figures and weights. spans: in order. cents: (frames,) every hop_seconds.
    """
    if not singers:
        return None
    least = np.full((len(cents), BANDS), -np.inf, np.float32)
    total = sum(weight for _, weight in singers)
    for span in spans:
        if is_vowel(span.symbol):
            inside = inner_frames(span.start, span.end, hop_seconds)
            least[inside] = sum(weight / total * purity.at(cents[inside]) for purity, weight in singers)
    return least
