"""The figures of all runs as a table in Markdown and in LaTeX, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from svs.evaluation.intervals import Interval, bootstrap, crossed_bootstrap

DRAWN = ("midpoint", 8)  # the sampler and steps that the table's draws are made with; every objective has it
HEADS = (
    "choice",
    "weights",
    "steps",
    "CPU s a step",
    "validation error",
    "difference",
    "Fréchet distance",
    "mel distance",
)


@dataclass(frozen=True)
class Entry:
    """A row of the table. mel: None without a codec."""

    name: str
    parameters: int
    steps: float
    cpu_seconds_a_step: float
    error: Interval
    difference: Interval | None
    frechet: Interval
    mel: Interval | None

    @property
    def differs(self) -> bool:
        """Whether the interval of the difference from the first row leaves out 0."""
        d = self.difference
        return d is not None and d.low is not None and d.high is not None and (d.low > 0.0 or d.high < 0.0)


def entries(results: dict[str, list[dict]]) -> list[Entry]:
    """results: row name → the results of its seeds, the first row that of the default. See `runs.Run.finish`."""
    first = _by_line([run["error"] for run in next(iter(results.values()))])
    made = []
    for number, (name, runs) in enumerate(results.items()):
        error, draws = _by_line([run["error"] for run in runs]), [_drawn(run) for run in runs]
        paired = number > 0 and error.shape == first.shape
        made.append(
            Entry(
                name,
                runs[0]["parameters"],
                float(np.mean([run["steps"] for run in runs])),
                float(np.mean([run["cpu_seconds_a_step"] for run in runs])),
                crossed_bootstrap(error),
                crossed_bootstrap(error - first) if paired else None,
                bootstrap([draw["frechet"] for draw in draws]),
                crossed_bootstrap(_by_line([draw["mel"] for draw in draws])) if "mel" in draws[0] else None,
            )
        )
    return made


def _by_line(measured: Sequence[dict[str, float]]) -> np.ndarray:
    """(seeds, lines), the lines in one order."""
    return np.array([[figures[line] for line in sorted(figures)] for figures in measured])


def _drawn(run: dict) -> dict:
    (draw,) = (draw for draw in run["draws"] if (draw["sampler"], draw["steps"]) == DRAWN)
    return draw


def _cells(entry: Entry) -> list[str]:
    return [
        entry.name,
        f"{entry.parameters / 1e6:.2f} M",
        f"{entry.steps:.0f}",
        f"{entry.cpu_seconds_a_step:.3f}",
        _written(entry.error),
        _written(entry.difference, sign="+"),
        _written(entry.frechet),
        _written(entry.mel),
    ]


def _written(interval: Interval | None, sign: str = "") -> str:
    if interval is None:
        return "–"
    if interval.low is None:
        return f"{interval.mean:{sign}.3f}"
    return f"{interval.mean:{sign}.3f} [{interval.low:{sign}.3f}, {interval.high:{sign}.3f}]"


def note(results: dict[str, list[dict]], corpus: str) -> str:
    """What the figures are, in a few sentences."""
    runs = next(iter(results.values()))
    budget, lines, few = runs[0]["budget"], len(runs[0]["error"]), len(runs) < 10
    limit = f"{budget['steps']} batches" if budget["steps"] else f"{budget['minutes']:g} minutes of one machine"
    return (
        f"Corpus {corpus}; each choice trained for {limit}, seeds: {len(runs)}, and measured on lines that were held "
        f"out: {lines}. "
        "Validation error: mean squared error of the clean latents that an answer amounts to, over five ratios of data "
        "to noise, weighted by the latents' importance. Difference: from the first row, paired by seed and line; "
        "bold where its interval leaves out 0. Fréchet and mel distance: of latents drawn by "
        f"{DRAWN[0]} in {DRAWN[1]} steps from those held out, the latter in nepers through the codec. "
        "In brackets 95 % bootstrap intervals over seeds and lines (of the Fréchet distance: over seeds)"
        + ("; of so few seeds they are too narrow." if few else ".")
    )


def markdown(results: dict[str, list[dict]], corpus: str) -> str:
    """The table with its note."""
    lines = ["| " + " | ".join(HEADS) + " |", "|---" + "|---:" * (len(HEADS) - 1) + "|"]
    for entry in entries(results):
        cells = _cells(entry)
        if entry.differs:
            cells[5] = f"**{cells[5]}**"
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + f"\n\n{note(results, corpus)}\n"


def latex(results: dict[str, list[dict]], corpus: str) -> str:
    """The same as a table environment; it wants the package booktabs."""
    lines = [r"\begin{table*}", r"\centering\small", r"\begin{tabular}{l" + "r" * (len(HEADS) - 1) + "}", r"\toprule"]
    lines += [" & ".join(map(_escaped, HEADS)) + r" \\", r"\midrule"]
    for entry in entries(results):
        cells = list(map(_escaped, _cells(entry)))
        if entry.differs:
            cells[5] = rf"\textbf{{{cells[5]}}}"
        lines.append(" & ".join(cells) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}", rf"\caption{{{_escaped(note(results, corpus))}}}"]
    return "\n".join([*lines, r"\label{tab:choices}", r"\end{table*}", ""])


def _escaped(text: str) -> str:
    """Text as LaTeX prints it."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "é": r"\'e"}
    special |= {character: "\\" + character for character in "&%$#_{}"}
    return "".join(special.get(character, character) for character in text)
