"""Train small versions of the acoustic model's choices for an equal budget; tables and figures of what came of it.

    python -m benchmarks.compare --features work/default/features --corpus teacher --minutes 20 --out work/compare

writes OUT/table.md, OUT/table.tex, OUT/curves.{png,pdf} and OUT/steps.{png,pdf}; the runs lie below OUT/runs. The same
command goes on after a stop: what is finished is not trained again. recipes/compare/run.sh calls this.
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

from benchmarks.common import embedding_here
from svs.dataset import DatasetError
from svs.description import DescriptionError
from svs.evaluation.embedding import EMBEDDINGS
from svs.evaluation.embedding import load as load_embedding
from svs.mistakes import Mistake

CHOICES = Path(__file__).resolve().parents[2] / "recipes" / "compare" / "choices.yaml"
STEPS = [2, 4, 8, 16]  # of each sampler


def positive(kind):
    def read(text: str):
        value = kind(text)
        if not value > 0:
            raise ValueError
        return value

    read.__name__ = f"positive {kind.__name__}"
    return read


def parse(arguments: list[str] | None) -> argparse.Namespace:
    options = argparse.ArgumentParser(
        prog="compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--features", type=Path, required=True, help="folder of shards with latents")
    options.add_argument("--corpus", required=True, help="the labelled shard in it")
    options.add_argument("--choices", type=Path, default=CHOICES, help="the rows of the table")
    options.add_argument(
        "--only", nargs="+", metavar="ROW", help="these rows beside the first, by parts of their names"
    )
    budget = options.add_mutually_exclusive_group()
    budget.add_argument("--steps", type=positive(int), help="batches each run may train (default: 2000)")
    budget.add_argument("--minutes", type=positive(float), help="or minutes each run may take, as first batches tell")
    options.add_argument("--seeds", type=positive(int), default=3, help="runs of each row")
    options.add_argument("--heldout", nargs="+", metavar="PART", help="clips whose id contains this are measured")
    options.add_argument("--lines", type=positive(int), default=24, help="held-out lines that are measured, at most")
    options.add_argument(
        "--draws",
        nargs="+",
        type=positive(int),
        default=STEPS,
        metavar="STEPS",
        help="of each sampler (default: 2 4 8 16)",
    )
    options.add_argument("--codec", type=Path, help="codec.safetensors or its checkpoint, to hear what is drawn")
    options.add_argument(
        "--embedding", choices=EMBEDDINGS, help="of the Fréchet audio distance (default: whisper, or else mfcc)"
    )
    options.add_argument(
        "--models", type=Path, help="weights of EnCodec and DAC: DIR/encodec-24, DIR/dac-44 … (else the hub)"
    )
    options.add_argument("--out", type=Path, default=Path("work/compare"))
    return options.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    try:
        compare(options)
    except Mistake as error:
        print(f"compare: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("compare: interrupted; the same command goes on", file=sys.stderr)
        raise SystemExit(130) from None


def compare(options: argparse.Namespace) -> None:
    """Everything from the runs to the tables. Raises Mistake."""
    from benchmarks.compare import figures, tables
    from benchmarks.compare.choices import open_corpus, read_choices
    from benchmarks.compare.copies import copies
    from benchmarks.compare.measures import DRAWN
    from benchmarks.compare.runs import Budget, Run
    from svs import flow

    choices = read_choices(options.choices)
    rows = chosen(choices.rows, options)
    corpus = open_corpus(options.features, options.corpus, options.heldout)
    hearing = hearing_of(options, corpus)
    lines, missing = lines_of(rows, corpus, options.lines, hearing)
    rows = [row for row in rows if row.name in lines]
    budget = Budget(options.steps or (None if options.minutes else 2000), options.minutes)
    if find_spec("diffusers") is None:
        print("compare: without dpm++, which is of pip install 'svs[bench]'", file=sys.stderr)
    steps = sorted({*options.draws, DRAWN[1]})
    results: dict[str, list[dict]] = {row.name: [] for row in rows}
    for seed in range(options.seeds):  # all rows of a seed before the next, so that a stop leaves whole comparisons
        for row in rows:
            samplers = {DRAWN[0]: [DRAWN[1]]}
            if row is rows[0] or row.panel == figures.DRAWN_PANEL:
                names = [*flow.SAMPLERS, *(["ddim"] if row.objective != "velocity" else [])]
                samplers = dict.fromkeys([*names, *(["dpm++"] if find_spec("diffusers") else [])], steps)
            run = Run(row, seed, corpus, choices.batches, options.out)
            result = run.finish(budget, lines[row.name], samplers, hearing)
            results[row.name].append(result)
            error = sum(result["error"].values()) / len(result["error"])
            print(f"{row.name}, seed {seed}: error {error:.4f}", flush=True)
    made = [tables.learned(results, corpus.name, missing)]
    if hearing is not None:
        made.append(tables.sounding(results))
    tables.write(made, options.out)
    figures.curves(rows, results, options.out)
    figures.draws(rows, results, options.out)
    if hearing is not None and choices.codecs:
        found = copies(corpus, hearing, choices.codecs, options.out, options.lines, options.models)
        tables.write([*made, tables.copied(*found)], options.out)
    print(f"{options.out}: table.md, table.tex, curves.png, steps.png")


def chosen(rows: list, options: argparse.Namespace) -> list:
    """The rows that --only names, and the first. Raises CompareError where there is none."""
    from benchmarks.compare.choices import CompareError

    if not options.only:
        return rows
    found = [row for row in rows if row is rows[0] or any(part in row.name for part in options.only)]
    if len(found) == 1:
        raise CompareError(
            f"--only {' '.join(options.only)}: no row of {options.choices} beside the first has that in its name"
        )
    return found


def hearing_of(options: argparse.Namespace, corpus):
    """How latents of a corpus are listened to, a Hearing; None without --codec. Raises CompareError."""
    from benchmarks.compare.choices import CompareError
    from benchmarks.compare.measures import Hearing
    from svs import latents
    from svs.release import codec_of

    if options.codec is None:
        return None
    codec = codec_of(options.codec)
    if (made_by := latents.read(corpus.shard).codec) != "source-filter":
        raise CompareError(
            f"--codec: {corpus.name} has latents of {made_by}; without --codec they are compared unheard"
        )
    if codec.sizes["latent_dim"] != corpus.latent_dim:
        raise CompareError(
            f"{options.codec}: takes latents of {codec.sizes['latent_dim']} numbers, "
            f"{corpus.name} has {corpus.latent_dim}"
        )
    embedding = options.embedding or embedding_here()
    try:
        load_embedding(embedding)
    except ImportError as error:
        raise CompareError(f"--embedding {embedding}: {error}") from None
    return Hearing(codec, embedding)


def lines_of(rows: list, corpus, most: int, hearing) -> tuple[dict[str, list], dict[str, str]]:
    """Row name → its held-out lines, and row name → why it has none: what it knows cannot be had here."""
    from benchmarks.compare.measures import held_out_lines

    lines: dict[str, list] = {}
    missing: dict[str, str] = {}
    for row in rows:
        try:
            lines[row.name] = held_out_lines(corpus, row, most, hearing)
        except (DatasetError, DescriptionError) as error:
            if row is rows[0]:
                raise
            missing[row.name] = str(error)
            print(f"compare: {row.name}: not trained: {error}", file=sys.stderr)
    return lines, missing


if __name__ == "__main__":
    main()
