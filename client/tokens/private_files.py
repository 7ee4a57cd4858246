"""Private files of the command line: readable by their owner only, written atomically."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


def config_dir() -> Path:
    """Return the directory: $XDG_CONFIG_HOME/lingocast, by default ~/.config/lingocast.

    A relative XDG_CONFIG_HOME is ignored
    (https://specifications.freedesktop.org/basedir-spec/latest/). Raises OSError if the home
    directory is unknown.
    """
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    if Path(configured).is_absolute():
        return Path(configured) / "lingocast"
    try:
        return Path.home() / ".config" / "lingocast"
    except RuntimeError as fault:
        raise OSError(str(fault)) from None


def write_private(path: Path, content: bytes) -> None:
    """Replace a file's content atomically. Raises OSError."""
    with _written_beside(path, content) as written:
        written.replace(path)


def create_private(path: Path, content: bytes) -> None:
    """Create a file with its content atomically. Raises OSError; FileExistsError if it exists."""
    with _written_beside(path, content) as written:
        path.hardlink_to(written)


@contextlib.contextmanager
def _written_beside(path: Path, content: bytes) -> Iterator[Path]:
    """Write a temporary file next to `path`, readable by its owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # 0600
    written = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        yield written
    finally:
        written.unlink(missing_ok=True)
