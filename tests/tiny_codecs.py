"""Folders of EnCodec and DAC models small enough for tests: random weights, codebooks of what their encoders give.

Biases are nought and the first entry of every codebook is nothing, or next to nothing, so that silence is coded by
zeros and comes back as silence.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from singers import tone

RATES = {"encodec-24": 24_000, "encodec-48": 48_000, "dac-16": 16_000, "dac-24": 24_000, "dac-44": 44_100}
SIZE = 16  # entries of a codebook
PEAK = 0.3  # of what a model makes of a note


@cache
def sung(sample_rate: int, seconds: float = 0.6):
    """A held note with vibrato."""
    return tone(6000, seconds, vibrato_extent=40)[0].resample(sample_rate)


def write_model(name: str, folder: Path) -> Path:
    """A tiny model of a codec's class in folder/name."""
    import torch

    torch.manual_seed(0)
    model = (_encodec if name.startswith("encodec") else _dac)(RATES[name])
    model.save_pretrained(folder / name)
    return folder / name


def _encodec(sample_rate: int):
    import torch
    from transformers import EncodecConfig, EncodecModel

    shared = {"num_filters": 4, "hidden_size": 12, "num_lstm_layers": 1, "codebook_size": SIZE}
    shared["sampling_rate"] = sample_rate
    if sample_rate == 48_000:  # as the published model: stereo, normalised, in chunks of a second
        config = EncodecConfig(
            **shared, target_bandwidths=[0.6, 1.2, 2.4], audio_channels=2, normalize=True, chunk_length_s=1.0,
            overlap=0.01, norm_type="time_group_norm", use_causal_conv=False,
        )  # fmt: skip
    else:
        config = EncodecConfig(**shared, target_bandwidths=[0.3, 0.6, 1.2])
    model = EncodecModel(config).eval()
    _without_biases(model)
    sound = torch.from_numpy(sung(sample_rate).samples)[None, None].expand(1, config.audio_channels, -1)
    with torch.no_grad():
        rest = model.encoder(sound / (0.08 if config.normalize else 1.0))[0].T
        for layer in model.quantizer.layers:
            entries = rest[torch.randperm(len(rest))[:SIZE]].clone()
            entries[0] = 0.0
            layer.codebook.embed.copy_(entries)
            rest = rest - layer.decode(layer.encode(rest.T[None]))[0].T
        last = model.decoder.layers[-1].conv
        weights = last.parametrizations.weight.original0 if hasattr(last, "parametrizations") else last.weight
        weights *= PEAK / model(sound).audio_values.abs().max()
    return model


def _dac(sample_rate: int):
    import torch
    from transformers import DacConfig, DacModel

    ratios = [2, 4, 8, 8] if sample_rate == 44_100 else [2, 4, 5, 8]
    config = DacConfig(
        sampling_rate=sample_rate, encoder_hidden_size=4, decoder_hidden_size=32, downsampling_ratios=ratios,
        n_codebooks=3, codebook_size=SIZE, codebook_dim=8,
    )  # fmt: skip
    model = DacModel(config).eval()
    _without_biases(model)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim == 3:
                weights.normal_(std=(weights.shape[1] * weights.shape[2]) ** -0.5)
        for quantizer in model.quantizer.quantizers:
            # only directions count to its quantiser: what is silent takes that of the first entry, which is short
            entries = torch.cat([torch.eye(8), -torch.eye(8)]) * torch.rand(SIZE, 1)
            entries[0] *= 1e-6
            quantizer.codebook.weight.copy_(entries)
            quantizer.in_proj.bias[0] = 1e-4
        sound = torch.from_numpy(sung(sample_rate).samples)[None, None]
        model.decoder.conv2.weight *= 1e-3  # until tanh is a straight line
        model.decoder.conv2.weight *= PEAK / model(sound).audio_values.abs().max()
    return model


def _without_biases(model) -> None:
    for name, weights in model.named_parameters():
        if "bias" in name:
            weights.data.zero_()


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(samples).astype(np.float32)
