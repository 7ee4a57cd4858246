"""Byte inputs for sound: files, pipes, sockets, devices and memory."""

from __future__ import annotations

import abc
import errno
import os
import select
import stat
import threading
from typing import Protocol

from client.errors import SoundError

_READ_BYTES = 65_536
# Linux's memory devices (/dev/null, /dev/zero, /dev/random …) have this major number.
_MEMORY_DEVICES = 1
_SOUNDLESS = "a device without sound (such as /dev/null or /dev/zero)"


class ByteInput(Protocol):
    """Source of bytes. Reads block; `stop` ends them from another thread."""

    @property
    def seekable(self) -> bool:
        """Whether it is a regular file or memory; anything else may be live."""

    @property
    def remaining(self) -> int | None:
        """Bytes until the end, if known."""

    def peek(self, size: int) -> bytes:
        """Return the next bytes without consuming them; fewer only at the end."""

    def read(self, size: int) -> bytes:
        """Read the next bytes; fewer only at the end. Raises SoundError."""

    def read_some(self, size: int) -> bytes:
        """Read at least one byte and at most `size`; none only at the end."""

    def rewind(self) -> int | None:
        """Rewind a regular file and return its descriptor; None for anything else."""

    def stop(self) -> None:
        """End a waiting read; later reads return nothing."""

    def close(self) -> None:
        """Release all resources, after the last read."""


class _Buffered(abc.ABC):
    """Look-ahead over raw reads that may return fewer bytes than requested."""

    def __init__(self) -> None:
        self._ahead = bytearray()

    @abc.abstractmethod
    def _raw(self, size: int) -> bytes:
        """Read at least one byte and at most `size`; none at the end."""

    def _fill(self, size: int) -> None:
        while len(self._ahead) < size:
            data = self._raw(max(size - len(self._ahead), 1))
            if not data:
                return
            self._ahead += data

    def peek(self, size: int) -> bytes:
        """As ByteInput.peek."""
        self._fill(size)
        return bytes(self._ahead[:size])

    def read(self, size: int) -> bytes:
        """As ByteInput.read."""
        data = self.peek(size)
        del self._ahead[:size]
        return data

    def read_some(self, size: int) -> bytes:
        """As ByteInput.read_some."""
        if not self._ahead:
            return self._raw(size)
        data = bytes(self._ahead[:size])
        del self._ahead[:size]
        return data


class MemoryInput(_Buffered):
    """Bytes in memory."""

    seekable = True

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._content = content
        self._at = 0

    @property
    def remaining(self) -> int:
        """Bytes until the end."""
        return len(self._content) - self._at + len(self._ahead)

    def _raw(self, size: int) -> bytes:
        data = self._content[self._at : self._at + size]
        self._at += len(data)
        return data

    def rewind(self) -> None:
        """Do nothing: there is no descriptor."""

    def stop(self) -> None:
        """Discard the remaining bytes."""
        self._at = len(self._content)
        self._ahead.clear()

    def close(self) -> None:
        """Do nothing."""


class DescriptorInput(_Buffered):
    """A file descriptor of any kind, read in a thread that `stop` can release.

    Every wait polls the input and an internal wake-up pipe, so no thread gets stuck in a read.
    `name` begins the error messages.
    """

    def __init__(self, descriptor: int, name: str, *, owned: bool) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._name = name
        self._owned = owned
        try:
            status = os.fstat(descriptor)
        except OSError as fault:
            raise read_error(name, fault) from fault
        _reject_unusable(status, descriptor, name, owned=owned)
        self._size = status.st_size if stat.S_ISREG(status.st_mode) else None
        self._start = os.lseek(descriptor, 0, os.SEEK_CUR) if self.seekable else 0
        self._wake_read, self._wake_write = os.pipe()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._poll.register(self._wake_read, select.POLLIN)
        self._stopped = threading.Event()

    @property
    def seekable(self) -> bool:
        """Whether it is a regular file."""
        return self._size is not None

    @property
    def remaining(self) -> int | None:
        """Bytes until the end of a regular file, by its size when it was opened."""
        if self._size is None:
            return None
        return max(self._size - os.lseek(self._descriptor, 0, os.SEEK_CUR), 0) + len(self._ahead)

    def _raw(self, size: int) -> bytes:
        while not self._stopped.is_set():
            self._poll.poll()
            if self._stopped.is_set():
                break
            try:
                return os.read(self._descriptor, min(size, _READ_BYTES))
            except BlockingIOError:  # another process has read from the same pipe
                continue
            except OSError as fault:
                raise read_error(self._name, fault) from fault
        return b""

    def rewind(self) -> int | None:
        """As ByteInput.rewind."""
        if not self.seekable:
            return None
        self._ahead.clear()
        os.lseek(self._descriptor, self._start, os.SEEK_SET)
        return self._descriptor

    def stop(self) -> None:
        """As ByteInput.stop."""
        if not self._stopped.is_set():
            self._stopped.set()
            os.write(self._wake_write, b"\0")

    def close(self) -> None:
        """Close the wake-up pipe, and the descriptor if it is owned."""
        for descriptor in (self._wake_read, self._wake_write):
            os.close(descriptor)
        if self._owned:
            os.close(self._descriptor)


def open_path(path: str) -> DescriptorInput:
    """Open a file, FIFO or device, without waiting for a FIFO's writer.

    Raises SoundError with advice.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as fault:  # ValueError: a NUL in the name
        raise read_error(path, fault) from fault
    try:
        return DescriptorInput(descriptor, path, owned=True)
    except SoundError:
        os.close(descriptor)
        raise


def read_error(name: str, fault: OSError | ValueError) -> SoundError:
    """Return the error for an input that cannot be opened or read."""
    match getattr(fault, "errno", None):
        case errno.ENOENT:
            return SoundError(f"{name}: there is no such file; check the spelling")
        case errno.EISDIR:
            return _directory(name)
        case errno.EBADF:
            return SoundError(f"{name} is not open for reading; pipe sound into it or name a file")
        case errno.EACCES:
            return SoundError(f"{name} cannot be read: Permission denied; check `ls -l`")
    return SoundError(f"{name} cannot be read: {getattr(fault, 'strerror', None) or fault}")


def _directory(name: str) -> SoundError:
    return SoundError(f"{name} is a directory; name a sound file in it")


def _reject_unusable(status: os.stat_result, descriptor: int, name: str, *, owned: bool) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise _directory(name)
    if os.isatty(descriptor):
        raise SoundError(
            f"{name} is a terminal (a keyboard), not sound; pipe sound into it or name a sound file"
        )
    if stat.S_ISCHR(status.st_mode) and os.major(status.st_rdev) == _MEMORY_DEVICES:
        what = _SOUNDLESS if owned else f"closed, or {_SOUNDLESS}"
        raise SoundError(f"{name} is {what}; pipe a recorder into it or name a sound file")
    if stat.S_ISBLK(status.st_mode):
        raise SoundError(f"{name} is a disk, not sound; name a sound file")
