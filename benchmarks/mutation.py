"""Mutation checks: whether the tests notice when pitch, timing or evaluation are computed a little wrong.

  python -m benchmarks.mutation               the chosen functions; --only NAME one of them; --each N mutants of each

A mutant changes one thing in a function: a constant, an operator, a comparison, an `and`, a `not`. In a copy of the
package its tests run until one fails, which kills the mutant; they must pass without it. Those that survive are printed
with their line.
"""

from __future__ import annotations

import ast
import copy
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from benchmarks.common import ROOT, parser, print_table, say

TARGETS = {  # function → tests that ought to notice
    "svs/stretches.py:phases": "tests/test_sing.py -k pulses",
    "svs/codec/arrays.py:_steps": "tests/test_sing.py tests/test_codec.py -k pulses",
    "svs/tuning.py:Tuning._place": "tests/test_tuning.py",
    "svs/tuning.py:Scale.nearest": "tests/test_tuning.py",
    "svs/units.py:cents_to_hz": "tests/test_pitch.py tests/test_f0.py",
    "svs/pitch.py:_written": "tests/test_pitch.py tests/test_articulation.py",
    "svs/hand.py:follow": "tests/test_hand.py",
    "svs/timing.py:place": "tests/test_timing.py",
    "svs/timing.py:delay": "tests/test_timing.py",
    "svs/timing.py:_squeeze": "tests/test_timing.py",
    "svs/score.py:_shares": "tests/test_score.py",
    "svs/score.py:_outside": "tests/test_score.py tests/test_fuzz.py",
    "svs/evaluation/pitch.py:frame_errors": "tests/test_evaluation.py",
    "svs/evaluation/pitch.py:note_error": "tests/test_evaluation.py",
    "svs/evaluation/pitch.py:frames_inside": "tests/test_evaluation.py",
    "svs/evaluation/pitch.py:onset_error": "tests/test_evaluation.py",
    "svs/evaluation/pitch.py:tuning_offset": "tests/test_evaluation.py",
    "svs/evaluation/alignment.py:beat_errors": "tests/test_alignment.py tests/test_evaluation.py",
}
COPIED = ("svs", "tests", "benchmarks", "data_prep")
LIBRARIES = ("pytest", "numpy", "scipy.signal", "torch", "soundfile", "parselmouth", "matplotlib.pyplot", "yaml", "rich.table")
CPU_SECONDS = 300  # that the tests of one mutant may take; the longest need a tenth
SWAPS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.And: ast.Or, ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.In: ast.NotIn,
    ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


def main(arguments=None):
    options = parser(__doc__)
    options.add_argument("--only", help="part of a function's name")
    options.add_argument("--each", type=int, default=8, help="mutants of each function at most, drawn by --seed")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--seconds", type=float, default=3600.0, help="stop after this long")
    options = options.parse_args(arguments)
    rows, survivors, began, whole = [], [], time.monotonic(), set()
    _load_libraries()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        for name in (*COPIED, "assets", "recipes", "pyproject.toml"):
            (shutil.copytree if (ROOT / name).is_dir() else _copy)(ROOT / name, tree / name)
        for target, tests in TARGETS.items():
            if (options.only and options.only not in target) or time.monotonic() - began > options.seconds:
                continue
            if tests not in whole and _noticed(tree, tests, mutated=False):
                raise SystemExit(f"{tests}: fail without a mutant: {(tree / 'said').read_text()[-500:]}")
            whole.add(tests)
            file, function = target.split(":")
            source = (ROOT / file).read_text(encoding="utf-8")
            found = mutants(source, function)
            chosen = random.Random(options.seed).sample(found, min(options.each, len(found)))
            killed = 0
            for told, mutated in chosen:
                (tree / file).write_text(mutated, encoding="utf-8")
                if _noticed(tree, tests, mutated=True):
                    killed += 1
                else:
                    survivors.append(f"{target} {told}")
                    say(f"survived: {survivors[-1]}")
            (tree / file).write_text(source, encoding="utf-8")
            rows.append([target, len(found), len(chosen), killed])
    print_table(["function", "mutants there are", "tried", "killed"], rows)
    print("\n".join(["", f"{len(survivors)} survived", *survivors]))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _noticed(tree: Path, tests: str, mutated: bool) -> bool:
    """Whether a test fails: 1 of pytest. Raises SystemExit where they cannot run.

    They run in a fork of this process, which has loaded the libraries already: half of a mutant's time is saved.
    """
    child = os.fork()
    if not child:
        try:
            os._exit(_run(tree, tests, mutated))
        finally:
            os._exit(70)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return True  # by never ending
    if code not in (0, 1):
        raise SystemExit(f"{tests}: the tests cannot run ({code}): {(tree / 'said').read_text()[-500:]}")
    return code == 1


def _run(tree: Path, tests: str, mutated: bool) -> int:
    """The status of pytest on the tests of a tree, with the package as it is there."""
    import pytest

    # of the processor, not of the clock: beside other work tests that pass may take long
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    said = os.open(tree / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    for name in [name for name in sys.modules if name.partition(".")[0] in COPIED]:
        del sys.modules[name]
    os.chdir(tree)
    sys.dont_write_bytecode = mutated  # of two mutants in one second one would be taken for the other
    sys.path[:0] = [str(tree)]
    os.environ["PYTHONPATH"] = str(tree)  # of processes that tests begin
    return int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *tests.split()]))


def _load_libraries() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in LIBRARIES:
        with suppress(ImportError):
            import_module(name)


def mutants(source: str, function: str) -> list[tuple[str, str]]:
    """[(line and what was changed, the whole source with it)] of a function such as "Class.name"."""
    tree = ast.parse(source)
    made = []
    count = sum(1 for _ in _places(_function(tree, function)))
    for number in range(count):
        changed = copy.deepcopy(tree)
        node, change = list(_places(_function(changed, function)))[number]
        before = ast.unparse(node)
        change()
        after = ast.unparse(node)
        if before != after:
            made.append((f"line {node.lineno}: {before} → {after}", ast.unparse(changed)))
    return made


def _function(tree: ast.AST, name: str) -> ast.AST:
    for part in name.split("."):
        tree = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name == part)
    return tree


def _places(function: ast.AST):
    """(node, what changes it) of everything in a function that can be mutated, in a fixed order."""
    messages = [node for node in ast.walk(function) if isinstance(node, ast.JoinedStr | ast.Raise)]
    told = {id(part) for node in messages for part in ast.walk(node)}
    body = (node for statement in function.body for node in ast.walk(statement) if id(node) not in told)
    for node in body:
        if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in SWAPS:
            yield node, lambda node=node: setattr(node, "op", SWAPS[type(node.op)]())
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
            yield node, lambda node=node: node.ops.__setitem__(0, SWAPS[type(node.ops[0])]())
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Invert):
            yield node, lambda node=node: setattr(node, "op", ast.UAdd())
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield node, lambda node=node: setattr(node, "value", node.value * 1.5 + 1 if node.value else 1)


if __name__ == "__main__":
    main()
