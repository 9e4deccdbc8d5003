"""Hand control: a contour drawn by hand, and settings of pitch and expression, for the line and for single notes.

A contour is a CSV of seconds and cents (`read_curve`, laid over a line by `follow`). Settings are a small YAML
(`read_settings`, applied by `Settings`):

    style:                    # of the whole line; any of svs.pitch.Style, svs.expression.Expression, svs.dynamics.Dynamics
      vibrato_cents: 20
      breathiness: 6
    notes:                    # of single notes; later entries win
      - bar: 12               # every note of bar 12
        vibrato_cents: 0
      - bar: 12
        note: 3               # the third note sung in it, as `svs score` lists them
        scoop_cents: 80
        detune_cents: -15     # sung this far from the written pitch
        breath_seconds: 0     # no breath after this note, or one of so many seconds, taken from its end
      - bar: 9-16             # a range of bars, on their second time only
        time: 2
        lyric: grace          # the notes with this syllable
        vibrato_rate: 6.2
"""

from __future__ import annotations

import math
import re
import reprlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from svs import dynamics, expression
from svs.dynamics import Dynamics
from svs.expression import Expression
from svs.files import load_yaml, read_small
from svs.mistakes import Mistake
from svs.pitch import PitchCurve, Style
from svs.score import Note

LOWEST, HIGHEST = 1200.0, 12_000.0  # cents (16 Hz and 8.4 kHz): what lies beyond was not meant as cents
AMOUNTS = (*(field.name for field in fields(Style)), *expression.AMOUNTS, *dynamics.AMOUNTS)
PLACES = ("bar", "note", "time", "lyric", "part")
# What a note has of itself gives way to a contour that the score draws over it; only steps and consonants stay.
DRAWN = dict.fromkeys(
    ("preparation_share", "overshoot_share", "scoop_cents", "release_cents", "vibrato_cents", "drift_cents"), 0.0
)
AS_SET = {"vibrato_variation": 0.0, "vibrato_full_cycles": 0.0}
OWN = ("detune_cents", "breath_seconds")  # settings of a note that are no part of a style
SIGNED = ("detune_cents", *expression.AMOUNTS)
LARGEST = 1e6  # of any amount


class HandError(Mistake):
    """A contour or settings that cannot be used; the message says where, what was found and what is wanted."""


# Contours ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drawn:
    """A contour drawn by hand: breakpoints joined by straight lines.

    seconds: (points,) ascending, of the audio. cents: (points,), NaN where nothing is sung. name: for messages.
    """

    seconds: np.ndarray
    cents: np.ndarray
    name: str = "curve"


def read_curve(path) -> Drawn:
    """Read seconds and cents, a pair a line, separated by comma, semicolon or tab; a line of headings may come first.

    Cents are 100 × MIDI number (A4 = 6900); empty or nan is unvoiced. Where the headings name columns seconds and cents,
    others may stand beside them, as `svs export` writes them: of these only voiced counts, 0 is unvoiced.
    Raises HandError of one line.
    """
    path = Path(path)
    try:
        text = read_small(path).decode("utf-8-sig")
    except OSError as error:
        raise HandError(f"{path}: {error.strerror}; a CSV of seconds and cents is wanted") from None
    except UnicodeDecodeError:
        raise HandError(f"{path.name}: not a text file; a CSV of seconds and cents is wanted") from None
    rows: list[tuple[float, float]] = []
    heading_allowed, columns = True, None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        cells = [cell.strip().strip('"') for cell in re.split(r"[,;\t]", line)]
        heading, heading_allowed = heading_allowed and not _is_number(cells[0]), False
        if heading:
            names = [cell.casefold() for cell in cells]
            columns = names if {"seconds", "cents"} <= set(names) else None
            continue
        where = f"{path.name}, line {number}"
        rows.append(_row(where, cells if columns is None else _chosen(where, cells, columns), rows[-1][0] if rows else None))
    if not rows:
        raise HandError(f"{path.name}: no line of seconds and cents in it, such as 0.50,6900")
    seconds, cents = np.array(rows).T
    return Drawn(seconds, cents, path.name)


def _chosen(where: str, cells: list[str], columns: list[str]) -> list[str]:
    """Seconds and cents of a line with more columns."""
    if len(cells) != len(columns):
        raise HandError(f"{where}: {len(cells)} columns where the headings are {len(columns)}: {', '.join(columns)}")
    row = dict(zip(columns, cells, strict=True))
    return [row["seconds"], "" if row.get("voiced") in ("0", "false") else row["cents"]]


def _row(where: str, cells: list[str], before: float | None) -> tuple[float, float]:
    if len(cells) != 2:
        raise HandError(f"{where}: {len(cells)} columns; two are wanted, seconds and cents")
    if not _is_number(cells[0]) or not 0 <= float(cells[0]) < math.inf:
        raise HandError(f"{where}: {cells[0]!r} where seconds from 0 are wanted")
    if cells[1] and not _is_number(cells[1]):
        raise HandError(f"{where}: {cells[1]!r} where cents are wanted; leave it empty where nothing is sung")
    seconds, cents = float(cells[0]), float(cells[1] or "nan")
    if before is not None and seconds <= before:
        raise HandError(f"{where}: {seconds:g} s after {before:g} s; the seconds must ascend")
    if not math.isnan(cents) and not LOWEST <= cents <= HIGHEST:
        hint = "leave it empty where nothing is sung" if cents == 0 else "is it in Hz?"
        raise HandError(f"{where}: {cents:g} cents; 100 × MIDI number is wanted, such as 6900 for A4 ({hint})")
    return seconds, cents


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def follow(curve: PitchCurve, drawn: Drawn) -> PitchCurve:
    """The curve with the drawn contour where it reaches, from its first point to its last.

    There a frame is voiced where the drawing has cents and the phoneme a voice: consonants without one keep none.
    Between two points with cents the contour is a straight line; beside a point without, the nearer one counts.
    """
    times = np.arange(len(curve.cents)) * curve.hop_seconds
    inside = (times >= drawn.seconds[0] - 1e-9) & (times <= drawn.seconds[-1] + 1e-9)
    sung = ~np.isnan(drawn.cents)
    cents, voiced = curve.cents.copy(), curve.voiced.copy()
    if sung.any():
        cents[inside] = np.interp(times[inside], drawn.seconds[sung], drawn.cents[sung])
    right = np.clip(np.searchsorted(drawn.seconds, times[inside] - 1e-9), 1, max(len(sung) - 1, 1)) % len(sung)
    left = np.maximum(right - 1, 0)
    nearer_left = times[inside] - drawn.seconds[left] < drawn.seconds[right] - times[inside]
    voiced[inside] &= np.where(nearer_left, sung[left], sung[right])
    return PitchCurve(cents, voiced, curve.hop_seconds)


# Settings ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """Settings of some notes. bars: first and last, None for all; the other places are None where any will do."""

    amounts: Mapping[str, float]
    bars: tuple[int, int] | None = None
    note: int | None = None
    time: int | None = None
    lyric: str | None = None
    part: str | None = None
    where: str = "settings"


@dataclass(frozen=True)
class Settings:
    """Amounts of the whole line, and entries for single notes, in order."""

    style: Mapping[str, float]
    entries: tuple[Entry, ...] = ()

    def apply(
        self,
        notes: Sequence[Note],
        part: str = "",
        expressed: Expression | None = None,
        moved: Dynamics | None = None,
    ) -> Sung:
        """The notes, detuned where that is asked for, and for each a style, an expression and its dynamics.

        expressed, moved: expression and dynamics of the line where the settings say nothing.

        A rate or extent of vibrato that is set for single notes is sung as set, neither varied nor reduced.
        Over notes that the score bends the line's vibrato, drift and ornaments are not sung, unless an entry asks for them.
        Warns of an entry that fits no note.
        """
        line = _parted(self.style)
        style, whole = replace(Style(), **line[0]), replace(expressed or Expression(), **line[1])
        loud = replace(moved or Dynamics(), **line[2])
        amounts: list[dict[str, float]] = [dict(DRAWN) if note.bend else {} for note in notes]
        places = _places(notes)
        for entry in self.entries:
            if entry.part is not None and entry.part.casefold() != part.casefold():
                continue
            chosen = [index for index, place in enumerate(places) if _fits(entry, notes[index], place)]
            if not chosen:
                warnings.warn(
                    f"{entry.where}: fits no note of {part or 'the line'}; svs score shows bars and notes", stacklevel=3
                )
            fixed = AS_SET if {"vibrato_rate", "vibrato_cents"} & set(entry.amounts) else {}
            for index in chosen:
                amounts[index].update({**fixed, **entry.amounts})
        detuned = tuple(
            replace(note, cents=note.cents + amount.pop("detune_cents", 0.0))
            for note, amount in zip(notes, amounts, strict=True)
        )
        breaths = tuple(amount.pop("breath_seconds", None) for amount in amounts)
        parted = [_parted(amount) for amount in amounts]
        return Sung(
            detuned,
            tuple(replace(style, **own) for own, _, _ in parted),
            tuple(replace(whole, **own) for _, own, _ in parted),
            tuple(replace(loud, **own) for _, _, own in parted),
            breaths,
        )


class Sung(NamedTuple):
    """The notes of a line, and how each of them is sung. breaths: seconds of the one after it, None where nothing is set."""

    notes: tuple[Note, ...]
    styles: tuple[Style, ...]
    expressions: tuple[Expression, ...]
    dynamics: tuple[Dynamics, ...]
    breaths: tuple[float | None, ...]


def _parted(amounts: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """(amounts of style, of expression, of dynamics)."""
    expressed = {name: amount for name, amount in amounts.items() if name in expression.AMOUNTS}
    moved = {name: amount for name, amount in amounts.items() if name in dynamics.AMOUNTS}
    return {name: amount for name, amount in amounts.items() if name not in {**expressed, **moved}}, expressed, moved


def _places(notes: Sequence[Note]) -> list[tuple[int, int]]:
    """(place in its bar from 1, how often the bar has been sung, from 1) of every note."""
    found: list[tuple[int, int]] = []
    times: dict[int, int] = {}
    for index, note in enumerate(notes):
        follows = index > 0 and notes[index - 1].bar == note.bar
        if not follows:
            times[note.bar] = times.get(note.bar, 0) + 1
        found.append((found[-1][0] + 1 if follows else 1, times[note.bar]))
    return found


def _fits(entry: Entry, note: Note, place: tuple[int, int]) -> bool:
    number, time = place
    return (
        (entry.bars is None or entry.bars[0] <= note.bar <= entry.bars[1])
        and entry.note in (None, number)
        and entry.time in (None, time)
        and (entry.lyric is None or (note.lyric or "").casefold() == entry.lyric.casefold())
    )


def beside(score) -> Path | None:
    """The settings beside a score: song.yaml of song.musicxml, where there is such a file."""
    path = Path(score).with_suffix(".yaml")
    return path if path.is_file() else None


def read_settings(source: str | Path | Mapping) -> Settings:
    """Settings from a YAML file, or from the same as Python values. Raises HandError of one line."""
    if isinstance(source, Mapping):
        return _settings("settings", source)
    import yaml

    path = Path(source)
    try:
        content = load_yaml(read_small(path).decode("utf-8"))
    except OSError as error:
        raise HandError(f"{path}: {error.strerror}; a YAML of settings is wanted") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise HandError(f"{path.name}{place}: not YAML ({problem})") from None
    return _settings(path.name, {} if content is None else content)


def shown(value) -> str:
    """A value as it is told in a message: never long, whatever it holds."""
    return reprlib.repr(value)


def _settings(name: str, content) -> Settings:
    _mapping(name, content, ("style", "notes"))
    style = content.get("style") or {}
    _mapping(f"{name}, style", style, AMOUNTS)
    style = {key: _amount(f"{name}, style", key, value) for key, value in style.items()}
    listed = content.get("notes") or []
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise HandError(f"{name}, notes: {shown(listed)} where a list is wanted, each entry beginning with a dash")
    return Settings(style, tuple(_entry(f"{name}, notes, entry {i}", entry) for i, entry in enumerate(listed, 1)))


def _mapping(where: str, content, allowed: Sequence[str]) -> None:
    if not isinstance(content, Mapping):
        raise HandError(f"{where}: {shown(content)} where settings are wanted, such as {allowed[0]}: …")
    for key in content:
        if key not in allowed:
            raise HandError(f"{where}: unknown setting {shown(key)}; choose of {', '.join(allowed)}")


def _entry(where: str, content) -> Entry:
    _mapping(where, content, (*PLACES, *OWN, *AMOUNTS))
    amounts = {key: _amount(where, key, value) for key, value in content.items() if key not in PLACES}
    if not amounts:
        raise HandError(f"{where}: says no amount; add one of {', '.join((*OWN, *AMOUNTS))}")
    lyric, part = (_text(where, key, content.get(key)) for key in ("lyric", "part"))
    note, time = (_count(where, key, content.get(key)) for key in ("note", "time"))
    if note is not None and content.get("bar") is None:
        raise HandError(f"{where}: note {note} of no bar; add bar: …")
    return Entry(amounts, _bars(where, content.get("bar")), note, time, lyric, part, where)


def _bars(where: str, value) -> tuple[int, int] | None:
    if value is None:
        return None
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    match = re.fullmatch(r"(\d{1,9})(?:\s*[-–]\s*(\d{1,9}))?", text)
    if not match or int(match[2] or match[1]) < int(match[1]):
        raise HandError(f"{where}: bar is {shown(value)}; a number as printed is wanted, or a range such as 9-16")
    return int(match[1]), int(match[2] or match[1])


def _text(where: str, key: str, value) -> str | None:
    if value is not None and not isinstance(value, str | int | float):
        raise HandError(f"{where}: {key} is {shown(value)}; a text is wanted")
    return None if value is None else str(value)


def _count(where: str, key: str, value) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise HandError(f"{where}: {key} is {shown(value)}; a number from 1 is wanted")
    return value


def _amount(where: str, key: str, value) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
    if key in expression.LIMITS and not (number and abs(value) <= expression.LIMITS[key]):
        limit = expression.LIMITS[key]
        raise HandError(f"{where}: {key} is {shown(value)}; an amount from −{limit:g} to {limit:g} is wanted")
    if not number or (value < 0 and key not in SIGNED):
        unit = "cents" if "cents" in key or "limit" in key else "Hz" if key.endswith("rate") else "a number"
        unit = "dB" if key.endswith("_db") else unit
        unit = "seconds" if key.endswith(("_seconds", "_delay", "_ease", "_shortest", "_semitone")) else unit
        raise HandError(f"{where}: {key} is {shown(value)}; {unit}{'' if key in SIGNED else ', 0 or more,'} is wanted")
    if key.endswith("_share") and value > 1:
        raise HandError(f"{where}: {key} is {shown(value)}; a fraction from 0 to 1 is wanted")
    if key in dynamics.AMOUNTS and value > dynamics.LARGEST:
        raise HandError(f"{where}: {key} is {shown(value)}; 0 to {dynamics.LARGEST:g} are wanted")
    if key == "vibrato_rate" and value > 20:
        raise HandError(f"{where}: vibrato_rate is {shown(value)}; Hz from 0 to 20 are wanted (singers: 4 to 8)")
    return float(value)
