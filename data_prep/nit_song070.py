"""NIT-SONG070-F001: 31 Japanese children's songs by one woman, 48 kHz, with HTS full-context and mono labels.

Source:   hts.sp.nitech.ac.jp, the demo HTS-demo_NIT-SONG070-F001 of HTS 2.3 (a .tar.bz2)
Citation: K. Oura, A. Mase, T. Yamada, S. Muto, Y. Nankaku and K. Tokuda, "Recent development of the HMM-based singing
          voice synthesis system — Sinsy", SSW 7, 2010
Licence:  that of the HTS demo, in its COPYING; read it before a voice made from the songs is given away
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data_prep.corpus import Corpus, CorpusError
from data_prep.labels import cents_of, labelled, note, read_hts, read_text
from svs.audio import Audio

RAW_RATE = 48_000  # Hz; the demo's sound is headerless 16-bit, little-endian


class NitSong070(Corpus):
    name = "nit_song070"
    source = "http://hts.sp.nitech.ac.jp/archives/2.3/HTS-demo_NIT-SONG070-F001.tar.bz2"
    licence = "see COPYING in the demo"
    citation = "Oura et al., SSW 7, 2010"

    def readable(self, folder: Path, out: Path) -> Path:
        """The raw sound as WAV in <out>/nit_song070_wav, with the labels beside it."""
        data = folder / "data" if (folder / "data").is_dir() else folder
        raw = sorted((data / "raw").glob("*.raw"))
        if not raw:
            raise CorpusError(f"{data / 'raw'}: no .raw files there; {self.name} was expected, from {self.source}")
        made = out / f"{self.name}_wav"
        made.mkdir(parents=True, exist_ok=True)
        for path in raw:
            target = made / f"{path.stem}.wav"
            if not target.exists():
                samples = np.frombuffer(path.read_bytes(), "<i2").astype(np.float32) / 32768.0
                Audio(samples, RAW_RATE).write(target)
            for kind in ("mono", "full"):
                label = data / "labels" / kind / f"{path.stem}.lab"
                if label.is_file():
                    (made / f"{path.stem}.{kind}.lab").write_bytes(label.read_bytes())
        return made

    def clips(self, folder: Path) -> list[dict]:
        """One clip a song."""
        return [self._clip(path) for path in self.sounds(folder)]

    def _clip(self, path: Path) -> dict:
        clip = {"id": f"{self.name}/{path.stem}", "speaker": "nit_f001", "audio": str(path), "language": "ja"}
        label = next(
            (
                path.with_suffix(f".{kind}.lab")
                for kind in ("mono", "full")
                if path.with_suffix(f".{kind}.lab").is_file()
            ),
            None,
        )
        if label is None:
            return {**clip, "unlabelled": "no .lab beside it in labels/mono or labels/full"}
        clip = labelled(clip, read_hts(label), "japanese")
        full = path.with_suffix(".full.lab")
        return {**clip, "notes": full_context_notes(full)} if full.is_file() else clip


def full_context_notes(path) -> list[dict]:
    """Notes of full-context labels: those phones whose field /E: begins with the same note and place make one.

    Onset and duration are those of its sounding phones from its vowel on; rests have the note xx.
    """
    notes: list[dict] = []
    last = None
    for interval, line in zip(
        read_hts(path), (line for line in read_text(path).splitlines() if line.strip()), strict=True
    ):
        fields = line.split("/E:", 1)[1].split("/F:", 1)[0] if "/E:" in line else "xx]"
        name = fields.partition("]")[0]
        if name == "xx":
            last = None
            continue
        vowel = line.split()[2].startswith("v@")
        if fields == last and notes:
            notes[-1]["duration"] = round(interval.end - notes[-1]["onset"], 5)
        elif vowel:
            notes.append(note(interval.start, interval.end - interval.start, cents_of(name)))
            last = fields
    return notes
