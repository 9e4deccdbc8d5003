"""How a line is sung beside who sings it: what is asked for in words and clips, as numbers that a network takes.

    style      the name of a style of the voice, or a mixture such as "strong:0.6+plain:0.4"
    describe   words, such as "soft, breathy"
    reference  a clip of singing: its speaker's embedding, or its first seconds as an in-context prefix, or both
"""

from __future__ import annotations

import numpy as np

from svs.audio import Audio, AudioFile, level
from svs.description import describe as described
from svs.f0 import measure_pitch
from svs.frames import Manner, Prefix
from svs.pitch import PitchCurve
from svs.speaker import SHORTEST, SpeakerError, embed_file
from svs.units import LATENT_HOP, SAMPLE_RATE
from svs.voice import Voice, VoiceError

QUIET_DB = -35.0  # below a clip's loudest 20 ms: silence, if it comes before any sound
SEARCHED = 30.0  # seconds of a clip in which sound is waited for


def manner(
    voice: Voice, singer: str | None = None, style: str | None = None, describe: str | None = None, reference=None
) -> Manner:
    """What the conditions of a line are made of, beside score and singer.

    Where nothing is asked, the style is the voice's own and the timbre that of the singer.
    Raises VoiceError where the voice lacks a condition that is asked for, DescriptionError, AudioError, SpeakerError.
    """
    names = voice.conditions
    for asked, name in ((style, "style"), (describe, "text")):
        if asked is not None and name not in names:
            raise VoiceError(f"voice {voice.name!r} has no condition {name!r}; it has {', '.join(names)}")
    if reference is not None and not {"reference", "timbre"} & set(names):
        raise VoiceError(
            f"voice {voice.name!r} has no condition 'reference' or 'timbre'; it has {', '.join(names)} "
            "(the nearest of its singers is found with singer_from)"
        )
    timbre = None
    if "timbre" in names:
        timbre = voice.timbre(singer) if reference is None else _embedded(reference)
    return Manner(
        timbre=timbre,
        style=voice.style_weights(style) if "style" in names else None,
        text=None if describe is None else _fitting(voice, described(describe, voice.text_encoder)),
        prefix=prefix(voice, reference) if reference is not None and "reference" in names else None,
    )


def prefix(voice: Voice, clip) -> Prefix:
    """The first seconds of sound in a file, as many as the voice learned from. Raises AudioError, SpeakerError."""
    import torch

    file = AudioFile.open(clip)
    audio = file.piece(0, round(SEARCHED * file.sample_rate)).resample(SAMPLE_RATE)
    whole = audio.samples[: len(audio.samples) // LATENT_HOP * LATENT_HOP].reshape(-1, LATENT_HOP)
    power = np.square(whole, dtype=np.float64).mean(axis=1)
    if not len(power) or not np.isfinite(power).all() or not power.max() > 1e-8:
        raise SpeakerError(f"{clip}: is silent or damaged; some seconds of singing are wanted")
    first = int(np.argmax(power > power.max() * 10 ** (QUIET_DB / 10)))
    heard = whole[first : first + round(voice.reference_seconds * SAMPLE_RATE / LATENT_HOP)]
    if len(heard) * LATENT_HOP < min(SHORTEST, voice.reference_seconds) * SAMPLE_RATE:
        raise SpeakerError(
            f"{clip}: holds {len(heard) * LATENT_HOP / SAMPLE_RATE:.2f} s of sound; at least "
            f"{min(SHORTEST, voice.reference_seconds):g} s of singing are wanted"
        )
    samples = level(heard.reshape(-1)).astype(np.float32)
    curve = measure_pitch(Audio(samples, SAMPLE_RATE))
    with torch.inference_mode():
        latents = voice.codec.encode(torch.from_numpy(samples)[None])[0].numpy()
    frames = len(latents)
    return Prefix(latents, PitchCurve(curve.cents[: 2 * frames], curve.voiced[: 2 * frames], curve.hop_seconds))


def _embedded(clip) -> np.ndarray:
    try:
        return embed_file(clip).astype(np.float32)
    except ImportError as error:
        raise VoiceError(str(error)) from None


def _fitting(voice: Voice, vector: np.ndarray) -> np.ndarray:
    wanted = voice.condition_sizes["text"]
    if len(vector) != wanted:
        raise VoiceError(
            f"{voice.folder}: text encoder {voice.text_encoder!r} gives {len(vector)} numbers, the voice takes {wanted}"
        )
    return vector
