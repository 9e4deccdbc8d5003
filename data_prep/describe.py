"""Describe clips in words, by measures of their sound: what the condition `text` learns where nobody described them.

    python -m data_prep.describe work/features              every shard there is
    python -m data_prep.describe work/features/teacher      one

Writes descriptions.json into each shard. A clip is described by what sets it apart: a measure in the outer third of all
clips, and well away from their median, gets its word; "soft, breathy, straight". Loudness and height are compared
within each singer, for recordings differ in gain and singers in compass; the others among all clips of the shards.
Loudness is that of the recording, since features are levelled; where the recording is gone there is no word for it. A
`description` in the manifest goes before the measured one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from data_prep import stages
from svs.annotations import write_descriptions
from svs.audio import Audio, AudioError
from svs.dataset import INDEX, DatasetError, Shard
from svs.evaluation.pitch import fit_vibrato
from svs.evaluation.spectrum import harmonic_to_noise
from svs.pitch import PitchCurve
from svs.units import SAMPLE_RATE

LOWEST_BAND, HIGHEST_BAND = 300.0, 6000.0  # Hz, where the spectrum's slope is measured
WINDOW_SECONDS = 0.6  # of held pitch, in which a vibrato is looked for
HELD_CENTS = 150.0  # how far the contour may wander in it
VIBRATO_CENTS, VIBRATO_SHARE = 15.0, 0.34  # centre to peak, of how many windows: then a clip has vibrato
FEW_SHARE = 0.1


@dataclass(frozen=True)
class Measure:
    """below, above: words for little and for much of it. step: least distance from the median that is worth a word."""

    below: str
    above: str
    step: float
    within_singer: bool = False


MEASURES = {
    "loudness_db": Measure("soft", "strong", 2.0, within_singer=True),
    "tilt_db_per_octave": Measure("dark", "bright", 1.0),
    "harmonic_to_noise_db": Measure("breathy", "clear", 2.0),
    "height_semitones": Measure("low", "high", 2.0, within_singer=True),
    "range_semitones": Measure("narrow range", "wide range", 2.0),
}


def measures(samples: np.ndarray, curve: PitchCurve, recording: Audio | None = None) -> dict[str, float | None]:
    """The measures of one clip by name, and the share of its held pitch that has vibrato; None where there is none.

    samples: at SAMPLE_RATE, of any level. recording: as it was recorded, for its loudness.
    """
    heard = curve.cents[curve.voiced]
    low, high = np.percentile(heard, [5, 95]) if len(heard) else (np.nan, np.nan)
    found = {
        "loudness_db": np.nan if recording is None else loudness(recording.samples, recording.sample_rate),
        "tilt_db_per_octave": tilt(samples, curve.voiced),
        "harmonic_to_noise_db": harmonic_to_noise(samples, SAMPLE_RATE),
        "height_semitones": np.median(heard) / 100 if len(heard) else np.nan,
        "range_semitones": (high - low) / 100,
        "vibrato_share": vibrato_share(curve),
    }
    return {name: round(float(value), 3) if np.isfinite(value) else None for name, value in found.items()}


def loudness(samples: np.ndarray, sample_rate: int) -> float:
    """dBFS of the louder half of 20 ms frames, root mean square; NaN of silence."""
    frame = sample_rate // 50
    whole = samples[: len(samples) // frame * frame].reshape(-1, frame)
    power = np.sort(np.square(whole, dtype=np.float64).mean(axis=1))
    loud = power[len(power) // 2 :]
    return float(10 * np.log10(loud.mean())) if len(loud) and loud.mean() > 0 else float("nan")


def tilt(samples: np.ndarray, voiced: np.ndarray) -> float:
    """Slope in dB an octave of the mean power density of voiced frames, in third octaves; NaN where nothing is voiced.

    voiced: (frames,) bool, every 10 ms.
    """
    size, hop = 2048, SAMPLE_RATE // 100
    at = np.flatnonzero(voiced) * hop
    at = at[at + size <= len(samples)][::2]
    if not len(at):
        return float("nan")
    power = np.zeros(size // 2 + 1)
    for start in at:
        power += np.abs(np.fft.rfft(samples[start : start + size] * np.hanning(size))) ** 2
    hz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    edges = LOWEST_BAND * 2.0 ** (np.arange(round(3 * np.log2(HIGHEST_BAND / LOWEST_BAND)) + 1) / 3)
    bands = [power[(hz >= low) & (hz < high)].mean() for low, high in pairwise(edges)]
    return float(np.polyfit(np.arange(len(bands)) / 3, 10 * np.log10(np.maximum(bands, 1e-12)), 1)[0])


def vibrato_share(curve: PitchCurve) -> float:
    """Of the stretches of held pitch, the share with a vibrato of VIBRATO_CENTS or more; NaN where none is held."""
    size = round(WINDOW_SECONDS / curve.hop_seconds)
    times = np.arange(size) * curve.hop_seconds
    found = []
    for start in range(0, len(curve.cents) - size + 1, size // 2):
        part = curve.cents[start : start + size]
        if curve.voiced[start : start + size].all() and np.ptp(part) <= 2 * HELD_CENTS:
            found.append((fit_vibrato(times, part).extent_cents or 0.0) >= VIBRATO_CENTS)
    return float(np.mean(found)) if found else float("nan")


def words(found: Sequence[dict[str, float | None]], singers: Sequence[str]) -> list[str]:
    """A description of each clip from the measures of all and their singers; "" where nothing sets it apart."""
    phrases: list[list[str]] = [[] for _ in found]
    for name, measure in MEASURES.items():
        values = np.array([np.nan if row[name] is None else row[name] for row in found], np.float64)
        groups = sorted(set(singers)) if measure.within_singer else [None]
        for group in groups:
            here = np.isfinite(values) & np.array([group is None or singer == group for singer in singers])
            if not here.any():
                continue
            lower, middle, upper = np.percentile(values[here], [100 / 3, 50, 200 / 3])
            for row in np.flatnonzero(here):
                if values[row] <= min(lower, middle - measure.step):
                    phrases[row].append(measure.below)
                elif values[row] >= max(upper, middle + measure.step):
                    phrases[row].append(measure.above)
    for row, said in zip(found, phrases, strict=True):
        share = row["vibrato_share"]
        if share is not None and not FEW_SHARE < share < VIBRATO_SHARE:
            said.append("straight" if share <= FEW_SHARE else "vibrato")
    return [", ".join(said) for said in phrases]


def describe(shards: Sequence[Shard], progress: Callable[[int, int], None] | None = None) -> None:
    """Measure the clips of shards and write descriptions.json into each."""
    rows, singers, total = [], [], sum(len(shard.clips) for shard in shards)
    for shard in shards:
        for clip in shard.clips:
            start, frames = clip["start"], clip["frames"]
            rows.append(measures(shard.samples(start, frames), shard.curve(start, frames), _recording(clip)))
            singers.append(clip["speaker"])
            if progress:
                progress(len(rows), total)
    texts = iter(zip(words(rows, singers), rows, strict=True))
    for shard in shards:
        described = ((clip["id"], next(texts)) for clip in shard.clips)
        write_descriptions(shard, {name: {"description": text, **row} for name, (text, row) in described})


def _recording(clip: dict) -> Audio | None:
    try:
        return Audio.read(clip["audio"])
    except AudioError:
        return None


def shards_in(folder: Path) -> list[Shard]:
    """The shard that a folder is, or those in it by name. Raises DatasetError where there is none."""
    folders = [folder] if (folder / INDEX).is_file() else sorted(path.parent for path in folder.glob(f"*/{INDEX}"))
    if not folders:
        raise DatasetError(f"{folder}: no features there; run the recipe's stage `features` first")
    return [Shard.open(path) for path in folders]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m data_prep.describe", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("features", type=Path, help="a folder of shards, or one shard")
    options = parser.parse_args(arguments)
    shards = shards_in(options.features)
    with stages.bar("describe") as progress:
        describe(shards, progress)
    for shard in shards:
        print(f"{shard.folder}: {len(shard.clips)} clips described")


if __name__ == "__main__":
    stages.run(main, DatasetError)
