"""What fewer evaluations of the network cost: the voice's own quality beside quicker settings, on the same songs and seed.

    CPU s         of the processor for a second of song, user and system, without reading the score
    cents, V/UV   mean error of the frames inside notes, voicing disagreement, as in benchmarks.pitch
    WER           Whisper tiny.en, as in benchmarks.words; left out by --no-words
    LSD, mel      nepers from the render at the voice's own quality, whose seed and so whose noise is the same

A setting is SAMPLER/STEPS, or own, or fast: what --fast takes. midpoint and heun evaluate the network twice a step (heun
once in the last), the others once.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks.common import SONGS, add_few_songs, evenly, parser, print_table, say, song_list, write_json
from benchmarks.guidance import misheard
from svs import samplers
from svs.evaluation import evaluate_take
from svs.evaluation.spectrum import log_spectral_distance, mel_distance
from svs.score import read_score
from svs.sing import Take, sing
from svs.voice import Voice

SETTINGS = ("own", "fast", "midpoint/2", "euler/2", "euler/3", "euler/4", "heun/2")


def main(arguments=None):
    options = parser(__doc__)
    add_few_songs(options)
    options.add_argument("--settings", nargs="+", default=list(SETTINGS))
    options = options.parse_args(arguments)
    songs = evenly(options.songs or song_list(SONGS), options.limit)
    warnings.simplefilter("ignore")
    voice = Voice.load(options.voice)
    settings = ["own", *(name for name in options.settings if name != "own")]
    found: dict[str, list[dict]] = {name: [] for name in settings}
    for path in songs:
        score, own = read_score(path), None
        for name in settings:
            began = time.process_time()
            take = sing(score, voice, pitch="exact", seed=options.seed, singer=options.singer, **asked(name))
            took = time.process_time() - began
            own = own or take
            found[name].append(figures(path, take, own, not options.no_words) | {"cpu": took})
            say(f"{path.stem}, {name}: {took / take.seconds:.3f} CPU s a second")
    rows = {name: together(figured) for name, figured in found.items()}
    headings = ["setting", "evaluations", "CPU s a second", "mean abs ¢", "V/UV %", "WER %", "LSD", "mel"]
    print_table(headings, [[name, evaluations(name, voice), *row.values()] for name, row in rows.items()])
    write_json(options.json, {"songs": [path.stem for path in songs], "settings": rows})


def asked(setting: str) -> dict:
    """What a setting asks of `sing`. Raises SystemExit for one that is none."""
    if setting in ("own", "fast"):
        return {"fast": setting == "fast"}
    sampler, slash, steps = setting.partition("/")
    if not slash or not steps.isdecimal():
        raise SystemExit(f"{setting!r}: a setting is own, fast or SAMPLER/STEPS, such as euler/2")
    return {"sampler": sampler, "steps": int(steps)}


def evaluations(setting: str, voice: Voice) -> int:
    """How often a setting evaluates the network; guidance of scales other than 1 multiplies that."""
    if setting in ("own", "fast"):
        sampler, steps = (voice.sampler, voice.steps) if setting == "own" else (voice.quick["sampler"], voice.quick["steps"])
    else:
        sampler, steps = asked(setting).values()
    return samplers.evaluations(sampler, steps)


def figures(path: Path, take: Take, own: Take, words: bool) -> dict:
    """Of one song: what `together` adds up."""
    frames = evaluate_take(take.audio, take.to_json())["frames"]
    wrong, said = misheard(path, take.audio, take.to_json()) if words else (0, 0)
    sounds = own.audio.samples, take.audio.samples, take.audio.sample_rate
    return {
        "seconds": take.seconds,
        "frames": frames["frames"],
        "cents": frames["mean_abs_error_cents"],
        "voicing": frames["voicing_disagreement"],
        "wrong": wrong,
        "said": said,
        "lsd": 0.0 if take is own else log_spectral_distance(*sounds),
        "mel": 0.0 if take is own else mel_distance(*sounds),
    }


def together(songs: list[dict]) -> dict:
    """Of all songs: frames, seconds and words count alike."""

    def mean(key: str, weight: str) -> float:
        return float(np.average([song[key] for song in songs], weights=[song[weight] for song in songs]))

    said = sum(song["said"] for song in songs)
    return {
        "cpu": sum(song["cpu"] for song in songs) / sum(song["seconds"] for song in songs),
        "cents": mean("cents", "frames"),
        "voicing": mean("voicing", "seconds"),
        "wer": 100 * sum(song["wrong"] for song in songs) / said if said else None,
        "lsd": mean("lsd", "seconds"),
        "mel": mean("mel", "seconds"),
    }


if __name__ == "__main__":
    main()
