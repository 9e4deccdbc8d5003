"""Rendering: timing and pitch that are settled, to sound.

    conditions → latents → audio

A line is rendered in stretches that end in silences, so that a song with rests costs memory like a short one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from svs.audio import Audio, gather
from svs.band import widen
from svs.cache import PhraseCache, phrase_key
from svs.expression import Colour, Expression, Glide, colour, consonant_glide, swell_tilt
from svs.guidance import check_guidance, read_guidance
from svs.pitch import PitchCurve
from svs.purity import least_purity
from svs.score import Note
from svs.stretches import crossfaded, phases, stretches
from svs.timing import PhonemeSpan
from svs.units import LATENT_HOP, SAMPLE_RATE
from svs.voice import Voice, VoiceError

if TYPE_CHECKING:
    from svs.frames import Manner

Progress = Callable[[str, float, float], None]

PEAK, KNEE = 0.98, 0.8


@dataclass(frozen=True)
class Sampling:
    """How latents are drawn. scales: of guidance, by condition group."""

    seed: int
    steps: int
    scales: Mapping[str, float]
    sampler: str

    @classmethod
    def of(
        cls,
        voice: Voice,
        seed: int,
        steps: int | None,
        guidance: float | str | Mapping[str, float] | None,
        sampler: str | None,
        fast: bool = False,
    ) -> Sampling:
        """As asked; the voice's own where None, or its quick setting. guidance: as `read_guidance` reads it.

        Raises ValueError for a sampler that is unknown or does not fit the voice, for a quick setting and one of its parts
        at once, and for a scale of a condition that the voice lacks.
        """
        from svs.samplers import check_pair

        check_pair(sampler or voice.sampler, voice.objective, steps or voice.steps)
        if fast:
            given = {"steps": steps, "guidance": guidance, "sampler": sampler}
            if asked := [name for name, value in given.items() if value is not None]:
                raise ValueError(f"fast settles steps, guidance and sampler; leave out either fast or {', '.join(asked)}")
            return cls(seed, **voice.quick)
        own = read_guidance(guidance)
        check_guidance(own, voice.conditions, voice.name)
        scales = {**voice.guidance, **own}
        return cls(seed, voice.steps if steps is None else steps, scales, sampler or voice.sampler)


def render(
    notes: Sequence[Note],
    spans: Sequence[PhonemeSpan],
    curve: PitchCurve,
    voice: Voice,
    singer: str | None = None,
    seed: int = 0,
    steps: int | None = None,
    guidance: float | str | Mapping[str, float] | None = None,
    sampler: str | None = None,
    fast: bool = False,
    expressions: Sequence[Expression] | None = None,
    progress: Progress | None = None,
    cache: PhraseCache | None = None,
    manner: Manner | None = None,
    language: str | None = None,
    swell: np.ndarray | None = None,
) -> Audio:
    """Audio of a line whose timing and pitch are settled; as long as the curve, to the sample.

    expressions: one for each note; all plain when None. swell: (frames,) dB by which the line is louder than its notes are
    written, as of svs.dynamics; nowhere when None. manner: style, description and reference (svs.manner).
    language: of the words, by which a singer may borrow consonants (svs.voice); the voice's first when None.
    """
    sampling = Sampling.of(voice, seed, steps, guidance, sampler, fast)
    sung = pieces(notes, spans, curve, voice, singer, sampling, expressions, progress, cache, manner, language, swell)
    return gather(sung, sound_samples(curve), SAMPLE_RATE)


def sound_samples(curve: PitchCurve) -> int:
    """How many samples a line with this contour has."""
    return len(curve.cents) * LATENT_HOP // 2


def pieces(
    notes: Sequence[Note],
    spans: Sequence[PhonemeSpan],
    curve: PitchCurve,
    voice: Voice,
    singer: str | None,
    sampling: Sampling,
    expressions: Sequence[Expression] | None = None,
    progress: Progress | None = None,
    cache: PhraseCache | None = None,
    manner: Manner | None = None,
    language: str | None = None,
    swell: np.ndarray | None = None,
) -> Iterator[np.ndarray]:
    """The samples that `render` returns, a stretch at a time, each when it is finished: (samples,) float32."""
    import torch

    from svs.conditioning import frame_conditions, stresses

    whole, prefix = even(curve), None if manner is None else manner.prefix
    singing = voice.singing(singer, language)
    conditions = frame_conditions(spans, stresses(spans, notes), whole, voice.phonemes, singing, manner)
    expressions = expressions or [Expression()] * len(notes)
    formants = voice.formant_shift(singer)
    coloured = colour(notes, expressions, 2 * conditions.frames, curve.hop_seconds, formants, swell)
    least = least_purity(voice.purities(singer), spans, whole.cents, whole.hop_seconds)

    def sound(first: int, last: int, phase: float) -> np.ndarray:
        with torch.inference_mode():
            here = coloured and coloured.slice(2 * first, 2 * last)
            pure = None if least is None else least[2 * first : 2 * last]
            return _sung(conditions.slice(first, last), here, pure, voice, first, phase, sampling, cache, prefix)

    return finished(notes, spans, curve, expressions, sound, progress, swell)


def finished(
    notes: Sequence[Note],
    spans: Sequence[PhonemeSpan],
    curve: PitchCurve,
    expressions: Sequence[Expression],
    sound: Callable[[int, int, float], np.ndarray],
    progress: Progress | None = None,
    swell: np.ndarray | None = None,
) -> Iterator[np.ndarray]:
    """The samples of a line, a stretch at a time, joined, with its dynamics and limited.

    sound: (samples,) float32 of latent frames first to last, which overlap at the borders of stretches, and of pulses that
    begin with a phase. Raises VoiceError where it is not finite.
    """
    samples, frames = sound_samples(curve), -(-len(curve.cents) // 2)
    line = stretches(spans, frames)
    begin = phases(line, curve.cents)
    gain = Gain.of(notes, spans, expressions, swell, curve.hop_seconds)
    at = 0
    for number, joined in enumerate(crossfaded(line, frames, lambda first, last: sound(first, last, begin[first]))):
        piece = joined[: samples - at]
        if not np.isfinite(piece).all():
            raise VoiceError(
                f"from {at / SAMPLE_RATE:.2f} s on the voice makes no sound that is finite; its weights are damaged or their "
                "training diverged, or a guidance scale is too large"
            )
        piece = limited(piece * gain.between(at, at + len(piece)))
        if progress:
            progress("singing", number + 1, len(line))
        at += len(piece)
        yield piece


def _sung(
    conditions, coloured, least, voice: Voice, first: int, phase: float, sampling: Sampling, cache, prefix=None
) -> np.ndarray:
    """Samples of a stretch, from a PhraseCache where one holds it.

    coloured: its Colour, least: of `least_purity`, prefix: a Prefix; or None.
    """
    import torch

    from svs.conditioning import after_prefix

    whole = conditions if prefix is None else after_prefix(conditions, prefix)
    key = None if cache is None else phrase_key(voice, whole, coloured, first, phase, sampling)
    sound = None if cache is None else cache.find(key, conditions.frames * LATENT_HOP)
    if sound is None:
        latents = sample_latents(whole, voice, first, sampling)[:, whole.frames - conditions.frames :]
        if voice.band is not None:
            latents = widen(latents, torch.from_numpy(voice.band))
        sound = decode(latents, conditions, coloured, least, voice, sampling.seed, first, phase)
        if cache is not None:
            cache.keep(key, sound)
    return sound


def sample_latents(conditions, voice: Voice, first: int, sampling: Sampling):
    """Latents (1, frames, dim) of a stretch that begins at latent frame `first` of its line."""
    import torch

    from svs.samplers import draw

    network = voice.acoustic
    noise = np.random.default_rng((sampling.seed, first)).standard_normal(
        (1, conditions.frames, network.latent_dim), dtype=np.float32
    )
    guide = guided_answers(network, conditions, sampling.scales)
    return draw(guide, torch.from_numpy(noise), sampling.steps, sampling.sampler, network.objective)


def guided_answers(network, conditions, scales: Mapping[str, float]):
    """What a network says of one line at (x, t), guided. scales: condition → scale, 1 where none is named."""
    import torch

    from svs.flow import guided
    from svs.frames import GROUPS

    names = network.conditioner.names
    # without what is not known anyway nothing would change: its scale costs nothing either
    active = {name: s for name, s in scales.items() if name in GROUPS or getattr(conditions, name).any()}
    encoded: dict[str | None, torch.Tensor] = {None: network.condition(conditions)}
    for index, name in enumerate(names):
        if active.get(name, 1.0) != 1.0:
            drop = torch.zeros(1, len(names), dtype=torch.bool)
            drop[0, index] = True
            encoded[name] = network.condition(conditions, drop)

    def predict(x, t, without):
        return network(x, t, encoded[without], conditions.keep)

    return guided(predict, active)


def decode(
    latents,
    conditions,
    coloured: Colour | None,
    least: np.ndarray | None,
    voice: Voice,
    seed: int,
    first: int,
    phase: float = 0.0,
) -> np.ndarray:
    """Samples of a stretch from its latents, the commanded pitch, colour and purity. phase: with which its pulses begin."""
    import torch

    from svs.codec.noise import even_noise
    from svs.codec.shaping import Shaping

    cents, voiced = conditions.cents.flatten(1), conditions.voiced.flatten(1)
    noise = torch.from_numpy(even_noise(conditions.frames * LATENT_HOP, seed, first))[None]
    shaping = None
    if coloured is not None:
        noise_db, tilt_db, semitones = (
            torch.from_numpy(amount)[None] for amount in (coloured.breathiness, coloured.tension, coloured.formant_shift)
        )
        shaping = Shaping(noise_db, tilt_db, torch.exp2(semitones / 12.0))
    pure = None if least is None else torch.from_numpy(least)[None]
    return voice.codec.decode(latents, cents, voiced, noise, shaping, phase, drawn=True, least=pure)[0].numpy()


@dataclass(frozen=True)
class Gain:
    """Amplitude factors of a line: of the notes' dynamics, of what swells beside them, and of consonants."""

    loudness: Glide
    consonants: Glide
    swell: Glide

    @classmethod
    def of(
        cls,
        notes: Sequence[Note],
        spans: Sequence[PhonemeSpan],
        expressions: Sequence[Expression],
        swell: np.ndarray | None,
        hop_seconds: float,
    ) -> Gain:
        """Dynamics glide between the middles of notes; swell: of `render`, its frames hop_seconds apart."""
        middles = [note.onset + 0.5 * note.duration for note in notes]
        levels = [expression.level(note) for note, expression in zip(notes, expressions, strict=True)]
        beside = np.zeros(1) if swell is None else swell + swell_tilt(notes, expressions, swell, hop_seconds)
        return cls(
            Glide(middles, levels),
            consonant_glide(spans, expressions),
            Glide((np.arange(len(beside)) * hop_seconds).tolist(), beside.tolist()),
        )

    def between(self, start: int, end: int) -> np.ndarray:
        """Of samples start to end, (end − start,) float32."""
        return self.loudness.gain(start, end) * self.consonants.gain(start, end) * self.swell.gain(start, end)


def limited(samples: np.ndarray) -> np.ndarray:
    """Samples beyond KNEE bent to stay within PEAK, smoothly; each by itself, so that a piece needs no other."""
    beyond = np.abs(samples) - KNEE
    bent = KNEE + (PEAK - KNEE) * np.tanh(beyond.clip(0.0) / (PEAK - KNEE))
    return np.where(beyond > 0.0, np.copysign(bent, samples), samples).astype(np.float32)


def even(curve: PitchCurve) -> PitchCurve:
    """The curve with a frame repeated at its end where its number of frames is odd."""
    if len(curve.cents) % 2 == 0:
        return curve
    return replace(curve, cents=np.append(curve.cents, curve.cents[-1]), voiced=np.append(curve.voiced, False))
