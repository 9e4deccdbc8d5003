"""Every codec on the same clips: rate, compression, and what a copy has lost.

  python -m benchmarks.codecs DIR
  python -m benchmarks.codecs held_out.jsonl --codecs source-filter rvq@4 dac-44 --weights rvq=rvq.safetensors

A codec that cannot be loaded is a line that says why. Columns: the sample rate and the frame rate in Hz; kbit/s of a
discrete codec's tokens, or numbers a second of continuous latents; log-spectral and mel distance in nepers, over the
band that the recording fills or up to --highest-hz; scale-invariant SDR in dB, which says nothing of codecs that make
phases of their own (source-filter, rvq, WORLD); pitch by Praat against the original's, the median over frames voiced in
both; frames voiced in one only; STOI and PESQ where their packages are installed; the Fréchet audio distance of all
copies together from the originals, by Whisper's encoder or, where that is missing, by cepstra; and processor seconds
for a second of sound, there and back. A codec of a lower sample rate loses what lies above it: --highest-hz 7000 asks
about what all of them keep.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from operator import add
from pathlib import Path

import numpy as np

from benchmarks.common import embedding_here, parser, print_table, say, sound_files, write_json
from svs.audio import Audio
from svs.codecs import Codec, CodecError, load
from svs.dataset import level
from svs.evaluation.embedding import frechet_distance, moments
from svs.evaluation.quality import pesq, si_sdr, stoi
from svs.evaluation.spectrum import log_spectral_distance, mel_distance
from svs.f0 import track
from svs.units import SAMPLE_RATE

DEFAULT = (
    *("source-filter", "world", "world-full", "rvq@2", "rvq@4", "rvq@8", "rvq@16"),
    *("encodec-24@8", "encodec-24@32", "encodec-48@4", "encodec-48@16", "dac-16", "dac-24", "dac-44"),
)
FIGURES = {
    "lsd": "LSD", "mel": "mel", "si_sdr": "SI-SDR dB", "f0_median_cents": "F0 median ¢",
    "voicing_disagreement": "V/UV %", "stoi": "STOI", "pesq": "PESQ", "fad": "FAD", "real_time_factor": "RTF",
}  # fmt: skip
HEADINGS = ["codec", "sample rate", "frames/s", "kbit/s", "numbers/s", *FIGURES.values()]


def main(arguments=None) -> dict:
    options = parser(__doc__)
    options.add_argument("clips", type=Path, help="a folder, a sound file or a .jsonl manifest")
    options.add_argument("--codecs", nargs="+", default=DEFAULT, metavar="NAME[@N]", help="N: codebooks used")
    options.add_argument(
        "--weights", action="append", default=[], metavar="NAME=PATH", help="file or folder; may be repeated"
    )
    options.add_argument("--limit", type=int, default=12, help="clips at most, evenly spaced (0: all)")
    options.add_argument("--heldout", nargs="+", metavar="NAME", help="only clips of these speakers, or so named")
    options.add_argument("--highest-hz", type=float, help="distances up to here (default: what a recording fills)")
    options.add_argument("--save", type=Path, help="write the copies into this folder, to be listened to")
    options.add_argument("--json", type=Path)
    options = options.parse_args(arguments)
    weights = {}
    for item in options.weights:
        name, equals, path = item.partition("=")
        if not equals or not path:
            raise SystemExit(f"--weights {item}: NAME=PATH is wanted")
        weights[name] = path
    files = sound_files(options.clips, options.limit, options.heldout)

    sounds = {f"{file.parent.name}/{file.stem}": partial(Audio.read, file) for file in files}
    found, missing = survey(options.codecs, weights, sounds, embedding_here(), options.highest_hz, options.save)
    print_table(HEADINGS, cells(found))
    for asked, why in missing.items():
        print(f"{asked}: not measured: {why}")
    write_json(options.json, {"codecs": found, "missing": missing})
    return found


def survey(
    codecs: Sequence[str],
    weights: Mapping[str, object],
    sounds: Mapping[str, Callable[[], Audio]],
    embedding: str,
    highest_hz: float | None = None,
    save: Path | None = None,
) -> tuple[dict, dict]:
    """What each codec's copies of some sounds have lost, and why those are missing that cannot be loaded.

    weights: name of a codec → its file or folder. sounds: by name, what reads each. embedding: of the Fréchet audio
    distance. save: folder for the copies.
    Returns codec → {"rates", "means", "clips"}, and codec → reason.
    """
    found: dict = {}
    missing: dict = {}
    wanted = moments((_prepared(read()) for read in sounds.values()), embedding)
    for asked in codecs:
        name = asked.partition("@")[0]
        try:
            codec = load(f"{asked}:{weights[name]}" if name in weights else asked)
        except CodecError as error:
            missing[asked] = str(error)
            say(f"{asked}: {error}")
            continue
        clips, copied = {}, []
        for clip, read in sounds.items():
            say(f"{asked}: {clip}")
            clips[clip], made = measure(read(), codec, highest_hz)
            copied.append(moments([made], embedding))
            if save is not None:
                save.mkdir(parents=True, exist_ok=True)
                made.write(save / f"{clip.replace('/', '.')}.{asked}.wav")
        means = {name: _mean([clip.get(name) for clip in clips.values()]) for name in FIGURES}
        means["fad"] = frechet_distance(wanted, reduce(add, copied))
        found[asked] = {"rates": rates(codec), "means": means, "clips": clips, "fad_embedding": embedding}
    return found, missing


def cells(found: Mapping[str, Mapping]) -> list[list]:
    """Rows under HEADINGS."""
    return [[asked, *result["rates"].values(), *result["means"].values()] for asked, result in found.items()]


def rates(codec: Codec) -> dict:
    """What a codec's codes cost; kbit/s of tokens, or numbers a second."""
    bits = codec.bits_per_second
    return {
        "sample_rate": codec.sample_rate,
        "frame_rate": float(codec.frame_rate),
        "kilobits_per_second": None if bits is None else bits / 1000,
        "numbers_per_second": codec.numbers_per_second,
    }


def measure(original: Audio, codec: Codec, highest_hz: float | None) -> tuple[dict, Audio]:
    """Figures of a codec's copy of one sound, and the copy."""
    if highest_hz is None and original.sample_rate < SAMPLE_RATE:
        highest_hz = 0.45 * original.sample_rate
    original = _prepared(original)
    started = time.process_time()
    made = codec.copy(original)
    spent = time.process_time() - started
    return compare(original, made, highest_hz) | {"real_time_factor": spent / original.seconds}, made


def _prepared(audio: Audio) -> Audio:
    return Audio(level(audio.resample(SAMPLE_RATE).samples), SAMPLE_RATE)


def compare(original: Audio, made: Audio, highest_hz: float | None = None) -> dict:
    """What a copy in step with its original has lost; None where a figure cannot be had."""
    pair, rate = (original.samples, made.samples), original.sample_rate
    before, after = track(original), track(made)
    both = before.voiced & after.voiced
    return {
        "lsd": figure(log_spectral_distance, *pair, rate, highest_hz=highest_hz),
        "mel": figure(mel_distance, *pair, rate, highest_hz=highest_hz),
        "si_sdr": figure(si_sdr, *pair, rate),
        "f0_median_cents": float(np.median(np.abs(after.cents - before.cents)[both])) if both.any() else None,
        "voicing_disagreement": 100 * float(np.mean(before.voiced != after.voiced)),
        "stoi": figure(stoi, *pair, rate),
        "pesq": figure(pesq, *pair, rate),
    }


def figure(metric: Callable[..., float], *arguments, **options) -> float | None:
    """A figure, or None where its package is missing or the sound is silent or too short for it."""
    try:
        return metric(*arguments, **options)
    except (ImportError, ValueError):
        return None


def _mean(values) -> float | None:
    values = [value for value in values if value is not None and np.isfinite(value)]
    return float(np.mean(values)) if values else None


if __name__ == "__main__":
    main()
