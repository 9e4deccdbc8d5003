"""DAC, the Descript audio codec (Kumar, Seetharaman, Luebs, Kumar & Kumar 2023), through transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from svs.audio import Audio
from svs.codecs.hub import pretrained
from svs.codecs.protocol import Codec, Codes, count_codebooks
from svs.dataset import fingerprint

MODELS = {
    "dac-16": ("descript/dac_16khz", 16_000),
    "dac-24": ("descript/dac_24khz", 24_000),
    "dac-44": ("descript/dac_44khz", 44_100),
}


class Dac(Codec):
    """A DacModel.

    continuous: the codewords of its codebooks side by side, 8 numbers for each. Its encoder gives 1024 numbers a frame,
    but what the decoder takes is a linear map of these 8 × codebooks: as exact as the codes, and far fewer.
    """

    def __init__(self, model, name: str, codebooks: int | None = None, continuous: bool = False):
        config = model.config
        self.model, self.name = model, name
        self.sample_rate, self.hop = config.sampling_rate, config.hop_length
        self.frame_rate = self.sample_rate / self.hop
        self.used = count_codebooks(name, codebooks, config.n_codebooks)
        self.latent_dim = self.used * config.codebook_dim
        if not continuous:
            self.codebooks, self.codebook_size = self.used, config.codebook_size

    @classmethod
    def load(cls, name, weights: Path | None = None, codebooks=None, continuous=False) -> Dac:
        repository, sample_rate = MODELS[name]
        return cls(pretrained(name, "dac", repository, sample_rate, weights), name, codebooks, continuous)

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.model)

    def _encode(self, audio: Audio) -> Codes:
        samples = np.pad(audio.samples, (0, -len(audio.samples) % self.hop)).astype(np.float32)
        with torch.inference_mode():
            codes = self.model.encode(torch.from_numpy(samples)[None, None], self.used, return_dict=False)[2]
            frames = self.model.quantizer.from_codes(codes)[1] if self.continuous else codes
        return Codes(frames[0].T.numpy().copy(), len(audio.samples))

    def _decode(self, codes: Codes) -> np.ndarray:
        frames = torch.from_numpy(np.ascontiguousarray(codes.frames.T))[None]
        quantizers = self.model.quantizer.quantizers
        with torch.inference_mode():
            if self.continuous:
                words = frames.float().chunk(self.used, dim=1)
                latents = sum(quantizers[i].out_proj(word) for i, word in enumerate(words))
            else:
                latents = self.model.quantizer.from_codes(frames.long())[0]
            return self.model.decode(latents, return_dict=False)[0][0].numpy()
