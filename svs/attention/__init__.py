"""Attention of frames to frames, one small file a kind, all called alike: (x, keep) → x.

    windowed   frames at most `window` away: cost grows linearly with the song (the default)
    dilated    as many frames as windowed, in every later layer twice as far apart, up to eight
    full       every frame of the line: cost grows with its square
    linear     every frame of the line through sums over it: cost grows linearly, what is seen is coarser

x is (batch, frames, dim); keep is (batch, frames), False where a frame must not be looked at.
"""

from __future__ import annotations

from svs.attention.common import Attention, rotate
from svs.attention.cross import CrossAttention
from svs.attention.dilated import DilatedAttention
from svs.attention.full import FullAttention
from svs.attention.linear import LinearAttention
from svs.attention.windowed import WindowedAttention

ATTENTIONS: dict[str, type[Attention]] = {
    "windowed": WindowedAttention,
    "full": FullAttention,
    "dilated": DilatedAttention,
    "linear": LinearAttention,
}

__all__ = [
    "ATTENTIONS",
    "Attention",
    "CrossAttention",
    "DilatedAttention",
    "FullAttention",
    "LinearAttention",
    "WindowedAttention",
    "attention_kind",
    "rotate",
]


def attention_kind(name: str) -> type[Attention]:
    """The class of a kind of attention. Raises ValueError naming those there are."""
    if name not in ATTENTIONS:
        raise ValueError(f"attention is {name!r}; choose one of {', '.join(ATTENTIONS)}")
    return ATTENTIONS[name]
