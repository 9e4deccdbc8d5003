"""Report: an evaluation as a table, as JSON and as a picture for a paper."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from svs.audio import Audio, AudioFile, write_atomically
from svs.evaluation.pitch import note_errors
from svs.evaluation.spectrum import spectrogram_db
from svs.pitch import PitchCurve
from svs.score import Note
from svs.units import cents_to_hz, pitch_name

COLUMNS = (  # heading, key, format
    ("error ¢", "error_cents", "+.1f"),
    ("drift ¢", "drift_cents", "+.1f"),
    ("vibrato Hz", "vibrato_rate_hz", ".1f"),
    ("± ¢", "vibrato_extent_cents", ".0f"),
    ("onset s", "onset_error_seconds", "+.3f"),
    ("voiced", "voiced_fraction", ".0%"),
)

QUIETEST_PEAK_DB = -60.0  # below full scale: silence is drawn as silence, however its noise is made

SUMMARY = (
    ("notes", "notes", "d"),
    ("mean |error| ¢", "mean_abs_error_cents", ".2f"),
    ("median |error| ¢", "median_abs_error_cents", ".2f"),
    ("95 % below ¢", "p95_abs_error_cents", ".2f"),
    ("within 5 ¢", "within_5_cents", ".1%"),
    ("within 25 ¢", "within_25_cents", ".1%"),
    ("voicing error", "voicing_error", ".1%"),
)

COMPARISON = (
    ("RPA 50 ¢", "raw_pitch_accuracy_50_cents", ".1%"),
    ("RPA 10 ¢", "raw_pitch_accuracy_10_cents", ".1%"),
    ("F0 MAE ¢", "f0_mae_cents", ".1f"),
    ("F0 RMSE ¢", "f0_rmse_cents", ".1f"),
    ("voicing recall", "voicing_recall", ".1%"),
    ("log-F0 RMSE", "log_f0_rmse", ".3f"),
    ("semitone accuracy", "semitone_accuracy", ".1%"),
    ("MCD dB", "mel_cepstral_distortion_db", ".2f"),
    ("STOI", "stoi", ".3f"),
    ("PESQ", "pesq_wb", ".2f"),
)


def print_report(result: Mapping, console=None) -> None:
    """Print an evaluation's notes, its summary and its verdicts with rich."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = console or Console()
    table = Table(box=None, header_style="bold", padding=(0, 1))
    for heading in ("bar", "lyric", "pitch", *(heading for heading, _, _ in COLUMNS)):
        table.add_column(heading, justify="left" if heading == "lyric" else "right")
    for row in result["notes"]:
        table.add_row(*map(escape, cells(row)), style=_style(row["abs_error_cents"]))
    console.print(table)
    console.print(", ".join(f"{name} {text}" for name, text in summary_line(result)), highlight=False)
    console.print(aligned(result), highlight=False)
    for key in ("word_error_rate", "phone_error_rate"):
        if key in result["summary"]:
            console.print(f"{key.replace('_', ' ')} {result['summary'][key]:.1%}", highlight=False)
    _print_trackers(result, console, "mean_abs_error_cents", "median_abs_error_cents", "within_25_cents", "unsung")
    for verdict in result.get("verdicts", ()):
        console.print(f"! {verdict}", style="bold", highlight=False)


def summary_line(result: Mapping) -> list[tuple[str, str]]:
    """(name, value) of each summary figure in words."""
    return [(name, _text(result["summary"].get(key), form)) for name, key, form in SUMMARY]


def aligned(result: Mapping) -> str:
    """How the notes were found, the line's own tuning and the tracker, in one sentence."""
    alignment, tuning = result.get("alignment", {}), result["summary"].get("tuning_offset_cents")
    method = {
        "time": "notes at the score's own time",
        "dtw": f"notes found by dynamic time warping, at {alignment.get('tempo', 1):.2f} × the score's durations",
    }.get(alignment.get("method"), "contours compared in step")
    tuned = "" if tuning is None else f", tuning offset {tuning:+.1f} ¢"
    return f"{method}{tuned}, tracker {result['tracker']}"


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


def print_comparison(result: Mapping, console=None) -> None:
    """Print an evaluation against a reference: a line a figure, then what each tracker says where there are several."""
    from rich.console import Console

    console = console or Console()
    for name, value in result["summary"].items():
        if not isinstance(value, Mapping | list | tuple):
            console.print(f"{name.replace('_', ' ')}: {value if isinstance(value, str) else _text(value, '.4g')}",
                          highlight=False, markup=False)  # fmt: skip
    _print_trackers(result, console, "raw_pitch_accuracy", "f0_mae_cents", "voicing_recall", "voicing_false_alarm")


def print_songs(results: Mapping[str, Mapping], console=None) -> None:
    """Print one line a song, the means over songs with their 95 % intervals, and every song's verdicts."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = console or Console()
    songs = {name: result for name, result in results.items() if "error" not in result}
    shown = song_columns(list(songs.values()))
    table = Table(box=None, header_style="bold", padding=(0, 1))
    table.add_column("song")
    for name, _, _ in shown:
        table.add_column(name, justify="right")
    for name, result in songs.items():
        table.add_row(escape(name), *(_text(result["summary"].get(key), form) for _, key, form in shown))
    mean, interval, fewer = song_means(songs)
    table.add_row(*mean, style="bold")
    table.add_row(*interval)
    console.print(table)
    if fewer:
        console.print(fewer, highlight=False)
    for name, result in songs.items():
        for verdict in result.get("verdicts", ()):
            console.print(f"! {name}: {verdict}", style="bold", highlight=False, markup=False)


def song_means(songs: Mapping[str, Mapping]) -> tuple[list[str], list[str], str]:
    """(row of means, row of 95 % intervals, which means leave songs out) below the columns of song_columns."""
    from svs.evaluation.songs import summarise_songs

    found = summarise_songs(songs)["all"]
    mean, interval = ["mean"], ["95 % interval"]
    left_out: dict[int, list[str]] = {}
    for name, key, form in song_columns(list(songs.values())):
        plain, each = ".1f" if form == "d" else form, found.get(key, {"mean": None, "low": None, "count": 0})
        mean.append(_text(each["mean"], plain))
        interval.append("–" if each["low"] is None else f"{_text(each['low'], plain)} … {_text(each['high'], plain)}")
        if each["count"] < len(songs):
            left_out.setdefault(each["count"], []).append(name)
    few = "; ".join(f"{', '.join(names)}: over {count} of {len(songs)} songs" for count, names in left_out.items())
    return mean, interval, few


def song_columns(results: Sequence[Mapping]) -> list[tuple[str, str, str]]:
    """(heading, key, format) of the figures that tables of songs show: SUMMARY of notes, COMPARISON of recordings."""
    columns = SUMMARY if any(result.get("notes") for result in results) else COMPARISON
    return [column for column in columns if any(result["summary"].get(column[1]) is not None for result in results)]


def _print_trackers(result, console, *keys):
    from rich.table import Table

    if "trackers" not in result:
        return
    table = Table(box=None, header_style="bold", padding=(0, 1))
    for heading in ("tracker", *(key.replace("_", " ") for key in keys)):
        table.add_column(heading, justify="left" if heading == "tracker" else "right")
    for name, figures in result["trackers"].items():
        if "missing" in figures:
            table.add_row(name, figures["missing"])
        else:
            table.add_row(name, *(_text(figures.get(key), ".3g") for key in keys))
    console.print(table)
    disagreement = result["disagreement"]
    if disagreement.get("notes_median_cents") is not None:
        console.print(
            f"trackers disagree by ± {disagreement['notes_median_cents']:.2f} ¢ on half the notes, "
            f"± {disagreement['notes_p95_cents']:.1f} ¢ on 5 %: finer claims rest on the tracker",
            highlight=False,
        )
    pairs = ", ".join(f"{pair} {_text(cents, '.1f')}" for pair, cents in disagreement["frames"].items())
    console.print(f"median frame difference in cents: {pairs}", highlight=False, markup=False)


def plot(
    path,
    audio: Audio | AudioFile,
    notes: Sequence[Note],
    measured: PitchCurve,
    commanded: PitchCurve | None = None,
    title: str = "",
) -> None:
    """Write a PNG: notes as bars with the commanded and the measured contour, above a spectrogram to 8 kHz.

    Each note's dot is its measured pitch, its whiskers spread_cents of note_errors, vibrato and all.
    """
    from matplotlib.figure import Figure

    width = float(np.clip(audio.seconds * 0.8, 8, 60))
    figure = Figure(figsize=(width, 7), layout="constrained")
    pitch, spectrum = figure.subplots(2, 1, sharex=True)
    rows = iter(note_errors(notes, measured))
    for note in notes:
        pitch.barh(note.cents, note.duration, left=note.onset, height=100, color="#9ecae1", alpha=0.5, linewidth=0)
        pitch.text(note.onset, note.cents + 60, note.lyric or "–", fontsize=8, clip_on=True)
        row = next(rows, None)
        if row and row["error_cents"] is not None and row["spread_cents"] is not None:
            pitch.errorbar(
                note.onset + note.duration / 2, row["target_cents"] + row["error_cents"], yerr=row["spread_cents"],
                fmt="o", markersize=3, color="#b2182b", capsize=2, linewidth=1,
            )  # fmt: skip
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

    level, column_seconds, top = spectrogram_db(audio, 12_000)
    peak = max(level.max(), QUIETEST_PEAK_DB)
    extent = (0, len(level) * column_seconds, 0, top)
    spectrum.imshow(level.T, origin="lower", aspect="auto", extent=extent, vmin=peak - 80, vmax=peak, cmap="magma")
    if commanded is not None:
        line = np.where(commanded.voiced, cents_to_hz(commanded.cents), np.nan)
        spectrum.plot(np.arange(len(line)) * commanded.hop_seconds, line, color="white", linewidth=0.8, alpha=0.7)
    spectrum.set_xlim(0, audio.seconds)
    spectrum.set_xlabel("seconds")
    spectrum.set_ylabel("Hz")
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=110, format="png"))


def cells(row: Mapping) -> list[str]:
    """A note's row in words: bar, lyric, pitch and COLUMNS."""
    values = [_text(row[key], form) for _, key, form in COLUMNS]
    return [str(row["bar"]), row["lyric"] or "–", pitch_name(row["target_cents"]), *values]


def _text(value, form):
    return "–" if value is None else format(value, form)


def _style(abs_error):
    if abs_error is None or abs_error > 25:
        return "red"
    return "yellow" if abs_error > 10 else ""
