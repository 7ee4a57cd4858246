"""Isolation of the client's tests from the developer's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def config_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command line's configuration directory in this test."""
    for name in ("URL", "TOKEN", "TOKEN_URL", "TOKEN_COMMAND", "TOKEN_FILE", "SESSION"):
        monkeypatch.delenv(f"LINGOCAST_{name}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "lingocast"
