"""Scores and lyrics against cases that nobody here wrote: `python -m benchmarks.conformance [--cases DIR] [--verbose]`.

`scores` reads the files of every folder, `lyrics` the dictionaries and word lists; both return `Figure`s. What is right
is said by the folder itself (gold lists, engraved syllables, values on which other readers agree), never by this
project.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Figure:
    """One row of the table: `right` of `total` things, the share that is asked for, and what failed, one line each."""

    folder: str
    what: str
    bar: float | None = None  # percent
    right: float = 0
    total: float = 0
    failing: list[str] = field(default_factory=list)

    def count(self, right: bool, name: str = "", weight: float = 1) -> None:
        self.right += weight * bool(right)
        self.total += weight
        if not right and name:
            self.failing.append(name)

    @property
    def percent(self) -> float | None:
        return 100 * self.right / self.total if self.total else None

    @property
    def met(self) -> bool | None:
        return None if self.bar is None or self.percent is None else self.percent >= self.bar - 1e-9
