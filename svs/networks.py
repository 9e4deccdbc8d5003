"""The acoustic networks by name; all keep the contract of svs/backbone.py."""

from __future__ import annotations

from svs.backbone import Backbone
from svs.dit import DiT
from svs.joint import JointDiT
from svs.unet import UNet

NETWORKS: dict[str, type[Backbone]] = {made.name: made for made in (DiT, UNet, JointDiT)}


def build(backbone: str = "dit", **sizes) -> Backbone:
    """A network by its name and the arguments of Backbone. Raises ValueError naming those there are."""
    if backbone not in NETWORKS:
        raise ValueError(f"backbone is {backbone!r}; choose one of {', '.join(NETWORKS)}")
    return NETWORKS[backbone](**sizes)
