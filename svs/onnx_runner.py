"""Singing without torch: a voice that `svs export --onnx` wrote, by onnxruntime and numpy.

    voice.json          the facts of svs/voice.py, and "onnx": the file format, latent_dim and conditions
    conditions.onnx     frames of svs/frames.py, weights of singer and style, timbre, text, and what is dropped → one
                        vector a frame
    velocity.onnx       latents, flow time, those vectors → velocity: the DiT
    filters.onnx        latents, cents, voicing → log magnitudes of the decoder's filters over pulses and noise
    timing.safetensors  consonant durations, which svs/timing.py computes in numpy in any case
    timbres.json        embeddings of the singers, of voices with the condition timbre

What is random comes from numpy's generators, as with torch: the same seed gives the same sound but for rounding.
`load` is what `svs sing --voice FOLDER` opens a voice with, of either kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from svs.band import widen
from svs.codec.arrays import shape_noise, shape_pulses, synthesise
from svs.codec.noise import even_noise
from svs.codec.partials import with_odd_partials, without_half_partials
from svs.codec.purity import without_excess
from svs.expression import Colour, Expression, colour
from svs.files import read_small
from svs.flow import guided, sample
from svs.frames import GROUPS, WHOLE, Manner, frame_arrays, stresses
from svs.pitch import PitchCurve
from svs.purity import least_purity
from svs.rendering import Progress, Sampling, even, finished
from svs.score import Note
from svs.timing import PhonemeSpan
from svs.units import LATENT_HOP
from svs.voice import Voice, VoiceError, find, read_band, read_facts, read_purity

FORMAT = 1
NETWORKS = ("conditions", "velocity", "filters")
FURTHER = tuple(name for name in WHOLE if name not in GROUPS)  # inputs of conditions.onnx where the voice knows them
MOST_BYTES = 4 << 30  # of one network
MOST_NUMBERS = 4096  # of a latent
AGAIN = "export the voice again: svs export --onnx VOICE OUT"


def load(name_or_folder="default") -> Voice:
    """A voice by name or folder: OnnxVoice where its folder holds the ONNX networks. Raises VoiceError."""
    folder = find(name_or_folder)
    return OnnxVoice.load(folder) if (folder / f"{NETWORKS[0]}.onnx").is_file() else Voice.load(folder)


@dataclass(frozen=True)
class OnnxVoice(Voice):
    """A voice whose networks are sessions of onnxruntime, by name; `acoustic` and `codec` are None.

    latent_dim: numbers of a latent. conditions: that can be dropped and guided, in the order of the networks' `drop`.
    """

    sessions: dict[str, Any] = field(default_factory=dict)
    latent_dim: int = 0
    conditions: tuple[str, ...] = ()

    @classmethod
    def load(cls, name_or_folder="default") -> OnnxVoice:
        """Load what `svs export --onnx` wrote. Raises VoiceError saying what is missing or does not fit."""
        folder = find(name_or_folder)
        facts = read_facts(folder / "voice.json")
        about = _about(folder / "voice.json")
        nothing: Any = None
        voice = cls(
            folder,
            acoustic=nothing,
            codec=nothing,
            sessions={name: _session(folder / f"{name}.onnx") for name in NETWORKS},
            latent_dim=about["latent_dim"],
            conditions=tuple(about["conditions"]),
            band=read_band(folder, about["latent_dim"]),
            purity=read_purity(folder, facts["singers"]),
            **cls.described(facts),
        )
        voice._check_sizes()
        for singer in voice.singers:
            voice.durations(singer)
        return voice

    def _check_sizes(self) -> None:
        sizes = _last_sizes(self.sessions["conditions"])
        singers = len(self.singers)  # any number of them, where the network does not ask who sings
        found = (sizes.get("speaker") if "speaker" in self.conditions else singers, sizes.get("drop"))
        if found != (singers, len(self.conditions)):
            raise VoiceError(
                f"{self.folder}: voice.json names {singers} singers and {len(self.conditions)} conditions, "
                f"conditions.onnx has {found[0]} and {found[1]}; {AGAIN}"
            )
        further = {name for name in self.conditions if name not in GROUPS}
        if further != set(self.condition_sizes):
            names = [", ".join(sorted(names)) or "none" for names in (further, self.condition_sizes)]
            raise VoiceError(
                f"{self.folder}: beside {', '.join(GROUPS)}, voice.json names the conditions {names[0]}, "
                f"conditions.onnx has {names[1]}; {AGAIN}"
            )
        self._check_conditions("conditions.onnx", self.latent_dim)

    @property
    def condition_sizes(self) -> dict[str, int]:
        sizes = _last_sizes(self.sessions["conditions"])
        return {name: sizes[name] for name in FURTHER if name in sizes}

    @property
    def objective(self) -> str:
        return "velocity"  # no other is exported

    def pieces(
        self,
        notes: Sequence[Note],
        spans: Sequence[PhonemeSpan],
        curve: PitchCurve,
        singer: str | None,
        sampling: Sampling,
        expressions: Sequence[Expression] | None = None,
        progress: Progress | None = None,
        manner: Manner | None = None,
        language: str | None = None,
        swell: np.ndarray | None = None,
    ) -> Iterator[np.ndarray]:
        """As svs.rendering.pieces, without a cache; of a manner all but its prefix."""
        whole = even(curve)
        frames = frame_arrays(spans, stresses(spans, notes), whole, self.phonemes)
        expressions = expressions or [Expression()] * len(notes)
        coloured = colour(notes, expressions, len(whole.cents), curve.hop_seconds, self.formant_shift(singer), swell)
        least = least_purity(self.purities(singer), spans, whole.cents, whole.hop_seconds)
        frames["speaker"] = self.singing(singer, language).frames(frames["phonemes"], self.phonemes)
        line: dict[str, np.ndarray] = {}
        for name, size in self.condition_sizes.items():
            known = getattr(manner, name, None)
            line[name] = np.zeros(size, np.float32) if known is None else np.asarray(known, np.float32)

        def sound(first: int, last: int, phase: float) -> np.ndarray:
            here = {name: array[first:last] for name, array in frames.items()}
            latents = self._latents(here, line, first, sampling)
            if self.band is not None:
                latents = widen(latents, self.band)
            bent = coloured and coloured.slice(2 * first, 2 * last)
            pure = None if least is None else least[2 * first : 2 * last]
            return self._decoded(latents, here, bent, pure, sampling.seed, first, phase)

        return finished(notes, spans, curve, expressions, sound, progress, swell)

    def _latents(self, frames: dict[str, np.ndarray], line, first: int, sampling: Sampling) -> np.ndarray:
        """(frames, latent_dim) of a stretch that begins at latent frame `first` of its line.

        line: what is known of the whole line, by condition; all 0 where nothing is, which no scale can change.
        """
        scales = {name: scale for name, scale in sampling.scales.items() if name in GROUPS or line[name].any()}
        known = {name: array[None] for name, array in (frames | line).items()}
        encoded: dict[str | None, np.ndarray] = {}
        for dropped in (None, *(name for name in self.conditions if scales.get(name, 1.0) != 1.0)):
            drop = np.array([[name == dropped for name in self.conditions]])
            encoded[dropped] = self._run("conditions", drop=drop, **known)[0]

        def velocity(x, t, without):
            return self._run("velocity", x=x, t=t, condition=encoded[without])[0]

        noise = np.random.default_rng((sampling.seed, first)).standard_normal(
            (1, len(frames["stress"]), self.latent_dim), dtype=np.float32
        )
        steered: Any = guided(velocity, scales)
        start: Any = noise
        found: Any = sample(steered, start, sampling.steps, sampling.sampler)
        return found[0]

    def _decoded(
        self, latents: np.ndarray, frames, coloured: Colour | None, least: np.ndarray | None, seed: int, first: int, phase: float
    ) -> np.ndarray:
        cents, voiced = frames["cents"].reshape(-1), frames["voiced"].reshape(-1)
        pulses, noise = (
            found[0] for found in self._run("filters", latents=latents[None], cents=cents[None], voiced=voiced[None])
        )
        pulses, noise = with_odd_partials(pulses, cents), without_half_partials(noise, cents, voiced)
        if least is not None:
            noise = without_excess(noise, pulses, cents, voiced, least)
        if coloured is not None:
            factor = np.exp2(coloured.formant_shift / np.float32(12.0))
            pulses = shape_pulses(pulses, cents, coloured.tension, factor)
            noise = shape_noise(noise, voiced, coloured.breathiness, factor)
        return synthesise(pulses, noise, cents, voiced, even_noise(len(latents) * LATENT_HOP, seed, first), phase)

    def _run(self, network: str, **inputs: np.ndarray) -> list[np.ndarray]:
        """What a network says; inputs that it does not ask for are left out."""
        session = self.sessions[network]
        asked = {entry.name for entry in session.get_inputs()}
        return session.run(None, {name: array for name, array in inputs.items() if name in asked})


def _last_sizes(session) -> dict[str, int]:
    """Input → size of its last axis, of those that have a fixed one."""
    shapes = {entry.name: entry.shape for entry in session.get_inputs()}
    return {name: shape[-1] for name, shape in shapes.items() if shape and type(shape[-1]) is int}


def _about(path: Path) -> dict:
    """What voice.json says of its networks. Raises VoiceError."""
    about = json.loads(read_small(path).decode("utf-8")).get("onnx")
    fits = (
        isinstance(about, dict)
        and about.get("format") == FORMAT
        and type(about.get("latent_dim")) is int
        and 1 <= about["latent_dim"] <= MOST_NUMBERS
        and isinstance(about.get("conditions"), list)
        and all(isinstance(name, str) for name in about["conditions"])
    )
    if not fits:
        raise VoiceError(f"{path}: its \"onnx\" is not of format {FORMAT}; {AGAIN}")
    return about


def _session(path: Path):
    """A network ready to run, on as many threads as OMP_NUM_THREADS says, else as onnxruntime takes.

    Raises VoiceError.
    """
    try:
        import onnxruntime
    except ImportError:
        reason = "an ONNX voice sings with onnxruntime, which is not installed: pip install onnxruntime"
        raise VoiceError(f"{path.parent}: {reason}") from None
    import os

    if not path.is_file():
        raise VoiceError(f"{path}: no such network; {AGAIN}")
    if path.stat().st_size > MOST_BYTES:
        raise VoiceError(f"{path}: larger than {MOST_BYTES >> 30} GB; no network of a voice")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if os.environ.get("OMP_NUM_THREADS", "").isdecimal():
        options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own kinds derive from nothing nearer
        reason = " ".join(str(error).split())[:200]
        raise VoiceError(f"{path}: not a network that onnxruntime reads ({reason})") from None
