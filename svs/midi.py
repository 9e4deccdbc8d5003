"""MIDI and karaoke files: notes, tempo, and the lyric events that music21 does not keep.

Read with mido. Lyric events may stand in the track of their melody or in a track of their own, one a verse; .kar files
write them as text events, "/" and "\\" beginning a line. A track of syllables is given to the melody whose notes begin
where its syllables do. Where no note of the melody begins with a syllable and the notes follow without a rest, they
are a melisma; notes apart from all syllables are instrumental and left out.

Syllables are joined to words by the spaces or hyphens of the file. Files that have neither (LilyPond writes them) are
joined by an English word list with word frequencies, when the language is English.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import math
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from importlib import resources
from pathlib import Path

from svs.g2p import straight
from svs.language import detect
from svs.musicxml import HYPHENS, clean_lyric
from svs.written import MOST_POINTS, Lyric, Measure, ScoreError, WrittenNote, WrittenPart, WrittenScore

MAX_BYTES = 4 * 2**20
DRUMS = 9
RAMP = Fraction(1, 24)  # quarters, 20 ms at 120
LEGATO = Fraction(1, 4)  # quarters; played notes are a little shorter than written
ENDINGS = {"ed", "er", "ers", "es", "est", "eth", "ing", "ings", "ly", "less", "ness", "sion", "tion", "ty", "ry"}
MOST_SYLLABLES = 6  # of a word, when words are sought
TOTAL = 12.0  # log10 of the words that the word list was counted in
UNKNOWN, LETTER = 8.0, 2.0  # cost of a word that is in no list, and of each of its letters
MELODY_NAMES = re.compile(r"vocal|voice|voc\b|melod|lead|solo|sing|sopran|words|lyric|gesang|canto|chant|cantus", re.I)


@dataclass
class _Line:
    """One track and channel: (start tick, end tick, key, velocity) of its notes, one at a time.

    bends: (tick, cents by pitch wheel and tuning, of these by tuning alone) that its keys are moved from there on.
    """

    track: int
    name: str
    notes: list[tuple[int, int, int, int]]
    channel: int = 0
    bends: list[tuple[int, float, float]] = field(default_factory=list)
    lyrics: list[dict[int, list[tuple[str, str]]]] = field(default_factory=list)

    def __post_init__(self):
        self.starts = [note[0] for note in self.notes]


def read_midi(path, language: str | None = None) -> WrittenScore:
    """Read .mid or .kar with its lyrics. language: by which syllables without hyphens are joined; None guesses.

    Raises ScoreError of one line for a file that is damaged or too large.
    """
    path = Path(path)
    file = _open(path)
    beat = file.ticks_per_beat
    tracks = [_absolute(track) for track in file.tracks]
    _decode(tracks)
    score = WrittenScore(path.name)
    ends = [ticks for track in tracks for ticks, _ in track]
    starts = _measures(score, tracks, beat, max(ends, default=0))

    def place(tick):
        index = bisect_right(starts, tick) - 1
        return index, Fraction(tick - starts[index], beat)

    tempos = {}
    for tick, message in sorted(
        ((t, m) for track in tracks for t, m in track if m.type == "set_tempo"), key=lambda e: e[0]
    ):
        if message.tempo > 0:
            tempos[place(tick)] = 60e6 / message.tempo
    score.tempos = [(index, offset, bpm) for (index, offset), bpm in tempos.items()]

    lines = [line for number, track in enumerate(tracks) for line in _lines(number, track)]
    bends = _bends(tracks)
    for line in lines:
        line.bends = bends.get(line.channel, [])
    onsets = {note[0] for line in lines for note in line.notes}
    texts, score.title = _lyric_tracks(tracks, onsets)
    if (named := _language_header(tracks)) != "en":  # makers of karaoke leave ENGL in songs of any language
        score.language = named
    found = score.language or detect(text.strip("/\\ ") for _, events in texts for _, text in events)
    language = language or found or "en"
    unplaced = _attach(lines, texts, beat, language)
    points = 0
    for number, line in enumerate(lines, 1):
        part = WrittenPart(line.name or f"Track {line.track + 1}", f"P{number}", legato=LEGATO)
        part.notes = _written(line, place, beat, part)
        if (points := points + sum(len(note.bend) for note in part.notes)) > MOST_POINTS:
            raise ScoreError(f"{path.name}: its pitch wheels move at {points:,} points under notes; {MOST_POINTS:,} are read")
        score.parts.append(part)
    if unplaced and score.parts:
        score.parts[0].skipped["syllables with no note to sing them"] = unplaced
    return score


def _open(path):
    import mido

    try:
        data = path.read_bytes()
    except OSError as error:
        raise ScoreError(f"{path.name}: cannot be read ({error.strerror})") from None
    if len(data) > MAX_BYTES:
        raise ScoreError(f"{path.name}: {len(data) >> 20} MB; MIDI files above {MAX_BYTES >> 20} MB are refused")
    if data[:4] == b"RIFF":
        data = data[max(data.find(b"MThd"), 0) :]
    if data[:4] != b"MThd":
        raise ScoreError(f"{path.name}: not a MIDI file (it does not begin with MThd)")
    try:
        file = mido.MidiFile(file=io.BytesIO(data), clip=True)
    except Exception as error:  # mido raises whatever the bytes lead it to
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ScoreError(f"{path.name}: a damaged MIDI file ({reason}); export it again") from None
    if file.ticks_per_beat <= 0 or file.type == 2:
        kind = "counts time in film frames" if file.ticks_per_beat <= 0 else "holds independent songs (type 2)"
        raise ScoreError(f"{path.name}: {kind}; export it as a type 1 MIDI file with ticks per quarter note")
    return file


def _absolute(track):
    ticks, events = 0, []
    for message in track:
        ticks += message.time
        events.append((ticks, message))
    return events


def _measures(score, tracks, beat, end):
    """Fill the measures of the score from its time signatures; returns their first ticks."""
    changes = {0: (4, 4)}
    for track in tracks:
        for tick, message in track:
            if message.type == "time_signature" and message.numerator:
                changes[tick] = (message.numerator, message.denominator)
    ticks = sorted(changes)
    starts = []
    for here, there in zip(ticks, [*ticks[1:], max(end, ticks[-1]) + 1], strict=False):
        numerator, denominator = changes[here]
        length = max(1, beat * 4 * numerator // denominator)
        if (there - here) // length > 20_000:
            raise ScoreError(f"{score.file}: more than 20 000 bars; a damaged MIDI file")
        starts += range(here, there, length)
    stops = [*starts[1:], max(end, starts[-1] + 1)]
    score.measures = [Measure(i, Fraction(b - a, beat)) for i, (a, b) in enumerate(zip(starts, stops, strict=False), 1)]
    return starts


def _lines(number, track):
    """The melody of each channel of a track: of notes that sound together the top one."""
    name = next((m.name for _, m in track if m.type == "track_name"), "")
    held: dict[tuple[int, int], list] = {}
    notes: dict[int, list] = {}
    for tick, message in track:
        if message.type == "note_on" and message.velocity > 0:
            held.setdefault((message.channel, message.note), []).append((tick, message.velocity))
        elif message.type in ("note_on", "note_off"):
            started = held.get((message.channel, message.note))
            if started:
                begin, velocity = started.pop(0)
                if tick > begin:
                    notes.setdefault(message.channel, []).append((begin, tick, message.note, velocity))
    names = Counter(channel for channel in notes)
    lines = []
    for channel in sorted(notes):
        if channel != DRUMS:
            label = " ".join(name.strip(": ").split())
            label = label if len(names) == 1 or not label else f"{label} (channel {channel + 1})"
            lines.append(_Line(number, label or f"Channel {channel + 1}", _top_line(notes[channel]), channel))
    return lines


def _bends(tracks) -> dict[int, list[tuple[int, float, float]]]:
    """Channel → _Line.bends of its pitch wheel and of the tuning that registered parameters set."""
    events: dict[int, list] = {}
    for track in tracks:
        for tick, message in track:
            if message.type in ("pitchwheel", "control_change"):
                events.setdefault(message.channel, []).append((tick, message))
    found: dict[int, list[tuple[int, float, float]]] = {}
    for channel, messages in events.items():
        parameter, values = [127, 127], {}  # values: (parameter, coarse or fine byte)
        wheel = 0
        for tick, message in sorted(messages, key=lambda event: event[0]):
            if message.type == "pitchwheel":
                wheel = message.pitch
            elif message.control in (100, 101):
                parameter[message.control == 100] = message.value
                continue
            elif message.control in (6, 38) and parameter[0] == 0 and parameter[1] in (0, 1, 2):
                values[parameter[1], message.control] = message.value
            else:
                continue
            reach = 100.0 * values.get((0, 6), 2) + values.get((0, 38), 0)  # cents; two semitones unless the file says
            fine = 100.0 * ((values.get((1, 6), 64) << 7) + values.get((1, 38), 0) - 8192) / 8192
            coarse = 100.0 * (values.get((2, 6), 64) - 64)
            bends, bend = found.setdefault(channel, []), (wheel / 8192 * reach + fine + coarse, fine + coarse)
            if not bends or bends[-1][1:] != bend:
                bends.append((tick, *bend))
    return found


def _bent(bends, begin, end, beat) -> tuple[float, tuple[tuple[Fraction, float], ...]]:
    """(cents that a note is tuned away throughout, the contour over it where the wheel moves under it).

    Where it moves, the note is written where its key is tuned. A wheel keeps its value until the next message, in
    which a synthesiser leaps; here it glides there in RAMP.
    """
    last = bisect_right(bends, begin, key=lambda bend: bend[0])
    _, start, tuned = bends[last - 1] if last else (0, 0.0, 0.0)
    under = bends[last : bisect_left(bends, end, key=lambda bend: bend[0])]
    if not any(abs(cents - start) > 1.0 for _, cents, _ in under):
        return start, ()
    points = [(Fraction(0), start - tuned)]
    for tick, cents, _ in under:
        at = Fraction(tick - begin, beat)
        points += [(max(points[-1][0], at - RAMP), points[-1][1]), (at, cents - tuned)]
    return tuned, tuple(points)


def _top_line(notes):
    line: list[tuple[int, int, int, int]] = []
    for note in sorted(notes, key=lambda n: (n[0], -n[2])):
        if line and note[0] < line[-1][1]:
            begin, end, key, velocity = line[-1]
            overlap = end - note[0]
            if note[2] <= key and not overlap * 8 < min(end - begin, note[1] - note[0]):
                continue  # sounds below the note before, and is no mere overlap of legato playing
            if note[0] == begin:
                continue
            line[-1] = (begin, note[0], key, velocity)
        line.append(note)
    return line


# ---------------------------------------------------------------------------------------------- lyrics


def _decode(tracks) -> None:
    """Texts as they are meant, in place: mido reads Latin-1, most files are UTF-8, Windows-1252 or Shift JIS."""
    events = [(m, name) for track in tracks for _, m in track for name in ("text", "name") if hasattr(m, name)]
    data = [getattr(message, name).encode("latin-1", "replace") for message, name in events]
    japanese = b"".join(data).decode("cp932", "ignore")
    kana = sum("\u3040" <= c <= "\u30ff" for c in japanese) * 2 > sum(not c.isascii() for c in japanese) > 0
    for (message, name), text in zip(events, data, strict=True):
        for encoding in ("utf-8", *(["cp932"] if kana else []), "cp1252", "latin-1"):
            with contextlib.suppress(UnicodeDecodeError):
                setattr(message, name, text.decode(encoding).replace("\x00", ""))
                break


LANGUAGES = {
    "EN": "en", "GE": "de", "DE": "de", "FR": "fr", "IT": "it", "SP": "es", "ES": "es", "JA": "ja", "JP": "ja", "LA": "la",
}  # fmt: skip


def _language_header(tracks) -> str | None:
    """The language that a karaoke file names: @LGERM is "de"."""
    headers = (m.text.strip() for track in tracks for _, m in track if m.type == "text")
    return next((LANGUAGES.get(header[2:4].upper()) for header in headers if header.startswith("@L")), None)


def _sung_texts(track) -> list[tuple[int, str]]:
    """Lyric events as they are meant. Yamaha's XF parts lines with < and /, and writes ^ for a space."""
    events = [(tick, m.text) for tick, m in track if m.type == "lyrics" and not re.fullmatch(r"\s*(\{[@#].*\}|@.*)\s*", m.text)]
    if sum("^" in text or text[:1] in "<>" for _, text in events) > 0.1 * len(events):
        events = [(tick, re.sub("[<>/%]+$", "\n", re.sub("^[<>%]+", "/", text.replace("^", " ")))) for tick, text in events]
    return [(tick, text) for tick, text in events if text]


def _lyric_tracks(tracks, onsets):
    """([(track number, [(tick, text)])], title) of tracks with lyric events, or else with karaoke text.

    onsets: ticks of all notes. Texts that mostly begin with notes are words, whatever their track says of itself.
    """
    title = ""
    lyrics, texts = [], []
    for number, track in enumerate(tracks):
        sung = _sung_texts(track)
        written = [(tick, m.text) for tick, m in track if m.type == "text"]
        headers = [text for _, text in written if text.startswith("@")]
        title = title or next((h[2:].strip() for h in headers if h.startswith("@T")), "")
        lyrics.append((number, sung))
        name = next((m.name for _, m in track if m.type == "track_name"), "")
        text = [(tick, t) for tick, t in written if not t.startswith("@") and (tick > 0 or t[:1] in "/\\")]
        with_notes = len(text) >= 2 and sum(tick in onsets for tick, _ in text) >= 0.75 * len(text)
        first = [(tick, t) for tick, t in written if tick == 0 and t[:1] not in "@/\\"]
        if with_notes and 0 in onsets and len(first) == 1 and len(first[0][1].split()) == 1:
            text = first + text
        if headers or re.search(r"words|lyric", name, re.I) or len(text) >= 8 or with_notes:
            texts.append((number, text))
    count = sum(len(events) for _, events in lyrics)
    words = sum(len(events) for _, events in texts)
    chosen = lyrics if count and count * 2 >= words else texts
    if not title and tracks:
        title = next((m.name.strip(": ") for _, m in tracks[0] if m.type == "track_name"), "")
    return [(number, events) for number, events in chosen if any(_singable(t) for _, t in events)], title


def _singable(text):
    return any(character.isalnum() for character in text)


def _attach(lines, texts, beat, language):
    """Give every track of syllables to its melody; returns how many syllables found no note."""
    chosen: set[int] = set()
    spans: dict[int, list[tuple[int, int, int]]] = {}  # line → (first tick, last tick, verse)
    unplaced = 0
    for number, events in texts:
        syllables = _syllables(events, language)
        if not syllables or not lines:
            continue
        ticks = [tick for tick, _ in syllables]

        fits = [
            _fit(line, ticks, beat) + (0.3 if line.track == number else 0.0) + (0.03 if i in chosen else 0.0)
            for i, line in enumerate(lines)
        ]
        index = fits.index(max(fits))
        chosen.add(index)
        line = lines[index]
        first, last = ticks[0], ticks[-1]
        over = [verse for begin, end, verse in spans.get(index, ()) if begin <= last and first <= end]
        verse = max(over, default=0) + 1
        spans.setdefault(index, []).append((first, last, verse))
        placed: dict[int, list[Lyric]] = {}
        at = -1
        for tick, lyric in syllables:
            near = _near(line.starts, tick, beat // 4, after=at)
            if near is None:
                if at >= 0 and abs(line.starts[at] - tick) <= beat // 16:
                    placed[at].append(lyric)
                else:
                    unplaced += 1
                continue
            placed[near] = [lyric]
            at = near
        line.lyrics.append({i: replace(_elided(several), verse=verse) for i, several in placed.items()})
    return unplaced


def _fit(line, ticks, beat):
    """How well syllables at these ticks fit a melody: F1 of onsets in common, a little more for a telling name."""
    first, last = ticks[0] - beat // 4, ticks[-1] + beat // 4
    inside = bisect_right(line.starts, last) - bisect_left(line.starts, first)
    common = sum(_near(line.starts, tick, beat // 8) is not None for tick in ticks)
    return 2.0 * common / (len(ticks) + max(inside, 1)) + (0.05 if MELODY_NAMES.search(line.name) else 0.0)


def _near(starts, tick, tolerance, after=-1):
    """Index of the note that begins nearest to a tick and comes after another, None beyond the tolerance."""
    middle = bisect_left(starts, tick)
    around = [i for i in (middle - 1, middle) if after < i < len(starts) and abs(starts[i] - tick) <= tolerance]
    return min(around, key=lambda i: abs(starts[i] - tick), default=None)


def _elided(lyrics):
    """Syllables that fall on one note, joined by the sign of elision."""
    first, last = lyrics[0], lyrics[-1]
    before, after = first.syllabic in ("middle", "end"), last.syllabic in ("begin", "middle")
    place = {(False, False): "single", (False, True): "begin", (True, True): "middle", (True, False): "end"}
    return replace(first, text="‿".join(lyric.text for lyric in lyrics), syllabic=place[before, after])


def _syllables(events, language):
    """[(tick, Lyric)] in time order, placed in their words by spaces, hyphens or the word list."""
    tokens: list[list] = []  # tick, text, a word begins here, a word ends here
    spaces, apart = 0, True
    for tick, text in sorted(events, key=lambda event: event[0]):
        bare = text.strip("/\\ \n\r\t\u00a0")
        if not _singable(bare):
            apart = True
            if tokens:
                tokens[-1][3] = True
            continue
        begins, ends = text[0] in "/\\ \n\r\t", text[-1].isspace()
        spaces += begins or ends
        tokens.append([tick, bare, apart or begins, ends])
        apart = ends
    if not tokens:
        return []
    spaced = spaces > max(2, 0.1 * len(tokens))
    hyphened = sum(token[1][-1] in HYPHENS for token in tokens)
    joins = [False] * len(tokens)  # token i goes on in token i + 1
    for i in range(len(tokens) - 1):
        this, following = tokens[i], tokens[i + 1]
        if this[1][-1] in HYPHENS or following[1][0] in HYPHENS:
            joins[i] = this[1][-1] != "_"
        elif spaced and not hyphened > 0.1 * len(tokens):
            joins[i] = not (this[3] or following[2] or this[1][-1] in ",;:.!?")
    if not spaced and not hyphened > 0.1 * len(tokens) and language.lower().startswith("en"):
        joins = _join_english([token[1] for token in tokens], [token[3] for token in tokens], joins)
    syllables = []
    for i, (tick, text, _, _) in enumerate(tokens):
        before, after = i > 0 and joins[i - 1], joins[i]
        place = {(False, False): "single", (False, True): "begin", (True, True): "middle", (True, False): "end"}
        lyric = clean_lyric(text.strip(HYPHENS), place[before, after])
        if lyric is not None:
            syllables.append((tick, lyric))
    return syllables


# ---------------------------------------------------------------------------------------------- words of syllables


def _join_english(tokens, ends, known):
    """Which syllables go on in the next: the likeliest words that have as many syllables as tokens.

    ends, known: word ends and joins that the file itself states. Words also end at punctuation and before a capital.
    """
    joins = list(known)
    start = 0
    for i, token in enumerate(tokens):
        stops = (
            ends[i]
            or i + 1 == len(tokens)
            or re.search(r"[,;:.!?)\"”]$", token)
            or re.match(r"[A-Z(\"“]", tokens[i + 1])
        )
        if stops and not known[i]:
            for begin, end in _likeliest_words(tokens[start : i + 1]):
                for j in range(start + begin, start + end - 1):
                    joins[j] = True
            start = i + 1
    return joins


def _likeliest_words(tokens):
    """[(first token, end)] of the likeliest words: a path through all cuts, each word's cost given the one before."""
    plain = [_plain(token) for token in tokens]
    paths: list[dict[str, tuple[float, list]]] = [{"": (0.0, [])}]  # at each token: last word → (cost, words)
    for end in range(1, len(tokens) + 1):
        here: dict[str, tuple[float, list]] = {}
        for begin in range(max(0, end - MOST_SYLLABLES), end):
            word = "".join(plain[begin:end]).strip("'")
            alone = _cost(word, end - begin)
            for before, (cost, found) in paths[begin].items():
                total = cost + min(alone, _cost_after(before, word, end - begin))
                if word not in here or total < here[word][0]:
                    here[word] = (total, [*found, (begin, end)])
        paths.append(here)
    return min(paths[-1].values(), key=lambda option: option[0])[1]


def _plain(token):
    letters = unicodedata.normalize("NFD", straight(token.lower()))
    return "".join(c for c in letters if c.isalpha() or c == "'")


def _cost(word, syllables):
    """-log10 of the probability of a word sung on so many syllables."""
    if syllables == 1 and word in ENDINGS:
        return 24.0
    options = [_known_cost(form, syllables) + extra for form, extra in _forms(word)]
    return min(options, default=UNKNOWN + LETTER * len(word))


def _forms(word):
    """(spelling that the word list may have, what leaving it costs): ev'ry → every, mercy's → mercy, waiteth → wait."""
    forms = [(word, 0.0)]
    if "'" in word:
        forms += [(word.replace("'", letter), 0.0) for letter in ("e", "v", "o", "i", "")]
        if word.endswith("'s"):
            forms.append((word[:-2], 1.3))
        if contracted := re.fullmatch("(th'|t')(.+)", word):
            forms.append((contracted[2], 1.5))
    for ending in ("eth", "est", "edst"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            forms += [(word[: -len(ending)], 2.5), (word[: -len(ending)] + "e", 2.5)]
    if word.startswith("un") and len(word) > 5:
        forms.append((word[2:], 2.0))
    return [(form, extra) for form, extra in forms if form in _frequencies()]


def _known_cost(word, syllables):
    cost = TOTAL - math.log10(_frequencies()[word])
    spoken = _syllable_counts().get(word)
    if spoken is None:  # not a word of the dictionary: perhaps two that the web writes as one
        return cost + 1.5 + 0.5 * (syllables - 1)
    # sung words often have one syllable more or less than spoken ones: bless-ed, heav'n, wait-eth
    return cost + (0.0 if syllables in spoken else 1.0 if {syllables - 1, syllables + 1} & spoken else 6.0)


def _cost_after(before, word, syllables):
    """The same after a certain word, infinite where the two were never seen together."""
    together = _pairs().get(f"{before} {word}")
    if not together or syllables > max(_syllable_counts().get(word, {syllables})):
        return math.inf
    return max(0.0, math.log10(_frequencies().get(before, together)) - math.log10(together))


@lru_cache(1)
def _frequencies():
    """How often each of the 333 000 commonest words stood on the web."""
    return _counted("unigrams.txt")


@lru_cache(1)
def _pairs():
    """The same for pairs of words."""
    return _counted("bigrams.txt")


def _counted(name):
    try:
        import wordsegment
    except ImportError:
        return {}
    counts: dict[str, float] = {}
    for line in resources.files(wordsegment).joinpath(name).read_text(encoding="utf-8").splitlines():
        words, _, count = line.partition("\t")
        counts[words] = max(float(count), counts.get(words, 0.0))
    return counts


@lru_cache(1)
def _syllable_counts():
    """Syllables of each word of CMUdict, one number a pronunciation."""
    counts: dict[str, set[int]] = {}
    try:
        data = resources.files("svs").joinpath("g2p", "cmudict.dict.gz").read_bytes()
    except OSError:
        return {}
    for line in gzip.decompress(data).decode("utf-8", "replace").splitlines():
        word, _, phones = line.partition("#")[0].strip().partition(" ")
        counts.setdefault(word.split("(")[0], set()).add(sum(c.isdigit() for c in phones))
    return counts


# ---------------------------------------------------------------------------------------------- notes


def _written(line, place, beat, part):
    """The notes of a melody; with lyrics, only those that are sung."""
    velocities = sorted(note[3] for note in line.notes)
    median = velocities[len(velocities) // 2] if velocities else 64
    notes = []
    ordinals: Counter = Counter()
    reach = None
    for i, (begin, end, key, velocity) in enumerate(line.notes):
        lyrics = tuple(sorted((track[i] for track in line.lyrics if i in track), key=lambda lyric: lyric.verse))
        measure, offset = place(begin)
        ordinals[measure] += 1
        if line.lyrics:
            if not lyrics and (reach is None or begin > reach + beat * LEGATO):
                part.skipped["notes apart from all syllables"] = (
                    part.skipped.get("notes apart from all syllables", 0) + 1
                )
                continue
            reach = end
        tuned, bend = _bent(line.bends, begin, end, beat)
        loudness = max(-9.0, min(9.0, 20.0 * math.log10(velocity / median)))
        notes.append(
            WrittenNote(
                measure,
                offset,
                Fraction(end - begin, beat),
                100.0 * key + tuned,
                ordinal=ordinals[measure],
                lyrics=lyrics,
                loudness=loudness,
                bend=bend,
            )
        )
    return notes
