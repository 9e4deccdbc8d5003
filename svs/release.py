"""From checkpoints to a voice: the trained networks, and the folder that `svs sing` reads.

    python -m svs.release --codec codec/trained.ckpt --timing timing/trained.ckpt --acoustic acoustic/trained.ckpt \\
        --features features/teacher --out voices/mine

The folder's CARD.md gets what the checkpoints' folders tell of how they were made, between two marks; the rest of it is
its author's, and left alone.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import pickle
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np

from svs import band, purity, timbre
from svs.annotations import timbres as timbres_of
from svs.audio import AudioError
from svs.card import CARD, CardError, write_card
from svs.codec import CodecError, load_network, save_network
from svs.dataset import DatasetError, Shard
from svs.files import read_small
from svs.guidance import GuidanceError, read_guidance
from svs.mistakes import Mistake
from svs.speaker import EMBEDDINGS, direction, write_embeddings
from svs.units import LATENT_HOP, SAMPLE_RATE
from svs.valleys import purities
from svs.voice import TIMBRES, Voice, VoiceError, save_acoustic

RANGE_PERCENTILES = (1, 99)  # of a singer's notes, or voiced frames: what lies outside is too rare to be learned
HEARD, LEARNED = 8, 200  # clips of a singer at most: that tell where the recordings end; that the band above is learned from
PARTS = ("codec.safetensors", "timing.safetensors", "acoustic.safetensors", "voice.json")


class ReleaseError(Mistake):
    """Checkpoints that are missing, are not what was asked for, or do not belong together."""


def codec_of(path):
    """The codec's network in a checkpoint of CodecTraining, or in codec.safetensors. Raises ReleaseError, CodecError."""
    if Path(path).suffix == ".safetensors":
        return load_network(path)
    return _trained("CodecTraining", path, start=None).network.eval()


def timing_of(path):
    """The TimingTraining of a checkpoint. Raises ReleaseError."""
    return _trained("TimingTraining", path, start=None).eval()


def acoustic_of(path):
    """The AcousticTraining of a checkpoint; its network has the averaged weights where the run averaged them."""
    from svs.training import ALONE

    return _trained("AcousticTraining", path, **ALONE).eval()


def _check_checkpoint(part: str, path) -> None:
    if not Path(path).is_file():
        raise ReleaseError(f"{path}: no such checkpoint; the recipe's stage `train-{part}` makes it")


def _trained(kind: str, path, **replaced):
    _check_checkpoint(kind.removesuffix("Training").lower(), path)
    from svs import training

    try:
        # Lightning's averaging callback puts the average under state_dict, and the last weights elsewhere
        return getattr(training, kind).load_from_checkpoint(path, map_location="cpu", weights_only=True, **replaced)
    except (OSError, RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ReleaseError(f"{path}: not a checkpoint of {kind} ({reason})") from None


def singers(shards: Sequence[Shard], names: Sequence[str]) -> dict[str, dict]:
    """For every singer the range in cents of what they sing, lowest and highest semitone, and the languages.

    It is that of the notes where a clip has them: trackers halve and double, and this tells a singer what is too high.
    Raises ReleaseError naming a singer of whom nothing voiced is in the shards.
    """
    sung: dict[str, list[np.ndarray]] = {name: [] for name in names}
    languages: dict[str, set[str]] = {name: set() for name in names}
    for shard in shards:
        for clip in shard.clips:
            if clip["speaker"] in sung:
                languages[clip["speaker"]].add(clip["language"])
                curve = shard.curve(clip["start"], clip["frames"])
                notes = [note["cents"] for note in clip.get("notes", ())]
                sung[clip["speaker"]].append(np.array(notes) if notes else curve.cents[curve.voiced])
    found = {}
    for name, parts in sung.items():
        cents = np.concatenate([np.zeros(0), *parts])
        if not len(cents):
            raise ReleaseError(f"no voiced sound of singer {name!r} in {', '.join(str(s.folder) for s in shards)}")
        low, high = np.percentile(cents, RANGE_PERCENTILES)
        found[name] = {
            "range_cents": [100 * round(low / 100), 100 * round(high / 100)],
            "languages": sorted(languages[name]),
        }
    return found


def band_above(codec, shards: Sequence[Shard], whole: Sequence[Shard]) -> np.ndarray | None:
    """What svs.band learns of the recordings that do not end too soon; None where all do, or none of `shards` does."""
    found: list[Iterator[np.ndarray]] = []
    lacking = False
    for number, shard in enumerate((*shards, *whole)):
        speakers: dict[str, list[dict]] = {}
        for clip in shard.clips:
            speakers.setdefault(clip["speaker"], []).append(clip)
        for clips in speakers.values():
            if band.is_cut(_sounds(shard, clips, HEARD)):
                lacking = lacking or number < len(shards)
            else:
                found.append(_sounds(shard, clips, LEARNED))
    if not (found and lacking):
        return None
    turns = (sound for turn in zip_longest(*found) for sound in turn if sound is not None)
    return band.fit(codec, turns)


def _sounds(shard: Shard, clips: Sequence[dict], most: int) -> Iterator[np.ndarray]:
    """Of so many clips at most, evenly spaced."""
    return (shard.samples(clip["start"], clip["frames"]) for clip in clips[:: -(-len(clips) // most)])


def export(
    codec,
    timing,
    acoustic,
    shards: Sequence[Shard],
    out,
    name: str | None = None,
    singer: str | None = None,
    licence: str = "",
    steps: int = 4,
    guidance: dict[str, float] | None = None,
    sampler: str = "midpoint",
    fast: dict | None = None,
    breathes: Sequence[str] = (),
    consonants: Mapping[str, Mapping[str, float]] | None = None,
    consonant_length: float | None = None,
    blends: Mapping[str, Mapping] | None = None,
    whole: Sequence[Shard] = (),
) -> Voice:
    """Write a voice folder from three checkpoints; `out` is changed only once the new voice has been loaded whole.

    shards: the labelled corpora, for the singers' ranges, languages and purity (svs.purity). singer: the default one; the first
    when None.
    fast: of a quick render, as of Voice. breathes: singers whose breaths are labelled.
    consonants: singer → other singer → share of their consonants in languages of which there are no clips by that singer.
    consonant_length: how many times as long as in the recordings consonants are sung; as long when None.
    blends: singers made of others, as of Voice.
    whole: further recordings from which is learned, beside the singers' own, what the band of those recorded at 24 kHz
    lacks (svs.band).
    With the condition `timbre` the singers' embeddings are the means of their clips' (svs.annotations).
    Raises ReleaseError, CodecError, DatasetError or VoiceError.
    """
    out = Path(out)
    for part, path in (("codec", codec), ("timing", timing), ("acoustic", acoustic)):
        _check_checkpoint(part, path)  # before anything heavy is loaded
    acoustic, timing, codec = acoustic_of(acoustic), timing_of(timing), codec_of(codec)
    tables = {key: list(acoustic.hparams[key]) for key in ("phonemes", "speakers")}
    for key, table in tables.items():
        if list(timing.hparams[key]) != table:
            raise ReleaseError(f"timing and acoustic model were trained with different {key}; make their configs agree")
    lent = consonants or {}
    named = {"breathes": set(breathes), "consonants": set(lent).union(*lent.values())}
    for option, strangers in ((option, sorted(those - set(tables["speakers"]))) for option, those in named.items()):
        if strangers:
            raise ReleaseError(f"{option}: no singer {', '.join(strangers)}; there are {', '.join(tables['speakers'])}")
    of_singers = singers(shards, tables["speakers"])
    languages = sorted({language for about in of_singers.values() for language in about["languages"]})
    for who in breathes:
        of_singers[who]["breathes"] = True
    for who, shares in lent.items():
        of_singers[who]["consonants"] = dict(shares)
    above, figures = band_above(codec, shards, whole), purities(codec, shards, tables["speakers"])
    facts = {
        "name": name or out.name,
        "singer": singer or tables["speakers"][0],
        "singers": of_singers,
        "phonemes": tables["phonemes"],
        "languages": languages,
        "licence": licence,
        "steps": steps,
        "guidance": guidance or {},
        "sampler": sampler,
        **({"fast": fast} if fast else {}),
        **({"consonant_length": consonant_length} if consonant_length else {}),
        **({"blends": dict(blends)} if blends else {}),
        **_further_facts(acoustic),
    }
    timbres = mean_timbres(shards, tables["speakers"]) if "timbre" in acoustic.names else None
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
        made = Path(folder)
        save_network(codec, made / PARTS[0])
        timing.durations().save(made / PARTS[1])
        save_acoustic(acoustic.network, made / PARTS[2])
        if above is not None:
            band.save(above, made / band.FILE)
        if figures:
            purity.save(figures, made / purity.FILE)
        if timbres is not None:
            write_embeddings(made / TIMBRES, timbres, "the clips that the voice learned from")
        (made / PARTS[3]).write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        Voice.load(made)
        for name in (EMBEDDINGS, TIMBRES, band.FILE, purity.FILE):
            (out / name).unlink(missing_ok=True)  # of singers that are no more
        for part in (*(name for name in (band.FILE, purity.FILE, TIMBRES) if (made / name).is_file()), *PARTS):
            os.replace(made / part, out / part)
    return Voice.load(out)


def read_lent(text: str) -> tuple[str, dict[str, float]]:
    """SINGER=OTHER[:SHARE] as singer and shares, 1 where none is named. Raises ReleaseError."""
    singer, _, lender = text.partition("=")
    other, colon, share = lender.partition(":")
    try:
        amount = float(share) if colon else 1.0
    except ValueError:
        amount = math.nan
    if not (singer and other and singer != other and 0.0 <= amount <= 1.0):
        raise ReleaseError(f"consonants: {text!r}; SINGER=OTHER or SINGER=OTHER:SHARE is wanted, a share from 0 to 1")
    return singer, {other: amount}


def read_blends(path: Path) -> dict:
    """The singers made of others that a JSON file describes. Raises ReleaseError."""
    try:
        blends = json.loads(read_small(path).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ReleaseError(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(blends, dict):
        raise ReleaseError(f"{path}: singers by name are wanted, as under blends in voice.json")
    return blends


def _further_facts(acoustic) -> dict:
    """What voice.json says of conditions beyond lyrics, pitch and speaker."""
    facts: dict = {}
    if "style" in acoustic.names:
        styles = list(acoustic.hparams.styles)
        facts |= {"styles": styles, "style": styles[0]}
    if "text" in acoustic.names:
        facts["text_encoder"] = acoustic.hparams.text_encoder
    if "reference" in acoustic.names:
        facts["reference_seconds"] = round(acoustic.hparams.prefix * LATENT_HOP / SAMPLE_RATE, 3)
    return facts


def mean_timbres(shards: Sequence[Shard], names: Sequence[str]) -> dict[str, np.ndarray]:
    """singer → (numbers,) unit mean of the embeddings of a singer's clips. Raises DatasetError, ReleaseError."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for shard in shards:
        embedded = timbres_of(shard)
        for clip in shard.clips:
            if clip["speaker"] in found:
                found[clip["speaker"]].append(embedded[clip["id"]])
    if lacking := [name for name, vectors in found.items() if not vectors]:
        raise ReleaseError(f"no clip of singer {lacking[0]!r} in {', '.join(str(s.folder) for s in shards)}")
    return {name: direction(np.array(vectors)) for name, vectors in found.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m svs.release", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for part in ("codec", "timing", "acoustic"):
        parser.add_argument(f"--{part}", type=Path, required=True, help=f"checkpoint of the stage train-{part}")
    parser.add_argument("--features", type=Path, nargs="+", required=True, help="shards of the labelled corpora")
    parser.add_argument("--out", type=Path, required=True, help="folder of the voice")
    parser.add_argument("--name", help="of the voice (default: the folder's)")
    parser.add_argument("--singer", help="the default one (default: the first)")
    parser.add_argument("--licence", default="", help="of the voice, such as Apache-2.0")
    parser.add_argument("--steps", type=int, default=4, help="of the sampler")
    parser.add_argument("--sampler", default="midpoint", help="of svs/samplers.py; midpoint's steps cost two evaluations each")
    parser.add_argument(
        "--clips", type=Path, nargs="+", default=(), metavar="MANIFEST",
        help="of the singers' recordings, for --singer-from; the voice's own singing if not given",
    )  # fmt: skip
    parser.add_argument("--guidance", default="1.5", help="scale on the lyrics, or by condition: lyrics=1.5,text=2")
    parser.add_argument("--fast-steps", type=int, help="of a quick render, Euler's without guidance (default: half of --steps)")
    parser.add_argument("--breathes", nargs="+", default=(), metavar="SINGER", help="singers whose breaths are labelled BR")
    parser.add_argument(
        "--consonants", nargs="+", default=(), metavar="SINGER=OTHER[:SHARE]",
        help="who lends a singer the consonants of languages the singer was not recorded in",
    )  # fmt: skip
    parser.add_argument("--consonant-length", type=float, metavar="FACTOR", help="on the durations of consonants as recorded")
    parser.add_argument("--blends", type=Path, metavar="FILE", help="JSON: singers made of others, as in voice.json")
    parser.add_argument(
        "--whole", type=Path, nargs="+", default=(), metavar="SHARD",
        help="recordings up to 20 kHz, from which singers recorded at 24 kHz get what they lack",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    try:
        voice = export(
            options.codec,
            options.timing,
            options.acoustic,
            [Shard.open(folder) for folder in options.features],
            options.out,
            options.name,
            options.singer,
            options.licence,
            options.steps,
            {name: scale for name, scale in read_guidance(options.guidance).items() if scale != 1.0},
            options.sampler,
            {"steps": options.fast_steps} if options.fast_steps else None,
            options.breathes,
            dict(map(read_lent, options.consonants)),
            options.consonant_length,
            None if options.blends is None else read_blends(options.blends),
            [Shard.open(folder) for folder in options.whole],
        )
    except (ReleaseError, CodecError, DatasetError, GuidanceError, VoiceError) as error:
        print(f"export: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    try:
        timbre.add(voice, options.clips)
    except (ImportError, VoiceError) as error:
        print(f"{voice.folder}: without {EMBEDDINGS}, so that --singer-from is refused ({error})")
    except (DatasetError, AudioError) as error:
        print(f"export: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    print(f"{voice.folder}: voice {voice.name}, singers {', '.join(voice.names)}, {len(voice.phonemes)} phonemes")
    parts = {part: getattr(options, part) for part in ("codec", "timing", "acoustic")}
    try:
        if not write_card(voice.folder, parts):
            print(f"{voice.folder}: {CARD} says how it was made; add data, licences, credit, measured numbers")
    except CardError as error:
        print(f"export: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
