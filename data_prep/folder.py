"""A folder of your own: recordings, WAV or FLAC, and beside each a file of its name that says what is sung.

    python -m data_prep.prepare folder --source ~/anna --out work/manifests

The first of these that is there counts:

    x.TextGrid             tiers `phones` and, if there are any, `words` and `notes` (C#4, or MIDI numbers)
    x.ds                   of DiffSinger; or transcriptions.csv for all, in the recordings' folder or the one above
    x.lab                  of HTS, in units of 100 ns
    x.musicxml, .mxl, .mid the score: its notes are found in the singing, and phones placed by typical durations
    x.txt                  words only; the phones are for data_prep.align to find

Notes of a score begin where the voice does, so that voiced consonants count as theirs, up to a tenth of a second early.
corpus.yaml may say who sings and in what language (data_prep.about). Without it the singer is called as the folder.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_prep.about import NAME, About
from data_prep.corpus import SUFFIXES, Corpus, CorpusError
from data_prep.labels import (
    DsLine,
    Interval,
    LabelError,
    cents_of,
    ds_line,
    labelled,
    note,
    read_ds,
    read_hts,
    read_text,
    read_textgrid,
    tier,
)  # fmt: skip
from data_prep.phonesets import OF_LANGUAGE, UnknownPhone, convert, set_of
from svs import g2p
from svs.audio import Audio
from svs.dataset import measure_pitch
from svs.evaluation.alignment import align
from svs.phonemes import pronounce
from svs.score import ScoreError, read_score, select_part
from svs.timing import TypicalDurations, place

SCORES = (".musicxml", ".mxl", ".xml", ".mid")
TABLE = "transcriptions.csv"
FOLLOWS = 0.6  # share of the notes' frames that are sung as written, without which a score is not that of a recording
AMONG = ("arpabet", "svs", "japanese", "pinyin", "korean", "ipa")  # in this order a set is looked for
LANGUAGES = {phones: language for language, phones in OF_LANGUAGE.items()}


class Folder(Corpus):
    name = "folder"
    source = "a folder of your own"
    gated = "it is a folder of your own recordings, named by --source"
    licence = "as its corpus.yaml says"

    def clips(self, folder: Path) -> list[dict]:
        """One clip a recording; `phones` where a label file gives them, else `unlabelled`: why not."""
        sounds = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        if not sounds:
            raise CorpusError(f"{folder}: no .wav or .flac files there; a folder of recordings is wanted")
        tables: dict[Path, dict[str, DsLine]] = {}
        read = []
        for path in sounds:
            clip = {"id": "/".join((self.name, *path.relative_to(folder).with_suffix("").parts)), "audio": str(path)}
            read.append((clip, About.of(path.parent, folder), labels_of(path, tables)))
        phone_sets = _phone_sets(read)
        return [_finished(clip, about, found, phone_sets[about.singer]) for clip, about, found in read]


@dataclass(frozen=True)
class Labels:
    """What stands beside a recording: phones in its own symbols, words, notes, text; or a score to be followed."""

    phones: Sequence[Interval] = ()
    words: Sequence[Interval] | None = None
    notes: Sequence[dict] = ()
    text: str = ""
    score: Path | None = None


def labels_of(sound: Path, tables: dict[Path, dict[str, DsLine]]) -> Labels:
    """Of the first label file of a recording. tables: transcriptions.csv that were read already. Raises LabelError."""
    readers: dict[str, Callable[[Path], Labels]] = {
        ".TextGrid": _textgrid,
        ".ds": _ds,
        ".lab": lambda path: Labels(read_hts(path)),
    }
    for suffix, read in readers.items():
        if (path := _beside(sound, suffix)) is not None:
            return read(path)
    for folder in (sound.parent, sound.parent.parent):
        if (folder / TABLE).is_file():
            if folder not in tables:
                tables[folder] = _table(folder / TABLE)
            if (line := tables[folder].get(sound.stem)) is not None:
                return Labels(line.phones, None, line.notes, line.text)
    for suffix in SCORES:
        if (path := _beside(sound, suffix)) is not None:
            return Labels(score=path)
    path = _beside(sound, ".txt")
    return Labels(text=" ".join(read_text(path).split()) if path else "")


def _beside(sound: Path, suffix: str) -> Path | None:
    return next((path for end in (suffix, suffix.lower()) if (path := sound.with_suffix(end)).is_file()), None)


def _textgrid(path: Path) -> Labels:
    tiers = read_textgrid(path)
    phones, words = tier(tiers, "phones"), tier(tiers, "words")
    if phones is None:
        raise LabelError(f"{path}: no tier called phones; it has {', '.join(tiers) or 'none of intervals'}")
    try:
        sung = [
            note(i.start, i.end - i.start, cents_of(i.text))
            for i in tier(tiers, "notes") or ()
            if i.text not in ("", "rest")
        ]
    except ValueError as error:
        raise LabelError(f"{path}: tier of notes: {error}; C#4 or a MIDI number is wanted") from None
    return Labels(phones, words, sung, " ".join(word.text for word in words or () if word.text))


def _ds(path: Path) -> Labels:
    lines = read_ds(path)
    return Labels(
        [phone for line in lines for phone in line.phones], None,
        [each for line in lines for each in line.notes], " ".join(line.text for line in lines if line.text),
    )  # fmt: skip


def _table(path: Path) -> dict[str, DsLine]:
    found = {}
    for number, row in enumerate(csv.DictReader(read_text(path).splitlines()), 2):
        try:
            found[row["name"]] = ds_line(row)
        except (KeyError, ValueError, AttributeError) as error:
            raise LabelError(f"{path}, line {number}: name, ph_seq and as many ph_dur are wanted ({error})") from None
    return found


def _phone_sets(read: Iterable[tuple[dict, About, Labels]]) -> dict[str, str]:
    """The set that each singer's labels are in: as said, by their language, or the one that knows most of them."""
    symbols: dict[str, set[str]] = {}
    abouts: dict[str, About] = {}
    for _, about, found in read:
        abouts[about.singer] = about
        symbols.setdefault(about.singer, set()).update(phone.text for phone in found.phones)
    sets = {}
    for singer, about in abouts.items():
        asked = symbols[singer] - set(about.symbols)
        near = [set_of(about.language), "svs"] if about.language else []
        among = [about.phones] if about.phones else list(dict.fromkeys((*near, *AMONG)))
        sets[singer] = max(
            among, key=lambda name: sum(_known(symbol, name) for symbol in asked)
        )  # the first of the best
    return sets


def _known(symbol: str, phone_set: str) -> bool:
    try:
        return bool(convert(symbol, phone_set))
    except UnknownPhone:
        return False


def _finished(clip: dict, about: About, found: Labels, phone_set: str) -> dict:
    language = about.language or LANGUAGES.get(phone_set, "")
    clip = {"id": clip["id"], "speaker": about.singer, "audio": clip["audio"]}
    if language:
        clip["language"] = language
    if about.licence:
        clip["licence"] = about.licence
    if found.score is not None:
        return _followed(clip, found.score, about.language)
    if found.text:
        clip["text"] = found.text
    if not found.phones:
        return {**clip, "unlabelled": "words without times" if found.text else "no label file of its name beside it"}
    if not language:
        raise CorpusError(
            f"{clip['audio']}: its labels do not tell the language; write a {NAME} beside the recordings that says it, "
            "such as `language: de`"
        )
    if found.notes:
        clip["notes"] = list(found.notes)
    return labelled(clip, found.phones, phone_set, found.words, about.symbols)


def _followed(clip: dict, path: Path, language: str) -> dict:
    """The clip with the score's notes where they are sung, and phones around them by typical durations."""
    try:
        line = select_part(read_score(path, language=language or None))
    except ScoreError as error:
        raise LabelError(str(error)) from None
    line = pronounce(line, g2p.load(line.language))
    clip = {**clip, "language": line.language}
    found = align(line.notes, measure_pitch(Audio.read(clip["audio"])), "dtw")
    if found.agreement < FOLLOWS:
        return {
            **clip,
            "unlabelled": f"only {100 * found.agreement:.0f} % of the notes in {path.name} are sung as written",
        }
    heard = [each for i, each in enumerate(found.notes) if i not in found.missed]
    ends = [*(each.onset for each in heard[1:]), float("inf")]
    sung = [
        replace(each, cents=each.cents + found.key_cents, duration=min(each.duration, end - each.onset))
        for each, end in zip(heard, ends, strict=True)
    ]
    clip["text"] = " ".join(each.lyric for each in sung if each.lyric)
    clip["notes"] = [note(each.onset, each.duration, each.cents, each.lyric, held=each.melisma) for each in sung]
    try:
        spans = place(sung, TypicalDurations(), tail=0.0)
    except ValueError as error:
        return {**clip, "unlabelled": f"{path.name}: {error}"}
    return labelled(clip, [Interval(span.start, span.end, span.symbol) for span in spans], "svs")
