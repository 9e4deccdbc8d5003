"""What made a file: version, git revision and packages, kept in provenance.json beside each checkpoint."""

from __future__ import annotations

import json
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

from svs.audio import write_text

PROVENANCE, CONFIG = "provenance.json", "config.yaml"
UNKNOWN = "unknown"
ROOT = Path(__file__).resolve().parent.parent


def revision(folder: Path = ROOT) -> str:
    """The git revision of a source tree, with " and changes" where tracked files differ; UNKNOWN outside of one."""
    try:
        # an installed copy may lie in somebody else's repository, which does not track it
        _git(folder, "ls-files", "--error-unmatch", "svs/provenance.py")
        commit = _git(folder, "rev-parse", "HEAD").strip()
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no").strip()
        return commit + (" and changes" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def packages() -> dict[str, str]:
    """Name and version of each package that svs depends on and that is installed."""
    found = {}
    for requirement in metadata.requires("svs") or () if _installed("svs") else _wanted():
        name = re.split(r"[\s\[<>=!~;(]", requirement, maxsplit=1)[0]
        if "extra ==" not in requirement and (version := _installed(name)):
            found[name] = version
    return dict(sorted(found.items()))


def _wanted() -> list[str]:
    """The requirements in pyproject.toml, for a source tree that is used without being installed."""
    import tomllib

    path = ROOT / "pyproject.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))["project"]["dependencies"] if path.is_file() else []


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def provenance() -> dict:
    """`svs`, `revision`, `python` and `packages`, as they are now."""
    return {
        "svs": _installed("svs") or UNKNOWN,
        "revision": revision(),
        "python": platform.python_version(),
        "packages": packages(),
    }


def record(folder, from_batch: int = 0) -> None:
    """Write <folder>/provenance.json: a list of what made the batches from `from_batch` on.

    What made those before stands before it; a run that goes on as it was adds nothing.
    """
    path = Path(folder) / PROVENANCE
    made = [entry for entry in recorded(folder) if entry["from_batch"] < from_batch]
    now = provenance()
    if not made or {**made[-1], "from_batch": 0} != {**now, "from_batch": 0}:
        made.append({"from_batch": from_batch, **now})
    text = json.dumps(made, ensure_ascii=False, indent=1) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)


def recorded(folder) -> list[dict]:
    """What <folder>/provenance.json holds, the earliest batches first; empty where there is none that can be read."""
    try:
        made = json.loads((Path(folder) / PROVENANCE).read_text(encoding="utf-8"))
        return [{"from_batch": int(entry["from_batch"]), **entry} for entry in made]
    except (OSError, ValueError, KeyError, TypeError):
        return []
