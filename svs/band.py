"""The band that recordings lack: latents of sound that ends near 12 kHz, given what would lie above.

Speech synthesisers teach at 24 kHz, so what a network learns of them ends at 12 kHz, and what it learns of others it cuts
there too where it learned the words from them. What recordings hold above follows from what they hold below, to within 5 to
9 dB of singers that it was not learned from (recipes/default/RESULTS.md), and latents are linear in log spectra: a matrix is
enough. It is found on recordings as they are and with their top cut off, so that it does little to what is whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from svs.audio import Audio, write_atomically
from svs.units import LATENT_HOP, SAMPLE_RATE

FILE = "band.safetensors"
CUT_RATE = 24_000  # of the teachers, in Hz: half of it is where their sound ends
EDGES = (10_000.0, 12_500.0)  # Hz between which recordings end that are taken for theirs
NOTHING = 1e-7  # of a recording's power: no sound
FORGIVEN = 0.15  # deviation of the errors of latents that were not recorded but foretold
FRAMES = 45_000  # of whole recordings, 15 minutes; more change nothing


def highest_hz(samples: np.ndarray) -> float:
    """Hz above which a sound at SAMPLE_RATE holds less than NOTHING of its power; 0 of silence."""
    power = np.square(np.abs(np.fft.rfft(samples.astype(np.float64) * np.hanning(len(samples)))))
    above = np.cumsum(power[::-1])[::-1]
    heard = np.flatnonzero(above > NOTHING * above[0])
    return float(heard[-1] * SAMPLE_RATE / len(samples)) if len(heard) else 0.0


def is_cut(sounds: Iterable[np.ndarray]) -> bool:
    """Whether somebody's recordings end between EDGES, by their median."""
    ends = [hz for hz in map(highest_hz, sounds) if hz]
    return bool(ends) and EDGES[0] <= float(np.median(ends)) <= EDGES[1]


def cut(samples: np.ndarray) -> np.ndarray:
    """A sound at SAMPLE_RATE as if it had come at CUT_RATE."""
    low = Audio(samples, SAMPLE_RATE).resample(CUT_RATE).resample(SAMPLE_RATE).samples[: len(samples)]
    return np.pad(low, (0, len(samples) - len(low))).astype(np.float32)


def fit(codec, sounds: Iterable[np.ndarray]) -> np.ndarray:
    """(latent_dim + 1, latent_dim) float32: what `widen` adds, by least squares over whole recordings.

    codec: a SourceFilterNetwork. sounds: (samples,) float32 each, at SAMPLE_RATE; FRAMES of them are taken.
    """
    import torch

    size = codec.latent_dim + 1
    square, product, frames = np.zeros((size, size)), np.zeros((size, size - 1)), 0
    for samples in sounds:
        whole = samples[: len(samples) // LATENT_HOP * LATENT_HOP]
        with torch.inference_mode():
            narrow, wanted = (codec.encode(torch.from_numpy(s)[None])[0].double().numpy() for s in (cut(whole), whole))
        for known in (narrow, wanted):
            rows = np.concatenate([known, np.ones((len(known), 1))], axis=1)
            square, product = square + rows.T @ rows, product + rows.T @ (wanted - known)
        frames += len(wanted)
        if frames >= FRAMES:
            break
    square[np.diag_indices(size - 1)] += 2 * frames * FORGIVEN**2  # as if the latents known had such errors
    return np.linalg.solve(square, product).astype(np.float32)


def widen(latents: Any, matrix: Any) -> Any:
    """Latents, (…, frames, latent_dim), with the band above. Both are arrays or both tensors."""
    return latents + latents @ matrix[:-1] + matrix[-1]


def save(matrix: np.ndarray, path) -> None:
    """Write it as float16; whole or not at all."""
    from safetensors.numpy import save_file

    write_atomically(path, lambda temporary: save_file({"matrix": matrix.astype(np.float16)}, temporary))


def load(path: Path, latent_dim: int) -> np.ndarray:
    """Raises ValueError where the file is none of this module's, or of another size."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as file:
            shape = file.get_slice("matrix").get_shape()
            if shape != [latent_dim + 1, latent_dim]:
                raise ValueError(f"its matrix is {' × '.join(map(str, shape))}, not {latent_dim + 1} × {latent_dim}")
            matrix = file.get_tensor("matrix").astype(np.float32)
    except (SafetensorError, OSError, KeyError) as error:
        raise ValueError(f"damaged, or no safetensors: {error}") from None
    if not np.isfinite(matrix).all():
        raise ValueError("it holds numbers that are not finite")
    return matrix
