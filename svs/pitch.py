"""Pitch: from notes to a contour in cents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PitchCurve:
    """Fundamental frequency of one sung line on the 10 ms grid (frame i at i × hop_seconds).

    cents:  (frames,) float64, 100 × MIDI number (A4 = 6900); finite when unvoiced too.
    voiced: (frames,) bool.
    """

    cents: np.ndarray
    voiced: np.ndarray
    hop_seconds: float = 0.01

    def __post_init__(self):
        if self.cents.ndim != 1 or self.cents.shape != self.voiced.shape:
            raise ValueError(
                f"PitchCurve: cents has shape {self.cents.shape}, voiced {self.voiced.shape}; "
                "both need one value per frame"
            )
