"""Hibari made to sing: a small speech synthesiser whose durations, pitch and loudness are commanded.

Hibari 0.2.1 (https://pypi.org/project/hibari-tts, Maureese Williams 2026, Apache-2.0) is one American
female voice distilled from Kokoro-82M's `af_heart`, 14 MB with the package, about 30 times faster than
real time here. Its ONNX graph is cut in two:

    token ids ─ encoder ─ features per token ─(we repeat them: durations)─┐
                └ prosody: natural durations, F0, energy                   ├─ decoder ─ spectra ─ waveform
                                       energy, time-warped per phone ──────┤
                                       F0: ours ───────────────────────────┘

so every phone lasts as long as we say and the harmonic source has exactly the F0 we say. The energy of
the natural reading is warped phone by phone on to the new durations; left to itself a vowel held far
beyond its natural length fades. Above HIGHEST_READ the decoder is told HIGHEST_READ, and the spectrum it gives at
those harmonics is laid under the true ones; so pitch holds within a cent from 130 to 1050 Hz.

The sound runs LEAD_FRAMES ahead of the tokens (Kokoro's own word times subtract three of its 25 ms
frames for the same reason); the token track is delayed by as much here, so a phone sounds where it was
commanded.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.misaki import MISAKI
from svs.phonemes import VOWELS, is_voiced, is_vowel

FRAME_RATE = 80  # Hz: decoder frames, F0 and energy
LEAD_FRAMES = 4  # 50 ms, measured on sibilants between vowels: how far sound precedes tokens
HIGHEST_READ = 300.0  # Hz; above 350 the decoder, which knows speech, loses level and then pitch
BIN = 20.0  # Hz between bins of the decoder's spectra
LAST_TOKEN = 8  # frames: the most a vowel spends on its own token, see `_fill`
FADE = 4  # frames in which a vowel dies away before a rest
SILENT_ENERGY = -9.3  # what the prosody net says in silence

_FEATURES, _DURATIONS, _ENERGY = "/Transpose_22_output_0", "/Clip_output_0", "/Mul_62_output_0"
_REPEATED, _F0 = "/Reshape_42_output_0", "/Relu_output_0"


@dataclass(frozen=True)
class _Tokens:
    """ids: (tokens,) int64. owner: (tokens,) index of the phone each token renders; -1 for none."""

    ids: np.ndarray
    owner: np.ndarray


def _tokens(
    phones: Sequence[str], words: Sequence[int] | None, vocab: dict[str, int], mark_all: bool = False
) -> _Tokens:
    """Spell phones in the model's alphabet, with stress marks, spaces between words and commas at rests."""
    ids, owner = [], []
    starts = set(words or ())

    def put(symbols, phone):
        for symbol in symbols:
            ids.append(vocab[symbol])
            owner.append(phone)

    last = len(phones) - 1
    ids.append(0)
    owner.append(0 if phones[0] == "SIL" else -1)
    for index, phone in enumerate(phones):
        name, stress = phone.rstrip("012"), phone[-1]
        if name == "SIL":
            if index == last:
                put(".", index)
            elif index > 0:
                put(", ", index)
            continue
        if index in starts and index and phones[index - 1] != "SIL":
            put(" ", -1)
        if name not in MISAKI:
            raise ValueError(f"hibari: unknown phone {phone!r} at position {index}; ARPAbet or SIL is wanted")
        spelling = MISAKI[name]
        if name in VOWELS and stress in "12":
            put("ˈ" if stress == "1" else "ˌ", index)
        if stress == "0" and name in ("AH", "ER"):
            spelling = spelling.replace("ʌ", "ə").replace("ɜ", "ə")
        if name in VOWELS and stress not in "12" and mark_all:
            put("ˌ", index)
        put(spelling, index)
    ids.append(0)
    owner.append(last if phones[-1] == "SIL" else -1)
    return _Tokens(np.array(ids, np.int64), np.array(owner))


class HibariTeacher:
    """Sings ARPAbet phones at commanded durations and pitch. Needs hibari-tts, onnx and onnxruntime."""

    sample_rate = 24_000
    voices = ("hibari",)

    def __init__(self, threads: int = 1, lead_frames: int = LEAD_FRAMES):
        try:
            import hibari
            import onnx
            import onnxruntime
        except ImportError as error:
            raise ImportError(
                f"hibari: {error}; pip install --no-deps hibari-tts==0.2.1, then pip install onnx onnxruntime"
            ) from None
        from hibari.dsp import synth
        from onnx.utils import Extractor

        assets = Path(hibari.__file__).parent / "assets"
        self._vocab = json.loads((assets / "vocab.json").read_text(encoding="utf-8"))
        self._synth = synth
        self._lead = lead_frames
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.log_severity_level = 3

        model = onnx.load(assets / "hibari.onnx")
        info, floats = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
        model.graph.value_info.extend(
            [info(_FEATURES, floats, [1, 128, "L"]), info(_DURATIONS, floats, ["L"]), info(_ENERGY, floats, [1, "F"]),
             info(_REPEATED, floats, [1, 128, "F"]), info(_F0, floats, [1, "F"])]
        )  # fmt: skip
        cut = Extractor(model).extract_model

        def session(inputs, outputs):
            part = cut(inputs, outputs).SerializeToString()
            return onnxruntime.InferenceSession(part, options, providers=["CPUExecutionProvider"])

        self._encoder = session(["ids", "speed"], [_FEATURES, _DURATIONS, _ENERGY])
        self._decoder = session([_REPEATED, _F0, _ENERGY], ["lh", "theta", "ln", "lr", "phi"])

    def natural_durations(self, voice: str, phones: Sequence[str], words: Sequence[int] | None = None) -> np.ndarray:
        """Seconds each phone would last in speech, (phones,) float64."""
        reading = self._read(phones, words)
        return np.diff(reading.edges) / FRAME_RATE

    def sing(
        self,
        voice: str,
        phones: Sequence[str],
        durations: Sequence[float],
        f0: np.ndarray,
        words: Sequence[int] | None = None,
        f0_hop: float = 1 / FRAME_RATE,
        seed: int = 0,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sing phones at the given durations and pitch.

        phones:    ARPAbet, stress digits allowed, and SIL.
        durations: seconds per phone; boundaries are rounded to 12.5 ms, and no phone is lost.
        f0:        Hz, value i at i × f0_hop seconds; ignored on unvoiced phones and silence, > 0 elsewhere.
        words:     indices of the phones that begin words, which the model reads as spaces; they take no time.
        Returns samples, float32 at sample_rate, and the seconds per phone really used, (phones,) float64.
        """
        durations = np.asarray(durations, dtype=np.float64)
        if len(durations) != len(phones):
            raise ValueError(f"sing: {len(phones)} phones but {len(durations)} durations")
        if not np.all(durations > 0):
            raise ValueError(f"sing: shortest duration is {durations.min()} s; all must be above 0")
        edges = np.round(np.concatenate([[0.0], np.cumsum(durations)]) * FRAME_RATE).astype(int)
        for index in range(len(phones)):  # every phone keeps at least one frame
            edges[index + 1] = max(edges[index + 1], edges[index] + 1)
        reading = self._read(phones, words)
        held = self._read(phones, words, mark_all=True)
        frames = edges[-1]
        token_of_frame = np.concatenate(
            [_fill(held.tokens, held.frames, phone, edges[phone + 1] - edges[phone]) for phone in range(len(phones))]
        )
        # Delay the tokens; what they lack at the start is the opening pad, what runs over the end is not heard.
        track = np.concatenate([np.zeros(self._lead, int), token_of_frame])[:frames]

        energy = np.empty(frames)
        for phone, name in enumerate(phones):
            low, high = reading.edges[phone], reading.edges[phone + 1]
            source = reading.energy[low:high] if high > low else reading.energy[low : low + 1]
            energy[edges[phone] : edges[phone + 1]] = _stretch(source, edges[phone + 1] - edges[phone])
            if name == "SIL":
                energy[edges[phone] : edges[phone + 1]] = SILENT_ENERGY
            elif is_vowel(name):
                here = energy[edges[phone] : edges[phone + 1]]
                lift = np.full(len(here), self.evenness)
                if phones[phone + 1 : phone + 2] == ["SIL"] or phone + 1 == len(phones):
                    fade = min(FADE, len(here))
                    lift[len(here) - fade :] *= np.linspace(1, 0.8, fade)
                here += lift * np.maximum(0, self.level - here)

        f0 = np.asarray(f0, dtype=np.float64)
        if not np.any(f0 > 0):
            raise ValueError("sing: f0 has no value above 0 Hz")
        known = np.flatnonzero(f0 > 0)
        f0 = np.exp(np.interp((np.arange(frames) + 0.5) / FRAME_RATE, known * f0_hop, np.log(f0[known])))
        for phone, name in enumerate(phones):
            if not is_voiced(name):
                f0[edges[phone] : edges[phone + 1]] = 0
        believed = np.minimum(f0, HIGHEST_READ)
        harmonic, phase, *rest = self._decoder.run(
            None,
            {
                _REPEATED: np.ascontiguousarray(held.features[:, :, track]),
                _F0: believed[None].astype(np.float32),
                _ENERGY: energy[None].astype(np.float32),
            },
        )
        for frame in np.flatnonzero(f0 > HIGHEST_READ):
            _move_harmonics(harmonic[0, :, frame], phase[0, :, frame], HIGHEST_READ, f0[frame])
        spectra = (harmonic[0], phase[0], *(part[0] for part in rest))
        audio = self._synth(*spectra, f0.astype(np.float32), np.random.default_rng(seed))
        return audio, np.diff(edges) / FRAME_RATE

    level, evenness = 7.2, 0.9  # energy every sung vowel is drawn towards, and how far

    def _read(self, phones, words, mark_all=False):
        tokens = _tokens(phones, words, self._vocab, mark_all)
        features, units, energy = self._encoder.run(
            None, {"ids": tokens.ids[None], "speed": np.ones(1, np.float32)}
        )
        frames = 2 * units.ravel().astype(int)
        return _Reading(tokens, features, frames, _phone_edges(tokens, frames, phones, self._lead), energy.ravel())


@dataclass(frozen=True)
class _Reading:
    """What the model would say by itself.

    frames: (tokens,) natural length of each token. edges: (phones + 1,) frame where each phone sounds.
    features: (1, 128, tokens). energy: (frames,).
    """

    tokens: _Tokens
    features: np.ndarray
    frames: np.ndarray
    edges: np.ndarray
    energy: np.ndarray


def _phone_edges(tokens: _Tokens, frames: np.ndarray, phones: Sequence[str], lead: int) -> np.ndarray:
    """Frames between which each phone sounds; a space belongs to a consonant after it, else to the phone before."""
    owner = tokens.owner.copy()
    for token in np.flatnonzero(owner[1:-1] < 0) + 1:
        following = owner[token + 1]
        owner[token] = owner[token - 1] if is_vowel(phones[following]) else following
    ends = np.cumsum(frames)
    first = frames[0] if owner[0] < 0 else 0
    edges = [first]
    for phone in range(len(phones)):
        mine = np.flatnonzero(owner == phone)
        edges.append(ends[mine[-1]])
    return np.maximum(np.array(edges) - lead, 0)


def _fill(tokens: _Tokens, natural: np.ndarray, phone: int, length: int) -> np.ndarray:
    """Token index for each of `length` frames of a phone. The last token keeps to its natural length at most.

    A token's features already hold the beginning of what follows (the sound runs ahead): a vowel held on its own token
    before "s" hisses. So every vowel gets a stress mark, whose features promise the vowel, and is held on that.
    """
    mine = np.flatnonzero(tokens.owner == phone)
    if len(mine) == 1:
        return np.full(length, mine[0])
    last = min(LAST_TOKEN, (length + 1) // 2)
    before = natural[mine[:-1]] / natural[mine[:-1]].sum() * (length - last)
    ends = np.round(np.cumsum([*before, last])).astype(int)
    ends[-1] = length
    return np.repeat(mine, np.diff(np.concatenate([[0], ends])))


def _move_harmonics(harmonic: np.ndarray, phase: np.ndarray, read_hz: float, f0_hz: float) -> None:
    """Make one frame's harmonic filter, good at multiples of read_hz, smooth in between, so that f0_hz can pass; in place.

    harmonic: (bins,) log magnitude. phase: (bins,) the filter's phase is π tanh of it. Fewer harmonics carry less
    power, and singers are louder when high: hence the gain.
    """
    bins = np.arange(len(harmonic)) * BIN
    at = np.arange(read_hz, bins[-1] + 1, read_hz)
    nearest = np.round(at / BIN).astype(int)
    harmonic[:] = np.interp(bins, at, harmonic[nearest]) + 1.2 * np.log(f0_hz / read_hz)
    turn = np.interp(bins, at, np.unwrap(np.pi * np.tanh(phase[nearest])))
    turn = (turn + np.pi) % (2 * np.pi) - np.pi
    phase[:] = np.arctanh(np.clip(turn / np.pi, -0.9999, 0.9999))


def _stretch(values: np.ndarray, length: int) -> np.ndarray:
    """Resample to `length`; when longer, the first and last three frames keep their pace and the middle gives."""
    count = len(values)
    if length <= count or count < 3:
        return np.interp(np.linspace(0, count - 1, length), np.arange(count), values)
    edge = min(3, (count - 1) // 2)
    middle = np.linspace(edge, count - 1 - edge, length - 2 * edge)
    where = np.concatenate([np.arange(edge), middle, np.arange(count - edge, count)])
    return np.interp(where, np.arange(count), values)
