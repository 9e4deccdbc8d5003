"""Types hold: mypy has nothing to say of the package."""

import subprocess
import sys
from pathlib import Path

import pytest


def test_mypy_finds_no_error():
    pytest.importorskip("mypy", reason="of pip install -e .[dev]")
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
