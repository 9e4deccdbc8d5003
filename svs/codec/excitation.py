"""The source of the source-filter codec: a pulse train that follows the pitch to a fraction of a sample."""

from __future__ import annotations

import torch
from torch import Tensor

from svs.codec.arrays import STEPS, TAPS, sinc_table
from svs.units import A4_CENTS, A4_HZ

_TABLE = torch.from_numpy(sinc_table())


def pulse_train(cents: Tensor, voiced: Tensor, hop: int, sample_rate: int, phase: float = 0.0) -> Tensor:
    """Band-limited pulses, one each period, with the power of unit white noise where voiced.

    cents, voiced: (batch, frames), frame i at sample i × hop. Pitch is interpolated in cents between frames, the phase
    is its running sum in double precision, and each pulse is a windowed sinc at the very place where the phase passes
    a whole number. phase: in periods, of what sounded before the first sample. Returns (batch, frames × hop) float32,
    silent where unvoiced.
    """
    batch, frames = cents.shape
    samples = frames * hop
    fraction = torch.arange(hop, dtype=torch.float64) / hop
    left = cents.double()
    right = torch.cat([left[:, 1:], left[:, -1:]], dim=1)
    track = (left[..., None] + (right - left)[..., None] * fraction).reshape(batch, samples)
    step = A4_HZ / sample_rate * torch.exp2((track - A4_CENTS) / 1200.0)
    turned = phase + torch.cumsum(step, dim=1)
    whole = torch.floor(turned)
    crossed = torch.diff(whole, dim=1, prepend=whole[:, :1]) > 0
    # the nearest frame decides whether a pulse sounds
    nearest = torch.clamp((torch.arange(samples) + hop // 2) // hop, max=frames - 1)
    crossed &= voiced.bool()[:, nearest]
    row, at = torch.nonzero(crossed, as_tuple=True)
    out = torch.zeros(batch, samples + 2 * TAPS)
    if len(at) == 0:
        return out[:, TAPS : TAPS + samples]
    late = (turned[row, at] - whole[row, at]) / step[row, at]  # samples since the crossing, in [0, 1)
    shape = _TABLE[torch.round((1.0 - late) * STEPS).long().clamp(0, STEPS)]
    height = torch.rsqrt(step[row, at]).float()
    # the crossing lies at sample at - late = (at - 1) + (1 - late)
    index = at[:, None] - 1 + TAPS + torch.arange(-TAPS + 1, TAPS + 1)[None, :]
    keep = (index >= 0) & (index < out.shape[1])
    flat = row[:, None] * out.shape[1] + index
    out.view(-1).index_add_(0, flat[keep], (shape * height[:, None])[keep])
    return out[:, TAPS : TAPS + samples]
