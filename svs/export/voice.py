"""A voice for others: its networks as ONNX, which svs/onnx_runner.py sings with, and programs in any language may."""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path

from svs import band, purity
from svs.audio import AudioError
from svs.export import ExportError
from svs.files import read_small
from svs.onnx_runner import FORMAT, FURTHER, NETWORKS
from svs.voice import TIMBRES, Voice

OPSET = 17
EXAMPLE_FRAMES = 193  # latent frames that are traced: prime, so that padding is traced too; any number may be sung


def export_voice(name_or_folder, output) -> Path:
    """Write a voice's folder with ONNX networks; it appears whole or not at all. Returns the folder.

    Raises VoiceError of a voice that cannot be loaded, ExportError where the folder is there already or cannot be made.
    """
    output = Path(output)
    if output.exists():
        raise ExportError(f"{output}: is there already; name a folder that is not")
    if find_spec("onnx") is None:
        raise ExportError("a voice is exported with the package onnx, which is not installed: pip install onnx")
    voice = Voice.load(name_or_folder)
    kind = (voice.acoustic.sizes.get("backbone", "dit"), getattr(voice.acoustic, "objective", "velocity"))
    if kind != ("dit", "velocity"):
        reason = f"has a {kind[0]} that predicts {kind[1]}; a dit of velocities is exported"
        raise ExportError(f"voice {voice.name!r} {reason}")
    if "reference" in voice.conditions:
        raise ExportError(
            f"voice {voice.name!r} knows the condition 'reference', whose clips only torch encodes; "
            "a voice without it is exported"
        )
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{output.name}.", suffix=".part", dir=output.parent))
    except OSError as error:
        reason = f"cannot be made ({error.strerror}); choose a folder that exists and is yours"
        raise ExportError(f"{output}: {reason}") from None
    try:
        _write_networks(voice, folder)
        facts = json.loads(read_small(voice.folder / "voice.json").decode("utf-8"))
        sizes = {"latent_dim": voice.acoustic.sizes["latent_dim"], "conditions": list(voice.conditions)}
        facts["onnx"] = {"format": FORMAT, **sizes}
        (folder / "voice.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8")
        for file in ("timing.safetensors", band.FILE, purity.FILE, TIMBRES, "CARD.md"):
            if (voice.folder / file).is_file():
                shutil.copyfile(voice.folder / file, folder / file)
        folder.chmod(0o755)
        folder.rename(output)
    except OSError as error:
        raise AudioError(f"{output}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return output


def _write_networks(voice: Voice, folder: Path) -> None:
    import torch
    from torch import nn

    from svs.conditioning import WHOLE, Conditions

    class ConditionsOfFrames(nn.Module):
        def __init__(self):
            super().__init__()
            self.acoustic = voice.acoustic

        def forward(self, phonemes, neighbours, stress, position, cents, voiced, speaker, drop, *numbers):
            keep = torch.ones_like(stress, dtype=torch.bool)
            known = Conditions(
                phonemes, neighbours, stress, position, cents, voiced, speaker, keep,
                **dict(zip(further, numbers, strict=True)),
            )  # fmt: skip
            return self.acoustic.condition(known, drop)

    class Velocity(nn.Module):
        def __init__(self):
            super().__init__()
            self.acoustic = voice.acoustic

        def forward(self, x, t, condition):
            return self.acoustic(x, t, condition, torch.ones_like(x[..., 0], dtype=torch.bool))

    class Filters(nn.Module):
        def __init__(self):
            super().__init__()
            self.codec = voice.codec

        def forward(self, latents, cents, voiced):
            return self.codec.filters(latents, cents, voiced)

    further = [name for name in FURTHER if name in voice.condition_sizes]
    frames, rows = EXAMPLE_FRAMES, len(voice.phonemes)
    latents = torch.randn(1, frames, voice.acoustic.sizes["latent_dim"])
    of_frames = {
        "phonemes": torch.randint(rows, (1, frames, 2)),
        "neighbours": torch.randint(rows, (1, frames, 2)),
        "stress": torch.randint(3, (1, frames)),
        "position": torch.rand(1, frames, 6),
        "cents": 6000 + torch.rand(1, frames, 2),
        "voiced": torch.rand(1, frames, 2) > 0.5,
        "speaker": torch.full((1, frames, len(voice.singers)), 1 / len(voice.singers)),
        "drop": torch.zeros(1, len(voice.conditions), dtype=torch.bool),
        **{name: torch.rand(1, voice.condition_sizes[name]) for name in further},
    }
    with torch.inference_mode():
        condition = ConditionsOfFrames()(*of_frames.values())
    curve = {"cents": of_frames["cents"].flatten(1), "voiced": of_frames["voiced"].flatten(1)}
    whole = (*WHOLE, "drop", "t")
    networks = {
        "conditions": (ConditionsOfFrames(), of_frames, ["condition"]),
        "velocity": (Velocity(), {"x": latents, "t": torch.full((1,), 0.3), "condition": condition}, ["velocity"]),
        "filters": (Filters(), {"latents": latents, **curve}, ["pulses", "noise"]),
    }
    assert tuple(networks) == NETWORKS
    _teach_exporter()
    for name, (network, inputs, outputs) in networks.items():
        axes = {key: {1: f"{key}_frames"} for key in (*inputs, *outputs) if key not in whole}
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of what tracing fixes; tests sing other lengths than the one traced
            torch.onnx.export(
                network.eval(), tuple(inputs.values()), str(folder / f"{name}.onnx"), input_names=list(inputs),
                output_names=outputs, dynamic_axes=axes, opset_version=OPSET, dynamo=False,
            )  # fmt: skip


def _teach_exporter() -> None:
    """RMSNorm in operators that opset 17 has."""
    import torch
    from torch.onnx import register_custom_op_symbolic

    def rms_norm(g, x, shape, weight, eps):
        size = torch.finfo(torch.float32).eps if eps.node().mustBeNone() else eps.node().f("value")
        square = g.op("ReduceMean", g.op("Mul", x, x), axes_i=[-1])
        floor = g.op("Constant", value_t=torch.tensor(size))
        return g.op("Mul", g.op("Div", x, g.op("Sqrt", g.op("Add", square, floor))), weight)

    register_custom_op_symbolic("aten::rms_norm", rms_norm, OPSET)
