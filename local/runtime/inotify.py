"""Linux's inotify: changes in folders, known as soon as the writing call returns.

See https://man7.org/linux/man-pages/man7/inotify.7.html
"""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

# <sys/inotify.h>
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC
_CLOSE_WRITE = 0x0008
_MOVED = 0x0040 | 0x0080
_CREATE = 0x0100
_DELETE = 0x0200
_OVERFLOW = 0x4000
_IGNORED = 0x8000
_IS_FOLDER = 0x4000_0000
_ONLY_FOLDERS = 0x0100_0000
_MASK = _CLOSE_WRITE | _MOVED | _CREATE | _DELETE | _ONLY_FOLDERS
_HEAD = struct.Struct("iIII")
_BUFFER_BYTES = 64 * 1024


class Inotify:
    """Watches folders, not their subfolders. Raises OSError at the kernel's limits."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._add_watch = libc.inotify_add_watch
        self._folders: dict[int, Path] = {}
        self.descriptor = _checked(libc.inotify_init1(_NONBLOCK_CLOEXEC))

    def watch(self, folder: Path) -> None:
        """Watch a folder; has no effect if it is watched already."""
        watch = self._add_watch(self.descriptor, os.fsencode(folder), _MASK)
        self._folders[_checked(watch)] = folder

    def read(self) -> set[Path]:
        """Return the paths changed since the last call, without waiting.

        These are files written and closed, moved or removed, and new folders. If the kernel's
        queue overflowed, they are all watched folders.
        """
        changed: set[Path] = set()
        while True:
            try:
                data = os.read(self.descriptor, _BUFFER_BYTES)
            except BlockingIOError:
                return changed
            at = 0
            while at < len(data):
                watch, mask, _, length = _HEAD.unpack_from(data, at)
                at += _HEAD.size
                name = data[at : at + length].rstrip(b"\0")
                at += length
                if mask & _OVERFLOW:
                    changed.update(self._folders.values())
                elif mask & _IGNORED:
                    self._folders.pop(watch, None)
                elif mask & _CREATE and not mask & _IS_FOLDER:
                    continue  # another event follows when the file is closed
                elif watch in self._folders:
                    changed.add(self._folders[watch] / os.fsdecode(name))

    def close(self) -> None:
        """Stop watching."""
        os.close(self.descriptor)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
