"""Labelled recordings sung again higher and lower, for singers who were recorded at few pitches.

    python -m data_prep.shifted manifests/kumi.jsonl --out shifted --copies 2 --semitones -5 7

Praat's overlap-add (PSOLA, Moulines & Charpentier 1990) moves the pitch and leaves formants and timing where they are,
so phones keep their times. A model that has met a singer at three pitches only takes those for the singer; between them
it sings with another voice. Writes <out>/<id>.flac, 16 bit, and <out>/manifest.jsonl; what is there is kept.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_prep import stages
from svs.audio import Audio, AudioError
from svs.dataset import DatasetError, read_manifest, write_manifest
from svs.f0 import track
from svs.units import cents_to_hz

LEAST = 2  # semitones: less is what the recording holds already
SEARCH = 0.7, 1.5  # of the lowest and the highest pitch found: where Praat looks for periods


def shifted(audio: Audio, semitones: float) -> Audio:
    """The sound with its pitch so much higher, formants and timing as they were; as it is where nothing is voiced."""
    import parselmouth
    from parselmouth.praat import call

    heard = track(audio)
    if not heard.voiced.any():
        return audio
    low, high = cents_to_hz(np.percentile(heard.cents[heard.voiced], (2, 98)))
    sound = parselmouth.Sound(audio.samples.astype(np.float64), audio.sample_rate)
    manipulation = call(sound, "To Manipulation", 0.01, SEARCH[0] * low, SEARCH[1] * high)
    tier = call(manipulation, "Extract pitch tier")
    call(tier, "Multiply frequencies", 0, sound.duration, 2.0 ** (semitones / 12.0))
    call([tier, manipulation], "Replace pitch tier")
    samples = call(manipulation, "Get resynthesis (overlap-add)").values[0][: len(audio.samples)]
    return Audio(np.pad(samples, (0, len(audio.samples) - len(samples))).astype(np.float32), audio.sample_rate)


def intervals(name: str, copies: int, lowest: int, highest: int) -> list[int]:
    """Semitones by which a clip of this name is moved, all different, the same each time."""
    choices = [step for step in range(lowest, highest + 1) if abs(step) >= LEAST]
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return [choices[at] for at in np.random.default_rng(seed).permutation(len(choices))[:copies]]


def make(manifest: Path, out: Path, copies: int, lowest: int, highest: int) -> Path:
    """Write the copies of all clips that have phones, and their manifest; returns its path."""
    clips = [clip for clip in read_manifest(manifest) if clip.get("phones")]
    if not clips:
        raise DatasetError(f"{manifest}: no clip has phones; label the recordings first")
    out.mkdir(parents=True, exist_ok=True)
    made = []
    with stages.bar(manifest.stem) as progress:
        for number, clip in enumerate(clips):
            for step in intervals(clip["id"], copies, lowest, highest):
                name = f"{clip['id']}{step:+d}"
                path = out / f"{name.replace('/', '_')}.flac"
                if not path.is_file():
                    shifted(Audio.read(clip["audio"]), step).write(path)
                entry = dict(clip, id=name, audio=path.name, shifted_semitones=step)
                if "notes" in clip:
                    entry["notes"] = [dict(note, cents=note["cents"] + 100 * step) for note in clip["notes"]]
                made.append(entry)
            progress(number + 1, len(clips))
    write_manifest(out / "manifest.jsonl", made)
    return out / "manifest.jsonl"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m data_prep.shifted", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--copies", type=stages.positive, default=2, help="of each clip")
    parser.add_argument("--semitones", type=int, nargs=2, default=(-5, 7), metavar=("LOWEST", "HIGHEST"))
    options = parser.parse_args(arguments)
    lowest, highest = options.semitones
    if not -12 <= lowest < highest <= 12 or max(-lowest, highest) < LEAST:
        parser.error(f"--semitones {lowest} {highest}: two numbers from -12 to 12 are wanted, one beyond {LEAST - 1}")
    manifest = make(options.manifest, options.out, options.copies, lowest, highest)
    print(f"{manifest}: {len(read_manifest(manifest))} clips")


if __name__ == "__main__":
    stages.run(main, DatasetError, AudioError)
