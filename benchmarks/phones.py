"""Phones as recognisers hear them, on one coarse set of 22, and what separates two sequences of them.

A recogniser of another language has another alphabet. Both what was sung and what was heard are written in the phones
that Japanese tells apart (a i u e o, and the consonants of its syllables): English AE is an a, L an r, V a b, as in
English words that Japanese took over. ts is two phones, a diphthong two vowels, and of like neighbours only one counts,
since a recogniser does not hear where one vowel ends and the same begins.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.common import say
from svs.audio import Audio
from svs.phonemes import strip_stress

RATE = 16_000
PEAK = 0.7  # of what is heard
BLANK_BIAS = -3.0  # hama leaves out most vowels of long notes at its own -0.1; this gave the least errors on recordings
RESAMPLES = 2_000
LEAST = 5  # times a phone is to be sung before its errors are a rate

# Symbols of svs.inventory, and those of IPA that hama has besides.
SOUNDS = {
    "a": "a AA AE AH ER ɑ æ ʌ ə ɐ ɒ ɜ ɝ ɚ", "i": "IY IH i ɪ", "u": "ɯ UW UH u ʊ ɨ", "e": "e EH EY ɛ eɪ",
    "o": "o AO OW ɔ oʊ", "k": "K k kʰ k͈", "g": "G g ɡ", "s": "S TH s s͈ θ", "z": "Z z", "sh": "SH ɕ ʃ",
    "ch": "CH tɕ t͡ʃ t͡ɕ t͡ɕʰ t͡ɕ͈", "j": "JH ZH dʑ d͡ʒ ʒ", "t": "T t tʰ t͈", "d": "D DH d ð", "n": "N NG ɴ n ŋ ɲ",
    "h": "HH F ɸ h f ç x", "b": "B V b v", "p": "P p pʰ p͈", "m": "M m", "y": "Y y j", "r": "R L ɾ r ɹ ɻ l ɫ",
    "w": "W w",
}  # fmt: skip
COARSE = {symbol: coarse for coarse, symbols in SOUNDS.items() for symbol in symbols.split()}
TWO = {
    "ts": "t s", "AY": "a i", "aɪ": "a i", "AW": "a u", "aʊ": "a u", "OY": "o i", "ɔɪ": "o i",
    "ja": "y a", "je": "y e", "jo": "y o", "ju": "y u", "wa": "w a", "we": "w e", "wi": "w i",
}  # fmt: skip
SILENT = ("SIL", "BR", "ʔ")  # a closure is silence
OTHER = "?"

Hear = Callable[[Audio], list[str]]


@dataclass(frozen=True)
class PhoneErrors:
    """Errors of one alignment of least cost. pairs: (sung, heard) of it; None where there is nothing on a side."""

    pairs: tuple[tuple[str | None, str | None], ...]

    @property
    def phones(self) -> int:
        return sum(sung is not None for sung, _ in self.pairs)

    @property
    def errors(self) -> int:
        return sum(sung != heard for sung, heard in self.pairs)

    @property
    def rate(self) -> float:
        return self.errors / self.phones

    def count(self) -> tuple[int, int, int]:
        """Substitutions, deletions, insertions."""
        deletions = sum(heard is None for _, heard in self.pairs)
        insertions = sum(sung is None for sung, _ in self.pairs)
        return self.errors - deletions - insertions, deletions, insertions


def coarse(symbols: Iterable[str]) -> list[str]:
    """Coarse phones of symbols with or without stress; silence left out, like neighbours joined, strange ones OTHER."""
    found: list[str] = []
    for symbol in symbols:
        plain = strip_stress(symbol)
        if not sounds(plain):
            continue
        for phone in TWO[plain].split() if plain in TWO else [COARSE.get(plain, OTHER)]:
            if not found or found[-1] != phone:
                found.append(phone)
    return found


def sounds(symbol: str) -> bool:
    """False for silence and for the marks of IPA that a recogniser gives as symbols of their own."""
    return symbol not in SILENT and unicodedata.category(symbol[:1] or " ") not in ("Mn", "Lm", "Sk", "Zs")


def phone_errors(sung: Sequence[str], heard: Sequence[str]) -> PhoneErrors:
    """Align two sequences, every error costing 1. Raises ValueError when nothing was sung."""
    if not sung:
        raise ValueError("phone_errors: the reference has no phones")
    cost = np.zeros((len(sung) + 1, len(heard) + 1), np.int64)
    cost[:, 0], cost[0] = np.arange(len(sung) + 1), np.arange(len(heard) + 1)
    for i, one in enumerate(sung, 1):
        for j, other in enumerate(heard, 1):
            cost[i, j] = min(cost[i - 1, j - 1] + (one != other), cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    pairs: list[tuple[str | None, str | None]] = []
    i, j = len(sung), len(heard)
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (sung[i - 1] != heard[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((sung[i], heard[j]))
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
            pairs.append((sung[i], None))
        else:
            j -= 1
            pairs.append((None, heard[j]))
    return PhoneErrors(tuple(reversed(pairs)))


def rate(found: Sequence[PhoneErrors]) -> float:
    """Errors of all together by phones of all together."""
    return sum(each.errors for each in found) / sum(each.phones for each in found)


def intervals(one: Sequence[PhoneErrors], other: Sequence[PhoneErrors], seed: int = 0) -> list[tuple[float, float]]:
    """95 % bootstrap intervals of the rates of two groups and of second over first; whole pieces are drawn."""
    random = np.random.default_rng(seed)

    def drawn(group):
        counts = np.array([(each.errors, each.phones) for each in group])
        sums = counts[random.integers(0, len(counts), (RESAMPLES, len(counts)))].sum(axis=1)
        return sums[:, 0] / sums[:, 1]

    first, second = drawn(one), drawn(other)
    with np.errstate(divide="ignore", invalid="ignore"):
        return [tuple(np.percentile(rates, [2.5, 97.5]).tolist()) for rates in (first, second, second / first)]


def confusions(found: Sequence[PhoneErrors]) -> dict[str, dict]:
    """Of every phone sung: how often, the share that was heard right, and what else was heard (None: nothing)."""
    heard: dict[str, Counter] = {}
    for sung, other in (pair for each in found for pair in each.pairs if pair[0] is not None):
        heard.setdefault(sung, Counter())[other] += 1
    return {
        phone: {
            "sung": counts.total(),
            "right": counts[phone] / counts.total(),
            "heard": [(other, n) for other, n in counts.most_common() if other != phone],
        }
        for phone, counts in sorted(heard.items(), key=lambda item: -item[1].total())
    }


def alike(one: dict[str, dict], other: dict[str, dict], least: int = LEAST) -> tuple[float, float, float] | None:
    """Shares of phones heard wrong in two groups' confusions, both of a mixture of phones as in the second.

    Over phones sung `least` times in each; the third figure is how much of the second they are. Insertions are of no
    phone and left out. None where there is no such phone.
    """
    both = {p: other[p]["sung"] for p in other if min(other[p]["sung"], one.get(p, {"sung": 0})["sung"]) >= least}
    sung = sum(both.values())
    if not sung:
        return None
    wrong = [sum(n * (1 - group[p]["right"]) for p, n in both.items()) / sung for group in (one, other)]
    return wrong[0], wrong[1], sum(both.values()) / sum(figures["sung"] for figures in other.values())


def recogniser(name: str) -> tuple[str, Hear]:
    """What a recogniser is, in words, and it. name: one of RECOGNISERS, or a file that benchmarks.recogniser wrote.

    Raises SystemExit where its package is missing or the name is none.
    """
    if name in RECOGNISERS:
        try:
            return RECOGNISERS[name]()
        except ImportError as error:
            raise SystemExit(f"--recogniser {name}: {error.name} is missing: pip install {name}") from None
    from benchmarks.recogniser import load

    return load(name)


def level(audio: Audio) -> Audio:
    """At RATE, the loudest sample at PEAK."""
    samples = audio.resample(RATE).samples
    return Audio(samples * (PEAK / max(float(np.abs(samples).max(initial=0.0)), 1e-9)), RATE)


def _hama() -> tuple[str, Hear]:
    from hama import ASRDecodeConfig, ASRModel

    model = ASRModel(decode=ASRDecodeConfig(blank_bias=BLANK_BIAS, temperature=1.0))
    return f"hama's phone network (speech, IPA; blank bias {BLANK_BIAS:g})", lambda audio: list(
        model(level(audio).samples, RATE).phonemes
    )


def _pocketsphinx() -> tuple[str, Hear]:
    from pocketsphinx import Decoder, get_model_path

    decoder = Decoder(allphone=get_model_path("en-us/en-us-phone.lm.bin"), lw=1.0, pip=0.3, beam=1e-20, pbeam=1e-20)

    def hear(audio: Audio) -> list[str]:
        decoder.start_utt()
        decoder.process_raw((level(audio).samples * 32767).astype(np.int16).tobytes(), full_utt=True)
        decoder.end_utt()
        return [segment.word for segment in decoder.seg() or () if segment.word.isalpha() and segment.word != "SIL"]

    return "pocketsphinx's English phone loop", hear


RECOGNISERS = {"hama": _hama, "pocketsphinx": _pocketsphinx}


def strangers(heard: Iterable[str]) -> None:
    """Say which symbols a recogniser gave that have no place in the coarse set."""
    unknown = sorted({s for s in map(strip_stress, heard) if s not in COARSE and s not in TWO and sounds(s)})
    if unknown:
        say(f"heard and counted as {OTHER}: {' '.join(unknown)}")
