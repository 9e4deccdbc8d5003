"""Codecs: sound to latents and back. `save_network` and `load_network` keep the source-filter codec in one file."""

from __future__ import annotations

from pathlib import Path

from svs.mistakes import Mistake


class CodecError(Mistake):
    """Codec weights that are missing or do not fit."""


def save_network(network, path) -> None:
    """Write a SourceFilterNetwork as fp16 safetensors with its sizes in the header; whole or not at all."""
    from svs.layers import save_weights

    save_weights(network, path)


def load_network(path):
    """A SourceFilterNetwork in evaluation mode from safetensors. Raises CodecError."""
    from svs.codec.source_filter import SourceFilterNetwork
    from svs.layers import load_weights

    path = Path(path)
    if not path.is_file():
        raise CodecError(f"{path}: no such codec; the recipe's stage `train-codec` makes it")
    try:
        return load_weights(path, SourceFilterNetwork)
    except ValueError as error:
        raise CodecError(f"{path}: not the weights of a source-filter codec ({error})") from None
