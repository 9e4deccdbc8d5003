"""The source-filter codec behind the protocol: 50 Hz latents, and the pitch that Praat measures for its pulses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from svs.audio import Audio
from svs.codec import CodecError, load_network
from svs.codec.noise import even_noise
from svs.codec.source_filter import SourceFilterNetwork
from svs.codecs.protocol import Codec, Codes, refuse_codebooks
from svs.dataset import fingerprint, measure_pitch
from svs.pitch import PitchCurve, at_hop
from svs.units import LATENT_HOP, PITCH_GRID, SAMPLE_RATE
from svs.voice import VoiceError, find

WEIGHTS = "codec.safetensors"


class SourceFilter(Codec):
    """A trained SourceFilterNetwork. seed: of the noise it decodes with. fine: with the latents for copies alone."""

    sample_rate = SAMPLE_RATE
    frame_rate = SAMPLE_RATE / LATENT_HOP
    pitch_rate = 1.0 / PITCH_GRID.hop_seconds

    def __init__(self, network: SourceFilterNetwork, name: str = "source-filter", seed: int = 0, fine: bool = False):
        self.network, self.name, self.seed, self.fine = network, name, seed, fine
        self.latent_dim = len(network.encoder.deviation) if fine else network.latent_dim

    @classmethod
    def load(cls, name, weights=None, codebooks=None, continuous=False) -> SourceFilter:
        """weights: codec.safetensors, or a folder that holds it; the default voice's when None."""
        refuse_codebooks(name, codebooks)
        return cls(network_of(weights), name, fine=name.endswith("-fine"))

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
        with torch.inference_mode():
            latents = self.network.encode(torch.from_numpy(samples)[None], self.fine)[0].numpy()
        return Codes(latents, len(audio.samples), pitch)

    def _decode(self, codes: Codes) -> np.ndarray:
        assert codes.pitch is not None  # _check has seen to it
        frames = len(codes.frames)
        pitch = at_hop(codes.pitch, PITCH_GRID.hop_seconds, 2 * frames)
        noise = even_noise(frames * LATENT_HOP, self.seed)
        arrays = (codes.frames.astype(np.float32), pitch.cents.astype(np.float32), pitch.voiced, noise)
        latents, cents, voiced, unit_noise = (torch.from_numpy(array)[None] for array in arrays)
        with torch.inference_mode():
            return self.network.decode(latents, cents, voiced, unit_noise)[0].numpy()


def network_of(weights: Path | None) -> SourceFilterNetwork:
    """The network in a file, in a folder, or of the default voice. Raises CodecError."""
    if weights is None:
        try:
            weights = find("default")
        except VoiceError as error:
            raise CodecError(str(error)) from None
    return load_network(weights / WEIGHTS if weights.is_dir() else weights)
