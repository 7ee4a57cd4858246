"""Outputs for recordings: files, FIFOs and devices, with writes that another thread can end."""

from __future__ import annotations

import errno
import os
import select
import stat
import threading
from pathlib import Path

from client.errors import SoundError

# Poll interval for the reader of a FIFO; the kernel does not signal it.
_READER_POLL_MS = 100
_ANOTHER = "name another file with --out"


class StoppedError(Exception):
    """`stop` was called during a write."""


class DescriptorOutput:
    """A file, FIFO or device by name. Raises SoundError if it cannot be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1
        self.regular = False
        prepare_directory(path)
        self._wake_read, self._wake_write = os.pipe()
        self._stopped = threading.Event()

    def open(self) -> None:
        """Open the output, waiting for the reader of a FIFO. Raises OSError, StoppedError."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_CLOEXEC
        while True:
            try:
                self._descriptor = os.open(self.path, flags, 0o666)
                break
            except OSError as fault:
                if fault.errno != errno.ENXIO or not self.path.is_fifo():
                    raise
                self._wait(select.POLLIN, self._wake_read, _READER_POLL_MS)
        self.regular = stat.S_ISREG(os.fstat(self._descriptor).st_mode)

    def write(self, data: bytes) -> None:
        """Append `data`. Raises OSError, StoppedError."""
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, self._descriptor)

    def overwrite_start(self, data: bytes) -> None:
        """Replace the first bytes of a regular file. Raises OSError."""
        os.pwrite(self._descriptor, data, 0)

    def _wait(self, events: int, descriptor: int, timeout_ms: int | None = None) -> None:
        poll = select.poll()
        poll.register(descriptor, events)
        poll.register(self._wake_read, select.POLLIN)
        poll.poll(timeout_ms)
        if self._stopped.is_set():
            raise StoppedError

    def stop(self) -> None:
        """End a waiting open or write."""
        if not self._stopped.is_set():
            self._stopped.set()
            os.write(self._wake_write, b"\0")

    def close(self) -> None:
        """Close the output, after the last write."""
        for descriptor in (self._wake_read, self._wake_write, self._descriptor):
            if descriptor >= 0:
                os.close(descriptor)


def prepare_directory(path: Path) -> None:
    """Create the parent directory of `path` and check that `path` is writable.

    Raises SoundError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        target = path if path.exists() else path.parent
        if not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except (OSError, ValueError) as fault:
        raise write_error(path, fault) from fault


def write_error(path: Path, fault: OSError | ValueError) -> SoundError:
    """Return the error for a file that cannot be created or written."""
    match getattr(fault, "errno", None):
        case errno.EPIPE:
            return SoundError(f"{path}: its reader has gone")
        case errno.EEXIST | errno.ENOTDIR:
            reason, remedy = "part of its path is a file, not a directory", _ANOTHER
        case errno.ENOSPC | errno.EDQUOT:
            reason, remedy = "the disk is full", "free some space, or name another one with --out"
        case _:
            reason, remedy = getattr(fault, "strerror", None) or str(fault), _ANOTHER
    return SoundError(f"{path} cannot be written: {reason}; {remedy}")
