"""Tempo that is only written in words: Andante, "♩ = 96", "più mosso", and gradual changes (rit., accel.) until "a tempo".

A metronome mark always wins. A ritardando without a goal slows to 70 % over at most two bars of four, an accelerando
quickens to 130 %; where "a tempo" or a new mark follows, it lasts until there and heads for the new mark. "Tempo I" is
the tempo of the beginning, "a tempo" that before the last change.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from svs.written import WrittenScore, place_in

# quarters a minute of the commonest words, the middle of what metronomes print
WORDS = {
    "grave": 42, "largo": 50, "larghetto": 62, "lento": 54, "adagio": 66, "adagietto": 70, "andante": 76,
    "andantino": 84, "moderato": 104, "allegretto": 112, "allegro": 128, "vivace": 144, "vivo": 144,
    "presto": 176, "prestissimo": 200, "langsam": 58, "ruhig": 66, "mäßig": 92, "massig": 92, "gehend": 80,
    "bewegt": 112, "lebhaft": 126, "schnell": 138, "lent": 56, "modéré": 96, "animé": 126, "vif": 138, "slow": 60,
    "slowly": 60, "moderate": 100, "moderately": 100, "fast": 132, "quick": 132, "lively": 126,
}  # fmt: skip
EXPRESSIVE = {"ruhig", "bewegt", "gehend", "quick", "lively", "moderate", "slow"}  # later in a song, of its character
INTENSELY = r"(?:(?:molto|assai|(?:un )?poco|sehr|ziemlich|etwas|très|assez|very) )?"
# (what stands in a direction, factor of the tempo before)
RELATIVE = (
    (r"(?:(?:un )?poco )?pi[uù] (?:mosso|animato|vivo|allegro|presto|moto)|etwas (?:schneller|bewegter)|plus vite", 1.15),
    (r"(?:(?:un )?poco )?(?:meno mosso|pi[uù] (?:lento|largo|adagio|tranquillo))|etwas langsamer|plus lent", 0.85),
    (r"doppio movimento|double[- ]time", 2.0),
    (r"half[- ]time", 0.5),
)
# note signs as letters, as musical symbols of Unicode and as those of music fonts (SMuFL): quarters
SIGNS = {
    **dict.fromkeys(("𝅝", "\ueca2", "\ue1d2", "whole", "semibreve"), 4.0),
    **dict.fromkeys(("𝅗𝅥", "\U0001d15e", "\ueca3", "\ue1d3", "half", "minim", "halbe", "blanche", "h"), 2.0),
    **dict.fromkeys(("♩", "𝅘𝅥", "\U0001d15f", "\ueca5", "\ue1d5", "quarter", "crotchet", "viertel", "noire", "q"), 1.0),
    **dict.fromkeys(("♪", "𝅘𝅥𝅮", "\U0001d160", "\ueca7", "\ue1d7", "eighth", "quaver", "achtel", "croche", "e"), 0.5),
    **dict.fromkeys(("𝅘𝅥𝅯", "\U0001d161", "\ueca9", "\ue1d9", "sixteenth", "semiquaver"), 0.25),
}
NUMBER = r"(?:c(?:a|irca)?\.?\s*)?(\d{1,4}(?:[.,]\d{1,3})?)"
MARK = re.compile(
    rf"(dotted[ -])?(?<![^\W\d_])({'|'.join(sorted(SIGNS, key=len, reverse=True))})(?: ?note)?\s*([.𝅭\uecb7])?\s*[=≈]\s*{NUMBER}"
)
PLAIN_MARK = re.compile(rf"(?:m\.? ?m\.?\s*[:=]?|(?:tempo|bpm)\s*[:=])\s*{NUMBER}|{NUMBER}\s*bpm\b|^\s*=\s*{NUMBER}")
HOW = "(?:poco a poco |molto |poco )?"
SLOWER = HOW + r"(?:rit(?:ard|en|\b)|rall|allarg|slarg|calando|morendo|smorz|zögernd|langsamer|cédez|slower)"
FASTER = HOW + r"(?:accel|string|affrett|stretto|schneller|beschleun|pressez|faster)"
FIRST = r"tempo primo|tempo i(?:mo|°|º)?\b|tempo 1|(?:erstes|1\.) (?:tempo|zeitmaß)|1er mouvement"
BACK = rf"a tempo|im tempo|au mouvement|in tempo|{FIRST}"
DEFAULT_TEMPO = 120.0  # quarters a minute
SLOWEST, FASTEST = 0.7, 1.3
LONGEST = Fraction(8)  # quarters of a change that nothing ends
STEP = Fraction(1, 2)  # quarters


def number_in(text: str) -> float | None:
    """Quarters a minute that a text gives by number: "♩. = 60", "Andante (q = 72)", "M.M. 80"; None where it gives none."""
    text = " ".join(text.lower().split())
    if mark := MARK.search(text):
        dotted = bool(mark[1] or mark[3])
        return SIGNS[mark[2]] * (1.5 if dotted else 1.0) * float(mark[4].replace(",", ".")) or None
    plain = PLAIN_MARK.search(text)
    return float(next(filter(None, plain.groups())).replace(",", ".")) or None if plain else None


def of_words(text: str) -> float | None:
    """Quarters a minute of a tempo marking such as "Andante con moto"; None where its words are not known."""
    if number := number_in(text):
        return number
    for word in re.findall(r"[^\W\d_]+", text.lower()):
        if word in WORDS:
            return float(WORDS[word])
    return None


@dataclass(frozen=True)
class Sudden:
    """A tempo that begins at once. quarters: a minute, None for that of the beginning; factor: of the tempo before, else."""

    quarters: float | None = None
    factor: float | None = None


def change(text: str) -> str | None:
    """What a direction asks for: "slower", "faster", "back" or None."""
    text = " ".join(text.lower().split())
    for kind, pattern in (("back", BACK), ("slower", SLOWER), ("faster", FASTER)):
        if re.match(pattern, text):
            return kind
    return None


def sudden(text: str) -> Sudden | None:
    """The new tempo that a direction within a song gives by its words: Allegro, più mosso, Tempo I; None for others."""
    text = " ".join(text.lower().split()).lstrip("([ ")
    for pattern, factor in RELATIVE:
        if re.match(pattern, text):
            return Sudden(factor=factor)
    if re.match(FIRST, text):
        return Sudden()
    word = re.match(INTENSELY + r"([^\W\d_]+)", text)
    if change(text) is None and word and word[1] in WORDS and word[1] not in EXPRESSIVE:
        return Sudden(float(WORDS[word[1]]))
    return None


def settle_changes(score: WrittenScore, changes: Iterable[tuple[int, Fraction, str | Sudden]], default: float) -> None:
    """Write changes that words ask for into the tempos of a score, in place; gradual ones as steps of half a quarter.

    changes: (measure, offset, "slower" | "faster" | "back" | Sudden) in any order. A mark at the same place wins.
    """
    starts = score.starts()
    marks = {starts[measure] + offset: bpm for measure, offset, bpm in score.tempos}
    events = {starts[measure] + offset: kind for measure, offset, kind in sorted(changes, key=lambda c: c[:2])}
    if not events:
        return
    fixed = sorted(marks)
    settled, before = dict(marks), None  # before: the tempo that "a tempo" goes back to
    steady, last = None, Fraction(0)  # the tempo that gradual changes began with; the place of the last event
    for at in sorted(events):
        kind = events[at]
        current = _tempo_at(settled, at, default)
        if any(last < place <= at for place in fixed):
            steady = None
            before = before if kind == "back" else None
        last = at
        if isinstance(kind, Sudden):
            before = (before or current) if kind.factor else None
            if at not in marks:
                first = _tempo_at(settled, Fraction(0), default)
                settled[at] = (steady or current) * kind.factor if kind.factor else kind.quarters or first
            steady = None
            continue
        if kind == "back":
            if at not in marks:
                settled[at] = before or current
            before = steady = None
            continue
        before, steady = before or current, steady or current
        following = min((place for place in [*fixed, *events] if place > at), default=None)
        end = starts[-1] if following is None else following
        stop = min(end, at + LONGEST)
        mark = marks.get(stop) if stop == following else None
        right_way = mark is not None and (mark < current if kind == "slower" else mark > current)
        goal = mark if mark is not None and right_way else current * (SLOWEST if kind == "slower" else FASTEST)
        place = at
        while place < stop:
            settled[place] = current + (goal - current) * float((place + STEP / 2 - at) / (stop - at))
            place += STEP
        if stop < end and not any(events[later] in ("back", Sudden()) for later in events if later > at):
            settled[stop] = before
    score.tempos = [(*place_in(starts, at), bpm) for at, bpm in sorted(settled.items()) if at < starts[-1]]


def _tempo_at(marks, at, default) -> float:
    places = sorted(marks)
    index = bisect_right(places, at) - 1
    return marks[places[index]] if index >= 0 else default
