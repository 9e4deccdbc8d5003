"""Shaping: a decoder's filters bent by hand, frame by frame: more breath, another tilt, formants elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from svs.units import A4_CENTS, A4_HZ, SAMPLE_RATE

NEPERS_A_DB = math.log(10.0) / 20.0
PIVOT_HZ = 1000.0
TILTED_OCTAVES = (-2.0, 4.0)  # about the pivot; further out the tilt goes no further
LIFTER = 0.6  # periods of the pitch: ripples of a spectrum that are finer are its partials


@dataclass(frozen=True)
class Shaping:
    """noise_db: on the noise of voiced frames. tilt_db: an octave, on the pulses. warp: by which formants lie higher, a factor.

    Each (batch, frames) on the 10 ms grid.
    """

    noise_db: Tensor
    tilt_db: Tensor
    warp: Tensor

    def pulses(self, magnitude: Tensor, cents: Tensor) -> Tensor:
        """Log magnitudes (batch, frames, bins) of the pulses' filter, shaped: its envelope warped, its partials in place."""
        bins, shaped = magnitude.shape[-1], magnitude
        if (self.warp != 1.0).any():
            envelope = smooth(magnitude, LIFTER * SAMPLE_RATE / (A4_HZ * torch.exp2((cents - A4_CENTS) / 1200.0)))
            shaped = magnitude - envelope + warped(envelope, self.warp)
        hz = torch.linspace(0.0, SAMPLE_RATE / 2, bins, device=magnitude.device)
        octaves = torch.log2(hz.clamp(min=1.0) / PIVOT_HZ).clamp(*TILTED_OCTAVES)
        return shaped + NEPERS_A_DB * self.tilt_db[..., None] * octaves

    def noise(self, magnitude: Tensor, voiced: Tensor) -> Tensor:
        """Log magnitudes (batch, k × frames, bins) of the noise's filter, shaped."""
        times = magnitude.shape[1] // voiced.shape[1]
        louder = (NEPERS_A_DB * self.noise_db * voiced).repeat_interleave(times, dim=1)
        if (self.warp != 1.0).any():
            magnitude = warped(magnitude, self.warp.repeat_interleave(times, dim=1))
        return magnitude + louder[..., None]


def smooth(log_magnitude: Tensor, longest: Tensor) -> Tensor:
    """Log magnitudes (…, bins) without quefrencies beyond `longest` samples, (…), by a cosine taper from half of it on."""
    cepstrum = torch.fft.irfft(log_magnitude)
    size = cepstrum.shape[-1]
    lags = torch.arange(size, device=log_magnitude.device)
    lags = torch.minimum(lags, size - lags) / longest[..., None]
    taper = torch.cos(torch.pi * (lags - 0.5).clamp(0.0, 0.5)).square()
    return torch.fft.rfft(cepstrum * taper).real


def warped(log_magnitude: Tensor, factor: Tensor) -> Tensor:
    """Log magnitudes (…, bins) read at frequencies lower by a factor, (…): what lay at f lies at factor × f."""
    bins = log_magnitude.shape[-1]
    at = (torch.arange(bins, device=log_magnitude.device) / factor[..., None]).clamp(max=bins - 1)
    left = at.long().clamp(max=bins - 2)
    share = at - left
    return log_magnitude.gather(-1, left) * (1 - share) + log_magnitude.gather(-1, left + 1) * share
