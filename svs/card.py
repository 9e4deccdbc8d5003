"""CARD.md of a voice: what svs.release can tell of how it was made, between two marks; the rest is its author's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from svs.audio import write_text
from svs.files import read_small
from svs.mistakes import Mistake
from svs.provenance import CONFIG, UNKNOWN, provenance, recorded

CARD = "CARD.md"
BEGIN = "<!-- svs.release writes from here to the closing mark; the rest of this card is yours. -->"
END = "<!-- Here it ends. -->"


class CardError(Mistake):
    """A card that cannot be read, and so not be added to."""


def write_card(folder, checkpoints: Mapping[str, Path]) -> bool:
    """Write what made a voice into its card, in place of what stood there before; returns whether there was a card.

    folder: the voice's, with its voice.json. checkpoints: `codec`, `timing`, `acoustic` → the files it was made from.
    Raises CardError.
    """
    path = Path(folder) / CARD
    there = path.is_file()
    try:
        text = read_small(path).decode("utf-8") if there else _facts(Path(folder))
    except (OSError, UnicodeDecodeError) as error:
        raise CardError(f"{path}: not a text in UTF-8 ({error}); the voice is there, its card as it was") from None
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:  # none yet, or the closing mark is lost, and with it where the author's words go on
        before, after = text.replace(BEGIN, "").rstrip() + "\n\n", "\n"
    text = f"{before}{BEGIN}\n{_how_made(checkpoints)}{END}{after}"
    write_text(path, text)
    return there


def _facts(folder: Path) -> str:
    """The head of a card, from voice.json."""
    facts = json.loads((folder / "voice.json").read_text(encoding="utf-8"))
    singers = (
        f"- {name}: {' to '.join(str(cents) for cents in about.get('range_cents', ()))} cents"
        for name, about in (facts["singers"] | facts.get("blends", {})).items()
    )
    return "\n".join([
        f"# The voice {facts['name']}",
        "",
        f"Languages: {', '.join(facts['languages']) or UNKNOWN}. Licence: {facts['licence'] or UNKNOWN}.",
        f"{len(facts['phonemes'])} phonemes. Singers, and what they sang in training (A4 = 6900 cents):",
        "",
        *singers,
        "",
    ])


def _how_made(checkpoints: Mapping[str, Path]) -> str:
    lines = ["## How it was made", "", "| part | batches from | svs | git revision | Python |", "|---|--:|---|---|---|"]
    sets: list[dict] = []
    for part, checkpoint in checkpoints.items():
        runs = recorded(Path(checkpoint).parent) or [{"svs": UNKNOWN, "revision": UNKNOWN, "python": UNKNOWN}]
        for run in runs:
            cells = (run.get(key, UNKNOWN) for key in ("svs", "revision", "python"))
            lines.append(f"| {part} | {run.get('from_batch', UNKNOWN)} | {' | '.join(cells)} |")
            sets += [run["packages"]] if run.get("packages") and run["packages"] not in sets else []
    now = provenance()
    lines += [f"| export | – | {now['svs']} | {now['revision']} | {now['python']} |", ""]
    for versions in sets:
        lines += [f"Packages: {', '.join(f'{name} {version}' for name, version in versions.items())}.", ""]
    for part, checkpoint in checkpoints.items():
        config = Path(checkpoint).parent / CONFIG
        if config.is_file():
            text = config.read_text(encoding="utf-8").rstrip()
            lines += [f"<details><summary>Configuration of {part}</summary>", "", "```yaml", text, "```", ""]
            lines += ["</details>", ""]
    return "\n".join(lines)
