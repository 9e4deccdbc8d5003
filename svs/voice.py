"""Voices: a folder with voice.json, the weights of the networks as safetensors, and a card.

    voice.json            name, singer (the default one), singers (name → range_cents, breathes, languages, consonants
                          and who they are), blends (singers made of those: of, range_cents, formant_shift),
                          phonemes, languages, licence, steps, guidance, sampler, fast (the same three, for hurry),
                          consonant_length;
                          of voices with further conditions styles and style (the default one), text_encoder,
                          reference_seconds
    codec.safetensors     the source-filter codec
    acoustic.safetensors  the DiT, or another network of svs/networks.py
    timing.safetensors    consonant durations
    band.safetensors      what lies above 12 kHz, of voices that learned from recordings that end there (svs/band.py)
    purity.json           how far the singers' vowels rise above noise (svs/purity.py); may be missing
    timbres.json          embeddings of the singers, of voices with the condition timbre
    speakers.json         what the singers are like, for --singer-from (svs/speaker.py); may be missing
    CARD.md               data, licences, credits, measured numbers

None of them is a pickle.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from svs import band, purity
from svs.expression import LIMITS
from svs.files import read_small
from svs.frames import CONDITIONS, Singing
from svs.g2p import parted
from svs.mistakes import Mistake
from svs.purity import Purity
from svs.speaker import EMBEDDINGS, Likeness, direction, embed_file, nearest, read_embeddings
from svs.speaker import NUMBERS as SPEAKER_NUMBERS

if TYPE_CHECKING:
    from svs.backbone import Backbone
    from svs.codec.source_filter import SourceFilterNetwork
    from svs.timing import ConsonantDurations

TIMBRES = "timbres.json"
FOLDERS = (Path(__file__).parent / "voices", Path(__file__).parent.parent / "assets" / "voices")


CONSONANT_LENGTHS = (0.25, 4.0)  # times as long as learned, at least and at most
LARGEST = 1e6  # of any number in voice.json
MOST_STEPS = 1000


class VoiceError(Mistake):
    """A voice that is not installed, is damaged, or cannot sing what was asked."""


def installed() -> list[Path]:
    """Folders of the voices that come with the package, by name."""
    found = {path.parent.name: path.parent for place in reversed(FOLDERS) for path in place.glob("*/voice.json")}
    return [found[name] for name in sorted(found)]


def find(name_or_folder) -> Path:
    """The folder of an installed voice, or of one given by path. Raises VoiceError naming those there are."""
    path = Path(name_or_folder)
    if (path / "voice.json").is_file():
        return path
    for folder in installed():
        if folder.name == str(name_or_folder):
            return folder
    names = ", ".join(folder.name for folder in installed()) or "none; recipes/default makes one"
    asked = str(name_or_folder)
    raise VoiceError(f"voice {asked!r} is not installed and no folder with a voice.json; installed: {names}")


@dataclass(frozen=True)
class Voice:
    """A loaded voice.

    phonemes: symbol → row. singers: name → {"range_cents": [lowest, highest], …} in the order of the network's rows; with
    "languages", those that the singer was recorded in, and "consonants", {singer: share} of whose the consonants are in others.
    acoustic: of svs/networks.py. codec: SourceFilterNetwork.
    steps, guidance, sampler: what sampling uses unless told otherwise; guidance maps condition groups to scales.
    fast: of a quick render steps, and guidance and sampler where they are not none and Euler's; or None.
    styles, style: the rows of the network's table, and the one that is sung unless told otherwise; text_encoder: of
    descriptions; reference_seconds: of a clip. Of voices that know such conditions.
    consonant_length: how many times as long as in the recordings consonants are sung.
    blends: further singers, made of the trained ones: name → {"of": {singer: share}, "range_cents": [lowest, highest]} and,
    if any, "formant_shift", semitones by which their formants lie higher.
    """

    folder: Path
    name: str
    singer: str
    singers: dict[str, dict]
    phonemes: dict[str, int]
    languages: tuple[str, ...]
    steps: int
    guidance: dict[str, float]
    sampler: str
    acoustic: Backbone
    codec: SourceFilterNetwork
    fast: dict | None = None
    styles: tuple[str, ...] = ()
    style: str | None = None
    text_encoder: str = "hashed"
    reference_seconds: float = 2.0
    consonant_length: float = 1.0
    blends: dict[str, dict] = field(default_factory=dict)
    band: np.ndarray | None = None
    purity: dict[str, Purity] = field(default_factory=dict)

    @classmethod
    def load(cls, name_or_folder="default") -> Voice:
        """Load a voice by name or folder. Raises VoiceError saying what is missing or does not fit."""
        from svs.codec import CodecError, load_network

        folder = find(name_or_folder)
        facts = read_facts(folder / "voice.json")
        try:
            codec = load_network(folder / "codec.safetensors")
        except CodecError as error:
            raise VoiceError(str(error)) from None
        acoustic = load_acoustic(folder / "acoustic.safetensors")
        above, figures = read_band(folder, codec.latent_dim), read_purity(folder, facts["singers"])
        voice = cls(folder, acoustic=acoustic, codec=codec, band=above, purity=figures, **cls.described(facts))
        voice._check_sizes()
        for singer in voice.singers:
            voice.durations(singer)
        return voice

    @cached_property
    def digest(self) -> str:
        """Hexadecimal: of the weights and figures that make its sound, as they were loaded, whatever has become of the folder."""
        found = blake2b(digest_size=20)
        for network in (self.acoustic, self.codec):
            found.update(repr((type(network).__name__, network.sizes)).encode())
            for name, weight in network.state_dict().items():
                found.update(name.encode() + weight.numpy().tobytes())
        if self.band is not None:
            found.update(self.band.tobytes())
        for name, figures in self.purity.items():
            found.update(name.encode() + figures.cents.tobytes() + figures.db.tobytes())
        return found.hexdigest()

    @property
    def objective(self) -> str:
        """What the acoustic network predicts (svs/objectives.py)."""
        return self.acoustic.objective

    @staticmethod
    def described(facts: dict) -> dict:
        """The fields that voice.json settles, from what `read_facts` returned."""
        plain = ("name", "singer", "singers", "steps", "guidance", "sampler")
        rows = {symbol: row for row, symbol in enumerate(facts["phonemes"])}
        more = {"phonemes": rows, "languages": tuple(facts["languages"]), "styles": tuple(facts.get("styles", ()))}
        optional = ("fast", "style", "text_encoder", "reference_seconds", "consonant_length", "blends")
        given = {name: facts[name] for name in optional if name in facts}
        return {name: facts[name] for name in plain} | more | given

    def _check_sizes(self) -> None:
        sizes = self.acoustic.sizes
        if (sizes["phonemes"], sizes["speakers"]) != (len(self.phonemes), len(self.singers)):
            raise VoiceError(
                f"{self.folder}: voice.json names {len(self.phonemes)} phonemes and {len(self.singers)} singers, "
                f"acoustic.safetensors has {sizes['phonemes']} and {sizes['speakers']}"
            )
        if sizes["latent_dim"] != self.codec.sizes["latent_dim"]:
            raise VoiceError(
                f"{self.folder}: acoustic.safetensors makes latents of {sizes['latent_dim']} numbers, "
                f"codec.safetensors takes {self.codec.sizes['latent_dim']}; they are not of one voice"
            )
        from svs.samplers import check_pair

        for place in (self.sampler, self.quick["sampler"]):
            try:
                check_pair(place, self.acoustic.objective)
            except ValueError as error:
                raise VoiceError(f"{self.folder}: voice.json and acoustic.safetensors do not fit: {error}") from None
        self._check_conditions("acoustic.safetensors", sizes["latent_dim"])

    def _check_conditions(self, file: str, latent_dim: int) -> None:
        """Raises VoiceError where what voice.json says of conditions is not what the networks in a file know."""
        sizes = self.condition_sizes
        if len(self.styles) != sizes.get("style", 0):
            raise VoiceError(
                f"{self.folder}: voice.json names {len(self.styles)} styles, {file} has {sizes.get('style', 0)}"
            )
        for name, wanted in (("timbre", SPEAKER_NUMBERS), ("reference", latent_dim)):
            size = sizes.get(name, wanted)
            if size != wanted:
                raise VoiceError(f"{self.folder}: {file} takes a {name} of {size} numbers, not {wanted}")
        for scales in (self.guidance, (self.fast or {}).get("guidance", {})):
            if lacking := [name for name in scales if name not in self.conditions]:
                raise VoiceError(
                    f"{self.folder}: voice.json has a guidance scale of {lacking[0]}, but {file} knows "
                    f"{', '.join(self.conditions)}"
                )

    @property
    def conditions(self) -> tuple[str, ...]:
        """What its network knows, of svs.frames.CONDITIONS; each can be guided."""
        return self.acoustic.conditioner.names

    @property
    def condition_sizes(self) -> Mapping[str, int]:
        """How many numbers each condition comes as, of those that neither tables nor the grid settle."""
        return self.acoustic.sizes.get("conditions", {})

    @property
    def names(self) -> tuple[str, ...]:
        """Whoever can be asked to sing: the singers and the blends of them."""
        return (*self.singers, *self.blends)

    def mixture(self, singer: str | None) -> dict[str, float]:
        """Singers and their weights, which add up to 1, of a name or a mixture such as "kumi:0.6+heart:0.4".

        None takes the voice's own singer; of a blend, those it is made of. Raises VoiceError.
        """
        found: dict[str, float] = {}
        for name, weight in self._asked(singer).items():
            shares = self.blends[name]["of"] if name in self.blends else {name: 1.0}
            for other, share in shares.items():
                found[other] = found.get(other, 0.0) + weight * share / sum(shares.values())
        return found

    def _asked(self, singer: str | None) -> dict[str, float]:
        """As `mixture`, with blends by their own names."""
        return self._mixed("singer", singer or self.singer, self.names)

    def formant_shift(self, singer: str | None) -> float:
        """Semitones by which a singer's formants lie above the network's; of a mixture, the weighted mean. Raises VoiceError."""
        return sum(w * self.blends.get(name, {}).get("formant_shift", 0.0) for name, w in self._asked(singer).items())

    def _mixed(self, kind: str, asked: str, table: Collection[str]) -> dict[str, float]:
        weights: dict[str, float] = {}
        for item in asked.split("+"):
            name, colon, weight = item.partition(":")
            name = name.strip()
            if name not in table:
                raise VoiceError(f"voice {self.name!r} has no {kind} {name!r}; it has {', '.join(table)}")
            try:
                share = float(weight) if colon else 1.0
            except ValueError:
                share = math.nan
            if not (share >= 0.0 and math.isfinite(share)) or name in weights:
                raise VoiceError(
                    f"{kind} {asked!r}: {item!r} cannot be mixed; each {kind} once, with a weight from 0, is wanted"
                )
            weights[name] = share
        total = sum(weights.values())
        if not total > 0.0:
            raise VoiceError(f"{kind} {asked!r}: the weights add up to nothing")
        return {name: share / total for name, share in weights.items()}

    def style_weights(self, style: str | None) -> np.ndarray:
        """(styles,) weights that add up to 1, of a name or a mixture; all 0 where there is none. Raises VoiceError."""
        asked = style or self.style
        weights = {} if asked is None else self._mixed("style", asked, self.styles)
        return np.array([weights.get(name, 0.0) for name in self.styles], np.float32)

    def timbre(self, singer: str | None) -> np.ndarray:
        """(numbers,) float32 embedding of a singer, or of a mixture, of length 1. Raises VoiceError, SpeakerError."""
        weights, path = self.mixture(singer), self.folder / TIMBRES
        if not path.is_file():
            raise VoiceError(f"{path}: no such embeddings of the singers; svs.release writes them, or give a reference")
        embeddings = read_embeddings(path)
        lacking = [name for name in weights if np.shape(embeddings.get(name, ())) != (SPEAKER_NUMBERS,)]
        if lacking:
            raise VoiceError(f"{path}: has no embedding of {lacking[0]}")
        return direction(np.array([w * embeddings[name] for name, w in weights.items()])).astype(np.float32)

    def singer_weights(self, singer: str | None) -> np.ndarray:
        """(singers,) float32 weights that add up to 1, see `mixture`. Raises VoiceError."""
        weights = self.mixture(singer)
        return np.array([weights.get(name, 0.0) for name in self.singers], np.float32)

    def singing(self, singer: str | None, language: str | None = None) -> Singing:
        """Who sings a language: a singer who was not recorded in it may borrow consonants. Raises VoiceError.

        Consonants that a singer was never recorded with are those that words are lost by, and say little of who sings.
        language: a code, of which the part before a hyphen counts; the voice's first when None.
        """
        code, _ = parted(language or self.languages[0])
        weights = self.mixture(singer)
        borrowed = dict.fromkeys(self.singers, 0.0)
        for name, weight in weights.items():
            about = self.singers[name]
            lent = {} if code in about.get("languages", self.languages) else about.get("consonants", {})
            for other, share in (*lent.items(), (name, 1.0 - sum(lent.values()))):
                borrowed[other] += weight * share
        own = self.singer_weights(singer)
        consonants = np.array(list(borrowed.values()), np.float32)
        return Singing(own, None if np.array_equal(own, consonants) else consonants)

    @property
    def quick(self) -> dict:
        """steps, scales and sampler of a quick render: half the steps, by Euler without guidance, if nothing else is said."""
        fast = self.fast or {"steps": max(1, self.steps // 2)}
        return {
            "steps": fast["steps"],
            "scales": fast.get("guidance", {}),
            "sampler": fast.get("sampler", "euler"),
        }

    def purities(self, singer: str | None) -> list[tuple[Purity, float]]:
        """The figures of a singer, or of those of a mixture who have any, with their weights. Raises VoiceError."""
        weights = self.mixture(singer).items()
        return [(self.purity[name], weight) for name, weight in weights if weight > 0 and name in self.purity]

    def breathes(self, singer: str | None) -> bool:
        """Whether a singer, or all of a mixture, knows how to breathe in. Raises VoiceError."""
        return all(self.singers[name].get("breathes", False) for name in self.mixture(singer))

    def range_cents(self, singer: str | None) -> tuple[float, float]:
        """Lowest and highest note of a singer; of a mixture, weighted means. Raises VoiceError."""
        everyone = self.singers | self.blends
        weights = self._asked(singer).items()
        low, high = (sum(w * everyone[name]["range_cents"][end] for name, w in weights) for end in (0, 1))
        return low, high

    def like(self, recording) -> Likeness:
        """The singer or mixture nearest to a sound file; it chooses among the singers and does not clone.

        Raises VoiceError where the voice has no embeddings, they are not its singers', or the encoder is missing;
        AudioError or SpeakerError of the recording.
        """
        path = self.folder / EMBEDDINGS
        if not path.is_file():
            raise VoiceError(
                f"voice {self.name!r} has no {EMBEDDINGS} to compare a recording with; python -m svs.timbre {self.folder} "
                f"makes it, or choose a singer by name: {', '.join(self.singers)}"
            )
        embeddings = read_embeddings(path)
        if strangers := sorted(set(embeddings) ^ set(self.singers)):
            raise VoiceError(
                f"{path}: {', '.join(strangers)} not in it and the voice both; python -m svs.timbre {self.folder} makes it anew"
            )
        try:
            return nearest(embeddings, embed_file(recording))
        except ImportError as error:
            raise VoiceError(str(error)) from None

    def durations(self, singer: str | None, length: float | None = None) -> ConsonantDurations:
        """The consonant durations of a singer, or of a mixture. length: factor on them; the voice's own when None.

        Raises VoiceError, and ValueError for a length outside CONSONANT_LENGTHS.
        """
        from svs.timing import Consonant, ConsonantDurations

        low, high = CONSONANT_LENGTHS
        if length is not None and not low <= length <= high:
            raise ValueError(f"consonant_length is {length:g}; a factor from {low:g} to {high:g} is wanted")
        weights = self.mixture(singer)
        path = self.folder / "timing.safetensors"
        if not path.is_file():
            raise VoiceError(f"{path}: no such model of timing; the recipe's stage `train-timing` makes it")
        try:
            durations = ConsonantDurations.load(path, weights, self.consonant_length if length is None else length)
            durations.seconds([Consonant("T", "SIL", "AA", False, 0.2)])  # the tables are all there and fit together
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            raise VoiceError(f"{path}: not the consonant durations of this voice ({error})") from None
        return durations


def save_acoustic(network, path) -> None:
    """Write a network as fp16 safetensors with its sizes in the header; whole or not at all."""
    from svs.layers import save_weights

    save_weights(network, path)


def load_acoustic(path):
    """A network of svs/networks.py in evaluation mode from safetensors. Raises VoiceError."""
    from svs.layers import load_weights
    from svs.networks import build

    path = Path(path)
    if not path.is_file():
        raise VoiceError(f"{path}: no such acoustic model; the recipe's stage `train-acoustic` makes it")
    try:
        return load_weights(path, build)
    except ValueError as error:
        raise VoiceError(f"{path}: not the weights of an acoustic model ({error})") from None


def read_band(folder: Path, latent_dim: int) -> np.ndarray | None:
    """What gives latents the band above, of voices that have it. Raises VoiceError."""
    path = folder / band.FILE
    try:
        return band.load(path, latent_dim) if path.is_file() else None
    except ValueError as error:
        raise VoiceError(f"{path}: not the band above of this voice ({error})") from None


def read_purity(folder: Path, singers: Collection[str]) -> dict[str, Purity]:
    """The singers' figures, of voices that have them. Raises VoiceError."""
    path = folder / purity.FILE
    try:
        return purity.load(path, singers) if path.is_file() else {}
    except ValueError as error:
        raise VoiceError(f"{path}: {error}; python -m svs.valleys makes it") from None


def read_facts(path: Path) -> dict:
    """What voice.json says, with the types that the rest relies on. Raises VoiceError naming the key."""
    from svs.samplers import SAMPLERS

    try:
        facts = json.loads(read_small(path).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise VoiceError(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(facts, dict):
        raise VoiceError(f"{path}: holds no JSON object")
    facts.setdefault("sampler", "euler")  # voices made when there was no choice

    def names(values) -> bool:
        strings = isinstance(values, list) and all(isinstance(value, str) for value in values)
        return strings and len(set(values)) == len(values) > 0

    def number(value) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST

    def is_range(cents) -> bool:
        return isinstance(cents, list) and len(cents) == 2 and all(map(number, cents)) and cents[0] <= cents[1]

    def is_singer(singer) -> bool:
        if not isinstance(singer, dict) or not is_range(singer.get("range_cents")):
            return False
        languages, lent = singer.get("languages"), singer.get("consonants")
        return (languages is None or names(languages)) and (lent is None or (is_shares(lent) and sum(lent.values()) <= 1))

    def is_shares(shares) -> bool:
        known = isinstance(shares, dict) and set(shares) <= set(facts["singers"])
        return known and all(number(share) and share >= 0 for share in shares.values())

    def is_blend(blend) -> bool:
        if not isinstance(blend, dict) or not is_range(blend.get("range_cents")) or not is_shares(blend.get("of")):
            return False
        shift = blend.get("formant_shift", 0.0)
        return sum(blend["of"].values()) > 0 and number(shift) and abs(shift) <= LIMITS["formant_shift"]

    def is_blends(value) -> bool:
        return isinstance(value, dict) and not set(value) & set(facts["singers"]) and all(map(is_blend, value.values()))

    def can_sing(value) -> bool:
        return isinstance(value, str) and (value in facts["singers"] or value in facts.get("blends", {}))

    def is_steps(value) -> bool:
        return type(value) is int and 1 <= value <= MOST_STEPS

    def is_singers(value) -> bool:
        return isinstance(value, dict) and len(value) > 0 and all(map(is_singer, value.values()))

    def is_length(value) -> bool:
        return number(value) and CONSONANT_LENGTHS[0] <= value <= CONSONANT_LENGTHS[1]

    def is_guidance(value) -> bool:
        return isinstance(value, dict) and set(value) <= set(CONDITIONS) and all(map(number, value.values()))

    def is_fast(value) -> bool:
        return (
            isinstance(value, dict)
            and set(value) <= {"steps", "guidance", "sampler"}
            and all(checks[key][0](item) for key, item in value.items())
            and "steps" in value
        )

    checks = {
        "name": (lambda value: isinstance(value, str), "a name"),
        "singers": (is_singers, "singers by name, each with range_cents [lowest, highest]; languages and consonants if any"),
        "blends": (
            is_blends,
            f"singers of other names, each with of {{singer: share}}, range_cents [lowest, highest] and, if any, "
            f"formant_shift, up to {LIMITS['formant_shift']:g} semitones",
        ),
        "singer": (can_sing, "one of the singers"),
        "phonemes": (names, "a list of symbols, none twice"),
        "languages": (names, "a list of language codes"),
        "steps": (is_steps, f"a whole number from 1 to {MOST_STEPS}"),
        "guidance": (is_guidance, f"scales of {', '.join(CONDITIONS)}"),
        "sampler": (lambda value: isinstance(value, str) and value in SAMPLERS, f"one of {', '.join(SAMPLERS)}"),
        "fast": (is_fast, "steps, and guidance and sampler where they are not none and euler"),
        "styles": (names, "a list of styles, none twice"),
        "style": (lambda value: isinstance(value, str) and value in facts.get("styles", ()), "one of the styles"),
        "text_encoder": (lambda value: isinstance(value, str), "hashed, or a model's name or folder"),
        "consonant_length": (is_length, f"a factor from {CONSONANT_LENGTHS[0]:g} to {CONSONANT_LENGTHS[1]:g}"),
        "reference_seconds": (lambda value: number(value) and 0.1 <= value <= 60, "seconds from 0.1 to 60"),
    }
    optional = ("fast", "styles", "style", "text_encoder", "reference_seconds", "consonant_length", "blends")
    for key, (fits, wanted) in checks.items():
        if key in optional and key not in facts:
            continue
        if key not in facts:
            raise VoiceError(f"{path}: has no {key!r}; {wanted} is wanted")
        if not fits(facts[key]):
            shown = json.dumps(facts[key], ensure_ascii=False)
            shown = shown if len(shown) <= 60 else shown[:60] + "…"
            raise VoiceError(f"{path}: {key!r} is {shown}; {wanted} is wanted")
    return facts
