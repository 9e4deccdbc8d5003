"""What every codec is: `encode`, `decode`, and its rates; and what lies between the two."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from svs.audio import Audio, write_atomically
from svs.codec import CodecError
from svs.pitch import PitchCurve


@dataclass(frozen=True)
class Codes:
    """A sound as a codec has it.

    frames:  (frames, latent_dim) float32 of a continuous codec; (frames, codebooks) int64 of a discrete one.
    samples: length of the sound at the codec's sample rate.
    pitch:   its contour, where the decoder takes one beside the frames.
    scales:  (chunks,) float32, by what the chunks of the sound were divided, where a codec does so.
    """

    frames: np.ndarray
    samples: int
    pitch: PitchCurve | None = None
    scales: np.ndarray | None = None

    def save(self, path) -> None:
        """Write safetensors; whole or not at all."""
        from safetensors.numpy import save_file

        arrays = {"frames": self.frames}
        header = {"samples": str(self.samples)}
        if self.pitch is not None:
            arrays |= {"cents": self.pitch.cents, "voiced": self.pitch.voiced}
            header["hop_seconds"] = repr(self.pitch.hop_seconds)
        if self.scales is not None:
            arrays["scales"] = self.scales
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        write_atomically(path, lambda temporary: save_file(contiguous, temporary, header))

    @classmethod
    def load(cls, path) -> Codes:
        """Read what `save` wrote. Raises CodecError."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(Path(path), "np") as stored:
                header = stored.metadata() or {}
                arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (no dict)
            curve = None
            if "cents" in arrays:
                curve = PitchCurve(arrays["cents"], arrays["voiced"], float(header["hop_seconds"]))
            return cls(arrays["frames"], int(header["samples"]), curve, arrays.get("scales"))
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise CodecError(f"{path}: no codes that Codes.save wrote ({error})") from None


class Codec(ABC):
    """Sound to codes and back.

    name:          as `load` knows it.
    sample_rate:   Hz, of the sound that the codec works on and gives back.
    frame_rate:    Hz, of its frames.
    latent_dim:    numbers in a frame before quantisation.
    codebooks, codebook_size: of a discrete codec, how many are used and the entries of each; 0 of a continuous one.
    pitch_rate:    Hz, of the pitch that goes beside the frames; 0 for most.
    side_bits_per_second: bits beside the codebooks' of a discrete codec.

    A codec implements `_encode` and `_decode`; what is common to all, the sound's rate and length, is seen to here.
    """

    name: str
    sample_rate: int
    frame_rate: float
    latent_dim: int
    codebooks: int = 0
    codebook_size: int = 0
    pitch_rate: float = 0.0
    side_bits_per_second: float = 0.0

    @classmethod
    @abstractmethod
    def load(cls, name: str, weights: Path | None, codebooks: int | None, continuous: bool) -> Codec:
        """See svs.codecs.load."""

    @abstractmethod
    def _encode(self, audio: Audio) -> Codes:
        """audio: at sample_rate, at least one sample, all of them finite."""

    @abstractmethod
    def _decode(self, codes: Codes) -> np.ndarray:
        """(samples,) float32, about as many as there were; codes: of the shape and numbers that this codec makes."""

    @property
    def continuous(self) -> bool:
        return self.codebooks == 0

    @property
    def fingerprint(self) -> str:
        """The same as long as its weights are; "" where it has none."""
        return ""

    @property
    def bits_per_second(self) -> float | None:
        """Of the codes as they stand, without entropy coding; None of a continuous codec."""
        if self.continuous:
            return None
        return bits_per_second(self.frame_rate, self.codebooks, self.codebook_size) + self.side_bits_per_second

    @property
    def numbers_per_second(self) -> float | None:
        """Of a continuous codec, the pitch's among them; None of a discrete one."""
        return self.latent_dim * self.frame_rate + self.pitch_rate if self.continuous else None

    def encode(self, audio: Audio) -> Codes:
        """The codes of a sound of any rate. Raises CodecError for a sound without samples or with ones not finite."""
        if not len(audio.samples):
            raise CodecError(f"codec {self.name}: the sound holds no samples; one or more is wanted")
        if not np.isfinite(audio.samples).all():
            raise CodecError(f"codec {self.name}: samples contain NaN or infinity; the file is damaged")
        resampled = audio.resample(self.sample_rate)
        if not len(resampled.samples):  # one sample at 96 kHz is less than one here
            resampled = Audio(np.zeros(1, np.float32), self.sample_rate)
        return self._encode(Audio(resampled.samples.astype(np.float32), self.sample_rate))

    def decode(self, codes: Codes) -> Audio:
        """The sound of codes, codes.samples long. Raises CodecError for codes that are not of this codec."""
        self._check(codes)
        samples = self._decode(codes)[: codes.samples]
        return Audio(np.pad(samples, (0, codes.samples - len(samples))).astype(np.float32), self.sample_rate)

    def copy(self, audio: Audio) -> Audio:
        """A sound through the codec and back, at its own rate and length."""
        made = self.decode(self.encode(audio)).resample(audio.sample_rate).samples[: len(audio.samples)]
        return Audio(np.pad(made, (0, len(audio.samples) - len(made))), audio.sample_rate)

    def _check(self, codes: Codes) -> None:
        frames, width = codes.frames, self.latent_dim if self.continuous else self.codebooks
        kind = "numbers" if self.continuous else f"whole numbers from 0 to {self.codebook_size - 1}"
        wanted = f"codec {self.name}: {{}}; (frames, {width}) {kind} are wanted"
        if frames.ndim != 2 or frames.shape[1] != width or not len(frames):
            raise CodecError(wanted.format(f"the codes have shape {frames.shape}"))
        if not np.issubdtype(frames.dtype, np.floating if self.continuous else np.integer):
            raise CodecError(wanted.format(f"the codes are of type {frames.dtype}"))
        if self.continuous and not np.isfinite(frames).all():
            raise CodecError(wanted.format("the codes contain NaN or infinity"))
        if not self.continuous and not (frames.min() >= 0 and frames.max() < self.codebook_size):
            raise CodecError(wanted.format(f"the codes lie from {frames.min()} to {frames.max()}"))
        if codes.samples < 1:
            raise CodecError(f"codec {self.name}: the codes are of {codes.samples} samples; one or more is wanted")
        if self.pitch_rate and (codes.pitch is None or not len(codes.pitch.cents)):
            raise CodecError(f"codec {self.name}: the codes come without a pitch, which its decoder takes beside them")


def bits_per_second(frame_rate: float, codebooks: int, codebook_size: int) -> float:
    """Of tokens: each frame has one of every codebook, each of log2(codebook_size) bits."""
    return frame_rate * codebooks * math.log2(codebook_size)


def refuse_codebooks(name: str, codebooks: int | None) -> None:
    """Raise CodecError where codebooks are asked of a continuous codec."""
    if codebooks is not None:
        raise CodecError(f"codec {name}: it is continuous and has no codebooks; leave @{codebooks} out")


def count_codebooks(name: str, codebooks: int | None, most: int) -> int:
    """How many codebooks are used of `most`. Raises CodecError."""
    if codebooks is not None and codebooks > most:
        raise CodecError(f"codec {name}: it has {most} codebooks, {codebooks} are asked for; @1 to @{most} is wanted")
    return codebooks or most
