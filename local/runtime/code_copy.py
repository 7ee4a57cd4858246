"""A copy of the source that functions run from.

As on AWS, files that deployment excludes are missing, and functions never import a half-written
file.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from local.runtime.code_files import CodeFiles

_Signature = tuple[int, int, int]


class CodeCopy:
    """Keeps `folder`, which must be empty at first, a copy of `source`."""

    def __init__(self, source: CodeFiles, folder: Path) -> None:
        self.source = source
        self.folder = folder
        self._known: dict[str, _Signature] = {}
        self._seconds: dict[str, int] = {}

    def update(self) -> list[str]:
        """Copy what has changed; returns the paths of changed, new and removed files.

        A file saved with the same content has not changed.
        """
        found = {}
        changed = []
        for path in self.source.files():
            try:
                status = (self.source.root / path).stat()
                # Tools can set the modification time, but not this one.
                signature = (status.st_ctime_ns, status.st_size, status.st_ino)
                if self._known.get(path) != signature and self._copy(path, int(status.st_mtime)):
                    changed.append(path)
            except OSError:  # the file was removed meanwhile
                continue
            found[path] = signature
        for path in self._known.keys() - found.keys():
            (self.folder / path).unlink(missing_ok=True)
            changed.append(path)
        self._remove_empty_folders(found)
        self._known = found
        return sorted(changed)

    def _copy(self, path: str, modified: int) -> bool:
        """Copy one file; returns False if the copy already has its content."""
        content = (self.source.root / path).read_bytes()
        target = self.folder / path
        if target.exists() and target.read_bytes() == content:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.new")
        fresh.write_bytes(content)
        # Python reuses compiled code if time (in whole seconds) and size of the source are equal.
        # Two saves within a second can agree in both.
        seconds = max(modified, self._seconds.get(path, 0) + 1)
        self._seconds[path] = seconds
        os.utime(fresh, (seconds, seconds))
        fresh.replace(target)
        return True

    def _remove_empty_folders(self, found: dict[str, _Signature]) -> None:
        """Remove folders without source; with compiled files they would still be packages."""
        before = {str(Path(path).parent) for path in self._known}
        now = {str(parent) for path in found for parent in Path(path).parents}
        for folder in before - now:
            shutil.rmtree(self.folder / folder, ignore_errors=True)
