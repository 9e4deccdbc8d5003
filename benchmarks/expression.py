"""What each control of expression moves, and what it leaves alone: the same songs and seed with one control at a time.

    ¢, V/UV, WER    as in benchmarks.fast: what a control should leave alone
    HNR             harmonics to noise, dB: breathiness
    centroid        Hz, of the power up to 8 kHz in vowels: tension, formants
    consonants      dB, their level below that of the vowels; and ms, their mean length
    swing           dB between the 10th and the 90th percentile of the vowels' levels: phrasing
    vibrato         cents from the centre to the peak, in notes of 0.7 s and more, where it was measured
    rests           between the first note and the last, seconds in all: phrasing

Bars: a control's own measure moves as far as the table CONTROLS says, and the mean error stays below 5 cents.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from benchmarks.common import (
    SONGS,
    add_few_songs,
    at_least,
    evenly,
    mean,
    parser,
    print_table,
    say,
    song_list,
    verdict,
    write_json,
)
from benchmarks.guidance import misheard
from svs.evaluation import evaluate_take
from svs.evaluation.spectrum import harmonic_to_noise
from svs.expression import Expression
from svs.f0 import track
from svs.phonemes import is_vowel
from svs.score import read_score
from svs.sing import Take, sing
from svs.timing import SILENCE
from svs.voice import Voice

WAVERING = {"pitch": "natural", "phrasing": "written"}
# name: (options of sing, the measure that is its own, by how much it moves at least)
CONTROLS: dict[str, tuple[dict, str, float]] = {
    "breathiness 8 dB": ({"expression": Expression(breathiness=8.0)}, "hnr", -4.0),
    "tension +3 dB an octave": ({"expression": Expression(tension=3.0)}, "centroid", 150.0),
    "tension −3 dB an octave": ({"expression": Expression(tension=-3.0)}, "centroid", -100.0),
    "formants +3 semitones": ({"expression": Expression(formant_shift=3.0)}, "centroid", 50.0),
    "formants −3 semitones": ({"expression": Expression(formant_shift=-3.0)}, "centroid", -50.0),
    "consonants 6 dB": ({"expression": Expression(consonants=6.0)}, "consonants", 4.0),
    "consonant length 1.6": ({"consonant_length": 1.6}, "consonant ms", 10.0),
    "phrasing natural": ({"phrasing": "natural"}, "rests", 1.0),
    "phrase arch 9 dB": ({"phrasing": "natural", "settings": {"style": {"phrase_arch_db": 9.0}}}, "swing", 2.0),
    "pitch natural": (WAVERING, "vibrato", 10.0),
    "vibrato 60 cents": (WAVERING | {"settings": {"style": {"vibrato_cents": 60.0}}}, "vibrato", 30.0),
}
HEADINGS = {
    "cents": "mean abs ¢", "voicing": "V/UV %", "wer": "WER %", "hnr": "HNR dB", "centroid": "centroid Hz",
    "consonants": "consonants dB", "consonant ms": "ms", "swing": "swing dB", "vibrato": "vibrato ¢", "rests": "rests s",
}  # fmt: skip
MOST_CENTS = 5.0


def main(arguments=None):
    options = parser(__doc__)
    add_few_songs(options, limit=3)
    options = options.parse_args(arguments)
    songs = evenly(options.songs or song_list(SONGS), options.limit)
    warnings.simplefilter("ignore")
    voice, found = Voice.load(options.voice), {}
    for name, how in {"none": {}, **{name: how for name, (how, _, _) in CONTROLS.items()}}.items():
        say(name)
        takes = [
            (path, sing(read_score(path), voice, **{"pitch": "exact", "seed": options.seed, "singer": options.singer, **how}))
            for path in songs
        ]
        found[name] = together([figures(path, take, not options.no_words) for path, take in takes])
    print_table(["control", *HEADINGS.values()], [[name, *(row[key] for key in HEADINGS)] for name, row in found.items()])
    print()
    for name, (_, measure, least) in CONTROLS.items():
        moved = found[name][measure] - found["none"][measure]
        at_least(f"{name} moves {HEADINGS[measure]} by {moved:+.1f}, as a share of what is wanted", moved / least, 1.0)
        verdict(f"{name}: mean error, cents", found[name]["cents"], MOST_CENTS)
    write_json(options.json, {"songs": [path.stem for path in songs], "controls": found})


def figures(path: Path, take: Take, words: bool) -> dict:
    """Of one song: what `together` puts together."""
    frames = evaluate_take(take.audio, take.to_json())["frames"]
    wrong, said = misheard(path, take.audio, take.to_json()) if words else (0, 0)
    sound, rate = take.audio.samples, take.audio.sample_rate
    vowels = [sound[round(s.start * rate) : round(s.end * rate)] for s in take.spans if is_vowel(s.symbol)]
    consonants = [s for s in take.spans if s.note >= 0 and not is_vowel(s.symbol)]
    heard = [sound[round(s.start * rate) : round(s.end * rate)] for s in consonants]
    sung = [s for s in take.spans if s.symbol != SILENCE]
    return {
        "cents": frames["mean_abs_error_cents"],
        "voicing": frames["voicing_disagreement"],
        "wrong": wrong,
        "said": said,
        "hnr": harmonic_to_noise(sound, rate),
        "centroid": _centroid(np.concatenate(vowels), rate),
        "consonants": _level(np.concatenate(heard)) - _level(np.concatenate(vowels)),
        "consonant ms": 1000 * float(np.mean([s.end - s.start for s in consonants])),
        "swing": _swing(vowels, rate),
        "vibrato": _vibrato(take),
        "rests": sum(s.end - s.start for s in take.spans if s.symbol == SILENCE and sung[0].end < s.end < sung[-1].start),
    }


def together(songs: list[dict]) -> dict:
    """The means over songs; of words the share of all."""
    found = {key: mean([song[key] for song in songs]) for key in songs[0]}
    said = sum(song["said"] for song in songs)
    found["wer"] = 100 * sum(song["wrong"] for song in songs) / said if said else None
    return found


def _level(sound: np.ndarray) -> float:
    return 10 * float(np.log10(np.mean(np.square(sound, dtype=np.float64)) + 1e-12))


def _centroid(sound: np.ndarray, rate: int, highest_hz: float = 8000.0) -> float:
    size = 2048
    frames = sound[: len(sound) // size * size].reshape(-1, size) * np.hanning(size)
    power, hz = np.mean(np.abs(np.fft.rfft(frames)) ** 2, axis=0), np.fft.rfftfreq(size, 1 / rate)
    inside = hz < highest_hz
    return float((hz * power)[inside].sum() / power[inside].sum())


def _swing(vowels: list[np.ndarray], rate: int, seconds: float = 0.05) -> float:
    size = round(seconds * rate)
    pieces = [piece for vowel in vowels for piece in np.split(vowel, range(size, len(vowel), size)) if len(piece) == size]
    low, high = np.percentile([_level(piece) for piece in pieces], [10, 90])
    return float(high - low)


def _vibrato(take: Take, shortest: float = 0.7, edge: float = 0.3) -> float | None:
    """Of the notes that last: √2 × the deviation of what is measured from its straight line, cents."""
    heard = track(take.audio)
    found = []
    for note in take.notes:
        first, last = (round(seconds / heard.hop_seconds) for seconds in (note.onset + edge, note.end - 0.1))
        cents = heard.cents[first:last][heard.voiced[first:last]]
        if note.duration >= shortest and len(cents) > 20:
            at = np.arange(len(cents))
            found.append(float(np.sqrt(2) * np.std(cents - np.polyval(np.polyfit(at, cents, 1), at))))
    return float(np.median(found)) if found else None


if __name__ == "__main__":
    main()
