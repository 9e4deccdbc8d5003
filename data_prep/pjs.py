"""PJS, the phoneme-balanced Japanese singing voice corpus: 100 short songs by one man, 48 kHz, with HTS labels.

Source:   sites.google.com/site/shinnosuketakamichi/research-topics/pjs_corpus, which links an archive on Google Drive
Citation: J. Koguchi, S. Takamichi and M. Morise, "PJS: phoneme-balanced Japanese singing-voice corpus", APSIPA 2020
Licence:  CC BY-SA 4.0. No checksum is published.
"""

from __future__ import annotations

from pathlib import Path

from data_prep.corpus import Corpus
from data_prep.labels import labelled, read_hts


class Pjs(Corpus):
    name = "pjs"
    source = "https://sites.google.com/site/shinnosuketakamichi/research-topics/pjs_corpus"
    gated = f"its archive is behind a link to Google Drive, which wants a browser, at {source}"
    licence = "CC BY-SA 4.0"
    citation = "Koguchi, Takamichi and Morise, APSIPA 2020"

    def clips(self, folder: Path) -> list[dict]:
        """One clip a song, from <song>/<song>_song.wav and <song>/<song>.lab; what is spoken is left out."""
        return [self._clip(path) for path in self.sounds(folder, "**/*_song.*")]

    def _clip(self, path: Path) -> dict:
        song = path.stem.removesuffix("_song")
        clip = {"id": f"{self.name}/{song}", "speaker": self.name, "audio": str(path), "language": "ja"}
        label = path.with_name(f"{song}.lab")
        return (
            labelled(clip, read_hts(label), "japanese")
            if label.is_file()
            else {**clip, "unlabelled": f"no {label.name}"}
        )
