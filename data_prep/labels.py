"""Label files of others, and phones in a manifest from what they say.

HTS labels (.lab, full-context or mono, units of 100 ns), Praat TextGrids (long and short), and the .ds of DiffSinger.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.corpus import UNKNOWN, CorpusError
from data_prep.phonesets import UnknownPhone, convert
from svs.audio import AudioFile
from svs.inventory import BR, SIL, strip_stress
from svs.phonemes import is_vowel, syllabify
from svs.score import ScoreError
from svs.written import note_cents

HTS_SECOND = 10_000_000
HTS_PHONE = re.compile(r"-(.+?)\+")  # p4@p2^p1-PHONE+n1=…
CLOSE = 0.02  # seconds: labels that end so near the sound's end, or one another, are meant to meet
BEYOND = 0.1  # seconds by which labels may outlast the sound
TIERS = {
    "phones": ("phones", "phone", "phoneme", "phonemes", "segments", "mau", "音素", "ph"),
    "words": ("words", "word", "lyrics", "lyric", "ort", "ort-mau"),
    "notes": ("notes", "note", "pitch", "pitches", "midi"),
}


class LabelError(CorpusError):
    """A label file that cannot be understood; the message names it."""


@dataclass(frozen=True)
class Interval:
    """A stretch of a tier: seconds, and its text without surrounding spaces."""

    start: float
    end: float
    text: str


# Readers ---------------------------------------------------------------------------------------------------------


def read_text(path) -> str:
    """Text in UTF-8, UTF-16 (as Praat writes it) or Shift-JIS. Raises LabelError."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror})") from None
    encodings = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp932")
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise LabelError(f"{path}: neither UTF-8, UTF-16 nor Shift-JIS text")


def read_hts(path) -> list[Interval]:
    """Phones of an HTS label file. Raises LabelError naming file and line."""
    found = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            start, end, label = line.split()[:3]
            interval = Interval(int(start) / HTS_SECOND, int(end) / HTS_SECOND, _hts_phone(label))
        except ValueError:
            raise LabelError(
                f"{path}, line {number}: {line[:60]!r}; start and end in 100 ns, and a phone, are wanted"
            ) from None
        found.append(interval)
    return _in_order(found, path)


def _hts_phone(label: str) -> str:
    context = HTS_PHONE.search(label) if "@" in label else None
    return context[1] if context else label


def read_textgrid(path) -> dict[str, list[Interval]]:
    """Interval tiers of a TextGrid by name, in the file's order. Raises LabelError."""
    text = read_text(path)
    if "TextGrid" not in text[:200]:
        raise LabelError(f"{path}: no Praat TextGrid")
    text = re.sub(r"^\s*(intervals|points|item)\s*\[\d*\]:?", "", text, flags=re.MULTILINE)
    tokens = re.findall(r'"((?:[^"]|"")*)"|(?<![\w.])(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w.])|(<exists>)', text)
    values = [
        string.replace('""', '"') if not (number or flag) else flag or float(number) for string, number, flag in tokens
    ]
    try:
        return dict(_tiers(values[values.index("<exists>") + 1 :]))
    except (ValueError, IndexError, TypeError):
        raise LabelError(f"{path}: a TextGrid that is cut short or holds no intervals") from None


def _tiers(values: list) -> Iterable[tuple[str, list[Interval]]]:
    place = 1
    for _ in range(int(values[0])):
        kind, name, count = values[place], values[place + 1], int(values[place + 4])
        place += 5
        wide = 3 if kind == "IntervalTier" else 2
        rows = [values[place + wide * row : place + wide * (row + 1)] for row in range(count)]
        place += wide * count
        if any(len(row) < wide for row in rows):
            raise ValueError(name)
        if kind == "IntervalTier":
            yield str(name), [Interval(float(start), float(end), str(text).strip()) for start, end, text in rows]


def tier(tiers: dict[str, list[Interval]], kind: str) -> list[Interval] | None:
    """The tier of `phones`, `words` or `notes` under a usual name, or with that at its end ("anna - phones")."""
    for name in TIERS[kind]:
        for found, intervals in tiers.items():
            if found.strip().lower() == name or found.strip().lower().endswith((f"- {name}", f": {name}")):
                return intervals
    return None


@dataclass(frozen=True)
class DsLine:
    """One line of a .ds file, seconds from the start of the sound."""

    phones: list[Interval]
    notes: list[dict]
    text: str


def read_ds(path) -> list[DsLine]:
    """Lines of a .ds file that have durations of phones, in time. Raises LabelError."""
    try:
        content = json.loads(read_text(path))
        lines = [ds_line(line) for line in (content if isinstance(content, list) else [content])]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        reason = f"the key {error} is missing" if isinstance(error, KeyError) else str(error)
        raise LabelError(f"{path}: no .ds file with ph_seq and ph_dur ({reason})") from None
    return sorted(lines, key=lambda line: line.phones[0].start if line.phones else 0.0)


def ds_line(line: dict) -> DsLine:
    """A line of a .ds file, or of transcriptions.csv. Raises KeyError, ValueError."""
    start = float(line.get("offset") or 0.0)
    phones = in_a_row(line["ph_seq"].split(), map(float, line["ph_dur"].split()), start)
    names, lengths = (str(line.get(key) or "").split() for key in ("note_seq", "note_dur"))
    slurs = str(line.get("note_slur") or "").split() or ["0"] * len(names)
    notes, now = [], start
    for name, seconds, slur in zip(names, map(float, lengths), slurs, strict=True):
        if name.lower() != "rest":
            notes.append(note(now, seconds, cents_of(name), held=slur == "1"))
        now += seconds
    return DsLine(phones, notes, str(line.get("text") or ""))


def in_a_row(symbols: Sequence[str], seconds: Iterable[float], start: float = 0.0) -> list[Interval]:
    """Intervals that follow one another. Raises ValueError where there are not as many durations as symbols."""
    found, now = [], start
    for symbol, length in zip(symbols, seconds, strict=True):
        found.append(Interval(now, now + length, symbol))
        now += length
    return found


def cents_of(name: str) -> float:
    """Cents of a note name: "F#4", "C#4/Db4", "Bb3+12" (cents beside it), or a MIDI number. Raises ValueError."""
    if re.fullmatch(r"\d+(\.\d+)?", name):
        return 100.0 * float(name)
    written = re.fullmatch(r"([^/+-]+)(?:/[^+-]+)?([+-]\d+)?", name.replace("♯", "#").replace("♭", "b"))
    try:
        return note_cents(written[1]) + float(written[2] or 0)
    except (TypeError, ScoreError):
        raise ValueError(f"{name!r} is no note") from None


def note(onset: float, seconds: float, cents: float, lyric: str | None = None, held: bool = False) -> dict:
    """A note of a manifest: seconds from the sound's start; a held one carries on the syllable before it."""
    return {
        "onset": round(onset, 5), "duration": round(seconds, 5), "cents": float(cents),
        "lyric": None if held else lyric or "",
    }  # fmt: skip


def _in_order(intervals: list[Interval], path) -> list[Interval]:
    for before, after in itertools.pairwise(intervals):
        if after.end < after.start or after.start < before.start:
            raise LabelError(f"{path}: {after.text!r} at {after.start:.3f} s does not follow {before.text!r}")
    return intervals


# Phones of a manifest ----------------------------------------------------------------------------------------------


def phones_of(
    intervals: Sequence[Interval],
    phone_set: str,
    seconds: float,
    words: Sequence[Interval] | None = None,
    own: dict | None = None,
) -> list[dict]:
    """[{"symbol", "stress", "start", "end", "note"}] that fill the sound, in svs's phones, from those of others.

    words: tells where syllables may not reach across; without it they reach across words as in legato singing.
    own: symbols of the corpus and what they are, before all else. `note` numbers the syllables; silence has −1.
    Raises UnknownPhone naming all symbols that the set lacks, LabelError where labels reach beyond the sound.
    """
    spans: list[tuple[str, float, float]] = []
    unknown: list[str] = []
    before = last = ""
    for interval in intervals:
        if interval.text != last:  # a vowel carried on over notes is what it was
            before, last = last, interval.text
        try:
            parts = (own or {}).get(interval.text) or convert(interval.text, phone_set, before)
        except UnknownPhone:
            unknown.append(interval.text)
            parts = []
        total, now = sum(share for _, share in parts), interval.start
        for phone, share in parts:
            spans.append((phone, now, now + share / total * (interval.end - interval.start)))
            now = spans[-1][2]
    if unknown:
        raise UnknownPhone(" ".join(dict.fromkeys(unknown)))
    spans = _filled(spans, seconds)
    numbers = _syllables(spans, words)
    return [
        {
            "symbol": strip_stress(phone),
            "stress": int(phone[-1]) if phone[-1] in "012" else 1 if is_vowel(phone) else None,
            "start": round(start, 5),
            "end": round(end, 5),
            "note": number,
        }
        for (phone, start, end), number in zip(spans, numbers, strict=True)
    ]


def _filled(spans: list[tuple[str, float, float]], seconds: float) -> list[tuple[str, float, float]]:
    """Without gaps, overlaps or silences in a row, from 0 to `seconds`."""
    sung = max((end for phone, _, end in spans if phone != SIL), default=0.0)
    if sung > seconds + BEYOND:
        raise LabelError(f"the labels go on until {sung:.2f} s, but the sound ends at {seconds:.2f} s")
    filled: list[tuple[str, float, float]] = []
    now = 0.0

    def add(phone: str, end: float) -> None:
        nonlocal now
        if phone == SIL and filled and filled[-1][0] == SIL:
            filled[-1] = (SIL, filled[-1][1], end)
        elif end > now:
            filled.append((phone, now, end))
        now = max(now, end)

    for place, (phone, start, end) in enumerate(spans):
        end = min(end, seconds)
        if place + 1 < len(spans):
            end = min(end, spans[place + 1][1]) if spans[place + 1][1] > now else end
        if start > now + CLOSE:
            add(SIL, start)
        elif filled and start > now:  # a gap too short to be heard belongs to what sounds before it
            filled[-1] = (*filled[-1][:2], start)
            now = start
        add(phone, end)
    if now < seconds - (CLOSE if filled and filled[-1][0] != SIL else 0.0):
        add(SIL, seconds)
    elif filled and now < seconds:
        filled[-1] = (*filled[-1][:2], seconds)
    return filled or [(SIL, 0.0, seconds)]


def _syllables(spans: list[tuple[str, float, float]], words: Sequence[Interval] | None) -> list[int]:
    """Number of each span's syllable, −1 for silence and breath."""
    borders = [word.start for word in words or ()]
    numbers, count, run = [-1] * len(spans), 0, []

    def close() -> None:
        nonlocal count
        if run:
            sizes = [len(syllable.phones) for syllable in syllabify([spans[place][0] for place in run])]
            owners = [count + syllable for syllable, size in enumerate(sizes) for _ in range(size)]
            for place, owner in zip(run, owners, strict=True):
                numbers[place] = owner
            count += len(sizes)
            run.clear()

    for place, (phone, start, _) in enumerate(spans):
        if phone in (SIL, BR) or any(abs(border - start) < CLOSE / 2 for border in borders):
            close()
        if phone not in (SIL, BR):
            run.append(place)
    close()
    return numbers


def labelled(
    clip: dict,
    intervals: Sequence[Interval],
    phone_set: str,
    words: Sequence[Interval] | None = None,
    own: dict | None = None,
) -> dict:
    """The clip with its `phones`, or with `unlabelled`: the reason why there are none."""
    seconds = AudioFile.open(clip["audio"]).seconds
    try:
        return {**clip, "phones": phones_of(intervals, phone_set, seconds, words, own)}
    except UnknownPhone as error:
        return {**clip, "unlabelled": f"{UNKNOWN}{error}"}
    except LabelError as error:
        return {**clip, "unlabelled": str(error)}
