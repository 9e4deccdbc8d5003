"""Analysis by synthesis: latents of a recording, moved until what the decoder makes of them is nearer to it.

The encoder is linear and knows nothing of the decoder, nor of the noise that it shapes. Following the gradient of the
spectral loss down to the latents finds better ones for one sound, as coders of speech have long searched for the excitation
by listening to it (Atal & Remde 1982) and learned codecs adapt theirs to a single picture (Campos et al. 2019). Decoder and
rate stay as they are; what it costs is the decoder's gradient at every step.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from svs.codec.arrays import periods
from svs.codec.losses import SpectralLoss
from svs.codec.source_filter import SourceFilterNetwork
from svs.units import LATENT_HOP

STEPS = 60
RATE = 0.1  # nepers along each of the encoder's components, of the first step; the last moves a tenth of it
PIECE = 200  # latent frames, 4 s, at most that are moved together, so that memory does not grow with the sound
CONTEXT = 25  # latent frames on either side that the decoder hears, and that stay


def refined(
    network: SourceFilterNetwork,
    latents: Tensor,
    audio: Tensor,
    cents: Tensor,
    voiced: Tensor,
    noise: Tensor,
    steps: int = STEPS,
) -> Tensor:
    """Latents, of the shape of `latents`, whose decoded sound is nearer to `audio`.

    latents: (1, frames, dim), all or the first latent_dim of the network: where the search begins. audio, noise:
    (1, frames × LATENT_HOP). cents, voiced: (1, 2 × frames) on the 10 ms grid. It is with this noise alone that the latents
    are better ones. steps: of Adam's (Kingma & Ba 2015), down the loss that codecs are trained against.
    """
    moved, frames = latents.detach().clone(), latents.shape[1]
    pieces = math.ceil(frames / PIECE)
    phase, known_at = 0.0, 0  # of the pulses, and at which latent frame
    for piece in range(pieces):
        first, last = piece * frames // pieces, (piece + 1) * frames // pieces
        begin, end = max(0, first - CONTEXT), min(frames, last + CONTEXT)
        grid, samples = slice(2 * begin, 2 * end), slice(begin * LATENT_HOP, end * LATENT_HOP)
        sources = (cents[:, grid], voiced[:, grid], noise[:, samples])
        phase, known_at = (phase + periods(cents[0, 2 * known_at : 2 * begin + 1].numpy())) % 1.0, begin
        inside = slice(first - begin, last - begin)
        moved[:, first:last] = _search(network, moved[:, begin:end], inside, audio[:, samples], sources, phase, steps)
    return moved


def _search(
    network: SourceFilterNetwork,
    latents: Tensor,
    inside: slice,
    audio: Tensor,
    sources: tuple[Tensor, Tensor, Tensor],
    phase: float,
    steps: int,
) -> Tensor:
    """The latents of the frames inside, moved. sources: cents, voicing, noise. phase: of the pulses at the first sample."""
    loss, heard = SpectralLoss(), slice(inside.start * LATENT_HOP, inside.stop * LATENT_HOP)
    nepers = torch.zeros_like(latents[:, inside]).requires_grad_(True)
    unit, (cents, voiced, noise) = network.encoder.deviation[: latents.shape[-1]], sources
    optimiser = torch.optim.Adam([nepers], RATE, betas=(0.9, 0.99))

    def moved() -> Tensor:
        return latents[:, inside] + nepers / unit

    for step in range(steps):
        optimiser.param_groups[0]["lr"] = RATE * (1.0 - 0.9 * step / steps)
        tried = torch.cat([latents[:, : inside.start], moved(), latents[:, inside.stop :]], dim=1)
        copy = network.decode(tried, cents, voiced, noise, phase=phase)
        (nepers.grad,) = torch.autograd.grad(loss(copy[:, heard], audio[:, heard])["total"], nepers)
        optimiser.step()
    return moved().detach()
