"""What a score holds that will not be sung, and why: parts, voices, notes, syllables, verses and signs."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from svs.repeats import play_order
from svs.score import as_verse, choose_verses, read_score, read_written, vocal_lines
from svs.written import ScoreError, bars_text

# what the reader leaves out note by note, and why
LEFT_OUT = {
    "cue notes": "printed so that the singer finds the entry",
    "unpitched notes": "they have no pitch; a voice speaks or claps them",
    "x-headed notes": "spoken, not sung",
    "lyrics on rests": "a rest has no note to sing them on",
    "lyrics without letters": "signs such as ♥ have no sound; the vowel before goes on",
    "directions among the words": "they say how to sing; the vowel before goes on",
    "spoken notes": "spoken, not sung",
    "rapped notes": "rapped, not sung",
    "notes apart from all syllables": "no syllable begins them and no vowel reaches them: instrumental",
    "syllables with no note to sing them": "no note begins where they stand",
    "notes before the first syllable": "there is no vowel that they could go on with",
    "notes that last no time": "they have no length",
    "breaths and rests written as notes": "they are rests",
}
# signs of MusicXML that change nothing in the singing
SIGNS = {
    "trill-mark": "trills", "turn": "turns", "inverted-turn": "turns", "mordent": "mordents",
    "inverted-mordent": "mordents",    "shake": "trills", "tremolo": "tremolos", "arpeggiate": "arpeggios",
    "harmony": "chord symbols",
    "figured-bass": "figured bass", "fingering": "fingerings", "harmonic": "harmonics", "pedal": "pedal marks",
}  # fmt: skip


@dataclass(frozen=True)
class Unsung:
    """Something that will not be sung. where: part and bars."""

    where: str
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} ({self.why})"


def unsung(path, *, verse: int | str = 1, language: str | None = None, missing_lyric: str | None = None) -> list[Unsung]:
    """All that a file holds and `read_score` with the same options does not sing. Raises ScoreError where it does."""
    path = Path(path)
    score = read_written(path, language)
    lines, _ = vocal_lines(score, missing_lyric)
    read = read_score(score, verse=verse, language=language, missing_lyric=missing_lyric)
    kept, order = choose_verses(score, lines, play_order(score.measures), as_verse(verse))
    names = {part.name for part in read.parts}
    items = [(part.id, item) for (name, part, _), line in zip(lines, kept, strict=True) if name in names for item in line]
    sung = {(part, *_place(item.note), item.note.cents) for part, item in items}
    heads = {place[:-1] for place in sung}
    syllables = {(part, *_place(item.note), item.lyric.verse) for part, item in items if item.lyric}
    reasons = dict(remark.split(": not sung ", 1) for remark in read.remarks if ": not sung (" in remark)
    refused = {
        (part.id, *_place(note), note.cents): reasons[name].strip("()")
        for name, part, line in lines
        if name in reasons
        for note in line
    }
    found: list[Unsung] = []
    for part in score.parts:
        found += _left_out(part)
        found += _notes(score, part, sung, heads, refused, set(order))
        found += _lyrics(score, part, syllables, set(order))
    return found + _signs(path)


def _place(note):
    return note.voice, note.measure, note.offset, note.grace


def _left_out(part):
    for what, count in sorted(part.skipped.items()):
        where = _where(part.name, part.skipped_in.get(what, ()))
        yield Unsung(where, f"{what}: {count}", LEFT_OUT.get(what, "the reader leaves them out"))


def _notes(score, part, sung, heads, refused, played):
    if part.notes and not any(note.lyrics for note in part.notes) and not any(part.id == place[0] for place in sung):
        yield Unsung(part.name, f"all notes: {len(part.notes)}", "the part has no lyrics")
        return
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for note in part.notes:
        if (part.id, *_place(note), note.cents) in sung:
            continue
        if (part.id, *_place(note), note.cents) in refused:
            reason = ("notes of a line that cannot be sung", refused[part.id, *_place(note), note.cents])
        elif note.measure not in played:
            reason = ("notes", "the repeats never come to this bar")
        elif (part.id, *_place(note)) in heads:
            reason = ("lower notes of chords", "a voice sings one note at a time, the top one")
        else:
            reason = (f"notes of voice {note.voice.split('/')[0]}", "the voice has no lyrics of its own here")
        groups[reason].append(score.measures[note.measure].number)
    yield from _told(part, groups)


def _told(part, groups: dict[tuple[str, str], list[int]]) -> Iterator[Unsung]:
    """(what, why) → numbers of bars, a line each."""
    for (what, why), bars in groups.items():
        yield Unsung(_where(part.name, bars), f"{what}: {len(bars)}", why)


def _lyrics(score, part, syllables, played):
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    heard = {place[-1] for place in syllables if place[0] == part.id}
    for note in part.notes:
        for lyric in note.lyrics:
            if (part.id, *_place(note), lyric.verse) in syllables:
                continue
            if lyric.verse not in heard:
                reason = (f"syllables of verse {lyric.verse}", f"--verse {lyric.verse} or --verse all sings it")
            elif note.measure not in played:
                reason = (f"syllables of verse {lyric.verse}", "the repeats never come to this bar")
            else:
                reason = (f"syllables of verse {lyric.verse}", "another verse is sung here, or another voice")
            groups[reason].append(score.measures[note.measure].number)
    yield from _told(part, groups)


def _signs(path: Path) -> list[Unsung]:
    """Signs of a MusicXML file that have no effect."""
    from svs.musicxml import unpack

    try:
        root = ElementTree.fromstring(unpack(path.read_bytes(), path.name))
    except (ElementTree.ParseError, ScoreError, LookupError, ValueError):  # read by others means all the same
        return []
    names = {p.get("id"): " ".join((p.findtext("part-name") or p.get("id") or "").split()) for p in root.iter("score-part")}
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for part in root.findall("part"):
        if part.find(".//lyric/text") is None:
            continue
        for measure in part.findall("measure"):
            digits = "".join(c for c in measure.get("number") or "" if c.isdecimal())[:9]
            for element in measure.iter():
                if element.tag in SIGNS:
                    name = names.get(part.get("id")) or part.get("id") or "?"
                    found[name, SIGNS[element.tag]].append(int(digits or 0))
    return [
        Unsung(_where(name, bars), f"{what}: {len(bars)}", "the sign changes nothing in the singing")
        for (name, what), bars in sorted(found.items())
    ]


def _where(part: str, bars: Collection[int]) -> str:
    return f"{part}, {bars_text(bars)}" if bars else part
