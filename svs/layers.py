"""What the codec and the acoustic model share: layers, and weights in files. Tensors are (batch, frames, channels)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

MOST_BYTES = 4 << 30  # of a file of weights
OCTAVES = 4  # of `pitch_features`
PITCH_FEATURES = 2 * OCTAVES + 2


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over time, then a pointwise MLP, added to the input (Liu et al. 2022, in one dimension).

    The residual is scaled by a learned vector that starts small, so that deep stacks train from the first step.
    """

    def __init__(self, dim: int, expansion: int = 3, kernel: int = 7, scale: float = 0.1):
        super().__init__()
        self.depthwise = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.widen = nn.Linear(dim, expansion * dim)
        self.narrow = nn.Linear(expansion * dim, dim)
        self.scale = nn.Parameter(torch.full((dim,), scale))

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        y = self.narrow(F.gelu(self.widen(self.norm(y))))
        return x + self.scale * y


def pitch_features(cents: Tensor, voiced: Tensor, octaves: int = OCTAVES) -> Tensor:
    """Smooth features of a pitch contour.

    cents, voiced: (batch, frames). Returns (batch, frames, 2 * octaves + 2): voicing, pitch scaled to about ±1, and
    sines and cosines with periods of 8, 4, 2, … octaves, so that both register and fine position are visible.
    """
    height = (cents - 5700.0) / 2400.0
    periods = 9600.0 / 2.0 ** torch.arange(octaves, device=cents.device, dtype=cents.dtype)
    angle = 2 * math.pi * cents[..., None] / periods
    parts = [voiced.to(cents.dtype)[..., None], height[..., None], torch.sin(angle), torch.cos(angle)]
    return torch.cat(parts, dim=-1)


def hann_window(samples: int) -> Tensor:
    """A periodic Hann window, with its numbers even where only shapes are made (see _Unfilled)."""
    return torch.hann_window(samples, device="cpu")


def multiplies_bfloat16(kind: str = "cpu") -> bool:
    """Whether devices of a kind here multiply bfloat16 themselves; where they do not, float32 is twice as fast."""
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if kind != "cpu":
        return True
    checks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)


def save_weights(network: nn.Module, path) -> None:
    """Write a network as fp16 safetensors; whole or not at all.

    Its constructor's arguments, `network.sizes`, go into the header.
    Raises ValueError for weights that are not finite in fp16, which no reader would take.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    from svs.audio import write_atomically

    weights = {
        name: value.detach().half().contiguous() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    for name, value in weights.items():
        if not torch.isfinite(value).all():
            raise ValueError(f"{path}: not written, since {name} is not finite in 16 bits; has the training diverged?")
    header = {"sizes": json.dumps(network.sizes)}

    def save(temporary):
        try:
            save_file(weights, temporary, metadata=header)
        except SafetensorError as error:
            raise ValueError(f"{path}: cannot be written ({error})") from None

    write_atomically(path, save)


def load_weights(path, make: Callable[..., nn.Module]) -> nn.Module:
    """The network make(**sizes) that `save_weights` wrote, in evaluation mode. Raises ValueError saying what is off.

    The file may be a stranger's: sizes and shapes are compared in its header before memory is taken for either.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"larger than {MOST_BYTES >> 30} GB")
        with safe_open(path, "pt") as stored:
            sizes, planned = _planned(stored.metadata() or {}, len(stored.keys()), make)
            found = {name: tuple(stored.get_slice(name).get_shape()) for name in stored.keys()}  # noqa: SIM118 (no dict)
            for name in sorted(planned.keys() | found.keys()):
                if planned.get(name) != found.get(name):
                    raise ValueError(f"{name} has shape {found.get(name)}, {planned.get(name)} is wanted")
            weights = {name: stored.get_tensor(name) for name in found}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"damaged, or no safetensors: {error}") from None
    for name, value in weights.items():
        if not torch.isfinite(value).all():
            raise ValueError(f"{name} is not finite")
    with _Unfilled():  # the weights follow
        network = make(**sizes)
    network.load_state_dict({name: value.float() for name, value in weights.items()})
    return network.eval()


class _Unfilled(TorchFunctionMode):
    """Leaves tensors unfilled that would be random. On torch's device "meta" to fill them wakes the compiler, a second of
    time and 180 MB.

    shapes: of these tensors only the shapes are asked for.
    """

    def __init__(self, shapes: bool = False):
        super().__init__()
        self.shapes = shapes

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in ("normal_", "uniform_", "xavier_uniform_"):
            return args[0] if args else kwargs["tensor"]
        return torch.empty(*args) if name == "eye" and self.shapes else func(*args, **kwargs)


def _planned(header: dict[str, str], tensors: int, make: Callable[..., nn.Module]) -> tuple[dict, dict[str, tuple]]:
    """(sizes in a header, shapes of the weights that make(**sizes) has). Raises ValueError where they make nothing."""
    if "sizes" not in header:
        raise ValueError("its header names no sizes")
    try:
        sizes = json.loads(header["sizes"])
        if any(name.endswith("depth") and value > tensors for name, value in sizes.items()):
            raise ValueError("more layers than tensors")
        planned = _shapes(header["sizes"], make)
    except (TypeError, ValueError, ArithmeticError, RuntimeError, AttributeError, RecursionError) as error:
        shown = header["sizes"] if len(header["sizes"]) <= 200 else header["sizes"][:200] + "…"
        raise ValueError(f"the sizes {shown} in its header make no network: {error}") from None
    return sizes, planned


@lru_cache(8)
def _shapes(sizes: str, make: Callable[..., nn.Module]) -> dict[str, tuple]:
    """The shapes of the weights that make(**sizes) has, by name, without the memory for them."""
    with torch.device("meta"), _Unfilled(shapes=True):
        return {name: tuple(value.shape) for name, value in make(**json.loads(sizes)).state_dict().items()}
