"""Figures for words: pronunciations, heteronyms in their sentences, syllables as engraved, words split in spelling."""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter, defaultdict
from pathlib import Path

from benchmarks.conformance import Figure
from svs import g2p
from svs.g2p import Context
from svs.g2p.syllables import split
from svs.phonemes import PHONES, nuclei, strip_stress

WORD = re.compile(r"[\w’'·-]*[^\W\d_][\w’'·-]*")


def dictionary(folder: Path) -> list[Figure]:
    english = g2p.load("en")
    figure = Figure(folder.name, "words as in the dictionary", 100)
    for row in (folder / "cmudict.dict").read_text(encoding="utf-8").splitlines():
        word, phones = row.split(" #")[0].split(" ", 1)
        if not re.search(r"\(\d\)$", word):
            figure.count(" ".join(english.phones(word)) == phones.strip(), word)
    return [figure]


def sentences(folder: Path):
    """(word, sense, Context) of every example."""
    for path in sorted(folder.glob("*/*.tsv")):
        with open(path, encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                before = row["sentence"].encode()[: int(row["start"])].decode()
                words = tuple(row["sentence"].split())
                index = len(before.split()) - bool(before and not before[-1].isspace())
                yield row["homograph"], row["wordid"], Context(words, index)


def heteronyms(folder: Path) -> list[Figure]:
    """Which sense of a homograph the phones mean: of each word that by which all its transcriptions are nearest together."""
    english = g2p.load("en")
    senses: dict[str, dict[str, str]] = {}
    with open(folder / "wordids.tsv", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            senses.setdefault(row["homograph"], {})[row["wordid"]] = plain_ipa(row["pronunciation"])
    said: dict[str, Counter] = defaultdict(Counter)  # word → (sense, phones)
    overall = Figure(folder.name, "heteronyms in the sentences they were learned from", 92)
    right: Counter = Counter()
    total: Counter = Counter()
    for word, sense, context in sentences(folder):
        said[word][sense, english.phones(word, context)] += 1
    for word, found in said.items():
        meant = _meant(senses[word], sorted({phones for _, phones in found}))
        for (sense, phones), count in found.items():
            good = meant[phones] == sense
            overall.count(good, weight=count)
            right[word, sense] += good * count
            total[word, sense] += count
    by_word = defaultdict(list)
    for (word, sense), count in total.items():
        by_word[word].append(right[word, sense] / count)
    macro = Figure(folder.name, "the same, macro over the senses of each word", 85)
    for word, shares in sorted(by_word.items()):
        share = sum(shares) / len(shares)
        macro.right += share
        macro.total += 1
        if share < 0.85:
            macro.failing.append(f"{word}: {100 * share:.0f} %")
    return [overall, macro]


def _meant(senses: dict[str, str], pronunciations) -> dict[tuple[str, ...], str]:
    """Pronunciation → its sense: no sense twice where there are enough, and the fewest edits in all."""
    away = {phones: {sense: edits(ipa, as_ipa(phones)) for sense, ipa in senses.items()} for phones in pronunciations}
    if len(pronunciations) > len(senses):
        return {phones: min(each, key=lambda sense: each[sense]) for phones, each in away.items()}
    choices = itertools.permutations(senses, len(pronunciations))
    best = min(choices, key=lambda chosen: sum(away[phones][sense] for phones, sense in zip(pronunciations, chosen, strict=True)))
    return dict(zip(pronunciations, best, strict=True))


def as_ipa(phones) -> str:
    vowels = {"AH0": "ə", "ER0": "əɹ", "ER1": "'əɹ", "ER2": "əɹ"}
    return plain_ipa("".join(vowels.get(p) or "'" * p.endswith("1") + PHONES[strip_stress(p)].ipa for p in phones))


def plain_ipa(ipa: str) -> str:
    """Without length, secondary stress and dialect; the stress mark directly before its vowel."""
    ipa = re.sub("[ːˌ0-9]", "", ipa).translate(str.maketrans("ʌɪʊɔ", "əiuɑ"))
    for old, new in {"ɚ": "əɹ", "ɝ": "əɹ", "ʤ": "dʒ", "ʧ": "tʃ"}.items():
        ipa = ipa.replace(old, new)
    return re.sub("'([^aeiouəɑæɛ]*)", r"\1'", ipa)


def edits(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def sung_words(folder: Path):
    """Words of hyphenated lyrics, split at their dots and hyphens."""
    for path in sorted(folder.glob("[0-9]*.txt")):
        for row in path.read_text(encoding="utf-8").splitlines()[1:]:
            for word in WORD.findall(row):
                yield [piece for piece in re.split("[·-]", word.strip("-·")) if piece]


def sacred_harp(folder: Path) -> list[Figure]:
    english = g2p.load("en")
    counts = Figure(folder.name, "syllable counts as engraved, of all pronunciations")
    first = Figure(folder.name, "syllable counts as engraved, of the likeliest")
    seen: set[str] = set()
    for pieces in sung_words(folder):
        word = "".join(pieces)
        found = [len(nuclei(phones)) for phones in english.pronunciations(word)]
        counts.count(len(pieces) in found, word if word not in seen else "")
        first.count(len(pieces) == found[0])
        seen.add(word)
    return [counts, first, *splits(folder)]


def splits(folder: Path) -> list[Figure]:
    """Spelling split as engraved: every word of the text, and every different word of two syllables or more."""
    tokens = Figure(folder.name, "words split exactly", 95)
    types = Figure(folder.name, "different words split exactly")
    longer = Figure(folder.name, "different words of more syllables than one split exactly")
    seen = set()
    for pieces in sung_words(folder):
        word = "".join(pieces)
        mine = split(word)
        key = word.casefold()
        new = (key, len(pieces)) not in seen
        tokens.count(mine == pieces)
        if new:
            seen.add((key, len(pieces)))
            types.count(mine == pieces, f"{'·'.join(mine)} for {'·'.join(pieces)}")
            if len(pieces) > 1:
                longer.count(mine == pieces)
    return [tokens, types, longer]


def hard_words(folder: Path) -> list[Figure]:
    english = g2p.load("en")
    any_of = Figure(folder.name, "syllable counts as engraved, of all pronunciations", 97)
    first = Figure(folder.name, "syllable counts as engraved, of the likeliest")
    unknown = Figure(folder.name, "words not in CMUdict: syllable counts as engraved")
    with open(folder / "lieder_en_syllables.tsv", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            found = [len(nuclei(phones)) for phones in english.pronunciations(row["word"])]
            wanted = int(row["n"])
            any_of.count(wanted in found, f"{row['word']}: {found}, engraved {wanted}")
            first.count(wanted == found[0])
            if row["status"] == "oov":
                unknown.count(wanted in found)
    spoken = Figure(folder.name, "words not in CMUdict that have a pronunciation")
    with open(folder / "oov_in_cmudict.tsv", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            try:
                spoken.count(bool(english.phones(row["word"])))
            except ValueError as error:
                spoken.count(False, f"{row['word']}: {error}")
    return [any_of, first, unknown, spoken]


def moby(folder: Path) -> list[Figure]:
    """Words as a book's hyphenator splits them, every twentieth of two syllables or more; singers split at sounds."""
    english = g2p.load("en")
    exact = Figure(folder.name, "words split as hyphenated in print (every twentieth)")
    counts = Figure(folder.name, "their syllable counts, of all pronunciations")
    rows = (folder / "mhyph.txt").read_text(encoding="latin-1").splitlines()
    words = [row.split("\xa5") for row in rows if re.fullmatch(r"[a-z\xa5]+", row) and "\xa5" in row]
    for pieces in words[::20]:
        exact.count(split("".join(pieces)) == pieces)
        counts.count(len(pieces) in {len(nuclei(phones)) for phones in english.pronunciations("".join(pieces))})
    return [exact, counts]


LANGUAGES = {"English": "en", "French": "fr", "German": "de", "Spanish": "es"}


def jamendo(folder: Path) -> list[Figure]:
    """Words of pop songs in four languages: whether they have a pronunciation, and whether a dictionary had it."""
    figures = []
    for name, code in LANGUAGES.items():
        language = g2p.load(code)
        figure = Figure(folder.name, f"{name} words that have a pronunciation")
        known = Figure(folder.name, f"{name} words in CMUdict or the lexicon")
        for path in sorted((folder / name / "lyrics").glob("*.words.txt")):
            for word in path.read_text(encoding="utf-8").split():
                try:
                    figure.count(bool(language.phones(word)), word)
                except ValueError as error:
                    figure.count(False, f"{word}: {error}")
                if code == "en":
                    known.count(bool(language.known(word)), word)
        figures += [figure, known] if known.total else [figure]
    return figures


FOLDERS = {"30": dictionary, "31": heteronyms, "32": sacred_harp, "33": moby, "34": jamendo, "36": hard_words}
