"""Praat TextGrid: for each part the tiers words, syllables and phones."""

from __future__ import annotations

from svs.export import joined_words

HOP_DIGITS = 6


def write(takes: list[dict], title: str) -> str:
    """Long text format. Where nothing is sung an interval is empty; a held vowel belongs to its syllable."""
    end = max(_end(take) for take in takes)
    tiers = []
    for take in takes:
        before = f"{take['part']}: " if len(takes) > 1 else ""
        notes = take["notes"]
        syllables: list[list] = []
        words: list[list] = []
        for note in notes:
            if note["lyric"] is None and syllables:
                syllables[-1][1] = note["onset"] + note["duration"]
            else:
                syllables.append([note["onset"], note["onset"] + note["duration"], note["lyric"] or ""])
        ends = [syllable[1] for syllable in syllables]
        owner = [sum(n["lyric"] is not None for n in notes[: i + 1]) - 1 for i in range(len(notes))]
        for word, first, last in joined_words(notes):
            words.append([notes[first]["onset"], ends[owner[last]], word])
        phones = [[p["start"], p["end"], "" if p["symbol"] == "SIL" else p["symbol"]] for p in take["phones"]]
        tiers += [
            (f"{before}{name}", rows) for name, rows in (("words", words), ("syllables", syllables), ("phones", phones))
        ]
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0 ", f"xmax = {_number(end)} "]
    lines += ["tiers? <exists> ", f"size = {len(tiers)} ", "item []: "]
    for number, (name, rows) in enumerate(tiers, 1):
        intervals = _filled(rows, end)
        lines += [f"    item [{number}]:", '        class = "IntervalTier" ', f'        name = "{_quoted(name)}" ']
        lines += [
            "        xmin = 0 ",
            f"        xmax = {_number(end)} ",
            f"        intervals: size = {len(intervals)} ",
        ]
        for place, (start, stop, text) in enumerate(intervals, 1):
            lines += [f"        intervals [{place}]:", f"            xmin = {_number(start)} "]
            lines += [f"            xmax = {_number(stop)} ", f'            text = "{_quoted(text)}" ']
    return "\n".join(lines) + "\n"


def _end(take: dict) -> float:
    f0 = take["f0"]
    return max(len(f0["cents"]) * f0["hop_seconds"], max((p["end"] for p in take["phones"]), default=0.0))


def _filled(rows, end: float):
    """Intervals from 0 to the end without gap or overlap."""
    filled, now = [], 0.0
    for start, stop, text in rows:
        start, stop = max(start, now), min(stop, end)
        if start > now + 1e-9:
            filled.append((now, start, ""))
        if stop > max(start, now):
            filled.append((max(start, now), stop, text))
            now = stop
    if end > now + 1e-9:
        filled.append((now, end, ""))
    return filled


def _number(seconds: float) -> str:
    return f"{seconds:.{HOP_DIGITS}f}".rstrip("0").rstrip(".") or "0"


def _quoted(text: str) -> str:
    return text.replace('"', '""')
