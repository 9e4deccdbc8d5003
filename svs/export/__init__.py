"""A take handed to other programs: one file a format, found by the ending of its name.

    .TextGrid   Praat: words, syllables and phones in seconds
    .mid        notes with lyrics          .ustx       OpenUtau
    .csv        the commanded F0           .ds         DiffSinger
    .musicxml   the score with the phonemes as a second line of lyrics

Every format module defines `write(takes, title) -> str or bytes`. takes: what `Take.to_json` wrote, one for each part.
Time 0 is that of the sound, so that notes and sound lie together in an editor; MusicXML counts its own bars.
"""

from __future__ import annotations

import importlib
from bisect import bisect_right
from pathlib import Path

from svs.mistakes import Mistake

FORMATS = {
    ".textgrid": "svs.export.textgrid",
    ".mid": "svs.export.midi",
    ".midi": "svs.export.midi",
    ".csv": "svs.export.f0",
    ".ds": "svs.export.ds",
    ".ustx": "svs.export.ustx",
    ".musicxml": "svs.export.musicxml",
    ".xml": "svs.export.musicxml",
}


LONGEST = 1e5  # seconds, or quarters


class ExportError(Mistake):
    """A take or a name that cannot be exported; the message says what and what to do."""


def export(take: dict, output, title: str = "") -> bytes:
    """The bytes of a take in the format that the name of `output` asks for. Raises ExportError of one line."""
    suffix = Path(output).suffix.lower()
    if suffix not in FORMATS:
        raise ExportError(f"{output}: written are .TextGrid, .mid, .csv, .ds, .ustx and .musicxml; end the name in one")
    takes: list[dict] = take.get("parts") or [] if take.get("part") == "all" else [take]
    try:
        _check_bounds(takes)
        written = importlib.import_module(FORMATS[suffix]).write(takes, title or Path(output).stem)
        written = written if isinstance(written, bytes) else written.encode("utf-8")  # lone surrogates cannot be
    except (KeyError, TypeError, IndexError, AttributeError, ValueError, ArithmeticError) as error:
        if isinstance(error, ExportError):
            raise
        raise ExportError(f"not a whole take ({type(error).__name__}: {error}); sing it again") from None
    return written


def _check_bounds(takes: list[dict]) -> None:
    """Raise ExportError of times that no song has, before anything counts up to them."""
    for take in takes:
        grid = take.get("grid") or {}
        times = [note[key] for note in take["notes"] for key in ("onset", "duration")]
        times += [phone["end"] for phone in take["phones"]]
        times += [value for point in grid.get("points") or () for value in point]
        times += [bar[0] for bar in grid.get("bars") or ()]
        if not all(abs(time) <= LONGEST for time in times):
            raise ExportError(f"not a whole take (times beyond {LONGEST:g} s); sing it again")


def only_one(takes: list[dict], what: str) -> dict:
    """The take of a format that holds one part. Raises ExportError."""
    if len(takes) != 1:
        raise ExportError(f"{what} holds one part and the take {len(takes)}; export the takes that --stems writes")
    return takes[0]


class Beats:
    """Seconds of a take as quarters, by the take's own tempo; without one, 120 a minute."""

    def __init__(self, take: dict):
        grid = take.get("grid") or {}
        points = grid.get("points") or []
        points = points if len(points) > 1 else [[0.0, 0.0], [1.0, 2.0]]
        self.seconds, self.quarters_at = [p[0] for p in points], [p[1] for p in points]
        self.bars = [tuple(bar) for bar in grid.get("bars") or []]

    def quarters(self, seconds: float) -> float:
        i = min(max(bisect_right(self.seconds, seconds) - 1, 0), len(self.seconds) - 2)
        width = self.seconds[i + 1] - self.seconds[i]
        rate = (self.quarters_at[i + 1] - self.quarters_at[i]) / width
        return self.quarters_at[i] + (seconds - self.seconds[i]) * rate

    def tempos(self) -> list[tuple[float, float]]:
        """(quarters, quarters a minute) wherever the tempo changes."""
        found: list[tuple[float, float]] = []
        for i in range(len(self.seconds) - 1):
            bpm = 60 * (self.quarters_at[i + 1] - self.quarters_at[i]) / (self.seconds[i + 1] - self.seconds[i])
            if not found or abs(found[-1][1] - bpm) > 1e-6 * bpm:
                found.append((self.quarters_at[i], bpm))
        return found

    def meters(self) -> list[tuple[int, float, int, int]]:
        """(index of the bar, quarters, beats, unit) wherever the length of bars changes."""
        found: list[tuple[int, float, int, int]] = []
        for index, ((here, _), (there, _)) in enumerate(zip(self.bars, self.bars[1:], strict=False)):
            beats, unit = meter(there - here)
            if not found or found[-1][2:] != (beats, unit):
                found.append((index, here, beats, unit))
        return found or [(0, 0.0, 4, 4)]


def meter(quarters: float) -> tuple[int, int]:
    """A time signature that lasts so many quarters: 4 is 4/4, 3.5 is 7/8."""
    for unit in (4, 8, 16, 32):
        beats = quarters * unit / 4
        if abs(beats - round(beats)) < 1e-6:
            return max(1, round(beats)), unit
    return max(1, round(quarters * 8)), 32


def joined_words(notes: list[dict]) -> list[tuple[str, int, int]]:
    """(word, first note, last note with a syllable of it) of a take's notes."""
    found: list[list] = []
    inside = False
    for index, note in enumerate(notes):
        if note["lyric"] is None:
            continue
        place = note.get("syllabic", "single")
        if inside and place in ("middle", "end"):
            found[-1][0] += note["lyric"]
            found[-1][2] = index
        else:
            found.append([note["lyric"], index, index])
        inside = place in ("begin", "middle")
    return [tuple(word) for word in found]
