"""The figures of all runs as tables in Markdown and in LaTeX, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks import codecs
from benchmarks.common import cell, mean
from benchmarks.compare.measures import DRAWN
from svs.audio import write_text
from svs.evaluation.intervals import Interval, bootstrap, crossed_bootstrap

LEARNED = ("choice", "weights", "steps", "CPU s a step", "validation error", "difference", "Fréchet distance")
HEARD = ("choice", "mel distance", "FAD", "STOI", "PESQ", "same singer", "RTF of drawing")
BY_LINE = ("stoi", "pesq", "singer")


@dataclass(frozen=True)
class Table:
    """cells: a list of texts for each row. strong: (row, column) of cells in bold. label: for LaTeX's references."""

    label: str
    heads: Sequence[str]
    cells: Sequence[Sequence[str]]
    note: str
    strong: frozenset[tuple[int, int]] = field(default_factory=frozenset)

    def markdown(self) -> str:
        """The table with its note."""
        lines = ["| " + " | ".join(self.heads) + " |", "|---" + "|---:" * (len(self.heads) - 1) + "|"]
        for row in self._marked("**{}**", lambda text: text.replace("|", "\\|")):
            lines.append("| " + " | ".join(row) + " |")
        return "\n".join(lines) + f"\n\n{self.note}\n"

    def latex(self) -> str:
        """The same as a table environment; it wants the package booktabs."""
        columns = "l" + "r" * (len(self.heads) - 1)
        lines = [r"\begin{table*}", r"\centering\small", rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
        lines += [" & ".join(map(_escaped, self.heads)) + r" \\", r"\midrule"]
        lines += [" & ".join(row) + r" \\" for row in self._marked(r"\textbf{{{}}}", _escaped)]
        lines += [r"\bottomrule", r"\end{tabular}", rf"\caption{{{_escaped(self.note)}}}"]
        return "\n".join([*lines, rf"\label{{tab:{self.label}}}", r"\end{table*}", ""])

    def _marked(self, bold: str, escaped) -> list[list[str]]:
        return [
            [
                bold.format(escaped(text)) if (number, column) in self.strong else escaped(text)
                for column, text in enumerate(row)
            ]
            for number, row in enumerate(self.cells)
        ]


def write(tables: Sequence[Table], out: Path) -> None:
    """Write out/table.md and out/table.tex."""
    write_text(out / "table.md", "\n".join(table.markdown() for table in tables))
    write_text(out / "table.tex", "\n".join(table.latex() for table in tables))


def learned(results: Mapping[str, Sequence[Mapping]], corpus: str, missing: Mapping[str, str]) -> Table:
    """What the networks know of held-out latents.

    results: row name → the results of its seeds, the first row that of the default (see `runs.Run.finish`).
    missing: row name → why it was not trained.
    """
    first = _by_line([run["error"] for run in next(iter(results.values()))])
    cells, strong = [], set()
    for number, (name, runs) in enumerate(results.items()):
        error = _by_line([run["error"] for run in runs])
        difference = crossed_bootstrap(error - first) if number > 0 and error.shape == first.shape else None
        if difference is not None and difference.low is not None and (difference.low > 0.0 or difference.high < 0.0):
            strong.add((number, LEARNED.index("difference")))
        cells.append(
            [
                name,
                f"{runs[0]['parameters'] / 1e6:.2f} M",
                f"{np.mean([run['steps'] for run in runs]):.0f}",
                f"{np.mean([run['cpu_seconds_a_step'] for run in runs]):.3f}",
                _written(crossed_bootstrap(error)),
                _written(difference, sign="+"),
                _written(bootstrap([_drawn(run)["frechet"] for run in runs])),
            ]
        )
    return Table("choices", LEARNED, cells, _about(results, corpus, missing), frozenset(strong))


def sounding(results: Mapping[str, Sequence[Mapping]]) -> Table:
    """What the codec makes of drawn latents, beside what it makes of the held-out ones. All runs have `heard`."""
    cells = []
    for name, runs in results.items():
        heard = [run["heard"] for run in runs]
        means = [mean([value for each in heard for value in each[figure].values()]) for figure in BY_LINE]
        cells.append(
            [
                name,
                _written(crossed_bootstrap(_by_line([each["mel"] for each in heard]))),
                cell(mean([each["fad"] for each in heard])),
                *map(cell, means),
                cell(mean([_drawn(run)["cost"] for run in runs])),
            ]
        )
    embedding = next(iter(results.values()))[0]["heard"]["fad_embedding"]
    note = (
        f"Latents drawn by {DRAWN[0]} in {DRAWN[1]} steps and decoded, beside the held-out lines' own latents decoded: "
        "mel distance in nepers; Fréchet audio distance of all lines together, by the embedding "
        f"{embedding}; STOI and PESQ, made for speech; cosine of the speaker embeddings of both (resemblyzer). "
        "– where a package is missing. RTF: processor seconds of drawing for a second of sound, on one thread."
    )
    return Table("heard", HEARD, cells, note)


def copied(found: Mapping[str, Mapping], missing: Mapping[str, str]) -> Table:
    """What codecs' copies of the held-out lines have lost. Arguments: what benchmarks.codecs.survey returns."""
    embedding = next((result["fad_embedding"] for result in found.values()), "none")
    note = (
        "Copies of the held-out clips by codecs, of which but source-filter took no part in the tables above. Columns "
        f"as of python -m benchmarks.codecs; FAD by the embedding {embedding}.{_left_out(missing, 'measured')}"
    )
    return Table("codecs", codecs.HEADINGS, [list(map(cell, row)) for row in codecs.cells(found)], note)


def _by_line(measured: Sequence[Mapping[str, float]]) -> np.ndarray:
    """(seeds, lines), the lines in one order."""
    return np.array([[figures[line] for line in sorted(figures)] for figures in measured])



def _drawn(run: Mapping) -> dict:
    (draw,) = (draw for draw in run["draws"] if (draw["sampler"], draw["steps"]) == DRAWN)
    return draw


def _written(interval: Interval | None, sign: str = "") -> str:
    if interval is None:
        return "–"
    if interval.low is None:
        return f"{interval.mean:{sign}.3f}"
    return f"{interval.mean:{sign}.3f} [{interval.low:{sign}.3f}, {interval.high:{sign}.3f}]"


def _about(results: Mapping[str, Sequence[Mapping]], corpus: str, missing: Mapping[str, str]) -> str:
    """What the figures are, in a few sentences."""
    runs = next(iter(results.values()))
    budget, lines, few = runs[0]["budget"], len(runs[0]["error"]), len(runs) < 10
    limit = f"{budget['steps']} batches" if budget["steps"] else f"{budget['minutes']:g} minutes of one machine"
    return (
        f"Corpus {corpus}; each choice trained for {limit}, seeds: {len(runs)}, and measured on lines that were held "
        f"out: {lines}. "
        "Validation error: mean squared error of the clean latents that an answer amounts to, over five ratios of data "
        "to noise, weighted by the latents' importance. Difference: from the first row, paired by seed and line; "
        f"bold where its interval leaves out 0. Fréchet distance: of latents drawn by {DRAWN[0]} in {DRAWN[1]} steps "
        "from those held out. In brackets 95 % bootstrap intervals over seeds and lines (of the Fréchet distance: over "
        "seeds)" + ("; of so few seeds they are too narrow." if few else ".") + _left_out(missing, "trained")
    )


def _left_out(missing: Mapping[str, str], what: str) -> str:
    return "".join(f" Not {what}: {name} ({why})." for name, why in missing.items())


def _escaped(text: str) -> str:
    """Text as LaTeX prints it."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "é": r"\'e"}
    special |= {character: "\\" + character for character in "&%$#_{}"}
    return "".join(special.get(character, character) for character in text)
