"""Hitsuboku Kumi: a UTAU voice bank of one woman, Japanese syllable strings at four pitches, 44.1 kHz.

Source:   github.com/oxygen-dioxide/hitsuboku-kumi-ja-act4, commit 8122640fa04861340209aeee8631cb1eed17a8ed
Citation: Hitsuboku Kumi (now Hitsune Kumi) by Cubialpha, cubialpha.wixsite.com/koomstar/character
Licence:  use, commercial use, editing, porting and redistribution allowed with the name "Hitsuboku Kumi" kept and
          Cubialpha credited; not to be sold. The author's newer terms also allow training with the name kept.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from data_prep import stages
from data_prep.corpus import Corpus
from data_prep.oto import Entry, OtoError, label, read_oto, sung_morae, vowel_onsets
from svs.audio import Audio
from svs.units import hz_to_cents

BANKS = {"_Core_A3": 220.0, "_Core": 293.7, "_Core_A4": 440.0, "_Core_D5": 587.3}


class Kumi(Corpus):
    name = "kumi"
    source = "https://github.com/oxygen-dioxide/hitsuboku-kumi-ja-act4/archive/8122640fa04861340209aeee8631cb1eed17a8ed.zip"

    def clips(self, folder: Path) -> list[dict]:
        """One clip a recording: `id` is bank and romaji, `text` the morae, `phones` from oto.ini, or `unlabelled` why not."""
        banks = {bank: self.sounds(folder / bank) for bank in BANKS}
        total, found = sum(map(len, banks.values())), []
        with stages.bar(self.name) as progress:
            for bank, paths in banks.items():
                entries = read_oto(folder / bank / "oto.ini")
                for path in paths:
                    found.append(self._clip(bank, path, entries.get(unicodedata.normalize("NFC", path.stem), [])))
                    progress(len(found), total)
        return found

    def _clip(self, bank: str, path: Path, entries: list[Entry]) -> dict:
        kana, _, romaji = path.stem.partition("_")
        clip = {
            "id": f"kumi/{bank.strip('_')}/{romaji or kana}",
            "speaker": "kumi",
            "audio": str(path),
            "language": "ja",
            "text": romaji.replace("-", " "),
        }
        try:
            sung = sung_morae(re.sub(r"^[^a-z]+", "", path.stem))
            audio = Audio.read(path)
            clip["phones"] = label(audio, vowel_onsets(entries, sung), sung)
            clip["notes"] = notes(clip["phones"], round(float(hz_to_cents(BANKS[bank])), 1))
        except OtoError as error:
            clip["unlabelled"] = str(error)  # br1 and br2, vowels that end in breath
        return clip


def notes(phones: list[dict], cents: float) -> list[dict]:
    """One note a mora, from its vowel to the next one's."""
    nuclei = {}
    for phone in phones:
        if phone["note"] >= 0:
            nuclei[phone["note"]] = phone  # the last phone of a mora is its nucleus
    starts = [phone["start"] for phone in nuclei.values()]
    ends = [*starts[1:], *(phone["end"] for phone in list(nuclei.values())[-1:])]
    return [
        {"onset": start, "duration": round(end - start, 4), "cents": cents, "lyric": None}
        for start, end in zip(starts, ends, strict=True)
    ]

