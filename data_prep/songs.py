"""What the teachers sing: phrases with words, notes and phonemes.

Four sources, each a list of `Phrase`s whose melodies are made again, with another seed, for every take:
- `lieder`: English songs of the OpenScore Lieder corpus (CC0, https://github.com/OpenScore/Lieder), as note lists,
  or `scores`: any folder of MusicXML;
- `texts`:  public-domain lyrics (songs.txt) set to generated tonal melodies;
- `drills`: syllables that join every consonant with every vowel, so that rare phones and diphones are sung too;
- `patter`: the same, eight to thirteen a second.
Songs of heldout.txt are refused: they measure the voice.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from svs.g2p import Context, Pronouncer
from svs.phonemes import nuclei, pronounce
from svs.score import Note, Part, ScoreError

HERE = Path(__file__).parent
SHORTEST, LONGEST = 2.0, 9.0  # seconds of a phrase
NOT_ENGLISH = ("Nun_will_die_Sonn", "Juni", "Lusty_Juventus", "gostly_fader", "Marion_or_Will")


@dataclass(frozen=True)
class Phrase:
    """Something to sing in one breath or two.

    name:  unique and stable: song, verse, place in the song.
    words: what a listener should understand; None where that is nonsense.
    notes: pronounced, from 0 s, at a melody's own height (to be transposed).
    """

    name: str
    song: str
    words: str | None
    notes: tuple[Note, ...]

    @property
    def seconds(self) -> float:
        return self.notes[-1].end


# Held out --------------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """Lower case, letters and apostrophes only, single spaces."""
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower().replace("’", "'")).split())


def read_heldout(path=HERE / "heldout.txt") -> list[tuple[str, tuple[str, ...]]]:
    """(title, betraying words) of every held-out song, normalised by `plain`."""
    found = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            title, _, words = line.partition("|")
            found.append((plain(title), tuple(plain(part) for part in words.split(";") if part.strip())))
    return found


def is_heldout(title: str, words: str, heldout: Sequence[tuple[str, tuple[str, ...]]]) -> bool:
    """Whether the title or the words are those of a held-out song."""
    title, words = plain(title.replace("_", " ")), f" {plain(words)} "
    return any(held in title or any(f" {part} " in words for part in parts) for held, parts in heldout)


# Real songs ------------------------------------------------------------------------------------------------------


def lieder(path, g2p: Pronouncer, rng_of, take: int) -> Iterable[Phrase]:
    """Phrases of the English songs in a file of note lists (one part a line: file, part, notes in quarters).

    rng_of: name → numpy Generator. The tempo of a song is drawn anew for each take.
    """
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        part = json.loads(line)
        title = Path(part["file"]).stem.split("__lc")[0]
        if not part["file"].startswith("en/") or any(name in title for name in NOT_ENGLISH):
            continue
        for verse in sorted({verse for note in part["notes"] for verse, _, _ in note[3]}):
            name = f"{title}.{part['part']}.v{verse}"
            rng = rng_of(f"{name}.{take}")
            yield from _phrases_of(name, title, _verse_notes(part["notes"], verse, rng), g2p)


def scores(folder, g2p: Pronouncer, rng_of, take: int) -> Iterable[Phrase]:
    """Phrases of every MusicXML file in a folder, such as a checkout of OpenScore Lieder; files that fail are skipped."""
    for path in sorted(p for p in Path(folder).rglob("*") if p.suffix in (".mxl", ".musicxml", ".xml")):
        title = path.stem.split("__lc")[0]
        if any(name in title for name in NOT_ENGLISH):
            continue
        try:
            parts = _read_parts(path)
        except ScoreError:
            continue
        for number, part in enumerate(parts):
            name = f"{title}.{number}"
            sung = [note.duration for note in part.notes if note.lyric]
            if not sung:
                continue
            pace = float(rng_of(f"{name}.{take}").uniform(0.28, 0.44)) / float(np.median(sung))
            notes = [replace(n, onset=n.onset * pace, duration=min(n.duration * pace, 2.4)) for n in part.notes]
            runs: list[list[Note]] = [[]]
            for note in notes:
                if runs[-1] and note.onset - runs[-1][-1].end > 1.0:
                    runs.append([])
                runs[-1].append(note)
            yield from _phrases_of(name, title, runs, g2p)


@functools.cache
def _read_parts(path: Path) -> tuple[Part, ...]:
    from svs.score import read_score

    return read_score(path, language="en").parts


def _verse_notes(rows, verse: str, rng) -> list[list[Note]]:
    """Runs of notes that the verse sings without a break in its words, in seconds at a brisk tempo."""
    sung = [row[1] for row in rows if any(v == verse for v, _, _ in row[3])]
    quarter = float(rng.uniform(0.28, 0.44)) / max(float(np.median(sung)), 0.25)
    runs: list[list[Note]] = [[]]
    end = None
    for onset, quarters, midi, lyrics in rows:
        own = [(text, syllabic) for v, text, syllabic in lyrics if v == verse]
        run = runs[-1]
        joined = end is not None and onset - end < 0.01
        if not own and (lyrics or not run or not joined):
            if run:
                runs.append([])
            continue
        rest = 0.0 if end is None else min(max(onset - end, 0.0) * quarter, 1.0)
        start = run[-1].end + rest if run else 0.0
        seconds = float(np.clip(quarters * quarter, 0.11, 2.4))
        if own:
            text, syllabic = own[0]
            text = re.sub(r"^[\d.\s*-]+|[*_]", "", text).strip()
            if not re.search("[A-Za-z]", text):
                runs.append([])
                continue
            run.append(Note(start, seconds, 100.0 * midi, text, syllabic))
        else:
            run.append(Note(start, seconds, 100.0 * midi, None, melisma=True, slurred=True))
        end = onset + quarters
    return [run for run in runs if run]


def _phrases_of(name: str, song: str, runs: list[list[Note]], g2p: Pronouncer) -> Iterable[Phrase]:
    count = 0
    for run in runs:
        for notes in split(run):
            words = join_words(notes)
            try:
                part = pronounce(Part(song, "en", rebase(notes)), g2p)
            except (ScoreError, ValueError):
                continue
            yield Phrase(f"{name}.{count:03d}", song, words, part.notes)
            count += 1


def split(notes: Sequence[Note]) -> list[list[Note]]:
    """Cut a line into phrases of SHORTEST to LONGEST seconds, at rests, else at punctuation, else between words."""
    phrases, current = [], []
    for index, note in enumerate(notes):
        current.append(note)
        following = notes[index + 1] if index + 1 < len(notes) else None
        if following is None:
            break
        seconds = note.end - current[0].onset
        at_word = following.lyric is not None and following.syllabic in ("single", "begin")
        rest = following.onset - note.end
        lyric = next(other.lyric for other in reversed(current) if other.lyric) if any(o.lyric for o in current) else ""
        stop = re.search(r"[.,;:!?]$", lyric) is not None
        enough = seconds > (2.2 if rest > 0.15 else 3.5 if stop else 6.5)
        if at_word and enough:
            phrases.append(current)
            current = []
    phrases.append(current)
    if len(phrases) > 1 and (last := phrases[-1]):
        end = last[-1].end
        if end - phrases[-2][0].onset <= LONGEST and end - last[0].onset < SHORTEST:
            phrases[-2:] = [phrases[-2] + last]
    return [phrase for phrase in phrases if phrase and SHORTEST <= phrase[-1].end - phrase[0].onset <= LONGEST]


def rebase(notes: Sequence[Note]) -> tuple[Note, ...]:
    """The same notes with the first at 0 s."""
    start = notes[0].onset
    return tuple(replace(note, onset=note.onset - start) for note in notes)


def join_words(notes: Sequence[Note]) -> str:
    """The words of a phrase as text."""
    text = ""
    for note in notes:
        if note.lyric:
            text += ("" if note.syllabic in ("middle", "end") else " ") + note.lyric.strip("- ")
    return text.strip()


# Public-domain words to generated melodies -------------------------------------------------------------------------

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "pentatonic": (0, 2, 4, 7, 9),
}


def read_texts(path=HERE / "songs.txt") -> list[tuple[str, list[str]]]:
    """(title, lines) of every text: a title is a line that begins with "# "."""
    texts: list[tuple[str, list[str]]] = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            texts.append((line[2:].strip(), []))
        elif line.strip() and not line.startswith("//"):
            texts[-1][1].append(line.strip())
    return texts


def texts(path, g2p: Pronouncer, rng_of, take: int) -> Iterable[Phrase]:
    """One phrase for each line or two of every text, to a melody of this take."""
    for title, lines in read_texts(path):
        slug = re.sub("[^A-Za-z0-9]+", "_", title).strip("_")
        rng = rng_of(f"{slug}.{take}")
        melody = Melody(rng)
        place = 0
        while place < len(lines):
            words = lines[place].split()
            count = 1
            while place + count < len(lines) and count < 3 and melody.seconds(len(words)) < rng.uniform(2.0, 4.0):
                words = words + lines[place + count].split()
                count += 1
            name = f"{slug}.{place:03d}"
            place += count
            try:
                notes = melody.set(words, g2p)
            except ValueError:
                continue
            yield from _phrases_of(name, title, [hasten(notes)], g2p)


def hasten(notes: Sequence[Note]) -> list[Note]:
    """A phrase that is too long, up to a third faster."""
    pace = float(np.clip(LONGEST / notes[-1].end, 0.67, 1.0))
    return [replace(note, onset=note.onset * pace, duration=note.duration * pace) for note in notes]


class Melody:
    """A singer's tune as it goes on: a walk through a scale in a metre, seeded."""

    def __init__(self, rng):
        self.rng = rng
        self.scale = SCALES[str(rng.choice(list(SCALES), p=[0.45, 0.2, 0.1, 0.1, 0.15]))]
        self.key = int(rng.integers(48, 60))
        self.beat = float(np.exp(rng.uniform(np.log(0.3), np.log(0.62))))  # seconds; 97–200 a minute
        self.values = [(1,), (1, 0.5), (1, 0.5, 0.5), (1.5, 0.5), (0.75, 0.25), (1, 2)][rng.integers(6)]
        self.melisma = float(rng.choice([0.0, 0.05, 0.15]))
        self.degree = int(rng.integers(0, len(self.scale)))

    def seconds(self, words: int) -> float:
        """What so many words will take, roughly."""
        return 1.35 * words * self.beat * float(np.mean(self.values))

    def step(self) -> float:
        """The next note in cents: mostly a step, sometimes a repeat, a third or a leap; it stays within a tenth."""
        move = int(self.rng.choice([-4, -3, -2, -1, 0, 1, 2, 3, 4], p=[0.02, 0.04, 0.1, 0.27, 0.13, 0.27, 0.1, 0.05, 0.02]))
        if not -3 <= self.degree + move <= len(self.scale) + 2:
            move = -move
        self.degree += move
        octave, degree = divmod(self.degree, len(self.scale))
        return 100.0 * (self.key + 12 * octave + self.scale[degree])

    def set(self, words: Sequence[str], g2p: Pronouncer) -> tuple[Note, ...]:
        """Notes for words, one or more a syllable."""
        rng, notes, onset = self.rng, [], 0.0
        bare = tuple(plain(word) for word in words)
        for number, word in enumerate(words):
            phones = g2p.phones(bare[number], Context(bare, number))
            count = len(nuclei(phones))
            syllables = spell(word, count)
            stresses = [phones[place][-1] for place in nuclei(phones)]
            ends_line = number + 1 == len(words) or (word[-1] in ".!?;:," and rng.random() < 0.7)
            for place, text in enumerate(syllables):
                value = float(rng.choice(self.values))
                if stresses[place] == "0" and value > 1:
                    value = 1.0
                if ends_line and place + 1 == count:
                    value = float(rng.choice([1.0, 2.0, 3.0])) * max(self.values)
                seconds = float(np.clip(value * self.beat, 0.12, 1.6))
                syllabic = "single" if count == 1 else "begin" if place == 0 else "end" if place + 1 == count else "middle"
                pieces = 1
                if stresses[place] != "0" and seconds > 0.3 and rng.random() < self.melisma:
                    pieces = int(rng.choice([2, 3]))
                for piece in range(pieces):
                    notes.append(
                        Note(
                            onset,
                            seconds / pieces,
                            self.step(),
                            None if piece else text,
                            "single" if piece else syllabic,
                            melisma=piece > 0,
                            slurred=piece > 0,
                        )
                    )
                    onset += seconds / pieces
            if ends_line and word[-1] in ".!?;:," and rng.random() < 0.5:
                onset += float(rng.uniform(0.12, 0.5))
        return tuple(notes)


def spell(word: str, count: int) -> list[str]:
    """A word's letters in `count` pieces, each beginning before a vowel group where it can: won·der, ev·er·y."""
    starts = [m.start() for m in re.finditer(r"(?:(?<=[^aeiouyAEIOUY])|^)[^aeiouyAEIOUY]?(?=[aeiouyAEIOUY])", word)]
    cuts = sorted({start for start in starts if 0 < start < len(word)})[: count - 1]
    for place in range(1, len(word)):
        if len(cuts) >= count - 1:
            break
        if place not in cuts:
            cuts = sorted([*cuts, place])
    edges = [0, *cuts, len(word)]
    pieces = [word[a:b] for a, b in pairwise(edges)]
    return pieces + ["a"] * (count - len(pieces))


# Drills -----------------------------------------------------------------------------------------------------------

CONSONANTS = "B CH D DH F G HH JH K L M N P R S SH T TH V W Y Z ZH".split()
CODAS = "B CH D DH F G JH K L M N NG P R S SH T TH V Z ZH".split()
VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split()


def drills(rng_of, take: int, count: int = 60) -> Iterable[Phrase]:
    """Nonsense lines of 6 to 11 syllables that walk through all onset–vowel and vowel–coda pairs in random order."""
    rng = rng_of(f"drills.{take}")
    onsets = [(c, v) for c in CONSONANTS for v in VOWELS]
    codas = [(v, c) for c in CODAS for v in VOWELS if not (c == "R" and v in ("ER", "AW", "OY", "AY"))]
    rng.shuffle(onsets)
    rng.shuffle(codas)
    next_coda = {v: [c for w, c in codas if w == v] for v in VOWELS}
    at = 0
    for number in range(count):
        melody, notes, onset = Melody(rng), [], 0.0
        for _ in range(int(rng.integers(6, 12))):
            consonant, vowel = onsets[at % len(onsets)]
            at += 1
            coda = ()
            if rng.random() < 0.55:
                coda = (next_coda[vowel][at % len(next_coda[vowel])],)
            seconds = float(np.clip(melody.beat * rng.choice([1.0, 1.0, 1.5, 2.0]), 0.2, 1.4))
            first = () if rng.random() < 0.1 else (str(consonant),)
            phones = (*first, f"{vowel}1", *coda)
            notes.append(Note(onset, seconds, melody.step(), f"[{' '.join(phones)}]", phonemes=phones))
            onset += seconds
        while notes[-1].end > LONGEST:
            notes.pop()
        yield Phrase(f"drill.{number:03d}", "drill", None, tuple(notes))


def patter(rng_of, take: int, count: int = 60) -> Iterable[Phrase]:
    """Lines of 20 to 32 open syllables as fast as they can be sung, a few repeated in turn, as singers practise them."""
    rng = rng_of(f"patter.{take}")
    for number in range(count):
        melody, seconds = Melody(rng), float(rng.uniform(1 / 13, 1 / 8))
        cycle = [(str(rng.choice(CONSONANTS)), f"{rng.choice(VOWELS)}1") for _ in range(int(rng.integers(2, 7)))]
        held = int(rng.integers(1, 5))  # syllables on one note
        notes: list[Note] = []
        for at in range(int(rng.integers(20, 33))):
            phones = cycle[at % len(cycle)]
            cents = melody.step() if at % held == 0 else notes[-1].cents
            notes.append(Note(at * seconds, seconds, cents, f"[{' '.join(phones)}]", phonemes=phones))
        yield Phrase(f"patter.{number:03d}", "patter", None, tuple(notes))
