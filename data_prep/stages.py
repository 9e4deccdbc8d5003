"""What the stages of a recipe share on the command line: a bar, and mistakes told in one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import contextmanager


def positive(text: str) -> int:
    """A whole number above 0, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a whole number from 1 on is wanted")
    return int(text)


def run(main: Callable[[], None], *mistakes: type[Exception]) -> None:
    """Run a stage. A user's mistake ends in one line and status 2, an interruption in one line and status 130.

    SVS_TRACEBACK=1 shows where a mistake arose.
    """
    try:
        main()
    except mistakes as error:
        if os.environ.get("SVS_TRACEBACK"):
            raise
        print(" ".join(str(error).split()), file=sys.stderr)
        raise SystemExit(2) from None
    except ImportError as error:
        print(f"{error}; pip install '.[teach]' brings what teachers need", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        raise SystemExit(130) from None


@contextmanager
def bar(title: str):
    """A bar on standard error, where that is a terminal: yields progress(done, total)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(title, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
