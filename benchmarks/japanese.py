"""How clearly a voice sings Japanese: phone errors of ten songs, beside those of the singer's own recordings.

  python -m benchmarks.japanese --recordings kumi.jsonl --recogniser hama

A recogniser of phones hears the songs phrase by phrase, and the recordings (clips of a .jsonl manifest with phones)
from their first phone to their last. What was sung and what was heard are written in one coarse alphabet
(benchmarks/phones.py); phone error rate = (substitutions + deletions + insertions) / phones sung. `the same, resung` is
the voice singing the recordings' own phones at their times and pitches: it tells the voice's share from that of other
words, notes and tempi. Recordings of syllables hold other phones than songs do: a line gives the errors of both for one
mixture of phones. Intervals are of 95 %, by drawing whole songs and clips.

--recogniser hama (default) or pocketsphinx: made for English speech, which hear neither well; or a file that
`python -m benchmarks.recogniser` makes from labelled recordings, of which those heard here must have been held out.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.chain import from_take
from benchmarks.clips import as_take
from benchmarks.common import add_song_options, evenly, parser, print_table, renders, say, verdict, write_json
from benchmarks.phones import (
    SILENT,
    Hear,
    PhoneErrors,
    alike,
    coarse,
    confusions,
    intervals,
    phone_errors,
    rate,
    recogniser,
    strangers,
)
from svs.audio import Audio
from svs.dataset import kept_out, level, read_manifest
from svs.evaluation import take_notes
from svs.evaluation.intelligibility import chunks
from svs.units import SAMPLE_RATE

SONGS = Path(__file__).with_name("songs_ja.txt")
SINGER = "kumi"
BAR = 1.3  # times the recordings' error rate
TOO_WEAK = 0.7  # of the recordings' phones heard wrong: such a recogniser can tell nothing
AROUND_SECONDS = 0.15

Piece = tuple[str, list[str], list[Audio]]  # name, phones sung, the sound in parts


def main(arguments=None) -> dict:
    options = parser(__doc__)
    add_song_options(options)
    options.set_defaults(songs=SONGS, singer=SINGER, out=Path("out/benchmarks/japanese"))
    options.add_argument("--recordings", type=Path, required=True, help="the singer's: a .jsonl manifest with phones")
    options.add_argument("--heldout", nargs="+", metavar="NAME", help="only recordings of these names")
    options.add_argument("--limit", type=int, default=60, help="recordings at most, evenly spaced (0: all)")
    options.add_argument("--recogniser", nargs="+", default=["hama"], metavar="NAME", help="hama, pocketsphinx, FILE")
    options.add_argument("--no-resung", action="store_true", help="do not sing the recordings' phones")
    options.add_argument("--show", action="store_true", help="print what was sung and heard")
    options = options.parse_args(arguments)

    hearers = [recogniser(name) for name in options.recogniser]
    clips = recordings(options)
    sounds: dict[str, list[Piece]] = {group: [] for group in ("recordings", "the same, resung", "songs")}
    for score, audio, take in renders(options):
        pieces = [cut(audio, start, end) for start, end in chunks(take_notes(take), audio.seconds)]
        sounds["songs"].append((score.stem, [phone["symbol"] for phone in take["phones"]], pieces))
    for clip in clips:
        audio = Audio.read(clip["audio"], SAMPLE_RATE)
        symbols, ends = [phone["symbol"] for phone in clip["phones"]], sung_seconds(clip)
        sounds["recordings"].append((clip["id"], symbols, [cut(audio, *ends)]))
        if not options.no_resung:
            sounds["the same, resung"].append((clip["id"], symbols, [cut(resung(clip, audio, options), *ends)]))
    found = {}
    for name, (what, hear) in zip(options.recogniser, hearers, strict=True):
        heard = {group: listen(pieces, hear, options.show) for group, pieces in sounds.items() if pieces}
        found[name] = report(what, heard)
    write_json(options.json, found)
    return found


def recordings(options) -> list[dict]:
    """The clips to hear. Raises SystemExit where there is none."""
    clips = [
        clip
        for clip in read_manifest(options.recordings)
        if any(phone["symbol"] not in SILENT for phone in clip.get("phones") or ())
        and (not options.heldout or kept_out(clip, options.heldout))
    ]
    if not clips:
        raise SystemExit(f"{options.recordings}: no clips with phones{' so named' if options.heldout else ''} there")
    return evenly(clips, options.limit)


def sung_seconds(clip: dict) -> tuple[float, float]:
    """From a little before the first phone that is sung to a little after the last."""
    sung = [phone for phone in clip["phones"] if phone["symbol"] not in SILENT]
    return sung[0]["start"] - AROUND_SECONDS, sung[-1]["end"] + AROUND_SECONDS


def cut(audio: Audio, start: float, end: float) -> Audio:
    first, last = (round(seconds * audio.sample_rate) for seconds in (start, end))
    return audio.piece(max(0, first), min(last, len(audio.samples)))


def resung(clip: dict, audio: Audio, options) -> Audio:
    """The voice singing a recording's phones at their times, on its contour."""
    recorded = Audio(level(audio.samples), SAMPLE_RATE)
    say(f"singing {clip['id']} again")
    return from_take(as_take(clip, recorded), options)


def listen(pieces: list[Piece], hear: Hear, show: bool) -> dict[str, PhoneErrors]:
    """Name → errors of every song or recording."""
    found = {}
    for name, symbols, audios in pieces:
        raw = [symbol for audio in audios for symbol in hear(audio)]
        strangers(raw)
        sung, heard = coarse(symbols), coarse(raw)
        found[name] = phone_errors(sung, heard)
        if show:
            print(f"{name} {found[name].rate:.2f}\n  sung  {' '.join(sung)}\n  heard {' '.join(heard)}")
    return found


def report(what: str, heard: dict[str, dict[str, PhoneErrors]]) -> dict:
    """Print the tables of one recogniser; its figures."""
    print(f"\n## {what}\n")
    recorded = list(heard["recordings"].values())
    rows, found = [], {"recogniser": what, "groups": {}}
    for group, pieces in heard.items():
        errors = list(pieces.values())
        counts = [sum(column) for column in zip(*(each.count() for each in errors), strict=True)]
        own, ratio = intervals(recorded, errors)[1:]
        times = rate(errors) / rate(recorded) if rate(recorded) else None
        rows.append([group, len(errors), sum(each.phones for each in errors), rate(errors), between(own),
                     "/".join(map(str, counts)), times, "" if group == "recordings" else between(ratio)])  # fmt: skip
        found["groups"][group] = {
            "rate": rate(errors), "interval": own, "times": times, "times_interval": ratio,
            "each": {name: each.rate for name, each in pieces.items()}, "confusions": confusions(errors),
        }  # fmt: skip
    print_table(
        ["heard", "pieces", "phones", "error rate", "95 %", "sub/del/ins", "× recordings", "95 % of that"], rows
    )
    print()
    of = {group: figures["confusions"] for group, figures in found["groups"].items()}
    empty = {"sung": 0, "right": None, "heard": []}
    print_table(
        ["phone", *(text for group in of for text in (group, "right", "else heard"))],
        [
            [phone, *(cell for group in of for cell in cells(of[group].get(phone, empty)))]
            for phone in dict.fromkeys(phone for group in of.values() for phone in group)
        ],
    )
    print()
    if rate(recorded) > TOO_WEAK:
        print(f"This recogniser hears {rate(recorded):.0%} of the recordings' phones wrong and can tell nothing.")
    if "songs" in heard:
        found["alike"] = alike(of["recordings"], of["songs"])
        if found["alike"] is not None:
            own, songs, share = found["alike"]
            print(
                f"Of phones as common as in the songs ({share:.0%} of those): {own:.3f} wrong in the recordings, "
                f"{songs:.3f} in the songs."
            )
        verdict("songs: phone errors ÷ the recordings'", found["groups"]["songs"]["times"], BAR)
    return found


def between(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.3f} … {interval[1]:.3f}"


def cells(of: dict) -> list:
    return [of["sung"], of["right"], ", ".join(f"{other or '–'} {n}" for other, n in of["heard"][:3])]


if __name__ == "__main__":
    main()
