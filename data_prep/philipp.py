"""Philipp: read English, one man, 44.1 kHz; the codec's example of a real male voice and of real consonants.

Source:  github.com/PhilippMatthes/dc_tts, commit 5f20e75b5c454b22f9f7dcaa2f7282bada93c1eb
Licence: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

from data_prep.corpus import Corpus, CorpusError


class Philipp(Corpus):
    name = "philipp"
    source = "https://github.com/PhilippMatthes/dc_tts/archive/5f20e75b5c454b22f9f7dcaa2f7282bada93c1eb.zip"

    def clips(self, folder: Path) -> list[dict]:
        """One clip a sentence, with its text."""
        sounds, transcript = self.sounds(folder), folder / "transcript.csv"
        if not transcript.is_file():
            raise CorpusError(f"{transcript}: no such file; {self.name} was expected, from {self.source}")
        table = transcript.read_text(encoding="utf-8").splitlines()
        texts = {row.split("|")[0]: row.split("|")[-1] for row in table if "|" in row}
        return [
            {
                "id": f"philipp/{path.stem}",
                "speaker": "philipp",
                "audio": str(path),
                "language": "en",
                "text": texts.get(path.stem, ""),
            }
            for path in sounds
        ]
