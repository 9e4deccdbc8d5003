"""Corpora as the trainers see them: manifests, shards of features, and batches that resume exactly.

A manifest is JSON lines, one clip each: `id`, `speaker`, `audio` (path relative to the manifest), and where the corpus
is labelled `language`, `phones` ([{"symbol", "start", "end", "note"}], seconds) and `notes`; `style` and `description`
where the conditions `style` and `text` are to learn from them. A shard is a folder made from a manifest: the sound at
44.1 kHz and level, its measured pitch, and the clips with their places in both.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from svs.audio import Audio, level, write_atomically, write_text
from svs.f0 import measure_pitch
from svs.mistakes import Mistake
from svs.pitch import PitchCurve
from svs.units import LATENT_HOP, PITCH_GRID, SAMPLE_RATE

INDEX = "clips.jsonl"  # written last
LATENTS = "latents.npy"
IMPORTANCE = "importance.npy"
GRID = "latents.json"  # of another codec's latents, see svs.latents
ENCODER = "encoder.txt"  # fingerprint of the encoder that made the latents, written after them


class DatasetError(Mistake):
    """A manifest or shard that is missing or unusable; the message says which stage makes it."""


def read_manifest(path) -> list[dict]:
    """Clips of a manifest, with `audio` made absolute. Raises DatasetError naming file and line."""
    path = Path(path)
    if not path.is_file():
        raise DatasetError(f"{path}: no such manifest; run the stage `prepare` or `teach` of the recipe first")
    clips = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            clip = json.loads(line)
            clips.append(dict(clip, audio=str(path.parent / clip["audio"])))
        except (ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"{path}, line {number}: no clip with the key `audio` ({error})") from None
    return clips


def write_manifest(path, clips) -> None:
    """Write clips as JSON lines, whole or not at all."""
    text = "".join(json.dumps(clip, ensure_ascii=False) + "\n" for clip in clips)
    write_text(path, text)


def kept_out(clip: dict, heldout: list[str]) -> bool:
    """Whether a clip is held out of training: its speaker is named, or its id contains a name."""
    return clip["speaker"] in heldout or any(name in clip["id"] for name in heldout)


def build_shard(clips: list[dict], folder, progress=None, over=map) -> int:
    """Turn clips into a shard in `folder`; finished clips of an earlier, interrupted run are kept.

    progress: called with (done, total) after each clip. over: as the built-in map, but it may run elsewhere.
    Returns the number of latent frames.
    Raises DatasetError where two clips have one name.
    """
    folder = Path(folder)
    parts = folder / "clips"
    targets = [parts / f"{clip['id'].replace('/', '_')}.npz" for clip in clips]
    twice = [target.stem for target, count in Counter(targets).items() if count > 1]
    if twice:
        raise DatasetError(f"{folder}: more than one clip is called {', '.join(twice[:5])}; ids must differ")
    parts.mkdir(parents=True, exist_ok=True)
    lacking = [(clip["audio"], target) for clip, target in zip(clips, targets, strict=True) if not target.exists()]
    done = len(clips) - len(lacking)
    for _ in over(measure_clip, lacking):
        done += 1
        if progress:
            progress(done, len(clips))
    # without its index a shard counts as unmade, so an interruption cannot leave arrays and index of two builds
    for name in (INDEX, LATENTS, IMPORTANCE, GRID, ENCODER):
        (folder / name).unlink(missing_ok=True)
    start, index = 0, []
    sounds, cents, voiced = [], [], []
    for clip, target in zip(clips, targets, strict=True):
        with np.load(target) as stored:
            sounds.append(stored["audio"])
            cents.append(stored["cents"])
            voiced.append(stored["voiced"])
        frames = len(sounds[-1]) // LATENT_HOP
        index.append(dict(clip, start=start, frames=frames))
        start += frames
    for name, arrays in (("audio", sounds), ("cents", cents), ("voiced", voiced)):
        _save(folder / f"{name}.npy", np.save, np.concatenate(arrays))
    write_manifest(folder / INDEX, index)
    return start


def measure_clip(job: tuple[str, Path]) -> None:
    """Bring a sound to 44.1 kHz and level, measure its pitch, and write both: (sound file, .npz to make)."""
    path, target = job
    audio = Audio.read(path, SAMPLE_RATE)
    frames = int(np.ceil(len(audio.samples) / LATENT_HOP))
    samples = np.zeros(frames * LATENT_HOP, np.float32)
    samples[: len(audio.samples)] = level(audio.samples)
    curve = measure_pitch(Audio(samples, SAMPLE_RATE))
    assert len(curve.cents) == 2 * frames
    content = {
        "audio": np.round(samples * 32767).astype(np.int16),
        "cents": curve.cents.astype(np.float32),
        "voiced": curve.voiced,
    }
    _save(target, np.savez, **content)


def is_built(clips: list[dict], folder) -> bool:
    """Whether the shard in `folder` holds exactly these clips."""
    path = Path(folder) / INDEX
    if not path.is_file():
        return False
    there = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    places = ("start", "frames")
    return [{key: value for key, value in clip.items() if key not in places} for clip in there] == clips


def encoded(shard: Shard, network, clip: dict) -> np.ndarray:
    """A clip's latents, (frames, latent_dim) float16; on one thread, so that they are the same whoever makes them."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            samples = torch.from_numpy(shard.samples(clip["start"], clip["frames"]))[None]
            return network.encode(samples)[0].numpy().astype(np.float16)
    finally:
        torch.set_num_threads(threads)


def build_latents(shard: Shard, network, progress=None, rows: Iterable[np.ndarray] | None = None) -> None:
    """Encode every clip of a shard with a codec network.

    rows: what `encoded` gives of each clip in turn, where it was made elsewhere.
    Writes latents.npy, (frames, latent_dim) float16, and importance.npy, (latent_dim,) float32.
    """
    if (shard.folder / GRID).exists():
        forget(shard)
    (shard.folder / ENCODER).unlink(missing_ok=True)
    made = []
    for row in (encoded(shard, network, clip) for clip in shard.clips) if rows is None else rows:
        made.append(row)
        if progress:
            progress(len(made), len(shard.clips))
    _save(shard.folder / LATENTS, np.save, np.concatenate(made))
    _save(shard.folder / IMPORTANCE, np.save, network.importance.numpy())
    write_text(shard.folder / ENCODER, fingerprint(network.encoder))


def forget(shard: Shard) -> None:
    """Delete a shard's latents; in this order, so that none are ever taken for those of another codec."""
    for name in (ENCODER, LATENTS, GRID):
        (shard.folder / name).unlink(missing_ok=True)


def has_latents(shard: Shard, network) -> bool:
    """Whether the shard's latents are all there and made by the encoder of this network."""
    path = shard.folder / ENCODER
    return path.is_file() and path.read_text() == fingerprint(network.encoder)


def fingerprint(encoder) -> str:
    """SHA-256 of a network's weights: the same as long as it makes the same latents."""
    digest = hashlib.sha256()
    for name, value in sorted(encoder.state_dict().items()):
        digest.update(name.encode() + value.cpu().numpy().tobytes())
    return digest.hexdigest()


def save_array(path: Path, array: np.ndarray) -> None:
    """np.save to a file that appears whole or not at all."""
    _save(path, np.save, array)


def _save(path: Path, write, *arrays, **named) -> None:
    """np.save or np.savez to a file that appears whole or not at all."""

    def save(temporary):
        with open(temporary, "wb") as handle:  # given a name, NumPy would add a suffix to it
            write(handle, *arrays, **named)

    write_atomically(path, save)


@dataclass(frozen=True)
class Shard:
    """Features of one corpus, memory-mapped.

    audio: (frames × LATENT_HOP,) int16; cents, voiced: (2 × frames,); clips: dicts with `start` and `frames` in
    latent frames (20 ms) beside what the manifest said.
    """

    folder: Path
    audio: np.ndarray
    cents: np.ndarray
    voiced: np.ndarray
    clips: list[dict]

    @classmethod
    def open(cls, folder) -> Shard:
        folder = Path(folder)
        try:
            names = ("audio", "cents", "voiced")
            audio, cents, voiced = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in names)
            clips = [json.loads(line) for line in (folder / INDEX).read_text(encoding="utf-8").splitlines()]
        except OSError:
            raise DatasetError(f"{folder}: no features there; run the recipe's stage `features` first") from None
        return cls(folder, audio, cents, voiced, clips)

    def latents(self, mapped: bool = False) -> np.ndarray:
        """Codec latents of the whole shard, (frames, latent_dim) float16; mapped: left on disk."""
        return self._encoded(LATENTS, "r" if mapped else None)

    def importance(self) -> np.ndarray:
        """By how much a unit of each latent changes the sound, (latent_dim,), as the codec has it."""
        return self._encoded(IMPORTANCE)

    def _encoded(self, name: str, mode: Literal["r"] | None = None) -> np.ndarray:
        path = self.folder / name
        if not path.is_file():
            raise DatasetError(f"{path}: no such latents; run the recipe's stage `latents` first")
        return np.load(path, mmap_mode=mode)

    def samples(self, start: int, frames: int) -> np.ndarray:
        """(frames × LATENT_HOP,) float32 from latent frame `start` on."""
        return self.audio[start * LATENT_HOP : (start + frames) * LATENT_HOP].astype(np.float32) / 32767.0

    def curve(self, start: int, frames: int) -> PitchCurve:
        """Measured pitch of the same stretch on the 10 ms grid."""
        at = slice(2 * start, 2 * (start + frames))
        return PitchCurve(np.array(self.cents[at], np.float64), np.array(self.voiced[at]), PITCH_GRID.hop_seconds)
