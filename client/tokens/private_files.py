"""Files in which the command line remembers who it is: for their owner's eyes, never half."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


def config_dir() -> Path:
    """Where this user's programs keep such files: $XDG_CONFIG_HOME/lingocast, by default
    ~/.config/lingocast (https://specifications.freedesktop.org/basedir-spec/latest/).

    A relative XDG_CONFIG_HOME counts as none, as the specification says. Raises OSError if
    nobody knows where home is.
    """
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    if Path(configured).is_absolute():
        return Path(configured) / "lingocast"
    try:
        return Path.home() / ".config" / "lingocast"
    except RuntimeError as fault:
        raise OSError(str(fault)) from None


def write_private(path: Path, content: bytes) -> None:
    """Replace a file's content in one step. Raises OSError."""
    with _written_beside(path, content) as written:
        written.replace(path)


def create_private(path: Path, content: bytes) -> None:
    """Create a file with its content in one step. Raises FileExistsError if another was faster,
    and OSError.
    """
    with _written_beside(path, content) as written:
        path.hardlink_to(written)


@contextlib.contextmanager
def _written_beside(path: Path, content: bytes) -> Iterator[Path]:
    """A file of that content next to `path`, which only its owner may read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # 0600
    written = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        yield written
    finally:
        written.unlink(missing_ok=True)
