"""Following the log files of a folder: each byte is read once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_BLOCK_BYTES = 1 << 20
# A line that does not end is given up, so that it does not fill the memory.
_LINE_BYTES = 1 << 20
# More functions than any stack has.
_MAX_FILES = 64


class FolderTail:
    """All `*.log` of a folder, also those that come later."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tails: dict[Path, FileTail] = {}

    def lines(self) -> Iterator[bytes]:
        """What has been written since the last call, line by line, without line ends.

        A file that is not to be had is left out; it may be there at the next call.
        """
        for path in sorted(self._folder.glob("*.log")):
            if path not in self._tails and len(self._tails) < _MAX_FILES:
                self._tails[path] = FileTail(path)
        for tail in self._tails.values():
            yield from tail.lines()

    def close(self) -> None:
        """Close all files."""
        for tail in self._tails.values():
            tail.close()


class FileTail:
    """One file, whether it grows, starts again from nothing, or is replaced by another one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._rest = b""
        # Within a line that is given up.
        self._skipping = False

    def lines(self) -> Iterator[bytes]:
        """The lines that have been finished since the last call."""
        if self._file is not None:
            yield from self._more(self._file)
            if self._is_still(self._file):
                return
            self.close()
        try:
            self._file = self._path.open("rb", buffering=0)
        except OSError:
            return
        yield from self._more(self._file)

    def close(self) -> None:
        """Close the file; another call of `lines` begins at the file's start."""
        if self._file is not None:
            self._file.close()
        self._file = None
        self._start_over()

    def _more(self, file: IO[bytes]) -> Iterator[bytes]:
        size = os.fstat(file.fileno()).st_size
        if size < file.tell():
            file.seek(0)
            self._start_over()
        # No further than it reached just now: whoever writes all the time shall not hold us here.
        while (left := size - file.tell()) > 0:
            block = file.read(min(_BLOCK_BYTES, left))
            if not block:
                return
            yield from self._split(block)

    def _split(self, block: bytes) -> Iterator[bytes]:
        *ended, rest = (self._rest + block).split(b"\n")
        for line in ended:
            if not self._skipping:
                yield line
            self._skipping = False
        if len(rest) > _LINE_BYTES:
            self._skipping = True
        self._rest = b"" if self._skipping else rest

    def _is_still(self, file: IO[bytes]) -> bool:
        """Whether the path names the file that is open. One that is gone may be written to still,
        and while it is open nobody else gets its number.
        """
        try:
            there_is = self._path.stat()
        except OSError:
            return True
        return os.path.samestat(there_is, os.fstat(file.fileno()))

    def _start_over(self) -> None:
        self._rest = b""
        self._skipping = False
