"""EnCodec (Défossez, Copet, Synnaeve & Adi 2022) through transformers: 24 kHz, and 48 kHz in chunks and stereo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from svs.audio import LEVEL, Audio
from svs.codec import CodecError
from svs.codecs.hub import pretrained
from svs.codecs.protocol import Codec, Codes, count_codebooks
from svs.dataset import fingerprint

MODELS = {"encodec-24": ("facebook/encodec_24khz", 24_000), "encodec-48": ("facebook/encodec_48khz", 48_000)}
SCALE_BITS = 32


class EnCodec(Codec):
    """An EncodecModel.

    Discrete, it is what the library makes of the sound. The 48 kHz model is stereo: it gets the sound twice, and gives
    the mean of both channels; it codes overlapping chunks of a second, each divided by its loudness, so that its frames
    are those of the first chunk, then those of the second, and so on.

    continuous: the encoder's output before quantisation. Here the whole sound is one chunk, divided by the level that
    all clips of a corpus are brought to and not by its own, so that latents alone make a sound again.
    """

    def __init__(self, model, name: str, codebooks: int | None = None, continuous: bool = False):
        config = model.config
        self.model, self.name = model, name
        self.sample_rate, self.latent_dim, self.hop = config.sampling_rate, config.hidden_size, config.hop_length
        self.frame_rate = self.sample_rate / self.hop
        # samples of a chunk, and from one to the next; 0 where the whole sound is one
        self.chunk: int = 0 if continuous else config.chunk_length or 0
        self.stride: int = config.chunk_stride if self.chunk else 0
        if not continuous:
            self.codebooks = count_codebooks(name, codebooks, config.num_quantizers)
            self.codebook_size = config.codebook_size
        if self.chunk:
            self.frame_rate = -(-self.chunk // self.hop) * self.sample_rate / self.stride  # chunks overlap
        if not continuous and config.normalize:
            self.side_bits_per_second = SCALE_BITS * self.sample_rate / (self.stride or self.sample_rate)

    @classmethod
    def load(cls, name, weights: Path | None = None, codebooks=None, continuous=False) -> EnCodec:
        repository, sample_rate = MODELS[name]
        return cls(pretrained(name, "encodec", repository, sample_rate, weights), name, codebooks, continuous)

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.model)

    def _encode(self, audio: Audio) -> Codes:
        samples = len(audio.samples)
        with torch.inference_mode():
            if self.continuous:
                latents = self.model.encoder(self._channels(audio.samples) / self._level)[0].T
                return Codes(latents.numpy().copy(), samples)
            codes, scales, unfilled = self.model.encode(
                self._channels(audio.samples), bandwidth=self._bandwidth, return_dict=False
            )
        frames = codes[:, 0, : self.codebooks].transpose(1, 2).reshape(-1, self.codebooks)
        frames = frames[: len(frames) - max(0, unfilled)].numpy().astype(np.int64)
        loudness = np.array([float(s) for s in scales], np.float32) if self.model.config.normalize else None
        return Codes(frames, samples, scales=loudness)

    def _check(self, codes: Codes) -> None:
        super()._check(codes)
        wanted = 0 if self.continuous or not self.model.config.normalize else self._chunks(len(codes.frames))
        found = 0 if codes.scales is None else len(codes.scales)
        if found != wanted:
            raise CodecError(f"codec {self.name}: the codes have the loudness of {found} chunks; {wanted} is wanted")

    def _chunks(self, frames: int) -> int:
        return -(-frames * self.hop // self.chunk) if self.chunk else 1

    def _decode(self, codes: Codes) -> np.ndarray:
        with torch.inference_mode():
            if self.continuous:
                latents = torch.from_numpy(np.ascontiguousarray(codes.frames.T, np.float32))[None]
                return (self.model.decoder(latents)[0].mean(dim=0) * self._level).numpy()
            frames = torch.from_numpy(np.asarray(codes.frames, np.int64))
            length = -(-self.chunk // self.hop) or len(frames)
            unfilled = -len(frames) % length
            whole = torch.cat([frames, frames.new_zeros(unfilled, self.codebooks)])
            chunks = whole.reshape(-1, 1, length, self.codebooks).transpose(2, 3)
            scales = (
                [None] * len(chunks) if codes.scales is None else list(torch.from_numpy(codes.scales)[:, None, None])
            )
            made = self.model.decode(chunks, scales, return_dict=False, last_frame_pad_length=unfilled)[0]
            return made[0].mean(dim=0).numpy()

    @property
    def _level(self) -> float:
        return LEVEL if self.model.config.normalize else 1.0

    @property
    def _bandwidth(self) -> float:
        """The least of the model's bandwidths, in kbit/s, that has the codebooks; its first are those of the others."""
        count = self.model.quantizer.get_num_quantizers_for_bandwidth
        return next(width for width in self.model.config.target_bandwidths if count(width) >= self.codebooks)

    def _channels(self, samples: np.ndarray) -> Tensor:
        """(1, channels, samples), filled up to whole frames; a last chunk is at least as long as chunks overlap."""
        unfilled = -len(samples) % self.hop
        if self.chunk:
            last = (len(samples) + unfilled) % self.stride
            overlap = -(-(self.chunk - self.stride) // self.hop) * self.hop
            unfilled += max(0, overlap - last) if last else 0
        whole = torch.from_numpy(np.pad(samples, (0, unfilled)).astype(np.float32))
        return whole.expand(1, self.model.config.audio_channels, -1)
