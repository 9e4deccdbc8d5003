"""Tuning: how many cents above A4 a written note sounds, in a temperament or a Scala scale.

Conventions
- A4 as written sounds at the tuning's frequency in every temperament (442 Hz with `--tuning 442`); a temperament says
  how all other notes lie around it. Transposition moves the whole by equal semitones afterwards, so that the tonic is
  that of the page.
- Pythagorean and meantone are chains of fifths without end: a note takes its place in the chain from its spelling, so
  that G♯ and A♭ differ and no fifth is a wolf. Notes without a spelling (MIDI) take the twelve places from three
  fifths below the tonic to eight above it (E♭ to G♯ about C), where keyboards put the wolf.
- Just and twelve-note Scala scales are read as a keyboard is: so many semitones above the tonic, that degree.
- A Scala scale of another number of notes gives each note the degree nearest to it as written, counted from the tonic.
- Microtones are steps of their own: a quarter-tone above G is 50 cents above whatever G is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from svs.files import read_small
from svs.mistakes import Mistake
from svs.score import Note
from svs.units import A4_CENTS, A4_HZ
from svs.written import fifths_of

TEMPERAMENTS = ("equal", "just", "pythagorean", "meantone")
LARGEST_SCALE = 10_000  # notes
WIDEST = 120_000.0  # cents, a hundred octaves
FIFTH_OF_A = 3  # fifths above C


class TuningError(Mistake):
    """A temperament, tonic or Scala file that cannot be used; the message says what was found and what is wanted."""


def _cents(ratio) -> float:
    ratio = Fraction(ratio)
    return 1200.0 * (math.log2(ratio.numerator) - math.log2(ratio.denominator))


# Fifths in cents: 3/2 (Pythagoras), and the one of quarter-comma meantone, of which four make a pure third, 5/1
# (Pietro Aron 1523; Barbour 1951, Tuning and Temperament).
PYTHAGOREAN_FIFTH = _cents(Fraction(3, 2))
MEANTONE_FIFTH = _cents(5) / 4

# Five-limit just intonation, twelve degrees: three chains of fifths a pure third apart, the "duodene" of A. J. Ellis in
# his appendix to Helmholtz, On the Sensations of Tone (1885).
JUST_RATIOS = ("16/15", "9/8", "6/5", "5/4", "4/3", "45/32", "3/2", "8/5", "5/3", "9/5", "15/8", "2/1")


@dataclass(frozen=True)
class Scale:
    """A scale as Scala files hold it.

    degrees: cents above degree 0, which is 0.0 itself; ascending or not. period: cents after which it repeats.
    """

    name: str
    degrees: tuple[float, ...]
    period: float

    def keyed(self, semitones: int) -> float:
        """Cents above the tonic of a key so many semitones above it, a degree for each key."""
        periods, degree = divmod(semitones, len(self.degrees))
        return periods * self.period + self.degrees[degree]

    def nearest(self, cents: float) -> float:
        """Cents above the tonic of the degree nearest to `cents`, the lower of two as near."""
        periods = math.floor(cents / self.period)
        places = [(periods + k) * self.period + degree for k in (-1, 0, 1) for degree in self.degrees]
        return min(places, key=lambda place: (round(abs(place - cents), 9), place))


JUST = Scale("just", (0.0, *(_cents(Fraction(ratio)) for ratio in JUST_RATIOS[:-1])), 1200.0)


@dataclass(frozen=True)
class Tuning:
    """Where written notes sound.

    a4_hz: frequency of A4. temperament: one of TEMPERAMENTS, or a Scale. tonic: fifths above C (G is 1, F is -1).
    """

    a4_hz: float = A4_HZ
    temperament: str | Scale = "equal"
    tonic: int = 0

    @classmethod
    def read(cls, a4_hz: float = A4_HZ, temperament: str | Path | Scale = "equal", tonic: str = "C") -> Tuning:
        """A tuning from what a user writes: Hz, a name or a .scl file, a note name without octave such as "Eb"."""
        if not 100.0 <= a4_hz <= 1000.0:
            raise TuningError(f"tuning is {a4_hz} Hz; the frequency of A4 between 100 and 1000 Hz is wanted")
        if not isinstance(temperament, Scale) and temperament not in TEMPERAMENTS:
            if not str(temperament).lower().endswith(".scl"):
                wanted = ", ".join(TEMPERAMENTS)
                raise TuningError(f"temperament is {str(temperament)!r}; choose {wanted}, or a Scala file (.scl)")
            temperament = read_scale(temperament)
        return cls(float(a4_hz), temperament, _tonic(tonic))

    def offset(self, cents: float, fifths: int | None = None) -> float:
        """Cents by which a note sounds above its place in equal temperament at A4 = 440 Hz.

        cents: as written. fifths: of its spelling without microtones, F♭♭ … C = 0, G = 1, F♯ = 6 …; None when unknown.
        """
        return self._place(cents, fifths) - self._place(A4_CENTS, FIFTH_OF_A) + 1200.0 * math.log2(self.a4_hz / A4_HZ)

    def _place(self, cents: float, fifths: int | None) -> float:
        """Cents by which the temperament moves a note when its tonic stays where equal temperament has it."""
        if self.temperament == "equal":
            return 0.0
        key = _key(cents, fifths)
        if self.temperament in ("pythagorean", "meantone"):
            fifth = PYTHAGOREAN_FIFTH if self.temperament == "pythagorean" else MEANTONE_FIFTH
            if fifths is None:
                fifths = self.tonic + (7 * (key - 7 * self.tonic) + 3) % 12 - 3
            return (fifths - self.tonic) * (fifth - 700.0)
        scale = self.temperament if isinstance(self.temperament, Scale) else JUST
        tonic = 7 * self.tonic % 12  # a key of the lowest octave
        if len(scale.degrees) == 12:
            return scale.keyed(key - tonic - 60) - 100.0 * (key - tonic - 60)
        above = cents - 100.0 * (tonic + 60)
        return scale.nearest(above) - above


def tune(notes: Sequence[Note], tuning: Tuning, transposed: float = 0.0) -> tuple[Note, ...]:
    """The notes where the tuning has them. transposed: cents by which they lie above the page already."""
    return tuple(
        replace(note, cents=note.cents + tuning.offset(note.cents - transposed, note.fifths)) for note in notes
    )


def _key(cents: float, fifths: int | None) -> int:
    """MIDI number of the written note without its microtone: that of its spelling, else the nearest."""
    if fifths is None:
        return math.floor(cents / 100.0 + 0.5)
    pitch_class = 7 * fifths % 12
    return pitch_class + 12 * math.floor((cents / 100.0 - pitch_class) / 12.0 + 0.5)


def _tonic(name: str) -> int:
    match = re.fullmatch(r"([A-Ga-g])([#♯]*|[b♭]*)", str(name).strip())
    if not match:
        raise TuningError(f"tonic is {name!r}; a note without its octave is wanted, such as C, F# or Bb")
    return fifths_of(match[1].upper(), len(match[2]) * (1 if match[2][:1] in ("#", "♯") else -1))


# Scala -----------------------------------------------------------------------------------------------------------


def read_scale(path) -> Scale:
    """Read a Scala scale (.scl, https://www.huygens-fokker.org/scala/scl_format.html).

    Lines that begin with ! are comments; then a description, the number of notes, and a pitch a line: cents where it
    has a point, else a ratio. The last pitch is the period; degree 0 is not written.
    Raises TuningError of one line: file, line, what was found, what is wanted.
    """
    path = Path(path)
    try:
        data = read_small(path)
    except OSError as error:
        raise TuningError(f"{path}: {error.strerror}; a Scala file (.scl) is wanted") from None
    if b"\0" in data or len(data) > 2**20:
        raise TuningError(f"{path.name}: not a Scala file (text of less than 1 MB is wanted)")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if not line.startswith("!")]
    if len(lines) < 2:
        raise TuningError(f"{path.name}: ends before the number of notes; a description and a number are wanted first")
    (_, name), (number, count), *pitches = lines
    words = count.split()
    if not words or not re.fullmatch(r"\d{1,6}", words[0]) or int(words[0]) > LARGEST_SCALE:
        raise TuningError(f"{path.name}, line {number}: {count.strip()!r} where the number of notes is wanted")
    notes = int(words[0])
    pitches = [(number, line) for number, line in pitches if line.strip()]
    if len(pitches) < notes:
        raise TuningError(f"{path.name}: {len(pitches)} pitches where {notes} are announced; add the missing lines")
    degrees = [0.0, *(_pitch(path.name, number, line) for number, line in pitches[:notes])]
    if notes == 0:
        raise TuningError(f"{path.name}: a scale of 0 notes has no period and cannot be sung; 1 note or more is wanted")
    if not degrees[-1] > 0:
        raise TuningError(f"{path.name}: its last pitch, the period, is {degrees[-1]:g} cents; above 0 is wanted")
    return Scale(name.strip() or path.stem, tuple(degrees[:-1]), degrees[-1])


def _pitch(file: str, number: int, line: str) -> float:
    """Cents of a pitch line; what stands after the pitch is ignored."""
    match = re.match(r"\s*(-?\d*\.\d*|(-?\d+)(?:\s*/\s*(-?\d+))?)(?=\s|$|[^\d./-])", line)
    text = match[1] if match else ""
    try:
        ratio = None if match is None or "." in text else Fraction(int(match[2]), int(match[3] or 1))
        cents = float(text) if ratio is None else _cents(ratio)
        if abs(cents) <= WIDEST:
            return cents
    except (TypeError, ValueError, ZeroDivisionError):
        pass
    found = line.strip()[:40]
    wanted = "cents with a point (386.31) or a ratio above 0 (5/4)"
    raise TuningError(f"{file}, line {number}: {found!r} is no pitch; {wanted} is wanted")
