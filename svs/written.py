"""The page as it is written: notes in quarters, measures with their repeats, lyrics by verse.

`svs.musicxml` fills these types from MusicXML; `svs.score` plays them: in the order the repeats ask for, in
seconds. Positions are (measure index, quarters from its barline) so that a measure sung twice is written once.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from svs.mistakes import Mistake

BEFORE_ALL = "notes before the first syllable"  # of what is left out
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
# What may be written at a note about how it is sung; "glide" stands for <glissando>, <slide> and "port." from a note to
# the next. The names are MusicXML's.
MARKS = (
    *("accent", "strong-accent", "staccato", "staccatissimo", "spiccato", "detached-legato", "tenuto"),
    *("breath-mark", "caesura", "scoop", "plop", "doit", "falloff", "glide"),
)


class ScoreError(Mistake):
    """A score that cannot be read or sung; the message says where, what was found and what to do."""


def fifths_of(step: str, alter: int = 0) -> int:
    """Place of a spelling in the chain of fifths: C is 0, G 1, F -1; each sharp adds seven."""
    return (7 * STEPS[step] + 1) % 12 - 1 + 7 * alter


@dataclass(frozen=True)
class Lyric:
    """One syllable under a note.

    verse: 1, 2, … from top to bottom. syllabic: "single", "begin", "middle" or "end".
    extend: True where a line after the syllable says that it is held over the notes that follow.
    hyphened: True where the hyphen to the next syllable stood in the text.
    """

    verse: int
    text: str
    syllabic: str = "single"
    extend: bool = False
    hyphened: bool = False


@dataclass
class WrittenNote:
    """One note head of a part; chords and ties are not yet resolved.

    measure: index into WrittenScore.measures. offset, duration: quarters; duration 0 for grace notes.
    cents: sounding. ordinal: 1 for the first note of its measure, as error messages count.
    slurred: under a slur that began on an earlier note.
    grace: None, "acciaccatura" (slashed) or "appoggiatura"; grace_quarters is the value of its note sign,
    steals_previous says that it sounds before the beat (an afterbeat) instead of on it.
    fifths: place of its spelling in the chain of fifths (see fifths_of), None where a note has none.
    marks: what is written at it about how it is sung, of MARKS.
    bend: (quarters from its onset, cents away from it) of a contour that the file draws over it; empty for none.
    """

    measure: int
    offset: Fraction
    duration: Fraction
    cents: float
    voice: str = "1"
    ordinal: int = 1
    lyrics: tuple[Lyric, ...] = ()
    tie_start: bool = False
    tie_stop: bool = False
    slurred: bool = False
    fermata: bool = False
    grace: str | None = None
    grace_quarters: Fraction = Fraction(0)
    steals_previous: bool = False
    chord: bool = False
    loudness: float = 0.0
    fifths: int | None = None
    marks: tuple[str, ...] = ()
    bend: tuple[tuple[Fraction, float], ...] = ()

    def lyric(self, verse: int) -> Lyric | None:
        return next((lyric for lyric in self.lyrics if lyric.verse == verse), None)


@dataclass
class Measure:
    """One measure and what its barlines and signs say about the order of playing.

    number: as printed. length: quarters.
    repeat_end: how often the section is played in all (2 for a plain repeat), None without a repeat sign.
    endings: passes on which this measure is played (volta brackets), empty when on all.
    section: True where a double bar or a repeat sign stands before it. plays: how often its repeat is played by words ("3x").
    dal_segno, to_coda: label of the sign to jump to. da_capo, fine: True at the end of this measure.
    """

    number: int = 1
    length: Fraction = Fraction(0)
    repeat_start: bool = False
    repeat_end: int | None = None
    repeat_after_jump: bool = False
    plays: int | None = None
    section: bool = False
    endings: frozenset[int] = frozenset()
    ending_starts: bool = False
    ending_stops: bool = False
    segno: set[str] = field(default_factory=set)
    coda: set[str] = field(default_factory=set)
    dal_segno: str | None = None
    da_capo: bool = False
    to_coda: str | None = None
    fine: bool = False


@dataclass
class WrittenPart:
    """One part: its notes in the order of the file.

    legato: notes at most so many quarters apart follow each other without a rest; fermata_rests: (measure, offset,
    quarters) of held rests; skipped: what was left out, and how often; skipped_in: in which bars, where that is known.
    """

    name: str
    id: str
    legato: Fraction = Fraction(1, 16)
    notes: list[WrittenNote] = field(default_factory=list)
    fermata_rests: list[tuple[int, Fraction, Fraction]] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    skipped_in: dict[str, list[int]] = field(default_factory=dict)


@dataclass
class WrittenScore:
    """All parts over common measures. tempos: (measure, offset in quarters, quarters a minute), in order.

    swings: (measure, offset) → (beat in quarters, share of it that the first of its two halves takes), from there on.
    language: code of the lyrics' language where the file names it; likely_language: where it does as its makers set it by
    default, so that words which speak of another are believed more.
    """

    file: str
    title: str = ""
    measures: list[Measure] = field(default_factory=list)
    parts: list[WrittenPart] = field(default_factory=list)
    tempos: list[tuple[int, Fraction, float]] = field(default_factory=list)
    swings: dict[tuple[int, Fraction], tuple[Fraction, Fraction]] = field(default_factory=dict)
    tempo_words: str = ""
    language: str | None = None
    likely_language: str | None = None

    def starts(self) -> list[Fraction]:
        """Onset of every measure in written order, then the length of the whole, in quarters."""
        starts = [Fraction(0)]
        for measure in self.measures:
            starts.append(starts[-1] + measure.length)
        return starts

    def swung(self, measure: int, offset: Fraction) -> Fraction:
        """Where in its measure a place sounds: off the beat later, or earlier, where the page swings.

        Halves, quarters … of the beat move, triplets stay. A pickup's beats are counted from its end.
        """
        places = [place for place in self.swings if place <= (measure, offset)]
        if not places:
            return offset
        beat, share = self.swings[max(places)]
        pickup = self.measures[measure].length % beat if measure == 0 else Fraction(0)
        phase = (offset - pickup) % beat / beat
        if phase.denominator & (phase.denominator - 1):  # not a power of two
            return offset
        late = 2 * share * phase if 2 * phase <= 1 else share + (2 * phase - 1) * (1 - share)
        return offset + (late - phase) * beat


MOST_NOTES = 250_000  # heads of a file, all parts; and notes of a line as it is played
MOST_POINTS = 500_000  # of the contours that a file draws over its notes
MOST_BARS = 20_000  # hours of music; beyond them a file is damaged


def regular_measures(signatures: dict[int, Fraction], end: Fraction, file: str) -> list[Measure]:
    """Measures up to `end` quarters for files that count in beats. signatures: index of a measure → its length.

    Raises ScoreError where there would be more than MOST_BARS.
    """
    measures: list[Measure] = []
    reached, length = Fraction(0), Fraction(4)
    while reached < end or not measures:
        length = signatures.get(len(measures), length)
        if len(measures) == MOST_BARS or length <= 0:
            raise ScoreError(f"{file}: more than {MOST_BARS} bars; a damaged file")
        measures.append(Measure(len(measures) + 1, length))
        reached += length
    return measures


def bars_text(numbers: Iterable[int]) -> str:
    """ "bar 3" or "bars 3, 7–9" of bar numbers in any order, the first dozen of what is longer."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [str(a) if a == b else f"{a}–{b}" for a, b in runs]
    shown = ", ".join(texts[:12]) + (" …" if len(texts) > 12 else "")
    return f"bar {shown}" if len(runs) == 1 and runs[0][0] == runs[0][1] else f"bars {shown}"


def place_in(starts: list[Fraction], quarters: Fraction) -> tuple[int, Fraction]:
    """(measure index, offset) of a position in quarters from the beginning; starts: of `WrittenScore.starts`."""
    index = min(max(bisect_right(starts, quarters) - 1, 0), len(starts) - 2)
    return index, quarters - starts[index]


def note_cents(name: str) -> float:
    """Cents of a pitch name such as "A4", "Bb3" or "F#5"; raises ScoreError on anything else."""
    step, alter, octave = _spelling(name)
    return 100.0 * (STEPS[step] + alter + 12 * (octave + 1))


def note_fifths(name: str) -> int:
    """Place of a pitch name in the chain of fifths; raises ScoreError as note_cents does."""
    step, alter, _ = _spelling(name)
    return fifths_of(step, alter)


def _spelling(name: str) -> tuple[str, int, int]:
    match = re.fullmatch(r"([A-Ga-g])([#♯]*|[b♭]*)(-?\d+)", name.strip())
    if not match:
        raise ScoreError(
            f"pitch {name!r} is not a note name; write a letter, accidentals and an octave, as in Bb3 or F#5"
        )
    step, accidentals, octave = match.groups()
    alter = len(accidentals) * (1 if accidentals[:1] in "#♯" else -1)
    return step.upper(), alter, int(octave)


def join_ties(notes: list[WrittenNote], starts: list[Fraction]) -> list[tuple[Fraction, Fraction, WrittenNote]]:
    """(onset, duration, first note) in quarters in written order, tied note heads joined, grace notes left out."""
    joined: list[list] = []
    open_ties: dict[float, list] = {}
    for note in notes:
        if note.grace:
            continue
        onset = starts[note.measure] + note.offset
        before = open_ties.get(note.cents) if note.tie_stop else None
        if before is not None and before[0] + before[1] == onset:
            before[1] += note.duration
            entry = before
        else:
            entry = [onset, note.duration, note]
            joined.append(entry)
        if note.tie_start:
            open_ties[note.cents] = entry
        elif open_ties.get(note.cents) is entry:
            del open_ties[note.cents]
    return [tuple(entry) for entry in joined]
