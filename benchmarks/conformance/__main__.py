"""Print the table of figures for all folders of the cases, or for some."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.common import parser, print_table, say
from benchmarks.conformance import lyrics, scores


def main(arguments=None):
    options = parser(__doc__)
    options.add_argument("--cases", type=Path, default=Path("../shared/cases"), help="folder of the cases")
    options.add_argument("--only", nargs="*", help="beginnings of folder names, such as 05 31")
    options.add_argument("--verbose", action="store_true", help="list what failed")
    options.add_argument("--json", type=Path, help="write the figures here too")
    options = options.parse_args(arguments)
    if not options.cases.is_dir():
        raise SystemExit(f"{options.cases}: no such folder; name the cases with --cases")

    figures = []
    for prefix, measure in {**scores.FOLDERS, **lyrics.FOLDERS}.items():
        folder = next(iter(sorted(options.cases.glob(f"{prefix}_*"))), None)
        if folder is None or (options.only and not any(prefix.startswith(name) for name in options.only)):
            continue
        say(folder.name)
        figures += measure(folder)

    rows = []
    for figure in figures:
        share = None if figure.percent is None else f"{figure.percent:.2f} %"
        bar = "" if figure.bar is None else f"≥ {figure.bar:g} %"
        met = {None: "", True: "met", False: "MISSED"}[figure.met]
        rows.append([figure.folder, figure.what, f"{figure.right:g}/{figure.total:g}", share, bar, met])
    print_table(["folder", "what", "right", "share", "bar", ""], rows)
    if options.verbose:
        for figure in figures:
            if figure.failing:
                print(f"\n{figure.folder}, {figure.what}: {len(figure.failing)} failing")
                print("\n".join(f"  {name}" for name in figure.failing))
    if options.json:
        content = [{**vars(figure), "percent": figure.percent, "met": figure.met} for figure in figures]
        options.json.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
