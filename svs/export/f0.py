"""The commanded F0 as a table: seconds, hertz (0 where unvoiced), cents (100 × MIDI number), 1 where voiced."""

from __future__ import annotations

from svs.export import only_one
from svs.units import cents_to_hz


def write(takes: list[dict], title: str) -> str:
    curve = only_one(takes, "a table of F0")["f0"]
    lines = ["seconds,hz,cents,voiced"]
    for frame, (cents, voiced) in enumerate(zip(curve["cents"], curve["voiced"], strict=True)):
        hz = float(cents_to_hz(cents)) if voiced else 0.0
        lines.append(f"{frame * curve['hop_seconds']:.6g},{hz:.4f},{cents:.3f},{int(voiced)}")
    return "\n".join(lines) + "\n"
