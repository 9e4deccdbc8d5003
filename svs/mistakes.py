"""What every exception of the package shares: a user's mistake is told in one line."""

from __future__ import annotations

import errno
from pathlib import Path

LONGEST = 800  # characters
FULL = (errno.ENOSPC, errno.EDQUOT)  # of a disk, whose errors name no file


class Mistake(ValueError):
    """A message in one printable line, whatever the file it quotes holds; what is too long loses its middle."""

    def __init__(self, message: object = ""):
        text = " ".join(str(message).split())
        if len(text) > LONGEST:
            text = f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"
        super().__init__("".join(c if c.isprintable() else "\ufffd" for c in text))


def is_mistake(error: BaseException) -> bool:
    """Whether a user can mend it: our own exceptions, and files that were named; a bare ValueError when our code raised it."""
    if isinstance(error, OSError):
        return error.filename is not None or error.errno in FULL
    if type(error).__module__.partition(".")[0] == "svs":
        return True
    if type(error) is not ValueError:
        return False
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and Path(trace.tb_frame.f_code.co_filename).is_relative_to(Path(__file__).parent)


def one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'cannot be written'}: {error.strerror}"
    return " ".join(str(error).split())
