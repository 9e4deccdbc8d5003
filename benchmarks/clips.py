"""Held-out recordings beside what the voice makes of them: the codec's copy, and the DiT with true timing and pitch.

  python -m benchmarks.clips --clips kumi=held_out.jsonl --clips hibari=teacher_songs --clips real=DIR

The codec's copy stands beside WORLD's and HiFi-GAN's (on the band HiFi-GAN hears, 8 kHz at 22.05 kHz). Two noises of
equal colour already differ in log spectrum: `floor` is the distance of two such twins of the recording, below which no
copy with noise of its own falls where a sound is noise. `refined` are copies whose latents were found by listening to
them (--refined; svs/codec/refining.py). Clips of a .jsonl manifest with phones, and sounds with a take
beside them (SONG.wav, SONG.json: data_prep.teach_songs), are sung by the DiT too (`chain`) where they are of a singer
of the voice; its cepstral distortion is from the codec's copy. Naturalness (DNSMOS) and likeness want optional packages
and are left out without them.
"""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import numpy as np

from benchmarks.chain import from_take
from benchmarks.codec import Codec, copy, load_codec
from benchmarks.common import at_least, band_of, mean, parser, print_table, say, sound_files, verdict, write_json
from benchmarks.judges import HIFIGAN_BANDS, HIFIGAN_HIGHEST_HZ, HIFIGAN_RATE, hifigan_copy, likeness, naturalness
from svs.audio import Audio
from svs.dataset import level, measure_pitch, read_manifest
from svs.evaluation.spectrum import (
    harmonic_to_noise,
    log_spectral_distance,
    mel_cepstral_distortion,
    mel_distance,
    world_copy,
)
from svs.units import SAMPLE_RATE
from svs.voice import Voice

FIGURES = {
    "lsd": "LSD", "lsd_refined": "refined", "lsd_world": "WORLD's", "lsd_floor": "floor",
    "mel": "mel 8 kHz", "mel_refined": "refined", "mel_hifigan": "HiFi-GAN's",
    "hnr": "HNR", "hnr_copy": "copy's", "mos": "MOS", "mos_copy": "copy's", "mos_refined": "refined", "like_copy": "copy alike",
    "chain_mcd": "chain MCD", "chain_hnr": "HNR", "chain_mos": "MOS", "chain_like": "alike",
}  # fmt: skip
LSD_BAR, MOS_COPY_BAR, MOS_CHAIN_BAR, MCD_BAR, LIKE_BAR = 0.92, 0.15, 0.2, 5.0, 0.85


def main(arguments=None) -> dict:
    options = parser(__doc__)
    options.add_argument(
        "--clips", action="append", required=True, metavar="NAME=PATH", help="a group; may be repeated"
    )
    options.add_argument("--voice", default="default")
    options.add_argument("--limit", type=int, default=12, help="clips of a group at most, evenly spaced (0: all)")
    options.add_argument("--heldout", nargs="+", metavar="NAME", help="only clips of these speakers, or so named")
    options.add_argument("--refined", action="store_true", help="measure copies encoded by listening to them, too")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--save", type=Path, help="write copies and chain into this folder, to be listened to")
    options.add_argument("--json", type=Path)
    options = options.parse_args(arguments)

    codec, singers = load_codec(None, options.voice), Voice.load(options.voice).singers
    groups: dict[str, dict[str, dict]] = {}
    for item in options.clips:
        name, _, path = item.partition("=")
        if not path:
            raise SystemExit(f"--clips {item}: NAME=PATH is wanted")
        labels = {clip["audio"]: clip for clip in read_manifest(path)} if path.endswith(".jsonl") else {}
        for sound in sound_files(Path(path), options.limit, options.heldout):
            say(f"{name}: {sound.name}")
            clip = labels.get(str(sound)) or beside(sound)
            known = clip.get("speaker") in singers and bool(clip.get("phones"))
            found = measure(sound, codec, clip if known else None, options)
            groups.setdefault(name, {})[f"{sound.parent.name}/{sound.stem}"] = found
    means = {
        name: {f: mean([clip.get(f) for clip in clips.values()]) for f in FIGURES} for name, clips in groups.items()
    }
    print_table(["clips", *FIGURES.values()], [[f"{n} ({len(groups[n])})", *m.values()] for n, m in means.items()])
    print()
    for name, figures in means.items():
        verdicts(name, figures)
    write_json(options.json, {"clips": groups, "means": means})
    return means


def verdicts(name: str, figures: dict) -> None:
    """Lines that hold a group's means against the bars."""
    floor, world = figures["lsd_floor"], figures["lsd_world"]
    for copies, key in (("codec's", "lsd"), ("refined copy's", "lsd_refined")):
        if key == "lsd" or figures[key] is not None:
            ratio = figures[key] / world if figures[key] and world else None
            verdict(f"{name}: {copies} log-spectral distance ÷ WORLD's (two noises: {floor:.3f} nepers)", ratio, LSD_BAR)
    if figures["mel_hifigan"] is not None:
        verdict(f"{name}: codec's mel distance, bar is HiFi-GAN's", figures["mel"], figures["mel_hifigan"])
    if figures["mos"] is not None:
        verdict(f"{name}: DNSMOS that the codec loses", figures["mos"] - figures["mos_copy"], MOS_COPY_BAR)
        if figures["mos_refined"] is not None:
            verdict(f"{name}: DNSMOS that the refined copy loses", figures["mos"] - figures["mos_refined"], MOS_COPY_BAR)
    if figures["chain_mcd"] is None:
        return
    verdict(f"{name}: chain's mel-cepstral distortion from the codec's copy, dB", figures["chain_mcd"], MCD_BAR)
    if figures["chain_mos"] is not None:
        verdict(
            f"{name}: DNSMOS that the chain loses on the copy",
            figures["mos_copy"] - figures["chain_mos"],
            MOS_CHAIN_BAR,
        )
    if figures["chain_like"] is not None:
        at_least(f"{name}: likeness of chain and recording", figures["chain_like"], LIKE_BAR)


def measure(path: Path, codec: Codec, clip: dict | None, options: Namespace) -> dict:
    """Figures of one recording; clip: its line of a manifest, for the chain."""
    recorded = Audio.read(path)
    highest_hz = band_of(recorded)
    recorded = recorded.resample(SAMPLE_RATE)
    recorded = Audio(level(recorded.samples), SAMPLE_RATE)
    copied = copy(codec, recorded)
    x, y = recorded.samples, copied.samples
    noises = (coloured_noise(x, seed) for seed in (1, 2))
    found = {
        "lsd": log_spectral_distance(x, y, SAMPLE_RATE, highest_hz=highest_hz),
        "lsd_world": log_spectral_distance(x, world_copy(recorded).samples, SAMPLE_RATE, highest_hz=highest_hz),
        "lsd_floor": log_spectral_distance(*noises, SAMPLE_RATE, highest_hz=highest_hz),
        "mel": band_distance(recorded, copied),
        "hnr": harmonic_to_noise(x, SAMPLE_RATE),
        "hnr_copy": harmonic_to_noise(y, SAMPLE_RATE),
        "mos": naturalness(recorded),
        "mos_copy": naturalness(copied),
        "like_copy": likeness(recorded, copied),
    }
    other = hifigan_copy(recorded)
    found["mel_hifigan"] = None if other is None else band_distance(recorded, other)
    sounds = {"copy": copied}
    if options.refined:
        sounds["refined"] = nearer = copy(codec.refined(), recorded)
        found |= {
            "lsd_refined": log_spectral_distance(x, nearer.samples, SAMPLE_RATE, highest_hz=highest_hz),
            "mel_refined": band_distance(recorded, nearer),
            "mos_refined": naturalness(nearer),
        }
    if clip is not None:
        settings = Namespace(voice=options.voice, singer=clip["speaker"], seed=options.seed)
        sung = from_take(as_take(clip, recorded), settings)
        sung = Audio(level(sung.samples), SAMPLE_RATE)
        band = SAMPLE_RATE if highest_hz is None else round(highest_hz / 0.45)
        length = min(len(y), len(sung.samples))
        both = [Audio(s[:length], SAMPLE_RATE).resample(band).samples for s in (y, sung.samples)]
        found |= {
            "chain_mcd": mel_cepstral_distortion(*both, band),
            "chain_hnr": harmonic_to_noise(sung.samples, SAMPLE_RATE),
            "chain_mos": naturalness(sung),
            "chain_like": likeness(recorded, sung),
        }
        sounds["chain"] = sung
    if options.save is not None:
        options.save.mkdir(parents=True, exist_ok=True)
        for name, sound in sounds.items():
            sound.write(options.save / f"{path.parent.name}.{path.stem}.{name}.wav")
    return found


def beside(sound: Path) -> dict:
    """The take beside a sound as a clip is in a manifest; empty where there is none."""
    path = sound.with_suffix(".json")
    take = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {"speaker": take["singer"], "phones": take["phones"], "notes": take["notes"]} if "phones" in take else {}


def as_take(clip: dict, recorded: Audio) -> dict:
    """A labelled clip as a take: its phones at their times, its measured contour, its notes with their phones."""
    curve = measure_pitch(recorded)
    phonemes: dict[int, list[str]] = {}
    for phone in clip["phones"]:
        stress = phone.get("stress")
        phonemes.setdefault(phone["note"], []).append(phone["symbol"] + ("" if stress is None else str(stress)))
    notes = [{"phonemes": phonemes.get(number, [])} | note for number, note in enumerate(clip.get("notes") or [])]
    f0 = {"hop_seconds": curve.hop_seconds, "cents": curve.cents, "voiced": curve.voiced}
    phones = [phone if phone["note"] < len(notes) else phone | {"note": -1} for phone in clip["phones"]]
    return {"notes": notes, "phones": phones, "f0": f0}


def band_distance(reference: Audio, estimate: Audio) -> float:
    """Mel distance in nepers over the band that HiFi-GAN hears."""
    x, y = (sound.resample(HIFIGAN_RATE).samples for sound in (reference, estimate))
    return mel_distance(x, y, HIFIGAN_RATE, HIFIGAN_BANDS, HIFIGAN_HIGHEST_HZ)


def coloured_noise(samples: np.ndarray, seed: int) -> np.ndarray:
    """Gaussian noise whose spectrum changes as the sound's, smoothed over 350 Hz, does."""
    from scipy.ndimage import uniform_filter1d
    from scipy.signal import istft, stft

    window = {"nperseg": 1024, "noverlap": 768}
    spectrum = stft(samples, **window)[2]
    envelope = np.sqrt(uniform_filter1d(np.abs(spectrum) ** 2, 8, axis=0))
    noise = stft(np.random.default_rng(seed).standard_normal(len(samples)), **window)[2]
    noise /= np.sqrt(np.mean(np.abs(noise) ** 2))
    made = istft(noise * envelope, **window)[1][: len(samples)]
    return np.pad(made, (0, len(samples) - len(made))).astype(np.float32)



if __name__ == "__main__":
    main()
