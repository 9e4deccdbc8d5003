"""Vocobox: one man singing chromatic notes and sustained vowels, 44.1 kHz, two minutes.

Source:  github.com/vocobox/human-voice-dataset, commit 77248fc69f
Licence: MIT
"""

from __future__ import annotations

from pathlib import Path

from data_prep.corpus import Corpus


class Vocobox(Corpus):
    name = "vocobox"
    source = "https://github.com/vocobox/human-voice-dataset/archive/77248fc69f.zip"

    def clips(self, folder: Path) -> list[dict]:
        """One clip a note or vowel; the speaker is `martin`."""
        singer = folder / "data" / "voices" / "martin"
        return [
            {"id": f"vocobox/{kind}/{path.stem.replace('#', 's')}", "speaker": "martin", "audio": str(path)}
            for kind in ("notes", "voyels")
            for path in self.sounds(singer / kind / "exports" / "mono")
        ]
