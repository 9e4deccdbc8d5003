"""MusicXML as it is written: measures, notes, lyrics, repeats, tempo and dynamics, by a direct walk over the XML.

Why not music21? It reads almost every file, but errs silently where a singer would stumble: cue notes come back as
sung, measure offsets drift after split measures, ties break, lyrics on rests and the <extend> lines that mark a
melisma are dropped, and repeats are played wrong in a third of songs. All of these are plain facts of the file, and
a walk that keeps one clock per measure reads them exactly. music21 reads what it is best at, the other formats
(ABC, Humdrum, MEI …), and hands them over as MusicXML, so that every score takes this one path.

The text of a score is not trusted: entity definitions, archives that unpack to more than 64 MB and paths that
leave the archive are refused.
"""

from __future__ import annotations

import html
import io
import re
import unicodedata
import xml.etree.ElementTree as ElementTree
import zipfile
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from xml.parsers import expat

from svs.g2p import LANGUAGES, parted
from svs.tempo import DEFAULT_TEMPO, Sudden, change, number_in, of_words, settle_changes, sudden
from svs.written import (
    MARKS,
    MOST_NOTES,
    STEPS,
    Lyric,
    Measure,
    ScoreError,
    WrittenNote,
    WrittenPart,
    WrittenScore,
    fifths_of,
)

LANG = "{http://www.w3.org/XML/1998/namespace}lang"
MAX_BYTES = 64 * 2**20
MOST_TAGS = 5_000_000  # with attributes; each takes some hundred bytes of memory
DYNAMICS_DB = {
    "pppppp": -24.0,
    "ppppp": -21.0,
    "pppp": -18.0,
    "ppp": -15.0,
    "pp": -10.0,
    "p": -6.0,
    "mp": -3.0,
    "n": -24.0,
    "mf": 0.0,
    "f": 3.0,
    "ff": 6.0,
    "fff": 9.0,
    "ffff": 11.0,
    "fffff": 12.0,
    "ffffff": 12.0,
    "pf": 3.0,
}
ACCENTS_DB = {"sf": 3.0, "sfz": 3.0, "sffz": 4.0, "fz": 3.0, "rf": 2.0, "rfz": 2.0, "sfp": 3.0, "fp": 3.0, "sfpp": 3.0}
MEZZO_FORTE, DB_OF_VELOCITY = 80.0, 0.19  # by which scores' players write p (49), mf (80), f (96), ff (112)
LEVEL = r"(?:sub(?:ito|\.)? |sempre |molto )?(p{1,4}|mp|mf|f{1,4})(?:,? (?:sub\.|[^\W\d_]{3,}))*"
SWING = r"(?:(?:medium|med\.|slow|fast|easy|light|up)[- ])?(?:(swing|swung|shuffle)|straight|even (?:8|eighth))\b(?! ?low)"
SWELL_QUARTERS = 16.0  # within which a swell that only a word asks for has grown by a step
SWELL = r"(?:poco a poco |molto |sempre |poco )*(cresc|decresc|dim\b|dimin)"
SYMBOLS = {"metNoteWhole": "𝅝", "metNoteHalfUp": "𝅗𝅥", "metNoteQuarterUp": "♩", "metNote8thUp": "♪", "metAugmentationDot": "."}
WEDGE_DB = 3.0  # one dynamic step, when a hairpin leads to no written dynamic
NUMBER = re.compile(r"[-+]?(\d{1,12}(\.\d{0,12})?|\.\d{1,12})(/\d{1,9}|[eE][-+]?\d{1,2})?")
LARGEST = 10**9
TYPE_QUARTERS = {
    "maxima": Fraction(32),
    "long": Fraction(16),
    "breve": Fraction(8),
    "whole": Fraction(4),
    "half": Fraction(2),
    "quarter": Fraction(1),
    "eighth": Fraction(1, 2),
    "16th": Fraction(1, 4),
    "32nd": Fraction(1, 8),
    "64th": Fraction(1, 16),
    "128th": Fraction(1, 32),
    "256th": Fraction(1, 64),
    "512th": Fraction(1, 128),
    "1024th": Fraction(1, 256),
}
NUMERALS = {"three": 3, "four": 4, "five": 5, "six": 6}
COUNT = rf"([2-9]|{'|'.join(NUMERALS)})\s*(?:x|×|times|mal|fois|volte|veces)|[x×]\s*([2-9])"
TIMES = rf"\(?(?:play|sing|repeat)?\s*(?:{COUNT})[.)]*"
UNPITCHED_HEADS = ("x", "cross", "circle-x")
# Semitones of the accidentals that are quarter-tones: Stein's and Tartini's signs, and those with arrows. Turkish and
# Persian signs have no single size and need an <alter>.
QUARTER_TONES = {
    "quarter-flat": -0.5,
    "quarter-sharp": 0.5,
    "three-quarters-flat": -1.5,
    "three-quarters-sharp": 1.5,
    "natural-down": -0.5,
    "natural-up": 0.5,
    "sharp-down": 0.5,
    "sharp-up": 1.5,
    "flat-down": -1.5,
    "flat-up": -0.5,
    "double-sharp-down": 1.5,
    "double-sharp-up": 2.5,
    "flat-flat-down": -2.5,
    "flat-flat-up": -1.5,
}


def read_musicxml(path) -> WrittenScore:
    """Read .musicxml, .xml or .mxl, partwise or timewise. Raises ScoreError of one line."""
    path = Path(path)
    return parse_musicxml(unpack(path.read_bytes(), path.name), path.name)


def unpack(data: bytes, file: str) -> bytes:
    """The MusicXML text of a file that may be an .mxl archive."""
    if data[:2] != b"PK":
        if len(data) > MAX_BYTES:
            raise ScoreError(f"{file}: {len(data) >> 20} MB of XML; scores above {MAX_BYTES >> 20} MB are refused")
        return data
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        names = archive.namelist()
        if any(name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) for name in names):
            raise ScoreError(f"{file}: the archive holds a path outside itself; refused. Export the score anew")
        named = []
        if "META-INF/container.xml" in names:
            container = _tree(_member(archive, "META-INF/container.xml", file), file)
            named = [f.get("full-path") for f in container.iter() if _tag(f) == "rootfile"]
        others = [n for n in names if n.lower().endswith((".musicxml", ".xml")) and not n.startswith(("META-INF", "__MACOSX"))]
        scores = list(dict.fromkeys([*(n for n in named if n in names), *others]))
        if not scores:
            raise ScoreError(f"{file}: an archive without a score inside ({', '.join(names[:3]) or 'empty'})")
        root = next((name for name in scores if _is_score(archive, name)), scores[0])
        return _member(archive, root, file)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError) as error:
        if isinstance(error, ScoreError):
            raise
        raise ScoreError(f"{file}: a damaged .mxl archive ({error}); export the score anew") from None
    except Exception as error:  # zlib.error and lzma.LZMAError share no base class
        raise ScoreError(f"{file}: a damaged .mxl archive ({error}); export the score anew") from None


def _is_score(archive, name) -> bool:
    """Whether a member of an archive begins as a score does: neither an opus, nor a MIDI file, nor a picture."""
    with archive.open(name) as member:
        return b"<score-" in member.read(8192).replace(b"\0", b"")  # of UTF-16 too


def _member(archive, name, file):
    with archive.open(name) as member:
        data = member.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ScoreError(f"{file}: unpacks to more than {MAX_BYTES >> 20} MB; refused")
    return data


def _tree(data, file):
    """Parse XML from strangers: entity definitions are refused before anything is expanded."""
    data = _as_utf8(data)
    if data.count(b"<") + data.count(b"=") > MOST_TAGS:
        raise ScoreError(f"{file}: more than {MOST_TAGS:,} tags and attributes; scores of so many are refused")

    def refuse(name, *_):
        raise ScoreError(f"{file}: defines the XML entity {name!r}; scores with entity definitions are refused")

    class Prolog(Exception):
        pass

    def stop(*_):
        raise Prolog

    guard = expat.ParserCreate()
    guard.EntityDeclHandler = refuse
    guard.StartElementHandler = stop
    try:
        guard.Parse(data, True)
    except Prolog:
        pass
    except expat.ExpatError:
        pass  # reported by the parser below, with its line number
    try:
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ScoreError(f"{file}: not well-formed XML ({error}); export it as MusicXML again") from None


def _as_utf8(data):
    """Text in an encoding expat does not know, or declared wrongly, as UTF-8 with its declaration removed."""
    declared = re.match(rb"""(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["'][^>]*\?>""", data)
    if not declared:
        return data.lstrip() if data[:1].isspace() else data
    name = declared[1].decode().lower()
    body = data[declared.end() :]
    for encoding in (name, "utf-8", "cp1252", "latin-1"):
        try:
            return b'<?xml version="1.0" encoding="UTF-8"?>' + body.decode(encoding).encode()
        except (LookupError, UnicodeError):
            continue
    return data


def _tag(element):
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def parse_musicxml(data: bytes, file: str) -> WrittenScore:
    """Read the text of a MusicXML score; `file` names it in errors."""
    root = _tree(data, file)
    for element in root.iter():
        if isinstance(element.tag, str) and "}" in element.tag:
            element.tag = _tag(element)
    if root.tag == "score-timewise":
        parts = _partwise(root)
    elif root.tag == "score-partwise":
        parts = [(part.get("id") or f"P{i}", part.findall("measure")) for i, part in enumerate(root.findall("part"), 1)]
    else:
        raise ScoreError(f"{file}: not a score (its outermost element is <{root.tag}>, not <score-partwise>)")
    if not any(measures for _, measures in parts):
        raise ScoreError(f"{file}: a score without measures; there is nothing to sing")

    names = {}
    for entry in root.iterfind("part-list/score-part"):
        display = "".join(t.text or "" for t in entry.iterfind("part-name-display/display-text"))
        others = (entry.findtext("score-instrument/instrument-name"), entry.findtext("part-abbreviation"))
        given = next((name for name in (entry.findtext("part-name"), display, *others) if name and name.strip()), "")
        names[entry.get("id")] = " ".join(given.split())
    title = root.findtext("work/work-title") or root.findtext("movement-title") or ""
    score = WrittenScore(file, " ".join(title.split()))
    tags = [element.get(LANG) for path in ("defaults/lyric-language", "part//lyric/text") for element in root.iterfind(path)]
    named = Counter(code for tag in filter(None, tags) if (code := parted(tag)[0]) in LANGUAGES)
    score.likely_language = named.most_common(1)[0][0] if named else None
    score.measures = [Measure() for _ in range(max(len(measures) for _, measures in parts))]
    lengths = [Fraction(0)] * len(score.measures)
    times: list[Fraction | None] = [None] * len(score.measures)
    tempos: dict[tuple[int, Fraction], float] = {}
    changes: set[tuple[int, Fraction, str | Sudden]] = set()
    cuts: dict[tuple[int, Fraction], Measure] = {}
    for identity, measures in parts:
        walk = _PartWalk(score, WrittenPart(names.get(identity) or identity, identity), lengths, times, tempos)
        walk.changes, walk.cuts = changes, cuts
        for index, element in enumerate(measures):
            walk.measure(index, element)
        walk.finish()
        score.parts.append(walk.part)
    for index, measure in enumerate(score.measures):
        measure.length = lengths[index]  # one without notes or rests only shows a sign, as other readers have it too
    changes = _cut_measures(score, cuts, tempos, changes)
    score.tempos = [(index, offset, bpm) for (index, offset), bpm in sorted(tempos.items())]
    settle_changes(score, changes, of_words(score.tempo_words) or DEFAULT_TEMPO)
    _settle_plays(score.measures)
    _settle_endings(score.measures)
    _settle_codas(score.measures)
    return score


def _partwise(root):
    """(part id, its measures) of a timewise score."""
    parts: dict[str, list] = {}
    for measure in root.findall("measure"):
        for part in measure.findall("part"):
            element = ElementTree.Element("measure", measure.attrib)
            element.extend(list(part))
            parts.setdefault(part.get("id") or "P1", []).append(element)
    return list(parts.items())


def _cut_measures(score, cuts, tempos, changes):
    """Make two measures of each that has a repeat sign inside, all parts alike; returns the changes of tempo.

    cuts: (measure, offset) → what the barline there says.
    """
    for (index, offset), sign in sorted(cuts.items(), key=lambda cut: cut[0], reverse=True):
        first = score.measures[index]
        if not 0 < offset < first.length:  # at an edge it is that edge's sign
            first.repeat_start |= sign.repeat_start and offset == 0
            first.repeat_end = sign.repeat_end if offset else first.repeat_end
            continue
        second = replace(first, length=first.length - offset, repeat_start=sign.repeat_start, segno=set(), coda=set())
        second.ending_starts = False
        score.measures[index] = replace(
            first, length=offset, repeat_end=sign.repeat_end, repeat_after_jump=sign.repeat_after_jump, ending_stops=False,
            dal_segno=None, da_capo=False, to_coda=None, fine=False,
        )  # fmt: skip
        score.measures.insert(index + 1, second)

        def place(measure, at, index=index, offset=offset):
            if measure < index or (measure == index and at < offset):
                return measure, at
            return measure + 1, at - offset if measure == index else at

        for part in score.parts:
            for note in part.notes:
                note.measure, note.offset = place(note.measure, note.offset)
            part.fermata_rests = [(*place(measure, at), quarters) for measure, at, quarters in part.fermata_rests]
        for marks in (tempos, score.swings):
            moved = {place(*where): mark for where, mark in marks.items()}
            marks.clear()
            marks.update(moved)
        changes = {(*place(measure, at), kind) for measure, at, kind in changes}
    return changes


def _settle_plays(measures):
    """Give "3x" to the repeat that it stands at, at either end."""
    for index, measure in enumerate(measures):
        if measure.plays and (measure.repeat_start or measure.repeat_end):
            closing = next((m for m in measures[index:] if m.repeat_end), None)
            if closing is not None and closing.repeat_end == 2:
                closing.repeat_end = measure.plays


def _settle_endings(measures):
    """Spread each volta bracket from its start to its stop, and number those without a number in their order."""
    open_numbers, anonymous = frozenset(), 0
    for i, measure in enumerate(measures):
        if measure.ending_starts:
            if not measure.endings:
                anonymous = anonymous + 1 if i and measures[i - 1].endings else 1
                measure.endings = frozenset({anonymous})
            open_numbers = measure.endings
        elif open_numbers:
            measure.endings = open_numbers
        else:
            measure.endings = frozenset()
            measure.ending_stops = False
        if open_numbers:
            nothing_follows = i + 1 == len(measures) or measures[i + 1].ending_starts
            if measure.ending_stops or measure.repeat_end or nothing_follows:
                measure.ending_stops = True
                open_numbers = frozenset()


def _settle_codas(measures):
    """Signs without <sound>: the first of two coda signs says where to leave, the second where to arrive."""
    marked = [i for i, measure in enumerate(measures) if measure.coda]
    leaves = [i for i, measure in enumerate(measures) if measure.to_coda is not None]
    jumps = [i for i, measure in enumerate(measures) if measure.da_capo or measure.dal_segno is not None]
    if not leaves and len(marked) >= 2 and jumps and marked[0] < jumps[0] <= marked[-1]:
        first = measures[marked[0]]
        # a sign to leave stands at the end of its measure; as the sign is read at the start, leave before it
        first.to_coda, first.coda = next(iter(measures[marked[-1]].coda)), set()


class _PartWalk:
    """One clock through the measures of one part."""

    def __init__(self, score, part, lengths, times, tempos):
        self.score, self.part, self.lengths, self.times, self.tempos = score, part, lengths, times, tempos
        self.divisions = Fraction(1)
        self.bar_length = None
        self.transposition: dict[str | None, tuple[float, int]] = {}  # cents and fifths, by staff
        self.number = 0
        self.slurs: dict[str, dict] = {}
        self.changes: set[tuple[int, Fraction, str | Sudden]] = set()
        self.cuts: dict[tuple[int, Fraction], Measure] = {}
        self.hyphenates = False  # <syllabic> says which syllables are of one word
        self.quarter_tones: dict[tuple, float] = {}  # semitones by (step, octave), until the barline
        self.glides: set[tuple] = set()  # (measure, offset) of notes that words say to glide from
        self.dynamics: list[tuple] = []  # (measure, offset, "level"|"wedge"|"stop"|"accent", dB or direction)

    def measure(self, index, element):
        self.index, self.cursor, self.previous = index, Fraction(0), Fraction(0)
        self.ordinal, self.here = 0, self.score.measures[index]
        self.quarter_tones.clear()
        digits = re.match(r"\d{1,9}", element.get("number") or "")
        if digits:
            self.number = int(digits[0])
        if not self.part.notes or self.here.number == 1:
            self.here.number = self.number
        furthest = Fraction(0)
        for child in element:
            tag = child.tag
            if tag == "note":
                self.note(child)
            elif tag == "backup":
                self.cursor = max(Fraction(0), self.cursor - self.quarters(child))
            elif tag == "forward":
                self.cursor += self.quarters(child)
            elif tag == "attributes":
                self.attributes(child)
            elif tag == "direction":
                self.direction(child)
            elif tag == "sound":
                self.sound(child, self.at(child))
            elif tag == "barline":
                self.barline(child)
            furthest = max(furthest, self.cursor)
        self.lengths[index] = max(self.lengths[index], furthest)
        if self.bar_length:
            self.times[index] = self.bar_length

    def where(self):
        return f"{self.score.file}, part {self.part.name!r}, bar {self.number}, note {self.ordinal}"

    def number_of(self, text, name):
        text = (text or "").strip()
        try:
            value = Fraction(text) if NUMBER.fullmatch(text) else None  # 1e999999999 is a Fraction of a gigabyte
        except ZeroDivisionError:
            value = None
        if value is None or abs(value) > LARGEST:
            shown = text if len(text) <= 40 else text[:40] + "…"
            raise ScoreError(f"{self.where()}: <{name}> is {shown!r}; a number is wanted")
        return value

    def quarters(self, element):
        text = element.findtext("duration")
        return Fraction(0) if text is None else self.number_of(text, "duration") / self.divisions

    def at(self, element):
        """Offset in quarters of a direction or sound, within its measure."""
        offset = element.findtext("offset")
        return max(Fraction(0), self.cursor + (self.number_of(offset, "offset") / self.divisions if offset else 0))

    def attributes(self, element):
        divisions = element.findtext("divisions")
        if divisions is not None:
            self.divisions = self.number_of(divisions, "divisions")
            if self.divisions <= 0:
                raise ScoreError(f"{self.where()}: <divisions> is {divisions!r}; it must be above 0")
        for time in element.iterfind("time"):
            beats = [b.text or "" for b in time.iterfind("beats")]
            units = [u.text or "" for u in time.iterfind("beat-type")]
            self.bar_length = sum((_bar_length(b, u) for b, u in zip(beats, units, strict=False)), Fraction(0)) or None
        for transpose in element.iterfind("transpose"):
            semitones = self.number_of(transpose.findtext("chromatic") or "0", "chromatic")
            octaves = self.number_of(transpose.findtext("octave-change") or "0", "octave-change")
            steps = transpose.findtext("diatonic")
            fifths = (7 * semitones + 5) % 12 - 5  # the nearest spelling, unless the file says which
            if steps is not None:
                fifths = 7 * semitones - 12 * self.number_of(steps, "diatonic")
            self.transposition[transpose.get("number")] = float(100 * (semitones + 12 * octaves)), int(fifths)

    def note(self, element):
        grace, chord = element.find("grace"), element.find("chord") is not None
        rest, pitch = element.find("rest"), element.find("pitch")
        if rest is None:
            self.ordinal += 1
        duration = Fraction(0) if grace is not None else self.quarters(element)
        if grace is None and element.find("duration") is None:
            duration = self.note_value(element)
        onset = self.previous if chord else self.cursor
        if not chord:
            self.previous = self.cursor
            self.cursor += duration
        notations = element.findall("notations")
        fermata = any(n.find("fermata") is not None for n in notations)
        cue = element.find("cue") is not None
        if rest is not None:
            if fermata and not cue:
                self.part.fermata_rests.append((self.index, onset, duration))
            if any(lyric.findtext("text") for lyric in element.iterfind("lyric")):
                self.skip("lyrics on rests")
            return
        heads = [(head.text or "").strip() for head in element.iterfind("notehead")]
        if cue or pitch is None or any(head in UNPITCHED_HEADS for head in heads):
            self.skip("cue notes" if cue else "unpitched notes" if pitch is None else "x-headed notes")
            return
        if duration < 0 or (duration == 0 and grace is None):
            return
        cents, fifths = self.pitch(element, pitch)
        note = WrittenNote(self.index, onset, duration, cents, ordinal=self.ordinal, chord=chord, fifths=fifths)
        staff = element.findtext("staff")
        note.voice = (element.findtext("voice") or "1").strip() + (f"/{staff.strip()}" if staff else "")
        note.lyrics = self.lyrics(element)
        note.fermata = fermata
        ties = [t.get("type") for t in element.iterfind("tie")]
        ties = ties or [t.get("type") for n in notations for t in n.iterfind("tied")]
        note.tie_start, note.tie_stop = "start" in ties or "continue" in ties, "stop" in ties or "continue" in ties
        if grace is not None:
            slashed = grace.get("slash", "no") == "yes"
            note.grace = "acciaccatura" if slashed else "appoggiatura"
            note.grace_quarters = self.note_value(element)
            note.steals_previous = grace.get("steal-time-previous") is not None
        self.slur(note, notations)
        note.marks = _marks(notations)
        for accent in (a for n in notations for a in n.iterfind("dynamics")):
            self.dynamic(accent, note.offset)
        self.part.notes.append(note)
        if len(self.part.notes) > MOST_NOTES:
            raise ScoreError(f"{self.where()}: more than {MOST_NOTES:,} notes; scores of so many are refused")

    def skip(self, what):
        self.part.skipped[what] = self.part.skipped.get(what, 0) + 1
        self.part.skipped_in.setdefault(what, []).append(self.number)

    def note_value(self, element):
        """Quarters of a note sign with its dots and tuplet ratio."""
        value = TYPE_QUARTERS.get((element.findtext("type") or "").strip(), Fraction(0))
        value *= 2 - Fraction(1, 2 ** len(element.findall("dot")))
        ratio = element.find("time-modification")
        if ratio is not None:
            value *= self.number_of(ratio.findtext("normal-notes"), "normal-notes")
            value /= self.number_of(ratio.findtext("actual-notes"), "actual-notes") or 1
        return value

    def pitch(self, element, pitch):
        """Sounding cents, and the place of the spelling in the chain of fifths."""
        step = (pitch.findtext("step") or "").strip()
        if step not in STEPS:
            raise ScoreError(f"{self.where()}: <step> is {step!r}; a letter from A to G is wanted")
        octave = self.number_of(pitch.findtext("octave"), "octave")
        alter = self.alter(element, pitch, (step, octave))
        shift, fifths = self.transposition.get(
            element.findtext("staff") or "1", self.transposition.get(None, (0.0, 0))
        )
        cents = float(100 * (STEPS[step] + alter + 12 * (octave + 1))) + shift
        return cents, fifths_of(step, int(alter)) + fifths

    def alter(self, element, pitch, line):
        """Semitones from <alter>; from the accidental where it is a quarter-tone and <alter> lacks or is rounded."""
        alter = self.number_of(pitch.findtext("alter") or "0", "alter")
        sign = (element.findtext("accidental") or "").strip()
        if sign:
            self.quarter_tones.pop(line, None)
        if alter.denominator != 1:
            return alter
        if sign in QUARTER_TONES:
            self.quarter_tones[line] = Fraction(QUARTER_TONES[sign])
        meant = self.quarter_tones.get(line, alter)
        return meant if abs(meant - alter) < 1 or pitch.find("alter") is None else alter

    def slur(self, note, notations):
        """A note is slurred to the one before when a slur of its voice is open as it begins."""
        slurs = self.slurs.setdefault(note.voice, {})
        note.slurred = bool(slurs) and not note.chord
        for mark in (s for n in notations for s in n.iterfind("slur")):
            number = mark.get("number", "1")
            if mark.get("type") == "stop":
                slurs.pop(number, None)
            elif mark.get("type") == "start" and mark.get("orientation") != "none":
                slurs[number] = True

    def lyrics(self, element):
        found: dict[int, Lyric] = {}
        for position, lyric in enumerate(element.iterfind("lyric"), 1):
            digits = re.search(r"(\d{1,4})\D*$", lyric.get("number") or "")
            verse = int(digits[1]) if digits else position
            if re.fullmatch(r"\s*\d{1,4}\s*", passing := lyric.get("time-only") or ""):
                verse = int(passing)
            parsed = read_lyric(lyric, verse)
            self.hyphenates |= any((s.text or "").strip() in ("begin", "middle", "end") for s in lyric.iterfind("syllabic"))
            if parsed is not None:
                found.setdefault(verse, parsed)
            elif any(unicodedata.category(c) == "So" for c in "".join(lyric.itertext())):  # punctuation is not missed
                self.skip("lyrics without letters")
            elif DIRECTION.fullmatch(lyric.findtext("text") or ""):
                self.skip("directions among the words")
        return tuple(found[verse] for verse in sorted(found))

    def direction(self, element):
        offset = self.at(element)
        sound = element.find("sound")
        said = set() if sound is None else set(sound.attrib)
        if "tempo" not in said:
            for metronome in element.iterfind("direction-type/metronome"):
                said |= {"tempo"} if self.metronome(metronome, offset) else set()
        if sound is not None:
            self.sound(sound, offset, louder=element.find("direction-type/dynamics") is None)
            said |= {child.tag for child in sound}
        if element.find("direction-type/dynamics") is not None:
            said.add("dynamics")
        for kind in element.iterfind("direction-type/*"):
            if kind.tag == "dynamics":
                self.dynamic(kind, offset)
            elif kind.tag == "wedge":
                direction = {"crescendo": 1, "diminuendo": -1}.get(kind.get("type"))
                if direction:
                    self.dynamics.append((self.index, offset, "wedge", direction))
                elif kind.get("type") == "stop":
                    self.dynamics.append((self.index, offset, "stop", 0))
            elif kind.tag == "segno" and "dalsegno" not in said:
                self.here.segno.add((sound.get("segno") if sound is not None else None) or "segno")
            elif kind.tag == "coda" and not said & {"tocoda", "coda"}:
                self.coda_sign(offset)
        for kind in element.iterfind("direction-type"):  # several <words> in one are a text of several fonts
            pieces = [SYMBOLS.get(piece.text or "", "") if piece.tag == "symbol" else piece.text or "" for piece in kind]
            if kind.find("words") is not None:
                self.words(" ".join(pieces), offset, said)

    def coda_sign(self, offset):
        """The sign at which the coda begins, or, late in its bar, from which one goes there."""
        if offset > 0 and offset * 2 >= (self.bar_length or 0):
            self.here.to_coda = "coda"
        else:
            self.here.coda.add("coda")

    def words(self, text, offset, said):
        """What is only written out: tempo, swells, and jumps such as D.C., D.S., to coda, Fine."""
        text = " ".join(text.split())
        if "tempo" not in said:
            opens = (self.index, offset) == (0, 0)
            if bpm := number_in(text):
                self.tempos.setdefault((self.index, offset), bpm)
            elif kind := change(text) or (None if opens else sudden(text)):
                kind = sudden(text) if kind == "back" and sudden(text) else kind
                self.changes.add((self.index, offset, kind))
        if "swing" not in said and (feel := re.match(SWING, text, re.I)):
            self.score.swings[self.index, offset] = Fraction(1), Fraction(2, 3) if feel[1] else Fraction(1, 2)
        if level := re.fullmatch(LEVEL, text):
            if "dynamics" not in said:
                self.dynamics.append((self.index, offset, "level", DYNAMICS_DB[level[1]]))
            return
        if swell := re.match(SWELL, text.lower()):
            self.dynamics.append((self.index, offset, "swell", 1 if swell[1].startswith("c") else -1))
            return
        if said & {"dacapo", "dalsegno", "tocoda", "fine"}:
            return
        if re.match(r"D\. ?C\.|D\.C\b|da capo\b", text, re.I):
            self.here.da_capo = True
        elif re.match(r"D\. ?S\.|D\.S\b|dal segno\b", text, re.I):
            self.here.dal_segno = "segno"
        elif re.fullmatch(r"(to|al|alla|da) coda\W*", text, re.I):
            self.here.to_coda = "coda"
        elif re.fullmatch(r"(segno|[𝄋\ue047])\W*", text, re.I):
            self.here.segno.add("segno")
        elif re.fullmatch(r"[𝄌\ue048]", text):
            self.coda_sign(offset)
        elif re.fullmatch(r"[𝄌\ue048 ]*coda\W*", text, re.I) and offset == 0:
            self.here.coda.add("coda")
        elif re.fullmatch(r"fine\W*", text, re.I):
            self.here.fine = True
        elif times := re.fullmatch(TIMES, text, re.I):
            count = (times[1] or times[2]).lower()
            self.here.plays = NUMERALS.get(count) or int(count)
        elif re.match(r"(port|portamento|portando|gliss|glissando)\b", text, re.I):
            self.glides.add((self.index, offset))
        elif offset == 0 and self.index == 0 and text and not of_words(self.score.tempo_words):
            self.score.tempo_words = text if of_words(text) else self.score.tempo_words or text

    def sound(self, element, offset, louder=True):
        """What a <sound> asks of the player; louder: its dynamics are of no sign that is read already."""
        if element.find("offset") is not None:
            offset = self.at(element)
        tempo = element.get("tempo")
        if tempo is not None:
            bpm = float(self.number_of(tempo, "sound tempo"))
            if bpm > 0:
                self.tempos[self.index, offset] = bpm
        if louder and (percent := element.get("dynamics")):
            velocity = 0.9 * float(self.number_of(percent, "sound dynamics"))  # percent of MIDI velocity 90
            level = min(12.0, max(-24.0, (velocity - MEZZO_FORTE) * DB_OF_VELOCITY))
            self.dynamics.append((self.index, offset, "level", level))
        if (swing := element.find("swing")) is not None:
            self.swing(swing, offset)
        if element.get("segno"):
            self.here.segno.add(element.get("segno"))
        if element.get("coda"):
            self.here.coda.add(element.get("coda"))
        if element.get("dalsegno"):
            self.here.dal_segno = element.get("dalsegno")
        if element.get("tocoda"):
            self.here.to_coda = element.get("tocoda")
        if element.get("dacapo") == "yes":
            self.here.da_capo = True
        if element.get("fine"):
            self.here.fine = True
        if element.get("forward-repeat") == "yes":
            self.here.repeat_start = True

    def swing(self, element, offset):
        """Eighths, or sixteenths, of which the first lasts longer than the second; <straight/> ends it."""
        beat = Fraction(1, 2) if (element.findtext("swing-type") or "").strip() == "16th" else Fraction(1)
        share = Fraction(1, 2)
        if element.find("straight") is None:
            first, second = (self.number_of(element.findtext(name), f"swing {name}") for name in ("first", "second"))
            if not (first > 0 and second > 0):
                raise ScoreError(f"{self.where()}: a swing of {first} to {second}; numbers above 0 are wanted")
            share = first / (first + second)
        self.score.swings[self.index, offset] = beat, share

    def metronome(self, element, offset) -> bool:
        """A metronome mark, or a metric modulation such as quarter = dotted quarter, as quarters a minute. False for none."""
        units, dots = [], []
        for child in element.iter():  # <metronome-note>s of a modulation hold their signs one level below
            if child.tag in ("beat-unit", "metronome-type"):
                units.append(TYPE_QUARTERS.get((child.text or "").strip(), Fraction(1)))
                dots.append(0)
            elif child.tag in ("beat-unit-dot", "metronome-dot") and units:
                dots[-1] += 1
        beats = [unit * (2 - Fraction(1, 2**count)) for unit, count in zip(units, dots, strict=True)]
        minute = re.search(r"\d+([.,]\d+)?", element.findtext("per-minute") or "")
        count = float(minute[0].replace(",", ".")) if minute else 0.0
        if beats and count > 0:
            self.tempos[self.index, offset] = count * float(beats[0])
        elif len(beats) == 2 and not minute:
            before = [bpm for place, bpm in sorted(self.tempos.items()) if place < (self.index, offset)]
            self.tempos[self.index, offset] = (before[-1] if before else DEFAULT_TEMPO) * float(beats[1] / beats[0])
        else:
            return False
        return True

    def dynamic(self, element, offset):
        for sign in element:
            name = sign.tag if sign.tag != "other-dynamics" else " ".join((sign.text or "").split())
            if name not in ACCENTS_DB and (level := re.fullmatch(LEVEL, name)):
                name = level[1]
            if name in DYNAMICS_DB:
                self.dynamics.append((self.index, offset, "level", DYNAMICS_DB[name]))
            elif name in ACCENTS_DB:
                self.dynamics.append((self.index, offset, "accent", ACCENTS_DB[name]))
                if name.endswith("p"):
                    soft = DYNAMICS_DB["pp" if name.endswith("pp") else "p"]
                    self.dynamics.append((self.index, offset + Fraction(1, 1000), "level", soft))

    def barline(self, element):
        ending, repeat = element.find("ending"), element.find("repeat")
        double = "-" in (element.findtext("bar-style") or "") or repeat is not None
        if double and element.get("location", "right") == "left":
            self.here.section = True
        elif double and self.index + 1 < len(self.score.measures) and element.get("location") != "middle":
            self.score.measures[self.index + 1].section = True
        if ending is not None:
            if ending.get("type") == "start":
                self.here.ending_starts = True
                self.here.endings = frozenset(_ending_numbers(ending.get("number") or ""))
            else:
                self.here.ending_stops = True
        if repeat is not None:
            inside = element.get("location") == "middle"
            here = self.cuts.setdefault((self.index, self.cursor), Measure()) if inside else self.here
            if repeat.get("direction") == "forward":
                here.repeat_start = True
            else:
                times = repeat.get("times") or ""
                here.repeat_end = max(1, int(times)) if re.fullmatch(r"\d{1,4}", times) else 2
                here.repeat_after_jump = repeat.get("after-jump") == "yes"
        if element.find("segno") is not None or element.get("segno"):
            self.here.segno.add(element.get("segno") or "segno")
        if element.find("coda") is not None or element.get("coda"):
            self.here.coda.add(element.get("coda") or "coda")

    def finish(self):
        """What is written beside the notes, given to them: hyphens' words, glides, and loudness.

        Levels of loudness hold until the next, hairpins run linearly in dB.
        """
        if not self.hyphenates:
            join_hyphened(self.part.notes)
        for note in self.part.notes:
            if (note.measure, note.offset) in self.glides and "glide" not in note.marks:
                note.marks += ("glide",)
        if not self.dynamics:
            return

        def quarters(measure, offset):
            return float(starts[measure] + offset)

        starts = [Fraction(0)]
        for length, time in zip(self.lengths, self.times, strict=False):
            starts.append(starts[-1] + (length or time or 4))
        events = sorted((quarters(m, o), kind, value) for m, o, kind, value in self.dynamics)
        levels: list[tuple[float, float]] = [(0.0, 0.0)]  # breakpoints: (quarters, dB)
        accents = {time: value for time, kind, value in events if kind == "accent"}
        wedge, opened = None, ""  # (quarters, direction) of the hairpin or the word that is open
        for time, kind, value in events:
            if kind == "accent" or (kind == "swell" and wedge is not None and wedge[1] == value):
                continue
            if kind == "wedge" and wedge is not None and wedge[1] == value and opened == "swell":
                opened = kind  # the hairpin that draws what the word says
                continue
            if wedge is not None:  # whatever comes next ends the hairpin
                began, direction = wedge
                until = min(time, began + SWELL_QUARTERS) if opened == "swell" else time  # and held from there
                ahead = next((v for t, k, v in events if k == "level" and until <= t <= until + 2), None)
                base = levels[-1][1]
                target = ahead if ahead is not None and (ahead - base) * direction > 0 else base + direction * WEDGE_DB
                target = min(12.0, max(-24.0, target))
                levels += [(began, base), (until, target)]
                wedge = None
            if kind == "level":
                levels += [(time, levels[-1][1]), (time, value)]
            elif kind in ("wedge", "swell"):
                wedge, opened = (time, value), kind
        for note in self.part.notes:
            time = quarters(note.measure, note.offset)
            note.loudness = _level_at(levels, time) + accents.get(time, 0.0)


def _marks(notations):
    """Marks of a note, in MARKS, from its <articulations> and from the glides that begin at it."""
    written = {mark.tag for n in notations for mark in n.iterfind("articulations/*")}
    glides = [glide for n in notations for tag in ("glissando", "slide") for glide in n.iterfind(tag)]
    if any(glide.get("type", "start") == "start" for glide in glides):
        written.add("glide")
    return tuple(mark for mark in MARKS if mark in written)


def _level_at(levels, time):
    """dB at a time: linear between breakpoints, the later value where two share a time."""
    before = after = levels[0]
    for point in levels:
        if point[0] <= time:
            before = point
        else:
            after = point
            break
    if after[0] <= before[0]:  # beyond the last, or before the first
        return before[1]
    return before[1] + (after[1] - before[1]) * (time - before[0]) / (after[0] - before[0])


def _bar_length(beats, unit):
    """Quarters of a time signature such as 3+2 over 8; 0 where it is none."""
    if not re.fullmatch(r"\s*\d{1,4}(\s*\+\s*\d{1,4})*\s*", beats) or not re.fullmatch(r"\s*\d{1,5}\s*", unit):
        return Fraction(0)
    return Fraction(4 * sum(map(int, beats.split("+"))), int(unit) or 1)


def _ending_numbers(text):
    """{1, 2, 3} of "1, 2, 3" or "1-3"; empty when the bracket has no number."""
    numbers = set()
    for first, last in re.findall(r"(\d{1,4})(?:\s*[-–]\s*(\d{1,4}))?", text):
        numbers.update(range(int(first), min(int(last or first), int(first) + 99) + 1))
    return numbers


def read_lyric(element, verse: int) -> Lyric | None:
    """The syllable of one <lyric>, cleaned; None where it holds no text to sing.

    Two syllables on one note are joined by their elision sign ("do‿I"); the note then begins where the first
    stands in its word and ends where the last does.
    """
    text, places = "", []
    join = ""  # texts without a sign between them are one syllable in several fonts
    for child in element:
        if child.tag == "syllabic":
            places.append((child.text or "single").strip().lower())
        elif child.tag == "text" and (child.text or "").strip():
            text = text.rstrip() + join + child.text.lstrip() if join else text + child.text
            join = ""
        elif child.tag == "elision" and text:
            join = (child.text or "").strip() or "‿"
    if not text and element.find("humming") is not None:
        return Lyric(verse, "mm", "single", element.find("extend") is not None)
    if not text and element.find("laughing") is not None:
        return Lyric(verse, "ha")
    extend = element.find("extend")
    held = extend is not None and extend.get("type") != "stop"
    return clean_lyric(text, _syllabic(places), verse, held)


def _syllabic(places):
    if not places:
        return "single"
    joins_before = places[0] in ("middle", "end")
    joins_after = places[-1] in ("begin", "middle")
    return {(False, False): "single", (False, True): "begin", (True, True): "middle", (True, False): "end"}[
        joins_before, joins_after
    ]


HYPHENS = "-\u2010\u2011\u2043\u2212\ufe63\u00ad_"
ELISION = re.compile(r"(?<=[A-Za-zÀ-ɏ'’])[_~⁀](?=['’]?[A-Za-zÀ-ɏ])")  # as they are typed inside a syllable
NUMBERS = r"\d{1,9}(?:\.?(?: ?[,/+&–-] ?| (?:and|und|et|e|y) |(?<=\.) ?)\d{1,9})*"  # 1.2. or 1–3. or 1 & 2.
NUMBER_OF_VERSE = re.compile(
    rf"[(\[]?{NUMBERS}(?:[ªº°] ?[.):\]]*| ?[.):\]]+) ?(?=\D|$)|[①-⒛❶-❿⓪]\s*(?=\D)|[IVX]{{1,5}}\.\s+(?=\S)"
)
# What stands in brackets among the words to say how they are sung; other brackets hold words: "(oh yeah)".
MANNERS = (
    r"(?:very |molto |poco )?(?:softly|gently|quietly|loudly|slowly|freely|tenderly|soft|loud|dolce|legato|staccato)|"
    r"spoken|whispered|shouted|clapp?ing|claps?|instrumental|interlude|solo|soli|tutti|unison|falsetto|fade(?: out)?|ad lib|"
    r"rit|ritard|rall|cresc|decresc|dim|a tempo|p{1,3}|mp|mf|f{1,3}|bis|ter|da capo|d\.? ?c|d\.? ?s|repeat|laughs|laughter|pause|"
    r"gesprochen|geflüstert|leise|laut|parlé|chuchoté|doucement|parlato|piano"
)
DIRECTION = re.compile(rf"\s*[(\[]\s*(?:{MANNERS}|(?:(?:repeat|sing|play)\s*)?(?:{COUNT}))[.:!]?\s*[)\]]\s*", re.I)
HUMMED = re.compile(r"[(\[]\s*(?:hum|humming|hummed|gesummt|summen|bocca chiusa|bouche fermée|b\. ?c\.|b\. ?f\.)\s*[)\]]", re.I)
SECTIONS = (
    "verse|vers|strophe|stanza|strofa|estrofa|couplet|pre-?chorus|chorus|refrain|refr|kehrvers|ritornello|estribillo|coro|bridge"
)
LABEL = re.compile(
    rf"[(\[]\s*(?:{SECTIONS})\.?\s*\d*\s*[:.]?\s*[)\]]\s*|(?:{SECTIONS}|ref)\s*\d*\s*(?:\.\s*:|[.:])\s+(?=\S)", re.I
)


def clean_lyric(text: str, syllabic: str = "single", verse: int = 1, extend: bool = False) -> Lyric | None:
    """A syllable without its verse number, label, direction and engraver's hyphens, which say where it stands in its word.

    Characters that are not seen (soft hyphens, joiners) are dropped, entities that an exporter escaped twice (&amp;#39;)
    are the signs they stand for. None where no letter or digit is left to sing.
    """
    if re.search(r"&(#\d{1,7}|#x[0-9a-fA-F]{1,6}|amp|quot|apos|lt|gt|nbsp);", text):
        text = html.unescape(text)
    text = " ".join(text.split())  # no-break and narrow spaces too
    text = NUMBER_OF_VERSE.sub("", text, count=1) if NUMBER_OF_VERSE.match(text) else text
    text = LABEL.sub("", text, count=1) if LABEL.match(text) else text
    text = "mm" if HUMMED.fullmatch(text) else DIRECTION.sub(" ", text).strip()
    if re.match(rf"{verse} [^\W\d_]", text):
        text = text.split(" ", 1)[1]
    before, after = syllabic in ("middle", "end"), syllabic in ("begin", "middle")
    hyphened = text[-1:] != "_" and text[-1:] in tuple(HYPHENS)
    if text[:1] and text[0] in HYPHENS:
        before = before or text[0] != "_"
    if text[-1:] and text[-1] in HYPHENS:
        extend, after = extend or text[-1] == "_", after or text[-1] != "_"
    text = "".join(c for c in text if unicodedata.category(c) != "Cf").strip(HYPHENS + " ")
    text = ELISION.sub("‿", text)
    if not any(character.isalnum() or character == "&" for character in text) or re.fullmatch(r"[\[(]?\.?\d+[\])]", text):
        return None  # nothing to sing, or the number of a verse or a footnote
    place = {(False, False): "single", (False, True): "begin", (True, True): "middle", (True, False): "end"}
    return Lyric(verse, text, place[before, after], extend, hyphened)


def join_hyphened(notes: list[WrittenNote]) -> None:
    """Carry words on over hyphens that are only written in their texts ("A-" "ma-" "zing"), in place, line by line.

    For files whose <syllabic> says nothing of it; in others a hyphen at the end of a text is the poet's dash.
    """
    before: dict[tuple[str, int], Lyric] = {}
    for note in notes:
        joined = []
        for lyric in note.lyrics:
            last = before.get((note.voice, lyric.verse))
            if last is not None and last.hyphened and lyric.syllabic in ("single", "begin"):
                lyric = replace(lyric, syllabic={"single": "end", "begin": "middle"}[lyric.syllabic])
            before[note.voice, lyric.verse] = lyric
            joined.append(lyric)
        note.lyrics = tuple(joined)
