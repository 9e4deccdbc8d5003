"""Weights that tell English heteronyms apart, from sentences of Wikipedia.

Corpus: Wikipedia Homograph Data, Gorman, Mazovetskiy and Nikolaev, "Improving homograph disambiguation with machine
learning", LREC 2018, https://github.com/google-research-datasets/WikipediaHomographData, Apache-2.0. DIR holds
wordids.tsv and a folder of .tsv files, one a word.

    python -m data_prep.heteronyms DIR                  five-fold cross-validation, nothing written
    python -m data_prep.heteronyms DIR --write          trained on all, to svs/g2p/english.heteronyms.weights.gz
"""

from __future__ import annotations

import argparse
import csv
import gzip
import random
from collections import Counter, defaultdict
from pathlib import Path

from benchmarks.conformance.lyrics import as_ipa, edits, plain_ipa, sentences
from svs import g2p
from svs.g2p import heteronyms

WEIGHTS = Path(heteronyms.__file__).with_name("english.heteronyms.weights.gz")
# pronunciations that neither the dictionary nor a rule has
MORE = {
    "expose": "EH2 K S P OW0 Z EY1",
    "jesus": "HH EY0 Z UW1 S",
    "mate": "M AA1 T EY0",
    "mobile": "M OW0 B IY1 L",
    "pasty": "P EY1 S T IY0",
    "pigment": "P AH0 G M EH1 N T",
    "rodeo": "R OW0 D EY1 OW0",
    "row": "R AW1",
    "sake": "S AA1 K EY0",
}
SEEN = 2  # times a feature must occur
SMALLEST = 0.05  # of a weight that is kept
RARE = 0.5  # exponent by which the rarer sense of a word counts more


def pronunciations(folder: Path, examples) -> tuple[dict[str, tuple[str, str]], dict[str, dict[str, str]]]:
    """(word → its two pronunciations, word → sense → that of them which is nearest its transcription)."""
    english = g2p.load("en")
    candidates: dict[str, Counter] = defaultdict(Counter)
    for word, _, context in examples:
        if word in heteronyms.pairs():
            candidates[word].update(heteronyms.pairs()[word][1:])
        else:
            candidates[word].update([heteronyms.by_rule(word, context) or " ".join(english.phones(word))])
    meant: dict[str, dict[str, str]] = defaultdict(dict)
    with open(folder / "wordids.tsv", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            word, ipa = row["homograph"], plain_ipa(row["pronunciation"])
            known = [*candidates[word], *([MORE[word]] if word in MORE else [])]
            if known:
                meant[word][row["wordid"]] = min(known, key=lambda phones: edits(ipa, as_ipa(phones.split())))
    options = {}
    for word, senses in meant.items():
        both = heteronyms.pairs()[word][1:] if word in heteronyms.pairs() else tuple(sorted(set(senses.values())))
        if len(set(senses.values())) == 2:
            options[word] = both
    return options, meant


def train(examples, options, meant) -> dict[str, float]:
    """Feature → weight."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    rows = [
        (word, heteronyms.evidence(word, context, options[word]), meant[word][sense] == options[word][1])
        for word, sense, context in examples
        if word in options
    ]
    seen = Counter(name for _, features, _ in rows for name in features)
    column = {name: i for i, name in enumerate(sorted(name for name, count in seen.items() if count >= SEEN))}
    cells = [(i, column[n], v) for i, (_, found, _) in enumerate(rows) for n, v in found.items() if n in column]
    where, what, values = zip(*cells, strict=True)
    matrix = csr_matrix((values, (where, what)), shape=(len(rows), len(column)))
    share = Counter((word, second) for word, _, second in rows)
    total = Counter(word for word, _, _ in rows)
    weight = [(total[word] / 2 / share[word, second]) ** RARE for word, _, second in rows]
    fitted = LogisticRegression(C=3.0, max_iter=500, fit_intercept=False)
    fitted.fit(matrix, [second for _, _, second in rows], sample_weight=weight)
    return {name: float(fitted.coef_[0][i]) for name, i in column.items() if abs(fitted.coef_[0][i]) >= SMALLEST}


def judge(examples, options, meant, weights) -> Counter:
    """(word, sense, right) → how often."""
    english = g2p.load("en")
    counts: Counter = Counter()
    for word, sense, context in examples:
        if word in options:
            found = heteronyms.evidence(word, context, options[word])
            chosen = options[word][sum(weights.get(name, 0.0) * value for name, value in found.items()) > 0]
        else:
            chosen = heteronyms.by_rule(word, context) or " ".join(english.phones(word))
        counts[word, sense, chosen == meant[word][sense]] += 1
    return counts


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args(arguments)
    examples = list(sentences(chosen.folder))
    options, meant = pronunciations(chosen.folder, examples)
    if chosen.write:
        weights = train(examples, options, meant)
        rows = ["\t".join((word, *both)) for word, both in sorted(options.items())]
        rows += [f"{name}\t{value:.3g}" for name, value in sorted(weights.items())]
        WEIGHTS.write_bytes(gzip.compress("\n".join(rows).encode("utf-8"), mtime=0))
        print(f"{len(options)} words, {len(weights)} weights: {WEIGHTS}")
        return
    random.Random(0).shuffle(examples)
    counts: Counter = Counter()
    for fold in range(5):
        held = examples[fold::5]
        rest = [example for i, example in enumerate(examples) if i % 5 != fold]
        counts += judge(held, options, meant, train(rest, options, meant))
    right = sum(count for (_, _, good), count in counts.items() if good)
    by_word: dict[str, list[float]] = defaultdict(list)
    for word, sense in {(word, sense) for word, sense, _ in counts}:
        by_word[word].append(counts[word, sense, True] / (counts[word, sense, True] + counts[word, sense, False]))
    macro = sum(sum(shares) / len(shares) for shares in by_word.values()) / len(by_word)
    print(f"held-out sentences: {100 * right / sum(counts.values()):.2f} % right, macro {100 * macro:.2f} %")


if __name__ == "__main__":
    main()
