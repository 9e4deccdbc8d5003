"""Phrases sung before: what a render keeps, so that after an edit only what changed is sung again.

A phrase is filed under a digest of all that led to its sound: its conditions, seed, place, sampling, the voice's weights,
and the code and library that ran. So a hit is what singing it again would give, bit for bit.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path

import numpy as np

from svs.audio import AudioError, sweep, write_atomically

MEGABYTES = 512
CODE = (  # what makes sound
    *("attention/*.py", "backbone.py", "band.py", "conditioner.py", "conditioning.py", "dit.py", "flow.py", "frames.py"),
    *("injection.py", "joint.py", "layers.py", "networks.py", "objectives.py", "rendering.py", "samplers.py", "stretches.py"),
    *("unet.py", "units.py", "codec/*.py", "codec/*.npy"),
)


def default_folder() -> Path:
    """$SVS_CACHE, or svs/phrases in the user's folder for caches; nowhere for a user without a folder."""
    if chosen := os.environ.get("SVS_CACHE"):
        return Path(chosen)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "svs" / "phrases"
    except RuntimeError:  # as in a container whose user is a number
        return Path(os.devnull) / "phrases"


class PhraseCache:
    """Phrases in a folder, the least recently used of them deleted when they outgrow `megabytes`.

    Anything amiss with the folder or a file in it only means that a phrase is sung again.
    """

    def __init__(self, folder: Path | None = None, megabytes: float = MEGABYTES):
        self.folder = default_folder() if folder is None else Path(folder)
        self.limit = megabytes * 1e6
        self.hits = self.misses = 0

    def find(self, key: str, samples: int) -> np.ndarray | None:
        """(samples,) float32 filed under a key, or None."""
        path = self._path(key)
        try:
            with open(path, "rb") as handle:
                found = np.load(handle)
                whole = handle.read() == _digest(found)
            os.utime(path, ns=(time.time_ns(),) * 2)
        except (OSError, ValueError, EOFError):
            whole = False
        if not whole or found.shape != (samples,) or found.dtype != np.float32:
            self.misses += 1
            return None
        self.hits += 1
        return found

    def keep(self, key: str, sound: np.ndarray) -> None:
        """File a phrase, (samples,) float32."""

        def save(temporary):
            with open(temporary, "wb") as handle:
                np.save(handle, sound)
                handle.write(_digest(sound))

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path(key), save)
            self._bound()
        except (OSError, AudioError):
            pass

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npy"

    def _bound(self) -> None:
        sweep(self.folder)
        files = sorted(((path.stat(), path) for path in self.folder.glob("*.npy")), key=lambda item: item[0].st_mtime_ns)
        excess = sum(stat.st_size for stat, _ in files) - self.limit
        for stat, path in files:
            if excess <= 0:
                return
            path.unlink(missing_ok=True)
            excess -= stat.st_size


def _digest(sound: np.ndarray) -> bytes:
    """What follows the samples in a file, and tells damage from sound."""
    return hashlib.blake2b(sound.tobytes(), digest_size=20).digest()


def phrase_key(voice, conditions, coloured, first: int, phase: float, sampling) -> str:
    """The digest of all that makes the sound of a phrase: hexadecimal.

    first: latent frame with which it begins. phase: with which its pulses do.
    """
    import torch

    digest = hashlib.blake2b((_code() + voice.digest).encode(), digest_size=20)
    digest.update(repr((first, phase, sorted(asdict(sampling).items()), torch.get_num_threads())).encode())
    for field in fields(conditions):
        tensor = getattr(conditions, field.name)
        digest.update(repr((field.name, tuple(tensor.shape))).encode() + tensor.numpy().tobytes())
    for field in fields(coloured) if coloured is not None else ():
        digest.update(field.name.encode() + getattr(coloured, field.name).tobytes())
    return digest.hexdigest()


@cache
def _code() -> str:
    """Digest of the code that sings and of the library that computes."""
    import torch

    package = Path(__file__).parent
    digest = hashlib.blake2b(f"{torch.__version__} {torch.backends.cpu.get_cpu_capability()}".encode())
    for path in (path for pattern in CODE for path in sorted(package.glob(pattern))):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
