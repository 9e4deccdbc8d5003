"""Small text files that users hand over: settings, scales, curves, takes."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

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


MOST_MERGED = 10_000  # keys of a mapping


def load_yaml(text: str):
    """What a YAML text holds. Raises yaml.YAMLError, ValueError or RecursionError.

    Aliases share what they stand for, but merge keys (<<) copy it, so that a few lines could fill the memory: they are
    bounded here.
    """
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):
        def flatten_mapping(self, node):
            super().flatten_mapping(node)
            if len(node.value) > MOST_MERGED:
                raise yaml.constructor.ConstructorError(None, None, "a mapping of too many keys", node.start_mark)

    return yaml.load(text, Loader)
