"""Articulation: what signs over a note do to its length and loudness, before its phonemes are placed.

How much shorter is a matter of school, not of measurement: the shares are those of common textbooks (staccato half its
value, staccatissimo a quarter, a note under dot and slur or dot and dash three quarters), kept from becoming shorter
than a syllable can be. Accents are louder by a dynamic step or so. What signs do to pitch is `svs.pitch`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from svs.score import Note

HELD = {"staccatissimo": 0.25, "staccato": 0.5, "spiccato": 0.5, "detached-legato": 0.75}  # share of the written value
PORTATO = 0.75  # dots under a slur, or with a dash
SHORTEST = 0.12  # seconds; a vowel shorter than this is a click
ACCENT_DB = {"strong-accent": 4.0, "accent": 3.0}
BREATH_SECONDS = {"breath-mark": 0.25, "caesura": 0.5}  # silence after the note, taken from its end
BREATH_SHARE = 0.4  # of the note, at most


def articulate(notes: Sequence[Note]) -> tuple[Note, ...]:
    """The notes as their marks want them: shorter, louder, or with a breath after them; onsets stay."""
    return tuple(_articulate(note) for note in notes)


def _articulate(note: Note) -> Note:
    if not note.marks:
        return note
    duration = note.duration
    share = min((HELD[mark] for mark in note.marks if mark in HELD), default=1.0)
    if share < 1.0:
        if note.slurred or "tenuto" in note.marks:
            share = max(share, PORTATO)
        duration = min(duration, max(share * duration, SHORTEST))
    silence = max((BREATH_SECONDS[mark] for mark in note.marks if mark in BREATH_SECONDS), default=0.0)
    duration = min(duration, note.duration - min(silence, BREATH_SHARE * note.duration))
    louder = max((ACCENT_DB[mark] for mark in note.marks if mark in ACCENT_DB), default=0.0)
    return replace(note, duration=duration, loudness=note.loudness + louder)
