"""Let a teacher sing whole songs: what the voice's singing of the same songs is measured beside.

  python -m data_prep.teach_songs --singer hibari --out DIR SCORE…

Writes SONG.wav and SONG.json, a take with the teacher's own timing and measured pitch, for benchmarks.chain and
benchmarks.words. These songs are held out of the corpus (data_prep/heldout.txt).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from data_prep.teacher import Teacher, line_of, settle_rests, stressed
from svs.audio import Audio
from svs.dataset import level, measure_pitch
from svs.pitch import exact
from svs.score import read_score, select_part
from svs.sing import Take
from svs.timing import SILENCE, PhonemeSpan, TypicalDurations, delay, place
from svs.units import SAMPLE_RATE, cents_to_hz

PAUSE = 0.25  # seconds; a silence as long as this parts two phrases, and teachers sing phrase by phrase


def sing_song(teacher: Teacher, singer: str, score, durations=None, transpose: float = 0.0) -> Take:
    """The first part and verse of a score, bare notes, as a take whose curve is what the teacher really sang.

    transpose: semitones.
    """
    from svs import g2p
    from svs.phonemes import pronounce

    part = select_part(read_score(score, transpose=transpose))
    notes = delay(pronounce(part, g2p.load(part.language)).notes)
    spans = place(notes, durations or TypicalDurations())
    cents = exact(notes, spans).cents
    phones, begins = stressed(line_of(notes), spans)
    sound = np.zeros(round(spans[-1].end * SAMPLE_RATE) + SAMPLE_RATE, np.float32)
    sung: list[PhonemeSpan] = []
    for first, last in phrases(spans):
        phrase = spans[first : last + 1]
        starts = [begin - first for begin in begins if first <= begin <= last]
        hop = 0.01
        times = np.arange(phrase[0].start, phrase[-1].end, hop)
        f0_hz = cents_to_hz(np.interp(times / hop, np.arange(len(cents)), cents))
        wanted = [span.end - span.start for span in phrase]
        samples, seconds = teacher.sing(singer, phones[first : last + 1], wanted, f0_hz, words=starts, f0_hop=hop)
        edges = np.concatenate([[0.0], np.cumsum(seconds)])
        heard = Audio(np.asarray(samples, np.float32), teacher.sample_rate)
        audio, edges = settle_rests(heard, edges, [s.symbol for s in phrase])
        at = round(phrase[0].start * SAMPLE_RATE)
        piece = audio.resample(SAMPLE_RATE).samples
        sound[at : at + len(piece)] += piece
        for span, start, end in zip(phrase, edges, edges[1:], strict=False):
            sung.append(PhonemeSpan(span.symbol, phrase[0].start + start, phrase[0].start + end, span.note))
    whole = Audio(level(sound[: round(spans[-1].end * SAMPLE_RATE)]), SAMPLE_RATE)
    return Take(whole, notes, tuple(_joined(sung)), measure_pitch(whole), 0, singer, singer, part.name, 0.0)


def phrases(spans: Sequence[PhonemeSpan]) -> list[tuple[int, int]]:
    """First and last span of each phrase; both may be silences, which neighbouring phrases share."""
    pauses = [i for i, s in enumerate(spans) if s.symbol == SILENCE and (s.end - s.start >= PAUSE or i in (0, len(spans) - 1))]
    edges = sorted({0, len(spans) - 1, *pauses})
    return [(a, b) for a, b in pairwise(edges) if b > a]


def _joined(spans: list[PhonemeSpan]) -> list[PhonemeSpan]:
    """Spans laid end to end: silences fill what the phrases' quantised ends leave, or give way."""
    result: list[PhonemeSpan] = []
    for span in spans:
        start = result[-1].end if result else 0.0
        if span.symbol == SILENCE and result and result[-1].symbol == SILENCE:
            result[-1] = PhonemeSpan(SILENCE, result[-1].start, max(start, span.end), -1)
        elif span.end > start:
            result.append(PhonemeSpan(span.symbol, start, span.end, span.note))
    return result


def main(arguments=None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("scores", nargs="+", type=Path)
    options.add_argument("--singer", default="hibari", help="hibari or a voice of Kokoro")
    options.add_argument("--teachers", type=Path, default=Path("work/teachers"), help="where Kokoro's files are kept")
    options.add_argument("--timing", type=Path, help="timing.safetensors to take consonant durations from")
    options.add_argument("--transpose", type=float, default=0.0, metavar="SEMITONES", help="-12 for men")
    options.add_argument("--out", type=Path, required=True)
    options = options.parse_args(arguments)
    if options.singer == "hibari":
        from data_prep.hibari import HibariTeacher

        teacher = HibariTeacher()
    else:
        from data_prep.kokoro import KokoroTeacher

        teacher = KokoroTeacher(options.teachers)
    durations = None
    if options.timing:
        from svs.timing import ConsonantDurations

        durations = ConsonantDurations.load(options.timing, options.singer)
    options.out.mkdir(parents=True, exist_ok=True)
    for score in options.scores:
        take = sing_song(teacher, options.singer, score, durations, options.transpose)
        take.audio.write(options.out / f"{score.stem}.wav")
        (options.out / f"{score.stem}.json").write_text(json.dumps(take.to_json()), encoding="utf-8")
        print(f"{options.out / score.stem}.wav: {take.seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
