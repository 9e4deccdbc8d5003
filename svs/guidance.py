"""Guidance scales as they are asked for: one number, on the lyrics, or some by condition: lyrics=1.5,text=2."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from svs.mistakes import Mistake

LARGEST = 1e6


class GuidanceError(Mistake):
    """Scales that cannot be read, or of conditions that a voice does not know."""


def read_guidance(asked: float | str | Mapping[str, float] | None) -> dict[str, float]:
    """Condition → scale, of what is asked. A bare number is that of the lyrics. Raises GuidanceError."""
    if asked is None:
        return {}
    if isinstance(asked, Mapping):
        return {str(name): _scale(value, asked) for name, value in asked.items()}
    if not isinstance(asked, str) or "=" not in asked:
        return {"lyrics": _scale(asked, asked)}
    scales: dict[str, float] = {}
    for item in asked.split(","):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not name or name in scales:
            raise GuidanceError(f"guidance is {asked!r}; each condition once with a scale is wanted: lyrics=1.5,text=2")
        scales[name] = _scale(value, asked)
    return scales


def check_guidance(scales: Mapping[str, float], conditions: Sequence[str], voice: str) -> None:
    """Raises GuidanceError where a voice lacks a condition that a scale is of."""
    if lacking := [name for name in scales if name not in conditions]:
        known = ", ".join(conditions)
        raise GuidanceError(f"guidance: voice {voice!r} has no condition {lacking[0]!r}; it has {known}")


def _scale(value, asked) -> float:
    try:
        scale = float(value)
    except (TypeError, ValueError):
        scale = math.nan
    if not math.isfinite(scale) or abs(scale) > LARGEST:
        raise GuidanceError(f"guidance is {asked}; a scale such as 1.5 is wanted, or by condition: lyrics=1.5,text=2")
    return scale
