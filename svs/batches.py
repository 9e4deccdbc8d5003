"""Batches for the trainers, each a function of the seed and its number alone, so that resuming repeats nothing.

A batch is a sequence of items without an end, of which a process takes its own (svs.processes): item i is the same
whoever asks for it, and `batch_size` is that of one process.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader, IterableDataset

from svs import latents as encoded
from svs.annotations import descriptions, timbres
from svs.conditioning import GROUPS, Conditions, Manner, Singing, collate, frame_conditions
from svs.dataset import DatasetError, Shard, kept_out
from svs.description import HASHED, describe
from svs.pitch import PitchCurve
from svs.processes import process
from svs.timing import PhonemeSpan, features, observed
from svs.units import LATENT_HOP

SMOOTHING = (1.5, 8.0)  # values of 10 ms: deviation of the Gaussian that smooths a measured pitch


class _Endless(IterableDataset):
    """make(number) for number = first, first + 1, …"""

    def __init__(self, make, first: int):
        self.make, self.first = make, first

    def __iter__(self) -> Iterator:
        number = self.first
        while True:
            yield self.make(number)
            number += 1


class NumberedBatches(LightningDataModule):
    """Feeds `batch(number)`, starting where the module's `batches_seen` stands."""

    hparams: Any  # the constructor's arguments
    trainer: Any

    def items(self, number: int, wanted: range) -> Any:
        """The wanted items of a batch, in order."""
        raise NotImplementedError

    def shards(self) -> list[Shard]:
        """The corpora. Raises DatasetError for numbers with which no batch can be made; warns of strays in heldout."""
        corpora = self.hparams.corpora
        if self.hparams.batch_size < 1:
            raise DatasetError(f"batch_size is {self.hparams.batch_size}; 1 or more is wanted")
        if not corpora:
            raise DatasetError("corpora is empty; the names of folders in `features` are wanted")
        if isinstance(corpora, dict) and not (min(corpora.values()) >= 0 < sum(corpora.values())):
            raise DatasetError(f"corpora is {corpora}; shares of 0 or more are wanted, and one above 0")
        opened = [Shard.open(Path(self.hparams.features) / name) for name in corpora]
        for name in self.hparams.heldout or ():
            if not any(kept_out(clip, [name]) for shard in opened for clip in shard.clips):
                where = ", ".join(corpora)
                warnings.warn(f"heldout: {name!r} is no clip and no singer of {where}; nothing is held out by it", stacklevel=2)
        return opened

    def batch(self, number: int) -> Any:
        """The items of a batch that are this process's."""
        rank, _ = process()
        return self.items(number, range(rank * self.hparams.batch_size, (rank + 1) * self.hparams.batch_size))

    def whole(self, number: int) -> Any:
        """The items of a batch that are anybody's."""
        _, count = process()
        return self.batch(number) if count == 1 else self.items(number, range(count * self.hparams.batch_size))

    def train_dataloader(self) -> DataLoader:
        return DataLoader(_Endless(self.batch, self.trainer.lightning_module.batches_seen), batch_size=None)

    def transfer_batch_to_device(self, batch, device, dataloader_idx: int):
        """Lightning cannot look into frozen dataclasses; Conditions move themselves."""
        if isinstance(batch, dict):
            return {name: value.to(device) for name, value in batch.items()}
        return tuple(value.to(device) for value in batch)


class CodecBatches(NumberedBatches):
    """Random crops of sound with their pitch.

    features: folder of shards. corpora: shard name → share of the crops. frames: latent frames (20 ms) a crop.
    Within a corpus every speaker is drawn as often as every other.
    heldout: clips whose id contains one of these are left out; speakers whose name equals one too.
    resampled: share of the crops that are played up to `semitones` higher or lower.
    """

    def __init__(
        self,
        features: str,
        corpora: dict[str, float],
        heldout: list[str] | None = None,
        batch_size: int = 8,
        frames: int = 50,
        resampled: float = 0.0,
        semitones: float = 5.0,
        seed: int = 0,
    ):
        super().__init__()
        self.save_hyperparameters()
        self.drawn: list[tuple[Shard, list[dict], np.ndarray]] = []

    def setup(self, stage: str | None = None):
        if self.drawn:
            return
        heldout = self.hparams.heldout or []
        for shard in self.shards():
            longest = self._source_frames(self.hparams.semitones if self.hparams.resampled else 0.0)
            clips = [clip for clip in clips_left(shard, heldout) if clip["frames"] > longest]
            if not clips:
                raise DatasetError(f"{shard.folder}: no clip is longer than {longest} frames; choose fewer `frames`")
            self.drawn.append((shard, clips, chances(clips, balance=1.0)))

    def _source_frames(self, semitones: float) -> int:
        """Latent frames that give a crop when they are played so much higher."""
        return int(np.ceil(self.hparams.frames * 2.0 ** (semitones / 12.0))) + (semitones != 0)

    def items(self, number: int, wanted: range) -> dict[str, torch.Tensor]:
        """`audio` (batch, frames × 882), `cents` and `voiced` (batch, 2 × frames)."""
        random = np.random.default_rng((self.hparams.seed, number))
        shares = np.array(list(self.hparams.corpora.values()), float)
        frames, items = self.hparams.frames, []
        for item in range(wanted.stop):
            shard, clips, weights = self.drawn[random.choice(len(self.drawn), p=shares / shares.sum())]
            clip = clips[random.choice(len(clips), p=weights)]
            higher = random.uniform(-1, 1) * self.hparams.semitones if random.random() < self.hparams.resampled else 0.0
            source = self._source_frames(higher)
            start = clip["start"] + int(random.integers(0, clip["frames"] - source))
            gain = 10 ** (random.uniform(-6, 3) / 20)
            if item not in wanted:
                continue
            curve = shard.curve(start, source)
            samples, cents, voiced = shard.samples(start, source), curve.cents, curve.voiced
            if higher:
                samples, cents, voiced = played_higher(samples, cents, voiced, higher, frames)
            items.append((samples * gain, cents, voiced))
        audio, cents, voiced = (np.stack(column) for column in zip(*items, strict=True))
        return {
            "audio": torch.from_numpy(audio.astype(np.float32)),
            "cents": torch.from_numpy(cents.astype(np.float32)),
            "voiced": torch.from_numpy(voiced),
        }


def played_higher(
    samples: np.ndarray, cents: np.ndarray, voiced: np.ndarray, semitones: float, frames: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first `frames` latent frames of a sound played faster, pitch and formants higher alike, with its pitch.

    Another singer's voice, to a codec: longer or shorter throats move formants so (Wakita 1977).
    """
    from scipy.signal import resample

    ratio = 2.0 ** (semitones / 12.0)
    # Through the whole spectrum at once: filters that roll off leave the top kilohertz empty, which is then learned. The
    # line from end to end is taken out, since to the spectrum the last sample is followed by the first.
    length = round(len(samples) / ratio)
    first, last = samples[0], samples[-1]
    faster = resample(samples - np.linspace(first, last, len(samples), dtype=np.float32), length)
    faster = (faster + np.linspace(first, last, length, dtype=np.float32))[: frames * LATENT_HOP]
    faster = np.pad(faster, (0, frames * LATENT_HOP - len(faster)))
    at = np.arange(2 * frames) * ratio
    nearest = np.minimum(np.round(at).astype(int), len(voiced) - 1)
    return faster, np.interp(at, np.arange(len(cents)), cents) + 100.0 * semitones, voiced[nearest]


class AcousticBatches(NumberedBatches):
    """Crops of labelled clips: their conditions and the codec's latents.

    features: folder of shards with latents (stage `latents`). corpora: shard name → share of the crops.
    phonemes, speakers: the voice's tables. frames: latent frames a crop, of 20 ms or as the codec has them
    (svs.latents); shorter clips are padded.
    balance: of the speakers of a corpus: at 0 each is drawn as often as there is of them, at 1 all alike.
    accents: shard name → phoneme → another of the table. Of such a corpus the share `accented` of the crops, a number or
    shard name → number, goes by the other symbols, so that a singer of one language learns to sing the sounds of another
    that are nearest to their own, and no symbol tells who sings.
    smoothed: shard name → share of the crops whose measured pitch is smoothed before the network sees it, as smooth as a
    contour made by rule: what trembles as one singer does must not tell who sings either.
    lent: speaker → share of the crops whose vowels go under this name, whoever sang them; only where guidance is folded,
    which learns from what a network says and not from what was sung.
    conditions: what the network knows, of svs.conditioning.CONDITIONS; lyrics, pitch and speaker when None. With
    `timbre` and `text` the shards' annotations are read (svs.annotations); `style` is the manifest's field, one of
    `styles`, and clips without it are of none. Of a description, "soft, breathy", any of the phrases are drawn.
    """

    def __init__(
        self,
        features: str,
        corpora: dict[str, float],
        phonemes: list[str],
        speakers: list[str],
        heldout: list[str] | None = None,
        batch_size: int = 12,
        frames: int = 160,
        balance: float = 0.0,
        accents: dict[str, dict[str, str]] | None = None,
        accented: float | dict[str, float] = 0.4,
        smoothed: dict[str, float] | None = None,
        lent: dict[str, float] | None = None,
        conditions: list[str] | None = None,
        styles: list[str] | None = None,
        text_encoder: str = HASHED,
        seed: int = 0,
    ):
        super().__init__()
        self.save_hyperparameters()
        self.known = frozenset(conditions or GROUPS)
        self.texts = Texts(text_encoder) if "text" in self.known else None
        self.lines: list[list[tuple[Conditions, np.ndarray, str]]] = []
        self.chances: list[np.ndarray] = []

    def setup(self, stage: str | None = None):
        if self.lines:
            return
        if strangers := sorted(set(self.hparams.lent or {}) - set(self.hparams.speakers)):
            raise DatasetError(f"lent: no such speaker {', '.join(strangers)}; the table has {', '.join(self.hparams.speakers)}")
        table = {symbol: row for row, symbol in enumerate(self.hparams.phonemes)}
        first: encoded.Latents | None = None
        for name, shard in zip(self.hparams.corpora, self.shards(), strict=True):
            clips = clips_left(shard, self.hparams.heldout or [], self.hparams.speakers)
            latents, odds = encoded.read(shard), chances(clips, self.hparams.balance)
            first = first or latents
            if not latents.like(first):
                raise DatasetError(
                    f"{shard.folder}: latents of {latents.codec}, scaled otherwise than those of {first.codec} in the "
                    "first corpus; encode all corpora in one run of data_prep.latents"
                )
            numbers = {clip["id"]: number for number, clip in enumerate(shard.clips)}
            accent = (self.hparams.accents or {}).get(name)
            if unknown := sorted({symbol for pair in (accent or {}).items() for symbol in pair} - set(table)):
                raise DatasetError(f"accents of {name}: the table has no phoneme {', '.join(unknown)}")
            tables = [table] if accent is None else [table, table | {a: table[b] for a, b in accent.items()}]
            described = descriptions(shard) if "text" in self.known else {}
            embedded = timbres(shard) if "timbre" in self.known else {}
            manners = {clip["id"]: Manner(embedded.get(clip["id"]), self._style(shard, clip)) for clip in clips}
            self.lines.append([
                (
                    clip_conditions(
                        latents.curve(shard, numbers[clip["id"]]),
                        clip,
                        symbols,
                        self.hparams.speakers,
                        manners[clip["id"]],
                    ),
                    latents.of_clip(numbers[clip["id"]]),
                    described.get(clip["id"], ""),
                )
                for symbols in tables
                for clip in clips
            ])
            share = self.hparams.accented
            share = share.get(name, 0.0) if isinstance(share, dict) else share
            self.chances.append(odds if accent is None else np.concatenate([(1.0 - share) * odds, share * odds]))

    def _style(self, shard: Shard, clip: dict) -> np.ndarray | None:
        return style_weights(shard, clip, self.hparams.styles or []) if "style" in self.known else None

    def importance(self) -> torch.Tensor:
        """By how much each latent changes the sound, (latent_dim,); one codec made the latents of all corpora."""
        return torch.from_numpy(Shard.open(Path(self.hparams.features) / next(iter(self.hparams.corpora))).importance())

    def items(self, number: int, wanted: range) -> tuple[Conditions, torch.Tensor]:
        """Conditions of (batch, frames) and latents (batch, frames, latent_dim)."""
        random = np.random.default_rng((self.hparams.seed, number))
        shares = np.array(list(self.hparams.corpora.values()), float)
        even = [(self.hparams.smoothed or {}).get(name, 0.0) for name in self.hparams.corpora]
        frames, conditions, latents = self.hparams.frames, [], []
        for item in range(wanted.stop):
            corpus = random.choice(len(self.lines), p=shares / shares.sum())
            chosen = random.choice(len(self.lines[corpus]), p=self.chances[corpus])
            line, target, description = self.lines[corpus][chosen]
            start = int(random.integers(0, max(1, line.frames - frames + 1)))
            if self.texts is not None:
                line = replace(line, text=self.texts.drawn(description, random))
            width = random.uniform(*SMOOTHING) if even[corpus] and random.random() < even[corpus] else 0.0
            line = self._under_another_name(line, random)
            if item not in wanted:
                continue
            conditions.append(with_smooth_pitch(line, width).slice(start, start + frames))
            crop = target[start : start + frames].astype(np.float32)
            latents.append(np.pad(crop, ((0, frames - len(crop)), (0, 0))))
        return collate(conditions, frames), torch.from_numpy(np.stack(latents))

    def _under_another_name(self, line: Conditions, random: np.random.Generator) -> Conditions:
        """The line of one of the singers in `lent`, with the chance that it gives each, who borrows its consonants (as of
        svs.voice, where words are of a language that a singer was not recorded in); else as it is."""
        if not self.hparams.lent:
            return line
        names, shares = zip(*self.hparams.lent.items(), strict=True)
        place = int(np.searchsorted(np.cumsum(shares), random.random(), side="right"))
        if place == len(names):
            return line
        name = np.array([speaker == names[place] for speaker in self.hparams.speakers], np.float32)
        table = {symbol: row for row, symbol in enumerate(self.hparams.phonemes)}
        singing = Singing(name, line.speaker[0, 0].numpy())
        return replace(line, speaker=torch.from_numpy(singing.frames(line.phonemes[0].numpy(), table))[None])


def with_smooth_pitch(line: Conditions, width: float) -> Conditions:
    """A line whose pitch has gone through a Gaussian of so many values' deviation; as it is where 0."""
    if not width:
        return line
    from scipy.ndimage import gaussian_filter1d

    cents = gaussian_filter1d(line.cents.flatten().numpy().astype(np.float64), width, mode="nearest")
    return replace(line, cents=torch.from_numpy(cents.astype(np.float32)).reshape(line.cents.shape))


class Texts:
    """Descriptions as vectors, each text encoded once."""

    def __init__(self, encoder: str):
        self.encoder = encoder
        self.vectors: dict[str, torch.Tensor] = {}

    def drawn(self, description: str, random: np.random.Generator) -> torch.Tensor:
        """(1, numbers) of one or more of a description's phrases, which commas part; all 0 where it has none."""
        phrases = [phrase.strip() for phrase in description.split(",") if phrase.strip()]
        if not phrases:
            return torch.zeros_like(self.of("voice"))
        return self.of(", ".join(random.permutation(phrases)[: random.integers(1, len(phrases) + 1)]))

    def of(self, text: str) -> torch.Tensor:
        if text not in self.vectors:
            self.vectors[text] = torch.from_numpy(describe(text, self.encoder))[None]
        return self.vectors[text]


class TimingBatches(NumberedBatches):
    """Consonants of labelled corpora with their surroundings and durations; the arguments are AcousticBatches'."""

    def __init__(
        self,
        features: str,
        corpora: list[str],
        phonemes: list[str],
        speakers: list[str],
        heldout: list[str] | None = None,
        batch_size: int = 512,
        seed: int = 0,
    ):
        super().__init__()
        self.save_hyperparameters()
        self.columns: tuple[torch.Tensor, ...] = ()

    def setup(self, stage: str | None = None):
        if self.columns:
            return
        phones, speakers, numbers, seconds = [], [], [], []
        for shard in self.shards():
            for clip in clips_left(shard, self.hparams.heldout or [], self.hparams.speakers):
                consonants, lengths = observed(clip_spans(clip))
                rows, values = features(consonants, (*self.hparams.phonemes, "<other>"))
                phones.append(rows)
                numbers.append(values)
                seconds.append(lengths)
                speakers.append(np.full(len(lengths), self.hparams.speakers.index(clip["speaker"])))
        self.columns = (
            torch.from_numpy(np.concatenate(phones)),
            torch.from_numpy(np.concatenate(speakers)),
            torch.from_numpy(np.concatenate(numbers)),
            torch.from_numpy(np.log(np.concatenate(seconds).clip(0.01)).astype(np.float32)),
        )

    def items(self, number: int, wanted: range) -> tuple[torch.Tensor, ...]:
        """Rows (batch, 3), speakers (batch,), numbers (batch, NUMBERS), log seconds (batch,)."""
        random = np.random.default_rng((self.hparams.seed, number))
        chosen = torch.from_numpy(random.integers(0, len(self.columns[0]), wanted.stop)[wanted.start :])
        return tuple(column[chosen] for column in self.columns)


def chances(clips: list[dict], balance: float) -> np.ndarray:
    """How likely each clip is drawn, (clips,): by its length, and its speaker by all there is of them ** (1 − balance)."""
    lengths = np.array([clip["frames"] for clip in clips], float)
    speakers = np.array([clip["speaker"] for clip in clips])
    whole = {speaker: lengths[speakers == speaker].sum() for speaker in set(speakers)}
    weights = lengths / np.array([whole[speaker] for speaker in speakers]) ** balance
    return weights / weights.sum()


def clips_left(shard: Shard, heldout: list[str], speakers: list[str] | None = None) -> list[dict]:
    """Clips of a shard that are not held out; with `speakers`, those that have phones.

    Raises DatasetError when none is left, or one is sung by nobody known.
    """
    clips = [clip for clip in shard.clips if not kept_out(clip, heldout)]
    if not clips:
        raise DatasetError(f"{shard.folder}: no clip is left to train on; all are held out")
    if speakers is not None:
        clips = [clip for clip in clips if "phones" in clip]
        if not clips:
            raise DatasetError(f"{shard.folder}: no clip has phones; this corpus can train a codec only")
    for clip in clips:
        if speakers is not None and clip["speaker"] not in speakers:
            raise DatasetError(
                f"{shard.folder}: {clip['id']} is sung by {clip['speaker']!r}; speakers names {', '.join(speakers)}"
            )
    return clips


def clip_spans(clip: dict) -> list[PhonemeSpan]:
    """The phones of a labelled clip."""
    return [PhonemeSpan(p["symbol"], p["start"], p["end"], p["note"]) for p in clip["phones"]]


def style_weights(shard: Shard, clip: dict, styles: list[str]) -> np.ndarray:
    """(styles,) one-hot, all 0 of a clip that names none. Raises DatasetError for a style not in the table."""
    style = clip.get("style")
    if style is not None and style not in styles:
        named = ", ".join(styles) or "none"
        raise DatasetError(f"{shard.folder}: {clip['id']} is sung in the style {style!r}; styles names {named}")
    return np.array([name == style for name in styles], np.float32)


def clip_conditions(
    curve: PitchCurve, clip: dict, phonemes: dict[str, int], speakers: list[str], manner: Manner | None = None
) -> Conditions:
    """Conditions of a labelled clip: its phones as aligned, its pitch as measured, two values to a latent frame."""
    stress = [p.get("stress") for p in clip["phones"]]
    one_hot = np.eye(len(speakers))[speakers.index(clip["speaker"])]
    return frame_conditions(clip_spans(clip), stress, curve, phonemes, Singing(one_hot), manner)
