"""Tempo that is only written in words: Andante, and changes that come gradually (rit., accel.) until "a tempo".

A metronome mark always wins. A ritardando without a goal slows to 70 % over at most two bars of four, an accelerando
quickens to 130 %; where "a tempo" or a new mark follows, it lasts until there and heads for the new mark.
"""

from __future__ import annotations

import re
from bisect import bisect_right
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
HOW = "(?:poco a poco |molto |poco )?"
SLOWER = HOW + r"(?:rit(?:ard|en|\b)|rall|allarg|slarg|calando|morendo|smorz|zögernd|langsamer|cédez|slower)"
FASTER = HOW + r"(?:accel|string|affrett|stretto|schneller|beschleun|pressez|faster)"
BACK = r"a tempo|tempo primo|tempo i\b|tempo 1|im tempo|au mouvement|in tempo"
DEFAULT_TEMPO = 120.0  # quarters a minute
SLOWEST, FASTEST = 0.7, 1.3
LONGEST = Fraction(8)  # quarters of a change that nothing ends
STEP = Fraction(1, 2)  # quarters


def of_words(text: str) -> float | None:
    """Quarters a minute of a tempo marking such as "Andante con moto"; None where its words are not known."""
    for word in re.findall(r"[^\W\d_]+", text.lower()):
        if word in WORDS:
            return float(WORDS[word])
    return None


def change(text: str) -> str | None:
    """What a direction asks for: "slower", "faster", "back" or None."""
    text = " ".join(text.lower().split())
    for kind, pattern in (("back", BACK), ("slower", SLOWER), ("faster", FASTER)):
        if re.match(pattern, text):
            return kind
    return None


def settle_changes(score: WrittenScore, changes: list[tuple[int, Fraction, str]], default: float) -> None:
    """Write gradual changes as steps of half a quarter into the tempos of a score, in place.

    changes: (measure, offset, "slower" | "faster" | "back") in any order.
    """
    if not changes:
        return
    starts = score.starts()
    marks = {starts[measure] + offset: bpm for measure, offset, bpm in score.tempos}
    events = {starts[measure] + offset: kind for measure, offset, kind in sorted(changes, key=lambda c: c[:2])}
    fixed = sorted(marks)
    settled, before = dict(marks), None  # before: the tempo that "a tempo" goes back to
    for at in sorted(events):
        kind = events[at]
        current = _tempo_at(settled, at, default)
        if kind == "back":
            if at not in marks:
                settled[at] = before or current
            before = None
            continue
        before = before or current
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
        if stop < end and not any(events[later] == "back" for later in events if later > at):
            settled[stop] = before
    score.tempos = [(*place_in(starts, at), bpm) for at, bpm in sorted(settled.items()) if at < starts[-1]]


def _tempo_at(marks, at, default) -> float:
    places = sorted(marks)
    index = bisect_right(places, at) - 1
    return marks[places[index]] if index >= 0 else default
