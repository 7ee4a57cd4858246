"""Tests of the offline engine need programs that a machine may not have."""

from __future__ import annotations

import os

import pytest

from interpreter.engines.offline import programs


def require_programs() -> None:
    """Skip the test where programs are missing, naming their packages; fail it instead where
    LINGOCAST_REQUIRE_PROGRAMS=1 says that they are there.
    """
    line = programs.missing()
    if line is None:
        return
    if os.environ.get("LINGOCAST_REQUIRE_PROGRAMS") == "1":
        pytest.fail(line)
    pytest.skip(line)
