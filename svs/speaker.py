"""Whose voice a recording is like: embeddings of speakers, and the mixture of a voice's singers nearest to one.

This chooses among the timbres that a voice was trained on; it does not clone. A stranger gets the singer, or the
mixture of singers, whose embedding points most nearly the same way, and the similarity says how near that is: of two
recordings of one person it is about 0.8 and up, and below FAR nobody in the voice sounds like the recording. It is the
similarity of a mixture of embeddings: the sound of a mixed singer need not lie just there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np

from svs.audio import AudioFile, write_text
from svs.files import read_small
from svs.mistakes import Mistake

EMBEDDINGS = "speakers.json"  # in the folder of a voice
ENCODER = "resemblyzer 0.1.4"
NUMBERS = 256  # of an embedding
RATE = 16_000
MOST = 3  # singers in a mixture
WORTH = 0.02  # what each further singer must add to the similarity
FAR = 0.75
SHORTEST, LONGEST = 1.0, 60.0  # seconds of a recording that are asked for, that are listened to

Encode = Callable[..., np.ndarray]


class SpeakerError(Mistake):
    """A recording or a file of embeddings that nothing can be compared with; the message says which and why."""


@dataclass(frozen=True)
class Likeness:
    """singer: as `Voice.mixture` reads it. similarity: cosine of its embedding and the recording's. each: of every one."""

    singer: str
    similarity: float
    each: dict[str, float]

    def __str__(self) -> str:
        others = sorted(self.each.items(), key=lambda item: -item[1])[:5]
        each = ", ".join(f"{name} {similarity:.2f}" for name, similarity in others)
        far = "; far from every singer of this voice" if self.similarity < FAR else ""
        return f"singer {self.singer}, similarity {self.similarity:.2f} ({each}){far}"

    def to_json(self) -> dict:
        return {"similarity": round(self.similarity, 4), "singers": {n: round(s, 4) for n, s in self.each.items()}}


@cache
def encoder() -> Encode:
    """Audio → (windows, 256), one every 0.8 s, by resemblyzer (GE2E; Wan et al. 2018). ImportError without it."""
    try:
        from resemblyzer import VoiceEncoder
    except ImportError as error:
        raise ImportError(
            f"speaker embedding: {error.name} is missing: pip install resemblyzer==0.1.4 'setuptools<81'"
        ) from None
    network = VoiceEncoder("cpu", verbose=False)

    def encode(audio):
        samples = audio.resample(RATE).samples
        samples = np.pad(samples, (0, max(0, 8 * RATE // 5 - len(samples))))
        level = np.sqrt(np.mean(samples**2))
        if level > 0:
            samples = samples * (10 ** (-30 / 20) / level)  # the −30 dBFS it was trained at
        return network.embed_utterance(samples, return_partials=True)[1]

    return encode


def direction(windows: np.ndarray) -> np.ndarray:
    """(dim,) unit vector of the mean of (windows, dim) embeddings."""
    mean = np.asarray(windows, dtype=np.float64).mean(axis=0)
    return mean / max(np.linalg.norm(mean), 1e-9)


def embed_file(path, encode: Encode | None = None) -> np.ndarray:
    """(dim,) unit embedding of the first LONGEST seconds of a sound file.

    Raises AudioError, SpeakerError of a recording that is silent or too short, ImportError without the encoder.
    """
    file = AudioFile.open(path)
    audio = file.piece(0, round(LONGEST * file.sample_rate))
    if audio.seconds < SHORTEST:
        raise SpeakerError(
            f"{path}: lasts {audio.seconds:.2f} s; at least {SHORTEST:g} s of one voice are wanted, better 10"
        )
    if not np.all(np.isfinite(audio.samples)) or np.abs(audio.samples).max() < 1e-3:
        raise SpeakerError(f"{path}: is silent or damaged; some seconds of one voice are wanted")
    return direction((encode or encoder())(audio))


def nearest(embeddings: Mapping[str, np.ndarray], target: np.ndarray, most: int = MOST) -> Likeness:
    """The singer or the mixture of up to `most` singers whose mixed embedding has the greatest cosine with `target`.

    Non-negative least squares projects the target onto the cone of a few singers' embeddings, and of all vectors of a
    cone the projection has the greatest cosine; every group of up to `most` singers is tried. Another singer is taken
    into the mixture only where that adds WORTH. Weights are rounded to hundredths, before the similarity.
    embeddings: singer → (dim,). Raises SpeakerError where there is no singer or another dim.
    """
    from scipy.optimize import nnls

    names = list(embeddings)
    if not names or any(np.shape(embeddings[name]) != np.shape(target) for name in names):
        raise SpeakerError(f"nearest: embeddings of {len(names)} singers do not fit one of {len(target)} numbers")
    units = np.array([direction(np.atleast_2d(embeddings[name])) for name in names])
    target = direction(np.atleast_2d(target))
    each = units @ target
    best = (float(each.max()), {names[int(each.argmax())]: 1.0})
    for count in range(2, min(most, len(names)) + 1):
        found: tuple[float, dict[str, float]] = (-1.0, {})
        for group in combinations(range(len(names)), count):
            weights = nnls(units[list(group)].T, target)[0]
            if not weights.sum() > 0:
                continue
            rounded = np.round(weights / weights.sum(), 2)
            mixed = rounded @ units[list(group)]
            similarity = float(mixed @ target / max(np.linalg.norm(mixed), 1e-9))
            if similarity > found[0]:
                found = (similarity, {names[i]: w for i, w in zip(group, rounded.tolist(), strict=True) if w > 0})
        if found[0] >= best[0] + WORTH * (len(found[1]) - len(best[1])) and len(found[1]) > len(best[1]):
            best = found
    similarity, mixture = best
    singer = "+".join(f"{n}:{w:g}" for n, w in sorted(mixture.items(), key=lambda item: -item[1]))
    return Likeness(
        singer if len(mixture) > 1 else next(iter(mixture)), similarity, dict(zip(names, each.tolist(), strict=True))
    )


def write_embeddings(path, embeddings: Mapping[str, np.ndarray], source: str) -> None:
    """Write unit embeddings as JSON, whole or not at all. source: what they are of, in words."""
    facts = {
        "encoder": ENCODER,
        "source": source,
        "embeddings": {name: [round(float(x), 5) for x in vector] for name, vector in embeddings.items()},
    }
    text = json.dumps(facts, ensure_ascii=False) + "\n"
    write_text(path, text)


def read_embeddings(path) -> dict[str, np.ndarray]:
    """singer → (dim,) of a file that write_embeddings wrote. Raises SpeakerError."""
    try:
        facts = json.loads(read_small(path).decode("utf-8"))
        found = {name: np.array(vector, dtype=np.float64) for name, vector in facts["embeddings"].items()}
        if facts["encoder"] != ENCODER:
            raise ValueError(f"made by {facts['encoder']!r}, not {ENCODER!r}")
        dims = {vector.shape for vector in found.values()}
        if (
            len(dims) != 1
            or len(next(iter(dims))) != 1
            or not all(np.isfinite(v).all() and v.any() for v in found.values())
        ):
            raise ValueError("not one list of numbers for each singer")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise SpeakerError(
            f"{path}: not embeddings of singers ({' '.join(str(error).split())}); python -m svs.timbre makes them"
        ) from None
    return found
