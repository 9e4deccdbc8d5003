"""Opencpop: 100 Mandarin pop songs by one woman in 3 756 lines, 44.1 kHz, with phones, notes and slurs.

Source:   wenet.org.cn/opencpop/download, where one asks by a form and gets a link
Citation: Y. Wang et al., "Opencpop: a high-quality open source Chinese popular song corpus for singing voice
          synthesis", Interspeech 2022
Licence:  non-commercial research, by the terms of that form. No checksum is published.
"""

from __future__ import annotations

from pathlib import Path

from data_prep.corpus import Corpus, CorpusError
from data_prep.labels import in_a_row, labelled, read_text
from data_prep.mandarin import notes_of_finals

FIELDS = "id|text|phones|notes|note durations|phone durations|slurs"


class Opencpop(Corpus):
    name = "opencpop"
    source = "https://wenet.org.cn/opencpop/download/"
    gated = f"its publisher is asked by a form at {source}"
    licence = "non-commercial research, terms of the form"
    citation = "Wang et al., Interspeech 2022"

    def clips(self, folder: Path) -> list[dict]:
        """One clip a line of segments/transcriptions.txt."""
        table = next((path for path in (folder / "segments", folder) if (path / "transcriptions.txt").is_file()), None)
        if table is None:
            raise CorpusError(
                f"{folder}: no segments/transcriptions.txt there; {self.name} was expected, from {self.source}"
            )
        sounds = {path.stem: path for path in self.sounds(table / "wavs")}
        found = []
        for number, line in enumerate(read_text(table / "transcriptions.txt").splitlines(), 1):
            try:
                name, text, *rest = line.split("|")
                phones, notes, _, seconds, slurs = (field.split() for field in rest)
                intervals = in_a_row(phones, map(float, seconds))
                sung = notes_of_finals(intervals, notes, [slur == "1" for slur in slurs])
                path = sounds[name]
            except KeyError:
                raise CorpusError(f"{table}/transcriptions.txt, line {number}: wavs/{name}.wav is not there") from None
            except ValueError as error:
                raise CorpusError(f"{table}/transcriptions.txt, line {number}: no {FIELDS} ({error})") from None
            clip = {
                "id": f"{self.name}/{name}",
                "speaker": self.name,
                "audio": str(path),
                "language": "zh",
                "text": text,
            }
            found.append(labelled({**clip, "notes": sung}, intervals, "pinyin"))
        return found
