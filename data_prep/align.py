"""Alignment: phones of recordings of which only the words are known, by a recogniser that was trained with CTC.

    python -m data_prep.align work/manifests/folder.jsonl --out work/manifests/aligned.jsonl --model MMS_FA

The model is one of torchaudio's: MMS_FA knows over a thousand languages in Latin letters (Pratap et al. 2023), those
called *_ASR_* English. Its weights are fetched once, or taken from --weights, a folder that holds their file. It says
when each letter is heard (torchaudio's forced_align); the letters of a word are then matched with its phones, and where
the sound falls silent before the next word the last phone ends.

CTC tells where a letter is first heard, not where it ends, and models of speech may hear sung vowels late. Labels by
ear are better: this is for corpora that have none. Clips that have phones are left as they are, unless --again. Where
the score is known, svs.evaluation.alignment finds its notes in the singing: data_prep.folder does so.
"""

from __future__ import annotations

import argparse
import itertools
import pickle
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep import stages
from data_prep.corpus import CorpusError, left_over
from data_prep.labels import Interval, LabelError, phones_of
from svs import g2p
from svs.audio import Audio, AudioError
from svs.dataset import DatasetError, read_manifest, write_manifest
from svs.inventory import SIL, features, strip_stress

HUB = "https://download.pytorch.org/torchaudio/models/"
BLANK, BORDER = "-", "|"
CHUNK_SECONDS, CONTEXT_SECONDS = (
    20.0,
    2.0,
)  # heard at once, and beside it, so that a song needs no more memory than a line
FALL = 32.0  # dB below the loud parts, where a word has ended
PAUSE = 0.1  # seconds of quiet that part words
FRAME = 0.01  # seconds, of levels
SHORTEST = 0.1  # seconds, of a recording
LEAST = 0.1  # median probability of the letters, below which these are not the words that are sung

# How each phone may be spelled; by the first it is written where a word has no letters of the model's.
SPELLED = """
AA:a,o AE:a AH:u,o,a,e,i AO:o,a,u AW:ao,o,u AY:ai,i,y EH:e,a ER:er,i,u,o,r,e EY:ei,a,e IH:i,y,e IY:i,e,y OW:o OY:oi
UH:u,o UW:u,o,w B:b D:d G:g P:p T:t K:k,c,q,x JH:j,g,d CH:ch,c,t V:v,f DH:th,t Z:z,s,x F:f,p TH:th,t S:s,c,z,x
SH:sh,s,c,t ZH:zh,s,g,z HH:h,w M:m N:n NG:ng,n L:l R:r W:w,u,o Y:y,i,u,j,e a:a e:e o:o ə:e,a,o ɐ:a,e,r y:u,y ʏ:u,y
ø:o,e œ:o,e ɯ:u ɒ:o,a ɜ:e,i,u ʔ:t dz:z,d dʑ:j,z,d ts:ts,z,t,c tɕ:ch,t,c pf:pf,p ʑ:j,z ʁ:r ɕ:sh,s,c ç:ch,h,c
x:ch,h,j,g ɸ:f,h ɲ:ny,n,g ɴ:n,m r:r ɾ:r ʎ:ly,l,g ɥ:u,y ɑ̃:an,a,e ɛ̃:in,i,a,e ɔ̃:on,o œ̃:un,u əʊ:o ɪə:e,i eə:ea,a,e
ʊə:u,o
"""
SPELLINGS = {phone: tuple(letters.split(",")) for phone, letters in (pair.split(":") for pair in SPELLED.split())}


class AlignError(CorpusError):
    """A model that cannot be had, or words that do not fit a recording."""


@dataclass(frozen=True)
class Recogniser:
    """A network trained with CTC.

    network: waveform (1, samples) to (1, frames, labels) logits or log probabilities, alone or first of a tuple.
    labels: letters in the order of its outputs, "-" the blank, "|" what stands between words, if it knows that.
    hop: samples a frame.
    """

    network: Callable
    labels: tuple[str, ...]
    sample_rate: int
    hop: int

    def emissions(self, audio: Audio) -> np.ndarray:
        """Log probabilities of the labels, (frames, labels), of a recording of any length."""
        import torch

        wave = torch.from_numpy(np.ascontiguousarray(audio.resample(self.sample_rate).samples, np.float32))
        core, beside = (round(seconds * self.sample_rate / self.hop) for seconds in (CHUNK_SECONDS, CONTEXT_SECONDS))
        total = len(wave) // self.hop
        parts = []
        with torch.inference_mode():
            for first in range(0, total, core):
                start = max(0, first - beside)
                heard = self.network(wave[None, start * self.hop : (first + core + beside) * self.hop])
                heard = heard[0] if isinstance(heard, tuple) else heard
                wanted = heard[0, first - start :][: min(core, total - first)].float().log_softmax(dim=-1)
                parts.append(wanted.numpy())
        return np.concatenate(parts) if parts else np.zeros((0, len(self.labels)), np.float32)


def bundle(name: str, weights: Path | None = None) -> Recogniser:
    """A model of torchaudio's by its name; weights: folder with its file. Raises AlignError saying how to get it."""
    import torch
    from torchaudio import pipelines

    names = [each for each in dir(pipelines) if each == "MMS_FA" or "_ASR_" in each]
    if name not in names:
        raise AlignError(f"--model {name}: choose {', '.join(names)}")
    chosen = getattr(pipelines, name)
    folder = weights or Path(torch.hub.get_dir()) / "checkpoints"
    address = chosen._path if "://" in chosen._path else f"{HUB}{chosen._path}"
    path = folder / address.rpartition("/")[2]
    try:
        if not path.is_file():  # before the network is made, which takes a gigabyte
            folder.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(address, str(path), progress=False)
        network = chosen.get_model(
            dl_kwargs={"model_dir": str(folder)}, **({"with_star": False} if name == "MMS_FA" else {})
        )
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:150]
        raise AlignError(
            f"{name}: its weights, {path}, cannot be had ({reason}); download {address} elsewhere, put it into a "
            "folder and name that with --weights"
        ) from None
    labels = chosen.get_labels(star=None) if name == "MMS_FA" else chosen.get_labels()
    return Recogniser(network, tuple(labels), round(chosen.sample_rate), 320)


# Words, letters and phones -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Word:
    """A word of the text: the letters that the model is asked for, and its phones."""

    text: str
    letters: str
    phones: tuple[str, ...]


def words_of(text: str, language: str, labels: Sequence[str]) -> list[Word]:
    """The words of a text with their letters as the model writes them. Raises LabelError when there are none."""
    try:
        pronouncer = g2p.load(language)
    except ValueError as error:
        raise LabelError(str(error)) from None
    texts, found = tuple(text.split()), []
    for index, word in enumerate(texts):
        try:
            phones = pronouncer.phones(word, g2p.Context(texts, index))
        except ValueError:
            continue  # a dash, a number of a verse
        letters = _letters(word, labels) or _letters("".join(spelling(phone) for phone in phones), labels)
        if letters:
            found.append(Word(word, letters, phones))
    if not found:
        raise LabelError(f"no words to be sung in {text!r}")
    return found


def _letters(text: str, labels: Sequence[str]) -> str:
    plain = unicodedata.normalize("NFKD", text)
    plain = plain.upper() if "A" in labels else plain.lower()
    return "".join(letter for letter in plain if letter in labels and letter not in (BLANK, BORDER, "*"))


def spelling(phone: str) -> str:
    return SPELLINGS[strip_stress(phone)][0]


def matched(letters: str, phones: Sequence[str]) -> list[int]:
    """For each phone the letter that writes it, never going back: "ough" OW → 0; "x" K S → 0, 0."""
    letters = letters.lower()
    cost = np.full((len(phones) + 1, len(letters)), np.inf)  # of the first phones, the last on this letter
    back = np.zeros_like(cost, dtype=int)
    for row, phone in enumerate(phones):
        for column, letter in enumerate(letters):
            here = _unlike(letter, phone)
            if row == 0:
                cost[0, column] = here + 0.4 * column  # letters passed over are mute
                continue
            befores = [
                cost[row - 1, before] + (0.8 if before == column else 0.4 * (column - before - 1))
                for before in range(column + 1)
            ]
            back[row, column] = int(np.argmin(befores))
            cost[row, column] = here + befores[back[row, column]]
    last = len(phones) - 1
    place = int(np.argmin(cost[last] + 0.4 * (len(letters) - 1 - np.arange(len(letters)))))
    found = [place]
    for row in range(last, 0, -1):
        found.append(int(back[row, found[-1]]))
    return found[::-1]


def _unlike(letter: str, phone: str) -> float:
    spellings = SPELLINGS[strip_stress(phone)]
    if letter in (each[0] for each in spellings):
        return 0.0
    return 1.0 if (letter in "aeiouy") == features(phone).vowel else 3.0


# Alignment -----------------------------------------------------------------------------------------------------------


def letter_times(emissions: np.ndarray, words: Sequence[Word], labels: Sequence[str]) -> tuple[list[list[int]], float]:
    """The frame in which each letter of each word begins, and the letters' median probability. Raises LabelError."""
    import torch
    from torchaudio.functional import forced_align, merge_tokens

    border = [labels.index(BORDER)] if BORDER in labels else []
    tokens: list[int] = []
    for word in words:
        tokens += border if tokens else []
        tokens += [labels.index(letter) for letter in word.letters]
    twice = sum(a == b for a, b in itertools.pairwise(tokens))
    if len(tokens) + twice > len(emissions):
        raise LabelError(f"{len(tokens)} letters are too many for {len(emissions)} frames of sound")
    blank = labels.index(BLANK)
    path, scores = forced_align(
        torch.from_numpy(emissions)[None], torch.tensor([tokens], dtype=torch.int32), blank=blank
    )
    spans = [span for span in merge_tokens(path[0], scores[0].exp(), blank=blank) if [span.token] != border]
    starts = iter(span.start for span in spans)
    return [[next(starts) for _ in word.letters] for word in words], float(np.median([span.score for span in spans]))


def intervals(
    words: Sequence[Word], times: Sequence[Sequence[float]], audio: Audio
) -> tuple[list[Interval], list[Interval]]:
    """Phones and words in seconds; times: when each letter of each word begins. Phones of one letter share its time."""
    level = _level(audio)
    phones: list[Interval] = []
    spoken: list[Interval] = []
    for number, (word, starts) in enumerate(zip(words, times, strict=True)):
        limit = times[number + 1][0] if number + 1 < len(words) else audio.seconds
        owners = matched(word.letters, word.phones)
        starts = [starts[0] if place == 0 else starts[letter] for place, letter in enumerate(owners)]
        end = _falls_silent(level, starts[-1], limit)
        ends = [*starts[1:], end]
        for place, symbol in enumerate(word.phones):
            run = [other for other, owner in enumerate(owners) if owner == owners[place]]
            start, until = starts[run[0]], ends[run[-1]]
            share = (until - start) / len(run)
            phones.append(Interval(start + share * run.index(place), start + share * (run.index(place) + 1), symbol))
        phones.append(Interval(end, limit, SIL))
        spoken.append(Interval(starts[0], end, word.text))
    return [phone for phone in phones if phone.end > phone.start], spoken


def _level(audio: Audio) -> np.ndarray:
    """dB a frame of FRAME seconds, smoothed over three."""
    step = round(FRAME * audio.sample_rate)
    power = np.square(audio.samples[: len(audio.samples) // step * step].reshape(-1, step)).mean(axis=1)
    return 10 * np.log10(np.convolve(power, np.ones(3) / 3, mode="same") + 1e-12)


def _falls_silent(level: np.ndarray, start: float, limit: float) -> float:
    """Where the first PAUSE after `start` begins, or `limit`."""
    first, last = round(start / FRAME), min(len(level), round(limit / FRAME))
    quiet = level[first:last] < np.percentile(level, 95) - FALL
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet, [0]]).astype(int)))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        if end - begin >= PAUSE / FRAME or (end == len(quiet) and end - begin > 0):
            return min(limit, max((first + begin) * FRAME, start + FRAME))
    return limit


def aligned(clip: dict, recogniser: Recogniser, least: float = LEAST) -> dict:
    """The clip with `phones`, and `heard`: the median probability of its letters; or with `unlabelled`: why not."""
    clip = {key: value for key, value in clip.items() if key not in ("phones", "unlabelled", "heard")}
    try:
        words = words_of(clip.get("text", ""), clip.get("language", "en"), recogniser.labels)
        audio = Audio.read(clip["audio"])
        if audio.seconds < SHORTEST:
            raise LabelError(f"{audio.seconds:.3f} s are too short to hear words in")
        frames, score = letter_times(recogniser.emissions(audio), words, recogniser.labels)
        if score < least:
            raise LabelError(f"its words are heard with a probability of {score:.3f} only; are they what is sung?")
        hop = recogniser.hop / recogniser.sample_rate
        phones, spoken = intervals(words, [[frame * hop for frame in each] for each in frames], audio)
        return {**clip, "phones": phones_of(phones, "svs", audio.seconds, spoken), "heard": round(score, 4)}
    except LabelError as error:
        return {**clip, "unlabelled": str(error)}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m data_prep.align", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("manifest", type=Path, help="clips with `text`")
    parser.add_argument("--out", type=Path, required=True, help="the manifest to write")
    parser.add_argument(
        "--model", default="MMS_FA", help="of torchaudio's: MMS_FA, or WAV2VEC2_ASR_BASE_960H for English"
    )
    parser.add_argument("--weights", type=Path, help="folder that holds the model's file (default: it is downloaded)")
    parser.add_argument(
        "--least", type=float, default=LEAST, help="median probability of a clip's letters (default: %(default)s)"
    )
    parser.add_argument("--again", action="store_true", help="also align clips that have phones")
    options = parser.parse_args(arguments)
    clips = read_manifest(options.manifest)
    wanted = [
        number for number, clip in enumerate(clips) if clip.get("text") and (options.again or "phones" not in clip)
    ]
    if not wanted:
        raise AlignError(f"{options.manifest}: no clip has words (`text`) and lacks phones")
    recogniser = bundle(options.model, options.weights)
    with stages.bar("align") as progress:
        for done, number in enumerate(wanted, 1):
            clips[number] = aligned(clips[number], recogniser, options.least)
            progress(done, len(wanted))
    write_manifest(options.out, clips)
    print(f"{options.out}: {sum('phones' in clip for clip in clips)} of {len(clips)} clips have phones")
    if line := left_over(options.manifest.stem, clips):
        print(line)


if __name__ == "__main__":
    stages.run(main, CorpusError, DatasetError, AudioError)
