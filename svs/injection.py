"""How conditions enter a network: the choices of `conditioning`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Injection:
    """What the conditions of the frames do in a network; flow time always shifts, scales and gates its blocks.

    modulates: each frame's conditions do so too, that frame's own (per-frame AdaLN-Zero).
    enters: they are added to the frame where it enters.
    attends: blocks attend to the sequence of conditions.
    """

    modulates: bool = False
    enters: bool = False
    attends: bool = False


INJECTIONS = {
    "adaln": Injection(modulates=True, enters=True),
    "cross": Injection(attends=True),
    "add": Injection(enters=True),
    "joint": Injection(),  # conditions are tokens themselves
}
