"""The folder that functions run from, kept like the source that it is a copy of.

They run from a copy, as on AWS: what is left out of the code is missing here, too, and a file that
is half written is never imported.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from local.runtime.code_files import CodeFiles

_Signature = tuple[int, int, int]


class CodeCopy:
    """A copy in `folder`, which must be empty at first."""

    def __init__(self, source: CodeFiles, folder: Path) -> None:
        self.source = source
        self.folder = folder
        self._known: dict[str, _Signature] = {}
        self._seconds: dict[str, int] = {}

    def update(self) -> list[str]:
        """Take over what has changed; returns the paths of changed, new and removed files.

        A file that was written again with the same content has not changed.
        """
        found = {}
        changed = []
        for path in self.source.files():
            try:
                status = (self.source.root / path).stat()
                # Tools set the other time as they please, nobody can set this one.
                signature = (status.st_ctime_ns, status.st_size, status.st_ino)
                if self._known.get(path) != signature and self._copy(path, int(status.st_mtime)):
                    changed.append(path)
            except OSError:  # removed meanwhile
                continue
            found[path] = signature
        for path in self._known.keys() - found.keys():
            (self.folder / path).unlink(missing_ok=True)
            changed.append(path)
        self._remove_empty_folders(found)
        self._known = found
        return sorted(changed)

    def _copy(self, path: str, modified: int) -> bool:
        """Copy one file; False if the copy has that content already."""
        content = (self.source.root / path).read_bytes()
        target = self.folder / path
        if target.exists() and target.read_bytes() == content:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.new")
        fresh.write_bytes(content)
        # Python takes compiled code for current if the source's time, in whole seconds, and size
        # are those that it was compiled from. Two saves within a second may agree in both.
        seconds = max(modified, self._seconds.get(path, 0) + 1)
        self._seconds[path] = seconds
        os.utime(fresh, (seconds, seconds))
        fresh.replace(target)
        return True

    def _remove_empty_folders(self, found: dict[str, _Signature]) -> None:
        """A folder without files, but with compiled ones, would still be a package to Python."""
        before = {str(Path(path).parent) for path in self._known}
        now = {str(parent) for path in found for parent in Path(path).parents}
        for folder in before - now:
            shutil.rmtree(self.folder / folder, ignore_errors=True)
