"""The command line: sing, score, evaluate, voices, train. Heavy modules are imported where they are used.

A user's mistake ends in one line on standard error and exit status 2; anything else is a fault of ours and shows its
traceback. Progress and warnings go to standard error, results to standard output.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from enum import StrEnum
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from svs.mistakes import Mistake, is_mistake, one_line

if TYPE_CHECKING:
    from svs.songs import Song

app = typer.Typer(
    name="svs",
    help="Singing voice synthesis: a score goes in, a voice comes out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


BREATH_SIGN = " '"  # as choirs pencil it in


class PitchStyle(StrEnum):
    """natural: as a singer would join the notes. exact: the bare notes."""

    natural = "natural"
    exact = "exact"


class Phrasing(StrEnum):
    """natural: as a singer would shape phrases. written: with the score's own rests and dynamics alone."""

    natural = "natural"
    written = "written"


class UsageError(Mistake):
    """Options that do not fit together or name what is not there; the message says which and what to do."""


SCORE_KINDS = "MusicXML (.musicxml, .xml, .mxl), MIDI with lyrics, ABC, UltraStar, .ustx …"
ScoreFile = Annotated[Path, typer.Argument(help=SCORE_KINDS, metavar="SCORE")]
PartName = Annotated[
    str | None, typer.Option("--part", help="Part by name or number; the first sung one if not given.")
]
Verse = Annotated[str, typer.Option(help="Number of the verse, or all.")]
Language = Annotated[
    str | None, typer.Option(help="Language of the lyrics: en, en-GB, ja, la, it, es, de, fr; guessed if not given.")
]
Transpose = Annotated[float, typer.Option(help="Semitones up (or down, if negative).")]
Tempo = Annotated[float, typer.Option(help="Factor; 2 is twice as fast.")]
MissingLyric = Annotated[
    str | None, typer.Option(help="Syllable for notes without one, such as la; an error if not given.", metavar="SYLLABLE")
]
A4 = Annotated[float, typer.Option("--tuning", help="Hz of A4.")]
Temperament = Annotated[
    str, typer.Option(help="equal, just, pythagorean, meantone, or a Scala file (.scl).", metavar="NAME|FILE.scl")
]
Tonic = Annotated[str, typer.Option(help="Tonic of the temperament as the page has it, such as G or Eb.")]


@app.command()
def sing(
    scores: Annotated[list[Path], typer.Argument(help=f"{SCORE_KINDS} Several are sung one by one.", metavar="SCORE...")],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="WAV to write; the take goes beside it as JSON. Of several scores a folder for all theirs."
        ),
    ],
    voice: Annotated[str, typer.Option(help="Name of an installed voice, or its folder.")] = "default",
    singer: Annotated[
        str | None,
        typer.Option(
            help="Singer of the voice, or a mixture: ann:0.6+bob:0.4; its own default if not given. With --part all also "
            "by part: Alto=ann,Bass=bob."
        ),
    ] = None,
    singer_from: Annotated[
        Path | None,
        typer.Option(help="Recording whose nearest singer or mixture of the voice's singers sings; no cloning.", metavar="FILE"),
    ] = None,
    style: Annotated[
        str | None, typer.Option(help="Style of the voice, or a mixture; its own default if not given.", metavar="NAME")
    ] = None,
    describe: Annotated[
        str | None, typer.Option(help="How to sing, in words: 'soft, breathy'.", metavar="WORDS")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Recording whose timbre and manner are taken up.", metavar="FILE")
    ] = None,
    part: Annotated[
        str | None, typer.Option(help="Part by name or number, or all together; the first sung one if not given.")
    ] = None,
    stems: Annotated[
        Path | None, typer.Option(help="With --part all: folder for each part's own WAV and take.", metavar="DIR")
    ] = None,
    verse: Verse = "1",
    language: Language = None,
    transpose: Transpose = 0.0,
    tempo: Tempo = 1.0,
    missing_lyric: MissingLyric = None,
    tuning: A4 = 440.0,
    temperament: Temperament = "equal",
    tonic: Tonic = "C",
    pitch: Annotated[PitchStyle, typer.Option(help="natural, or the bare notes.")] = PitchStyle.natural,
    phrasing: Annotated[
        Phrasing | None,
        typer.Option(help="natural, with breaths and a loudness that moves, or as written; as --pitch is if not given."),
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option(
            help="YAML of amounts for the line and for single notes; SCORE's own .yaml if not given.", metavar="FILE"
        ),
    ] = None,
    f0: Annotated[
        Path | None, typer.Option(help="CSV of a contour to sing instead: seconds, cents.", metavar="FILE")
    ] = None,
    breathiness: Annotated[float, typer.Option(help="dB on the breath in voiced sounds.")] = 0.0,
    tension: Annotated[float, typer.Option(help="dB an octave on the partials: above 0 pressed, below it soft.")] = 0.0,
    formant_shift: Annotated[float, typer.Option(help="Semitones by which formants lie higher; negative: lower.")] = 0.0,
    consonants: Annotated[float, typer.Option(help="dB on consonants.")] = 0.0,
    consonant_length: Annotated[
        float | None,
        typer.Option(help="How many times as long as in the recordings consonants are; the voice's own if not given."),
    ] = None,
    dynamic_tilt: Annotated[
        float, typer.Option(help="dB an octave on the partials for each dB that the score's dynamics make louder.")
    ] = 0.3,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    steps: Annotated[int | None, typer.Option(min=1, help="Sampling steps; the voice's own if not given.")] = None,
    guidance: Annotated[
        str | None,
        typer.Option(
            help="Guidance scale on the lyrics, or some by condition: lyrics=1.5,text=2; the voice's own if not given.",
            metavar="SCALE|NAME=SCALE,…",
        ),
    ] = None,
    sampler: Annotated[
        str | None, typer.Option(help="euler, midpoint, heun, ddim or dpm++; the voice's own if not given.")
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="The voice's quick setting: fewer steps, a little less clear.")] = False,
    breaths: Annotated[
        bool | None, typer.Option("--breaths/--no-breaths", help="Breathe in rests; as the singer does if not given.")
    ] = None,
    cache: Annotated[bool, typer.Option("--cache/--no-cache", help="Sing only the phrases that are new or changed.")] = True,
    reproducible: Annotated[
        bool, typer.Option("--reproducible", help="The same bytes on any number of threads, by singing on one.")
    ] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="Send the sound to standard output too, as it is sung: … | aplay -")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, help="Of several scores sing so many at once, by processes that share the processor's threads.")
    ] = 1,
):
    """Sing a score to OUT.wav, the take beside it; or several scores to a folder, OUT/SCORE.wav each.

    The take, OUT.json, holds all that led to the sound: notes, phonemes in time, the commanded pitch, the seed. Of
    several parts it holds a list, `parts`, of the takes.

    Cents are 100 × MIDI number (A4 = 6900). A4 sounds at --tuning in every temperament. In the CSV empty cents are
    unvoiced and seconds are those of OUT.wav; svs.hand describes the YAML. Of several scores one that cannot be sung does not
    stop the others; the exit status tells that there was one.
    """
    if folders := [score for score in scores if score.is_dir()]:
        raise UsageError(f"{folders[0]}: is a folder; name the scores in it, as in {folders[0] / '*.musicxml'}")
    if len(scores) == 1 and not scores[0].is_file():  # found out before anything heavy is loaded
        raise UsageError(f"{scores[0]}: no such file")
    for clip in (singer_from, reference):
        if clip is not None and not clip.is_file():
            raise UsageError(f"{clip}: no such file")
    if singer is not None and singer_from is not None:
        raise UsageError("--singer and --singer-from: give one of them")
    if singer is not None and "=" in singer and part != "all":
        raise UsageError(f"--singer {singer}: singers by part are for --part all; one part has one singer")
    songs = _songs(scores, output, stems)
    for song in songs:
        _writable_outputs(song.output, (*scores, settings, f0, singer_from, reference))
    if stems is not None:
        _writable_stems(stems, part)
    if stream and (part == "all" or len(songs) > 1 or sys.stdout.isatty()):
        several = "one song" if len(songs) > 1 else "one part"
        wanted = "lead it to a player, as in | aplay -" if sys.stdout.isatty() else f"{several} can be streamed, not all"
        raise UsageError(f"--stream: {wanted}")
    if f0 is not None and len(songs) > 1:
        raise UsageError(f"{f0}: a contour drawn by hand is of one song, and these are {len(songs)}")
    from svs.expression import Expression

    options: dict[str, Any] = {
        "voice": voice,
        "singer": singer,
        "singer_from": singer_from,
        "style": style,
        "describe": describe,
        "reference": reference,
        "verse": verse if verse == "all" else _whole(verse, "--verse"),
        "language": language,
        "transpose": transpose,
        "tempo": tempo,
        "missing_lyric": missing_lyric,
        "tuning": tuning,
        "temperament": temperament,
        "tonic": tonic,
        "pitch": pitch.value,
        "phrasing": None if phrasing is None else phrasing.value,
        "settings": settings,
        "f0": f0,
        "seed": seed,
        "steps": steps,
        "guidance": guidance,
        "sampler": sampler,
        "fast": fast,
        "breaths": breaths,
        "consonant_length": consonant_length,
        "reproducible": reproducible,
        "expression": Expression(breathiness, tension, formant_shift, consonants, dynamic_tilt),
    }
    work = partial(_sing_song, options=options, part=part, cache=cache, stream=stream)
    if len(songs) == 1:
        print(work(songs[0]), file=sys.stderr if stream else sys.stdout)
        return
    from svs.voice import find

    find(voice)  # one that is not there is no fault of each score
    _sing_songs(songs, work, workers)


def _sing_songs(songs: Sequence[Song], work: Callable[..., str], workers: int) -> None:
    """Sing several songs, and say of each what became of it."""
    from svs.songs import outcomes

    failed = []
    for outcome in outcomes(partial(work, several=True, bar=workers == 1), songs, workers):
        if outcome.sung:
            print(outcome.said, flush=True)
        else:
            failed.append(outcome)
            print(outcome.said if outcome.fault else f"svs: {outcome.said}", file=sys.stderr, flush=True)
    if failed:
        print(f"svs: {len(failed)} of {len(songs)} scores could not be sung", file=sys.stderr)
        raise SystemExit(1 if any(outcome.fault for outcome in failed) else 2)


def _sing_song(
    song: Song, options: dict, part: str | None, cache: bool, stream: bool, several: bool = False, bar: bool = True
) -> str:
    """Sing one score, write its sound and take. Returns the line that says how it went.

    several: of others before and after, by the same voice. bar: show how far it is.
    """
    from svs.hand import beside

    options = dict(options)
    voice, output = options["voice"], song.output
    with warnings.catch_warnings():
        if several:
            warnings.simplefilter("always")  # of each song anew
            warnings.showwarning = partial(_show_warning, song=song.score)
            options["voice"] = _loaded(voice)
        if options["settings"] is None and (found := beside(song.score)) is not None:
            print(f"svs: with the settings of {found}", file=sys.stderr)
            options["settings"] = found
        if cache:
            from svs.cache import PhraseCache

            options["cache"] = PhraseCache()
        if part == "all":
            audio, seconds_taken, likeness = _sing_parts(song, options, bar)
            factor = seconds_taken / max(audio.seconds, 1e-9)
        else:
            from svs.sing import sing as render

            if stream:
                from svs.audio import play_to
                from svs.units import SAMPLE_RATE

                options["hear"] = play_to(sys.stdout.buffer, SAMPLE_RATE)
            with _progress(bar) as progress:
                take = render(song.score, part=part, progress=progress, to=output, **options)
            _write_beside(output, take.to_json())
            audio, factor, likeness = take.audio, take.real_time_factor, take.likeness
    if likeness is not None:
        print(f"svs: nearest to {options['singer_from']}: {likeness}", file=sys.stderr)
    kept = f" ({options['cache'].hits} phrases were there from before)" if cache and options["cache"].hits else ""
    return f"{audio.seconds:.1f} s sung at {factor:.3f} × real time by voice {voice} with seed {options['seed']}{kept}: {output}"


@lru_cache(1)
def _loaded(voice: str):
    """A voice that stays for the next song."""
    from svs.onnx_runner import load

    return load(voice)


def _sing_parts(song: Song, options: dict, bar: bool):
    """Sing all parts, write the mix and the stems. Returns the mix, the seconds that rendering took and the likeness."""
    from svs.sing import mix, sing_parts

    with _progress(bar) as progress:
        takes = sing_parts(song.score, progress=progress, scratch=song.output.parent, **options)
    audio = mix(takes, song.output)
    if song.stems is not None:
        song.stems.mkdir(parents=True, exist_ok=True)
        for number, take in enumerate(takes, 1):
            _write_take(song.stems / f"{_stem_name(number, take.part)}.wav", take.audio, take.to_json())
    facts = {"sample_rate": audio.sample_rate, "seed": options["seed"], "voice": takes[0].voice, "part": "all"}
    _write_beside(song.output, {**facts, "parts": [take.to_json() for take in takes]})
    return audio, sum(take.seconds_taken for take in takes), takes[0].likeness


@app.command()
def score(
    score: ScoreFile,
    part: PartName = None,
    verse: Verse = "1",
    language: Language = None,
    transpose: Transpose = 0.0,
    tempo: Tempo = 1.0,
    missing_lyric: MissingLyric = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
    check: Annotated[bool, typer.Option("--check", help="List all that will not be sung, and why.")] = False,
):
    """Show what will be sung: bars, notes, words, phonemes; ' where a breath is taken that is not written."""
    from dataclasses import replace

    from svs import g2p
    from svs.phonemes import pronounce
    from svs.score import read_score, score_to_json, select_part

    if check:
        from svs.check import unsung

        found = unsung(score, verse=verse, language=language, missing_lyric=missing_lyric)
        if as_json:
            print(json.dumps([vars(each) for each in found], ensure_ascii=False, indent=1))
        else:
            print("\n".join(map(str, found)) or "everything in the file is sung")
        return
    options: dict[str, Any] = {"verse": verse, "transpose": transpose, "tempo": tempo, "missing_lyric": missing_lyric}
    read = read_score(score, language=language, **options)
    parts = read.parts if part in (None, "all") else (select_part(read, part),)
    read = replace(read, parts=tuple(pronounce(each, g2p.load(each.language)) for each in parts))
    for remark in read.remarks:
        _warn(remark)
    if as_json:
        print(json.dumps(score_to_json(read), ensure_ascii=False, indent=1))
    else:
        _print_score(read)


@app.command()
def evaluate(
    audio: Annotated[list[Path], typer.Argument(help="What was sung; several files are evaluated together.")],
    take: Annotated[Path | None, typer.Option(help="Take of that audio; AUDIO's own .json if not given.")] = None,
    score: Annotated[Path | None, typer.Option(help="Score it was sung from.")] = None,
    reference: Annotated[Path | None, typer.Option(help="Recording to compare with.")] = None,
    take_dir: Annotated[Path | None, typer.Option(help="Folder of takes named like the audio.", metavar="DIR")] = None,
    score_dir: Annotated[Path | None, typer.Option(help="Folder of scores named like the audio.", metavar="DIR")] = None,
    reference_dir: Annotated[
        Path | None, typer.Option(help="Folder of recordings named like the audio.", metavar="DIR")
    ] = None,
    part: PartName = None,
    verse: Verse = "1",
    transpose: Transpose = 0.0,
    tempo: Tempo = 1.0,
    tuning: A4 = 440.0,
    temperament: Temperament = "equal",
    tonic: Tonic = "C",
    offset: Annotated[
        float | None,
        typer.Option(help="With a score: seconds of audio before it begins; svs's own lead-in if not given."),
    ] = None,
    align: Annotated[
        str, typer.Option(help="With a score: by time, by dtw (another tempo or singer), or auto.")
    ] = "auto",
    tracker: Annotated[
        str, typer.Option(help="praat, harvest, harvest+stonemask, pyin, swiftf0, or all to see them disagree.")
    ] = "praat",
    figures: Annotated[
        str | None,
        typer.Option(help="With a reference, comma between: spectrum, espnet, stoi, pesq, speaker, or none."),
    ] = None,
    lyrics: Annotated[
        Path | None, typer.Option(help="Words sung, a text file or a score: adds word and phone error rates.")
    ] = None,
    fad: Annotated[
        Path | None, typer.Option(help="Folder of real recordings: adds the Fréchet audio distance.", metavar="DIR")
    ] = None,
    embedding: Annotated[
        str, typer.Option(help="Of --fad: whisper, resemblyzer, mfcc, vggish or clap.")
    ] = "whisper",
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the whole result here.")] = None,
    csv_path: Annotated[Path | None, typer.Option("--csv", help="Write a row a song here.")] = None,
    notes_csv: Annotated[Path | None, typer.Option(help="Write a row a note here.", metavar="PATH")] = None,
    html_path: Annotated[
        Path | None, typer.Option("--html", help="Write a page here; of several files a folder of pages.")
    ] = None,
    png_path: Annotated[
        Path | None, typer.Option("--png", help="Write a figure here; of several files a folder of figures.")
    ] = None,
):
    """Measure pitch note by note, in cents.

    What AUDIO is measured against is a take, a score or a reference recording.
    """
    from dataclasses import replace

    from svs.evaluator import SCORES, SOUNDS, Against, companion, evaluate_file, frechet

    single = {"--take": take, "--score": score, "--reference": reference}
    folders = {"--take-dir": take_dir, "--score-dir": score_dir, "--reference-dir": reference_dir}
    against = [name for name, path in {**single, **folders}.items() if path]
    if len(against) > 1:
        raise UsageError(f"{' and '.join(against)}: give one of them, that to measure against")
    if len(audio) > 1 and take:
        raise UsageError(f"--take: {len(audio)} sound files have not one take; give --take-dir")
    takes = [path.with_suffix(".json") for path in audio]
    read = (*audio, *takes, take, score, reference, lyrics)
    for path in (json_path, csv_path, notes_csv):
        if path is not None:
            _writable(path, read)
    for path in (html_path, png_path):
        if path is not None:
            _writable_pages(path, len(audio), read)
    if len(set(path.name for path in audio)) < len(audio) and (html_path or png_path):
        raise UsageError("two of the sound files have the same name, and so would their pages")

    common = Against(
        score=score, reference=reference, part=part, verse=verse, transpose=transpose, tempo=tempo, tuning=tuning,
        temperament=temperament, tonic=tonic, offset=offset, alignment=align, lyrics=lyrics,
        figures=None if figures is None else _listed(figures),
    )  # fmt: skip

    def beside(path: Path) -> Against:
        if take_dir:
            return replace(common, take=companion(path, take_dir, (".json",)))
        if score_dir:
            return replace(common, score=companion(path, score_dir, SCORES))
        if reference_dir:
            return replace(common, reference=companion(path, reference_dir, SOUNDS))
        if score or reference:
            return common
        own = take or path.with_suffix(".json")
        if take is None and not own.is_file():
            raise UsageError(f"{path}: nothing to measure it against; give --take, --score or --reference")
        return replace(common, take=own, own=take is None)

    songs, results = [], {}
    for path in audio:
        try:
            song = evaluate_file(path, beside(path), tracker)
        except (ValueError, OSError) as error:
            if len(audio) == 1 or not is_mistake(error):
                raise
            results[str(path)] = {"error": one_line(error)}
            continue
        for remark in song.remarks:
            _warn(remark)
        songs.append(song)
        results[str(path)] = song.result
    distance = frechet(songs, fad, embedding) if fad is not None and songs else {}
    if distance and len(results) == 1:
        songs[0].result["summary"].update(distance)
    _write_evaluations(songs, results, distance, json_path, csv_path, notes_csv, html_path, png_path)
    _print_evaluations(results, distance)
    failed = [result["error"] for result in results.values() if "error" in result]
    for reason in failed:
        _warn(reason)
    if failed:
        raise UsageError(f"{len(failed)} of {len(results)} sound files could not be evaluated")


@app.command("listen-test")
def listen_test(
    folders: Annotated[
        list[Path] | None, typer.Argument(help="A folder a system; sounds of one name are compared.", metavar="DIR...")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Page to write.")] = None,
    kind: Annotated[str, typer.Option(help="mushra, or ab for preferences between two.")] = "mushra",
    reference: Annotated[
        Path | None, typer.Option(help="Folder that is the (also hidden) reference of a MUSHRA.", metavar="DIR")
    ] = None,
    anchor: Annotated[
        bool, typer.Option(help="Add to a MUSHRA its reference below 3.5 kHz, the low anchor.")
    ] = False,
    question: Annotated[str | None, typer.Option(help="What listeners are asked; naturalness if not given.")] = None,
    seed: Annotated[int, typer.Option(help="Of the letters that name systems in the page.")] = 0,
    score: Annotated[
        list[Path] | None, typer.Option("--score", help="Answers to evaluate, instead of making a page.", metavar="CSV")
    ] = None,
    json_path: Annotated[Path | None, typer.Option("--json", help="With --score: write the figures here.")] = None,
):
    """Make a listening test as one page that needs no server, or evaluate its answers.

    The page shuffles songs and systems for each listener and gives a CSV of answers; --score gives means and intervals.
    """
    from svs.evaluation.listening import page, read_answers, score_answers
    from svs.evaluator import gather

    if score:
        if folders:
            raise UsageError("--score evaluates answers; give no folders with it")
        figures = score_answers([answer for path in score for answer in read_answers(_read_text(path), str(path))])
        if json_path is not None:
            _writable(json_path, score)
            _write_text(json_path, json.dumps(figures, ensure_ascii=False, indent=1))
        _print_listening(figures)
        return
    if not folders or output is None:
        raise UsageError("give the folders to compare and -o PAGE.html, or --score ANSWERS.csv")
    _writable(output)
    test = gather(folders, kind, reference, anchor, question, seed)
    _write_text(output, page(test))
    print(f"{len(test.songs)} songs by {len(test.systems)} systems: {output}")


@app.command()
def export(
    take: Annotated[Path, typer.Argument(help="Take that sing wrote beside the sound.", metavar="TAKE.json")],
    output: Annotated[Path, typer.Argument(help=".TextGrid, .mid, .csv (F0), .ds, .ustx or .musicxml.", metavar="OUT")],
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Export a voice, by name or folder, to a folder that sings without torch.")
    ] = False,
):
    """Hand a take to another program: its notes, words, phonemes and pitch. With --onnx: VOICE OUT, a voice instead."""
    if onnx:
        from svs.export.voice import export_voice

        export_voice(str(take), output)
        print(f"svs sing SCORE -o OUT.wav --voice {output}")
        return
    from svs.audio import write_atomically
    from svs.evaluator import read_object
    from svs.export import export as render

    _writable(output, [take])
    data = render(read_object(take), output, title=take.stem)
    write_atomically(output, lambda temporary: Path(temporary).write_bytes(data))


@app.command()
def voices():
    """List the installed voices, a line a singer."""
    from svs.evaluator import read_object
    from svs.units import pitch_name
    from svs.voice import installed

    table = _table("voice", "singer", "languages", "range", "licence", "folder")
    found = {folder: read_object(folder / "voice.json") for folder in installed()}
    for folder, facts in found.items():
        for singer, about in (facts.get("singers", {}) | facts.get("blends", {})).items():
            table.add_row(
                facts.get("name", folder.name),
                singer + (" (default)" if singer == facts.get("singer") else ""),
                ", ".join(facts.get("languages", ())),
                " to ".join(pitch_name(cents) for cents in about.get("range_cents", ())),
                facts.get("licence", ""),
                str(folder),
            )
    if not found:
        raise UsageError("no voice is installed; recipes/default makes one")
    _print_table(table)
    for folder, facts in found.items():
        for singer, about in facts.get("singers", {}).items():
            if lent := about.get("consonants"):
                recorded, lenders = ", ".join(about.get("languages", ())), " and ".join(lent)
                print(f"{folder.name}: {singer} was recorded in {recorded}; elsewhere consonants are {lenders}'s")
        for singer, about in facts.get("blends", {}).items():
            shift = about.get("formant_shift", 0.0)
            moved = f", formants {abs(shift):g} semitones {'higher' if shift > 0 else 'lower'}" if shift else ""
            print(f"{folder.name}: {singer} is made of {' and '.join(about['of'])}{moved}")
        if further := _further_options(folder, facts):
            print(f"{folder.name}: {'; '.join(further)}")


def _further_options(folder: Path, facts: dict) -> list[str]:
    """What a voice can be asked for beside singer and score, by the options of `svs sing`."""
    styles = [name + (" (default)" if name == facts.get("style") else "") for name in facts.get("styles", ())]
    found = [f"--style {', '.join(styles)}"] if styles else []
    found += [f"--describe, read by {facts['text_encoder']}"] if "text_encoder" in facts else []
    return found + (["--reference"] if "reference_seconds" in facts or (folder / "timbres.json").is_file() else [])


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def train(
    context: typer.Context,
    config: Annotated[Path, typer.Argument(help="YAML: model, data and trainer.", metavar="CONFIG")],
):
    """Train from a configuration.

    Further options go to Lightning, such as --trainer.max_steps=100.
    """
    if not config.is_file():
        raise UsageError(f"{config}: no such file; the recipes hold configurations, such as recipes/tiny")
    from svs.training import main as fit

    fit(config, list(context.args))


def main() -> None:
    """Run the command line; a user's mistake becomes one line and status 2 (SVS_TRACEBACK=1 shows where it arose)."""
    warnings.showwarning = _show_warning
    _end_in_order()
    _open_streams()
    try:
        with _flushed():
            app(prog_name="svs")
    except (ValueError, OSError) as error:
        if os.environ.get("SVS_TRACEBACK") or not is_mistake(error):
            raise
        print(f"svs: {one_line(error)}", file=sys.stderr)
        raise SystemExit(2) from None


def _end_in_order() -> None:
    """Let a request to end, of the system or of a terminal that is closed, leave no half-written file behind."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores one of them
            signal.signal(number, lambda received, _: sys.exit(128 + received))


def _open_streams() -> None:
    """Where the shell closed one (>&-), send it nowhere: the next file that is opened would take its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 (as long as the command)


@contextmanager
def _flushed():
    """Find out here, not after the end, that standard output takes no more."""
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python tries again, and complains
            if isinstance(error, BrokenPipeError):  # whoever read has seen enough
                raise SystemExit(1) from None
            raise


# Errors and warnings ----------------------------------------------------------------------------------------------


def _warn(message: str) -> None:
    print(f"svs: warning: {message}", file=sys.stderr)


def _show_warning(message, category, filename, lineno, file=None, line=None, song: Path | None = None) -> None:
    """Our own warnings in one line; those of libraries are for their developers. song: of several, the one it is of."""
    if Path(filename).is_relative_to(Path(__file__).parent):
        _warn(" ".join([*([f"{song.name}:"] if song else []), *str(message).split()]))


# Files ------------------------------------------------------------------------------------------------------------


def _songs(scores: list[Path], output: Path, stems: Path | None) -> list[Song]:
    """Each score with where its sound goes: the file OUT, or OUT/SCORE.wav in a folder, which is made for several."""
    from svs.songs import Song

    if len(scores) == 1 and not output.is_dir():
        return [Song(scores[0], output, stems)]
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output}: is a file; {len(scores)} songs want a folder")
    found: dict[str, Song] = {}
    for score in scores:
        song = Song(score, output / f"{score.stem}.wav", stems if stems is None or len(scores) == 1 else stems / score.stem)
        if other := found.get(score.stem.casefold()):
            raise UsageError(f"{other.score} and {score}: both would be sung to {song.output}; give them other names")
        found[score.stem.casefold()] = song
    if not output.exists():
        _writable(output)
        output.mkdir()
    return list(found.values())


def _writable_outputs(output: Path, read: Iterable[Path | None]) -> None:
    """Make sure that the sound and the take beside it can be written, and are none of the files that are read."""
    if output.suffix.lower() != ".wav":
        raise UsageError(f"{output}: sound is written as WAV; let the name end in .wav")
    for path in (output, output.with_suffix(".json")):
        _writable(path, read)


def _writable_stems(folder: Path, part: str | None) -> None:
    if part != "all":
        raise UsageError("--stems: writes the parts of a song sung together; add --part all")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; --stems wants a folder")
    _writable(folder / "stem.wav" if folder.is_dir() else folder)


def _stem_name(number: int, part: str) -> str:
    """Number and name of a part, fit for a file: 2-alto."""
    words = re.findall(r"\w+", part.lower())
    return "-".join([str(number), *words])[:60]


def _write_take(output: Path, audio, take: dict) -> None:
    """Write the sound, and the take beside it."""
    audio.write(output)
    _write_beside(output, take)


def _write_beside(output: Path, take: dict) -> None:
    """Write a take, with the digest of its sound: killed between the two, the one of before is told from this one's."""
    from svs.audio import digest

    _write_text(output.with_suffix(".json"), json.dumps({**take, "digest": digest(output)}, ensure_ascii=False))


def _writable(path: Path, read: Iterable[Path | None] = ()) -> None:
    """read: files that the command reads."""
    if any(other is not None and other.exists() and path.exists() and path.samefile(other) for other in read):
        raise UsageError(f"{path}: is read too, and would be lost; write to another name")
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name a file in it")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise UsageError(f"{path}: cannot be written; choose a folder that is yours")


def _write_text(path: Path, text: str) -> None:
    from svs.audio import write_text

    write_text(path, text)


def _whole(text: str, option: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{option} is {text!r}; a number or all is wanted") from None


# What is shown ----------------------------------------------------------------------------------------------------


@contextmanager
def _progress(shown: bool = True):
    """A bar on standard error, where that is a terminal: progress(stage, done, total)."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:>10}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal)) as bar:
        tasks = {}

        def progress(stage: str, done: float, total: float) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage)
            bar.update(tasks[stage], completed=done, total=total)

        yield progress


def _table(*columns: str, right: tuple[str, ...] = ()):
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    return table


def _print_table(table) -> None:
    _console().print(table)


def _console():
    """Standard output; wide when it is a file, so that no column is cut."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=160)


def _print_score(score) -> None:
    from svs.articulation import articulate
    from svs.phrasing import breaths
    from svs.units import pitch_name

    for part in score.parts:
        last = part.notes[-1].end if part.notes else 0.0
        print(f"{score.title}, {part.name} ({part.language}): {len(part.notes)} notes, {last:.1f} s")
        table = _table("bar", "onset s", "length s", "pitch", "lyric", "phonemes", right=("bar", "onset s", "length s"))
        breathed = set(breaths(articulate(part.notes)))
        for index, note in enumerate(part.notes):
            table.add_row(
                str(note.bar),
                f"{note.onset:.3f}",
                f"{note.duration:.3f}",
                pitch_name(note.cents),
                _lyric_text(note) + BREATH_SIGN * (index in breathed),
                " ".join(note.phonemes),
            )
        _print_table(table)


def _lyric_text(note) -> str:
    """A syllable with the hyphens that join it to its word; _ where it goes on."""
    from rich.markup import escape

    if note.lyric is None:
        return "_"
    before = "-" if note.syllabic in ("middle", "end") else ""
    after = "-" if note.syllabic in ("begin", "middle") else ""
    return escape(f"{before}{note.lyric}{after}")


def _write_evaluations(songs, results, distance, json_path, csv_path, notes_csv, html_path, png_path) -> None:
    from svs.evaluation import songs as many
    from svs.evaluation.report import to_json

    if json_path is not None:
        whole = next(iter(results.values())) if len(results) == 1 else many.summarise_songs(results) | distance
        _write_text(json_path, to_json(whole))
    if csv_path is not None:
        _write_text(csv_path, many.songs_csv(results))
    if notes_csv is not None:
        _write_text(notes_csv, many.notes_csv(results))
    if html_path is not None:
        from svs.evaluation.page import index_page, song_page

        if len(results) == 1:
            _write_text(html_path, song_page(songs[0].view()))
        else:
            html_path.mkdir(exist_ok=True)
            views = [song.view() for song in songs]
            links = {view.name: f"{name}.html" for view, name in zip(views, _page_names(songs), strict=True)}
            for view in views:
                _write_text(html_path / links[view.name], song_page(view, views, links))
            failed = {name: result["error"] for name, result in results.items() if "error" in result}
            _write_text(html_path / "index.html", index_page(views, links, failed))
    if png_path is not None:
        from svs.evaluation.report import plot

        if len(results) > 1:
            png_path.mkdir(exist_ok=True)
        for song, name in zip(songs, _page_names(songs), strict=True):
            path = png_path if len(results) == 1 else png_path / f"{name}.png"
            plot(path, song.audio, song.notes, song.measured, song.commanded, title=song.name)


def _page_names(songs) -> list[str]:
    """Of each song's page or figure: its file's name, with the ending where two differ in nothing else."""
    stems = [Path(song.name).stem for song in songs]
    return [
        song.name if stems.count(stem) > 1 or stem == "index" else stem for song, stem in zip(songs, stems, strict=True)
    ]


def _print_evaluations(results: dict, distance: dict) -> None:
    from svs.evaluation.report import print_comparison, print_report, print_songs

    if len(results) > 1:
        print_songs(results, _console())
    else:
        for result in results.values():
            (print_report if result.get("notes") else print_comparison)(result, _console())
    if distance:
        print(f"Fréchet audio distance ({distance['fad_embedding']}): {distance['fad']:.4g}")


def _print_listening(figures: dict) -> None:
    table = _table("system", "mean", "95 % interval", "answers", right=("mean", "answers"))
    for name, system in figures["systems"].items():
        between = "–" if system["low"] is None else f"{system['low']:.2f} … {system['high']:.2f}"
        table.add_row(name, f"{system['mean']:.2f}", between, str(system["count"]))
    count = figures["listeners"]
    print(f"{figures['kind']}: {figures['question']} ({count} listener{'s' * (count != 1)})")
    _print_table(table)
    for pair, each in figures["differences"].items():
        apart = "" if count < 2 or each["low"] is None or each["low"] <= 0 <= each["high"] else ", told apart"
        between = "" if each["low"] is None else f" ({each['low']:.2f} … {each['high']:.2f}{apart})"
        print(f"{pair}: {each['mean']:+.2f}{between}")
    for remark in figures["remarks"]:
        _warn(remark)


def _writable_pages(path: Path, count: int, read: Iterable[Path | None]) -> None:
    """A file of one song can be written; a folder of several is there or can be made."""
    if count == 1:
        _writable(path, read)
    elif path.exists() and not path.is_dir():
        raise UsageError(f"{path}: is a file; {count} songs want a folder")
    else:
        _writable(path / "index.html" if path.is_dir() else path)


def _listed(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(name.strip() for name in text.split(",") if name.strip())


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not text; a CSV of answers is wanted") from None


if __name__ == "__main__":
    main()
