"""Voices: a folder with voice.json, the weights of the networks as safetensors, and a card. Never pickles.

    voice.json            name, singer (the default one), singers (name → range_cents and who they are), phonemes, languages,
                          licence, steps, guidance
    codec.safetensors     the source-filter codec
    acoustic.safetensors  the DiT
    timing.safetensors    consonant durations
    CARD.md               data, licences, credits, measured numbers
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FOLDERS = (Path(__file__).parent / "voices", Path(__file__).parent.parent / "assets" / "voices")


class VoiceError(ValueError):
    """A voice that is not installed, is damaged, or cannot sing what was asked."""


def installed() -> list[Path]:
    """Folders of the voices that come with the package, by name."""
    found = {path.parent.name: path.parent for place in reversed(FOLDERS) for path in place.glob("*/voice.json")}
    return [found[name] for name in sorted(found)]


def find(name_or_folder) -> Path:
    """The folder of an installed voice, or of one given by path. Raises VoiceError naming those there are."""
    path = Path(name_or_folder)
    if (path / "voice.json").is_file():
        return path
    for folder in installed():
        if folder.name == str(name_or_folder):
            return folder
    names = ", ".join(folder.name for folder in installed()) or "none; recipes/default makes one"
    raise VoiceError(f"voice {str(name_or_folder)!r} is not installed and no folder with a voice.json; installed: {names}")


@dataclass(frozen=True)
class Voice:
    """A loaded voice.

    phonemes: symbol → row. singers: name → {"range_cents": [lowest, highest], …} in the order of the DiT's rows.
    acoustic: DiT. codec: SourceFilterNetwork. durations: singer name → DurationModel.
    steps, guidance: what sampling uses unless told otherwise; guidance maps condition groups to scales.
    """

    folder: Path
    name: str
    singer: str
    singers: dict[str, dict]
    phonemes: dict[str, int]
    languages: tuple[str, ...]
    steps: int
    guidance: dict[str, float]
    acoustic: object
    codec: object

    @classmethod
    def load(cls, name_or_folder="default") -> Voice:
        """Load a voice by name or folder. Raises VoiceError saying what is missing or does not fit."""
        from svs.codec import CodecError, load_network

        folder = find(name_or_folder)
        try:
            facts = json.loads((folder / "voice.json").read_text(encoding="utf-8"))
            phonemes = {symbol: row for row, symbol in enumerate(facts["phonemes"])}
            voice = cls(
                folder,
                facts["name"],
                facts["singer"],
                facts["singers"],
                phonemes,
                tuple(facts["languages"]),
                int(facts["steps"]),
                dict(facts["guidance"]),
                load_acoustic(folder / "acoustic.safetensors"),
                load_network(folder / "codec.safetensors"),
            )
        except CodecError as error:
            raise VoiceError(str(error)) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, VoiceError):
                raise
            raise VoiceError(f"{folder}: not a whole voice ({type(error).__name__}: {error})") from None
        sizes = voice.acoustic.sizes
        if sizes["phonemes"] != len(phonemes) or sizes["speakers"] != len(voice.singers):
            raise VoiceError(
                f"{folder}: voice.json names {len(phonemes)} phonemes and {len(voice.singers)} singers, the weights have "
                f"{sizes['phonemes']} and {sizes['speakers']}"
            )
        return voice

    def singer_weights(self, singer: str | None) -> np.ndarray:
        """(singers,) float32 weights that add up to 1; None takes the voice's own singer. Raises VoiceError."""
        name = singer or self.singer
        if name not in self.singers:
            raise VoiceError(f"voice {self.name!r} has no singer {name!r}; it has {', '.join(self.singers)}")
        return np.array([float(name == other) for other in self.singers], np.float32)

    def durations(self, singer: str | None):
        """The consonant durations of a singer."""
        from svs.timing import ConsonantDurations

        self.singer_weights(singer)
        return ConsonantDurations.load(self.folder / "timing.safetensors", singer or self.singer)


def save_acoustic(network, path) -> None:
    """Write a DiT as fp16 safetensors with its sizes in the header; whole or not at all."""
    from safetensors.torch import save_file

    from svs.audio import write_atomically

    weights = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    header = {"sizes": json.dumps(network.sizes)}
    write_atomically(path, lambda temporary: save_file(weights, temporary, metadata=header))


def load_acoustic(path):
    """A DiT in evaluation mode from safetensors. Raises VoiceError."""
    from safetensors import SafetensorError, safe_open

    from svs.dit import DiT

    path = Path(path)
    if not path.is_file():
        raise VoiceError(f"{path}: no such acoustic model; the recipe's stage `train-acoustic` makes it")
    try:
        with safe_open(path, "pt") as stored:
            network = DiT(**json.loads((stored.metadata() or {})["sizes"]))
            network.load_state_dict({name: stored.get_tensor(name).float() for name in stored.keys()})
    except (SafetensorError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise VoiceError(f"{path}: not the weights of an acoustic model ({error})") from None
    return network.eval()
