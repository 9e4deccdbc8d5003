"""Scores: notes in seconds and cents, with their syllables.

`read_score` reads the page (`svs.musicxml`, `svs.midi`), puts its measures in playing order (`svs.repeats`) and
sings it here: verses, ties, grace notes, tempo and fermatas become onsets and durations in seconds. MusicXML is
walked directly, since music21 errs silently on just the facts singing needs (see `svs.musicxml`); music21 reads the
other formats (`svs.foreign`).

Conventions:
- Pass n through a repeat sings verse n where the score has one; a refrain printed once is sung every time.
- A note without a syllable continues the vowel before it: over no rest always, over a rest only inside a word or
  under an extender line. An English word of several syllables that stands whole under its first note is spread over
  such notes. Any other note without a syllable is an error, unless `missing_lyric` says what to sing.
- An acciaccatura falls on the beat and takes 70 ms of the note that follows; an appoggiatura takes its written value,
  at most half of that note. The syllable begins with the grace note, so that the word meets the beat.
- Where the file swings (<swing>, or "Swing" in words, 2 to 1), halves of the beat move and triplets stay.
- Without a tempo mark a word such as Andante gives the tempo, else a quarter note takes half a second (120 a minute);
  `Score.remarks` says so. Later words ("Allegro", "più mosso", "Tempo I") change it, and rit. and accel. are played until
  "a tempo" (svs/tempo.py).
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from svs.files import MOST_BYTES
from svs.g2p import parted
from svs.language import detect
from svs.repeats import play_order
from svs.tempo import DEFAULT_TEMPO, of_words
from svs.units import note_name
from svs.ustx import may_be_one_syllable, spell
from svs.written import (
    MOST_NOTES,
    Lyric,
    ScoreError,
    WrittenNote,
    WrittenPart,
    WrittenScore,
    note_cents,
    note_fifths,
)

__all__ = ["Grid", "Note", "Part", "Score", "ScoreError", "read_score", "score_to_json", "select_part"]

MUSICXML = (".musicxml", ".xml", ".mxl")
MIDI = (".mid", ".midi", ".kar", ".smf", ".rmi")
USTX = (".ustx",)
PROJECTS = (".vsqx", ".vpr", ".svp", ".svip", ".s5p", ".ust", ".ccs", ".tssln", ".ppsf", ".vvproj", ".acep", ".dv")
MUSIC21 = (".abc", ".krn", ".mei", ".capx", ".nwctxt")
MOST_FACTOR = 50.0
SLOWEST, FASTEST = 1.0, 20_000.0  # quarter notes a minute; UltraStar counts in hundreds
LONGEST_SONG = 4 * 3600.0  # seconds
LOWEST, HIGHEST = 0, 13_200  # cents, 8 Hz to 16.7 kHz
BREATHS = {"br", "AP", "SP", "pau", "sil"}  # as the lyrics of singing editors and of Japanese corpora have them
ACCIACCATURA_SECONDS = 0.07
FEW_OF_MOST = 0.25  # lines with fewer than this share of the most syllables are asides: ossias, cues, duet entries
FEW_SYLLABLES = 4  # so many of another verse in a row are its text, fewer are a melisma in this verse


@dataclass(frozen=True)
class Note:
    """One sung note.

    onset, duration: seconds. cents: 100 × MIDI number, sounding.
    lyric:    syllable as written (without hyphens), None where the note continues the vowel before it.
    syllabic: place of the syllable in its word: "single", "begin", "middle" or "end".
    melisma:  True where the note continues the vowel of the note before it.
    slurred:  True where the note is slurred or melismatic to the one before it (no new attack).
    bar:      bar number as printed in the score.
    loudness: dB relative to mezzo-forte.
    phonemes: ARPAbet with stress digits, onset + nucleus + coda; empty for melisma notes.
    fifths:   place of the spelling in the chain of fifths (C 0, G 1, F♯ 6, B♭ -2); None where there is none.
    marks:    what is written at the note about how it is sung, of svs.written.MARKS.
    bend:     (seconds from the onset, cents away from the note) of a contour that the score draws over it, joined by straight
              lines; empty for none.
    """

    onset: float
    duration: float
    cents: float
    lyric: str | None
    syllabic: str = "single"
    melisma: bool = False
    slurred: bool = False
    bar: int = 1
    loudness: float = 0.0
    phonemes: tuple[str, ...] = ()
    fifths: int | None = None
    marks: tuple[str, ...] = ()
    bend: tuple[tuple[float, float], ...] = ()

    @property
    def end(self) -> float:
        return self.onset + self.duration


@dataclass(frozen=True)
class Part:
    """One sung line: notes in time order that do not overlap; gaps are rests."""

    name: str
    language: str
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Grid:
    """Where the beats of a played score fall, tempo and fermatas included.

    points: (seconds, quarters) between which time runs evenly. bars: (quarters, printed number) of every bar played,
    and of the end.
    """

    points: tuple[tuple[float, float], ...]
    bars: tuple[tuple[float, int], ...]

    def delayed(self, seconds: float) -> Grid:
        """The same after a lead-in, which counts as one beat of its own."""
        points = ((0.0, 0.0), *((at + seconds, quarters + 1.0) for at, quarters in self.points))
        return Grid(points, ((0.0, 0), *((quarters + 1.0, number) for quarters, number in self.bars)))


@dataclass(frozen=True)
class Score:
    """All sung lines of a score.

    remarks: one line each of what was assumed or left out in reading it. transposed: cents above the page.
    wordless: names of the parts that have notes but no lyrics.
    """

    title: str
    parts: tuple[Part, ...] = field(default_factory=tuple)
    remarks: tuple[str, ...] = ()
    grid: Grid | None = None
    transposed: float = 0.0
    wordless: tuple[str, ...] = ()

    @classmethod
    def from_notes(cls, notes, *, title: str = "", name: str = "Voice", language: str = "en") -> Score:
        """A score of one part from (onset seconds, duration seconds, pitch, syllable) tuples.

        pitch: cents, or a note name such as "Bb3". syllable: hyphens join a word, "twin-" "-kle"; None continues the
        vowel before. Raises ScoreError for notes that overlap, last no time or begin with no syllable, and for none at all.
        """
        sung: list[Note] = []
        inside_word = False
        for number, (onset, duration, cents, fifths, syllable) in enumerate(sorted(map(_plain, notes), key=lambda n: n[0]), 1):
            where = f"note {number} ({note_name(cents)})"
            if not duration > 0:
                raise ScoreError(f"{where}: lasts {duration:g} s; a duration above 0 is wanted")
            if sung and onset < sung[-1].end - 1e-6:
                raise ScoreError(f"{where}: begins at {onset:g} s, before note {number - 1} ends at {sung[-1].end:g} s")
            lyric = None if syllable is None else _clean(syllable, inside_word)
            if lyric is None and (not sung or syllable is not None):
                raise ScoreError(f"{where}: no lyric. Give the note a syllable, or None to continue the vowel before it")
            slurred = lyric is None and onset <= sung[-1].end + 1e-3
            place = lyric.syllabic if lyric else "single"
            text = lyric.text if lyric else None
            sung.append(Note(onset, duration, cents, text, place, lyric is None, slurred, fifths=fifths))
            if lyric:
                inside_word = place in ("begin", "middle")
        if not sung:
            raise ScoreError("a score of no notes; (onset seconds, duration seconds, pitch, syllable) of one at least is wanted")
        _check_bounds(sung, name, title or "score")
        return cls(title, (Part(name, language, tuple(sung)),))


def _plain(note) -> tuple[float, float, float, int | None, str | None]:
    """Onset, duration, cents, fifths and syllable of a note as a caller of `from_notes` writes it. Raises ScoreError."""
    try:
        onset, duration, pitch, syllable = note
        named = isinstance(pitch, str)
        plain = float(onset), float(duration), note_cents(pitch) if named else float(pitch)
    except ScoreError:
        raise
    except (TypeError, ValueError):
        raise ScoreError(f"note {note!r}: (onset seconds, duration seconds, pitch, syllable) is wanted") from None
    if not (plain[0] >= 0.0 and np.isfinite(plain[2])):
        raise ScoreError(f"note {note!r}: an onset of 0 s or later, and a finite pitch, are wanted")
    return *plain, note_fifths(pitch) if named else None, syllable


def _clean(syllable, inside_word):
    from svs.musicxml import clean_lyric

    return clean_lyric(syllable, "end" if inside_word else "single")


def read_score(
    path,
    *,
    verse: int | str = 1,
    transpose: float = 0.0,
    tempo: float = 1.0,
    language: str | None = None,
    fermata: float = 1.75,
    missing_lyric: str | None = None,
) -> Score:
    """Read MusicXML (.musicxml, .xml, .mxl), MIDI with lyrics (.mid, .kar), or what music21 reads (.abc, .krn, .mei).

    path: of the file, or the page that `read_written` has read of it.
    verse: the verse of the first pass, or "all" for every verse one after another.
    transpose: semitones, fractions allowed. tempo: factor; 2 is twice as fast.
    fermata: factor by which a held note lasts longer.
    language: of the lyrics, handed on to the parts; None goes by the file or, part by part, by the words.
    missing_lyric: syllable for notes that have none and continue no vowel, and for all of a line without words but those
    slurred to the note before; None raises.
    Parts come in score order, those with few syllables last. Raises ScoreError, one line: file, place, what to do.
    """
    for name, value in (("tempo", tempo), ("fermata", fermata)):
        if not 1 / MOST_FACTOR <= value <= MOST_FACTOR:
            raise ScoreError(f"{name} is {value}; a factor from {1 / MOST_FACTOR:g} to {MOST_FACTOR:g} is wanted")
    if not np.isfinite(transpose):
        raise ScoreError(f"transpose is {transpose}; a number of semitones is wanted")
    verse = as_verse(verse)
    score = path if isinstance(path, WrittenScore) else read_written(path, language)
    lines, remarks = vocal_lines(score, missing_lyric)
    playing = play_order(score.measures)
    sung, order = choose_verses(score, lines, playing, verse)
    if not any((index, offset) == (0, 0) for index, offset, _ in score.tempos):
        spelled = of_words(score.tempo_words)
        score.tempos.insert(0, (0, Fraction(0), spelled or DEFAULT_TEMPO))
        if spelled or len(score.tempos) == 1:
            gives = "is taken so" if spelled else "gives none"
            words = f" (“{score.tempo_words}” {gives})" if score.tempo_words else ""
            remarks.append(f"no tempo mark{words}: {spelled or DEFAULT_TEMPO:g} quarter notes a minute")
    for index, _, bpm in score.tempos:
        if not SLOWEST <= bpm <= FASTEST:
            number = score.measures[index].number
            raise ScoreError(
                f"{score.file}, bar {number}: a tempo of {bpm:.6g} quarter notes a minute; {SLOWEST:g} to {FASTEST:g} are sung"
            )
    clock = _Clock(score, order, [line for _, _, line in lines], tempo, fermata)
    parts = []
    most = max(_syllables(line) for _, _, line in lines)
    for (name, part, line), items in zip(lines, sung, strict=False):
        sung_in = language or score.language or detect(_words(items)) or score.likely_language or "en"
        if parted(sung_in)[0] == "en":
            _spread_words(items, part.legato)
        try:
            notes = _perform(items, clock, part, score.file, 100.0 * transpose, missing_lyric)
        except ScoreError as error:
            if _syllables(line) >= FEW_OF_MOST * most:
                raise
            remarks.append(f"{name}: not sung ({error})")
            continue
        _check_bounds(notes, name, score.file)
        if notes:
            if language is None and score.language is None and sung_in != "en":
                remarks.append(f"{name}: language taken to be {sung_in!r}; --language says otherwise")
            parts.append(Part(name, sung_in, tuple(notes)))
    wordless = tuple(part.name for part in score.parts if part.notes and not any(n.lyrics for n in part.notes))
    return Score(score.title or Path(score.file).stem, tuple(parts), tuple(remarks), clock.grid(), 100.0 * transpose, wordless)


def _check_bounds(notes: Sequence[Note], name: str, file: str) -> None:
    """Raise ScoreError of a note that no computer could sing, before anything is made as long or as high as it."""
    for note in notes:
        if not note.end <= LONGEST_SONG:
            raise ScoreError(
                f"{file}, {name}, bar {note.bar}: a note ends after {note.end:.3g} s; songs of {LONGEST_SONG / 3600:g} hours "
                "at most are sung; look at its length and the tempo"
            )
        reached = [note.cents, *(note.cents + away for _, away in note.bend)]
        strange = next((cents for cents in reached if not LOWEST <= cents <= HIGHEST), None)
        if strange is not None:
            raise ScoreError(
                f"{file}, {name}, bar {note.bar}: a note of {strange:.5g} cents; {LOWEST} to {HIGHEST} can be sung "
                "(100 × MIDI number); look at its octave and at --transpose"
            )


def as_verse(verse) -> int | str:
    """A verse number, or "all", of what a user wrote. Raises ScoreError."""
    if isinstance(verse, str) and verse.strip().lower() == "all":
        return "all"
    try:
        number = int(verse)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise ScoreError(f"verse is {verse!r}; a number from 1, or 'all', is wanted")
    return number


def _words(items) -> list[str]:
    found, inside = [""], False
    for lyric in (item.lyric for item in items):
        if lyric is not None:
            joins = inside and lyric.syllabic in ("middle", "end")
            found[-1:] = [found[-1] + lyric.text] if joins else [found[-1], lyric.text]
            inside = lyric.syllabic in ("begin", "middle")
    return [word for text in found for word in re.split(r"[\s‿]+", text)]


def read_written(path, language: str | None = None) -> WrittenScore:
    """The page of a score file, before repeats and seconds. Raises ScoreError of one line.

    language: by which syllables of MIDI files are joined to words; None finds out.
    """
    score = _read_written(Path(path), language)
    if (heads := sum(len(part.notes) for part in score.parts)) > MOST_NOTES:
        raise ScoreError(f"{score.file}: {heads:,} notes; scores of at most {MOST_NOTES:,} are read")
    return score


def _read_written(path: Path, language: str | None) -> WrittenScore:
    if path.is_dir():
        raise ScoreError(f"{path}: a folder, not a score")
    if not path.is_file():
        raise ScoreError(f"{path}: no such file")
    try:
        with open(path, "rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        raise ScoreError(f"{path}: cannot be read ({error.strerror})") from None
    if path.stat().st_size > MOST_BYTES:
        raise ScoreError(f"{path.name}: larger than {MOST_BYTES >> 20} MB; no score is")
    suffix = path.suffix.lower()
    if not head:
        raise ScoreError(f"{path.name}: an empty file, not a score")
    if head[:4] in (b"MThd", b"RIFF") or suffix in MIDI:
        from svs.midi import read_midi

        return read_midi(path, language)
    if suffix in MUSICXML or b"<score-" in head:
        from svs.musicxml import read_musicxml

        return read_musicxml(path)
    if suffix in USTX:
        from svs.ustx import read_ustx

        return read_ustx(path)
    if suffix in PROJECTS:
        from svs.projects import read_project

        return read_project(path)
    if suffix == ".txt":
        from svs.ultrastar import is_ultrastar, read_ultrastar

        if is_ultrastar(head):
            return read_ultrastar(path)
    if suffix in MUSIC21:
        from svs.foreign import read_foreign

        return read_foreign(path)
    hint = " Export it from MuseScore as MusicXML." if suffix in (".mscz", ".mscx") else ""
    raise ScoreError(
        f"{path.name}: not a score that can be read; wanted MusicXML ({', '.join(MUSICXML)}), "
        f"MIDI ({', '.join(MIDI[:3])}), UltraStar (.txt), OpenUtau (.ustx) or {', '.join(MUSIC21)}.{hint}"
    )


# ---------------------------------------------------------------------------------------------- sung lines


def vocal_lines(score: WrittenScore, missing_lyric: str | None = None):
    """([(name, part, notes of one voice in written order)], remarks) of the parts that have lyrics.

    Chords are reduced to their top note. Raises ScoreError when no part has lyrics.
    """
    found: list[tuple[WrittenPart, str, list[WrittenNote]]] = []
    remarks: list[str] = []
    for part in score.parts:
        found += [(part, label, _without_breaths(part, line, remarks)) for label, line in _lines_of(part, remarks)]
        for what, count in sorted(part.skipped.items()):
            remarks.append(f"{part.name}: {count} {what} left out")
    if not found and missing_lyric is not None:
        first = next((p for p in score.parts if p.notes), None)
        if first is not None:
            found = [(first, "", _top_notes(_voice(first, Counter(n.voice for n in first.notes).most_common(1)[0][0])))]
    if not found:
        counts = [f"{part.name}: {len(part.notes)} notes" for part in score.parts if part.notes]
        what = f"no lyrics in any part ({'; '.join(counts[:6])})" if counts else "no notes in any part"
        raise ScoreError(
            f"{score.file}: {what}. Write syllables under the line to be sung and export the score again"
            + (", or name one for all notes (--missing-lyric la)" if counts else "")
        )
    most = max(_syllables(notes) for _, _, notes in found)
    kept = []
    for entry in found:
        few = _syllables(entry[2]) < 0.1 * len(entry[2])
        if few and len(found) > 1 and _syllables(entry[2]) < most:
            remarks.append(f"{entry[0].name}: {_syllables(entry[2])} syllables under {len(entry[2])} notes, not sung")
        else:
            kept.append(entry)
    kept.sort(key=lambda entry: _syllables(entry[2]) < FEW_OF_MOST * most)
    names: Counter = Counter()
    lines = []
    for part, voice, notes in kept:
        name = f"{part.name} (voice {voice})" if voice else part.name
        names[name] += 1
        lines.append((name if names[name] == 1 else f"{name} {names[name]}", part, notes))
    return lines, remarks


def _without_breaths(part, notes, remarks):
    """Editors of singing write a breath as a note; it is sung as the rest that it is."""
    kept, count, breathing = [], 0, False
    for note in notes:
        begins = bool(note.lyrics) and all(
            lyric.syllabic == "single" and lyric.text.strip("/[]") in BREATHS for lyric in note.lyrics
        )
        breathing = begins or (breathing and not note.lyrics)
        count += begins
        if not breathing:
            kept.append(note)
    if count:
        remarks.append(f"{part.name}: {count} breaths written as notes are rests")
    return kept


def _syllables(notes):
    return sum(bool(note.lyrics) for note in notes)


def _voice(part, voice):
    return [note for note in part.notes if note.voice == voice]


def _lines_of(part: WrittenPart, remarks):
    """[(voice label, notes)]: voices with lyrics; voices that never sound together are one singer."""
    counts = Counter(note.voice for note in part.notes if note.lyrics)
    lines: list[tuple[str, list[WrittenNote]]] = []
    for voice, count in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])):
        notes = _voice(part, voice)
        for _, line in lines:
            free = _outside(notes, line)
            minor = count < FEW_OF_MOST * _syllables(line)
            if len(free) == len(notes) or minor:
                line += [note for note in free if note.lyrics or len(free) == len(notes)]
                if len(free) < len(notes):
                    remarks.append(f"{part.name}: {len(notes) - len(free)} notes of voice {voice} below the line left out")
                break
        else:
            lines.append((voice if lines else "", notes))
    tops = [(label, _top_notes(notes)) for label, notes in lines]
    return [*tops[:1], *((label, _with_shared_words(notes, tops[0][1])) for label, notes in tops[1:])]


def _with_shared_words(notes, main):
    """A lower line whose words stand under the main one wherever both move together: it takes them from there.

    Only notes that would have none: those of a phrase that begins without a syllable.
    """
    beside = {(note.measure, note.offset, note.grace): note.lyrics for note in main}
    found: list[WrittenNote] = []
    wordless = True  # no vowel of its own goes on here
    end = (-1, Fraction(0))
    for note in notes:
        follows = (note.measure == end[0] and note.offset <= end[1]) or (note.measure == end[0] + 1 and note.offset == 0)
        wordless = not note.lyrics and (wordless or not follows)
        shared = beside.get((note.measure, note.offset, note.grace), ())
        if wordless and shared and not (note.tie_stop or note.slurred):
            note = replace(note, lyrics=shared)
        end = (note.measure, note.offset + note.duration)
        found.append(note)
    return found


def _outside(notes, line):
    """The notes that do not sound together with any note of the line."""
    sounding: dict[int, list[list]] = {}  # measure → stretches of sound in order, apart from each other
    for note in sorted(line, key=lambda n: (n.measure, n.offset)):
        if not note.grace:
            stretches, end = sounding.setdefault(note.measure, []), note.offset + note.duration
            if stretches and note.offset < stretches[-1][1]:
                stretches[-1][1] = max(stretches[-1][1], end)
            else:
                stretches.append([note.offset, end])

    def free(note):
        stretches = sounding.get(note.measure, [])
        after = bisect_right(stretches, note.offset, key=lambda stretch: stretch[1])  # the first that ends later
        return after == len(stretches) or stretches[after][0] >= note.offset + note.duration

    return [note for note in notes if free(note)]


def _top_notes(notes):
    """One note at a time: the top of each chord, with the lyrics of any of its notes."""
    line: list[WrittenNote] = []
    for note in sorted(notes, key=lambda n: (n.measure, n.offset, not n.grace)):
        same = line and (line[-1].measure, line[-1].offset) == (note.measure, note.offset)
        if same and (note.chord if note.grace else not line[-1].grace):
            top, other = (note, line[-1]) if note.cents > line[-1].cents else (line[-1], note)
            line[-1] = replace(
                top,
                lyrics=top.lyrics or other.lyrics,
                fermata=top.fermata or other.fermata,
                slurred=top.slurred or other.slurred,
                ordinal=min(top.ordinal, other.ordinal),
                marks=top.marks or other.marks,
            )
        else:
            line.append(note)
    return line


# ---------------------------------------------------------------------------------------------- verses


@dataclass
class _Item:
    """A written note as it is played once. onset, duration: quarters; place: index of its measure in playing order."""

    onset: Fraction
    duration: Fraction
    note: WrittenNote
    place: int
    wanted: int
    bar: int
    lyric: Lyric | None = None
    tie_start: bool = False
    ending: bool = False
    section: bool = False

    @property
    def end(self):
        return self.onset + self.duration


def choose_verses(score, lines, playing, verse):
    """(items of every line with their lyrics chosen, order of measures) for one verse or all."""
    verses = sorted({lyric.verse for _, _, line in lines for note in line for lyric in note.lyrics})
    if verse != "all" and verse not in verses and verse != 1:
        raise ScoreError(
            f"{score.file}: no verse {verse}; the score has {'verses' if len(verses) > 1 else 'verse'} "
            f"{', '.join(map(str, verses)) or 'none'}"
        )
    sung = [[] for _ in lines]
    order: list[int] = []
    texts: dict[int, set[int]] = {}  # measure → verses that it has words of
    for _, _, line in lines:
        for note in line:
            texts.setdefault(note.measure, set()).update(lyric.verse for lyric in note.lyrics)
    bound = {index for index, verses_there in texts.items() if len(verses_there) > 1}
    common = _common_lines(lines) if len(verses) > 1 else set()
    verses = [v for v in verses if v not in common] or verses
    pending = list(verses) if verse == "all" and verses else [verses[0] if verse == "all" and verses else verse]
    while pending:
        first = pending[0]
        heard = {first}
        if first > 1 and verses:  # no verse is sung twice because the repeat was meant for more of them
            playing = play_order(score.measures, max(1, verses[-1] - first + 1), bound)
        for (_, part, line), items in zip(lines, sung, strict=False):
            new = _play(score, line, playing, first, order)
            _assign_lyrics(new, first, part.legato, common)
            heard |= {item.lyric.verse for item in new if item.lyric and item.lyric.verse == item.wanted}
            items += new
        order += playing
        pending = [v for v in pending if v not in heard] if verse == "all" else []
    return sung, order


def _play(score, line, playing, first, before):
    by_measure: dict[int, list[WrittenNote]] = {}
    for note in line:
        by_measure.setdefault(note.measure, []).append(note)
    start = sum((score.measures[i].length for i in before), Fraction(0))
    visits: Counter = Counter()
    items = []
    for place, index in enumerate(playing, len(before)):
        visits[index] += 1
        for note in by_measure.get(index, ()):
            bar, endings = score.measures[index].number, sorted(score.measures[index].endings)
            passing = endings[min(visits[index], len(endings)) - 1] if endings else visits[index]
            wanted = first + passing - 1
            begin, end = (score.swung(index, offset) for offset in (note.offset, note.offset + note.duration))
            item = _Item(start + begin, end - begin, note, place, wanted, bar, tie_start=note.tie_start)
            item.ending, item.section = bool(endings), score.measures[index].section
            items.append(item)
        if len(items) > MOST_NOTES:
            bar = score.measures[index].number
            raise ScoreError(
                f"{score.file}, bar {bar}: with its repeats a song of more than {MOST_NOTES:,} notes; "
                "look at the numbers of its repeats and voltas"
            )
        start += score.measures[index].length
    return items


def _common_lines(lines) -> set[int]:
    """Lines of lyrics under which no other stands at any note, but others elsewhere: refrains for all verses."""
    alone: dict[int, bool] = {}
    several = False
    for _, _, line in lines:
        for note in line:
            several |= len(note.lyrics) > 1
            for lyric in note.lyrics:
                alone[lyric.verse] = alone.get(lyric.verse, True) and len(note.lyrics) == 1
    return {verse for verse, is_alone in alone.items() if is_alone and several}


def _assign_lyrics(items, first, legato, common=frozenset()):
    """Each note the syllable of its verse; stretches printed for one verse only, such as refrains, are sung in all."""
    i = 0
    while i < len(items):
        item = items[i]
        item.lyric = item.note.lyric(item.wanted)
        if item.lyric is not None:
            i += 1
            continue
        stop = i
        while stop < len(items) and items[stop].note.lyric(items[stop].wanted) is None:
            stop += 1
        start = i
        refrain = any(lyric.verse in common for lyric in item.note.lyrics)
        if i > 0 and not refrain and not _ends_in_common(items, i, stop):
            # up to the next rest, verse or volta it may be a melisma of the syllable before
            apart = next((j for j in range(i, stop) if _apart(items[j - 1], items[j], legato)), stop)
            if sum(bool(x.note.lyrics) for x in items[i:apart]) < FEW_SYLLABLES:
                start = apart
        run = items[start:stop]
        printed = {lyric.verse for x in run for lyric in x.note.lyrics}
        if printed:
            verse = first if first in printed else min(printed)
            for x in run:
                x.lyric = x.note.lyric(verse)
        i = stop


def _spread_words(items, legato):
    """Give an English word that stands whole under its first note its syllables, one for each note after it, in place.

    Notes without words, slurs and lines take them; a word that may be one syllable (power) stays on its note.
    """
    for i, item in enumerate(items):
        lyric = item.lyric
        if lyric is None or lyric.syllabic != "single" or lyric.extend or not re.fullmatch(r"\W*[A-Za-z'’-]{4,}\W*", lyric.text):
            continue
        rest: list[_Item] = []
        for before, after in itertools.pairwise(items[i:]):
            free = not (after.lyric or after.note.lyrics or after.note.slurred or after.note.grace or after.note.tie_stop)
            if not free or after.onset > before.end + legato or after.wanted != item.wanted:
                break
            rest.append(after)
        if not rest or may_be_one_syllable(lyric.text):
            continue
        pieces = spell(lyric.text, 1 + len(rest))
        for number, (note, piece) in enumerate(zip([item, *rest], pieces, strict=False)):
            place = "begin" if number == 0 else "end" if number + 1 == len(pieces) else "middle"
            note.lyric = replace(lyric, text=piece.strip("-"), syllabic=place if len(pieces) > 1 else "single")


def _ends_in_common(items, start, stop):
    """True where words of another verse, whole ones, end the verse (Amen): no melisma, unless a slur or line says so."""
    before, first = items[start - 1], items[start]
    if stop < len(items) and items[stop].wanted == first.wanted and items[stop].note.measure >= items[stop - 1].note.measure:
        return False
    if before.lyric is None or _carries_on(before.lyric) or first.note.slurred or first.note.tie_stop:
        return False
    texts = [next(iter(item.note.lyrics), None) for item in items[start:stop]]
    words = [text for text in texts if text]
    return texts[0] is not None and texts[0].syllabic in ("single", "begin") and words[-1].syllabic in ("single", "end")


def _apart(before, item, legato):
    """True where the verse of the note before has no say: after a rest or a double bar, in another verse, in a volta."""
    rests = item.onset > before.end + legato
    if item.section and item.place != before.place and not _carries_on(before.lyric):
        return True
    return rests or item.wanted != before.wanted or (item.ending and item.place != before.place)


# ---------------------------------------------------------------------------------------------- time


class _Clock:
    """Seconds of a place in the played score, from tempo marks and fermatas."""

    def __init__(self, score, order, lines, tempo, fermata):
        held: dict[int, list] = {}
        for line in lines:
            for note in line:
                if note.fermata and not note.grace:
                    held.setdefault(note.measure, []).append((note.offset, note.offset + note.duration))
        for part in score.parts:
            if any(n.lyrics for n in part.notes):
                for index, offset, quarters in part.fermata_rests:
                    held.setdefault(index, []).append((offset, offset + quarters))
        marks: dict[int, list] = {}
        for index, offset, bpm in score.tempos:
            marks.setdefault(index, []).append((offset, bpm))
        at_start, bpm = [], DEFAULT_TEMPO
        for index in range(len(score.measures)):
            for offset, value in marks.get(index, ()):
                if offset == 0:
                    bpm = value
            at_start.append(bpm)
            bpm = marks[index][-1][1] if index in marks else bpm

        quarters, seconds = [0.0], [0.0]
        start = Fraction(0)
        for index in order:
            length = score.measures[index].length
            if length > 0 and index not in marks and index not in held:
                seconds.append(seconds[-1] + float(length) * 60.0 / at_start[index] / tempo)
                start += length
                quarters.append(float(start))
                continue
            edges = {Fraction(0), length} | {offset for offset, _ in marks.get(index, ()) if offset < length}
            edges |= {min(edge, length) for span in held.get(index, ()) for edge in span}
            bpm = at_start[index]
            places = sorted(edges)
            for here, there in itertools.pairwise(places):
                bpm = next((value for offset, value in reversed(marks.get(index, ())) if offset == here), bpm)
                stretch = fermata if any(a <= here and there <= b for a, b in held.get(index, ())) else 1.0
                seconds.append(seconds[-1] + float(there - here) * 60.0 / bpm * stretch / tempo)
                quarters.append(float(start + there))
            start += length
        self.quarters, self.seconds_at = quarters, seconds
        numbers = [score.measures[index].number for index in order]
        starts = itertools.accumulate((score.measures[index].length for index in order), initial=Fraction(0))
        self.bars = tuple(zip(map(float, starts), [*numbers, numbers[-1] + 1 if numbers else 1], strict=True))

    def grid(self) -> Grid:
        points = list(zip(self.seconds_at, self.quarters, strict=True))
        kept = points[:1]
        for here, there in itertools.pairwise(points[1:]):
            slopes = [(b[1] - a[1]) / max(b[0] - a[0], 1e-12) for a, b in ((kept[-1], here), (here, there))]
            if abs(slopes[0] - slopes[1]) > 1e-9 * slopes[0]:
                kept.append(here)
        return Grid(tuple(kept + points[1:][-1:]), self.bars)

    def seconds(self, quarters) -> float:
        quarters = float(quarters)
        i = min(max(bisect_right(self.quarters, quarters) - 1, 0), max(len(self.quarters) - 2, 0))
        if i + 1 >= len(self.quarters):
            return self.seconds_at[i] + (quarters - self.quarters[i]) * 0.5
        width = self.quarters[i + 1] - self.quarters[i]
        rate = (self.seconds_at[i + 1] - self.seconds_at[i]) / width if width else 0.5
        return self.seconds_at[i] + (quarters - self.quarters[i]) * rate


# ---------------------------------------------------------------------------------------------- performance


def _perform(items, clock, part, file, shift, missing_lyric):
    """Notes in seconds from the items of one line in playing order."""
    items = _without_overlap(_tied(items, part.legato))
    if missing_lyric is not None and not any(item.note.lyrics for item in items):
        for item in items:  # without words every note is sung anew that no slur joins to the one before
            if not (item.note.slurred or item.note.grace):
                item.lyric = Lyric(item.wanted, missing_lyric)
    notes: list[Note] = []
    graces: list[_Item] = []
    previous: _Item | None = None  # last main note
    last_lyric: Lyric | None = None
    for item in items:
        if item.note.grace:
            graces.append(item)
            continue
        after = [g for g in graces if g.note.steals_previous or g.place != item.place or g.onset < item.onset]
        before = [g for g in graces if not any(g is a for a in after)]
        graces = []
        if after:
            last_lyric = _sing_afterbeats(after, notes, clock, shift) or last_lyric
        if before and item.lyric is not None and not any(g.lyric for g in before):
            before[0].lyric, item.lyric = item.lyric, None  # the word begins with the grace note
        begin, end = clock.seconds(item.onset), clock.seconds(item.end)
        shares = _shares(before, item, clock, end - begin)
        connected = previous is not None and item.onset <= previous.end + part.legato
        for grace, share in zip(before, shares, strict=False):
            note = _note(grace, begin, share, shift, connected, last_lyric, notes, file, part, missing_lyric)
            notes.append(note)
            last_lyric = grace.lyric or last_lyric
            begin += share
            connected = True
        note = _note(item, begin, end - begin, shift, connected, last_lyric, notes, file, part, missing_lyric)
        if bend := item.note.bend:
            note = replace(note, bend=tuple((clock.seconds(item.onset + at) - begin, away) for at, away in bend))
        if note.melisma and note.slurred and notes and notes[-1].end < note.onset:
            notes[-1] = replace(notes[-1], duration=note.onset - notes[-1].onset)
        notes.append(note)
        last_lyric = item.lyric or last_lyric
        previous = item
    if graces:
        _sing_afterbeats(graces, notes, clock, shift)
    return _in_order(notes)


def _tied(items, legato):
    """Join tied notes as they are played, across barlines and repeats; a new syllable or a grace note breaks a tie."""
    joined: list[_Item] = []
    for item in items:
        before = joined[-1] if joined and not joined[-1].note.grace else None
        follows = before is not None and before.note.cents == item.note.cents and abs(item.onset - before.end) <= legato
        if follows and item.lyric is None and not item.note.grace and (before.tie_start or item.note.tie_stop):
            before.duration = item.end - before.onset
            before.tie_start = item.tie_start
            before.note = replace(before.note, marks=(*before.note.marks, *item.note.marks))
        else:
            joined.append(item)
    return joined


def _without_overlap(items):
    """Shorten notes that reach into the next; of two that begin together the later of the file is left out."""
    kept: list[_Item] = []
    main: _Item | None = None
    for item in items:
        if not item.note.grace:
            if main is not None and item.onset <= main.onset:
                main.duration = max(main.duration, item.duration)
                continue
            if main is not None and main.end > item.onset:
                main.duration = item.onset - main.onset
            main = item
        kept.append(item)
    return kept


def _shares(graces, item, clock, seconds):
    """Seconds each grace note takes from the beginning of a note of so many seconds; at most half of it in all."""
    wanted = [
        ACCIACCATURA_SECONDS
        if g.note.grace == "acciaccatura" or not g.note.grace_quarters
        else clock.seconds(item.onset + g.note.grace_quarters) - clock.seconds(item.onset)
        for g in graces
    ]
    total = sum(wanted)
    scale = min(1.0, 0.5 * seconds / total) if total else 1.0
    return [share * scale for share in wanted]


def _sing_afterbeats(graces, notes, clock, shift):
    """Grace notes before the beat take their time from the note before, at most half of it. Last lyric, or None."""
    if not notes:
        return None
    boundary = clock.seconds(graces[0].onset)
    before = notes[-1]
    total = min(ACCIACCATURA_SECONDS * len(graces), 0.5 * before.duration)
    begin = min(before.end, boundary - total) if before.end >= boundary - total else before.end
    if begin <= before.onset:
        return None
    notes[-1] = replace(before, duration=begin - before.onset)
    lyric = None
    for grace in graces:
        lyric = grace.lyric or lyric
        text = grace.lyric.text if grace.lyric else None
        place = grace.lyric.syllabic if grace.lyric else "single"
        cents = grace.note.cents + shift
        share = total / len(graces)
        notes.append(
            Note(
                *(begin, share, cents, text, place, text is None, True, before.bar, grace.note.loudness),
                fifths=grace.note.fifths,
                marks=grace.note.marks,
            )
        )
        begin += share
    return lyric


def _note(item, onset, duration, shift, connected, last_lyric, notes, file, part, missing_lyric):
    written, lyric = item.note, item.lyric
    if lyric is None and not (notes and (connected or _carries_on(last_lyric))):
        if missing_lyric is None:
            raise ScoreError(
                f"{file}, {part.name}, bar {item.bar}, note {written.ordinal} ({note_name(written.cents)}): no lyric. "
                "Add a syllable, slur it to the note before, or name a syllable for such notes (--missing-lyric la)"
            )
        lyric = item.lyric = Lyric(item.wanted, missing_lyric)
    melisma = lyric is None
    return Note(
        onset,
        duration,
        written.cents + shift,
        None if melisma else lyric.text,
        "single" if melisma else lyric.syllabic,
        melisma,
        connected and (melisma or written.slurred),
        item.bar,
        round(written.loudness, 2),
        fifths=written.fifths,
        marks=written.marks,
    )


def _carries_on(lyric):
    """True where a syllable may go on after a rest: inside a word, or under an extender line."""
    return lyric is not None and (lyric.extend or lyric.syllabic in ("begin", "middle"))


def _in_order(notes):
    """Notes sorted, without overlap, none shorter than the shortest that can be sung."""
    kept: list[Note] = []
    for note in notes:
        if kept and kept[-1].end > note.onset:
            kept[-1] = replace(kept[-1], duration=note.onset - kept[-1].onset)
        kept.append(note)
    return [note for note in kept if note.duration > 1e-4]


# ---------------------------------------------------------------------------------------------- parts and JSON


def select_part(score: Score, which: int | str | None = None) -> Part:
    """A part by number from 1, by name or by an unambiguous piece of its name; None gives the first.

    Raises ScoreError naming the parts there are.
    """
    names = ", ".join(f"{number} {part.name!r}" for number, part in enumerate(score.parts, 1))
    if not score.parts:
        raise ScoreError(f"{score.title or 'score'}: has no sung part")
    if which is None:
        return score.parts[0]
    wanted = str(which).strip()
    exact = [part for part in score.parts if part.name.casefold() == wanted.casefold()]
    if exact:
        return exact[0]
    if re.fullmatch(r"\d+", wanted) and 1 <= int(wanted) <= len(score.parts):
        return score.parts[int(wanted) - 1]
    partial = [part for part in score.parts if wanted and wanted.casefold() in part.name.casefold()]
    if len(partial) == 1 and not wanted.isdigit():
        return partial[0]
    mute = wanted and any(wanted.casefold() in name.casefold() for name in score.wordless)
    found = "fits several parts" if len(partial) > 1 else "is a part without lyrics" if mute else "is not a part"
    raise ScoreError(f"{score.title or 'score'}: {wanted!r} {found}; the sung parts are {names}")


def score_to_json(score: Score) -> dict:
    """The score as plain JSON values: seconds, cents; `lyric` null and `melisma` true where a vowel continues."""
    return {
        "title": score.title,
        "parts": [
            {
                "name": part.name,
                "language": part.language,
                "notes": [note_to_json(note) for note in part.notes],
            }
            for part in score.parts
        ],
    }


def note_to_json(note: Note) -> dict:
    """A note as scores and takes write it."""
    return {
        "onset": note.onset,
        "duration": note.duration,
        "cents": note.cents,
        "lyric": note.lyric,
        "syllabic": note.syllabic,
        "phonemes": list(note.phonemes),
        "melisma": note.melisma,
        "bar": note.bar,
    }
