"""Held-out recordings through the codec and back, beside WORLD analysis–synthesis of the same recordings.

  python -m benchmarks.codec --clips kumi=DIR --clips teacher=held_out.jsonl --clips vocobox=DIR

A group is a folder, a file or a .jsonl manifest. Distances are those of svs/evaluation/spectrum.py, over the band the
recording fills (a 24 kHz original: to 10.8 kHz, even where it hides that; --highest-hz NAME=HZ sets it). Pitch is
Praat's, of the copy against the original: median over frames voiced in both; V/UV over all frames. --refined adds copies
whose latents were found by listening to them (svs/codec/refining.py), at some seconds of work a second of sound.
"""

from __future__ import annotations

import time
from functools import cache, partial
from pathlib import Path

import numpy as np

from benchmarks.common import band_of, mean, parser, print_table, say, sound_files, verdict, write_json
from svs.audio import Audio
from svs.codec.refining import STEPS
from svs.codecs import Codes
from svs.codecs.source_filter import SourceFilter
from svs.dataset import level, measure_pitch
from svs.evaluation.spectrum import (
    harmonic_to_noise,
    log_spectral_distance,
    mel_cepstral_distortion,
    mel_distance,
    world_copy,
)
from svs.f0 import track
from svs.pitch import PitchCurve
from svs.units import LATENT_HOP, SAMPLE_RATE

FIGURES = ("lsd", "lsd1", "mel", "mcd", "hnr", "f0_median_cents", "voicing_disagreement")
HEADINGS = ("LSD", "LSD order 1", "mel", "MCD dB", "HNR dB", "F0 median ¢", "V/UV %")


def main(arguments=None):
    options = parser(__doc__)
    options.add_argument("--clips", action="append", required=True, metavar="NAME=PATH", help="a group; may be repeated")
    options.add_argument("--codec", type=Path, help="codec folder or file (default: the voice's)")
    options.add_argument("--voice", default="default")
    options.add_argument("--limit", type=int, default=12, help="clips of a group at most, evenly spaced (0: all)")
    options.add_argument("--heldout", nargs="+", metavar="NAME", help="only clips of these speakers, or so named")
    options.add_argument("--highest-hz", action="append", default=[], metavar="NAME=HZ")
    options.add_argument("--world-only", action="store_true", help="measure WORLD alone")
    options.add_argument("--refined", action="store_true", help="copies encoded by listening to them, too")
    options.add_argument("--per-clip", action="store_true", help="print every clip")
    options.add_argument("--save", type=Path, help="write the copies into this folder, to be listened to")
    options.add_argument("--json", type=Path)
    options = options.parse_args(arguments)
    highest = {name: float(hz) for name, hz in (item.split("=") for item in options.highest_hz)}

    codecs = {} if options.world_only else {"codec": load_codec(options.codec, options.voice)}
    if codecs and options.refined:
        codecs["refined"] = codecs["codec"].refined()
    groups = {}
    for item in options.clips:
        name, _, path = item.partition("=")
        if not path:
            raise SystemExit(f"--clips {item}: NAME=PATH is wanted")
        for clip in sound_files(Path(path), options.limit, options.heldout):
            say(f"{name}: {clip.name}")
            found = measure(clip, codecs, highest.get(name), options.save)
            groups.setdefault(name, {})[f"{clip.parent.name}/{clip.stem}"] = found

    systems = [*codecs, "world"]
    rows = []
    for name, clips in groups.items():
        for clip, found in clips.items() if options.per_clip else ():
            rows += [[f"{name}/{clip}", s, *(found[s][f] for f in FIGURES), found["hnr"]] for s in systems]
        for s in systems:
            means = [mean([found[s][f] for found in clips.values()]) for f in FIGURES]
            rows.append([f"{name} ({len(clips)})", s, *means, mean([found["hnr"] for found in clips.values()])])
    print_table(["clips", "copy", *HEADINGS, "original HNR"], rows)
    if codecs:
        print()
    for name, clips in groups.items():
        means_of = {s: {f: mean([found[s][f] for found in clips.values()]) for f in FIGURES} for s in systems}
        for s in codecs:
            verdict(f"{name}, {s}: log-spectral distance, bar is WORLD's", means_of[s]["lsd"], means_of["world"]["lsd"])
            verdict(f"{name}, {s}: F0 median error, cents", means_of[s]["f0_median_cents"], 3)
            verdict(f"{name}, {s}: voicing disagreement, %", means_of[s]["voicing_disagreement"], 4)
    write_json(options.json, groups)


class Codec:
    """A codec's network between sounds and latents (frames, dim), both as NumPy arrays."""

    def __init__(self, network, refining: int = 0):
        self.codec = SourceFilter(network, fine=True, refining=refining)

    def refined(self) -> Codec:
        """The same network, its latents found by listening to the copy."""
        return Codec(self.codec.network, STEPS)

    def encode(self, audio: Audio, curve: PitchCurve) -> np.ndarray:
        return self.codec.encode_with(audio, curve).frames

    def decode(self, latents: np.ndarray, curve: PitchCurve) -> Audio:
        return self.codec.decode(Codes(latents, len(latents) * LATENT_HOP, curve))


@cache
def load_codec(path: Path | None, voice: str) -> Codec:
    """The codec at `path` (weights, or the folder of a voice), or that of an installed voice."""
    from svs.codec import load_network
    from svs.voice import find

    path = path or find(voice)
    return Codec(load_network(path / "codec.safetensors" if path.is_dir() else path))


def copy(codec, audio: Audio) -> Audio:
    """Encode and decode, the pitch being what Praat measures; as many samples as went in."""
    audio = audio.resample(SAMPLE_RATE)
    curve = measure_pitch(audio)
    samples = codec.decode(codec.encode(audio, curve), curve).samples[: len(audio.samples)]
    return Audio(np.pad(samples, (0, len(audio.samples) - len(samples))), SAMPLE_RATE)


def measure(clip: Path, codecs: dict[str, Codec], highest_hz: float | None = None, save: Path | None = None) -> dict:
    """Figures of the codecs' and of WORLD's copy of one clip, and of the original."""
    original = Audio.read(clip)
    highest_hz = band_of(original) if highest_hz is None else highest_hz
    original = original.resample(SAMPLE_RATE)
    original = Audio(level(original.samples), SAMPLE_RATE)  # as every clip is that a codec is trained on
    found = {"seconds": original.seconds, "hnr": harmonic_to_noise(original.samples, SAMPLE_RATE)}
    copies = {"world": world_copy} | {name: partial(copy, codec) for name, codec in codecs.items()}
    for name, make in copies.items():
        started = time.perf_counter()
        made = make(original)
        found[name] = compare(original, made, highest_hz) | {"seconds": time.perf_counter() - started}
        if save is not None:
            save.mkdir(parents=True, exist_ok=True)
            made.write(save / f"{clip.parent.name}.{clip.stem}.{name}.wav")
    return found


def compare(original: Audio, made: Audio, highest_hz: float | None = None) -> dict:
    """Distances of a copy in step with its original."""
    x, y, rate = original.samples, made.samples, original.sample_rate
    before, after = track(original), track(made)
    both = before.voiced & after.voiced
    # An empty band would rule the cepstra: both are resampled to the rate whose 0.45 is highest_hz.
    band_rate = rate if highest_hz is None else min(rate, round(highest_hz / 0.45))
    in_band = [sound.resample(band_rate).samples for sound in (original, made)]
    return {
        "lsd": log_spectral_distance(x, y, rate, highest_hz=highest_hz),
        "lsd1": log_spectral_distance(x, y, rate, order=1, highest_hz=highest_hz),
        "mel": mel_distance(x, y, rate, highest_hz=highest_hz),
        "mcd": mel_cepstral_distortion(*in_band, band_rate),
        "hnr": harmonic_to_noise(y, rate),
        "f0_median_cents": float(np.median(np.abs(after.cents - before.cents)[both])) if both.any() else float("nan"),
        "voicing_disagreement": 100 * float(np.mean(before.voiced != after.voiced)),
    }



if __name__ == "__main__":
    main()
