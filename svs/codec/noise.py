"""Even noise: white noise whose short-time spectrum has few holes and few peaks.

Gaussian noise has a log amplitude that strays by π/√24 = 0.64 nepers from bin to bin of a spectrogram, at any resolution.
What a decoder cannot know of a breath or a fricative is just such straying, so noise that has less of it is nearer to any
recording: two draws of Gaussian noise lie 0.91 apart (root mean square of the log amplitudes), even noise and a Gaussian
draw 0.80. It is still white, its samples still have a Gaussian's kurtosis, and it repeats every 5.9 s.

The table beside this file was made by `python -m svs.codec.noise`: gradient descent on the variance of the log amplitude
over FFT sizes 256 to 4096 at shifting hops, from Gaussian noise.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

TABLE = Path(__file__).with_name("even_noise.npy")
LENGTH = 1 << 18  # samples
SIZES = (256, 512, 1024, 2048, 4096)
STEP = 1 / 28  # of the stored int8: the table's peaks lie below 4.5 deviations


def even_noise(samples: int, *key: int) -> np.ndarray:
    """(samples,) float32 of unit power; where in the table it starts, and which way it runs, follow from the key alone."""
    random = np.random.default_rng(key)
    start, forward = int(random.integers(LENGTH)), bool(random.integers(2))
    at = np.arange(start, start + samples) % LENGTH
    return _table()[at if forward else LENGTH - 1 - at]


@cache
def _table() -> np.ndarray:
    table = np.load(TABLE).astype(np.float32) * STEP
    return table / np.sqrt(np.mean(np.square(table)))


def make_table(steps: int = 1500, seed: int = 0) -> np.ndarray:
    """(LENGTH,) int8: the table, from scratch."""
    import torch

    noise = torch.randn(LENGTH, generator=torch.Generator().manual_seed(seed)).requires_grad_(True)
    optimiser = torch.optim.Adam([noise], 0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.04, steps, pct_start=0.1)
    random = np.random.default_rng(seed)
    for _ in range(steps):
        loss = torch.zeros(())
        for size in SIZES:
            level = 0.5 * np.log(0.375 * size) - 0.5 * np.euler_gamma  # mean log amplitude of a unit Gaussian's bins
            window = torch.hann_window(size)
            shift = int(random.integers(size // 4))
            circle = torch.cat([noise, noise[: size + shift]])[shift:]
            spectrum = torch.stft(circle, size, size // 4, window=window, center=False, return_complex=True)
            loss = loss + (0.5 * torch.log(spectrum.abs().square() + 1e-4) - level).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return np.clip(np.round(noise.detach().numpy() / STEP), -127, 127).astype(np.int8)


if __name__ == "__main__":
    np.save(TABLE, make_table())
