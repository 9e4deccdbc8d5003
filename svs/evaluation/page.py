"""Page: an evaluation as one self-contained HTML page, to look at, listen to and hand on.

On top the table of songs, then the song: player, piano roll with the commanded and the measured contour, a lane with
every note's error, spectrogram, histogram of errors, table of notes. Everything is inside the file; light and dark follow
the reader's setting.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from svs.audio import Audio, AudioFile
from svs.evaluation.report import COLUMNS, QUIETEST_PEAK_DB, aligned, cells, song_columns, song_means, summary_line
from svs.evaluation.spectrum import spectrogram_db
from svs.pitch import PitchCurve
from svs.units import pitch_name

PIXELS_PER_SECOND = 90.0
WIDEST = 16_000  # pixels; a longer song is drawn narrower
SEMITONE = 16  # pixels
LANE = 120  # pixels for ± LANE_CENTS
LANE_CENTS = 60.0
SPECTRUM = 180
LEFT = 52  # pixels of the axis
PLAYED_SECONDS = 900.0  # longer sound is not put into the page
HISTOGRAM_CENTS = 50
HISTOGRAM_STEP = 5


@dataclass(frozen=True)
class View:
    """What a page shows of a song: its name, its evaluation, sound, measured and commanded (or reference) contour."""

    name: str
    result: Mapping
    audio: Audio | AudioFile
    measured: PitchCurve
    commanded: PitchCurve | None = None


def song_page(view: View, songs: Sequence[View] = (), links: Mapping[str, str] | None = None) -> str:
    """The page of one song; songs: all songs of the table on top (this one alone when empty), links: their pages."""
    rows = view.result.get("notes", ())
    verdicts = "".join(f"<p class=verdict>{html.escape(verdict)}</p>" for verdict in view.result.get("verdicts", ()))
    against = f" Compared with {html.escape(str(view.result['reference']))}." if "reference" in view.result else ""
    return PAGE.format(
        title=html.escape(view.name),
        songs=_songs_table(songs or (view,), links or {}, view.name),
        about=html.escape(aligned(view.result)).capitalize() + "." + (against or " Errors are measured − written, in cents."),
        figures=_figures(view.result),
        verdicts=verdicts,
        player=_player(view.audio),
        roll=_roll(view),
        histogram=_histogram(rows) if rows else "",
        trackers=_trackers(view.result),
        notes=_notes_table(rows) if rows else "",
    )


def index_page(songs: Sequence[View], links: Mapping[str, str], failed: Mapping[str, str] | None = None) -> str:
    """The table of songs alone, each linked to its page, their means with 95 % intervals, and the songs that failed."""
    rows = song_means({song.name: song.result for song in songs}) if len(songs) > 1 else ((), (), "")
    below = "".join(
        f"<tr class={kind}>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"
        for kind, row in zip(("here", "soft"), rows, strict=False)
        if row
    )
    remarks = f"<p class=soft>{html.escape(rows[2])}</p>" if rows[2] else ""
    for name, reason in (failed or {}).items():
        remarks += f"<p class=verdict>{html.escape(name)} was not evaluated: {html.escape(reason)}</p>"
    return INDEX.format(count=len(songs), songs=_songs_table(songs, links, None, below), remarks=remarks)


def _songs_table(songs, links, here, below=""):
    columns = song_columns([song.result for song in songs])
    lines = []
    for song in songs:
        name = html.escape(song.name)
        if song.name in links and song.name != here:
            name = f'<a href="{html.escape(links[song.name])}">{name}</a>'
        figures = "".join(f"<td>{_value(song.result['summary'].get(key), form)}</td>" for _, key, form in columns)
        remark = html.escape("; ".join(song.result.get("verdicts", ())))
        beneath = f"<div class=remark>{remark}</div>" if remark else ""
        mark = " class=here" if song.name == here and len(songs) > 1 else ""
        lines.append(f"<tr{mark}><td>{name}{beneath}</td>{figures}</tr>")
    heads = "".join(f"<th>{html.escape(name)}</th>" for name, _, _ in columns)
    return f"<div class=scroll><table class=songs><tr><th>song</th>{heads}</tr>{''.join(lines)}{below}</table></div>"


FURTHER = (  # figures that not every evaluation has
    ("tuning_offset_cents", "tuning offset ¢", "+.2f"),
    ("mean_abs_error_in_tuning_cents", "mean |error| ¢ in that tuning", ".2f"),
    ("word_error_rate", "word error rate", ".1%"),
    ("phone_error_rate", "phone error rate", ".1%"),
    ("fad", "Fréchet audio distance", ".2f"),
)


def _figures(result):
    if result.get("notes"):
        shown = summary_line(result)
        shown += [(name, _value(result["summary"][key], form)) for key, name, form in FURTHER if key in result["summary"]]
    else:
        plain = ((k, v) for k, v in result["summary"].items() if v is None or isinstance(v, int | float))
        shown = [(key.replace("_", " "), _value(value, ".3g")) for key, value in plain]
    return "".join(f"<div><b>{html.escape(text)}</b>{html.escape(name)}</div>" for name, text in shown)


def _player(audio):
    if audio.seconds > PLAYED_SECONDS:
        return f"<p class=soft>{audio.seconds / 60:.0f} minutes of sound are too long to put into a page.</p>"
    return f'<audio id=player controls preload=auto src="data:audio/flac;base64,{flac_base64(audio)}"></audio>'


def flac_base64(audio: Audio | AudioFile) -> str:
    """The sound as 16-bit FLAC in base64, for a page to carry."""
    import soundfile

    whole = audio.piece(0, audio.length) if isinstance(audio, AudioFile) else audio
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(whole.samples, -1, 1), whole.sample_rate, format="FLAC", subtype="PCM_16")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _roll(view):
    """Piano roll, lane of errors and spectrogram on one time axis, in a box that scrolls sideways."""
    rows, audio = view.result.get("notes", ()), view.audio
    scale = min(PIXELS_PER_SECOND, WIDEST / max(audio.seconds, 1e-9))
    width = max(300, round(audio.seconds * scale))
    low, high = _range(rows, view.measured)
    height = round((high - low) / 100 * SEMITONE)

    def y(cents):
        return (high - cents) / 100 * SEMITONE

    marks, names = [], []
    for semitone in range(int(low // 100), int(high // 100) + 1):
        black = semitone % 12 in (1, 3, 6, 8, 10)
        if black:
            marks.append(f'<rect class=black x=0 y={y(100 * semitone + 50):.1f} width={width} height={SEMITONE} />')
        if (high - low < 1900 or semitone % 12 in (0, 4, 7)) and low + 50 < 100 * semitone < high - 50:
            names.append(f'<text x={LEFT - 6} y={y(100 * semitone) + 4:.1f}>{pitch_name(100 * semitone)}</text>')
    seconds = _ticks(audio.seconds, scale)
    marks += [f"<line class=grid x1={t * scale:.1f} x2={t * scale:.1f} y1=0 y2={height} />" for t in seconds]
    lane = []
    for row in rows:
        marks += _note(row, scale, y)
        lane += _lane_bar(row, scale)
    commanded = "" if view.commanded is None else _contour(view.commanded, scale, y, "commanded")
    measured = _contour(view.measured, scale, y, "measured")
    errors = "".join(_whisker(row, scale, y) for row in rows)
    parts = [_svg(width, height, "".join(marks) + commanded + measured + errors, "roll")]
    axes = [f'<svg class=axis width={LEFT} height={height}>{"".join(names)}</svg>']
    if rows:
        half = LANE / 2
        grid = "".join(
            f"<line class=grid x1=0 x2={width} y1={half - c * half / LANE_CENTS:.1f} y2={half - c * half / LANE_CENTS:.1f} />"
            for c in (-50, -25, 25, 50)
        )
        grid += f"<line class=zero x1=0 x2={width} y1={half} y2={half} />"
        parts.append(_svg(width, LANE, grid + "".join(lane), "lane"))
        labels = "".join(
            f"<text x={LEFT - 6} y={half - c * half / LANE_CENTS + 4:.1f}>{c:+d} ¢</text>" for c in (-50, -25, 25, 50)
        )
        axes.append(f"<svg class=axis width={LEFT} height={LANE}>{labels}<text x={LEFT - 6} y={half + 4}>0</text></svg>")
    image, top = spectrogram_png(audio, width)
    times = "".join(f"<text x={t * scale + 3:.1f} y=13>{_clock(t)}</text>" for t in seconds)
    parts.append(f'<img class=spectrum alt="spectrogram to {top / 1000:g} kHz" width={width} height={SPECTRUM} src="{image}">')
    parts.append(_svg(width, 18, times, "times"))
    labels = "".join(
        f"<text x={LEFT - 6} y={SPECTRUM * (1 - hz / top) + 4:.1f}>{hz // 1000} kHz</text>"
        for hz in range(0, int(top) - 200, 2000)
        if hz
    )
    axes += [f"<svg class=axis width={LEFT} height={SPECTRUM}>{labels}</svg>", f"<svg class=axis width={LEFT} height=18></svg>"]
    first = "reference" if "reference" in view.result else "commanded"
    legend = "" if view.commanded is None else f"<span><i class=k1></i>{first}</span>"
    dots = "<span><i class=k3></i>a note's pitch ± its spread</span>" if rows else ""
    return (
        f"<p class=legend>{legend}<span><i class=k2></i>measured</span>{dots}</p>"
        f"<div class=frame><div class=axes>{''.join(axes)}</div><div class=wide id=wide data-scale={scale:.4f}>"
        f"<div class=inner style=width:{width}px>{''.join(parts)}<div id=cursor></div></div></div></div>"
    )


def _range(rows, measured):
    """Cents from the lowest to the highest that is drawn, three semitones beyond the notes."""
    if rows:
        cents = [row["target_cents"] for row in rows]
    else:
        cents = np.percentile(measured.cents[measured.voiced], [1, 99]) if measured.voiced.any() else [6000, 7200]
    return 100 * np.floor(min(cents) / 100 - 3), 100 * np.ceil(max(cents) / 100 + 3)


def _ticks(seconds, scale):
    step = next(s for s in (1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600, 36_000) if s * scale >= 60 or s == 36_000)
    return range(0, int(seconds) + 1, step)


def _clock(seconds):
    return f"{seconds // 60}:{seconds % 60:02d}" if seconds < 3600 else f"{seconds // 3600}:{seconds // 60 % 60:02d}:00"


def _svg(width, height, content, name):
    return f'<svg class={name} width={width} height={height} viewBox="0 0 {width} {height}">{content}</svg>'


def _contour(curve, scale, y, name):
    """One path, broken where unvoiced; frames closer than half a pixel are thinned."""
    stride = max(1, int(0.5 / (curve.hop_seconds * scale)))
    points, pen = [], "M"
    for i in range(0, len(curve.cents), stride):
        if curve.voiced[i]:
            points.append(f"{pen}{i * curve.hop_seconds * scale:.1f} {y(curve.cents[i]):.1f}")
            pen = "L"
        else:
            pen = "M"
    return f'<path class={name} d="{"".join(points)}" />'


def _note(row, scale, y):
    x, wide, top = row["onset"] * scale, max(2.0, row["duration"] * scale - 1), y(row["target_cents"] + 50)
    tip = f"bar {row['bar']} {row['lyric'] or '–'}, {pitch_name(row['target_cents'])}: {_value(row['error_cents'], '+.1f')} ¢"
    lyric = html.escape(row["lyric"] or "")
    return (
        f"<rect class=note x={x:.1f} y={top:.1f} width={wide:.1f} height={SEMITONE} rx=3><title>{html.escape(tip)}</title></rect>",
        f"<text class=lyric x={x + 2:.1f} y={top - 4:.1f}>{lyric}</text>" if lyric else "",
    )


def _whisker(row, scale, y):
    """The note's measured pitch as a dot, its spread as a line."""
    if row["error_cents"] is None:
        return ""
    x, middle = (row["onset"] + row["duration"] / 2) * scale, row["target_cents"] + row["error_cents"]
    spread = row.get("spread_cents") or 0.0
    return (
        f'<g class="{_kind(row["error_cents"])}"><line x1={x:.1f} x2={x:.1f} y1={y(middle + spread):.1f} '
        f'y2={y(middle - spread):.1f} /><circle cx={x:.1f} cy={y(middle):.1f} r=3 /></g>'
    )


def _lane_bar(row, scale):
    x, wide, half = row["onset"] * scale, max(2.0, row["duration"] * scale - 2), LANE / 2
    if row["error_cents"] is None:
        return [f"<text class=unsung x={x:.1f} y={half - 4}>not sung</text>"]
    error = float(np.clip(row["error_cents"], -LANE_CENTS, LANE_CENTS))
    tall = max(abs(error) * half / LANE_CENTS, 1.5)
    top = half - tall if error >= 0 else half
    label = "" if wide < 26 else (
        f"<text class=value x={x + wide / 2:.1f} y={top - 3 if error >= 0 else top + tall + 11:.1f}>{row['error_cents']:+.1f}</text>"
    )  # fmt: skip
    return [f'<rect class="{_kind(row["error_cents"])}" x={x:.1f} y={top:.1f} width={wide:.1f} height={tall:.1f} />', label]


def spectrogram_png(audio: Audio | AudioFile, width: int) -> tuple[str, float]:
    """(data URI of black ink whose opacity is the level over 70 dB, Hz of its top); a page inverts it where dark."""
    from matplotlib.image import imsave

    level, _, top = spectrogram_db(audio, width)
    ink = np.clip((level - max(level.max(), QUIETEST_PEAK_DB) + 70) / 70, 0, 1) if len(level) else np.zeros((1, 1))
    image = np.zeros((*ink.T.shape, 4), np.float32)
    image[..., 3] = ink.T[::-1]
    buffer = io.BytesIO()
    imsave(buffer, image, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"), top


def _histogram(rows):
    """Notes by error: classes of HISTOGRAM_STEP cents to ± HISTOGRAM_CENTS, and one beyond each end."""
    errors = np.array([row["error_cents"] for row in rows if row["error_cents"] is not None])
    edges = np.arange(-HISTOGRAM_CENTS - HISTOGRAM_STEP / 2, HISTOGRAM_CENTS + HISTOGRAM_STEP, HISTOGRAM_STEP)
    counts = np.concatenate([[np.sum(errors < edges[0])], np.histogram(errors, edges)[0], [np.sum(errors >= edges[-1])]])
    middles = np.concatenate([[edges[0] - HISTOGRAM_STEP], (edges[1:] + edges[:-1]) / 2, [edges[-1] + HISTOGRAM_STEP]])
    step, tall, base = 26, 130, 150
    bars = []
    for i, (count, middle) in enumerate(zip(counts, middles, strict=True)):
        if count:
            height = tall * count / counts.max()
            inside = 0 < i < len(counts) - 1
            kind = _kind(middle) if inside else "far"
            bars.append(
                f'<rect class="{kind}" x={i * step + 1} y={base - height:.1f} width={step - 2} height={height:.1f} />'
                f"<text class=value x={i * step + step / 2} y={base - height - 3:.1f}>{count}</text>"
            )
    shown = {i: f"{m:+.0f}" if m else "0" for i, m in enumerate(middles[1:-1], 1) if round(m) % 10 == 0}
    shown |= {0: "&lt;", len(counts) - 1: "&gt;"}
    labels = "".join(f"<text class=value x={i * step + step / 2} y={base + 16}>{text}</text>" for i, text in shown.items())
    width = step * len(counts)
    axis = f"<line class=zero x1=0 x2={width} y1={base} y2={base} />"
    return (
        f"<h2>Notes by error, in cents</h2><div class=scroll><svg class=histogram width={width} height={base + 22}>"
        f"{axis}{''.join(bars)}{labels}</svg></div>"
    )


def _trackers(result):
    if "trackers" not in result:
        return ""
    keys = ("mean_abs_error_cents", "median_abs_error_cents", "within_25_cents", "unsung")
    if not result.get("notes"):
        keys = ("raw_pitch_accuracy", "f0_mae_cents", "voicing_recall", "voicing_false_alarm")
    lines = []
    for name, figures in result["trackers"].items():
        if "missing" in figures:
            values = f"<td colspan={len(keys)}>{html.escape(figures['missing'])}</td>"
        else:
            values = "".join(f"<td>{_value(figures.get(key), '.3g')}</td>" for key in keys)
        lines.append(f"<tr><td>{html.escape(name)}</td>{values}</tr>")
    heads = "".join(f"<th>{key.replace('_', ' ')}</th>" for key in keys)
    disagreement = result["disagreement"]
    pairs = "; ".join(f"{pair} {_value(cents, '.1f')} ¢" for pair, cents in disagreement["frames"].items())
    half = _value(disagreement.get("notes_median_cents"), ".2f")
    notes = f" On half the notes they lie within ± {half} ¢." if half != "–" else ""
    return (
        f"<h2>Trackers</h2><table class=songs><tr><th>tracker</th>{heads}</tr>{''.join(lines)}</table>"
        f"<p class=soft>Median difference of frames: {html.escape(pairs)}.{notes}</p>"
    )


def _notes_table(rows):
    lines = []
    for row in rows:
        values = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells(row))
        lines.append(f'<tr data-at={row["onset"]:.3f}>{values}<td class=bar>{_bar(row["error_cents"])}</td></tr>')
    heads = "".join(f"<th>{h}</th>" for h in ("bar", "lyric", "pitch", *(h for h, _, _ in COLUMNS), "flat – sharp"))
    return f"<h2>Notes</h2><div class=scroll><table id=notes><tr>{heads}</tr>{''.join(lines)}</table></div>"


def _bar(error):
    if error is None:
        return "not sung"
    width = min(abs(error), 50)
    side = 50 if error >= 0 else 50 - width
    return f'<i class="{_kind(error)}" style="left:{side:.1f}%;width:{max(width, 0.6):.1f}%"></i>'


def _kind(error):
    return "far" if abs(error) > 25 else "near" if abs(error) > 10 else "good"


def _value(value, form):
    return "–" if value is None else format(value, form)


STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#1c2126, #e6e8ea); --soft: light-dark(#5c666f, #9aa4ad);
  --line: light-dark(#dde2e6, #363c42); --paper: light-dark(#fff, #15181b); --panel: light-dark(#f6f8f9, #1d2125);
  --good: light-dark(#2166ac, #6db3f2); --near: light-dark(#b35806, #f0a04b); --far: light-dark(#c0242f, #ff7b72);
  --note: light-dark(#cfe0ef, #2d4257); --measured: light-dark(#d6336c, #ff79a8); }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 76rem; margin: 1.5rem auto; padding: 0 1rem;
  background: var(--paper); color: var(--ink); }
h1 { font-size: 1.5rem; margin: 1.4rem 0 .2rem; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .5rem; }
a { color: var(--good); } .soft, .about { color: var(--soft); } .about { margin: 0 0 .8rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); gap: .8rem; margin: 1rem 0; }
.figures div { color: var(--soft); font-size: .82rem; } .figures b { display: block; font-size: 1.3rem; color: var(--ink); }
.verdict { border-left: 4px solid var(--far); padding: .1rem .7rem; background: var(--panel); }
audio { width: 100%; height: 2.4rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .5rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; } .songs td:first-child, .songs th:first-child { text-align: left; }
.songs th { white-space: normal; vertical-align: bottom; } .remark { white-space: normal; color: var(--far); font-size: .85em; }
#notes th:nth-child(2), #notes td:nth-child(2) { text-align: left; }
#notes tr[data-at] { cursor: pointer; } #notes tr:hover, tr.here { background: var(--panel); } tr.here { font-weight: 600; }
.scroll { overflow-x: auto; }
.bar { position: relative; width: 26%; min-width: 8rem; text-align: center; color: var(--soft);
  background: linear-gradient(var(--line), var(--line)) center/1px 100% no-repeat; }
.bar i { position: absolute; top: 25%; height: 50%; background: var(--good); }
.bar i.near { background: var(--near); } .bar i.far { background: var(--far); }
.legend { display: flex; gap: 1.2rem; color: var(--soft); margin: .8rem 0 .3rem; font-size: .85rem; }
.legend i { display: inline-block; width: 1.4rem; height: 0; border-top: 3px solid; margin-right: .4rem; vertical-align: middle; }
.k1 { color: var(--ink); } .k2 { color: var(--measured); } .legend .k3 { width: .6rem; height: .6rem; border: 0; border-radius: 50%;
  background: var(--good); }
.frame { display: flex; border: 1px solid var(--line); border-radius: 6px; background: var(--panel); overflow: hidden; }
.axes { flex: none; border-right: 1px solid var(--line); } .wide { overflow-x: auto; flex: 1; } .inner { position: relative; cursor: text; }
.axes svg, .inner svg, .inner img { display: block; border-bottom: 1px solid var(--line); }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); } .axis text { text-anchor: end; }
svg .value { text-anchor: middle; font-size: 10px; } svg .lyric { fill: var(--ink); font-size: 12px; } svg .unsung { fill: var(--far); }
.black { fill: var(--ink); opacity: .04; } .grid { stroke: var(--line); } .zero { stroke: var(--soft); }
.note { fill: var(--note); } path { fill: none; stroke-linejoin: round; } .commanded { stroke: var(--ink); stroke-width: 2.4; opacity: .75; }
.measured { stroke: var(--measured); stroke-width: 1.4; }
rect.good, .good circle { fill: var(--good); } rect.near, .near circle { fill: var(--near); } rect.far, .far circle { fill: var(--far); }
.good line { stroke: var(--good); } .near line { stroke: var(--near); } .far line { stroke: var(--far); } g line { stroke-width: 1.6; }
g circle { stroke: var(--panel); }
#cursor { position: absolute; top: 0; bottom: 0; width: 1.5px; background: var(--far); left: -5px; pointer-events: none; }
@media (prefers-color-scheme: dark) { .spectrum { filter: invert(1); } }
"""

SCRIPT = """
const player = document.getElementById('player'), wide = document.getElementById('wide');
const cursor = document.getElementById('cursor'), scale = Number(wide.dataset.scale);
function draw() {
  const x = player.currentTime * scale;
  cursor.style.left = x + 'px';
  if (!player.paused) {
    if (x < wide.scrollLeft || x > wide.scrollLeft + wide.clientWidth * 0.8) wide.scrollLeft = x - wide.clientWidth * 0.2;
    requestAnimationFrame(draw);
  }
}
if (player) {
  player.addEventListener('play', draw); player.addEventListener('seeked', draw);
  wide.querySelector('.inner').addEventListener('click', e => {
    player.currentTime = (e.clientX - wide.getBoundingClientRect().left + wide.scrollLeft) / scale; });
  for (const row of document.querySelectorAll('tr[data-at]')) row.addEventListener('click', () => {
    player.currentTime = Math.max(0, row.dataset.at - 0.1); wide.scrollLeft = row.dataset.at * scale - 100; player.play(); });
}
"""

_HEAD = '<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">\n'
_STYLE = f"<style>{STYLE}</style>\n".replace("{", "{{").replace("}", "}}")
_SCRIPT = f"<script>{SCRIPT}</script>\n".replace("{", "{{").replace("}", "}}")

PAGE = (
    _HEAD
    + "<title>{title}</title>\n"
    + _STYLE
    + """{songs}
<h1>{title}</h1>
<p class=about>{about}</p>
<div class=figures>{figures}</div>
{verdicts}
{player}
{roll}
{histogram}
{trackers}
{notes}
"""
    + _SCRIPT
    + "</html>\n"
)

INDEX = _HEAD + "<title>{count} songs</title>\n" + _STYLE + "<h1>{count} songs</h1>\n{songs}\n{remarks}\n</html>\n"
