"""Other formats (ABC, Humdrum, MEI, capella, NoteWorthy), read by music21 and handed on as MusicXML.

So every score takes the same path from the page to the voice. music21 drops the `**text` spines of Humdrum and the `w:`
lines of ABC; they are laid under its notes here, those of ABC line by line as its standard has it
(https://abcnotation.com/wiki/abc:standard:v2.1, 5.1).
"""

from __future__ import annotations

import contextlib
import html
import itertools
import re
import unicodedata
import warnings
from pathlib import Path

from svs.musicxml import clean_lyric, parse_musicxml
from svs.written import ScoreError, WrittenScore

FORMATS = {".abc": "abc", ".krn": "humdrum", ".mei": "mei", ".capx": "capella", ".nwctxt": "noteworthytext"}


def read_foreign(path) -> WrittenScore:
    """Read a score in one of FORMATS, the first when a file holds several. Raises ScoreError of one line."""
    path = Path(path)
    format = FORMATS[path.suffix.lower()]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import music21

            if format == "abc":
                text = _by_voices(_first_tune(path.read_text(encoding="utf-8", errors="replace")))
                with _bars_of_any_number():
                    stream = music21.converter.parse(text, format="abc")
                voices = _lay_words(stream, text)
            else:
                stream = music21.converter.parse(path, format=format, forceSource=True)
                if format == "humdrum":
                    _lay_humdrum_words(stream, path.read_text(encoding="utf-8", errors="replace"))
            if isinstance(stream, music21.stream.Opus):
                stream = stream.scores[0]
            data = music21.musicxml.m21ToXml.GeneralObjectExporter(stream).parse()
    except ScoreError as error:
        raise ScoreError(f"{path.name}: {error}") from None
    except Exception as error:  # music21 raises whatever its parsers meet
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ScoreError(f"{path.name}: not a score that music21 can read ({reason[:200]})") from None
    score = parse_musicxml(data, path.name)
    names = re.findall(r"^T:\s*(.+)", text, re.M) if format == "abc" else []
    score.title = names[0].strip() if names else score.title
    bars = score.measures
    if format == "abc" and len(bars) > 1 and bars[0].number == 0 and bars[0].length == bars[1].length:  # a whole bar, no pickup
        for bar in bars:
            bar.number += 1
    for number, part in enumerate(score.parts, 1):
        if part.name == part.id and len(part.id) > 12:  # music21 makes names of memory addresses
            part.name = f"Voice {number}" if len(score.parts) > 1 else "Voice"
            if format == "abc" and len(voices) == len(score.parts):
                part.name = voices[number - 1] or part.name
    return score


@contextlib.contextmanager
def _bars_of_any_number():
    """music21 drops the barlines of an ABC tune, and with them its repeats, where less than two of them are plain ones."""
    from music21 import abcFormat

    handler = abcFormat.ABCHandler
    plain = handler.definesMeasures
    handler.definesMeasures = lambda self: plain(self) or any(
        isinstance(token, abcFormat.ABCBar) and token.isRepeat() for token in self.tokens
    )
    try:
        yield
    finally:
        handler.definesMeasures = plain


ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", '"': "\u0308", "~": "\u0303", "o": "\u030a", "u": "\u0306", "v": "\u030c",
    "=": "\u0304", ",": "\u0327", ";": "\u0328",
}  # fmt: skip
LIGATURES = {"ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ"}


def _without_mnemonics(line: re.Match) -> str:
    """A text of ABC with its accents as letters: caf\\'e, na\\"ive, &eacute; (standard 2.1, 8.2)."""
    text = html.unescape(line[0])
    text = re.sub(r"\\(ss|ae|AE|oe|OE)", lambda found: LIGATURES[found[1]], text)
    return re.sub(
        r"\\([`'^\"~ouv=,;])([A-Za-z])", lambda found: unicodedata.normalize("NFC", found[2] + ACCENTS[found[1]]), text
    )


def _first_tune(text):
    """The header of a file and its first tune, without the one-letter decorations that make music21 lose their note."""
    tunes = re.split(r"(?m)^(?=X:)", text)
    text = tunes[0] + tunes[1] if len(tunes) > 1 else text
    text = re.sub(r"(?m)^(?=[wWT]:|\+:).*$", _without_mnemonics, text)
    text = re.sub(r"(?m)^\[V:\s*([^\]\n]*)\][ \t]*", r"V:\1\n", text)  # a line of music for one voice
    text = re.sub(r"[ \t]*\n\+:", "", text.replace("\r\n", "\n"))  # a field goes on
    text = re.sub(r"(?m)(^w:.*)\\[ \t]*\nw:", r"\1 ", text)
    text = re.sub(r"(?m)^(?![A-Za-z+]:)([^%\n]*)\\[ \t]*(?:%.*)?\n(?![A-Za-z+]:|%|\s*$)", r"\1 ", text)  # and a line of music
    decoration = re.compile(r"(?<![A-Za-z!+:])[HLMOPSTuv]+(?=[\^_=.~]*[A-Ga-g\[(])")
    return (
        "\n".join(line if re.match(r"[A-Za-z+]:|%", line) else decoration.sub("", line) for line in text.splitlines())
        + "\n"
    )


def _by_voices(text: str) -> str:
    """A tune whose lines change between voices with each voice by itself and numbered, as music21 reads them."""
    every = text.splitlines()
    start = next((i for i, line in enumerate(every, 1) if line.startswith("K:")), len(every))
    definition: dict[str, str] = {}
    lines: dict[str, list[str]] = {}
    voice = ""
    for line in [*(line for line in every[:start] if line.startswith("V:")), *every[start:]]:
        if (field := re.match(r"V:\s*(\S+)(.*)", line)) is None:
            lines.setdefault(voice, []).append(line)
            continue
        voice = field[1]
        definition[voice] = definition.get(voice) or field[2]
    music = {voice: found for voice, found in lines.items() if any(re.match(r"(?![A-Za-z+]:|%)\s*\S", line) for line in found)}
    if len(music) < 2:
        return text
    whole = [line for line in every[:start] if not line.startswith("V:")]
    for number, (voice, found) in enumerate(music.items(), 1):
        name = "" if re.search(r"\b(name|nm)=", definition.get(voice, "")) or voice.isdecimal() else f' name="{voice}"'
        whole += [f"V:{number}{definition.get(voice, '')}{name}", *found]
    return "\n".join(whole) + "\n"


def _lay_words(stream, text) -> list[str]:
    """Give the notes of an ABC tune the syllables of its w: lines; returns the names of its voices, "" for those without."""
    import music21

    counts, words = _lines_of_voices(text)
    named = dict(re.findall(r"(?m)^(?:V:|.*\[V:)\s*(\S+)[^\n\]]*?\b(?:name|nm)=\"([^\"]*)\"", text))
    names = [" ".join(named.get(voice, "").split()) for voice in counts]
    if not any(verses for lines in words.values() for verses in lines):
        return names
    parts = list(stream.parts) or [stream]
    if len(parts) != len(counts):
        raise ScoreError(f"{len(counts)} voices with words but {len(parts)} read; export the score as MusicXML instead")
    for part, voice in zip(parts, counts, strict=False):
        notes = [
            n for n in part.recurse().notes if not n.duration.isGrace and not isinstance(n, music21.harmony.Harmony)
        ]
        if len(notes) != sum(map(sum, counts[voice])):
            raise ScoreError(
                f"voice {voice or 1}: {sum(map(sum, counts[voice]))} notes in the text but {len(notes)} read, "
                "so its words cannot be placed; export the score as MusicXML instead"
            )
        start, inside = 0, dict[int, bool]()
        for bars, verses in zip(counts[voice], words[voice], strict=False):
            for verse, line in enumerate(verses, 1):
                syllables, inside[verse] = _syllables(line, inside.get(verse, False), bars)
                for note, (syllable, place) in zip(notes[start : start + sum(bars)], syllables, strict=False):
                    if syllable:
                        lyric = music21.note.Lyric(text=syllable, number=verse, syllabic=place, applyRaw=True)
                        note.lyrics.append(lyric)
            start += sum(bars)
    return names


def _lay_humdrum_words(stream, text):
    """Give the notes of a **kern spine the syllables of the **text spines to its right, one verse each."""
    import music21

    syllables = _humdrum_syllables(text)
    for part in stream.parts:
        found = syllables.get(int(re.sub(r"\D", "", str(part.id)) or -1))
        if not found or not any(any(verses) for verses in found):
            continue
        notes = [n for n in part.recurse().notes if not n.duration.isGrace]
        if len(notes) != len(found):
            raise ScoreError(
                f"spine {part.id}: {len(found)} notes in the text but {len(notes)} read, so its words cannot be "
                "placed; export the score as MusicXML instead"
            )
        for note, verses in zip(notes, found, strict=True):
            for verse, written in enumerate(verses, 1):
                if lyric := clean_lyric(written):
                    added = music21.note.Lyric(text=lyric.text, number=verse, syllabic=lyric.syllabic, applyRaw=True)
                    note.lyrics.append(added)


def _humdrum_syllables(text) -> dict[int, list[list[str]]]:
    """Number of a **kern spine → for each of its notes the tokens of the words beside it, "" for none."""
    types: list[str] = []
    spines: list[int] = []  # which spine each column belongs to
    found: dict[int, list[list[str]]] = {}
    for line in text.splitlines():
        cells = line.split("\t")
        if line.startswith("**"):
            types, spines = cells, list(range(len(cells)))
        elif line.startswith("*"):
            spines = _columns_after(cells, spines)
        elif line and line[0] not in "!=" and len(cells) == len(spines):
            first = {spine: cells[i] for i, spine in reversed(list(enumerate(spines)))}
            for spine, token in first.items():
                if types[spine] == "**kern" and re.search("[a-gA-G]", token) and not re.search("[rqQ]", token):
                    stop = next((i for i in range(spine + 1, len(types)) if types[i] == "**kern"), len(types))
                    words = [i for i in range(spine + 1, stop) if types[i] in ("**text", "**silbe", "**lyrics")]
                    beside = [first.get(i, ".") for i in words]
                    found.setdefault(spine, []).append(["" if cell == "." else cell for cell in beside])
    return found


def _columns_after(cells, spines):
    """The columns after a line of interpretations: split by *^, joined by neighbours *v, ended by *-."""
    columns: list[int] = []
    joining = None
    for cell, spine in zip(cells, spines, strict=False):
        if cell == "*v" and joining == spine:
            continue
        joining = spine if cell == "*v" else None
        columns += [spine] * {"*^": 2, "*-": 0}.get(cell, 1)
    return columns


def _lines_of_voices(text):
    """({voice: for each of its lines of music the notes in each bar}, {voice: the w: lines below each})."""
    import music21

    counts: dict[str, list[list[int]]] = {}
    words: dict[str, list[list[str]]] = {}
    voice, header = "", True
    for line in text.splitlines():
        field = re.match(r"([A-Za-z+]):\s*(.*)", line)
        if field:
            if field[1] == "K":
                header = False
            elif field[1] == "V" and not header:
                voice = field[2].split()[0] if field[2].split() else voice
            elif field[1] == "w" and words.get(voice):
                words[voice][-1].append(field[2])
            continue
        line = line.split("%")[0].rstrip()
        if header or not line.strip():
            continue
        inline = re.search(r"\[V:\s*([^\]\s]+)[^\]]*\]", line)
        voice = inline[1] if inline else voice
        music = re.sub(r"\[[A-Za-z]:[^\]]*\]|\{[^}]*\}|\"[^\"]*\"|![^!]*!|\+[^+]*\+", "", line)
        handler = music21.abcFormat.ABCHandler()
        handler.tokenize(music)
        tokens = handler.tokens
        bars = [0]
        for token in tokens:
            if isinstance(token, music21.abcFormat.ABCBar):
                bars.append(0)
            elif isinstance(token, music21.abcFormat.ABCChord):
                bars[-1] += 1
            elif isinstance(token, music21.abcFormat.ABCNote):
                bars[-1] += not re.match(r"[\"!^_=.~uvTHLMOPS]*[zxZX]", token.src)
        counts.setdefault(voice, []).append(bars)
        words.setdefault(voice, []).append([])
    return counts, words


def _syllables(line, inside, bars):
    """([(syllable or "" for a note without one, place in its word)] of a w: line, whether it ends inside a word).

    bars: notes in each bar of its line of music; a "|" goes on to the next of them.
    """
    found: list[tuple[str, str]] = []
    edges = [edge for edge in itertools.accumulate(bars) if edge]
    for token in re.findall(r"\*|_|-|\||(?:\\-|[^\s*_\-|])+", line):
        if token == "|":
            edge = next((edge for edge in edges if edge >= len(found)), len(found))
            found += [("", "")] * (edge - len(found))
        elif token in "*_":
            found.append(("", ""))
        elif token == "-":
            if inside:
                found.append(("", ""))  # a hyphen of its own holds the syllable
            elif found:
                last = max((i for i, (syllable, _) in enumerate(found) if syllable), default=0)
                found[last] = (found[last][0], {"single": "begin", "end": "middle"}.get(found[last][1], found[last][1]))
                inside = True
        else:
            found.append((token.replace("~", " ").replace("\\-", "-"), "end" if inside else "single"))
            inside = False
    return found, inside
