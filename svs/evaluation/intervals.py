"""Intervals: what a mean over songs or listeners may be off by, by the bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval over `count` values; low and high are None of a single one."""

    mean: float
    low: float | None
    high: float | None
    count: int


def bootstrap(values: Sequence[float], seed: int = 0, level: float = 0.95) -> Interval | None:
    """Mean and percentile bootstrap interval (Efron 1979) of independent values; None of none at all.

    Values that are None or NaN are left out. With fewer than ten values the interval is too narrow, as any bootstrap's.
    """
    kept = np.array([value for value in values if value is not None and np.isfinite(value)], dtype=np.float64)
    if not len(kept):
        return None
    if len(kept) == 1:
        return Interval(float(kept[0]), None, None, 1)
    random = np.random.default_rng(seed)
    means = np.concatenate(
        [kept[random.integers(0, len(kept), (RESAMPLES // 10, len(kept)))].mean(axis=1) for _ in range(10)]
    )
    low, high = np.percentile(means, [50 * (1 - level), 50 * (1 + level)])
    return Interval(float(kept.mean()), float(low), float(high), len(kept))
