"""GTSinger: 20 singers in nine languages, each song plainly and in a technique, 48 kHz, with words, phones and notes.

Source:   huggingface.co/datasets/GTSinger/GTSinger, also on Google Drive
Citation: Y. Zhang et al., "GTSinger: a global multi-technique singing corpus with realistic music scores for all
          singing tasks", NeurIPS 2024 Datasets and Benchmarks
Licence:  CC BY-NC-SA 4.0, dataset_license.md in github.com/GTSinger/GTSinger, which who takes it accepts. No checksum
          is published for the whole.
"""

from __future__ import annotations

import json
from pathlib import Path

from data_prep.corpus import Corpus, CorpusError
from data_prep.labels import Interval, labelled, note, read_text

LANGUAGES = {
    "Chinese": "zh", "English": "en", "French": "fr", "German": "de", "Italian": "it", "Japanese": "ja", "Korean": "ko",
    "Russian": "ru", "Spanish": "es",
}  # fmt: skip
PHONE_SETS = {"zh": "pinyin", "en": "arpabet"}  # the others are IPA as the Montreal Forced Aligner has it
SPOKEN = "Paired_Speech_Group"


class GtSinger(Corpus):
    name = "gtsinger"
    source = "https://huggingface.co/datasets/GTSinger/GTSinger"
    gated = f"its terms are accepted by who downloads it, 30 GB, from {source} (`hf download --repo-type dataset`)"
    licence = "CC BY-NC-SA 4.0"
    citation = "Zhang et al., NeurIPS 2024 Datasets and Benchmarks"

    def clips(self, folder: Path) -> list[dict]:
        """One clip a line, from <Language>/<singer>/<Technique>/<song>/<group>/<number>.wav and .json; no speech."""
        languages = [folder / name for name in LANGUAGES if (folder / name).is_dir()]
        if not languages:
            raise CorpusError(f"{folder}: no folder of a language there; {self.name} was expected, from {self.source}")
        return [
            self._clip(path, folder)
            for place in languages
            for path in self.sounds(place, "**/*")
            if SPOKEN not in path.parts
        ]

    def _clip(self, path: Path, folder: Path) -> dict:
        parts = path.relative_to(folder).with_suffix("").parts
        language = LANGUAGES[parts[0]]
        clip = {
            "id": f"{self.name}/{'/'.join(parts[1:])}",
            "speaker": parts[1],
            "audio": str(path),
            "language": language,
        }
        clip["technique"] = parts[2] if "Control" not in path.parent.name else "none"
        table = path.with_suffix(".json")
        if not table.is_file():
            return {**clip, "unlabelled": f"no {table.name} beside it"}
        try:
            sung = json.loads(read_text(table))
            words = [Interval(word["start_time"], word["end_time"], word["word"]) for word in sung]
            phones = [
                Interval(start, end, symbol.rpartition("_")[0] or symbol)
                for word in sung
                for symbol, start, end in zip(word["ph"], word["ph_start"], word["ph_end"], strict=True)
            ]
            clip["text"] = " ".join(word.text for word in words if not word.text.startswith("<"))
            clip["notes"] = [
                note(start, end - start, 100.0 * midi, word["word"], held=number > 0)
                for word in sung
                for number, (midi, start, end) in enumerate(
                    zip(word["note"], word["note_start"], word["note_end"], strict=True)
                )
                if midi
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise CorpusError(
                f"{table}: words with ph, ph_start, ph_end, note, note_start and note_end are wanted ({error})"
            ) from None
        return labelled(clip, phones, PHONE_SETS.get(language, "ipa"), words)
