"""Attention of each frame to the whole line at a cost that grows linearly with it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from svs.attention.common import Attention


class LinearAttention(Attention):
    """Softmax replaced by a product of positive features, summed over the line once (Katharopoulos et al. 2020).

    Rotations go to the features of the numerator alone, which keeps the denominator positive (Su et al. 2021).
    """

    def attend(self, q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
        q, k = F.elu(q) + 1.0, (F.elu(k) + 1.0) * keep[..., None, None]
        with torch.autocast(v.device.type, enabled=False):  # sums over a whole line want more than 8 bits
            gathered = torch.einsum("bfhd,bfhe->bhde", self.rotated(k), v.float())
            above = torch.einsum("bfhd,bhde->bfhe", self.rotated(q), gathered)
            below = torch.einsum("bfhd,bhd->bfh", q, k.sum(dim=1))
        return (above / below.clamp(min=1e-6)[..., None]).to(v.dtype)
