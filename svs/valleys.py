"""How deep the valleys between the partials of a voice's singers are, measured in their recordings: figures of svs.purity.

    python -m svs.valleys voices/mine --features features/teacher features/kumi

Writes purity.json into the voice's folder; svs.release does so for a voice that it makes. Clips that were made of others
(data_prep.shifted) do not count: moving the pitch of a sound fills its valleys.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from svs.codec.purity import BANDS, over_noise
from svs.dataset import DatasetError, Shard
from svs.phonemes import is_vowel
from svs.purity import FILE, Purity, inner_frames, save
from svs.voice import Voice, VoiceError

CLIPS = 60  # of a singer at most


def purities(codec, shards: Sequence[Shard], names: Sequence[str]) -> dict[str, Purity]:
    """The figures of all those singers of whom there are enough recorded vowels. codec: a SourceFilterNetwork."""
    found: dict[str, Purity] = {}
    for name in names:
        own = [
            (shard, clip)
            for shard in shards
            for clip in shard.clips
            if clip["speaker"] == name and clip.get("phones") and "shifted_semitones" not in clip
        ]
        parts = [_vowels(codec, shard, clip) for shard, clip in own[:: -(-len(own) // CLIPS) or 1]]
        if parts:
            figures = Purity.of(*(np.concatenate(column) for column in zip(*parts, strict=True)))
            found |= {} if figures is None else {name: figures}
    return found


def _vowels(codec, shard: Shard, clip: dict) -> tuple[np.ndarray, np.ndarray]:
    """What `over_noise` says of the frames inside a clip's vowels, as the decoder makes them of its latents; their cents."""
    import torch

    samples, curve = shard.samples(clip["start"], clip["frames"]), shard.curve(clip["start"], clip["frames"])
    cents, voiced = curve.cents.astype(np.float32), curve.voiced
    inside = np.zeros(len(cents), bool)
    for phone in clip["phones"]:
        if is_vowel(phone["symbol"]):
            inside[inner_frames(phone["start"], phone["end"], curve.hop_seconds)] = True
    inside &= voiced
    if not inside.any():
        return np.zeros((0, BANDS), np.float32), cents[:0]
    with torch.inference_mode():
        latents = codec.encode(torch.from_numpy(np.ascontiguousarray(samples, np.float32))[None])
        pitch = (torch.from_numpy(cents)[None], torch.from_numpy(voiced)[None])
        magnitude, noise = (x[0].numpy() for x in codec.filters(latents, *pitch))
    noise = noise.reshape(len(cents), -1, noise.shape[-1])[inside]
    return over_noise(magnitude[inside], noise.reshape(-1, noise.shape[-1]), cents[inside]), cents[inside]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m svs.valleys", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("voice", type=Path, help="its folder")
    parser.add_argument("--features", type=Path, nargs="+", required=True, help="shards of its singers' recordings")
    options = parser.parse_args(arguments)
    try:
        voice = Voice.load(options.voice)
        found = purities(voice.codec, [Shard.open(folder) for folder in options.features], list(voice.singers))
    except (DatasetError, VoiceError) as error:
        print(f"valleys: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    path = voice.folder / FILE
    save(found, path)
    lacking = [name for name in voice.singers if name not in found]
    print(f"{path}: figures of {', '.join(found) or 'nobody'}" + (f"; too little of {', '.join(lacking)}" if lacking else ""))


if __name__ == "__main__":
    main()
