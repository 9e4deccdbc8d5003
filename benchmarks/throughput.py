"""Training: frames a second against the size of the acoustic network, and against the batch.

Batches of random conditions and latents, FRAMES frames an item, go through a training step of svs.training: loss,
gradients and AdamW, in bfloat16 where the processor multiplies it, as recipes train. Sizes are width × blocks, at --batch
items; the batch grows at the default size. Frames are latent frames, 50 to a second of song. Seconds are of the
processor, so that with --threads 1 a machine that does other work too tells the same.
"""

from __future__ import annotations

import statistics
import time
import warnings
from pathlib import Path

from benchmarks.common import parser, print_table, write_json

FRAMES = 128
SIZES = ((128, 4), (192, 6), (256, 8), (384, 8))
SHIPPED = (256, 8)
PHONEMES, SPEAKERS = [f"P{i}" for i in range(52)], [f"S{i}" for i in range(13)]


def main(arguments=None):
    options = parser(__doc__)
    options.add_argument("--batch", type=int, default=15, help="items, where sizes are compared")
    options.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8, 15, 30], help="items, at the default size")
    options.add_argument("--steps", type=int, default=3, help="of which the median counts, after one that does not")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--json", type=Path)
    options = options.parse_args(arguments)
    import torch

    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    sizes = [row(*size, options.batch, options.steps) for size in SIZES]
    batches = [row(*SHIPPED, items, options.steps) for items in options.batches]
    for rows in (sizes, batches):
        for each in rows:
            each["by the first"] = each["frames a second"] / rows[0]["frames a second"]
        print_table(list(rows[0]), [list(each.values()) for each in rows])
        print()
    write_json(options.json, {"sizes": sizes, "batches": batches})


def row(dim: int, depth: int, items: int, steps: int) -> dict:
    """Of a network of so many blocks of a width, two latent frames a token, and a batch of so many items."""
    import torch

    from svs.training import AcousticTraining

    torch.manual_seed(0)
    training = AcousticTraining(steps=1000, phonemes=PHONEMES, speakers=SPEAKERS, dim=dim, depth=depth, patch=2)
    training.weights = torch.ones(training.network.latent_dim)
    optimiser = torch.optim.AdamW(training.network.parameters(), 1e-3, fused=True)
    batch, took = _batch(items, training.network.latent_dim), []
    for _ in range(steps + 1):
        began = time.process_time()
        optimiser.zero_grad()
        training.training_step(batch, 0).backward()
        optimiser.step()
        took.append(time.process_time() - began)
    weights = sum(weight.numel() for weight in training.network.parameters())
    return {
        "width × blocks": f"{dim} × {depth}",
        "million weights": weights / 1e6,
        "items": items,
        "CPU s a step": statistics.median(took[1:]),
        "frames a second": items * FRAMES / statistics.median(took[1:]),
    }


def _batch(items: int, latent_dim: int):
    import torch

    from svs.conditioning import Conditions

    pairs = (items, FRAMES, 2)
    conditions = Conditions(
        phonemes=torch.randint(len(PHONEMES), pairs),
        neighbours=torch.randint(len(PHONEMES), pairs),
        stress=torch.randint(3, (items, FRAMES)),
        position=torch.rand(items, FRAMES, 6),
        cents=6000 + 1000 * torch.rand(pairs),
        voiced=torch.rand(pairs) > 0.2,
        speaker=torch.eye(len(SPEAKERS))[torch.randint(len(SPEAKERS), (items, 1))].expand(-1, FRAMES, -1),
        keep=torch.ones(items, FRAMES, dtype=torch.bool),
    )
    return conditions, torch.randn(items, FRAMES, latent_dim)


if __name__ == "__main__":
    main()
