"""Scores: notes in seconds and cents, with their syllables."""

from __future__ import annotations

from dataclasses import dataclass, field


class ScoreError(ValueError):
    """A score that cannot be read or sung; the message says where, what was found and what to do."""


@dataclass(frozen=True)
class Note:
    """One sung note.

    onset, duration: seconds. cents: 100 × MIDI number, sounding.
    lyric:    syllable as written (without hyphens), None where the note continues the vowel before it.
    syllabic: place of the syllable in its word: "single", "begin", "middle" or "end".
    melisma:  True where the note continues the vowel of the note before it.
    slurred:  True where the note is slurred or melismatic to the one before it (no new attack).
    bar:      bar number as printed in the score.
    loudness: dB relative to mezzo-forte.
    phonemes: ARPAbet with stress digits, onset + nucleus + coda; empty for melisma notes.
    """

    onset: float
    duration: float
    cents: float
    lyric: str | None
    syllabic: str = "single"
    melisma: bool = False
    slurred: bool = False
    bar: int = 1
    loudness: float = 0.0
    phonemes: tuple[str, ...] = ()

    @property
    def end(self) -> float:
        return self.onset + self.duration


@dataclass(frozen=True)
class Part:
    """One sung line: notes in time order that do not overlap; gaps are rests."""

    name: str
    language: str
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Score:
    title: str
    parts: tuple[Part, ...] = field(default_factory=tuple)
