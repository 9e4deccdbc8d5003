"""Sing: every stage, once, in order. Read this page first.

    score → pronounce → phrase → place → pitch, loudness → conditions → latents → audio

What comes after pitch is in svs/rendering.py, where `render` takes a timing and a contour of one's own.
"""

from __future__ import annotations

import queue
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from svs import dynamics
from svs.articulation import articulate
from svs.audio import READ_SAMPLES, Audio, AudioFile, gather, write_pieces
from svs.breath import breathe
from svs.cache import PhraseCache
from svs.dynamics import WRITTEN, Dynamics
from svs.expression import Expression
from svs.g2p import parted
from svs.guidance import read_guidance
from svs.hand import Drawn, HandError, Settings, beside, follow, read_curve, read_settings
from svs.inventory import BR, adapt, strip_stress
from svs.onnx_runner import OnnxVoice
from svs.onnx_runner import load as load_voice
from svs.phonemes import pronounce
from svs.phrasing import phrased
from svs.pitch import PitchCurve, exact, natural
from svs.rendering import Progress, Sampling, limited, pieces, sound_samples
from svs.score import Grid, Note, Part, Score, note_to_json, read_score, select_part
from svs.speaker import Likeness
from svs.tape import Tape
from svs.timing import LEAD_IN, PhonemeSpan, delay, place
from svs.tuning import Scale, Tuning, tune
from svs.units import A4_HZ, SAMPLE_RATE, pitch_name
from svs.voice import MOST_STEPS, Voice, VoiceError
from svs.written import bars_text


@dataclass(frozen=True)
class Take:
    """A rendered line and everything that led to it. Times are seconds of the audio, pitch is in cents.

    audio: the sound; a file or tape when it was asked to go there. notes, spans: as sung. curve: the commanded contour.
    seconds_taken: wall-clock time of rendering. grid: where the beats and bars of the score fall; None of a score
    without them. expressions: of the notes, if any. swell: (frames,) dB on the curve's grid by which the line is louder than
    written, None where nothing was added (svs.dynamics). likeness: how the singer was found, when a recording chose it.
    manner: style, description and reference that were asked for.
    """

    audio: Audio | AudioFile | Tape
    notes: tuple[Note, ...]
    spans: tuple[PhonemeSpan, ...]
    curve: PitchCurve
    seed: int
    voice: str
    singer: str
    part: str
    seconds_taken: float
    grid: Grid | None = None
    expressions: tuple[Expression, ...] = ()
    swell: np.ndarray | None = None
    likeness: Likeness | None = None
    manner: Mapping[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return self.audio.seconds

    @property
    def real_time_factor(self) -> float:
        return self.seconds_taken / max(self.audio.seconds, 1e-9)

    def to_json(self) -> dict:
        """The take as plain JSON values; nothing in it depends on how long rendering took."""
        notes = [
            note_to_json(
                replace(note, onset=round(note.onset, 6), duration=round(note.duration, 6), cents=round(note.cents, 4))
            )
            for note in self.notes
        ]
        phones = [
            {"symbol": span.symbol, "start": round(span.start, 6), "end": round(span.end, 6), "note": span.note}
            for span in self.spans
        ]
        return {
            "sample_rate": self.audio.sample_rate,
            "seed": self.seed,
            "voice": self.voice,
            "singer": self.singer,
            **({} if self.likeness is None else {"singer_from": self.likeness.to_json()}),
            **self.manner,
            "part": self.part,
            "notes": notes,
            "phones": phones,
            "f0": {
                "hop_seconds": self.curve.hop_seconds,
                "cents": [round(float(c), 3) for c in self.curve.cents],
                "voiced": [bool(v) for v in self.curve.voiced],
            },
            **({} if self.swell is None else {"swell": _swell_to_json(self.swell, self.curve.hop_seconds)}),
            **({} if self.grid is None else {"grid": asdict(self.grid)}),
            **({"expressions": [asdict(e) for e in self.expressions]} if any(not e.plain for e in self.expressions) else {}),
        }


def _swell_to_json(swell: np.ndarray, hop_seconds: float) -> dict:
    return {"hop_seconds": hop_seconds, "db": [round(float(level), 2) for level in swell]}


def sing(
    score: Score | str | Path,
    voice: Voice | str | Path = "default",
    *,
    part: str | int | None = None,
    verse: int | str = 1,
    language: str | None = None,
    transpose: float = 0.0,
    tempo: float = 1.0,
    missing_lyric: str | None = None,
    tuning: float = A4_HZ,
    temperament: str | Path | Scale = "equal",
    tonic: str = "C",
    pitch: str = "natural",
    phrasing: str | None = None,
    settings: Settings | Mapping | str | Path | None = None,
    f0: Drawn | str | Path | None = None,
    seed: int = 0,
    steps: int | None = None,
    guidance: float | str | Mapping[str, float] | None = None,
    sampler: str | None = None,
    fast: bool = False,
    singer: str | None = None,
    singer_from: str | Path | None = None,
    style: str | None = None,
    describe: str | None = None,
    reference: str | Path | None = None,
    breaths: bool | None = None,
    consonant_length: float | None = None,
    expression: Expression | None = None,
    progress: Progress | None = None,
    cache: PhraseCache | None = None,
    to: str | Path | Tape | None = None,
    hear: Callable[[Audio], None] | None = None,
    reproducible: bool = False,
) -> Take:
    """Sing one part of a score.

    score: a file, or a Score read already. part: name or number from 1; the first one with lyrics when None.
    transpose: semitones. tempo: factor. tuning: Hz of A4. pitch: "natural" or "exact", the bare notes. phrasing: "natural",
    with breaths where the page has no rests for long and a loudness that moves within phrases, or "written", without; when
    None, as pitch is.
    missing_lyric: syllable for notes that have none and continue no vowel, as of a melody without words; else an error.
    temperament: "equal", "just", "pythagorean", "meantone" or a Scala file; tonic: of the page, such as "Eb".
    settings: amounts of contour, expression and dynamics, for the line and for single notes (svs.hand): a YAML file or the
    same as a dict; when None, song.yaml beside song.musicxml, if there is one. f0: CSV of a contour to be sung instead.
    steps, sampler: a name in svs.samplers.SAMPLERS; midpoint's and heun's steps cost two evaluations each; guidance: scale
    on the lyrics, or scales by condition, a dict or "lyrics=1.5,text=2". The voice's own when None. fast: the voice's
    quick setting for those three. singer: of the voice, or a mixture such as "ann:0.6+bob:0.4". singer_from: a recording
    instead; the nearest singer or mixture sings, and the take's likeness says how near that is: it chooses among the
    voice's timbres and does not clone (svs.speaker). style, describe, reference: of voices with such conditions, the name
    of a style, words such as "soft, breathy", and a clip to sing like (svs.manner).
    breaths: whether inhalations are heard in rests; when None, if the voice's singer has any.
    consonant_length: how many times as long as in the recordings consonants are; the voice's own when None.
    expression: of the whole line, where the settings say nothing else: breath, tension, formants, consonants.
    progress: called as progress(stage, done, total). cache: phrases found in it are not sung again.
    to: a WAV to write while singing, whole or not at all, or a Tape; the take's audio is then that, and memory holds no
    more than a stretch; when None the take holds the whole sound in memory, 10.6 MB a minute. hear: called with each
    stretch of audio when it is finished. reproducible: the same bytes on any number of threads, by singing on one.
    Of a Score that is read already, verse, transpose, tempo and missing_lyric are settled: they go to `read_score`.
    Warns of remarks on the score and of notes outside the singer's range.
    Raises ScoreError, VoiceError or ValueError, each one line that says what to do.
    """
    began = time.perf_counter()
    if pitch not in ("natural", "exact"):
        raise ValueError(f"pitch is {pitch!r}; choose natural or exact")
    if phrasing not in (None, "natural", "written"):
        raise ValueError(f"phrasing is {phrasing!r}; choose natural or written")
    if seed < 0:
        raise ValueError(f"seed is {seed}; a whole number from 0 is wanted")
    if steps is not None and not 1 <= steps <= MOST_STEPS:
        raise ValueError(f"steps is {steps}; a whole number from 1 to {MOST_STEPS} is wanted")
    if singer is not None and singer_from is not None:
        raise ValueError(f"singer {singer!r} and singer_from {singer_from}: give one of them")
    read_guidance(guidance)  # before anything takes time
    tuned = Tuning.read(tuning, temperament, tonic)
    settings = _settings(settings, score)
    if f0 is not None and not isinstance(f0, Drawn):
        f0 = read_curve(f0)
    from svs import g2p
    from svs.manner import manner as manner_of

    score = _read(score, verse, transpose, tempo, language, missing_lyric)
    line = select_part(score, part)
    line = replace(line, language=language or line.language)
    line = pronounce(line, g2p.load(line.language))
    if not isinstance(voice, Voice):
        voice = load_voice(voice)
    likeness = None if singer_from is None else voice.like(singer_from)
    singer = likeness.singer if likeness else singer or voice.singer
    sampling = Sampling.of(voice, seed, steps, guidance, sampler, fast)
    how = manner_of(voice, singer, style, describe, reference)
    durations = voice.durations(singer, consonant_length)
    breaths = voice.breathes(singer) if breaths is None else breaths
    line = as_sung_by(voice, line, singer)
    for remark in score.remarks:
        warnings.warn(remark, stacklevel=2)
    shaped = pitch == "natural" if phrasing is None else phrasing == "natural"
    moved = Dynamics() if shaped else WRITTEN
    line = replace(line, notes=tune(line.notes, tuned, score.transposed))
    notes, styles, expressions, loud, breaths_set = settings.apply(line.notes, line.name, expression, moved)
    notes = phrased(articulate(delay(notes)), breaths_set, free=shaped)
    warn_out_of_range(line.name, notes, voice, singer)
    spans = place(notes, durations)
    curve = exact(notes, spans) if pitch == "exact" else natural(notes, spans, seed=seed, style=styles)
    if f0 is not None:
        curve = _drawn(curve, f0, notes)
    if breaths and BR in voice.phonemes:
        spans = breathe(spans)
    swell = dynamics.natural(notes, spans, loud)
    line_of = (notes, spans, curve)
    if isinstance(voice, OnnxVoice):
        sung = voice.pieces(*line_of, singer, sampling, expressions, progress, how, line.language, swell)
    else:
        sung = pieces(*line_of, voice, singer, sampling, expressions, progress, cache, how, line.language, swell)
    sung = _heard(sung, hear)
    with one_thread(voice) if reproducible else nullcontext():
        audio = to.record(sung) if isinstance(to, Tape) else _gathered(sung, to, sound_samples(curve))
    taken = time.perf_counter() - began
    grid = score.grid.delayed(LEAD_IN) if score.grid else None
    asked = {"style": style, "describe": describe, "reference": None if reference is None else Path(reference).name}
    manner = {name: value for name, value in asked.items() if value is not None}
    facts = (seed, voice.name, singer, line.name, taken, grid, expressions, swell, likeness, manner)
    return Take(audio, notes, tuple(spans), curve, *facts)


def stream(score: Score | str | Path, voice: Voice | str | Path = "default", **options) -> Iterator[Audio]:
    """The audio of `sing`, with its options, a stretch at a time, each as soon as it is finished.

    The next stretch is sung while the caller plays the last one. Errors are those of `sing`, raised in turn.
    """
    ready: queue.Queue = queue.Queue(maxsize=1)
    closed = threading.Event()

    def hand_over(item) -> None:
        while not closed.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue
        raise _ClosedError

    def work() -> None:
        try:
            sing(score, voice, hear=hand_over, **options)
            hand_over(None)
        except _ClosedError:
            pass
        except BaseException as error:
            hand_over(error)

    singer = threading.Thread(target=work, name="svs-stream", daemon=True)
    singer.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        closed.set()
        singer.join()


class _ClosedError(Exception):
    """Nobody listens to the stream any more."""


def _gathered(sung: Iterator[np.ndarray], to: str | Path | None, samples: int) -> Audio | AudioFile:
    return gather(sung, samples, SAMPLE_RATE) if to is None else write_pieces(to, sung, SAMPLE_RATE)


@contextmanager
def one_thread(voice: Voice) -> Iterator[None]:
    """Torch on one thread meanwhile: how many share a sum settles its order, and with it the last bits of the sound.

    onnxruntime, which never splits a sum, keeps its threads.
    """
    if isinstance(voice, OnnxVoice):
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _heard(sung: Iterator[np.ndarray], hear) -> Iterator[np.ndarray]:
    for samples in sung:
        if hear is not None:
            hear(Audio(samples, SAMPLE_RATE))
        yield samples


def sing_parts(
    score: Score | str | Path,
    voice: Voice | str | Path = "default",
    *,
    verse: int | str = 1,
    language: str | None = None,
    transpose: float = 0.0,
    tempo: float = 1.0,
    missing_lyric: str | None = None,
    singer: str | Mapping[str, str] | None = None,
    scratch: str | Path | None = None,
    **options,
) -> tuple[Take, ...]:
    """Sing every part of a score, each as `sing` sings it alone; they begin together. options: the others of `sing`.

    singer: of all parts, or by part, a dict or "Alto=ann,Bass=bob"; a part that is not named has the voice's own.
    scratch: a folder where the parts' sound waits on tapes (svs/tape.py), instead of in memory.
    """
    if options.get("f0") is not None:
        raise HandError("a contour drawn by hand is of one line; sing that part alone, then the others")
    options["settings"] = _settings(options.get("settings"), score)
    score = _read(score, verse, transpose, tempo, language, missing_lyric)
    if not score.parts:
        select_part(score)  # says so
    if not isinstance(voice, Voice):
        voice = load_voice(voice)
    singers = _by_part(singer, score)
    takes = []
    for number, part in enumerate(score.parts, 1):
        to = None if scratch is None else Tape(scratch, SAMPLE_RATE)
        takes.append(sing(score, voice, part=number, language=language, singer=singers.get(part.name), to=to, **options))
        score = replace(score, remarks=())  # said once
    return tuple(takes)


def _by_part(singer: str | Mapping[str, str] | None, score: Score) -> dict[str, str | None]:
    """Part's name → its singer. Raises ScoreError for a part that is not there, ValueError for what names none."""
    if isinstance(singer, str) and "=" in singer:
        named = [entry.rpartition("=") for entry in singer.split(",")]
        if unnamed := [who for part, _, who in named if not (part.strip() and who.strip())]:
            raise ValueError(f"singer {singer!r}: {unnamed[0]!r} names no part; write PART=SINGER,PART=SINGER")
        singer = {part: who.strip() for part, _, who in named}
    if isinstance(singer, Mapping):
        return {select_part(score, part).name: who for part, who in singer.items()}
    return {part.name: singer for part in score.parts}


def mix(takes: Sequence[Take], to: str | Path | None = None) -> Audio | AudioFile:
    """All takes at once, as long as the longest; peaks that would clip are bent. to: a WAV to write while mixing."""
    sounds = [take.audio for take in takes]
    return _gathered(_mixed(sounds), to, max(sound.length for sound in sounds))


def _mixed(sounds: Sequence[Audio | AudioFile | Tape]) -> Iterator[np.ndarray]:
    longest = max(sound.length for sound in sounds)
    for start in range(0, longest, READ_SAMPLES):
        total = np.zeros(min(READ_SAMPLES, longest - start), np.float32)
        for sound in sounds:
            samples = sound.piece(start, start + len(total)).samples
            total[: len(samples)] += samples
        yield limited(total)


def _settings(settings, score) -> Settings:
    """Settings as given, else those beside the score's file, else none."""
    if settings is None and not isinstance(score, Score):
        settings = beside(score)
    if settings is None:
        return Settings({})
    return settings if isinstance(settings, Settings) else read_settings(settings)


def _drawn(curve: PitchCurve, drawn: Drawn, notes: Sequence[Note]) -> PitchCurve:
    """The curve with what was drawn laid over it; warns where the drawing ends before the song does."""
    first, last = drawn.seconds[0], drawn.seconds[-1]
    if first >= notes[-1].end:
        raise HandError(f"{drawn.name}: begins at {first:g} s, but the song ends at {notes[-1].end:.2f} s")
    if first > notes[0].onset or last < notes[-1].end - 0.1:
        warnings.warn(
            f"{drawn.name}: reaches from {first:g} to {last:g} s of {notes[-1].end:.2f} s; "
            "before and after, the score's own contour is sung",
            stacklevel=3,
        )
    return follow(curve, drawn)


def _read(score, verse, transpose, tempo, language, missing_lyric) -> Score:
    if not isinstance(score, Score):
        options = {"verse": verse, "transpose": transpose, "tempo": tempo, "missing_lyric": missing_lyric}
        return read_score(score, language=language, **options)
    if (verse, transpose, tempo, missing_lyric) != (1, 0.0, 1.0, None):
        raise ValueError(
            "verse, transpose, tempo and missing_lyric are settled when a score is read; give them to read_score"
        )
    return score


def as_sung_by(voice: Voice, line: Part, singer: str) -> Part:
    """The line with the phones that the voice lacks replaced by their nearest; warns of what stands for what.

    Raises VoiceError where the voice has no such singer, or a phone has no substitute (svs/inventory.py).
    """
    voice.singer_weights(singer)
    notes: list[Note] = []
    instead: dict[str, str] = {}
    for note in line.notes:
        phones, replaced = adapt(note.phonemes, voice.phonemes)
        instead |= replaced
        notes.append(replace(note, phonemes=phones))
        for symbol in map(strip_stress, phones):
            if symbol not in voice.phonemes:
                raise VoiceError(
                    f"{line.name}, bar {note.bar}: voice {voice.name!r} has no phoneme {symbol} for {note.lyric!r} and "
                    f"nothing near it; it knows {' '.join(sorted(voice.phonemes))}"
                )
    code, _ = parted(line.language)
    if instead or code not in voice.languages:
        nearest = ", ".join(f"{symbol} as {phones}" for symbol, phones in sorted(instead.items()))
        warnings.warn(
            f"{line.name}: voice {voice.name!r} was made for {', '.join(voice.languages)} and sings {line.language!r} "
            f"with an accent{': ' if nearest else ''}{nearest}",
            stacklevel=3,
        )
    return replace(line, notes=tuple(notes))


def warn_out_of_range(part: str, notes: Sequence[Note], voice: Voice, singer: str) -> None:
    """Warn of notes outside the singer's range, naming their bars and who reaches them; they are sung all the same."""

    def strange(who: str) -> set[int]:
        low, high = voice.range_cents(who)
        return {note.bar for note in notes if not low <= note.cents <= high}

    if bars := strange(singer):
        low, high = map(pitch_name, voice.range_cents(singer))
        others = [name for name in voice.names if not strange(name)]
        helps = f"--singer {others[0]} reaches them, --transpose moves them" if others else "--transpose moves them"
        warnings.warn(
            f"{part}: notes outside the range of {singer} ({low} to {high}) in {bars_text(bars)}; they are sung, but may "
            f"sound strained; {helps}",
            stacklevel=3,
        )
