"""Timing: when each phoneme sounds. The vowel meets the beat; consonants take their time from the note before."""

from __future__ import annotations

from dataclasses import dataclass

SILENCE = "SIL"
BREATH = "BR"


@dataclass(frozen=True)
class PhonemeSpan:
    """One phoneme in time.

    symbol: ARPAbet without stress, or SIL or BR.
    start, end: seconds.
    note: index of the note whose syllable it belongs to; -1 for silence and breath.
    """

    symbol: str
    start: float
    end: float
    note: int
