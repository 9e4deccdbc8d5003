"""Training by many processes as by one: each has its share of one big batch, and of the random numbers drawn for it.

Of `count` processes with batches of n items, process r takes the items r × n to (r + 1) × n of the batch that one
process with batches of count × n would see. Outside of distributed training there is one process, and nothing here has
an effect.
"""

from __future__ import annotations

from functools import partial, wraps

import torch
from torch import Tensor, distributed
from torch.overrides import TorchFunctionMode


def process() -> tuple[int, int]:
    """(rank, number of processes) of the training that this process takes part in; (0, 1) when it is alone."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def mean_over_processes(value: Tensor) -> Tensor:
    """The mean of a tensor over all processes, without gradient.

    A loss that is a sum over items divided by what counts in the batch is divided by this mean instead, so that the
    mean of the processes' losses is the loss of the big batch.
    """
    _, count = process()
    if count == 1:
        return value
    total = value.detach().clone()
    distributed.all_reduce(total)
    return total / count


def as_one_batch(step):
    """Decorates a training step: what it draws for its items are the rows that the big batch's draw has for them."""

    @wraps(step)
    def shared(self, batch, batch_idx):
        rank, count = process()
        if count == 1:
            return step(self, batch, batch_idx)
        with SharedDraws(_items(batch), rank, count):
            return step(self, batch, batch_idx)

    return shared


def _items(batch) -> int:
    return len(next(iter(batch.values())) if isinstance(batch, dict) else batch[-1])


class SharedDraws(TorchFunctionMode):
    """Random tensors of as many rows as the batch has items are drawn for all processes, and this one's rows returned.

    All processes begin a step with the same seed and so draw the same; networks and losses need not know of it.
    """

    LIKE = {torch.rand_like: torch.rand, torch.randn_like: torch.randn}

    def __init__(self, items: int, rank: int, count: int):
        super().__init__()
        self.items, self.rank, self.count = items, rank, count

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if function in self.LIKE:
            like = args[0] if args else kwargs.pop("input")
            kwargs = {"dtype": like.dtype, "device": like.device, **kwargs}
            return self._rows(self.LIKE[function], tuple(like.shape), kwargs)
        if function is torch.randint:
            *bounds, size = args if "size" not in kwargs else (*args, kwargs.pop("size"))
            return self._rows(partial(torch.randint, *bounds), tuple(size), kwargs)
        if function in self.LIKE.values():
            size = kwargs.pop("size", args[0] if args and not isinstance(args[0], int) else args)
            return self._rows(function, tuple(size), kwargs)
        return function(*args, **kwargs)

    def _rows(self, draw, shape: tuple[int, ...], options: dict) -> Tensor:
        if not shape or shape[0] != self.items:
            return draw(shape, **options)
        whole = draw((self.count * self.items, *shape[1:]), **options)
        return whole[self.rank * self.items : (self.rank + 1) * self.items]
