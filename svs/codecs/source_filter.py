"""The source-filter codec behind the protocol: 50 Hz latents, and the pitch that Praat measures for its pulses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from svs.audio import Audio
from svs.codec import CodecError, load_network
from svs.codec.noise import even_noise
from svs.codec.refining import STEPS, refined
from svs.codec.source_filter import SourceFilterNetwork
from svs.codecs.protocol import Codec, Codes, refuse_codebooks
from svs.dataset import fingerprint, measure_pitch
from svs.pitch import PitchCurve, at_hop
from svs.units import LATENT_HOP, PITCH_GRID, SAMPLE_RATE
from svs.voice import VoiceError, find

WEIGHTS = "codec.safetensors"


class SourceFilter(Codec):
    """A trained SourceFilterNetwork.

    seed: of the noise it decodes with. fine: with the latents for copies alone. refining: steps in which the latents of a
    sound are moved nearer to it (svs.codec.refining), after which they are for this seed.
    """

    sample_rate = SAMPLE_RATE
    frame_rate = SAMPLE_RATE / LATENT_HOP
    pitch_rate = 1.0 / PITCH_GRID.hop_seconds

    def __init__(
        self, network: SourceFilterNetwork, name: str = "source-filter", seed: int = 0, fine: bool = False, refining: int = 0
    ):
        self.network, self.name, self.seed, self.fine, self.refining = network, name, seed, fine, refining
        self.latent_dim = len(network.encoder.deviation) if fine else network.latent_dim

    @classmethod
    def load(cls, name, weights=None, codebooks=None, continuous=False) -> SourceFilter:
        """weights: codec.safetensors, or a folder that holds it; the default voice's when None."""
        refuse_codebooks(name, codebooks)
        refining = STEPS if name.endswith("-refined") else 0
        return cls(network_of(weights), name, fine=name.endswith(("-fine", "-refined")), refining=refining)

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.network)

    @property
    def encoder_fingerprint(self) -> str:
        """The same as long as it makes the same latents."""
        return fingerprint(self.network.encoder)

    def _encode(self, audio: Audio) -> Codes:
        return self.encode_with(audio, measure_pitch(audio))

    def encode_with(self, audio: Audio, pitch: PitchCurve) -> Codes:
        """The codes of a sound whose pitch is known."""
        samples = np.pad(audio.samples, (0, -len(audio.samples) % LATENT_HOP)).astype(np.float32)
        sound = torch.from_numpy(samples)[None]
        with torch.no_grad():
            latents = self.network.encode(sound, self.fine)
        if self.refining:
            latents = refined(self.network, latents, sound, *self._sources(pitch, latents.shape[1]), self.refining)
        return Codes(latents[0].numpy(), len(audio.samples), pitch)

    def _decode(self, codes: Codes) -> np.ndarray:
        assert codes.pitch is not None  # _check has seen to it
        latents = torch.from_numpy(codes.frames.astype(np.float32))[None]
        with torch.inference_mode():
            return self.network.decode(latents, *self._sources(codes.pitch, len(codes.frames)))[0].numpy()

    def _sources(self, pitch: PitchCurve, frames: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Cents, voicing and noise that so many latent frames are decoded with, each (1, …)."""
        pitch = at_hop(pitch, PITCH_GRID.hop_seconds, 2 * frames)
        arrays = (pitch.cents.astype(np.float32), pitch.voiced, even_noise(frames * LATENT_HOP, self.seed))
        cents, voiced, noise = (torch.from_numpy(array)[None] for array in arrays)
        return cents, voiced, noise


def network_of(weights: Path | None) -> SourceFilterNetwork:
    """The network in a file, in a folder, or of the default voice. Raises CodecError."""
    if weights is None:
        try:
            weights = find("default")
        except VoiceError as error:
            raise CodecError(str(error)) from None
    return load_network(weights / WEIGHTS if weights.is_dir() else weights)
