"""The samples that the README opens with: a few phrases sung by a voice, compressed, and a picture of each one's pitch.

    python -m assets.samples.make                   from the repository's root; --voice DIR for another voice

For each of SAMPLES it writes NAME.mp3 and NAME.png here: the notes, the contour that was commanded and the one that
Praat measures in the sound, in cents. It fails where a file outgrows its limit.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import svs
from svs.audio import Audio, write_atomically
from svs.evaluation.pitch import frame_errors
from svs.f0 import track
from svs.pitch import PitchCurve
from svs.score import Score, read_score
from svs.units import FrameGrid, pitch_name
from svs.voice import Voice

HERE = Path(__file__).parent
SCORES = HERE.parent / "scores"
SECONDS, SOUND_BYTES, PICTURE_BYTES = 12.0, 200_000, 100_000
QUALITY = 0.3  # of LAME's variable bit rate, 0 the best


@dataclass(frozen=True)
class Sample:
    """The first notes of a song. singers: the first that the voice has sings, or else its own; transpose: semitones."""

    name: str
    song: str
    notes: int
    singers: tuple[str, ...] = ()
    transpose: float = 0.0
    tempo: float = 1.0
    pitch: str = "natural"


SAMPLES = (
    Sample("amazing_grace", "amazing_grace", 9),
    Sample("scarborough_fair", "scarborough_fair", 17, ("kumi", "bf_emma"), -2, 1.1),
    Sample("oh_susanna", "oh_susanna", 15, ("taka", "am_fenrir"), -12, 1.1),
    Sample("twinkle_exact", "twinkle_twinkle_little_star", 14, tempo=1.2, pitch="exact"),
)


def phrase(sample: Sample) -> Score:
    """The notes of a sample as a score of their own."""
    score = read_score(SCORES / f"{sample.song}.musicxml", transpose=sample.transpose, tempo=sample.tempo)
    part = score.parts[0]
    return replace(score, parts=(replace(part, notes=part.notes[: sample.notes]),), remarks=(), grid=None)


def picture(path: Path, notes, commanded: PitchCurve, measured: PitchCurve, title: str) -> None:
    """Write a PNG: notes as bars with their syllables, both contours, cents on the left and note names on the right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.2), layout="constrained")
    axes = figure.subplots()
    for note in notes:
        axes.barh(note.cents, note.duration, left=note.onset, height=100, color="#9ecae1", alpha=0.45, linewidth=0)
        if note.lyric:
            axes.text(note.onset + 0.02, note.cents - 62, note.lyric, fontsize=8, va="top", clip_on=True)
    for curve, colour, width, label in (
        (commanded, "#222222", 2.2, "commanded"),
        (measured, "#e6550d", 1.0, "measured (Praat)"),
    ):
        line = np.where(curve.voiced, curve.cents, np.nan)
        axes.plot(np.arange(len(line)) * curve.hop_seconds, line, color=colour, linewidth=width, label=label)
    low, high = min(n.cents for n in notes), max(n.cents for n in notes)
    axes.set_ylim(low - 300, high + 250)
    axes.set_xlim(0, notes[-1].end + 0.2)
    axes.set_yticks(np.arange(100 * np.floor(low / 100) - 200, high + 250, 200))
    axes.grid(axis="y", alpha=0.25)
    axes.set_xlabel("seconds")
    axes.set_ylabel("cents (A4 = 6900)")
    names = axes.secondary_yaxis("right")
    names.set_yticks(axes.get_yticks(), [pitch_name(tick) for tick in axes.get_yticks()])
    axes.set_title(title, fontsize=10)
    figure.legend(loc="outside lower right", ncols=2, fontsize=8, frameon=False)
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=90, format="png"))


def compress(path: Path, audio: Audio) -> None:
    """Write MP3 of one channel."""
    import soundfile

    def save(temporary):
        settings = {
            "format": "MP3",
            "subtype": "MPEG_LAYER_III",
            "bitrate_mode": "VARIABLE",
            "compression_level": QUALITY,
        }
        soundfile.write(temporary, audio.samples, audio.sample_rate, **settings)

    write_atomically(path, save)


def make(sample: Sample, voice: Voice, folder: Path) -> str:
    """Write the two files of a sample. Returns a line about them; raises SystemExit where a limit is passed."""
    singer = next((name for name in sample.singers if name in voice.names), None)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*outside the range")
        take = svs.sing(phrase(sample), voice, singer=singer, pitch=sample.pitch)
    measured = track(take.audio, grid=FrameGrid(take.curve.hop_seconds))
    errors = frame_errors(take.curve, measured, take.notes)
    sound, drawing = folder / f"{sample.name}.mp3", folder / f"{sample.name}.png"
    compress(sound, take.audio)
    contour = "bare notes" if sample.pitch == "exact" else "contour"
    song, cents = sample.song.replace("_", " "), errors.mean_abs_error_cents
    title = f"{song}, sung by {take.singer}: {cents:.1f} cents off the {contour} commanded"
    picture(drawing, take.notes, take.curve, measured, title)
    for path, limit in ((sound, SOUND_BYTES), (drawing, PICTURE_BYTES)):
        if path.stat().st_size > limit:
            raise SystemExit(f"{path}: {path.stat().st_size} bytes; {limit} at most are wanted")
    if take.seconds > SECONDS:
        raise SystemExit(f"{sound}: {take.seconds:.1f} s; {SECONDS:g} at most are wanted")
    sizes = ", ".join(f"{path.name} {path.stat().st_size / 1000:.0f} kB" for path in (sound, drawing))
    return f"{sizes}, {take.seconds:.1f} s: {take.singer}, {cents:.2f} cents off on average"


def main(arguments=None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--voice", default="default")
    options.add_argument("--out", type=Path, default=HERE)
    options = options.parse_args(arguments)
    voice = Voice.load(options.voice)
    for sample in SAMPLES:
        print(make(sample, voice, options.out))


if __name__ == "__main__":
    main()
