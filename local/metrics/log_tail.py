"""Reads the log files of a folder as they grow."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path


class LogTail:
    """All `*.log` files of `folder`, including those created later."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: defaultdict[Path, int] = defaultdict(int)

    def lines(self) -> Iterator[bytes]:
        """Yield the lines completed since the last call, without line ends."""
        for path in sorted(self._folder.glob("*.log")):
            with path.open("rb") as file:
                if file.seek(0, os.SEEK_END) < self._offsets[path]:
                    # Another run has started a new log.
                    self._offsets[path] = 0
                file.seek(self._offsets[path])
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._offsets[path] += len(line)
                    yield line[:-1]
