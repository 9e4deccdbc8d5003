"""Codecs behind one protocol: sound to codes and back, by name.

    codec = load("encodec-24@8")            # NAME[@CODEBOOKS][:WEIGHTS]
    codes = codec.encode(audio)             # codes.frames: (frames, codebooks) int64, or (frames, latent_dim) float32
    codec.decode(codes)                     # Audio at codec.sample_rate, as many samples as went in

    source-filter   the default: continuous latents at 50 Hz beside the pitch (svs/codec)
    source-filter-fine   with its latents for copies alone
    source-filter-refined   with these, and encoded by listening to the copy: nearer, for seconds of work a second of sound
    rvq             the same latents through residual vector quantisation, beside a coded pitch
    world           WORLD with its envelope coded to a few numbers: what classical vocoders do (Morise 2016)
    world-full      WORLD with nothing left out
    encodec-24/48   EnCodec at 24 and 48 kHz (Défossez et al. 2022), weights from their hub or a folder
    dac-16/24/44    DAC at 16, 24 and 44.1 kHz (Kumar et al. 2023), likewise

Discrete codecs with latents of their own give these too: load(…, continuous=True), for models of continuous latents.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from svs.codec import CodecError
from svs.codecs.protocol import Codec, Codes

__all__ = ["NAMES", "Codec", "CodecError", "Codes", "is_name", "load"]

NAMES = {
    "source-filter": "source_filter.SourceFilter",
    "source-filter-fine": "source_filter.SourceFilter",
    "source-filter-refined": "source_filter.SourceFilter",
    "rvq": "rvq.Rvq",
    "world": "world.World",
    "world-full": "world.World",
    "encodec-24": "encodec.EnCodec",
    "encodec-48": "encodec.EnCodec",
    "dac-16": "dac.Dac",
    "dac-24": "dac.Dac",
    "dac-44": "dac.Dac",
}


def load(spec: str, continuous: bool = False) -> Codec:
    """The codec that `NAME[@CODEBOOKS][:WEIGHTS]` stands for.

    CODEBOOKS: of a discrete codec, how many of them are used; all of them when it is not said. WEIGHTS: a file or
    folder; else those of the default voice or of the hub. continuous: latents in place of tokens.
    Raises CodecError, in one line, for names and numbers that are not there and weights that cannot be had.
    """
    name, count, weights = _parts(spec)
    if name not in NAMES:
        raise CodecError(f"codec {name!r}: no such codec; choose one of {', '.join(NAMES)}")
    codebooks = None
    if count is not None:
        if not count.isdecimal() or int(count) < 1:
            raise CodecError(f"codec {spec!r}: {count!r} is no number of codebooks; 1 or more is wanted")
        codebooks = int(count)
    if continuous and codebooks is not None and not name.startswith("dac"):
        raise CodecError(f"codec {spec!r}: continuous latents have no codebooks; leave @{codebooks} out")
    module, _, kind = NAMES[name].partition(".")
    return getattr(import_module(f"svs.codecs.{module}"), kind).load(name, weights, codebooks, continuous)


def is_name(spec: str) -> bool:
    """Whether a text names a codec, and not a file."""
    return _parts(spec)[0] in NAMES


def _parts(spec: str) -> tuple[str, str | None, Path | None]:
    head, colon, weights = str(spec).partition(":")
    name, at, count = head.partition("@")
    return name, count if at else None, Path(weights) if colon else None
