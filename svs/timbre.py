"""Embeddings of a voice's singers, with which `svs sing --singer-from` compares a recording.

    python -m svs.timbre voices/mine                             of the voice's own singing
    python -m svs.timbre voices/mine --clips manifest.jsonl      of recordings of its singers

Writes speakers.json into the voice's folder. Its own singing is what will be heard, and the default. Wants the optional
package resemblyzer: pip install .[speaker]
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np

from svs.audio import Audio, AudioError
from svs.dataset import DatasetError, read_manifest
from svs.score import Score
from svs.sing import sing
from svs.speaker import EMBEDDINGS, Encode, direction, encoder, write_embeddings
from svs.voice import Voice, VoiceError

SYLLABLES = ("how", "clear", "the", "long", "days", "were", "when", "we", "two", "came", "home", "by", "the", "sea")
STEPS = (0, 2, 4, 5, 7, 5, 4, 2, 0, 4, 7, 4, 2, 0)  # semitones
HEIGHTS = (0.3, 0.5)  # of a singer's range, where the tune begins
CLIPS = 40  # of a singer at most


def of_renders(voice: Voice, encode: Encode) -> dict[str, np.ndarray]:
    """singer → (dim,) unit embedding of what the voice sings, at two heights of the singer's range."""
    found = {}
    for singer in voice.singers:
        low, high = voice.range_cents(singer)
        windows = [encode(sung) for sung in (_tune(voice, singer, low + share * (high - low)) for share in HEIGHTS)]
        found[singer] = direction(np.concatenate(windows))
    return found


def _tune(voice: Voice, singer: str, lowest: float) -> Audio:
    lowest = 100 * round(lowest / 100)
    notes = [
        (0.5 * i, 0.5, lowest + 100.0 * step, lyric)
        for i, (step, lyric) in enumerate(zip(STEPS, SYLLABLES, strict=True))
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        audio = sing(Score.from_notes(notes), voice, singer=singer, breaths=False).audio
    assert isinstance(audio, Audio)  # no file was asked for
    return audio


def of_clips(clips: list[dict], singers, encode: Encode) -> dict[str, np.ndarray]:
    """singer → (dim,) unit embedding of up to CLIPS of a singer's recordings, evenly spaced. Raises DatasetError."""
    found = {}
    for singer in singers:
        own = [clip["audio"] for clip in clips if clip.get("speaker") == singer]
        if not own:
            raise DatasetError(
                f"no clip of singer {singer!r} in the manifests; leave them out to use the voice's own singing"
            )
        own = [own[i * len(own) // CLIPS] for i in range(CLIPS)] if len(own) > CLIPS else own
        found[singer] = direction(np.concatenate([encode(Audio.read(path)) for path in own]))
    return found


def add(voice: Voice, manifests=(), encode: Encode | None = None) -> Path:
    """Write the embeddings of a voice's singers into its folder: of the manifests' clips, else of its own singing.

    Raises ImportError without the encoder, DatasetError, AudioError.
    """
    encode = encode or encoder()
    if manifests:
        clips = [clip for manifest in manifests for clip in read_manifest(manifest)]
        found, source = of_clips(clips, voice.singers, encode), "recordings"
    else:
        found, source = of_renders(voice, encode), "the voice's own singing"
    write_embeddings(voice.folder / EMBEDDINGS, found, source)
    return voice.folder / EMBEDDINGS


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m svs.timbre", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("voice", help="folder of the voice, or the name of an installed one")
    parser.add_argument(
        "--clips", type=Path, nargs="+", default=(), metavar="MANIFEST", help="JSON lines of clips with `speaker`"
    )
    options = parser.parse_args(arguments)
    try:
        path = add(Voice.load(options.voice), options.clips)
    except (VoiceError, DatasetError, AudioError, ImportError) as error:
        print(f"timbre: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
