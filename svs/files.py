"""Small text files that users hand over: settings, scales, curves, takes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

MOST_BYTES = 64 << 20


def read_small(path) -> bytes:
    """The bytes of a file of at most MOST_BYTES. Raises OSError; of pipes and devices too, which may never end."""
    path = Path(path)
    size = path.stat().st_size
    if not path.is_file():
        number = errno.EISDIR if path.is_dir() else errno.EINVAL
        raise OSError(number, os.strerror(number) if path.is_dir() else "not a file", str(path))
    if size > MOST_BYTES:
        raise OSError(errno.EFBIG, f"larger than {MOST_BYTES >> 20} MB", str(path))
    return path.read_bytes()
