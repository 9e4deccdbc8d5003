"""Tohoku Kiritan: 50 Japanese songs by one woman, 96 kHz, with HTS mono labels.

Source:   recordings from zunko.jp/kiridev/login.php, which asks for an account and its terms; labels from
          github.com/mmorise/kiritan_singing. Put the folders `wav` and `mono_label` beside each other.
Citation: I. Ogawa and M. Morise, "Tohoku Kiritan singing database: a singing database for statistical parametric
          singing synthesis using Japanese pop songs", Acoustical Science and Technology 42(3), 2021
Licence:  research use, by the terms on that page. No checksum is published.
"""

from __future__ import annotations

from pathlib import Path

from data_prep.corpus import Corpus, CorpusError
from data_prep.labels import labelled, read_hts


class Kiritan(Corpus):
    name = "kiritan"
    source = "https://zunko.jp/kiridev/login.php"
    gated = (
        "the recordings are given at https://zunko.jp/kiridev/login.php to who accepts their terms, and the labels are "
        "in https://github.com/mmorise/kiritan_singing (mono_label)"
    )
    licence = "research use, terms at zunko.jp"
    citation = "Ogawa and Morise, Acoust. Sci. & Tech. 42(3), 2021"

    def clips(self, folder: Path) -> list[dict]:
        """One clip a song."""
        labels = {path.stem: path for path in sorted(folder.rglob("*.lab")) if "mono" in path.parent.name}
        if not labels:
            raise CorpusError(f"{folder}: no mono_label/*.lab there; {self.name} was expected, from {self.source}")
        return [self._clip(path, labels.get(path.stem)) for path in self.sounds(folder, "**/*")]

    def _clip(self, path: Path, label: Path | None) -> dict:
        clip = {"id": f"{self.name}/{path.stem}", "speaker": self.name, "audio": str(path), "language": "ja"}
        if label is None:
            return {**clip, "unlabelled": "no .lab of its name in mono_label"}
        return labelled(clip, read_hts(label), "japanese")
