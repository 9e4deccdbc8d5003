"""MusicXML of what was sung, repeats played out: the syllables as verse 1, the phonemes as verse 2.

Pitches are those of the page, to a quarter tone: other programs read no finer accidentals, and tuning is not written in scores.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

from svs.export import Beats, meter

DIVISIONS = 480
EIGHTH_TONE = 25.0  # cents
TUNING_CENTS = 35.0  # from the note: --tuning, a temperament or a detuned note, of which no score tells; beyond, a quarter tone
STEPS = ("C", "C", "D", "E", "E", "F", "F", "G", "A", "A", "B", "B")  # as svs.written names the semitones
ALTERS = (0, 1, 0, -1, 0, 0, 1, 0, -1, 0, -1, 0)


def write(takes: list[dict], title: str) -> bytes:
    score = ElementTree.Element("score-partwise", version="4.0")
    ElementTree.SubElement(ElementTree.SubElement(score, "work"), "work-title").text = title
    entries = ElementTree.SubElement(score, "part-list")
    for number, take in enumerate(takes, 1):
        entry = ElementTree.SubElement(entries, "score-part", id=f"P{number}")
        ElementTree.SubElement(entry, "part-name").text = take["part"]
    for number, take in enumerate(takes, 1):
        _part(ElementTree.SubElement(score, "part", id=f"P{number}"), take, first=number == 1)
    ElementTree.indent(score, " ")
    return ElementTree.tostring(score, encoding="utf-8", xml_declaration=True)


def _part(part, take: dict, first: bool) -> None:
    beats = Beats(take)
    pieces = [
        (
            round(beats.quarters(note["onset"]) * DIVISIONS),
            round(beats.quarters(note["onset"] + note["duration"]) * DIVISIONS),
            note,
        )
        for note in take["notes"]
    ]
    last = max((end for _, end, _ in pieces), default=0)
    bars = [(round(quarters * DIVISIONS), number) for quarters, number in beats.bars] or [(0, 1)]
    if len(bars) == 1:
        bars.append((bars[0][0] + 4 * DIVISIONS, bars[0][1] + 1))
    step = max(bars[-1][0] - bars[-2][0], DIVISIONS)
    while bars[-1][0] < last:
        bars.append((bars[-1][0] + step, bars[-1][1] + 1))
    tempos = [(round(quarters * DIVISIONS), bpm) for quarters, bpm in beats.tempos()] if first else []
    signature = None
    for (begin, number), (end, _) in pairwise(bars):
        measure = ElementTree.SubElement(part, "measure", number=str(number))
        if signature != end - begin:
            _attributes(measure, end - begin, signature is None)
            signature = end - begin
        now = begin
        for at, bpm in tempos:
            if begin <= at < end:
                sound = ElementTree.SubElement(measure, "sound", tempo=f"{bpm:.6g}")
                ElementTree.SubElement(sound, "offset").text = str(at - begin)
        for start, stop, note in pieces:
            here, there = max(start, begin), min(stop, end)
            if here >= there:
                continue
            if here > now:
                _rest(measure, here - now)
            _note(measure, there - here, note, start < here, there < stop)
            now = there
        if now < end:
            _rest(measure, end - now)


def _attributes(measure, length: int, first: bool) -> None:
    attributes = ElementTree.SubElement(measure, "attributes")
    if first:
        ElementTree.SubElement(attributes, "divisions").text = str(DIVISIONS)
    time = ElementTree.SubElement(attributes, "time")
    beats, unit = meter(length / DIVISIONS)
    ElementTree.SubElement(time, "beats").text = str(beats)
    ElementTree.SubElement(time, "beat-type").text = str(unit)


def _rest(measure, length: int) -> None:
    note = ElementTree.SubElement(measure, "note")
    ElementTree.SubElement(note, "rest")
    ElementTree.SubElement(note, "duration").text = str(length)


def _note(measure, length: int, note: dict, tied_from: bool, tied_on: bool) -> None:
    element = ElementTree.SubElement(measure, "note")
    pitch = ElementTree.SubElement(element, "pitch")
    key = round(note["cents"] / 100)
    beside = note["cents"] - 100 * key
    if abs(abs(beside) - EIGHTH_TONE) > 1e-3:
        beside = 0.0 if abs(beside) < TUNING_CENTS else math.copysign(50.0, beside)
    alter = ALTERS[key % 12] + round(beside) / 100
    ElementTree.SubElement(pitch, "step").text = STEPS[key % 12]
    if alter:
        ElementTree.SubElement(pitch, "alter").text = f"{alter:g}"
    ElementTree.SubElement(pitch, "octave").text = str(key // 12 - 1)
    ElementTree.SubElement(element, "duration").text = str(length)
    for tied, kind in ((tied_from, "stop"), (tied_on, "start")):
        if tied:
            ElementTree.SubElement(element, "tie", type=kind)
    if note["lyric"] is not None and not tied_from:
        _lyric(element, "1", note["lyric"], note.get("syllabic", "single"))
        if note["phonemes"]:
            _lyric(element, "2", " ".join(note["phonemes"]), "single")


def _lyric(element, number: str, text: str, syllabic: str) -> None:
    lyric = ElementTree.SubElement(element, "lyric", number=number)
    ElementTree.SubElement(lyric, "syllabic").text = syllabic
    ElementTree.SubElement(lyric, "text").text = text
