"""What the voice of a new corpus begins from: another voice's weights, with rows for the corpus's phones and singers.

    python -m data_prep.begin features/folder --voice default --out begin

Phones keep what the voice knows of them, even those that the corpus never sings; a phone it lacks begins as the nearest
it has. Each new singer begins as that singer of the voice by whom the recordings are foretold best, by the loss of what
the voice's network learns. Further conditions that the voice knows are learned on: clips are described, and their
singers embedded, where that has not been done, and styles that the voice lacks join its own.
Writes acoustic.safetensors, timing.safetensors, and acoustic.yaml and timing.yaml, which give `svs train` the tables
and the networks' sizes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from data_prep import stages
from data_prep.annotate import annotate
from svs.audio import write_text
from svs.dataset import DatasetError, Shard
from svs.frames import GROUPS
from svs.inventory import nearest
from svs.timing import ConsonantDurations
from svs.units import LATENT_HOP, SAMPLE_RATE
from svs.voice import Voice, VoiceError, save_acoustic

FRAMES, CROPS = 128, 16  # by which singers are compared
PHONES = ("phoneme", "before", "after")  # tables of the conditioner with a row a phone


def tables(voice: Voice, shard: Shard) -> tuple[list[str], list[str]]:
    """Phones: the voice's, then those of the shard that it lacks. Singers: of the shard's clips with phones.

    Raises DatasetError when no clip has phones.
    """
    clips = [clip for clip in shard.clips if "phones" in clip]
    if not clips:
        raise DatasetError(f"{shard.folder}: no clip has phones; an acoustic model cannot learn from it")
    sung = {phone["symbol"] for clip in clips for phone in clip["phones"]}
    return [*voice.phonemes, *sorted(sung - set(voice.phonemes))], sorted({clip["speaker"] for clip in clips})


def rows(phonemes: Sequence[str], known: Sequence[str]) -> np.ndarray:
    """(phonemes, known): of which known phones each begins as the mean; of all where none is near."""
    found = np.zeros((len(phonemes), len(known)))
    for row, symbol in enumerate(phonemes):
        among = [phone for phone in nearest(symbol, set(known)) or () if phone in known] or list(known)
        found[row, [known.index(phone) for phone in among]] = 1 / len(among)
    return found


def acoustic(voice: Voice, phonemes: Sequence[str], singers: np.ndarray):
    """The voice's network for other tables. singers: (new, the voice's) shares of which each new singer begins."""
    import torch

    network = voice.acoustic
    fresh = type(network)(**{**network.sizes, "phonemes": len(phonemes), "speakers": len(singers)})
    weights = network.state_dict()
    mixing = torch.from_numpy(rows(phonemes, list(voice.phonemes))).float()
    if "lyrics" in voice.conditions:
        for table in PHONES:
            weights[f"conditioner.{table}.weight"] = mixing @ weights[f"conditioner.{table}.weight"]
    if "speaker" in voice.conditions:
        name = "conditioner.speaker.weight"
        weights[name] = weights[name] @ torch.from_numpy(singers).float().T
    fresh.load_state_dict(weights)
    return fresh.eval()


def timing(voice: Voice, phonemes: Sequence[str], names: Sequence[str], singers: np.ndarray) -> ConsonantDurations:
    """The voice's consonant durations for other tables."""
    old = voice.durations(voice.singer)
    known = list(old.phones[:-1])
    weights = dict(old.weights)
    weights["phone"] = np.concatenate(
        [rows(phonemes, known) @ old.weights["phone"][:-1], old.weights["phone"][-1:]]
    ).astype("f4")
    order = [list(voice.singers).index(speaker) for speaker in old.speakers]
    weights["speaker"] = (singers[:, order] @ old.weights["speaker"]).astype("f4")
    return ConsonantDurations(weights, (*phonemes, "<other>"), tuple(names), names[0])


def likeliest(voice: Voice, shard: Shard, phonemes: Sequence[str], name: str) -> tuple[str, float, float]:
    """The singer of the voice by whom `name`'s clips are foretold best; that loss, and the median one of the others.

    By their rows, and by their embeddings where the voice knows the condition `timbre`; the first of all where it knows
    neither.
    """
    import torch

    from svs.batches import clip_conditions
    from svs.conditioning import collate
    from svs.objectives import objective_of

    network = acoustic(voice, phonemes, np.eye(len(voice.singers)))
    table, latents = {symbol: row for row, symbol in enumerate(phonemes)}, shard.latents()
    clips = [clip for clip in shard.clips if clip["speaker"] == name and "phones" in clip]
    lines, targets = [], []
    for clip in (clips * CROPS)[:CROPS]:
        line = clip_conditions(shard.curve(clip["start"], clip["frames"]), clip, table, [name])
        first = max(0, (line.frames - FRAMES) // 2)
        crop = latents[clip["start"] + first : clip["start"] + min(clip["frames"], first + FRAMES)].astype(np.float32)
        lines.append(line.slice(first, first + FRAMES))
        targets.append(np.pad(crop, ((0, FRAMES - len(crop)), (0, 0))))
    conditions, wanted = collate(lines, FRAMES), torch.from_numpy(np.stack(targets))
    weights = torch.from_numpy(shard.importance())
    losses = []
    weights, loss = weights / weights.mean(), objective_of(network.objective).loss
    with torch.inference_mode():
        for row, singer in zip(torch.eye(len(voice.singers)), voice.singers, strict=True):
            torch.manual_seed(0)  # the same noise and times for all
            sung = replace(conditions, speaker=row.expand(*conditions.keep.shape, -1))
            if "timbre" in voice.conditions:
                sung = replace(sung, timbre=torch.from_numpy(voice.timbre(singer)).expand(len(lines), -1))
            condition = network.condition(sung)

            def predict(x, t, condition=condition):
                return network(x, t, condition, conditions.keep)

            losses.append(float(loss(predict, wanted, conditions.keep, weights)))
    best = int(np.argmin(losses))
    return (
        list(voice.singers)[best],
        losses[best],
        float(np.median(np.delete(losses, best))) if len(losses) > 1 else losses[best],
    )


def sizes(voice: Voice) -> dict[str, dict[str, Any]]:
    """Sizes and choices of the voice's networks, as `svs train` names them, without its tables and conditions."""
    weights, elsewhere = voice.durations(voice.singer).weights, ("phonemes", "speakers", "conditions")
    prefix = {"prefix": round(voice.reference_seconds * SAMPLE_RATE / LATENT_HOP)}
    return {
        "acoustic": {
            **{k: size for k, size in voice.acoustic.sizes.items() if k not in elsewhere},
            **(prefix if "reference" in voice.conditions else {}),
        },
        "timing": {
            "phone_dim": weights["phone"].shape[1],
            "speaker_dim": weights["speaker"].shape[1],
            "hidden": len(weights["b1"]),
        },
    }


def known(voice: Voice, shard: Shard) -> dict[str, Any]:
    """What model and batches of the acoustic model are both told, where the voice knows more than GROUPS.

    Styles: the voice's, then those of the shard that it lacks.
    """
    if voice.conditions == GROUPS:
        return {}
    told: dict[str, Any] = {"conditions": list(voice.conditions)}
    if "style" in voice.conditions:
        sung = {clip["style"] for clip in shard.clips if clip.get("style") is not None}
        told["styles"] = [*voice.styles, *sorted(sung - set(voice.styles))]
    if "text" in voice.conditions:
        told["text_encoder"] = voice.text_encoder
    return told


def configuration(part: str, tables: dict[str, Any], start: Path, sizes: dict[str, Any]) -> str:
    """YAML for `svs train`, to be read after a recipe's own: JSON is YAML too. tables: of model and batches."""
    kind = part.capitalize()
    model = {"class_path": f"svs.training.{kind}Training", "init_args": {**tables, **sizes, "start": str(start)}}
    data = {"class_path": f"svs.batches.{kind}Batches", "init_args": tables}
    return json.dumps({"model": model, "data": data}, ensure_ascii=False, indent=1) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m data_prep.begin", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shard", type=Path, help="features with latents of the voice's codec")
    parser.add_argument("--voice", default="default", help="name or folder of the voice to begin from")
    parser.add_argument("--out", type=Path, required=True, help="folder of what is written")
    options = parser.parse_args(arguments)
    voice, shard = Voice.load(options.voice), Shard.open(options.shard)
    phonemes, names = tables(voice, shard)
    singers = np.zeros((len(names), len(voice.singers)))
    for row, name in enumerate(names):
        singer, loss, others = likeliest(voice, shard, phonemes, name)
        singers[row, list(voice.singers).index(singer)] = 1.0
        print(f"{name}: begins as {singer} of voice {voice.name} (loss {loss:.3f}; with the others {others:.3f})")
    if new := phonemes[len(voice.phonemes) :]:
        print(f"{options.out}: {len(new)} phones that voice {voice.name} lacks: {' '.join(new)}")
    annotate(shard, voice.conditions)
    told = {"phonemes": phonemes, "speakers": names}
    tables_of = {"timing": told, "acoustic": {**told, **known(voice, shard)}}
    options.out.mkdir(parents=True, exist_ok=True)
    timing(voice, phonemes, names, singers).save(options.out / "timing.safetensors")
    for part in ("timing", "acoustic"):
        start = options.out / f"{part}.safetensors"
        write_text(options.out / f"{part}.yaml", configuration(part, tables_of[part], start, sizes(voice)[part]))
    save_acoustic(acoustic(voice, phonemes, singers), options.out / "acoustic.safetensors")


if __name__ == "__main__":
    stages.run(main, DatasetError, VoiceError)
