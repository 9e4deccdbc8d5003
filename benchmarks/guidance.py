"""Pitch error, word error rate and diversity against the guidance scale of each condition of a voice.

Of one condition after the other the scale is varied while those of all others are 1, so that the row of scale 1 is the
same for all. Every song is sung with every seed:

    pitch error   mean of |cents sung − cents commanded|, over the frames inside notes of all songs and seeds
    WER           words heard wrong by Whisper tiny.en, of those sung, all songs and seeds; left out by --no-words
    diversity     mel distance in nepers between two seeds' renders of a song, mean over pairs, then over songs

Of style, text, timbre and reference there is something to guide only when it is asked for: --style, --describe,
--reference. Writes guidance.md, guidance.png and guidance.json into --out, and keeps the renders there, which the next
run with the same options measures again instead of singing them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmarks.common import SONGS, parser, print_table, say, song_list, write_json
from svs.audio import Audio, write_atomically, write_text
from svs.conditioning import GROUPS
from svs.evaluation import evaluate_take, take_notes
from svs.evaluation.spectrum import mel_distance
from svs.mistakes import Mistake
from svs.sing import sing
from svs.voice import Voice

HEADINGS = ("pitch error ¢", "WER %", "diversity nepers")
WANTS = {"style": "style", "text": "describe", "timbre": "reference", "reference": "reference"}  # condition → option


def diversity(renders: Sequence[Audio]) -> float:
    """Mean mel distance in nepers over the pairs of renders of one song. Raises ValueError for fewer than two."""
    pairs = list(combinations(renders, 2))
    if not pairs:
        raise ValueError(f"diversity: {len(renders)} render; at least 2 seeds are needed")
    return float(np.mean([mel_distance(one.samples, other.samples, one.sample_rate) for one, other in pairs]))


class Sweep:
    """Renders of some songs with some seeds by one voice, and their figures.

    asked: singer, style, describe, reference, as of svs.sing. words: whether they are listened for.
    """

    def __init__(self, voice: Voice, songs: Sequence[Path], seeds: int, asked: dict, out: Path, words: bool):
        self.voice, self.songs, self.seeds, self.asked, self.out, self.words = voice, songs, seeds, asked, out, words
        self.found: dict[tuple, dict] = {}

    def figures(self, condition: str, scale: float) -> dict:
        """The figures at one scale of one condition, all others at 1."""
        scales = dict.fromkeys(self.voice.conditions, 1.0) | {condition: scale}
        key = tuple(scales.values())
        if key not in self.found:
            self.found[key] = self._measured(scales)
        return {"condition": condition, "scale": scale, **self.found[key]}

    def _measured(self, scales: dict[str, float]) -> dict:
        error = frames = wrong = said = 0.0
        spread = []
        for score in self.songs:
            renders = []
            for seed in range(self.seeds):
                audio, take = self._sung(score, scales, seed)
                found = evaluate_take(audio, take)["frames"]
                if found["mean_abs_error_cents"] is not None:
                    error += found["mean_abs_error_cents"] * found["frames"]
                    frames += found["frames"]
                if self.words:
                    missed, of = misheard(score, audio, take)
                    wrong, said = wrong + missed, said + of
                renders.append(audio)
            spread.append(diversity(renders))
        return {
            "pitch_error_cents": error / frames if frames else None,
            "word_error_rate": wrong / said if said else None,
            "diversity_nepers": float(np.mean(spread)),
        }

    def _sung(self, score: Path, scales: dict[str, float], seed: int) -> tuple[Audio, dict]:
        facts = [str(self.voice.folder.resolve()), str(score.resolve()), *scales.items(), seed, *self.asked.items()]
        name = f"{score.stem}-{hashlib.blake2b(repr(facts).encode(), digest_size=6).hexdigest()}"
        wav, take = self.out / f"{name}.wav", self.out / f"{name}.json"
        if not take.is_file():  # written last
            sung = sing(score, self.voice, pitch="exact", seed=seed, guidance=scales, **self.asked)
            sung.audio.write(wav)
            text = json.dumps(sung.to_json(), ensure_ascii=False)
            write_text(take, text)
        return Audio.read(wav), json.loads(take.read_text(encoding="utf-8"))


def misheard(score: Path, audio: Audio, take: dict) -> tuple[int, int]:
    """How many words of a song were heard wrong, and how many there are."""
    from benchmarks.words import hear
    from svs.evaluation.intelligibility import word_error_rate
    from svs.evaluator import song_words

    found = word_error_rate(song_words(score), hear(audio, take_notes(take)))
    return found.substitutions + found.deletions + found.insertions, found.words


def table(rows: Sequence[dict]) -> str:
    """Markdown, a line for each condition and scale."""
    text = StringIO()
    with redirect_stdout(text):
        cells = [[row["condition"], row["scale"], *_values(row)] for row in rows]
        print_table(["condition", "scale", *HEADINGS], cells)
    return text.getvalue()


def plot(path: Path, rows: Sequence[dict], title: str) -> None:
    """Write a PNG: each figure against the scale, a line for each condition."""
    from matplotlib.figure import Figure

    shown = [i for i in range(len(HEADINGS)) if any(_values(row)[i] is not None for row in rows)]
    figure = Figure(figsize=(4.5 * len(shown), 4), layout="constrained")
    for axes, column in zip(np.atleast_1d(figure.subplots(1, len(shown))), shown, strict=True):
        for condition in dict.fromkeys(row["condition"] for row in rows):
            own = [(row["scale"], _values(row)[column]) for row in rows if row["condition"] == condition]
            scales, values = [x for x, _ in own], [np.nan if y is None else y for _, y in own]
            axes.plot(scales, values, marker="o", label=condition)
        axes.set_xlabel("guidance scale")
        axes.set_ylabel(HEADINGS[column])
        axes.grid(alpha=0.25)
    axes.legend(fontsize=8)
    figure.suptitle(title, fontsize=10)
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=110, format="png"))


def _values(row: dict) -> tuple[float | None, float | None, float | None]:
    rate = row["word_error_rate"]
    return row["pitch_error_cents"], None if rate is None else 100 * rate, row["diversity_nepers"]


def guidable(voice: Voice, asked: dict, wanted: Sequence[str] | None) -> list[str]:
    """The conditions whose scale changes something. Raises Mistake naming the option that one of `wanted` lacks."""
    for name in wanted or ():
        if name not in voice.conditions:
            known = ", ".join(voice.conditions)
            raise Mistake(f"--conditions: voice {voice.name!r} has no condition {name!r}; it has {known}")
        if name in ("text", "reference") and asked[WANTS[name]] is None:
            raise Mistake(f"--conditions: {name} is guided only when it is asked for; give --{WANTS[name]}")
    always = {*GROUPS, "style", "timbre"}  # which are a singer's own where nothing is asked
    return list(wanted or (n for n in voice.conditions if n in always or asked[WANTS[n]] is not None))


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--voice", default="default")
    options.add_argument("--songs", type=Path, nargs="+", default=[SONGS], help="scores (default: those of songs.txt)")
    options.add_argument("--limit", type=int, help="only so many of them")
    options.add_argument("--scales", type=float, nargs="+", default=[0.0, 0.5, 1.0, 1.5, 2.0, 3.0])
    options.add_argument("--conditions", nargs="+", help="those to vary (default: all that are asked for)")
    options.add_argument("--seeds", type=int, default=2, help="renders of each song, at least 2")
    for name in ("singer", "style", "describe", "reference"):
        options.add_argument(f"--{name}", help="as of svs sing")
    options.add_argument("--no-words", action="store_true", help="without the recogniser")
    options.add_argument("--out", type=Path, default=Path("out/guidance"))
    options = options.parse_args(arguments)
    try:
        run(options)
    except (ValueError, ImportError) as error:
        print(f"guidance: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None


def run(options) -> None:
    """What `main` does, of parsed options. Raises Mistake and what `sing` raises."""
    if options.seeds < 2:
        raise Mistake(f"--seeds is {options.seeds}; diversity wants 2 or more")
    songs = [song for path in options.songs for song in (song_list(path) if path == SONGS else [path])]
    if missing := [str(song) for song in songs if not song.is_file()]:
        raise Mistake(f"{missing[0]}: no such score")
    voice = Voice.load(options.voice)
    asked = {name: getattr(options, name) for name in ("singer", "style", "describe", "reference")}
    conditions = guidable(voice, asked, options.conditions)
    options.out.mkdir(parents=True, exist_ok=True)
    sweep = Sweep(voice, songs[: options.limit], options.seeds, asked, options.out, not options.no_words)
    rows = []
    for condition in conditions:
        for scale in sorted(set(options.scales)):
            rows.append(sweep.figures(condition, scale))
            say(f"{condition} {scale:g}: {_said(rows[-1])}")
    shown = table(rows)
    print(shown, end="")
    title = f"voice {voice.name}, {len(sweep.songs)} songs, {options.seeds} seeds"
    page = f"{title}; scales of all other conditions 1\n\n{shown}\n![{title}](guidance.png)\n"
    plot(options.out / "guidance.png", rows, title)
    write_text(options.out / "guidance.md", page)
    facts = {"voice": voice.name, "asked": asked, "seeds": options.seeds, "rows": rows}
    write_json(options.out / "guidance.json", facts)


def _said(row: dict) -> str:
    named = zip(HEADINGS, _values(row), strict=True)
    return ", ".join(f"{name} {value:.3g}" for name, value in named if value is not None)


if __name__ == "__main__":
    main()
