"""Any UTAU voice bank of the VCV kind: recordings of morae recited in a row, whose vowels oto.ini marks.

    python -m data_prep.utau ~/banks/tsubaki --name tsubaki --out work/manifests

Each folder with an oto.ini is a bank; one level of folders is searched, as banks of several pitches have them. What a
recording sings is told by its name, in kana or as romaji with hyphens ("ka-ka-ki"); recordings that tell it otherwise,
and English banks, stay without phones. The terms of use are the bank's own: read its readme.
"""

from __future__ import annotations

import argparse
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from data_prep import stages
from data_prep.corpus import Corpus, CorpusError
from data_prep.oto import Entry, OtoError, label, read_oto, sung_morae, vowel_onsets
from svs.audio import Audio, AudioError
from svs.g2p.japanese import hiragana, morae
from svs.phonemes import is_vowel


class Utau(Corpus):
    """The bank is told by its folder: `name` is its singer and begins the clips' ids."""

    source = "its author"
    gated = "an UTAU bank comes from its author, under the bank's own terms"
    licence = "the bank's own"

    def __init__(self, name: str):
        self.name = name

    def clips(self, folder: Path) -> list[dict]:
        """One clip a recording that oto.ini knows; `phones`, or `unlabelled`: why not."""
        banks = sorted(path.parent for path in (*folder.glob("oto.ini"), *folder.glob("*/oto.ini")))
        if not banks:
            raise CorpusError(f"{folder}: no oto.ini there or one folder below; a UTAU bank has its labels in it")
        found = []
        for bank in banks:
            entries = read_oto(bank / "oto.ini")
            place = "" if bank == folder else f"{bank.name}/"
            for path in self.sounds(bank):
                found.append(self._clip(path, place, entries.get(unicodedata.normalize("NFC", path.stem), [])))
        return found

    def _clip(self, path: Path, place: str, entries: list[Entry]) -> dict:
        clip = {"id": f"{self.name}/{place}{path.stem}", "speaker": self.name, "audio": str(path), "language": "ja"}
        try:
            sung = morae_of_name(path.stem)
            return {**clip, "text": path.stem, "phones": label(Audio.read(path), vowel_onsets(entries, sung), sung)}
        except OtoError as error:
            return {**clip, "unlabelled": str(error)}


def morae_of_name(stem: str) -> list[tuple[str, ...]]:
    """Phones of the morae that a recording's name spells: "_ああいあうえあ", "か-か-き", "ka-ka-ki". Raises OtoError."""
    text = unicodedata.normalize("NFC", stem).strip("_")
    romaji = re.search(r"[a-z]+(-[a-z]+)+$", text)
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


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m data_prep.utau", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bank", type=Path, help="the bank's folder")
    parser.add_argument("--name", help="of the singer (default: the folder's)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the manifests")
    options = parser.parse_args(arguments)
    if not options.bank.is_dir():
        raise CorpusError(f"{options.bank}: no such folder")
    manifest = Utau(options.name or options.bank.resolve().name).prepare(options.out, options.bank)
    with manifest.open(encoding="utf-8") as lines:
        clips = [line for line in lines]
    print(f"{manifest}: {len(clips)} clips, {sum('\"phones\"' in clip for clip in clips)} with phones")


if __name__ == "__main__":
    stages.run(main, CorpusError, AudioError)
