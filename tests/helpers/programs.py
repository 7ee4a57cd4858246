"""Check for the programs that tests of the offline engine need."""

from __future__ import annotations

import os

import pytest

from interpreter.engines.offline import programs


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
