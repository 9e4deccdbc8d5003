"""CSD, the Children's Song Dataset: 50 English and 50 Korean songs, each in two keys, by one woman, 44.1 kHz.

Source:   zenodo.org/records/4916302, CSD.zip, 1.9 GB
Citation: S. Choi, W. Kim, S. Park, S. Yong and J. Nam, "Children's song dataset for singing voice research", ISMIR 2020
          late-breaking demo
Licence:  CC BY-NC-SA 4.0

Its tables say when each syllable is sung, how high, and by which phones, but not when each phone is: consonants are
placed before their vowels with typical durations. `data_prep.align` does it by ear.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from data_prep.corpus import UNKNOWN, Corpus, CorpusError
from data_prep.labels import Interval, labelled, note, read_text
from data_prep.phonesets import UnknownPhone, convert
from svs.phonemes import is_vowel
from svs.score import Note
from svs.timing import TypicalDurations, place

LANGUAGES = {"english": ("en", "arpabet"), "korean": ("ko", "korean")}
COLUMNS = ("start", "end", "pitch", "syllable")


class Csd(Corpus):
    name = "csd"
    source = "https://zenodo.org/records/4916302/files/CSD.zip"
    checksum = "md5:74d121dd8706fded26a15526a379f7a2"  # Zenodo's
    licence = "CC BY-NC-SA 4.0"
    citation = "Choi et al., ISMIR 2020 late-breaking demo"

    def clips(self, folder: Path) -> list[dict]:
        """One clip a song and key, from <language>/wav and <language>/csv."""
        folder = folder / "CSD" if (folder / "CSD").is_dir() else folder
        found = [
            self._clip(path, language, phone_set)
            for name, (language, phone_set) in LANGUAGES.items()
            if (folder / name).is_dir()
            for path in self.sounds(folder / name / "wav")
        ]
        if not found:
            raise CorpusError(
                f"{folder}: neither english nor korean there; {self.name} was expected, from {self.source}"
            )
        return found

    def _clip(self, path: Path, language: str, phone_set: str) -> dict:
        clip = {"id": f"{self.name}/{path.stem}", "speaker": self.name, "audio": str(path), "language": language}
        table = path.parent.parent / "csv" / f"{path.stem}.csv"
        if not table.is_file():
            return {**clip, "unlabelled": f"no {table.name} in csv"}
        try:
            notes = sung_notes(table, phone_set)
            spans = place(_with_room(notes), TypicalDurations())
        except UnknownPhone as error:
            return {**clip, "unlabelled": f"{UNKNOWN}{error}"}
        except CorpusError:
            raise
        except ValueError as error:
            return {**clip, "unlabelled": f"{table.name}: {error}"}
        clip["text"] = " ".join(note.lyric for note in notes if note.lyric)
        clip["notes"] = [note(n.onset, n.duration, n.cents, n.lyric, held=n.melisma) for n in notes]
        return labelled(clip, [Interval(span.start, span.end, span.symbol) for span in spans], "svs")


def sung_notes(table: Path, phone_set: str) -> list[Note]:
    """Notes of a table with their phones; a row without phones carries on. Raises UnknownPhone, CorpusError."""
    rows = list(csv.DictReader(read_text(table).splitlines(), skipinitialspace=True))
    if not rows or not set(COLUMNS) <= set(rows[0]):
        raise CorpusError(f"{table}: the columns {', '.join(COLUMNS)} are wanted")
    notes: list[Note] = []
    unknown: list[str] = []
    for number, row in enumerate(rows, 2):
        try:
            onset, end, midi = float(row["start"]), float(row["end"]), float(row["pitch"])
        except (TypeError, ValueError):
            raise CorpusError(f"{table}, line {number}: start, end and pitch are numbers") from None
        phones: list[str] = []
        for symbol in (row["syllable"] or "").strip().split("_"):
            try:
                phones += [phone for phone, _ in convert(symbol, phone_set)]
            except UnknownPhone:
                unknown.append(symbol)
        held = not any(map(is_vowel, phones)) and bool(notes) and phones in ([], ["SIL"])
        notes.append(
            Note(
                onset,
                end - onset,
                100.0 * midi,
                None if held else row["syllable"].strip(),
                phonemes=() if held else tuple(phones),
                melisma=held,
            )
        )
    if unknown:
        raise UnknownPhone(" ".join(dict.fromkeys(unknown)))
    return notes


def _with_room(notes: list[Note]) -> list[Note]:
    """Notes that overlap by a hair's breadth cut where the next begins."""
    following = [*(note.onset for note in notes[1:]), float("inf")]
    return [
        replace(note, duration=min(note.duration, after - note.onset))
        for note, after in zip(notes, following, strict=True)
    ]
