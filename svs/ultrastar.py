"""UltraStar karaoke texts (.txt): one note a line, in beats of which #BPM counts a quarter.

    : 64 3 4 When       a note: first beat, beats, semitones from C4, syllable; * marks a golden one
    F 70 2 0  oh        freestyle, spoken; R and G are rap: left out
    - 88                end of a line of words;  P1, P2: the singers of a duet, P3 both;  E: end
    B 96 150.5          from this beat on so many beats a minute

A syllable with a space before or after it begins or ends a word; "~" holds the vowel, "~n" closes the word on a note of
its own; a text without any space at a syllable parts its words by hyphens. #GAP, the milliseconds of sound before beat 0, is
kept: the notes fall where they do in the recording.
https://usdx.eu/format
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from svs.musicxml import clean_lyric
from svs.written import BEFORE_ALL, ScoreError, WrittenNote, WrittenPart, WrittenScore, place_in, regular_measures

NOTE = re.compile(r"\s*([:*FRG])\s*(-?\d{1,9})\s+(\d{1,9})\s+(-?\d{1,4})(?: (.*))?$")
TEMPO = re.compile(r"\s*B\s*(\d{1,9})\s+(\S{1,20})\s*$")
SPOKEN = {"F": "spoken notes", "R": "rapped notes", "G": "rapped notes"}
LANGUAGES = {
    "english": "en",
    "german": "de",
    "deutsch": "de",
    "french": "fr",
    "italian": "it",
    "spanish": "es",
    "japanese": "ja",
    "latin": "la",
}
BEATS = 4  # of a quarter
MAX_BYTES = 2 * 2**20
NUMBER = re.compile(r"\s*[-+]?(\d{1,9}([.,]\d{0,9})?|[.,]\d{1,9})\s*")


def read_ultrastar(path) -> WrittenScore:
    """Read an UltraStar text. Raises ScoreError of one line."""
    path = Path(path)
    data = path.read_bytes()
    if len(data) > MAX_BYTES:
        raise ScoreError(f"{path.name}: {len(data) >> 20} MB; texts above {MAX_BYTES >> 20} MB are refused")
    text = _decode(data)
    tags = {name.upper(): value.strip() for name, value in re.findall(r"(?m)^#(\w+):(.*)$", text)}
    bpm, gap = _number(tags.get("BPM"), "BPM", path), _number(tags.get("GAP", "0"), "GAP", path)
    if bpm is None or bpm <= 0:
        raise ScoreError(f"{path.name}: #BPM is {tags.get('BPM')!r}; UltraStar texts give a number above 0")
    lead = (gap or 0) * bpm / 60_000  # quarters
    relative = tags.get("RELATIVE", "").lower() == "yes"
    singers: dict[str, list] = {}
    tempos = {0: bpm}  # beat → #BPM from there on
    voices, base = ["P1"], 0
    for number, line in enumerate(text.splitlines(), 1):
        note = NOTE.match(line)
        if note:
            kind, beat, beats, semitone, syllable = note.groups()
            row = (number, kind, base + int(beat), int(beats), int(semitone), syllable or "")
            for each in voices:
                singers.setdefault(each, []).append(row)
        elif pause := re.match(r"-\s*(-?\d{1,9}\b)(?:\s+(-?\d{1,9}\b))?", line):
            for each in voices:
                singers.setdefault(each, []).append(None)
            base += int(pause[2] or pause[1]) if relative else 0
        elif voice := re.match(r"P\s*([123])\s*$", line):
            voices, base = ["P1", "P2"] if voice[1] == "3" else [f"P{voice[1]}"], 0
        elif later := TEMPO.match(line):
            tempos[base + int(later[1])] = _number(later[2], "BPM", path)
        elif line.strip() == "E":
            break
        elif line.strip() and line[0] in ":*FRG":
            raise ScoreError(f"{path.name}, line {number}: {line.strip()[:40]!r}; wanted ': beat beats pitch syllable'")
    if not any(row for rows in singers.values() for row in rows):
        raise ScoreError(f"{path.name}: no notes; an UltraStar text has lines such as ': 64 3 4 When'")

    named = re.split(r"[,;/( ]", tags.get("LANGUAGE", "").lower())[0]
    score = WrittenScore(path.name, tags.get("TITLE", ""), language=LANGUAGES.get(named))
    ends = [lead + Fraction(row[2] + row[3], BEATS) for rows in singers.values() for row in rows if row]
    score.measures = regular_measures({}, max(ends), path.name)
    starts = score.starts()
    for beat, quarters in sorted(tempos.items()):
        where = place_in(starts, lead + Fraction(beat, BEATS)) if beat > 0 else (0, Fraction(0))
        score.tempos.append((*where, float(quarters or bpm)))
    for number, (singer, rows) in enumerate(sorted(singers.items()), 1):
        name = tags.get(f"DUETSINGER{singer}") or tags.get(singer) or ("Voice" if len(singers) == 1 else singer)
        part = WrittenPart(name, singer, legato=Fraction(0))
        ordinals: dict[int, int] = {}
        for kind, beat, beats, semitone, lyric, slurred in _words(rows):
            if kind in SPOKEN or beats == 0 or (lyric is None and not part.notes):
                what = SPOKEN.get(kind, BEFORE_ALL if beats else "notes that last no time")
                part.skipped[what] = part.skipped.get(what, 0) + 1
                continue
            measure, offset = place_in(starts, lead + Fraction(beat, BEATS))
            ordinals[measure] = ordinals.get(measure, 0) + 1
            head = WrittenNote(measure, offset, Fraction(beats, BEATS), 6000.0 + 100.0 * semitone, str(number))
            head.ordinal, head.lyrics, head.slurred = ordinals[measure], (lyric,) if lyric else (), slurred
            part.notes.append(head)
        score.parts.append(part)
    return score


def is_ultrastar(head: bytes) -> bool:
    """True where the beginning of a file looks like an UltraStar text."""
    return bool(re.search(rb"(?mi)^#(TITLE|ARTIST|BPM|GAP|MP3|VERSION):", head))


def _words(rows):
    """(kind, beat, beats, semitone, Lyric or None, slurred) of the notes; None in rows ends a line of words."""
    apart = True  # the next syllable begins a word
    texts = [row[5] for row in rows if row]
    hyphened = not any(text[:1].isspace() or text[-1:].isspace() for text in texts) and any(text[-1:] == "-" for text in texts)
    plain: list[list] = []
    for row in rows:
        if row is None:
            apart = True
            continue
        _, kind, beat, beats, semitone, text = row
        bare = text.strip()
        held = bare.startswith("~") and bool(plain)
        if held and plain[-1][0] in SPOKEN:
            kind = plain[-1][0]  # what holds a spoken syllable is spoken
        bare = bare.strip("~").strip()
        begins = (apart or text[:1].isspace()) and not held
        plain.append([kind, beat, beats, semitone, bare, begins, held])
        apart = text[-1:].isspace() or (apart and held and not bare) or (hyphened and bool(bare) and bare[-1] != "-")
    following = False  # the next note with a syllable goes on in this word
    goes_on_after, goes_on = [], False  # whether the next syllable is of the same word
    for _, _, _, _, bare, begins, _ in reversed(plain):
        goes_on_after.append(goes_on)
        goes_on = not begins if bare else goes_on
    goes_on_after.reverse()
    for place, (kind, beat, beats, semitone, bare, begins, held) in enumerate(plain):
        goes_on = goes_on_after[place]
        lyric = None
        if bare:
            inside = following and not begins
            syllabic = {(False, False): "single", (False, True): "begin", (True, True): "middle", (True, False): "end"}
            held_on = place + 1 < len(plain) and not plain[place + 1][4]
            lyric = clean_lyric(bare, syllabic[inside, goes_on], extend=held_on)
            following = goes_on
        yield kind, beat, beats, semitone, lyric, held


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _number(text, tag, path):
    if text is None:
        return None
    if not NUMBER.fullmatch(text):
        raise ScoreError(f"{path.name}: #{tag} is {text!r}; a number is wanted")
    return Fraction(text.replace(",", ".").strip())
