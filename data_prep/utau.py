"""Any UTAU voice bank: recordings of one mora each (CV) or of several recited in a row (VCV, CVVC), marked by oto.ini.

    python -m data_prep.prepare utau --source ~/banks/tsubaki --out work/manifests

Each folder with an oto.ini is a bank; one level of folders is searched, as banks of several pitches have them. What a
recording sings is told by its name, in kana or romaji ("ka-ka-ki", "_ああいあ"); recordings that tell it otherwise,
and English banks, stay without phones. The singer is called as the folder, or as corpus.yaml says (data_prep.about).
The terms of use are the bank's own: read its readme.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from data_prep.about import About
from data_prep.corpus import Corpus, CorpusError
from data_prep.oto import Entry, OtoError, label, read_oto, sung_morae, vowel_onsets
from svs.audio import Audio
from svs.g2p.japanese import hiragana, morae
from svs.phonemes import is_vowel


class Utau(Corpus):
    name = "utau"
    source = "its author"
    gated = "an UTAU bank comes from its author, under the bank's own terms"
    licence = "the bank's own"

    def clips(self, folder: Path) -> list[dict]:
        """One clip a recording that oto.ini knows; `phones`, or `unlabelled`: why not."""
        banks = sorted(path.parent for path in (*folder.glob("oto.ini"), *folder.glob("*/oto.ini")))
        if not banks:
            raise CorpusError(f"{folder}: no oto.ini there or one folder below; a UTAU bank has its labels in it")
        found = []
        for bank in banks:
            entries = read_oto(bank / "oto.ini")
            about = About.of(bank, folder)
            place = about.singer if bank == folder else f"{about.singer}/{bank.name}"
            for path in self.sounds(bank):
                found.append(
                    self._clip(path, about.singer, place, entries.get(unicodedata.normalize("NFC", path.stem), []))
                )
        return found

    def _clip(self, path: Path, singer: str, place: str, entries: list[Entry]) -> dict:
        clip = {"id": f"{self.name}/{place}/{path.stem}", "speaker": singer, "audio": str(path), "language": "ja"}
        try:
            sung = morae_of_name(path.stem)
            return {**clip, "text": path.stem, "phones": label(Audio.read(path), vowel_onsets(entries, sung), sung)}
        except OtoError as error:
            return {**clip, "unlabelled": str(error)}


def morae_of_name(stem: str) -> list[tuple[str, ...]]:
    """Phones of the morae that a recording's name spells: "_ああいあ", "か-か-き", "ka-ka-ki". Raises OtoError."""
    text = unicodedata.normalize("NFC", stem).strip("_")
    romaji = re.search(r"(?<![a-z])[a-z]+(-[a-z]+)*$", text)
    if romaji:
        return sung_morae(romaji[0])
    try:
        phones = morae(hiragana(re.sub(r"[A-G][#♯b]?\d$", "", text)), None)
    except ValueError as error:
        raise OtoError(f"{stem}: {error}") from None
    found: list[tuple[str, ...]] = []
    waiting: tuple[str, ...] = ()
    for phone in phones:
        waiting = (*waiting, phone)
        if is_vowel(phone) or phone in ("ɴ", "ʔ"):
            found.append(waiting)
            waiting = ()
    if waiting or not found:
        raise OtoError(f"{stem}: no morae of kana or romaji")
    return found
