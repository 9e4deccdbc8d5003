"""Singing voice synthesis: a score goes in, a voice comes out, and every cent of its pitch is accounted for.

    score → lyrics, g2p → timing → pitch → conditions → DiT → codec decoder → audio
    notes   phonemes      spans    cents   frames       latents  + F0 source

    import svs

    take = svs.sing("song.musicxml", voice="default", seed=0)
    take.audio.write("song.wav")

Start reading at `svs/sing.py`: every stage, once, in order. A module imports only from modules earlier in the flow.
Names below are loaded when first used, so that `import svs` costs nothing.
"""

import importlib
import sys
from types import ModuleType

__version__ = "0.1.0"

_HOMES = {
    "Audio": "svs.audio",
    "Expression": "svs.expression",
    "Note": "svs.score",
    "PitchCurve": "svs.pitch",
    "Score": "svs.score",
    "Take": "svs.sing",
    "read_score": "svs.score",
    "stream": "svs.sing",
}

__all__ = ["__version__", "sing", *sorted(_HOMES)]


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'svs' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)


class _Package(ModuleType):
    """`svs.sing` is the function, and stays so once the module of the same name has been imported."""

    @property
    def sing(self):
        return importlib.import_module("svs.sing").sing

    @sing.setter
    def sing(self, module):
        pass  # the import system binds submodules to their package


sys.modules[__name__].__class__ = _Package
