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


def crossed_bootstrap(values: np.ndarray, seed: int = 0, level: float = 0.95) -> Interval | None:
    """Mean and percentile interval of (runs, items) values, every run measured on the same items; None of none at all.

    Runs and items are resampled apart (the pigeonhole bootstrap of Owen 2007), so that the interval allows for other
    runs and for other items. Of a single run or item only the other is resampled.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError(f"crossed_bootstrap: (runs, items) finite values are wanted, found shape {values.shape}")
    if values.size == 0:
        return None
    if values.size == 1:
        return Interval(float(values[0, 0]), None, None, 1)
    random = np.random.default_rng(seed)
    runs, items = (random.multinomial(n, np.full(n, 1.0 / n), RESAMPLES) / n for n in values.shape)
    low, high = np.percentile(((runs @ values) * items).sum(axis=1), [50 * (1 - level), 50 * (1 + level)])
    return Interval(float(values.mean()), float(low), float(high), values.size)
