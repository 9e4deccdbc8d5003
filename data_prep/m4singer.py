"""M4Singer: 20 professional singers, 700 Mandarin pop songs in 20 000 lines, 48 kHz, with phones, notes and slurs.

Source:   github.com/M4Singer/M4Singer, whose README links an archive on Google Drive
Citation: L. Zhang et al., "M4Singer: a multi-style, multi-singer and musical score provided Mandarin singing corpus",
          NeurIPS 2022 Datasets and Benchmarks
Licence:  CC BY-NC-SA 4.0, dataset_license.md there, which who takes it accepts. No checksum is published.
"""

from __future__ import annotations

import json
from pathlib import Path

from data_prep.corpus import Corpus, CorpusError
from data_prep.labels import in_a_row, labelled, read_text
from data_prep.mandarin import notes_of_finals


class M4Singer(Corpus):
    name = "m4singer"
    source = "https://github.com/M4Singer/M4Singer"
    gated = f"its archive is behind a link to Google Drive, which wants a browser, in the README of {source}"
    licence = "CC BY-NC-SA 4.0"
    citation = "Zhang et al., NeurIPS 2022 Datasets and Benchmarks"

    def clips(self, folder: Path) -> list[dict]:
        """One clip an item of meta.json; its sound is <singer>#<song>/<number>.wav."""
        table = next(
            (path / "meta.json" for path in (folder, folder / "m4singer") if (path / "meta.json").is_file()), None
        )
        if table is None:
            raise CorpusError(f"{folder}: no meta.json there; {self.name} was expected, from {self.source}")
        found = []
        for number, item in enumerate(_items(table)):
            try:
                singer, song, line = item["item_name"].split("#")
                path = table.parent / f"{singer}#{song}" / f"{line}.wav"
                intervals = in_a_row(item["phs"], map(float, item["ph_dur"]))
                sung = notes_of_finals(
                    intervals, [str(midi) for midi in item["notes"]], [bool(slur) for slur in item["is_slur"]]
                )
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise CorpusError(
                    f"{table}, item {number}: item_name, phs, ph_dur, notes and is_slur are wanted ({error})"
                ) from None
            if not path.is_file():
                raise CorpusError(f"{table}, item {number}: {path} is not there")
            clip = {
                "id": f"{self.name}/{singer}/{song}/{line}",
                "speaker": singer,
                "audio": str(path),
                "language": "zh",
            }
            clip |= {"text": item.get("txt", ""), "notes": sung}
            found.append(labelled(clip, intervals, "pinyin"))
        return found


def _items(table: Path) -> list[dict]:
    try:
        items = json.loads(read_text(table))
    except ValueError as error:
        raise CorpusError(f"{table}: no JSON ({error})") from None
    if not isinstance(items, list) or not items:
        raise CorpusError(f"{table}: a list of items is wanted")
    return items
