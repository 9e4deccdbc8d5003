"""Figures for score files: parsed or refused, notes, playing order, syllables on their notes, words."""

from __future__ import annotations

import csv
import difflib
import json
import re
import signal
import tempfile
import time
import traceback
import unicodedata
import zipfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from benchmarks.conformance import Figure
from svs.phonemes import strip_stress
from svs.repeats import play_order
from svs.score import read_score, read_written
from svs.written import ScoreError, join_ties

SECONDS_ALLOWED = 20
CPU_SECONDS = 5
ONSET = 0.01  # quarters within which two readings are equal
TRAILING = 4  # quarters of trailing rests on which readers differ
JAPANESE = "ja"


class TooLong(Exception):
    pass


@contextmanager
def time_limit(seconds: int):
    def stop(*_):
        raise TooLong

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def attempt(path: Path, **options):
    """(score, "") or (None, what went wrong): a refusal begins with the file's name, anything else is a fault."""
    try:
        with time_limit(SECONDS_ALLOWED):
            return read_score(path, **options), ""
    except ScoreError as error:
        return None, str(error)
    except TooLong:
        return None, f"FAULT hung for {SECONDS_ALLOWED} s"
    except Exception:
        return None, "FAULT " + traceback.format_exc().strip().splitlines()[-1]


def opened(figure: Figure, path: Path, **options) -> None:
    """Count a file as parsed, or refused in one line that names the file."""
    score, reason = attempt(path, **options)
    refused = reason.startswith(path.name) and "\n" not in reason
    figure.count(score is not None or refused, f"{path.name}: {reason}")


def sung(figure: Figure, path: Path, **options):
    """Count a file as sung: notes with lyrics, no note of no length, none over the next. The score, or None."""
    score, reason = attempt(path, **options)
    good = score is not None and all(
        part.notes
        and all(note.duration > 0 for note in part.notes)
        and all(a.end <= b.onset + 1e-6 for a, b in zip(part.notes, part.notes[1:], strict=False))
        for part in score.parts
    )
    figure.count(good, f"{path.name}: {reason or 'notes overlap or last no time'}")
    return score


def agreed_values(folder: Path) -> list[Figure]:
    """consensus.tsv: values on which two other readers agree, for every file that is not refused."""
    figures = {
        name: Figure(folder.name, f"agreed {name.replace('_', ' ')}")
        for name in ("pitched_notes", "sounding_notes", "quarters", "unrolled_quarters", "lyric_syllables")
    }
    with open(folder / "consensus.tsv", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            try:
                score = read_written(folder / row["file"])
            except ScoreError:
                continue
            starts = score.starts()
            left_out = sum(
                part.skipped.get(what, 0) for part in score.parts for what in ("cue notes", "x-headed notes")
            )
            mine = {
                "pitched_notes": sum(not note.grace for part in score.parts for note in part.notes) + left_out,
                "sounding_notes": sum(len(join_ties(part.notes, starts)) for part in score.parts),
                "quarters": float(starts[-1]),
                "unrolled_quarters": float(sum(score.measures[i].length for i in play_order(score.measures))),
                "lyric_syllables": sum(len(note.lyrics) for part in score.parts for note in part.notes),
            }
            for name, figure in figures.items():
                if row[name] not in ("", "None", "null"):
                    equal = abs(mine[name] - float(row[name])) < ONSET
                    figure.count(equal, f"{row['file']}: {mine[name]:g}, agreed {row[name]}")
    return list(figures.values())


def musicxml_suite(folder: Path) -> list[Figure]:
    figure = Figure(folder.name, "parsed or refused in one line", 100)
    for path in sorted(folder.iterdir()):
        if path.suffix in (".xml", ".musicxml", ".mxl"):
            opened(figure, path)
    return [figure, *agreed_values(folder)]


def letters(text: str) -> str:
    """A syllable without verse number, punctuation and case."""
    text = unicodedata.normalize("NFC", re.sub(r"^[(\[]?\d+\s*[.):\]]+", "", text.strip()))
    return "".join(c for c in text.casefold() if c.isalpha() or c == "'" or c == "’").replace("’", "'")


def lieder(folder: Path) -> list[Figure]:
    name = folder.name
    parsed = Figure(name, "parsed", 100)
    parts = Figure(name, "note list of a vocal part equal to gold", 99)
    lengths = Figure(name, "played-out length of a song", 97)
    jumps = Figure(name, "played-out length of a song in jumps/", 100)
    syllables = Figure(name, "syllable on the right note", 99.5)
    places = Figure(name, "place of the syllable in its word")
    bags = Figure(name, "words of the .txt found in the score (bags)")
    quick = Figure(name, f"≤ {CPU_SECONDS} s of CPU time from file to spans for 5 minutes of song", 100)
    golds = [json.loads(line) for line in (folder / "gold_vocal.jsonl").read_text(encoding="utf-8").splitlines()]
    by_file: dict[str, list] = {}
    for gold in golds:
        by_file.setdefault(gold["file"], []).append(gold)
    for path in sorted(folder.glob("*/*.mxl")):
        file = str(path.relative_to(folder))
        score = sung(parsed, path)
        written = read_written(path)
        seconds = speed(path)
        quick.count(seconds <= CPU_SECONDS, f"{file}: {seconds:.1f} s")
        for gold in by_file.get(file, ()):
            part = next(p for p in written.parts if p.id == gold["part"])
            mine = sorted(join_ties(part.notes, written.starts()), key=lambda entry: (entry[0], entry[2].cents))
            want = sorted(gold["notes"], key=lambda note: (note[0], note[2]))
            equal = len(mine) == len(want) and all(
                abs(float(a) - w[0]) < ONSET and abs(float(b) - w[1]) < ONSET and abs(n.cents - 100 * w[2]) < 1
                for (a, b, n), w in zip(mine, want, strict=False)
            )
            parts.count(equal, f"{file} {gold['part']}: {len(mine)} notes, gold {len(want)}")
            have: dict[tuple, list] = {}  # two voices may meet on one note
            for onset, _, note in mine:
                have.setdefault((round(float(onset), 2), round(note.cents / 100)), []).extend(note.lyrics)
            for onset, _, midi, lyrics in want:
                here = have.get((round(onset, 2), midi), [])
                for verse, text, syllabic in lyrics:
                    if letters(text):
                        number = int(re.sub(r"\D", "", verse) or 1)
                        lyrics_here = [lyric for lyric in here if lyric.verse == number]
                        same = [lyric for lyric in lyrics_here if letters(lyric.text) == letters(text)]
                        found = [lyric.text for lyric in lyrics_here]
                        syllables.count(bool(same), f"{file} quarter {onset:g} verse {verse}: {found}, gold {text!r}")
                        if same:
                            places.count(any(lyric.syllabic == syllabic for lyric in same))
        if by_file.get(file) and by_file[file][0]["unrolled_quarters"] is not None:
            want = by_file[file][0]["unrolled_quarters"]
            length = float(sum(written.measures[i].length for i in play_order(written.measures)))
            right = abs(length - want) <= TRAILING
            lengths.count(right, f"{file}: {length:g} quarters, gold {want:g}")
            if file.startswith("jumps/"):
                jumps.count(right, f"{file}: {length:g} quarters, gold {want:g}")
        text = path.with_suffix(".txt")
        if text.is_file() and score is not None:
            want = Counter(filter(None, map(letters, re.findall(r"[^\s‿_—-]+", text.read_text(encoding="utf-8")))))
            have = written_words(written)
            bags.count(True, weight=sum((want & have).values()))
            missing = want - have
            bags.count(False, f"{file}: {' '.join(list(missing)[:12])}", weight=sum(missing.values()))
    return [parsed, parts, lengths, jumps, syllables, places, bags, quick]


def speed(path: Path) -> float:
    """CPU seconds from a file to the spans of its first part, for every 5 minutes of song."""
    from svs import g2p
    from svs.phonemes import pronounce
    from svs.timing import TypicalDurations, delay, place

    began = time.process_time()
    part = read_score(path).parts[0]
    spans = place(delay(pronounce(part, g2p.load(part.language)).notes), TypicalDurations())
    return (time.process_time() - began) * max(1.0, 300 / spans[-1].end)


def written_words(score) -> Counter:
    """All words of all verses of all parts as engraved."""
    bag: Counter = Counter()
    for part in score.parts:
        for verse in {lyric.verse for note in part.notes for lyric in note.lyrics}:
            for word in joined(part.notes, verse):
                bag.update(filter(None, map(letters, re.findall(r"[^\s‿_—-]+", word))))
    return bag


def joined(notes, verse: int) -> list[str]:
    found, inside = [], False
    for note in notes:
        lyric = note.lyric(verse)
        if lyric is None:
            continue
        if inside and lyric.syllabic in ("middle", "end"):
            found[-1] += lyric.text
        else:
            found.append(lyric.text)
        inside = lyric.syllabic in ("begin", "middle")
    return found


def other_songs(folder: Path) -> list[Figure]:
    """Songs of several formats: sung, and equal where other readers agree."""
    figure = Figure(folder.name, "parsed", 100)
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".xml", ".musicxml", ".mxl", ".abc"):
            opened(figure, path)
    return [figure, *agreed_values(folder)]


# ---------------------------------------------------------------------------------------------- MIDI


def hymns(folder: Path) -> list[Figure]:
    name = folder.name
    parsed = Figure(name, "parsed", 100)
    events = Figure(name, "lyric event on the note that begins with it", 99.5)
    rejoined = Figure(name, "word re-joined as in the .ly beside", 98)
    for path in sorted(folder.glob("*.mid")):
        if sung(parsed, path) is None:
            continue
        score = read_written(path)
        _lyric_events(events, path, score)
        blocks = lilypond_verses(path.with_suffix(".ly").read_text(encoding="utf-8"))
        for part in score.parts:
            for verse in sorted({lyric.verse for note in part.notes for lyric in note.lyrics}):
                mine = [note.lyric(verse) for note in part.notes if note.lyric(verse)]
                _words_rejoined(rejoined, path.name, mine, blocks)
    return [parsed, events, rejoined]


def _lyric_events(figure, path, score):
    import mido

    file = mido.MidiFile(path, clip=True)
    starts = score.starts()
    at: dict[int, set[str]] = {}
    for part in score.parts:
        for note in part.notes:
            tick = round((starts[note.measure] + note.offset) * file.ticks_per_beat)
            at.setdefault(tick, set()).update(letters(lyric.text) for lyric in note.lyrics)
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "lyrics":
                text = message.text.encode("latin-1").decode("utf-8", "replace")
                if letters(text):
                    here = at.get(tick, set())
                    right = letters(text) in here or any(letters(text) in other for other in here)
                    figure.count(right, f"{path.name} tick {tick}: {text!r}")


def _words_rejoined(figure, name, mine, blocks):
    have = [letters(lyric.text) for lyric in mine]
    if not blocks or not have:
        return
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(have)
    best, ratio = [], 0.0
    for block in blocks:
        matcher.set_seq1([text for text, _ in block])
        if matcher.ratio() > ratio:
            best, ratio = block, matcher.ratio()
    matcher.set_seq1([text for text, _ in best])
    place = {a + k: b + k for a, b, size in matcher.get_matching_blocks() for k in range(size)}
    begin = 0
    for end, (_, goes_on) in enumerate(best):
        if goes_on:
            continue
        inside = [place.get(i) for i in range(begin, end + 1)]
        text = "".join(text for text, _ in best[begin : end + 1])
        begin = end + 1
        if None in inside or inside != list(range(inside[0], inside[0] + len(inside))):
            continue  # not in the MIDI file, or sung twice
        own = [mine[i].syllabic for i in inside]
        wanted = ["begin", *["middle"] * (len(own) - 2), "end"] if len(own) > 1 else ["single"]
        figure.count(own == wanted, f"{name}: {text} {own}")


def lilypond_verses(text: str) -> list[list[tuple[str, bool]]]:
    """[(syllable, goes on in the next)] of every \\lyricmode block of a LilyPond file."""
    text = re.sub(r"%\{.*?%\}", "", text, flags=re.S)
    text = re.sub(r"%.*", "", text)
    blocks = []
    for start in re.finditer(r"\\lyricmode\s*\{", text):
        depth, end = 1, start.end()
        while depth and end < len(text):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        body = text[start.end() : end - 1]
        body = re.sub(
            r"\\(override|revert|set|unset|once)\s+[\w.]+(\s*\.\s*\w+)*(\s*#?'?[\w-]+)?(\s*=\s*\S+)?", " ", body
        )
        body = re.sub(r"\\markup\s*\{[^}]*\}|\\\w+|[{}]|#\S+", " ", body)
        syllables: list[tuple[str, bool]] = []
        for token in body.split():
            if token in ("--", "-"):
                if syllables:
                    syllables[-1] = (syllables[-1][0], True)
            elif letters(token):
                syllables.append((letters(token), token[-1] == "-"))
        if syllables:
            blocks.append(syllables)
    return blocks


def karaoke(folder: Path) -> list[Figure]:
    parsed = Figure(folder.name, "parsed or refused in one line", 100)
    events = Figure(folder.name, "syllable of a .kar on a note at its time")
    for path in sorted(folder.iterdir()):
        if path.suffix in (".mid", ".kar"):
            opened(parsed, path)
        if path.suffix == ".kar":
            _karaoke_events(events, path)
    return [parsed, events]


def _karaoke_events(figure, path):
    import mido

    file = mido.MidiFile(path, clip=True)
    score = read_written(path)
    starts = score.starts()
    notes = [
        (float(starts[note.measure] + note.offset), letters("".join(lyric.text for lyric in note.lyrics)))
        for part in score.parts
        for note in part.notes
        if note.lyrics
    ]
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type in ("text", "lyrics") and not message.text.startswith("@") and tick > 0:
                text = letters(message.text.encode("latin-1").decode("utf-8", "replace").strip("/\\"))
                if text:
                    quarter = tick / file.ticks_per_beat
                    right = any(abs(onset - quarter) <= 0.25 and text in lyric for onset, lyric in notes)
                    figure.count(right, f"{path.name} quarter {quarter:g}: {text!r}")


# ---------------------------------------------------------------------------------------------- singing editors


def ultrastar(folder: Path) -> list[Figure]:
    name = folder.name
    parsed = Figure(name, "parsed", 100)
    notes = Figure(name, "note with its syllable, pitch and seconds", 100)
    for path in sorted(folder.glob("*.txt")):
        if path.name.endswith(".license.txt") or path.name == "SOURCE.txt":
            continue
        score = sung(parsed, path)
        if score is None:
            continue
        mine = [note for part in score.parts for note in part.notes]
        for onset, duration, cents, text in _ultrastar_notes(path):
            near = [n for n in mine if abs(n.onset - onset) < 1e-3]
            right = any(
                abs(n.duration - duration) < 1e-3
                and abs(n.cents - cents) < 1
                and letters(n.lyric or "") == letters(text)
                for n in near
            )
            notes.count(right, f"{path.name} {onset:.2f} s: {text!r}")
    return [parsed, notes]


def _ultrastar_notes(path):
    """(onset seconds, duration seconds, cents, text) of pitched notes; beats are a quarter of those of #BPM."""
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252")
    tags = {k.upper(): v.strip() for k, v in re.findall(r"(?m)^#(\w+):(.*)$", text)}
    beat = 15.0 / float(tags["BPM"].replace(",", "."))
    gap = float(tags.get("GAP", "0").replace(",", ".")) / 1000
    for line in text.splitlines():
        match = re.match(r"\s*([:*])\s*(-?\d+)\s+(\d+)\s+(-?\d+) ?(.*)", line)
        if match and int(match[3]) > 0:
            start, length, pitch = (int(match[i]) for i in (2, 3, 4))
            yield gap + beat * start, beat * length, 6000 + 100.0 * pitch, match[5]


def templates(folder: Path) -> list[Figure]:
    """Projects of singing editors; what stands in .vprjson is the text inside the archive that a .vpr is."""
    parsed = Figure(folder.name, "read as notes", 100)
    with tempfile.TemporaryDirectory() as temporary:
        for path in sorted(folder.glob("template.*")):
            if path.suffix == ".vprjson":
                archive = Path(temporary) / "template.vpr"
                with zipfile.ZipFile(archive, "w") as file:
                    file.write(path, "Project/sequence.json")
                path = archive
            try:
                parsed.count(bool(read_written(path).parts))
            except ScoreError as error:
                parsed.count("without notes" in str(error), str(error))
    return [parsed]


def japanese_labels(folder: Path) -> list[Figure]:
    """Japanese scores with phone labels: the phones of the score in the order of the label."""
    from svs import g2p
    from svs.phonemes import pronounce

    parsed = Figure(folder.name, "parsed", 100)
    phones = Figure(folder.name, "phones in the order of the labels")
    for path in sorted(path for suffix in ("musicxml", "xml", "mid") for path in folder.glob(f"*.{suffix}")):
        score = sung(parsed, path, language=JAPANESE)
        labels = _labels(folder, path)
        if score is None or not labels or JAPANESE not in g2p.LANGUAGES:
            continue
        part = pronounce(score.parts[0], g2p.load(JAPANESE))
        mine = [label for note in part.notes for label in labels_of(note.phonemes)]
        matcher = difflib.SequenceMatcher(None, labels, mine, autojunk=False)
        phones.count(True, weight=sum(size for _, _, size in matcher.get_matching_blocks()))
        for kind, a, b, c, d in matcher.get_opcodes():
            if kind != "equal":
                phones.count(False, f"{path.name}: labels {labels[a:b]}, score {mine[c:d]}", weight=max(b - a, d - c))
    return [parsed, phones, *(agreed_values(folder))]


def _labels(folder: Path, path: Path) -> list[str]:
    """Phones of a mono label beside the score, pauses and breaths left out."""
    label = path.with_suffix(".lab")
    if not label.is_file():
        return []
    symbols = [line.split()[2] for line in label.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [symbol for symbol in symbols if symbol not in ("sil", "pau", "br")]


LABELS = {
    **{"a": "a", "IY": "i", "ɯ": "u", "e": "e", "o": "o", "ɴ": "N", "ʔ": "cl", "ɾ": "r", "ɸ": "f", "HH": "h"},
    **{"ɕ": "sh", "tɕ": "ch", "dʑ": "j", "ts": "ts"},
}


def labels_of(phones) -> list[str]:
    """The symbols of Japanese label files: small letters, and one for a consonant with the glide after it."""
    labels: list[str] = []
    for phone in map(strip_stress, phones):
        if phone == "Y" and labels and labels[-1] in {"k", "g", "n", "h", "b", "p", "m", "r", "t", "d", "f", "v"}:
            labels[-1] += "y"
        else:
            labels.append(LABELS.get(phone, phone.lower()))
    return labels


FOLDERS = {
    "01": musicxml_suite,
    "05": lieder,
    "06": other_songs,
    "07": hymns,
    "08": ultrastar,
    "11": japanese_labels,
    "12": japanese_labels,
    "14": templates,
    "15": karaoke,
    "17": other_songs,
}
