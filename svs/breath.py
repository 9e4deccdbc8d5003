"""Breath: where a singer breathes in between phrases, and for how long.

An inhalation fills the end of a rest and is over just before the next phrase begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from svs.inventory import BR, SIL
from svs.timing import PhonemeSpan

SHORTEST_REST = 0.25  # seconds
SHARE = 0.6  # of the rest
SHORTEST, LONGEST = 0.2, 0.55  # seconds of an inhalation
BEFORE = 0.05  # seconds between it and the first phone
EVERY = 1.5  # seconds sung since the last one


def breathe(spans: Sequence[PhonemeSpan]) -> list[PhonemeSpan]:
    """The spans with a breath at the end of every rest that has room for one, once enough has been sung since the last."""
    found: list[PhonemeSpan] = []
    sung = EVERY
    runs = [list(run) for _, run in groupby(spans, key=lambda span: span.symbol == SIL)]
    for number, run in enumerate(runs):
        if run[0].symbol != SIL:
            sung += run[-1].end - run[0].start
        elif number + 1 < len(runs) and run[-1].end - run[0].start >= SHORTEST_REST and sung >= EVERY:
            start, end = run[0].start, run[-1].end
            breath = min(max(SHARE * (end - start), SHORTEST), LONGEST)
            begin = end - BEFORE - breath
            run = [
                replace(run[0], end=begin),
                replace(run[0], symbol=BR, start=begin, end=end - BEFORE),
                replace(run[0], start=end - BEFORE),
            ]
            sung = 0.0
        found += run
    return found
