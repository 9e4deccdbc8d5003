"""The chain's losses one by one: teacher → codec copy → DiT with the teacher's timing and pitch → full chain.

  python -m benchmarks.chain --teacher DIR

DIR holds for each song SONG.wav and SONG.json, a take: its notes, phones and measured f0. Every stage's words are heard
by the recogniser; stages that keep the teacher's timing are also compared with its sound, frame by frame.
--stage NAME=DIR adds the SONG.wav of a folder as one more stage.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path

from benchmarks.codec import compare, copy, load_codec
from benchmarks.common import add_song_options, mean, parser, print_table, renders, say, write_json
from benchmarks.words import hear
from svs.audio import Audio
from svs.evaluation import take_curve, take_notes
from svs.evaluation.intelligibility import word_error_rate
from svs.evaluator import song_words
from svs.units import SAMPLE_RATE

FIGURES = ("lsd", "mel", "mcd", "hnr", "f0_median_cents", "voicing_disagreement")


def main(arguments=None):
    options = parser(__doc__)
    add_song_options(options)
    options.add_argument("--teacher", type=Path, required=True)
    options.add_argument("--codec", type=Path, help="codec folder or file (default: the voice's)")
    options.add_argument("--stage", action="append", default=[], metavar="NAME=DIR")
    options.add_argument("--highest-hz", type=float, default=10_800, help="top of the teacher's band (24 kHz: 10800)")
    options = options.parse_args(arguments)
    folders = {name: Path(path) for name, _, path in (item.partition("=") for item in options.stage)}

    stages: dict[str, list[dict]] = {}
    for score, rendered, rendered_take in renders(options):
        wav = options.teacher / f"{score.stem}.wav"
        if not wav.is_file() or not wav.with_suffix(".json").is_file():
            say(f"{wav}: not there with its .json; this song is left out")
            continue
        teacher = Audio.read(wav).resample(SAMPLE_RATE)
        take = json.loads(wav.with_suffix(".json").read_text(encoding="utf-8"))
        sounds = {
            "teacher": (teacher, take),
            "codec copy": (copy(load_codec(options.codec, options.voice), teacher), take),
            "DiT, teacher's timing and pitch": (from_take(take, options), take),
        }
        for name, folder in folders.items():
            if (folder / wav.name).is_file():
                sounds[name] = (Audio.read(folder / wav.name, SAMPLE_RATE), take)
        sounds["full chain"] = (rendered, rendered_take)
        words = song_words(score)
        for name, (audio, its_take) in sounds.items():
            found = {"song": score.stem, "words": word_error_rate(words, hear(audio, take_notes(its_take)))}
            if its_take is take and abs(audio.seconds - teacher.seconds) < 0.05:
                length = min(len(audio.samples), len(teacher.samples))
                cut = [Audio(sound.samples[:length], SAMPLE_RATE) for sound in (teacher, audio)]
                found |= compare(*cut, options.highest_hz)
            stages.setdefault(name, []).append(found)

    rows = []
    for name, songs in stages.items():
        errors = [song["words"] for song in songs]
        means = [mean([song.get(figure) for song in songs]) for figure in FIGURES]
        rows.append([name, len(songs), sum(errors[1:], errors[0]).rate, *means])
    print_table(["stage", "songs", "WER", "LSD", "mel", "MCD dB", "HNR dB", "F0 median ¢", "V/UV %"], rows)
    write_json(options.json, {n: [s | {"words": asdict(s["words"])} for s in songs] for n, songs in stages.items()})


def from_take(take: dict, options) -> Audio:
    """The voice singing the phones of a take at their times, on its contour."""
    from svs.rendering import render
    from svs.timing import PhonemeSpan

    spans = [PhonemeSpan(p["symbol"], p["start"], p["end"], p["note"]) for p in take["phones"]]
    return render(take_notes(take), spans, take_curve(take), _voice(options.voice), options.singer, options.seed)


@cache
def _voice(name):
    from svs.voice import Voice

    return Voice.load(name)



if __name__ == "__main__":
    main()
