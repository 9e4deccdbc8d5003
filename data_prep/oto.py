"""UTAU voice banks: where oto.ini says that vowels begin, and phones of whole recordings from that.

A line of oto.ini is `file=alias,offset,consonant,cutoff,preutterance,overlap`, milliseconds. In banks of the VCV kind
an alias is the vowel before and the mora, "a か", or "- か" at the beginning; in those of the CV kind each recording
is one mora, and so is its alias. offset + preutterance is where the vowel of the mora begins. Where its consonant
begins no one says: that is looked for in the sound.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.corpus import CorpusError
from svs.audio import Audio
from svs.f0 import track
from svs.g2p.japanese import morae, spoken
from svs.inventory import BR, SIL, features, strip_stress
from svs.phonemes import is_vowel
from svs.timing import Consonant, TypicalDurations

ENCODINGS = ("utf-8-sig", "cp932")
PITCH_SUFFIX = re.compile(r"[A-G][#♯b]?\d$")
PACES = np.arange(0.40, 0.90, 0.002)  # seconds from mora to mora that a reciting singer keeps to
FRAME = 0.005  # seconds
FALL = 32.0  # dB below the loud parts, where the last sound has ended
SYLLABIC = "ɴ"


class OtoError(CorpusError):
    """An oto.ini or a recording that cannot be made sense of; the message names it."""


@dataclass(frozen=True)
class Entry:
    """A line of oto.ini: alias without its pitch, and seconds from the recording's start."""

    file: str
    alias: str
    offset: float
    consonant: float
    cutoff: float
    preutterance: float
    overlap: float

    @property
    def vowel(self) -> float:
        """Where the vowel begins."""
        return self.offset + self.preutterance


def read_oto(path) -> dict[str, list[Entry]]:
    """Entries by the stem of their recording, in the order of their vowels. Raises OtoError naming file and line."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise OtoError(f"{path}: cannot be read ({error.strerror}); a UTAU bank has its labels there") from None
    for encoding in ENCODINGS:
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise OtoError(f"{path}: neither UTF-8 nor Shift-JIS text")
    found: dict[str, list[Entry]] = {}  # names are compared in one normal form, since file systems differ
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            file, _, rest = line.partition("=")
            alias, *values = rest.split(",")
            offset, consonant, cutoff, preutterance, overlap = (float(value or 0) / 1000 for value in values)
        except ValueError:
            raise OtoError(f"{path}, line {number}: {line[:60]!r}; file=alias and five numbers are wanted") from None
        stem = unicodedata.normalize("NFC", Path(file).stem)
        alias = PITCH_SUFFIX.sub("", alias.strip()) or stem
        found.setdefault(stem, []).append(Entry(stem, alias, offset, consonant, cutoff, preutterance, overlap))
    return {stem: sorted(entries, key=lambda entry: entry.vowel) for stem, entries in found.items()}


def vowel_onsets(entries: Sequence[Entry], sung: Sequence[tuple[str, ...]]) -> np.ndarray:
    """When the vowel of each mora of a recording begins, (morae,) seconds.

    sung: phones of its morae. Morae that no entry names lie evenly between those that are named, as they are recited
    at a steady pace. Raises OtoError where entries and morae do not fit together.
    """
    firsts = [entry for entry in entries if entry.alias.startswith("- ")]
    if not firsts and len(sung) == 1:
        firsts = list(entries)  # banks of the CV kind: one mora a recording
    if not firsts:
        raise OtoError("no entry says where it begins")
    start = firsts[0].vowel
    named: list[tuple[float, tuple[str, ...]]] = []
    for entry in entries:
        try:
            named.append((entry.vowel - start, morae(entry.alias.split()[-1], None)))
        except ValueError:
            continue  # aliases of breaths and ends

    def fit(pace: float) -> dict[int, list[float]]:
        """Times by the place of the mora that has these phones and should be sung then."""
        places: dict[int, list[float]] = {}
        for time, phones in named:
            place = round(time / pace)
            if place < len(sung) and sung[place] == phones and abs(time - place * pace) < 0.35 * pace:
                places.setdefault(place, []).append(time)
        return places

    def astray(pace: float) -> float:
        return float(sum(abs(time - place * pace) for place, times in fit(pace).items() for time in times))

    pace = max(PACES, key=lambda pace: (len(fit(pace)), -astray(pace)))
    places = {place: float(np.median(times)) for place, times in fit(pace).items()}
    if 0 not in places or len(places) < 0.4 * len(sung):
        raise OtoError(f"only {len(places)} of its {len(sung)} morae are found among the entries")
    last = max(places)
    for place in range(last + 1, len(sung)):
        places[place] = places[last] + (place - last) * pace
    known = sorted(places)
    return start + np.interp(np.arange(len(sung)), known, [places[place] for place in known])


def label(audio: Audio, onsets: Sequence[float], sung: Sequence[tuple[str, ...]]) -> list[dict]:
    """Phones of a recording, [{"symbol", "start", "end", "note"}], from its start to its end.

    onsets, sung: of its morae, see `vowel_onsets`. A consonant begins where the sound turns voiceless, or changes most,
    before its vowel; the last vowel ends where the sound has fallen by FALL dB. `note` is the mora's number.
    """
    level = _level(audio)
    quiet = np.percentile(level, 95) - FALL
    voiced = _voiced(audio, len(level))
    change = _change(audio, len(level))
    edges, symbols, notes = [0.0], [SIL], [-1]  # what comes before the first mora is settled last
    for number, (onset, phones) in enumerate(zip(onsets, sung, strict=True)):
        consonants, nucleus = list(phones[:-1]), phones[-1]
        before = edges[-1] + 0.05 if number else 0.0
        symbol = strip_stress(consonants[0]) if consonants else strip_stress(nucleus)
        typical = _typical(consonants)
        if not number:
            start = _onset(level, quiet, onset) if consonants else onset
        elif not consonants:
            start = onset
        elif not features(symbol).voiced:
            start = _turns_voiceless(voiced, onset)
        else:
            start = _changes(change, onset, typical.sum())
        longest = 2.5 * typical.sum() + 0.02
        if start is None or not onset - longest <= start <= onset - 0.3 * typical.sum():
            start = onset - typical.sum()
        start = max(start, before)
        shares = np.concatenate([[0.0], np.cumsum(typical)]) / max(typical.sum(), 1e-9)
        for consonant, share in zip(consonants, shares, strict=False):
            edges.append(start + share * (onset - start))
            symbols.append(strip_stress(consonant))
            notes.append(number)
        edges.append(max(onset, edges[-1] + 0.01))
        symbols.append(strip_stress(nucleus))
        notes.append(number)
    sounding = np.flatnonzero(level > quiet)
    after = sounding[sounding * FRAME > edges[-1] + 0.05]
    breaks = np.flatnonzero(np.diff(after) > 0.1 / FRAME)
    end = (after[breaks[0]] if len(breaks) else after[-1]) * FRAME if len(after) else edges[-1] + 0.3
    edges.append(min(end + FRAME, audio.seconds))
    symbols.append(SIL)
    notes.append(-1)
    edges.append(audio.seconds)
    if (inhaled := breath_before(level, edges[1])) is not None:
        edges[1:1], symbols[1:1], notes[1:1] = inhaled, [BR, SIL], [-1, -1]
    spans = zip(symbols, edges, edges[1:], notes, strict=False)
    return [
        {"symbol": symbol, "start": round(a, 4), "end": round(b, 4), "note": note, **({"stress": 1} if is_vowel(symbol) else {})}
        for symbol, a, b, note in spans
    ]


def breath_before(level: np.ndarray, end: float) -> tuple[float, float] | None:
    """Where a singer breathes in before `end`, seconds: the longest stretch a little above the room's own noise."""
    lead = level[: max(0, round((end - 0.02) / FRAME))]
    if len(lead) < 60:
        return None
    smooth = np.convolve(lead, np.ones(11) / 11, mode="same")[6:-6]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], smooth > np.percentile(smooth, 25) + 4.0, [0]]).astype(int)))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return None
    longest = int(np.argmax(ends - starts))
    start, stop = float(starts[longest] + 6) * FRAME, float(ends[longest] + 6) * FRAME
    return (start, stop) if 0.15 <= stop - start <= 0.9 else None


def sung_morae(romaji: str) -> list[tuple[str, ...]]:
    """Phones of the morae in "ka-ka-ki-n": n alone is the syllabic nasal. Raises OtoError."""
    found = []
    for mora in romaji.split("-"):
        try:
            found.append((SYLLABIC,) if mora == "n" else tuple(spoken(mora)))
        except ValueError as error:
            raise OtoError(f"{romaji}: {error}") from None
    return found


def _typical(consonants: Sequence[str]) -> np.ndarray:
    asked = [Consonant(strip_stress(symbol), "AA", "AA", False, 0.6) for symbol in consonants]
    return TypicalDurations().seconds(asked) if asked else np.zeros(0)


def _level(audio: Audio) -> np.ndarray:
    step = round(FRAME * audio.sample_rate)
    frames = audio.samples[: len(audio.samples) // step * step].reshape(-1, step)
    return 20 * np.log10(np.sqrt(np.square(frames).mean(axis=1)) + 1e-7)


def _voiced(audio: Audio, frames: int) -> np.ndarray:
    heard = track(audio)
    at = np.minimum(np.round(np.arange(frames) * FRAME / heard.hop_seconds).astype(int), len(heard.voiced) - 1)
    return heard.voiced[at]


def _change(audio: Audio, frames: int) -> np.ndarray:
    """How much the spectrum below 8 kHz changes across each frame, dB."""
    from scipy.signal import stft

    step = round(FRAME * audio.sample_rate)
    hz, _, spectrum = stft(audio.samples, audio.sample_rate, nperseg=6 * step, noverlap=5 * step)
    bands = np.array_split(np.abs(spectrum[hz < 8000]), 24)
    bands = 20 * np.log10(np.stack([band.mean(axis=0) for band in bands]) + 1e-5)
    apart = 4
    before, after = np.roll(bands, apart, axis=1), np.roll(bands, -apart, axis=1)
    change = np.abs(after - before).mean(axis=0)
    return np.interp(np.arange(frames), np.arange(len(change)), change)


def _turns_voiceless(voiced: np.ndarray, onset: float) -> float | None:
    """The beginning of the longest voiceless run that ends near the onset."""
    first, last = max(0, round((onset - 0.3) / FRAME)), round((onset + 0.03) / FRAME)
    here = voiced[first:last]
    edges = np.flatnonzero(np.diff(np.concatenate([[1], here, [1]]).astype(int)))
    runs = list(zip(edges[::2], edges[1::2], strict=False))
    if not runs:
        return None
    return (first + max(runs, key=lambda run: run[1] - run[0])[0]) * FRAME


def _changes(change: np.ndarray, onset: float, typical: float) -> float | None:
    """Where the spectrum changes most, from one and a half to half a typical duration before the onset."""
    first, last = max(0, round((onset - 1.6 * typical - 0.01) / FRAME)), round((onset - 0.5 * typical) / FRAME)
    return (first + int(np.argmax(change[first:last]))) * FRAME if last > first else None


def _onset(level: np.ndarray, quiet: float, onset: float) -> float:
    """Where the first consonant begins to sound: after the last quiet of 30 ms before its vowel."""
    last = max(1, round((onset - 0.01) / FRAME))
    loud = level[:last] > quiet
    for frame in range(last - 1, 5, -1):
        if not loud[frame - 6 : frame].any():
            return frame * FRAME
    return 0.0
