"""OpenUtau projects (.ustx): YAML; notes in ticks, tones in semitones.

A lyric "+" (or "+2") sings the next syllable of the word before, "+~" or "+*" holds its vowel; "R", "SP" and "AP" are rests. A
phonetic hint in brackets after the word, "read[r eh d]", is not taken over, since its alphabet is the voicebank's own. Of kana as
voicebanks name their sounds, "a か" or "- か_F4", only the kana are sung. What is drawn over a note is: the part's pitch curve
(pitd), the note's vibrato, and its pitch line where that leaves the note, but for the point that joins it to the note before.
https://github.com/stakira/OpenUtau/wiki
"""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from svs.files import load_yaml
from svs.g2p.syllables import shortest, split
from svs.musicxml import clean_lyric
from svs.written import BEFORE_ALL, MOST_POINTS, ScoreError, WrittenNote, WrittenPart, WrittenScore, place_in, regular_measures

MAX_BYTES = 8 * 2**20
LARGEST = 1e9  # of any number
RESTS = {"R", "r", "SP", "AP", "br", "rest", "pau", "sil", "息"}
LEAST_CENTS = 1.0  # what is drawn nearer to the note is no drawing
STEPS, STEPS_OF_CYCLE, MOST_STEPS = 8, 16, 4096  # straight lines in a curved one, in a cycle, in a note's vibrato
SHAPES = {
    "io": lambda x: 0.5 - 0.5 * np.cos(np.pi * x),
    "l": lambda x: x,
    "i": lambda x: 1.0 - np.cos(0.5 * np.pi * x),
    "o": lambda x: np.sin(0.5 * np.pi * x),
}  # in and out, linear, in, out
VOWEL_LETTERS = "aeiouyáéíóúàèìòùâêîôûäöüåæœø"


def read_ustx(path) -> WrittenScore:
    """Read an OpenUtau project: one part for each of its tracks with notes. Raises ScoreError of one line."""
    path = Path(path)
    project = _load(path)
    try:
        return _read(project, path.name)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        if isinstance(error, ScoreError):
            raise
        raise ScoreError(f"{path.name}: not a whole OpenUtau project ({type(error).__name__}: {error})") from None


def _load(path):
    import yaml

    data = path.read_bytes()
    if len(data) > MAX_BYTES:
        raise ScoreError(f"{path.name}: {len(data) >> 20} MB; projects above {MAX_BYTES >> 20} MB are refused")
    try:
        project = load_yaml(data.decode("utf-8-sig"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ScoreError(f"{path.name}: not YAML ({' '.join(str(error).split())[:160]})") from None
    if not isinstance(project, dict) or "voice_parts" not in project:
        raise ScoreError(f"{path.name}: no voice_parts; an OpenUtau project is wanted")
    return project


def _text(value) -> str:
    """A scalar as it is written; of anything else nothing, since aliases can make it endless."""
    return str(value) if isinstance(value, str | int | float) else ""


def _number(value) -> float:
    """Of a number that a song may have. Raises ValueError, TypeError or OverflowError."""
    number = float(value)
    if not abs(number) <= LARGEST:
        raise ValueError(f"{number:g} is beyond all songs")
    return number


def _whole(value) -> int:
    return int(_number(value))


def _read(project, file):
    beat = Fraction(_whole(project.get("resolution") or 480))
    tempos = project.get("tempos") or [{"position": 0, "bpm": project.get("bpm") or 120}]
    marks = sorted((_whole(tempo["position"]), _number(tempo["bpm"])) for tempo in tempos)
    tracks: dict[int, list] = {}
    points = 0
    for voice_part in project["voice_parts"] or ():
        start = _whole(voice_part.get("position") or 0)
        curve = _pitch_curve(voice_part)
        for note in voice_part.get("notes") or ():
            onset, length = start + _whole(note["position"]), _whole(note["duration"])
            cents = 100.0 * _number(note["tone"]) + _number(note.get("tuning") or 0)
            bpm = next((bpm for at, bpm in reversed(marks) if at <= onset), marks[0][1])
            ticks, drawn = _drawn(note, length, curve, max(bpm, 1.0) * float(beat) / 60_000)
            if (points := points + len(ticks)) > MOST_POINTS:
                raise ScoreError(f"{file}: curves of more than {MOST_POINTS:,} points over its notes; so many are not read")
            bend = tuple((Fraction(round(tick)) / beat, round(away, 2)) for tick, away in zip(ticks, drawn, strict=True))
            tracks.setdefault(_whole(voice_part.get("track_no") or 0), []).append(
                (Fraction(onset) / beat, Fraction(length) / beat, cents, _text(note.get("lyric")), bend)
            )
    if not tracks:
        raise ScoreError(f"{file}: a project without notes; there is nothing to sing")

    signatures = {
        _whole(each["bar_position"]): Fraction(4 * _whole(each["beat_per_bar"]), _whole(each["beat_unit"]))
        for each in project.get("time_signatures") or ()
        if _whole(each["beat_per_bar"]) > 0
    }
    if not signatures:
        signatures = {0: Fraction(4 * _whole(project.get("beat_per_bar") or 4), _whole(project.get("beat_unit") or 4))}
    score = WrittenScore(file, _text(project.get("name")))
    ends = [onset + length for notes in tracks.values() for onset, length, *_ in notes]
    score.measures = regular_measures(signatures, max(ends), file)
    starts = score.starts()
    for tick, bpm in marks:
        score.tempos.append((*place_in(starts, Fraction(tick) / beat), bpm))
    names = {number: track.get("track_name") for number, track in enumerate(project.get("tracks") or ())}
    for number, notes in sorted(tracks.items()):
        part = WrittenPart(_text(names.get(number)) or f"Track {number + 1}", f"P{number + 1}", legato=Fraction(1, 16))
        fill(part, starts, notes)
        score.parts.append(part)
    return score


def _pitch_curve(voice_part) -> tuple[np.ndarray, np.ndarray]:
    """(ticks of the part, cents) of what is drawn over all its notes; before and after it nothing is."""
    points: list[tuple[float, float]] = []
    for curve in voice_part.get("curves") or ():
        if curve.get("abbr") == "pitd":
            points += zip(map(_number, curve["xs"] or ()), map(_number, curve["ys"] or ()), strict=True)
    if not points:
        return np.zeros(1), np.zeros(1)
    points.sort()
    edges = [(points[0][0] - 1.0, 0.0)], [(points[-1][0] + 1.0, 0.0)]
    ticks, cents = np.transpose(edges[0] + points + edges[1])
    return ticks, cents


def _drawn(note, length: int, curve, ticks_per_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """(ticks from its onset, cents) of all that is drawn over a note; empty where nothing is."""
    start = _whole(note["position"])
    ticks, cents = curve
    inside = ticks[np.searchsorted(ticks, start, "right") : np.searchsorted(ticks, start + length)] - start
    parts = [_line(note, ticks_per_ms), _vibrato(note, length, ticks_per_ms)]
    at = np.unique(np.round(np.concatenate([[0.0], *(part[0] for part in parts), inside, [length]])))
    at = at[(at >= 0) & (at <= length)]
    away = np.interp(at + start, ticks, cents)
    for where, part in parts:
        away += np.interp(at, where, part, right=0.0) if len(where) else 0.0
    return (at, away) if np.abs(away).max(initial=0.0) >= LEAST_CENTS else (at[:0], away[:0])


def _line(note, ticks_per_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """(ticks, cents) of a note's own pitch line, after the point that snaps to the note before; empty where it is plain."""
    line = note.get("pitch") or {}
    points = [
        (_number(point["x"]) * ticks_per_ms, 10.0 * _number(point["y"]), SHAPES.get(_text(point.get("shape")), SHAPES["io"]))
        for point in line.get("data") or ()
    ][line.get("snap_first") is not False :]
    if not any(abs(cents) >= LEAST_CENTS for _, cents, _ in points):
        return np.zeros(0), np.zeros(0)
    steps = np.arange(STEPS) / STEPS
    ticks = [a[0] + steps * (b[0] - a[0]) for a, b in pairwise(points)] + [[points[-1][0]]]
    cents = [a[1] + a[2](steps) * (b[1] - a[1]) for a, b in pairwise(points)] + [[points[-1][1]]]
    return np.maximum.accumulate(np.concatenate(ticks)), np.concatenate(cents)


def _vibrato(note, length: int, ticks_per_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """(ticks, cents) of a note's vibrato, whose shares are percent: length of the note, in and out of that, shift of a cycle."""
    given = note.get("vibrato") or {}
    shares = (_number(given.get(name) or 0) / 100 for name in ("length", "in", "out", "shift"))
    share, begins, ends, shift = (min(max(each, 0.0), 1.0) for each in shares)
    depth, drift = (min(max(_number(given.get(k) or 0), -200.0), 200.0) for k in ("depth", "drift"))
    period = max(_number(given.get("period") or 175), 5.0) * ticks_per_ms
    if not (share and depth and length > 0):
        return np.zeros(0), np.zeros(0)
    first = length * (1.0 - share)
    at = np.arange(first, length, max(period / STEPS_OF_CYCLE, length / MOST_STEPS))
    done = (at - first) / (length - first)
    cents = depth * (np.sin(2 * np.pi * ((at - first) / period + shift)) + drift / 100)
    cents *= np.minimum(done / max(begins, 1e-9), 1.0) * np.minimum((1.0 - done) / max(ends, 1e-9), 1.0)
    return np.concatenate([[first - 1.0], at]), np.concatenate([[0.0], cents])


def fill(part: WrittenPart, starts: list[Fraction], notes) -> None:
    """Give a part the notes of a singing editor: (onset, duration in quarters, cents, lyric as editors write it, bend)."""
    ordinals: dict[int, int] = {}
    for (onset, length, cents, _, bend), lyric in zip(
        sorted(notes), editor_lyrics([n[3] for n in sorted(notes)]), strict=True
    ):
        if lyric == "rest" or length <= 0 or (lyric is None and not part.notes):
            what = "breaths and rests written as notes" if lyric == "rest" else "notes that last no time"
            what = what if lyric == "rest" or length <= 0 else BEFORE_ALL
            part.skipped[what] = part.skipped.get(what, 0) + 1
            continue
        measure, offset = place_in(starts, onset)
        ordinals[measure] = ordinals.get(measure, 0) + 1
        note = WrittenNote(measure, offset, length, cents, ordinal=ordinals[measure], bend=bend)
        note.lyrics, note.slurred = (lyric,) if lyric else (), lyric is None
        part.notes.append(note)


KANA = "[\u3041-\u309f\u30a1-\u30ff]"


def _plain(text: str) -> str:
    """A lyric without phonetic hints and without what a voicebank adds to kana: the vowel before, pitch, "R" at the end."""
    text = re.sub(r"(?<=[^\s\[])\s*\[[^\]]*\]$", "", text.strip())
    if found := re.fullmatch(rf"(?:[aiueonN-]\s+)?({KANA}+)[_ ]?(?:[A-G][#b♯♭]?\d)?[↑↓’']?(?:\s+[R-])?", text):
        return found[1]
    return "R" if re.fullmatch(r"[aiueonN]\s+[R-]", text) else text


def editor_lyrics(texts: list[str]):
    """For each note its Lyric, None where it holds the vowel before, or "rest"."""
    lyrics: list = []
    place = 0
    while place < len(texts):
        text = _plain(texts[place])
        if text in RESTS:
            lyrics.append("rest")
        elif text in ("+~", "+*", "-", "ー") or (text.startswith("+") and not lyrics) or not text:
            lyrics.append(None)
        else:
            notes = 1  # that sing a syllable of this word; those between only hold it
            stop = place + 1
            held = []
            while stop < len(texts) and re.fullmatch(r"\s*\+(~|\*|\d{0,2})\s*", texts[stop]):
                held.append(texts[stop].strip()[1:] in ("~", "*"))
                notes += not held[-1]
                stop += 1
            pieces = iter(spell(text, notes))
            sung = [next(pieces, None), *(None if hold else next(pieces, None) for hold in held)]
            last = max(i for i, piece in enumerate(sung) if piece is not None)
            for i, piece in enumerate(sung):
                here = {(True, True): "single", (True, False): "begin", (False, False): "middle", (False, True): "end"}
                lyrics.append(None if piece is None else clean_lyric(piece, here[i == 0, i == last]))
            place = stop
            continue
        place += 1
    return lyrics


def may_be_one_syllable(word: str) -> bool:
    """Whether an English word has a pronunciation of one syllable, or one that poets make one of: fire, heaven, power."""
    return shortest(word) < 2


def spell(word: str, count: int) -> list[str]:
    """A word cut into at most `count` written syllables: as English is, or by its groups of vowel letters."""
    if word.isascii():
        pieces = split(word) if count > 1 else [word]
        return [*pieces[: count - 1], "".join(pieces[count - 1 :])][: max(1, len(pieces))]
    groups = [match.span() for match in re.finditer(f"[{VOWEL_LETTERS}]+", word.lower())]
    cuts = [0]
    for (_, end), (start, _) in pairwise(groups):
        if len(cuts) < count:
            cuts.append(start - 1 if start - end else start)
    return [word[a:b] for a, b in zip(cuts, [*cuts[1:], len(word)], strict=True)]
