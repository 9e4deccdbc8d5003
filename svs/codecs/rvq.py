"""The source-filter codec's latents as tokens: residual vector quantisation, and its pitch in 12 bits.

As in SoundStream (Zeghidour, Luebs, Omran, Skoglund & Tagliasacchi 2021) each codebook quantises what those before it
have left, and while they are fitted the last ones are dropped at random, so that any number of the first makes a codec
of its own bitrate. The encoder and the decoder are those of the trained codec and stay as they are.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch

from svs.audio import Audio, write_atomically
from svs.codec import CodecError
from svs.codecs.protocol import Codec, Codes, count_codebooks
from svs.codecs.source_filter import WEIGHTS, SourceFilter, network_of
from svs.f0 import curve_from_hz
from svs.pitch import PitchCurve
from svs.units import LATENT_HOP, FrameGrid, cents_to_hz

FILE = "rvq.safetensors"
PITCH_BITS = 12
PITCH_RANGE = (3200.0, 9000.0)  # cents: 52 Hz to 1480 Hz
PITCH_STEP = (PITCH_RANGE[1] - PITCH_RANGE[0]) / (2**PITCH_BITS - 2)  # 1.4 cents
FRAMES_AT_ONCE = 4096


class Rvq(Codec):
    """A SourceFilter whose latents go through a ResidualVQ.

    Quantised are the latents times their importance, so that a nearest entry is nearest in the spectra it stands for.
    books: (codebooks, size, latent_dim) float32.
    """

    def __init__(self, inner: SourceFilter, books: np.ndarray, codebooks: int | None = None, name: str = "rvq"):
        self.inner, self.books, self.name = inner, books, name
        self.sample_rate, self.frame_rate = inner.sample_rate, inner.frame_rate
        self.latent_dim, self.pitch_rate = inner.latent_dim, inner.pitch_rate
        self.codebooks = count_codebooks(name, codebooks, len(books))
        self.codebook_size = books.shape[1]
        self.side_bits_per_second = PITCH_BITS * inner.pitch_rate
        self.quantiser = quantiser(books[: self.codebooks])
        self.importance = inner.network.importance.numpy()

    @classmethod
    def load(cls, name, weights: Path | None = None, codebooks=None, continuous=False) -> Rvq:
        """weights: what data_prep.codebooks wrote, or a folder that holds it, beside the codec.safetensors it was made
        for; where there is none, the default voice's."""
        if continuous:
            raise CodecError(f"codec {name}: its continuous latents are those of source-filter; take that")
        if weights is None:
            raise CodecError(
                f"codec {name}: it wants its codebooks, as {name}:{FILE}; "
                f"python -m data_prep.codebooks FEATURES --out {FILE} makes them"
            )
        path = weights / FILE if weights.is_dir() else weights
        books, made_for = load_codebooks(path)
        beside = path.with_name(WEIGHTS)
        inner = SourceFilter(network_of(beside if beside.is_file() else None))
        if inner.encoder_fingerprint != made_for or books.shape[2] != inner.latent_dim:
            raise CodecError(
                f"{path}: codebooks of another codec than {beside if beside.is_file() else 'the default voice'}'s; "
                f"put the {WEIGHTS} that its features were encoded with beside it"
            )
        return cls(inner, books, codebooks, name)

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.books.tobytes()).hexdigest() + self.inner.fingerprint

    def _encode(self, audio: Audio) -> Codes:
        codes = self.inner.encode(audio)
        assert codes.pitch is not None
        pitch = pitch_of_tokens(pitch_tokens(codes.pitch), codes.pitch.hop_seconds)
        return Codes(self.tokens(codes.frames), codes.samples, pitch)

    def _decode(self, codes: Codes) -> np.ndarray:
        return self.inner.decode(Codes(self.latents(codes.frames), codes.samples, codes.pitch)).samples

    def tokens(self, latents: np.ndarray) -> np.ndarray:
        """(frames, latent_dim) latents to (frames, codebooks) int64."""
        scaled = torch.from_numpy((latents * self.importance).astype(np.float32))
        with torch.inference_mode():
            found = [self.quantiser(block[None])[1][0] for block in scaled.split(FRAMES_AT_ONCE)]
        return torch.cat(found).numpy()

    def latents(self, tokens: np.ndarray) -> np.ndarray:
        """(frames, codebooks) tokens, or fewer of the first, to (frames, latent_dim) float32."""
        at = np.arange(tokens.shape[1])
        return (self.books[at, tokens].sum(axis=1) / self.importance).astype(np.float32)


def quantiser(books: np.ndarray):
    """A ResidualVQ with these codebooks, (codebooks, size, dim). Raises CodecError where its package is missing."""
    made = _residual_vq(*books.shape)
    for layer, book in zip(made.layers, books, strict=True):
        layer._codebook.embed.copy_(torch.from_numpy(book)[None])
    return made.eval()


def fit_codebooks(
    vectors: np.ndarray,
    silence: np.ndarray,
    codebooks: int,
    size: int,
    batch: int = 4096,
    passes: int = 4,
    seed: int = 0,
    progress=None,
) -> np.ndarray:
    """(codebooks, size, dim) float32: codebooks for (frames, dim) latents times their importance.

    k-means of each codebook on what is left of some frames, then moving averages over batches with codebook dropout.
    The first entry of the first codebook is `silence`, (dim,), that of the others nothing: silence is exact, and no
    codebook makes a frame worse. progress: called with (done, total) after each batch.
    Raises CodecError for fewer frames than entries, and for less than two of these.
    """
    if len(vectors) < size or size < 2:
        raise CodecError(
            f"{len(vectors)} frames for codebooks of {size} entries; "
            f"2 to {len(vectors)} are wanted, take another --size"
        )
    torch.manual_seed(seed)
    shuffled = torch.from_numpy(np.random.default_rng(seed).permutation(vectors).astype(np.float32))
    batch = max(size, min(batch, len(shuffled)))
    expected = batch / size  # times that an entry is nearest in a batch
    rvq = _residual_vq(
        codebooks, size - 1, vectors.shape[1], kmeans_init=True, kmeans_iters=10, decay=0.9,
        threshold_ema_dead_code=0.05 * expected, quantize_dropout=True,
    ).train()  # fmt: skip
    parts = [part for part in shuffled.split(batch) if len(part) == batch] or [shuffled]
    total = 1 + passes * len(parts)
    with torch.no_grad():
        rvq.quantize_dropout = False  # every codebook wants a beginning
        rvq(shuffled[: 2 * batch][None])
        rvq.quantize_dropout = codebooks > 1
        for step in range(1, total):
            if progress:
                progress(step, total)
            if step > total - len(parts):  # an entry that is begun anew now would not move any more
                for layer in rvq.layers:
                    layer._codebook.has_dead_code_replacement = False
            rvq(parts[(step - 1) % len(parts)][None])
    if progress:
        progress(total, total)
    first = np.zeros((codebooks, 1, len(silence)), np.float32)
    first[0] = silence
    return np.concatenate([first, rvq.codebooks.numpy().reshape(codebooks, size - 1, -1)], axis=1)


def silence_of(network) -> np.ndarray:
    """(latent_dim,) latents of digital silence times their importance."""
    with torch.inference_mode():
        return (network.encode(torch.zeros(1, 9 * LATENT_HOP))[0, 4] * network.importance).numpy()


def _residual_vq(codebooks: int, size: int, dim: int, **options):
    try:
        from vector_quantize_pytorch import ResidualVQ
    except ImportError:
        raise CodecError(
            "codec rvq: the package vector-quantize-pytorch is missing; pip install 'svs[codecs]' brings it"
        ) from None
    return ResidualVQ(dim=dim, num_quantizers=codebooks, codebook_size=size, **options)


def save_codebooks(books: np.ndarray, made_for: str, path) -> None:
    """Write (codebooks, size, dim) as fp16 safetensors; made_for: fingerprint of the encoder. Whole or not at all."""
    from safetensors.numpy import save_file

    stored = {"codebooks": np.ascontiguousarray(books.astype(np.float16))}
    write_atomically(path, lambda temporary: save_file(stored, temporary, {"encoder": made_for}))


def load_codebooks(path) -> tuple[np.ndarray, str]:
    """((codebooks, size, dim) float32, fingerprint of the encoder). Raises CodecError."""
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise CodecError(f"{path}: no such codebooks; python -m data_prep.codebooks FEATURES --out {path} makes them")
    try:
        with safe_open(Path(path), "np") as stored:
            books, made_for = stored.get_tensor("codebooks").astype(np.float32), (stored.metadata() or {})["encoder"]
    except (SafetensorError, OSError, KeyError) as error:
        raise CodecError(f"{path}: no codebooks that data_prep.codebooks wrote ({error})") from None
    if books.ndim != 3 or not books.size or not np.isfinite(books).all():
        raise CodecError(
            f"{path}: codebooks of shape {books.shape}; (codebooks, size, latent_dim) finite numbers are wanted"
        )
    return books, made_for


def pitch_tokens(curve: PitchCurve) -> np.ndarray:
    """(frames,) int64 of PITCH_BITS bits: 0 unvoiced, else the pitch in PITCH_STEPs, kept within PITCH_RANGE."""
    steps = np.round((np.clip(curve.cents, *PITCH_RANGE) - PITCH_RANGE[0]) / PITCH_STEP).astype(np.int64)
    return np.where(curve.voiced, 1 + steps, 0)


def pitch_of_tokens(tokens: np.ndarray, hop_seconds: float) -> PitchCurve:
    """The contour that tokens stand for."""
    hz = cents_to_hz(PITCH_RANGE[0] + PITCH_STEP * (tokens - 1))
    return curve_from_hz(np.where(tokens > 0, hz, 0.0), FrameGrid(hop_seconds))
