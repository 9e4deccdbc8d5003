"""The order in which measures are played: repeats, voltas, da capo, dal segno, coda and fine.

After a jump repeats are not played again and the last volta is taken, as singers do and as MuseScore and verovio
play, unless the repeat sign itself asks for it.
"""

from __future__ import annotations

from collections.abc import Set

from svs.written import Measure


def play_order(measures: list[Measure], most: int | None = None, bound: Set[int] = frozenset()) -> list[int]:
    """Indices of the measures as they are played; a plain score gives 0, 1, …, n − 1.

    most: how often a section with a measure of `bound` is played at most; the last time goes into its last volta.
    """
    order: list[int] = []
    taken: set[int] = set()
    section, done, passing = 0, -1, 1  # start of the section being repeated; last repeat already done; which pass
    jumped, to_coda = False, False
    i = 0
    while i < len(measures) and len(order) < 100_000:
        measure = measures[i]
        if measure.repeat_start and i != section and not (order and order[-1] > i):
            section, passing = i, 1
        last = most is not None and passing >= most and not bound.isdisjoint(range(section, i + 1))
        if measure.endings and not _plays(measures, i, passing, jumped or last):
            i = _end_of_ending(measures, i) + 1
            continue
        order.append(i)

        if measure.repeat_end and i > done and (not jumped or measure.repeat_after_jump):
            if passing < _passes(measures, i) and not last:
                passing += 1
                i = section
                continue
            done = i
            section, passing = i + 1, 1
        elif measure.ending_stops and passing >= max(_group(measures, i)):
            done = i
            section, passing = i + 1, 1

        if jumped and measure.fine:
            break
        if jumped and to_coda and measure.to_coda is not None:
            target = _find(measures, "coda", measure.to_coda, range(i + 1, len(measures)))
            if target is not None:
                i, jumped, to_coda = target, False, False
                section, passing = i, 1
                continue
        if (measure.da_capo or measure.dal_segno is not None) and i not in taken:
            taken.add(i)
            target = 0
            if measure.dal_segno is not None:
                target = _find(measures, "segno", measure.dal_segno, range(i, -1, -1))
            if target is not None:
                i, jumped, to_coda = target, True, True
                section, passing, done = i, 1, -1
                continue
        i += 1
    return order


def _find(measures, kind, label, where):
    """First index in `where` with this sign, the same label preferred; None when there is none."""
    found = [i for i in where if getattr(measures[i], kind)]
    return next((i for i in found if label in getattr(measures[i], kind)), found[0] if found else None)


def _end_of_ending(measures, i):
    while not measures[i].ending_stops and i + 1 < len(measures) and measures[i + 1].endings:
        i += 1
    return i


def _group_range(measures, i):
    """First and last measure of the voltas, side by side, that measure i belongs to."""
    first = last = i
    while first > 0 and measures[first - 1].endings and not measures[first].repeat_start:
        if measures[first].ending_starts and _starts_anew(measures[first - 1].endings, measures[first].endings):
            break
        first -= 1
    while last + 1 < len(measures) and measures[last + 1].endings and not measures[last + 1].repeat_start:
        if measures[last + 1].ending_starts and _starts_anew(measures[last].endings, measures[last + 1].endings):
            break
        last += 1
    return first, last


def _starts_anew(before, after):
    return bool(before & after) or min(after) < min(before)


def _group(measures, i):
    first, last = _group_range(measures, i)
    return set().union(*(measures[j].endings for j in range(first, last + 1)))


def _passes(measures, i):
    """How often the section that the repeat at measure i closes is played."""
    if not measures[i].endings:
        return measures[i].repeat_end
    return max(max(_group(measures, i)), measures[i].repeat_end if measures[i].repeat_end > 2 else 1)


def _plays(measures, i, passing, jumped):
    first, last = _group_range(measures, i)
    group = _group(measures, i)
    repeated = any(measures[j].repeat_end for j in range(first, last + 1))
    if jumped or (not repeated and passing not in measures[i].endings):
        # without a repeat sign the second volta is for after the jump; one bracket alone is played anyway
        return max(group) in measures[i].endings if jumped else min(group) in measures[i].endings
    return passing in measures[i].endings or (passing > max(group) and max(group) in measures[i].endings)
