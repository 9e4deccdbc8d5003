"""Hitsuboku Kumi: a UTAU voice bank of one woman, Japanese syllable strings at four pitches, 44.1 kHz.

Source:   github.com/oxygen-dioxide/hitsuboku-kumi-ja-act4, commit 8122640fa04861340209aeee8631cb1eed17a8ed
Citation: Hitsuboku Kumi (now Hitsune Kumi) by Cubialpha, cubialpha.wixsite.com/koomstar/character
Licence:  use, commercial use, editing, porting and redistribution allowed with the name "Hitsuboku Kumi" kept and
          Cubialpha credited; not to be sold. The author's newer terms also allow training with the name kept.
"""

from __future__ import annotations

from pathlib import Path

from data_prep.corpus import Corpus

BANKS = {"_Core_A3": 220.0, "_Core": 293.7, "_Core_A4": 440.0, "_Core_D5": 587.3}


class Kumi(Corpus):
    name = "kumi"
    source = "https://github.com/oxygen-dioxide/hitsuboku-kumi-ja-act4/archive/8122640fa04861340209aeee8631cb1eed17a8ed.zip"

    def clips(self, folder: Path) -> list[dict]:
        """One clip a recording: `id` is bank and romaji, `text` the romaji morae."""
        found = []
        for bank in BANKS:
            for path in self.sounds(folder / bank):
                kana, _, romaji = path.stem.partition("_")
                found.append({
                    "id": f"kumi/{bank.strip('_')}/{romaji or kana}",
                    "speaker": "kumi",
                    "audio": str(path),
                    "language": "ja",
                    "text": romaji.replace("-", " "),
                })
        return found
