"""What mkdocs does besides: a page of the Python reference for every module, and commands' own help on other pages.

A line `<!-- help: svs sing -->` is replaced by what `svs sing --help` prints.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("svs", "data_prep")
HELP = re.compile(r"^<!-- help: (.+) -->$", re.MULTILINE)


def modules() -> dict[str, list[str]]:
    """Package → its modules' dotted names, those of packages inside it after its own."""
    return {package: sorted(_names(ROOT / package), key=lambda name: (name.count("."), name)) for package in PACKAGES}


def _names(folder: Path) -> list[str]:
    found = []
    for path in folder.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] == "__main__" or (parts[-1] == "__init__" and not path.stat().st_size):
            continue
        found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


def on_config(config):
    """Enter the reference into the navigation."""
    pages = {package: [{name: f"reference/{name}.md"} for name in names] for package, names in modules().items()}
    others = [entry for entry in config.nav if "Python" not in entry]
    config.nav = [*others, {"Python": [{package: pages[package]} for package in pages]}]
    return config


def on_files(files, config):
    """Make the reference's pages, each the docstrings of one module."""
    for names in modules().values():
        for name in names:
            files.append(File.generated(config, f"reference/{name}.md", content=f"::: {name}\n"))
    return files


def on_page_markdown(markdown, page, config, files):
    """Put commands' help in its place."""
    return HELP.sub(lambda found: f"```text\n$ {found[1]} --help\n{shown_help(found[1])}\n```", markdown)


@cache
def shown_help(command: str) -> str:
    """What a command of ours prints when asked for help."""
    words = [*shlex.split(command), "--help"]
    if words[0] == "svs":
        words = [sys.executable, "-m", *words]
    elif words[0] == "python":
        words[0] = sys.executable
    environment = {**os.environ, "COLUMNS": "110", "TERM": "dumb", "NO_COLOR": "1"}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=300)
    return done.stdout.strip()
