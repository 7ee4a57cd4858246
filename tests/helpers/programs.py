"""Programs of tests: those that the offline engine needs, and small ones in Python."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from interpreter.engines.offline import programs

# The shell reads an empty word and `exec`, Python reads a string. A shebang cannot name the
# interpreter, whose path may contain spaces.
_START = f"""#!/bin/sh
''''exec '{sys.executable}' "$0" "$@" # '''
"""


def require_programs() -> None:
    """Skip the test if programs are missing, and name their packages.

    With LINGOCAST_REQUIRE_PROGRAMS=1, fail it instead.
    """
    line = programs.missing()
    if line is None:
        return
    if os.environ.get("LINGOCAST_REQUIRE_PROGRAMS") == "1":
        pytest.fail(line)
    pytest.skip(line)


def write_program(path: Path, script: str) -> None:
    """Write a Python script as an executable file."""
    path.write_text(_START + script)
    path.chmod(0o755)
