"""Figures of a comparison: validation error by step, and the quality of draws against the cost of drawing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.compare.choices import Row
from svs.audio import write_atomically
from svs.samplers import evaluations

FORMATS = ("png", "pdf")
DRAWN_PANEL = "objective"  # whose rows are drawn with every sampler


def curves(rows: list[Row], results: dict[str, list[dict]], out: Path) -> None:
    """out/curves.png and .pdf: mean validation error by step, its range over the seeds; a panel a kind of choice."""
    rows = [row for row in rows if row.like is None]  # guidance is no matter of training
    panels = list(dict.fromkeys(row.panel for row in rows[1:])) or [None]
    figure, axes = _panels(len(panels))
    for panel, axis in zip(panels, axes, strict=True):
        for row in (rows[0], *(row for row in rows[1:] if row.panel == panel)):
            steps, errors = together([run["curve"] for run in results[row.name]])
            (line,) = axis.plot(steps, errors.mean(axis=0), label=row.name)
            axis.fill_between(steps, errors.min(axis=0), errors.max(axis=0), color=line.get_color(), alpha=0.2, lw=0)
        axis.set(title=panel or "", xlabel="batches")
        axis.set_yscale("log")
        axis.legend(fontsize=7)
    axes[0].set_ylabel("validation error of the clean latents")
    _save(figure, out / "curves")


def together(curves: list[list[tuple[int, float]]]) -> tuple[np.ndarray, np.ndarray]:
    """Curves of (step, error) at the same shares of their runs, whose lengths differ where the budget is in minutes.

    Returns the mean steps (points,) and the errors (runs, points).
    """
    runs = [np.array(curve, float) for curve in curves]
    shares = runs[0][:, 0] / runs[0][-1, 0]
    steps = np.stack([shares * run[-1, 0] for run in runs])
    return steps.mean(axis=0), np.stack(
        [np.interp(at, run[:, 0], run[:, 1]) for at, run in zip(steps, runs, strict=True)]
    )


def draws(rows: list[Row], results: dict[str, list[dict]], out: Path) -> None:
    """out/steps.png and .pdf: Fréchet distance of draws against evaluations of the network, by objective and sampler.

    Drawn for the first row of each objective that is like the default in all else.
    """
    shown = {row.objective: row for row in reversed(rows) if row is rows[0] or row.panel == DRAWN_PANEL}
    figure, axes = _panels(len(shown))
    for (objective, row), axis in zip(sorted(shown.items(), key=lambda item: rows.index(item[1])), axes, strict=True):
        runs = results[row.name]
        for sampler in dict.fromkeys(draw["sampler"] for draw in runs[0]["draws"]):
            steps = [draw["steps"] for draw in runs[0]["draws"] if draw["sampler"] == sampler]
            values = np.array([[d["frechet"] for d in run["draws"] if d["sampler"] == sampler] for run in runs])
            asked = [evaluations(sampler, number) for number in steps]
            (line,) = axis.plot(asked, values.mean(axis=0), marker="o", markersize=3, label=sampler)
            axis.fill_between(asked, values.min(axis=0), values.max(axis=0), color=line.get_color(), alpha=0.2, lw=0)
        axis.set(title=f"{objective} prediction", xlabel="evaluations of the network")
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.legend(fontsize=7)
    axes[0].set_ylabel("Fréchet distance of drawn latents")
    _save(figure, out / "steps")


def _panels(count: int):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, count, figsize=(0.6 + 3.2 * count, 3.2), sharey=True, squeeze=False)
    return figure, list(axes[0])


def _save(figure, path: Path, formats: Iterable[str] = FORMATS) -> None:
    from matplotlib import pyplot

    figure.tight_layout()
    for kind in formats:
        write_atomically(
            path.with_suffix(f".{kind}"), lambda temporary, kind=kind: figure.savefig(temporary, format=kind, dpi=150)
        )
    pyplot.close(figure)
