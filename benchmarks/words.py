"""Word error rate of ten songs, beside the teacher's own singing of them and the codec's copy of that.

Whisper tiny.en hears every song phrase by phrase (svs/evaluation/intelligibility.py). `nats` are how unlikely it finds the
true words, a token: a figure that differs less from draw to draw than the words that are wrong. --teacher DIR holds the teacher's
singing as SONG.wav, and SONG.json (a take) when its timing is not the render's.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.common import add_song_options, parser, print_table, renders, say, verdict, write_json
from svs.audio import Audio
from svs.evaluation import take_notes
from svs.evaluation.intelligibility import RECOGNISER, chunks, sung_words, transcribe, unlikelihood, word_error_rate
from svs.evaluator import song_words
from svs.score import read_score, select_part


def main(arguments=None):
    options = parser(__doc__)
    add_song_options(options)
    options.add_argument("--teacher", type=Path, help="folder of SONG.wav sung by the teacher")
    options.add_argument("--codec", type=Path, help="codec for the copy of the teacher (default: the voice's)")
    options.add_argument("--show", action="store_true", help="print what was heard")
    options = options.parse_args(arguments)

    columns = ["voice"] + (["teacher", "codec copy"] if options.teacher else [])
    songs, unlikely = {}, {column: [0.0, 0] for column in columns}
    for score, audio, take in renders(options):
        words, notes = song_words(score), take_notes(take)
        sound = {"voice": (audio, notes)}
        sung = options.teacher / f"{score.stem}.wav" if options.teacher else None
        if sung is not None and sung.is_file():
            teacher = Audio.read(sung)
            own = sung.with_suffix(".json")
            teacher_notes = take_notes(json.loads(own.read_text(encoding="utf-8"))) if own.is_file() else notes
            sound |= {"teacher": (teacher, teacher_notes), "codec copy": (codec_copy(teacher, options), teacher_notes)}
        elif sung is not None:
            say(f"{sung}: not there; the teacher's columns leave this song out")
        heard, written = {name: hear(*of) for name, of in sound.items()}, select_part(read_score(score)).notes
        for name, of in sound.items():
            unlikely[name] = [total + more for total, more in zip(unlikely[name], surprise(written, *of), strict=True)]
        songs[score.stem] = {name: (word_error_rate(words, text), text) for name, text in heard.items()}
        if options.show:
            print(f"{score.stem}\n  sung        {words}")
            for name, text in heard.items():
                print(f"  {name:<11} {text}")

    def cells(column, name):
        if column not in songs[name]:
            return [None, ""]
        e = songs[name][column][0]
        return [e.rate, f"{e.substitutions}/{e.deletions}/{e.insertions}"]

    headings = [text for column in columns for text in (f"{column} WER", "sub/del/ins")]
    rows = [[name, _words(song), *(c for column in columns for c in cells(column, name))] for name, song in songs.items()]
    totals = {}
    for column in columns:
        found = [song[column][0] for song in songs.values() if column in song]
        totals[column] = sum(found[1:], found[0]) if found else None
    rows.append(["all", sum(_words(song) for song in songs.values())])
    for total in totals.values():
        rows[-1] += (
            [total.rate, f"{total.substitutions}/{total.deletions}/{total.insertions}"] if total else [None, ""]
        )
    print_table(["song", "words", *headings], rows)
    nats = {column: total / tokens for column, (total, tokens) in unlikely.items() if tokens}
    print("\nnats a token: " + ", ".join(f"{column} {value:.3f}" for column, value in nats.items()))
    print(f"\nHeard by {RECOGNISER}; voice {options.voice}:")
    verdict("word error rate", totals["voice"].rate, 0.30)
    write_json(
        options.json,
        {
            "recogniser": RECOGNISER,
            "songs": {n: {c: asdict(e) | {"heard": t} for c, (e, t) in song.items()} for n, song in songs.items()},
            "all": {column: asdict(total) | {"nats": nats.get(column)} for column, total in totals.items() if total},
        },
    )


def hear(audio: Audio, notes) -> str:
    """All the words heard in a song."""
    return " ".join(transcribe(audio, chunks(notes, audio.seconds)))


def surprise(written, audio: Audio, notes) -> tuple[float, int]:
    """Nats and tokens of a song's words, in the pieces that `hear` hears. written: the score's notes; notes: the sound's."""
    spans = chunks(notes, audio.seconds)
    timed = [replace(note, onset=sung.onset) for note, sung in zip(written, notes, strict=True)]
    return unlikelihood(audio, spans, sung_words(timed, spans))


def codec_copy(audio: Audio, options) -> Audio:
    """The sound through the codec and back, driven by its own measured pitch."""
    from benchmarks.codec import copy, load_codec

    return copy(load_codec(options.codec, options.voice), audio)


def _words(song):
    return song["voice"][0].words


if __name__ == "__main__":
    main()
