"""Units: cents and hertz, seconds, frames and samples.

Pitch is in cents everywhere, 100 × MIDI note number (A4 = 440 Hz = 6900), continuous. Hertz appear
only at the edges: a tracker's output, an oscillator's input.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SAMPLE_RATE = 44_100
LATENT_HOP = 882  # samples: latent frames of 20 ms, two of the pitch grid
A4_HZ = 440.0
A4_CENTS = 6900.0
NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")


def hz_to_cents(hz):
    """Cents of a frequency (scalar or array, Hz > 0); A4 = 440 Hz gives 6900."""
    hz = np.asarray(hz, dtype=np.float64)
    if np.any(~(hz > 0)):
        raise ValueError("hz_to_cents: frequencies must be above 0 Hz; mask unvoiced frames first")
    return A4_CENTS + 1200.0 * np.log2(hz / A4_HZ)


def cents_to_hz(cents):
    """Frequency in Hz of cents (scalar or array); 6900 gives 440 Hz."""
    return A4_HZ * np.exp2((np.asarray(cents, dtype=np.float64) - A4_CENTS) / 1200.0)


def note_name(cents: float) -> str:
    """Name of the nearest note in plain letters, as one would type it: 6900 is A4, 6320 Eb4."""
    nearest = int(np.floor(cents / 100 + 0.5))
    return f"{NAMES[nearest % 12]}{nearest // 12 - 1}"


def pitch_name(cents: float) -> str:
    """Name of the nearest note as it is printed, and how far from it: 6900 is A4, 6320 E♭4+20."""
    beside = round(cents - 100 * np.floor(cents / 100 + 0.5))
    return note_name(cents).replace("#", "♯").replace("b", "♭") + (f"{beside:+d}" if beside else "")


@dataclass(frozen=True)
class FrameGrid:
    """Frames at a constant hop: frame i is centred at i × hop_seconds."""

    hop_seconds: float = 0.01

    def __post_init__(self):
        if not self.hop_seconds > 0:
            raise ValueError(f"FrameGrid: hop_seconds is {self.hop_seconds}; it must be above 0")

    def frames(self, seconds: float) -> int:
        """Number of frames whose centres lie in [0, seconds)."""
        return int(np.ceil(round(seconds / self.hop_seconds, 6)))

    def times(self, frames: int) -> np.ndarray:
        """Centre of every frame in seconds, (frames,) float64."""
        return np.arange(frames) * self.hop_seconds


PITCH_GRID = FrameGrid(0.01)
