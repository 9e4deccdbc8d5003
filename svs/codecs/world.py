"""WORLD behind the protocol: spectral envelope and aperiodicity every 5 ms beside the pitch (Morise 2016)."""

from __future__ import annotations

import numpy as np

from svs.audio import Audio
from svs.codec import CodecError
from svs.codecs.protocol import Codec, Codes, refuse_codebooks
from svs.evaluation.spectrum import world_analysis
from svs.f0 import curve_from_hz
from svs.pitch import at_hop
from svs.units import SAMPLE_RATE, FrameGrid, cents_to_hz

HOP_SECONDS = 0.005
CODED = 60  # numbers to an envelope, as in singing synthesis by parameters (NNSVS)


class World(Codec):
    """WORLD at 44.1 kHz. coded: numbers that an envelope is coded to, on a mel axis; None keeps every bin."""

    sample_rate = SAMPLE_RATE
    frame_rate = 1.0 / HOP_SECONDS
    pitch_rate = 1.0 / HOP_SECONDS

    def __init__(self, coded: int | None = CODED, name: str = "world"):
        import pyworld

        self.coded, self.name = coded, name
        self.fft = pyworld.get_cheaptrick_fft_size(SAMPLE_RATE)
        bins = self.fft // 2 + 1
        self.envelope_dim = coded or bins
        self.latent_dim = self.envelope_dim + (pyworld.get_num_aperiodicities(SAMPLE_RATE) if coded else bins)

    @classmethod
    def load(cls, name, weights=None, codebooks=None, continuous=False) -> World:
        refuse_codebooks(name, codebooks)
        if weights is not None:
            raise CodecError(f"codec {name}: it has no weights; leave :{weights} out")
        return cls(None if name == "world-full" else CODED, name)

    def _encode(self, audio: Audio) -> Codes:
        import pyworld

        f0_hz, envelope, aperiodicity = world_analysis(audio)
        if self.coded:
            envelope = pyworld.code_spectral_envelope(envelope, SAMPLE_RATE, self.coded)
            aperiodicity = pyworld.code_aperiodicity(aperiodicity, SAMPLE_RATE)
        else:
            envelope = np.log(envelope)
        frames = np.concatenate([envelope, aperiodicity], axis=1).astype(np.float32)
        return Codes(frames, len(audio.samples), curve_from_hz(f0_hz, FrameGrid(HOP_SECONDS)))

    def _decode(self, codes: Codes) -> np.ndarray:
        import pyworld

        assert codes.pitch is not None  # _check has seen to it
        envelope, aperiodicity = np.split(codes.frames.astype(np.float64), [self.envelope_dim], axis=1)
        envelope, aperiodicity = np.ascontiguousarray(envelope), np.ascontiguousarray(aperiodicity)
        if self.coded:
            envelope = pyworld.decode_spectral_envelope(envelope, SAMPLE_RATE, self.fft)
            aperiodicity = pyworld.decode_aperiodicity(aperiodicity, SAMPLE_RATE, self.fft)
        else:
            envelope = np.exp(envelope)
        pitch = at_hop(codes.pitch, HOP_SECONDS, len(codes.frames))
        f0_hz = np.where(pitch.voiced, cents_to_hz(pitch.cents), 0.0)
        return pyworld.synthesize(f0_hz, envelope, aperiodicity.clip(0.0, 1.0), SAMPLE_RATE, 1000 * HOP_SECONDS)
