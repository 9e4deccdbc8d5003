"""A module imports only from modules earlier in the flow, and the command line wakes none of the heavy ones."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "svs"
FLOW = [
    *("mistakes", "files"),
    *("units", "audio", "tape", "provenance", "processes"),
    *("inventory", "g2p", "written", "language", "repeats", "tempo", "musicxml", "midi", "ultrastar"),
    *("ustx", "projects", "foreign", "score", "check", "phonemes", "tuning", "articulation", "phrasing", "timing", "pitch"),
    *("dynamics", "expression", "hand", "f0", "speaker", "description", "guidance", "layers", "flow", "objectives", "samplers"),
    *("frames", "conditioning", "conditioner", "attention", "injection", "backbone", "dit", "unet", "joint"),
    *("networks", "codec", "voice", "manner", "cache", "rendering", "onnx_runner", "sing", "export"),
    *("evaluation", "evaluator", "dataset", "annotations", "codecs", "latents", "batches", "checkpoints", "training"),
    *("timbre", "card", "release", "songs", "cli"),
]


def imported(module: Path) -> set[str]:
    """Top-level names below svs that a module imports, at its top or inside functions."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            path = node.module.split(".")
            names |= (
                {alias.name for alias in node.names} if path == ["svs"] else {path[1]} if path[0] == "svs" else set()
            )
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("svs.")}
    return names


@cache
def graph() -> dict[str, set[str]]:
    """Every module or subpackage of svs and what it imports of svs."""
    edges: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        place = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if place not in ("__init__", "__main__"):
            edges.setdefault(place, set()).update(imported(path) - {place})
    return edges


@pytest.mark.parametrize("module", FLOW)
def test_a_module_imports_only_from_earlier_in_the_flow(module):
    later = set(FLOW[FLOW.index(module) + 1 :]) & graph().get(module, set())
    assert not later, f"svs.{module} imports from later in the flow: {', '.join(sorted(later))}"


def test_no_module_imports_itself_by_a_detour():
    try:
        tuple(TopologicalSorter(graph()).static_order())
    except CycleError as error:
        pytest.fail(f"modules import each other: {' → '.join(error.args[1])}")


def test_flow_matching_knows_nothing_of_singing():
    assert graph().get("flow", set()) == set()
    assert graph()["objectives"] | graph()["samplers"] <= {"flow", "objectives"}


def test_metrics_do_not_load_files():
    for path in (PACKAGE / "evaluation").glob("*.py"):
        assert "Audio.read(" not in path.read_text(encoding="utf-8"), path.name


def test_the_command_line_wakes_none_of_the_heavy_modules():
    heavy = {"torch", "lightning", "music21", "librosa", "numpy", "scipy", "rich.table", "g2p_en"}
    code = "import svs, svs.cli, sys; print(*sys.modules)"
    woken = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & set(woken)
