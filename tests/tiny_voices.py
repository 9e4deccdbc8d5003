"""Voices of a few thousand random weights: they sing noise on pitch, in no time, by the code that sings in earnest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from svs.inventory import ARPABET, SPECIALS

PHONEMES = [*SPECIALS, *ARPABET]
SINGERS = {"ann": {"range_cents": [5500, 7700]}, "bob": {"range_cents": [4300, 6400]}}
CODEC = {"latent_dim": 6, "decoder_dim": 16, "decoder_depth": 1}
ACOUSTIC = {"latent_dim": 6, "dim": 16, "depth": 2, "heads": 2, "window": 8, "patch": 2, "conditioner_depth": 1}
CONSONANT_SECONDS = 0.06


def write_voice(folder: Path, phonemes=PHONEMES, seed: int = 0, conditions=None, **facts) -> Path:
    """Write a whole voice; facts replace those of voice.json. conditions: those of its network, with their sizes."""
    import torch

    from svs.codec import save_network
    from svs.codec.source_filter import SourceFilterNetwork
    from svs.dit import DiT
    from svs.voice import save_acoustic

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    codec = SourceFilterNetwork(**CODEC)
    acoustic = DiT(len(phonemes), len(SINGERS), **ACOUSTIC, conditions=conditions)
    for parameter in acoustic.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    with torch.no_grad():
        codec.decoder.harmonic.bias -= 3.0  # no peak that would be limited
        codec.decoder.noise.bias.fill_(-11.0)  # far below the pulses, so that pitch can be measured
    save_network(codec, folder / "codec.safetensors")
    save_acoustic(acoustic, folder / "acoustic.safetensors")
    write_timing(folder / "timing.safetensors", phonemes)
    about = {
        "name": folder.name,
        "singer": "ann",
        "singers": SINGERS,
        "phonemes": list(phonemes),
        "languages": ["en"],
        "licence": "CC0-1.0",
        "steps": 2,
        "guidance": {"lyrics": 1.5},
    }
    (folder / "voice.json").write_text(json.dumps({**about, **facts}), encoding="utf-8")
    return folder


def write_timing(path: Path, phonemes=PHONEMES, singers=tuple(SINGERS)) -> None:
    """Durations that are CONSONANT_SECONDS for every consonant of every singer."""
    from svs.timing import NUMBERS, ConsonantDurations

    weights = {
        "phone": np.zeros((len(phonemes) + 1, 2), np.float32),
        "speaker": np.zeros((len(singers), 1), np.float32),
        "w1": np.zeros((3 * 2 + 1 + NUMBERS, 3), np.float32),
        "b1": np.zeros(3, np.float32),
        "w2": np.zeros(3, np.float32),
        "b2": np.array(np.log(CONSONANT_SECONDS), np.float32),
    }
    ConsonantDurations(weights, (*phonemes, "other"), tuple(singers), singers[0]).save(path)
