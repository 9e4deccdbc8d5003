"""Codecs: sound to latents and back. `load` opens one from its folder or file."""

from __future__ import annotations

import json
from pathlib import Path


class CodecError(ValueError):
    """Codec weights that are missing or do not fit."""


def save_network(network, path) -> None:
    """Write a SourceFilterNetwork as fp16 safetensors with its sizes in the header; whole or not at all."""
    import torch
    from safetensors.torch import save_file

    from svs.audio import write_atomically

    weights = {
        name: value.half().contiguous() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    assert all(torch.isfinite(value).all() for value in weights.values())
    header = {"sizes": json.dumps(network.sizes)}
    write_atomically(path, lambda temporary: save_file(weights, temporary, metadata=header))


def load_network(path):
    """A SourceFilterNetwork in evaluation mode from safetensors. Raises CodecError."""
    from safetensors import SafetensorError, safe_open

    from svs.codec.source_filter import SourceFilterNetwork

    path = Path(path)
    if not path.is_file():
        raise CodecError(f"{path}: no such codec; the recipe's stage `train-codec` makes it")
    try:
        with safe_open(path, "pt") as stored:
            network = SourceFilterNetwork(**json.loads((stored.metadata() or {})["sizes"]))
            network.load_state_dict({name: stored.get_tensor(name).float() for name in stored.keys()})
    except (SafetensorError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise CodecError(f"{path}: not the weights of a source-filter codec ({error})") from None
    return network.eval()
