"""Timing: when each phoneme sounds. The vowel meets the beat; consonants take their time from the note before.

Singers and accompanists agree on the vowel, not on the consonants before it, as the start of a tone
(Sundberg & Bauer-Huppmann 2007, "When does a sung tone start?", J. Voice 21(3)). So a note's onset is the
onset of its nucleus, and the consonants of its syllable end there.

Line time: second 0 is the first sample of the audio. A score whose first note lies at 0 leaves no room for the
consonants before it, so a line is sung from `delay(notes)`: LEAD_IN seconds of silence go before the first bar,
always as many, so that parts of one score stay together.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from svs.audio import write_atomically
from svs.phonemes import BR, SIL, VOWELS, is_voiced, nuclei, strip_stress
from svs.score import Note
from svs.units import FrameGrid

SILENCE = SIL
BREATH = BR

LEAD_IN = 0.3  # seconds before the first bar
TAIL = 0.3  # seconds after the last note
MOST_BYTES = 64 << 20  # of timing.safetensors
SHORTEST_REST = 0.06  # seconds; a shorter silence is heard as a mistake, and goes to the vowel before it
VOWEL_SHARE = 0.4  # of the time between two vowels stays with the first, however many consonants follow it
SHORTEST_VOWEL = 0.064  # seconds


@dataclass(frozen=True)
class PhonemeSpan:
    """One phoneme in time.

    symbol: ARPAbet without stress, or SIL or BR.
    start, end: seconds.
    note: index of the note whose syllable it belongs to; -1 for silence and breath.
    """

    symbol: str
    start: float
    end: float
    note: int


@dataclass(frozen=True)
class Consonant:
    """A consonant whose duration is wanted, and what that duration depends on.

    symbol, before, after: ARPAbet without stress, SIL beside a rest.
    coda: True after the nucleus of its syllable, False before it.
    room: seconds from the vowel before it to the vowel after it; a rest counts as room.
    """

    symbol: str
    before: str
    after: str
    coda: bool
    room: float


class DurationModel(Protocol):
    def seconds(self, consonants: Sequence[Consonant]) -> np.ndarray:
        """Wanted duration of every consonant in seconds, (consonants,) float64, all above 0."""


def place(notes: Sequence[Note], durations: DurationModel, tail: float = TAIL) -> list[PhonemeSpan]:
    """Place the phonemes of a line in time; spans fill [0, end of last note + tail], each starting where one ends.

    notes: line time (see `delay`), in order, with their phonemes; a melisma note lengthens the vowel before it.
    tail:  seconds of silence after the last note.

    Two vowels in a row leave their consonants what VOWEL_SHARE and SHORTEST_VOWEL spare, squeezed in proportion,
    and those after a melisma its last note as much.
    Raises ValueError where a note has no phonemes, overlaps, or has consonants with no time before them.
    """
    syllables = _syllables(notes)
    wanted = _wanted_seconds(syllables, durations)
    spans = _Line()
    _place_first_onset(spans, syllables[0], wanted[0])
    for index, syllable in enumerate(syllables):
        following = syllables[index + 1] if index + 1 < len(syllables) else None
        middle, coda = wanted[index].middle, wanted[index].coda
        if following is None:
            spans.sing(syllable, syllable.end, middle, coda)
            continue
        onset = wanted[index + 1].onset
        if following.start - onset.sum() - syllable.end >= SHORTEST_REST:  # a rest remains between the two
            spans.sing(syllable, syllable.end, middle, coda)
            spans.until(following.start - onset.sum(), SILENCE, -1)
        else:
            late = coda.sum() + onset.sum()
            whole = _squeeze(following.start - syllable.start, middle.sum() + late)
            squeeze = min(whole, _squeeze(following.start - syllable.last, late))
            onset = onset * squeeze
            spans.sing(syllable, following.start - onset.sum(), middle * squeeze, coda * squeeze)
        spans.row(following.onset, following.start - onset.sum(), onset, following.note, end=following.start)
    if tail > 0:
        spans.until(syllables[-1].end + tail, SILENCE, -1)
    return spans.spans


def delay(notes: Sequence[Note], seconds: float = LEAD_IN) -> tuple[Note, ...]:
    """The same notes `seconds` later: from score time to line time."""
    return tuple(replace(note, onset=note.onset + seconds) for note in notes)


# Voicing ---------------------------------------------------------------------------------------------------------

# Part of a voiced obstruent in which the folds vibrate, as fractions of its duration: stops through their closure and
# not in the burst, the affricate until its friction (Lisker & Abramson 1964; Stevens 1998, ch. 7–8).
VOICED_PART = {"B": (0.0, 0.8), "D": (0.0, 0.8), "G": (0.0, 0.8), "JH": (0.0, 0.4)}
STOPS = frozenset(VOICED_PART)
OBSTRUENTS = STOPS | {"V", "DH", "Z", "ZH"}
FINAL_DEVOICING = 0.5  # before a rest an English voiced obstruent is voiced in its first half only


def voiced_frames(spans: Sequence[PhonemeSpan], grid: FrameGrid) -> np.ndarray:
    """Which frames of the line have vibrating vocal folds, (frames,) bool.

    English voiced stops and affricates start without voicing after a rest, and voiced obstruents lose theirs
    before one.
    """
    times = grid.times(grid.frames(spans[-1].end))
    voiced = np.zeros(len(times), dtype=bool)
    for index, span in enumerate(spans):
        if not is_voiced(span.symbol):
            continue
        first, last = VOICED_PART.get(span.symbol, (0.0, 1.0))
        if span.symbol in OBSTRUENTS and _neighbour(spans, index + 1) == SILENCE:
            last = min(last, FINAL_DEVOICING)
        if span.symbol in STOPS and _neighbour(spans, index - 1) == SILENCE:
            continue
        length = span.end - span.start
        voiced[(times >= span.start + first * length) & (times < span.start + last * length)] = True
    return voiced


# Durations of consonants -----------------------------------------------------------------------------------------


class TypicalDurations:
    """Durations from a table: a default, and a yardstick for the learned ones."""

    # Inherent durations in ms after Klatt 1979 and Allen, Hunnicutt & Klatt 1987, From Text to Speech, ch. 9.
    MILLISECONDS = {
        "P": 90, "T": 75, "K": 80, "B": 85, "D": 75, "G": 80, "CH": 110, "JH": 95,
        "F": 100, "TH": 90, "S": 105, "SH": 105, "HH": 80, "V": 60, "DH": 50, "Z": 75, "ZH": 70,
        "M": 70, "N": 60, "NG": 95, "L": 80, "R": 80, "W": 80, "Y": 80,
    }  # fmt: skip
    OTHER = 80
    CLUSTER = 0.7  # a consonant beside another is shorter (Klatt 1979)
    FINAL = 1.2  # and longer before a rest

    def seconds(self, consonants: Sequence[Consonant]) -> np.ndarray:
        """Duration of every consonant in seconds, (consonants,) float64."""
        result = np.empty(len(consonants))
        for index, consonant in enumerate(consonants):
            milliseconds = float(self.MILLISECONDS.get(consonant.symbol, self.OTHER))
            neighbours = {consonant.before, consonant.after} - {SILENCE, BREATH}
            if not neighbours <= VOWELS:
                milliseconds *= self.CLUSTER
            if consonant.after == SILENCE:
                milliseconds *= self.FINAL
            result[index] = milliseconds / 1000.0
        return result


@dataclass(frozen=True)
class ConsonantDurations:
    """Learned durations: embeddings of phones and singer, and two layers that give log seconds.

    weights:  "phone" (phones, d), "speaker" (speakers, e), "w1" (3d + e + numbers, h), "b1" (h,), "w2" (h,), "b2" ().
    phones:   row order of "phone"; the last row stands for every phone not named.
    speakers: row order of "speaker".
    speaker:  whose durations are wanted: a name, or several with weights that add up to 1.
    length:   how many times as long as learned the consonants are.
    """

    weights: dict[str, np.ndarray]
    phones: tuple[str, ...]
    speakers: tuple[str, ...]
    speaker: str | Mapping[str, float]
    length: float = 1.0

    SHORTEST, LONGEST = 0.015, 0.4  # seconds; outside these the network is guessing

    def __post_init__(self):
        for name in self._mixture:
            if name not in self.speakers:
                raise ValueError(f"ConsonantDurations: no speaker {name!r}; there are {', '.join(self.speakers)}")

    @property
    def _mixture(self) -> Mapping[str, float]:
        return {self.speaker: 1.0} if isinstance(self.speaker, str) else self.speaker

    @classmethod
    def load(cls, path, speaker: str | Mapping[str, float] | None = None, length: float = 1.0) -> ConsonantDurations:
        """Read timing.safetensors; speaker None takes the first. Raises ValueError naming the file."""
        from safetensors import SafetensorError, safe_open

        try:
            if os.path.getsize(path) > MOST_BYTES:
                raise ValueError(f"{path}: larger than {MOST_BYTES >> 20} MB; no file of consonant durations")
            with safe_open(str(path), framework="numpy") as file:
                tables = file.metadata() or {}
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            if wild := [name for name, value in weights.items() if not np.isfinite(value).all()]:
                raise ValueError(f"{path}: {wild[0]} is not finite")
            phones, speakers = json.loads(tables["phones"]), json.loads(tables["speakers"])
        except (OSError, SafetensorError, KeyError) as error:
            raise ValueError(f"{path}: not a file of consonant durations ({error})") from None
        return cls(weights, tuple(phones), tuple(speakers), speakers[0] if speaker is None else speaker, length)

    def save(self, path) -> None:
        """Write timing.safetensors; whole or not at all."""
        from safetensors.numpy import save

        tables = {"phones": json.dumps(self.phones), "speakers": json.dumps(self.speakers)}
        weights = {name: np.ascontiguousarray(w) for name, w in self.weights.items()}
        data = _in_order(save(weights, metadata=tables))
        write_atomically(path, lambda temporary: Path(temporary).write_bytes(data))

    def seconds(self, consonants: Sequence[Consonant]) -> np.ndarray:
        """Duration of every consonant in seconds, (consonants,) float64."""
        if not consonants:
            return np.zeros(0)
        indices, numbers = features(consonants, self.phones)
        w = {name: np.asarray(value, dtype=np.float64) for name, value in self.weights.items()}
        phones = w["phone"][indices].reshape(len(consonants), -1)
        speaker = sum(share * w["speaker"][self.speakers.index(name)] for name, share in self._mixture.items())
        speaker = np.tile(speaker, (len(consonants), 1))
        hidden = np.maximum(np.concatenate([phones, speaker, numbers], axis=1) @ w["w1"] + w["b1"], 0.0)
        with np.errstate(over="ignore"):  # the longest, then
            learned = np.exp(hidden @ w["w2"].reshape(-1) + w["b2"].reshape(()))
        return np.clip(self.length * learned, self.SHORTEST, self.LONGEST)


def _in_order(data: bytes) -> bytes:
    """Safetensors with their metadata sorted, which the library writes in any order."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


NUMBERS = 3  # columns of the second array of `features`


def features(consonants: Sequence[Consonant], phones: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """What the learned durations see, in training as in singing.

    phones: row order of the phone embedding, whose last row takes unknown phones.
    Returns (consonants, 3) int64 rows of the phone before, the phone, the phone after; and (consonants, NUMBERS)
    float32: 1 in a coda, log room in seconds (clipped to 0.05–2), 1 where another consonant stands beside it.
    """
    row = {symbol: index for index, symbol in enumerate(phones)}
    other = len(phones) - 1
    indices = np.array([[row.get(s, other) for s in (c.before, c.symbol, c.after)] for c in consonants], np.int64)
    numbers = np.array(
        [
            [c.coda, np.log(np.clip(c.room, 0.05, 2.0)), not {c.before, c.after} - {SILENCE, BREATH} <= VOWELS]
            for c in consonants
        ],
        np.float32,
    )
    return indices.reshape(-1, 3), numbers.reshape(-1, NUMBERS)


def observed(spans: Sequence[PhonemeSpan]) -> tuple[list[Consonant], np.ndarray]:
    """The consonants of an aligned recording and how long each was, (consonants,) seconds: what durations learn from.

    Spans of one syllable share a note index; a consonant is a coda when its syllable's first vowel lies before it.
    """
    nuclei = [index for index, span in enumerate(spans) if span.symbol in VOWELS]
    first_nucleus: dict[int, int] = {}
    for index in nuclei:
        first_nucleus.setdefault(spans[index].note, index)
    sung_end = max((span.end for span in spans if span.symbol not in (SILENCE, BREATH)), default=0.0)
    consonants, seconds = [], []
    for index, span in enumerate(spans):
        if span.symbol in VOWELS or span.symbol in (SILENCE, BREATH) or span.note not in first_nucleus:
            continue
        before = [n for n in nuclei if n < index]
        after = [n for n in nuclei if n > index]
        start = spans[before[-1]].start if before else spans[0].start
        end = spans[after[0]].start if after else sung_end
        coda = index > first_nucleus[span.note]
        consonants.append(
            Consonant(span.symbol, _neighbour(spans, index - 1), _neighbour(spans, index + 1), coda, end - start)
        )
        seconds.append(span.end - span.start)
    return consonants, np.array(seconds)


# Inside `place` --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Syllable:
    """A syllable on its notes: start and end in seconds are those of its nucleus with the coda; last is where the last note
    begins that a melisma gives it."""

    onset: tuple[str, ...]
    nucleus: tuple[str, ...]  # first to last vowel, with what stands between them ("do‿I": UW AY)
    coda: tuple[str, ...]
    start: float
    end: float
    note: int
    last: float


@dataclass(frozen=True)
class _Wanted:
    """Seconds of a syllable's consonants, before squeezing; `middle` stands between vowels of one note."""

    onset: np.ndarray
    middle: np.ndarray
    coda: np.ndarray


class _Line:
    """Spans laid end to end."""

    def __init__(self):
        self.spans: list[PhonemeSpan] = []

    @property
    def end(self) -> float:
        return self.spans[-1].end if self.spans else 0.0

    def until(self, end: float, symbol: str, note: int) -> None:
        if end > self.end:
            self.spans.append(PhonemeSpan(symbol, self.end, end, note))

    def row(self, symbols, start: float, seconds, note: int, end: float) -> None:
        """Symbols one after the other from start; the last one ends at `end` exactly."""
        ends = start + np.cumsum(seconds)
        for index, symbol in enumerate(symbols):
            self.until(end if index + 1 == len(symbols) else float(ends[index]), symbol, note)

    def sing(self, syllable: _Syllable, end: float, middle: np.ndarray, coda: np.ndarray) -> None:
        """Nucleus and coda of a syllable from its start to `end`, consonants squeezed where the note is short."""
        squeeze = _squeeze(end - syllable.start, middle.sum() + coda.sum())
        middle, coda = middle * squeeze, coda * squeeze
        coda_start = end - coda.sum()
        held = [symbol for symbol in syllable.nucleus if _holds(symbol, syllable.nucleus)]
        vowel_seconds = (coda_start - syllable.start - middle.sum()) / len(held)
        between = iter(middle)
        seconds = [vowel_seconds if _holds(s, syllable.nucleus) else next(between) for s in syllable.nucleus]
        self.row(syllable.nucleus, syllable.start, seconds, syllable.note, end=coda_start)
        self.row(syllable.coda, coda_start, coda, syllable.note, end=end)


def _syllables(notes: Sequence[Note]) -> list[_Syllable]:
    """Notes gathered into syllables; a melisma that goes on after a rest takes up its vowel again."""
    if not notes:
        raise ValueError("place: there are no notes")
    syllables: list[_Syllable] = []
    end = 0.0
    for index, note in enumerate(notes):
        where = f"place: note {index + 1} (bar {note.bar})"
        if note.onset < end - 1e-6 or note.duration <= 0:
            raise ValueError(
                f"{where} spans {note.onset:.3f}–{note.end:.3f} s but the note before it ends at {end:.3f} s; "
                "a line wants notes in order, longer than 0 s, that do not overlap"
            )
        if note.melisma:
            if not syllables:
                raise ValueError(f"{where} continues a vowel, but no note is before it")
            last = syllables[-1]
            if note.onset - end < SHORTEST_REST:
                syllables[-1] = replace(last, end=note.end, last=note.onset)
            else:
                syllables[-1] = replace(last, coda=())
                syllables.append(_Syllable((), last.nucleus[-1:], last.coda, note.onset, note.end, last.note, note.onset))
        else:
            if not note.phonemes:
                raise ValueError(f"{where} has no phonemes; pronounce the part first (svs.phonemes.pronounce)")
            onset, nucleus, coda = _split(tuple(strip_stress(symbol) for symbol in note.phonemes))
            syllables.append(_Syllable(onset, nucleus, coda, note.onset, note.end, index, note.onset))
        end = note.end
    return syllables


def _split(symbols: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Onset, nucleus, coda."""
    held = nuclei(symbols)
    return symbols[: held[0]], symbols[held[0] : held[-1] + 1], symbols[held[-1] + 1 :]


def _wanted_seconds(syllables: list[_Syllable], durations: DurationModel) -> list[_Wanted]:
    """Ask the model once for all consonants of the line, in order."""
    consonants: list[Consonant] = []
    for index, syllable in enumerate(syllables):
        before = syllables[index - 1] if index else None
        after = syllables[index + 1] if index + 1 < len(syllables) else None
        left = SILENCE if before is None or syllable.start - before.end >= SHORTEST_REST else _last(before)
        right = SILENCE if after is None or after.start - syllable.end >= SHORTEST_REST else _first(after)
        row = (left, *syllable.onset, *syllable.nucleus, *syllable.coda, right)
        first, last = 1 + len(syllable.onset), len(syllable.onset) + len(syllable.nucleus)
        room_before = syllable.start - (before.start if before else 0.0)
        room_after = (after.start if after else syllable.end) - syllable.start
        for place in range(1, len(row) - 1):
            if first <= place <= last and _holds(row[place], syllable.nucleus):
                continue
            room = room_before if place < first else room_after
            consonants.append(Consonant(row[place], row[place - 1], row[place + 1], place >= first, room))
    seconds = np.asarray(durations.seconds(consonants), dtype=np.float64)
    if seconds.shape != (len(consonants),) or not np.all(seconds > 0):
        raise ValueError(f"{type(durations).__name__}.seconds: wanted {len(consonants)} durations above 0 s")
    wanted, taken = [], 0
    for syllable in syllables:
        counts = [
            len(syllable.onset),
            sum(not _holds(symbol, syllable.nucleus) for symbol in syllable.nucleus),
            len(syllable.coda),
        ]
        edges = taken + np.cumsum([0, *counts])
        wanted.append(_Wanted(*(seconds[a:b] for a, b in pairwise(edges))))
        taken = edges[-1]
    return wanted


def _place_first_onset(spans: _Line, syllable: _Syllable, wanted: _Wanted) -> None:
    if syllable.onset and not syllable.start > 0:
        raise ValueError(
            f"place: the first note starts at {syllable.start:.3f} s and leaves no time for its consonants "
            f"{' '.join(syllable.onset)}; sing delay(notes)"
        )
    seconds = wanted.onset * min(1.0, syllable.start / max(wanted.onset.sum(), 1e-9))
    spans.until(syllable.start - seconds.sum() if syllable.onset else syllable.start, SILENCE, -1)
    spans.row(syllable.onset, syllable.start - seconds.sum(), seconds, syllable.note, end=syllable.start)


def _squeeze(room: float, consonants: float) -> float:
    """Factor on consonant durations that leaves the vowel its share of `room` seconds."""
    keep = max(VOWEL_SHARE * room, min(SHORTEST_VOWEL, 0.8 * room))
    return 1.0 if consonants <= room - keep else (room - keep) / consonants


def _holds(symbol: str, nucleus: tuple[str, ...]) -> bool:
    """Whether this phone of a nucleus is held: its vowels, or its only phone."""
    return symbol in VOWELS or len(nucleus) == 1


def _first(syllable: _Syllable) -> str:
    return (syllable.onset + syllable.nucleus)[0]


def _last(syllable: _Syllable) -> str:
    return (syllable.nucleus + syllable.coda)[-1]


def _neighbour(spans: Sequence[PhonemeSpan], index: int) -> str:
    return spans[index].symbol if 0 <= index < len(spans) else SILENCE
