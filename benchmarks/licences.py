"""The licences of what is installed for svs, by the packages' own metadata, as Markdown: docs/LICENCES.md.

  python -m benchmarks.licences > docs/LICENCES.md
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import metadata

from packaging.markers import default_environment
from packaging.requirements import Requirement

from benchmarks.common import ROOT

GPL = re.compile(r"(?<!L)(?<!Lesser )\bA?GPL|(?<!Lesser )General Public License")
CUDA = re.compile(r"nvidia-|cuda-|triton$")
KNOWN = {"pyworld-prebuilt": "MIT"}  # whose metadata say nothing: from the licence files in their wheels


def main() -> None:
    found = closure()
    missing = sorted(name for name, (dist, _) in found.items() if dist is None)
    rows = sorted((name, dist, by) for name, (dist, by) in found.items() if dist is not None)
    bound = [f"**{name}** ({licence(dist)})" for name, dist, _ in rows if GPL.search(licence(dist))]
    python = f"{sys.platform}, Python {sys.version_info[0]}.{sys.version_info[1]}"
    print("# Licences of what svs depends on\n")
    print(f"Made by `make licences` on {python}, from the metadata of the packages installed there.")
    print("The last column names the extra that wants a package; `pip install .` brings those of svs.\n")
    print(f"Under the GPL, which binds whoever ships a product together with them: {', '.join(bound) or 'none'}.\n")
    print("| package | version | licence | wanted by |\n|---|---|---|---|")
    for name, dist, by in rows:
        if not CUDA.match(name):
            print(f"| {name} | {dist.version} | {licence(dist)} | {by or 'svs'} |")
    if cuda := [name for name, _, _ in rows if CUDA.match(name)]:
        print("\nBeside them torch brings libraries for GPUs on Linux, which a CPU never loads, most of them under")
        print(f"NVIDIA's own licences: {', '.join(cuda)}.")
    if missing:
        print(f"\nNot installed where this was made, so not looked at: {', '.join(missing)}.")


def closure() -> dict[str, tuple[metadata.Distribution | None, str]]:
    """Name → (distribution or None, the extra that wants it, empty for none) of all that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked_for = {"": project["dependencies"], **project["optional-dependencies"]}
    found: dict = {}
    for extra, requirements in asked_for.items():
        pending = [(requirement, extra) for requirement in requirements]
        while pending:
            text, asked = pending.pop()
            requirement = Requirement(text)
            environment = {**default_environment(), "extra": asked}
            name = re.sub(r"[-_.]+", "-", requirement.name).lower()
            if (requirement.marker and not requirement.marker.evaluate(environment)) or name in found:
                continue
            try:
                dist = metadata.distribution(requirement.name)
            except metadata.PackageNotFoundError:
                dist = None
            found[name] = dist, extra
            for deeper in (dist.requires or ()) if dist else ():
                pending += [(deeper, wanted) for wanted in (requirement.extras or {""})]
    return found


def licence(dist: metadata.Distribution) -> str:
    """What a package says of its licence: the SPDX expression, else its classifiers, else its words, in short."""
    about = dist.metadata
    kinds = [each for each in about.get_all("Classifier") or () if each.startswith("License :: ")]
    classified = [kind for kind in (each.rpartition(" :: ")[2] for each in kinds) if kind != "OSI Approved"]
    words = " ".join((about.get("License") or "").split())
    told = about.get("License-Expression") or ", ".join(classified) or (words if len(words) <= 60 else words[:57] + "…")
    return (told or KNOWN.get(dist.name.lower(), "not told")).replace("|", "/")


if __name__ == "__main__":
    main()
