"""Phrasing: where a singer breathes when the page has no rest.

Hymns and folk songs are printed without rests, and nobody sings them in one breath. Breaths are taken after long notes and
where the words have punctuation, never within a word, so that phrases last as long as a breath does. A breath takes its time
from the end of the note before it; onsets stay.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import replace
from statistics import median

from svs.articulation import SHORTEST
from svs.score import Note

REST_SECONDS = 0.15  # a singer breathes in rests as long as this anyway
BREATH_SECONDS, BREATH_SHARE = 0.4, 0.35  # taken from the end of a note, and of the note at most
SHORTEST_NOTE, SHORTEST_ENDING = 0.5, 0.35  # seconds of a note that can spare a breath; of one with punctuation
FULL, COMMA = (".", "!", "?", ";", ":", "…", "。", "！", "？"), (",", "、", "，", "–", "—")
FULL_WEIGHT, COMMA_WEIGHT, CAPITAL_WEIGHT, LENGTH_WEIGHT = 2.0, 1.2, 0.5, 0.8
COST = 2.5  # of a breath: so much must speak for one where none is needed
SHORT, LONG = 5.0, 8.0  # seconds of a phrase that are comfortable
SHORT_BY, LONG_BY = 1.5, 3.0  # seconds beyond them that cost 1, twice as many 4
FURTHEST = 30.0  # seconds: what lies farther back is not asked, so that a long song takes no longer a second than a short one
QUOTES = "\"'’”»)]"


def phrased(notes: Sequence[Note], asked: Sequence[float | None] | None = None, free: bool = True) -> tuple[Note, ...]:
    """The notes with room for a breath where one is taken.

    asked: for each note the seconds of the breath after it that somebody has set, 0 for none; None where it is free.
    free: whether breaths are taken where nobody has set any.
    """
    asked = asked or [None] * len(notes)
    notes = [note if seconds is None else _ending(note, seconds) for note, seconds in zip(notes, asked, strict=True)]
    settled = {index for index, seconds in enumerate(asked) if seconds is not None}
    for index in breaths(notes, settled) if free else ():
        notes[index] = _ending(notes[index], min(BREATH_SECONDS, BREATH_SHARE * notes[index].duration))
    return tuple(notes)


def _ending(note: Note, seconds: float) -> Note:
    """The note, so many seconds shorter, but of SHORTEST at least where it was as long."""
    return replace(note, duration=max(note.duration - seconds, min(note.duration, SHORTEST)))


def breaths(notes: Sequence[Note], but: Container[int] = ()) -> list[int]:
    """Indices of the notes after which a breath is taken, in order; of those with a rest after them none.

    but: indices of notes after which none may be.
    """
    found: list[int] = []
    first = 0
    for index, note in enumerate(notes):
        if index + 1 == len(notes) or notes[index + 1].onset - note.end >= REST_SECONDS:
            places = [place for place in range(first, index) if place not in but and _can_breathe(notes, place)]
            found += [first + place for place in _breaths(notes[first : index + 1], [place - first for place in places])]
            first = index + 1
    return found


def _breaths(notes: Sequence[Note], places: list[int]) -> list[int]:
    """Of notes without a rest, and places where a breath may be taken: those for which, together, most speaks.

    By dynamic programming.
    """
    if not places:
        return []
    typical = max(median(note.duration for note in notes), SHORTEST)
    ends = [*places, len(notes) - 1]
    begins = [notes[0].onset, *(notes[place + 1].onset for place in places)]  # of phrases: the first, and after each breath
    best, before = [0.0], []  # what speaks for all until there; for each end which of them the phrase began with
    first = 0
    for number, end in enumerate(ends):
        while first < number and notes[end].end - begins[first] > FURTHEST:
            first += 1
        chosen = max(range(first, number + 1), key=lambda choice: best[choice] - _strain(notes[end].end - begins[choice]))
        before.append(chosen)
        if end < len(notes) - 1:
            best.append(best[chosen] - _strain(notes[end].end - begins[chosen]) + _weight(notes, end, typical) - COST)
    found, number = [], before[-1]
    while number > 0:
        found.append(places[number - 1])
        number = before[number - 1]
    return found[::-1]


def _can_breathe(notes: Sequence[Note], place: int) -> bool:
    following = notes[place + 1]
    begins_a_word = not following.melisma and following.lyric is not None and following.syllabic in ("single", "begin")
    return begins_a_word and notes[place].duration >= (SHORTEST_ENDING if _punctuation(notes, place) else SHORTEST_NOTE)


def _punctuation(notes: Sequence[Note], place: int) -> float:
    """How much the punctuation of the syllable that is sung on a note speaks for a breath after it."""
    while place > 0 and notes[place].lyric is None:
        place -= 1
    said = (notes[place].lyric or "").rstrip(QUOTES)
    return FULL_WEIGHT if said.endswith(FULL) else COMMA_WEIGHT if said.endswith(COMMA) else 0.0


def _weight(notes: Sequence[Note], place: int, typical: float) -> float:
    """How much speaks for a breath after a note: what is printed there, and how long it is."""
    weight = _punctuation(notes, place)
    if (notes[place + 1].lyric or "")[:1].isupper():
        weight += CAPITAL_WEIGHT
    return weight + LENGTH_WEIGHT * max(-1.0, min(2.0, math.log2(notes[place].duration / typical)))


def _strain(seconds: float) -> float:
    """What a phrase costs that is shorter or longer than a comfortable breath."""
    return (max(0.0, SHORT - seconds) / SHORT_BY) ** 2 + (max(0.0, seconds - LONG) / LONG_BY) ** 2
