"""What Mandarin corpora share: a note for every phone, of which svs keeps those of the finals."""

from __future__ import annotations

from collections.abc import Sequence

from data_prep.labels import Interval, cents_of, note
from data_prep.phonesets import convert
from svs.phonemes import is_vowel


def notes_of_finals(intervals: Sequence[Interval], notes: Sequence[str], held: Sequence[bool]) -> list[dict]:
    """Notes from their vowels on, as svs counts them, where a corpus gives every phone the note it is sung on.

    held: which phones carry on the syllable before them on another note. Initials have no notes of their own, nor have
    rests ("rest", 0). Raises ValueError unless there are as many of each.
    """
    found = []
    for interval, name, slur in zip(intervals, notes, held, strict=True):
        if name in ("rest", "0"):
            continue
        try:
            final = any(is_vowel(phone) for phone, _ in convert(interval.text, "pinyin"))
        except ValueError:
            final = False  # told where the phones are converted
        if final:
            found.append(note(interval.start, interval.end - interval.start, cents_of(name), held=slur))
    return found
