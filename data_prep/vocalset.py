"""VocalSet: 20 singers (9 women, 11 men), scales, arpeggios, long tones and excerpts in 17 techniques, 44.1 kHz.

Source:   zenodo.org/records/1193957, VocalSet.zip, 2 GB. Zenodo states the archive's MD5 on that page.
Citation: J. Wilkins, P. Seetharaman, A. Wahl and B. Pardo, "VocalSet: a singing voice dataset", ISMIR 2018
Licence:  CC BY 4.0

It has no phones; but most recordings keep to one vowel, which their names tell. They teach a codec what singers can do;
give the speakers f1 … m11, or techniques by their name, to `heldout`.
"""

from __future__ import annotations

import re
from pathlib import Path

from data_prep.corpus import Corpus

NAME = re.compile(r"(?P<singer>[fm]\d+)_(?P<exercise>[a-z]+)_(?:[cf]_)?(?P<technique>.+?)(?:_(?P<vowel>[aeiou]))?$")


class VocalSet(Corpus):
    name = "vocalset"
    source = "https://zenodo.org/records/1193957/files/VocalSet.zip"
    licence = "CC BY 4.0"
    citation = "Wilkins, Seetharaman, Wahl and Pardo, ISMIR 2018"

    def clips(self, folder: Path) -> list[dict]:
        """One clip a recording, its `technique` and, where it keeps to one, its `vowel` in the letters of its name."""
        inner = next((path for path in (folder / "FULL", *folder.glob("*/FULL")) if path.is_dir()), folder)
        return [self._clip(path, inner) for path in self.sounds(inner, "**/*")]

    def _clip(self, path: Path, folder: Path) -> dict:
        name = path.stem.lower()
        found = NAME.match(name)
        by_folder = re.match(r"(female|male)(\d+)", path.relative_to(folder).parts[0])
        singer = by_folder[1][0] + by_folder[2] if by_folder else found["singer"] if found else self.name
        about = {key: found[key] for key in ("technique", "vowel") if found and found[key]}
        place = "/".join(path.relative_to(folder).with_suffix("").parts)
        return {"id": f"{self.name}/{place}", "speaker": singer, "audio": str(path), **about}
