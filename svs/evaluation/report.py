"""Report: an evaluation as a table, as JSON, as a page and as a picture."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence

import numpy as np

from svs.audio import Audio, write_atomically
from svs.evaluation.spectrum import magnitudes
from svs.pitch import PitchCurve
from svs.score import Note
from svs.units import cents_to_hz

PITCH_CLASSES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")

COLUMNS = (  # heading, key, format
    ("error ¢", "error_cents", "+.1f"),
    ("drift ¢", "drift_cents", "+.1f"),
    ("vibrato Hz", "vibrato_rate_hz", ".1f"),
    ("± ¢", "vibrato_extent_cents", ".0f"),
    ("onset s", "onset_error_seconds", "+.3f"),
    ("voiced", "voiced_fraction", ".0%"),
)

SUMMARY = (
    ("notes", "notes", "d"),
    ("mean |error| ¢", "mean_abs_error_cents", ".2f"),
    ("median |error| ¢", "median_abs_error_cents", ".2f"),
    ("95 % below ¢", "p95_abs_error_cents", ".2f"),
    ("within 5 ¢", "within_5_cents", ".1%"),
    ("within 25 ¢", "within_25_cents", ".1%"),
    ("voicing error", "voicing_error", ".1%"),
)


def pitch_name(cents: float) -> str:
    """The nearest equal-tempered note, and how far from it: 6900 is A4, 6920 A4+20."""
    nearest = int(np.floor(cents / 100 + 0.5))
    off = round(cents - 100 * nearest)
    return f"{PITCH_CLASSES[nearest % 12]}{nearest // 12 - 1}" + (f"{off:+d}" if off else "")


def print_report(result: Mapping, console=None) -> None:
    """Print an evaluation's notes, its summary and its verdicts with rich."""
    from rich.console import Console
    from rich.table import Table

    console = console or Console()
    table = Table(box=None, header_style="bold", padding=(0, 1))
    for heading in ("bar", "lyric", "pitch", *(heading for heading, _, _ in COLUMNS)):
        table.add_column(heading, justify="left" if heading == "lyric" else "right")
    for row in result["notes"]:
        table.add_row(*_cells(row), style=_style(row["abs_error_cents"]))
    console.print(table)
    console.print(", ".join(f"{name} {text}" for name, text in summary_line(result)), highlight=False)
    for verdict in result.get("verdicts", ()):
        console.print(f"! {verdict}", style="bold", highlight=False)


def summary_line(result: Mapping) -> list[tuple[str, str]]:
    """(name, value) of each summary figure in words."""
    return [(name, _text(result["summary"].get(key), form)) for name, key, form in SUMMARY]


def to_json(result: Mapping) -> str:
    """The evaluation as JSON with six significant decimals; never NaN."""

    def rounded(value):
        if isinstance(value, float):
            return round(value, 6)
        if isinstance(value, Mapping):
            return {key: rounded(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [rounded(item) for item in value]
        return value

    return json.dumps(rounded(result), ensure_ascii=False, indent=1, allow_nan=False)


def html_report(result: Mapping, title: str) -> str:
    """One self-contained page: summary, and a table with a bar for every note's error (full width: 50 cents)."""
    rows = []
    for row in result.get("notes", ()):
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(row))
        rows.append(f"<tr>{cells}<td class=bar>{_bar(row['error_cents'])}</td></tr>")
    heads = "".join(f"<th>{h}</th>" for h in ("bar", "lyric", "pitch", *(h for h, _, _ in COLUMNS), "flat – sharp"))
    table = f"<table><tr>{heads}</tr>\n{chr(10).join(rows)}\n</table>" if rows else ""
    if rows:
        figures = summary_line(result)
    else:
        figures = [(key.replace("_", " "), _text(value, ".4g")) for key, value in result["summary"].items()]
    summary = "".join(f"<div><b>{html.escape(value)}</b>{html.escape(name)}</div>" for name, value in figures)
    verdicts = "".join(f"<p class=verdict>{html.escape(verdict)}</p>" for verdict in result.get("verdicts", ()))
    name = html.escape(title)
    return PAGE.format(title=name, tracker=html.escape(result["tracker"]), summary=summary, verdicts=verdicts, table=table)


def plot(
    path,
    audio: Audio,
    notes: Sequence[Note],
    measured: PitchCurve,
    commanded: PitchCurve | None = None,
    title: str = "",
) -> None:
    """Write a PNG: notes as bars with the commanded and the measured contour, above a spectrogram to 8 kHz."""
    from matplotlib.figure import Figure

    width = float(np.clip(audio.seconds * 0.8, 8, 60))
    figure = Figure(figsize=(width, 7), layout="constrained")
    pitch, spectrum = figure.subplots(2, 1, sharex=True)
    for note in notes:
        pitch.barh(note.cents, note.duration, left=note.onset, height=100, color="#9ecae1", alpha=0.5, linewidth=0)
        pitch.text(note.onset, note.cents + 60, note.lyric or "–", fontsize=8, clip_on=True)
    for curve, color, width, label in ((commanded, "#222222", 1.8, "commanded"), (measured, "#d6604d", 1.0, "measured")):
        if curve is not None:
            line = np.where(curve.voiced, curve.cents, np.nan)
            pitch.plot(np.arange(len(line)) * curve.hop_seconds, line, color=color, linewidth=width, label=label)
    if notes:
        low, high = min(n.cents for n in notes), max(n.cents for n in notes)
        pitch.set_ylim(low - 350, high + 350)
        ticks = np.arange(100 * np.floor(low / 100 - 3), high + 350, 100 if high - low < 1300 else 200)
        pitch.set_yticks(ticks, [pitch_name(tick) for tick in ticks])
        pitch.grid(axis="y", alpha=0.25)
    pitch.legend(loc="upper right", fontsize=8)
    pitch.set_title(title)

    hop = round(0.005 * audio.sample_rate)
    level = 20 * np.log10(np.maximum(magnitudes(audio.samples, 1024, hop), 1e-7))
    top = min(8000, audio.sample_rate / 2)
    bins = int(top / audio.sample_rate * 1024) + 1
    extent = (0, len(level) * hop / audio.sample_rate, 0, top)
    peak = level.max()
    spectrum.imshow(
        level[:, :bins].T, origin="lower", aspect="auto", extent=extent, vmin=peak - 80, vmax=peak, cmap="magma"
    )
    if commanded is not None:
        line = np.where(commanded.voiced, cents_to_hz(commanded.cents), np.nan)
        spectrum.plot(np.arange(len(line)) * commanded.hop_seconds, line, color="white", linewidth=0.8, alpha=0.7)
    spectrum.set_xlim(0, audio.seconds)
    spectrum.set_xlabel("seconds")
    spectrum.set_ylabel("Hz")
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=110, format="png"))


def _cells(row):
    values = [_text(row[key], form) for _, key, form in COLUMNS]
    return [str(row["bar"]), row["lyric"] or "–", pitch_name(row["target_cents"]), *values]


def _text(value, form):
    return "–" if value is None else format(value, form)


def _style(abs_error):
    if abs_error is None or abs_error > 25:
        return "red"
    return "yellow" if abs_error > 10 else ""


def _bar(error):
    if error is None:
        return "not sung"
    width = min(abs(error), 50)
    side = 50 if error >= 0 else 50 - width
    kind = "far" if abs(error) > 25 else "near" if abs(error) > 10 else "good"
    return f'<i class={kind} style="left:{side:.1f}%;width:{max(width, 0.6):.1f}%"></i>'


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --line: light-dark(#ddd, #444); --soft: light-dark(#666, #aaa); }}
body {{ font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }}
.summary {{ display: flex; flex-wrap: wrap; gap: 1.5rem; margin: 1rem 0; }}
.summary div {{ color: var(--soft); }} .summary b {{ display: block; font-size: 1.4rem; color: CanvasText; }}
.verdict {{ border-left: 4px solid #d6604d; padding-left: .7rem; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .15rem .5rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }}
th:nth-child(2), td:nth-child(2) {{ text-align: left; }}
.bar {{ position: relative; width: 30%; min-width: 8rem; text-align: center; color: var(--soft);
  background: linear-gradient(var(--line), var(--line)) center/1px 100% no-repeat; }}
.bar i {{ position: absolute; top: 25%; height: 50%; background: #4393c3; }}
.bar i.near {{ background: #e08214; }} .bar i.far {{ background: #d6604d; }}
</style>
<h1>{title}</h1>
<p>Pitch tracker: {tracker}. Errors are measured − written, in cents; bars span ± 50 cents.</p>
<div class="summary">{summary}</div>
{verdicts}
{table}
</html>
"""
