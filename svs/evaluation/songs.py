"""Songs: the evaluations of many files at once, with means and intervals over songs, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict

from svs.evaluation.intervals import bootstrap


def summarise_songs(results: Mapping[str, Mapping]) -> dict:
    """{"songs": {name: evaluation}, "all": {figure: {"mean", "low", "high", "count"}}, "failed": {name: reason}}.

    A result {"error": reason} is a song that could not be evaluated. Every number in the summaries has a mean over songs
    and its bootstrap 95 % interval; a song counts once, however many notes it has.
    """
    songs = {name: result for name, result in results.items() if "error" not in result}
    keys = dict.fromkeys(key for result in songs.values() for key, _ in numbers(result["summary"]))
    means = {key: bootstrap([result["summary"].get(key) for result in songs.values()]) for key in keys}
    return {
        "songs": songs,
        "all": {key: asdict(interval) for key, interval in means.items() if interval is not None},
        "failed": {name: result["error"] for name, result in results.items() if "error" in result},
    }


def numbers(summary: Mapping) -> list[tuple[str, float | None]]:
    """The summary's figures that can be averaged; None where a song has none."""
    return [(k, v) for k, v in summary.items() if v is None or (isinstance(v, int | float) and not isinstance(v, bool))]


def songs_csv(results: Mapping[str, Mapping]) -> str:
    """One row a song, one column a figure of the summary, with the alignment, the verdicts and any error."""
    songs = [result for result in results.values() if "error" not in result]
    keys = list(dict.fromkeys(key for result in songs for key in result["summary"]))
    rows = []
    for name, result in results.items():
        summary = result.get("summary", {})
        others = [
            result.get("tracker", ""),
            result.get("alignment", {}).get("method", ""),
            "; ".join(result.get("verdicts", ())),
            result.get("error", ""),
        ]
        rows.append([name, *(_cell(summary.get(key)) for key in keys), *others])
    return _csv(["song", *keys, "tracker", "alignment", "verdicts", "error"], rows)


def notes_csv(results: Mapping[str, Mapping]) -> str:
    """One row a note of every song, with the keys of note_errors."""
    rows: list[list] = []
    keys: list[str] = []
    for name, result in results.items():
        for number, note in enumerate(result.get("notes", ()), 1):
            keys = keys or list(note)
            rows.append([name, number, *(_cell(note[key]) for key in keys)])
    return _csv(["song", "note", *keys], rows)


def _csv(headings, rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([headings, *rows])
    return text.getvalue()


def _cell(value):
    return "" if value is None else f"{round(value, 6) + 0.0:.6g}" if isinstance(value, float) else value
