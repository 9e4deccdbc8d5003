"""The evaluator's desk: sound files and what to hold them against, to evaluations.

    song = evaluate_file("song.wav", Against(take="song.json"))
    song.result["summary"]["mean_abs_error_cents"]

It is what `svs evaluate` runs on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from svs.audio import Audio, AudioError, AudioFile, digest
from svs.evaluation import ALL, check_lengths, judge, measure, take_curve, take_notes
from svs.evaluation.listening import ListeningTest
from svs.evaluation.page import View
from svs.evaluation.spectrum import clipped, mains_hum
from svs.f0 import check_tracker
from svs.files import read_small
from svs.mistakes import Mistake
from svs.pitch import PitchCurve
from svs.score import Note
from svs.units import A4_HZ, PITCH_GRID, FrameGrid

FIGURES = ("spectrum", "espnet", "stoi", "pesq", "speaker")  # of two recordings, besides the contours'
USUAL_FIGURES = ("spectrum", "espnet", "stoi", "pesq")
LENGTHS_APART = 0.1  # seconds, of two recordings in step
CLIPPED = 0.01  # of the samples on flat tops are remarked on
LATE_MATTERS = 0.03  # of the frames must agree that do not without a shift
LONGEST_COMPARED_SECONDS = 1800.0  # those figures hold both sounds and their spectra in memory
LONGEST_OFFSET_SECONDS = 86_400.0
SOUNDS = (".wav", ".flac", ".ogg", ".mp3")
LOSSLESS = (".wav", ".flac")
SCORES = (".musicxml", ".mxl", ".xml", ".mid", ".midi")


class EvaluationError(Mistake):
    """Files that cannot be evaluated together; the message says which and what to do."""


@dataclass(frozen=True)
class Against:
    """What a recording is measured against: one of take, score and reference, each a file.

    part, verse, transpose, tempo, tuning, temperament, tonic: of the score, as `svs sing` has them. offset: seconds of
    audio before the score begins, None for svs's own lead-in. alignment: of the score, "auto", "time" or "dtw".
    figures: of FIGURES, None for the usual ones as far as their packages are there. lyrics: a text file of the words, or
    a score; the words sung are then recognised and compared. own: whether the take must have been written with this very
    sound; if not, another one is only remarked on.
    """

    take: Path | None = None
    score: Path | None = None
    reference: Path | None = None
    part: str | None = None
    verse: str = "1"
    transpose: float = 0.0
    tempo: float = 1.0
    tuning: float = A4_HZ
    temperament: str | Path = "equal"
    tonic: str = "C"
    offset: float | None = None
    alignment: str = "auto"
    figures: Sequence[str] | None = None
    lyrics: Path | None = None
    own: bool = False


@dataclass(frozen=True)
class Song:
    """An evaluation and what it was made of. commanded: the take's contour or the reference's, None of a score."""

    name: str
    result: dict
    audio: Audio | AudioFile
    measured: PitchCurve
    commanded: PitchCurve | None = None
    remarks: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[Note, ...]:
        """The notes where they were looked for, without phonemes."""
        rows = self.result.get("notes", ())
        return tuple(Note(r["onset"], r["duration"], r["target_cents"], r["lyric"], bar=r["bar"]) for r in rows)

    def view(self) -> View:
        """What a page shows of it."""
        return View(self.name, self.result, self.audio, self.measured, self.commanded)


def evaluate_file(path: Path | str, against: Against, tracker: str = "praat") -> Song:
    """Measure one sound file. Raises AudioError, ScoreError or ValueError, each one line that says what to do."""
    path = Path(path)
    audio = AudioFile.open(path)
    if not audio.length:
        raise EvaluationError(f"{path}: the audio is empty: it holds no samples")
    if against.reference is not None:
        return _against_reference(path, audio, against, tracker)
    remarks: list[str] = []
    commanded, alignment = None, "time"
    if against.take is not None:
        take = read_take(against.take)
        if path.suffix.lower() in LOSSLESS and take.get("digest", "") not in ("", digest(path)):
            told = f"{path}: is not the sound that {against.take.name} was written with"
            if against.own:
                reason = "one of them was replaced or changed since, or singing was stopped between the two"
                raise EvaluationError(f"{told}; {reason}: sing it again, or name what to measure against, as with --take")
            remarks.append(told)
        try:
            notes, commanded = take_notes(take), take_curve(take)
            check_lengths(commanded, audio)
        except ValueError as error:
            raise EvaluationError(f"{path}, {against.take}: {error}") from None
    else:
        notes, alignment = _score_notes(against), against.alignment
    if not notes:
        raise EvaluationError(f"{against.take or against.score}: has no notes to measure against")
    grid = PITCH_GRID if commanded is None else FrameGrid(commanded.hop_seconds)
    curves, missing = _measure(path, audio, tracker, grid)
    result = judge(curves, notes, commanded, alignment, missing)
    remarks += _faults(path, audio)
    song = Song(path.name, result, audio, next(iter(curves.values())), commanded, tuple(remarks))
    if against.lyrics is not None:
        result["summary"] |= _word_figures(path, audio, song.notes, against.lyrics)
    return song


def _against_reference(path, audio, against, tracker):
    from svs.evaluation.agreement import contour_disagreement
    from svs.evaluation.melody import contour_scores

    reference = AudioFile.open(against.reference)
    if abs(audio.seconds - reference.seconds) > LENGTHS_APART:
        raise EvaluationError(
            f"{path}: lasts {audio.seconds:.2f} s, its reference {against.reference} {reference.seconds:.2f} s; two "
            f"recordings are compared in step and may be {LENGTHS_APART} s apart: cut the longer, or measure against a score"
        )
    wanted, _ = _measure(against.reference, reference, tracker)
    curves, missing = _measure(path, audio, tracker)
    first = next(iter(curves))
    result = {"tracker": first, "reference": against.reference.name, "summary": contour_scores(wanted[first], curves[first])}
    if len(curves) > 1 or missing:
        result["trackers"] = {name: contour_scores(wanted[name], curve) for name, curve in curves.items()}
        result["trackers"] |= {name: {"missing": reason} for name, reason in missing.items()}
        result["disagreement"] = contour_disagreement(curves)
    remarks = _faults(path, audio) + _faults(against.reference, reference)
    for name, curve in ((path, curves[first]), (against.reference, wanted[first])):
        if not curve.voiced.any():
            remarks.append(f"{name}: nothing is sung in it: {first} finds no voiced frame")
    if late := _late(wanted[first], curves[first]):
        way = "behind" if late > 0 else "before"
        remarks.append(
            f"{path}: lies {abs(late):.2f} s {way} its reference, and the two are compared in step: shift one of them first"
        )
    if against.figures != () and max(audio.seconds, reference.seconds) > LONGEST_COMPARED_SECONDS:
        remarks.append(f"{path}: longer than {LONGEST_COMPARED_SECONDS / 60:.0f} minutes; only its pitch is compared")
    else:
        figures, left_out = compare(_whole(reference), _whole(audio), against.figures)
        result["summary"] |= figures
        remarks += left_out
    if against.lyrics is not None:
        result["summary"] |= _word_figures(path, audio, [], against.lyrics)
    return Song(path.name, result, audio, curves[first], wanted[first], tuple(remarks))


def _measure(path, audio, tracker, grid=PITCH_GRID):
    """measure, its ValueErrors with the path in front."""
    check_tracker(tracker, ALL)
    try:
        return measure(audio, tracker, grid)
    except AudioError:
        raise
    except ValueError as error:
        raise EvaluationError(f"{path}: {error}") from None


def _late(reference, estimate):
    """Seconds by which the estimate's contour lies behind the reference's, to a frame; 0 where that makes little difference.

    The shift, up to LENGTHS_APART, with which most frames agree: both unvoiced, or voiced within 50 cents.
    """

    def agreement(shift):
        a, b = (curve.cents[first:] for curve, first in ((reference, max(0, -shift)), (estimate, max(0, shift))))
        va, vb = (curve.voiced[first:] for curve, first in ((reference, max(0, -shift)), (estimate, max(0, shift))))
        frames = min(len(a), len(b))
        a, b, va, vb = a[:frames], b[:frames], va[:frames], vb[:frames]
        return float(np.mean((va == vb) & (~va | (np.abs(a - b) < 50)))) if frames else 0.0

    most = round(LENGTHS_APART / reference.hop_seconds)
    shares = {shift: agreement(shift) for shift in sorted(range(-most, most + 1), key=abs)}
    best = max(shares, key=lambda shift: shares[shift])
    return best * reference.hop_seconds if shares[best] > shares[0] + LATE_MATTERS else 0.0


def _faults(path, audio):
    """Remarks on what a tracker hears beside the voice: a mains hum, and the overtones of a wave that is cut off."""
    remarks = []
    if (found := mains_hum(audio)) is not None:
        hz, decibels = found
        how = f"{abs(decibels):.0f} dB {'below' if decibels < 0 else 'above'} the sound"
        remarks.append(f"{path}: hums at {hz:.0f} Hz, {how}, which bends the measured pitch: filter it out first")
    if (share := clipped(audio)) > CLIPPED:
        remarks.append(f"{path}: is clipped ({share:.0%} of its samples), so that a note may be heard an octave off")
    return remarks


def compare(reference: Audio, estimate: Audio, figures: Sequence[str] | None = None) -> tuple[dict, list[str]]:
    """(figures of two recordings in step, remarks on those left out). figures: of FIGURES; None for the usual ones.

    A figure that these sounds do not have (PESQ of a song without a pause, a rate ESPnet does not define) becomes a
    remark; so does a missing package, unless its figure was asked for: then it raises.
    """
    unknown = [name for name in figures or () if name not in FIGURES]
    if unknown:
        raise EvaluationError(f"figure {unknown[0]!r} is not known; choose of {', '.join(FIGURES)}")
    found: dict = {}
    remarks: list[str] = []
    for name in USUAL_FIGURES if figures is None else figures:
        try:
            found |= _FIGURES[name](reference, estimate.resample(reference.sample_rate))
        except ImportError as error:
            if figures is not None:
                raise EvaluationError(str(error)) from None
            remarks.append(str(error))
        except ValueError as error:
            remarks.append(str(error))
    return found, remarks


def _spectrum(reference, estimate):
    from svs.evaluation import spectrum

    sounds = reference.samples, estimate.samples, reference.sample_rate
    return {
        "log_spectral_distance": spectrum.log_spectral_distance(*sounds),
        "mel_distance": spectrum.mel_distance(*sounds),
        "mel_cepstral_distortion_db": spectrum.mel_cepstral_distortion(*sounds),
    }


def _espnet(reference, estimate):
    from svs.evaluation.melody import espnet_scores

    return espnet_scores(reference, estimate)


def _stoi(reference, estimate):
    from svs.evaluation.quality import stoi

    return {"stoi": stoi(reference.samples, estimate.samples, reference.sample_rate)}


def _pesq(reference, estimate):
    from svs.evaluation.quality import pesq

    return {"pesq_wb": pesq(reference.samples, estimate.samples, reference.sample_rate)}


def _speaker(reference, estimate):
    from svs.evaluation.embedding import speaker_similarity

    return {"speaker_similarity": speaker_similarity(reference, estimate)}


_FIGURES: dict[str, Callable[[Audio, Audio], dict]] = {
    "spectrum": _spectrum,
    "espnet": _espnet,
    "stoi": _stoi,
    "pesq": _pesq,
    "speaker": _speaker,
}


def frechet(songs: Sequence[Song], folder: Path, embedding: str) -> dict:
    """{"fad", "fad_embedding", "fad_windows"} of all the songs together against all the sounds of a folder."""
    from svs.evaluation.embedding import frechet_distance, moments

    references = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SOUNDS)
    if not references:
        raise EvaluationError(f"{folder}: no sound files there to compare with")
    try:
        wanted = moments((Audio.read(path) for path in references), embedding)
        sung = moments((_whole(song.audio) for song in songs), embedding)
    except ImportError as error:
        raise EvaluationError(str(error)) from None
    return {
        "fad": frechet_distance(wanted, sung),
        "fad_embedding": embedding,
        "fad_windows": [wanted.count, sung.count],
    }


def gather(
    folders: Sequence[Path],
    kind: str = "mushra",
    reference: Path | None = None,
    anchor: bool = False,
    question: str | None = None,
    seed: int = 0,
) -> ListeningTest:
    """A listening test of the songs that every folder has under one name; a system is named after its folder.

    Raises EvaluationError for folders without sounds, of one name, without a song in common, or options that do not fit.
    """
    from svs.evaluation.listening import ANCHOR, KINDS, QUESTIONS, REFERENCE, low_anchor

    if kind not in KINDS:
        raise EvaluationError(f"listen-test: kind {kind!r} is not known; choose {' or '.join(KINDS)}")
    if kind == "ab" and (len(folders) != 2 or reference or anchor):
        raise EvaluationError("listen-test: ab compares two folders, without reference or anchor; give two")
    if anchor and not reference:
        raise EvaluationError("listen-test: the anchor is made from the reference; give --reference DIR")
    if len(folders) + bool(reference) < 2:
        raise EvaluationError("listen-test: two folders or more are to be compared")
    places = {Path(folder).resolve().name: Path(folder) for folder in folders}
    if len(places) < len(folders):
        raise EvaluationError("listen-test: two folders have one name, and systems are named after them; rename one")
    if reference:
        places = {REFERENCE: Path(reference), **places}
    songs = {name: _sounds(folder) for name, folder in places.items()}
    common = sorted(set.intersection(*(set(found) for found in songs.values())))
    if not common:
        raise EvaluationError(f"listen-test: {', '.join(map(str, places.values()))} have no sound of one name")
    sounds = {song: {name: Audio.read(found[song]) for name, found in songs.items()} for song in common}
    if anchor:
        for versions in sounds.values():
            versions[ANCHOR] = low_anchor(versions[REFERENCE])
    left_out = sorted(set.union(*(set(found) for found in songs.values())) - set(common))
    return ListeningTest(kind, question or QUESTIONS[kind, bool(reference)], sounds, seed, tuple(left_out))


def _sounds(folder):
    if not folder.is_dir():
        raise EvaluationError(f"{folder}: is not a folder; each system is a folder of sounds")
    found = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in SOUNDS}
    if not found:
        raise EvaluationError(f"{folder}: no sound files there")
    return found


def companion(audio: Path, folder: Path, suffixes: Sequence[str]) -> Path:
    """The file in a folder that has the audio's name and one of the suffixes. Raises EvaluationError."""
    for suffix in suffixes:
        if (found := folder / (audio.stem + suffix)).is_file():
            return found
    names = " or ".join(audio.stem + suffix for suffix in suffixes)
    raise EvaluationError(f"{audio}: {folder} holds no {names} to measure it against")


def read_object(path: Path) -> dict:
    """The JSON object in a file. Raises EvaluationError when it is not there, or something else."""
    try:
        content = json.loads(read_small(path).decode("utf-8"))
    except FileNotFoundError:
        raise EvaluationError(f"{path}: no such file") from None
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # of JSON and of UTF-8
        raise EvaluationError(f"{path}: not JSON ({error})") from None
    if not isinstance(content, dict):
        raise EvaluationError(f"{path}: holds no JSON object")
    return content


def read_take(path: Path) -> dict:
    """A take's JSON. Raises EvaluationError when it is none, or a list of several parts' takes."""
    content = read_object(path)
    if "parts" in content and "f0" not in content:
        raise EvaluationError(f"{path}: is the take of several parts at once; evaluate the stems that --stems writes")
    return content


def _score_notes(against):
    from svs.articulation import articulate
    from svs.score import read_score, select_part
    from svs.timing import LEAD_IN, delay
    from svs.tuning import Tuning, tune

    if against.offset is not None and not abs(against.offset) < LONGEST_OFFSET_SECONDS:
        raise EvaluationError(f"--offset is {against.offset}; seconds of audio before the score begins are wanted")
    tuning = Tuning.read(against.tuning, against.temperament, against.tonic)
    score = read_score(against.score, verse=against.verse, transpose=against.transpose, tempo=against.tempo)
    notes = tune(select_part(score, against.part).notes, tuning, score.transposed)
    return articulate(delay(notes, LEAD_IN if against.offset is None else against.offset))


def _word_figures(path, audio, notes, lyrics):
    from svs.evaluation import intelligibility as words

    wanted = _lyrics_text(lyrics)
    try:
        heard = " ".join(words.transcribe(_whole(audio), words.chunks(notes, audio.seconds)))
    except ImportError as error:
        raise EvaluationError(f"{path}: {error}") from None
    found, phones = words.word_error_rate(wanted, heard), words.phone_error_rate(wanted, heard)
    return {
        "word_error_rate": found.rate,
        "phone_error_rate": phones.rate,
        "words": asdict(found),
        "words_heard": heard,
        "recogniser": words.RECOGNISER,
    }


def song_words(score: Path) -> str:
    """The words of a score's first part, first verse, as `svs sing` sings it by default. Raises ScoreError."""
    from svs.phonemes import words
    from svs.score import read_score, select_part

    return " ".join(word.text for word in words(select_part(read_score(score)).notes))


def _lyrics_text(path):
    path = Path(path)
    if path.suffix.lower() in SCORES:
        return song_words(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise EvaluationError(f"{path}: no such file") from None
    except OSError as error:
        raise EvaluationError(f"{path}: lyrics cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise EvaluationError(f"{path}: is neither text nor a score; the words sung are wanted") from None


def _whole(audio):
    return audio.piece(0, audio.length) if isinstance(audio, AudioFile) else audio
