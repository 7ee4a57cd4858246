"""Linux's inotify: changes in folders, known as soon as the writing call returns.

See https://man7.org/linux/man-pages/man7/inotify.7.html
"""

from __future__ import annotations

from pathlib import Path

from inotify_simple import INotify, flags

_MOVED = flags.MOVED_FROM | flags.MOVED_TO
_MASK = flags.CLOSE_WRITE | _MOVED | flags.CREATE | flags.DELETE | flags.ONLYDIR


class FolderWatcher:
    """Watches folders, not their subfolders. Raises OSError at the kernel's limits."""

    def __init__(self) -> None:
        self._inotify = INotify()
        self._folders: dict[int, Path] = {}

    @property
    def descriptor(self) -> int:
        """Becomes readable when there are changes."""
        return int(self._inotify.fd)

    def watch(self, folder: Path) -> None:
        """Watch a folder; has no effect if it is watched already."""
        self._folders[self._inotify.add_watch(folder, _MASK)] = folder

    def read(self) -> set[Path]:
        """Return the paths changed since the last call, without waiting.

        These are files written and closed, moved or removed, and new folders. If the kernel's
        queue overflowed, they are all watched folders.
        """
        changed: set[Path] = set()
        for event in self._inotify.read(timeout=0):
            if event.mask & flags.Q_OVERFLOW:
                changed.update(self._folders.values())
            elif event.mask & flags.IGNORED:
                self._folders.pop(event.wd, None)
            elif event.mask & flags.CREATE and not event.mask & flags.ISDIR:
                continue  # another event follows when the file is closed
            elif event.wd in self._folders:
                changed.add(self._folders[event.wd] / event.name)
        return changed

    def close(self) -> None:
        """Stop watching."""
        self._inotify.close()
