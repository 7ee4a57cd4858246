"""The state folder of a run: synthesized template, tables and logs.

Concurrent runs use separate folders: `.local`, then `.local/2`, and so on. Each run locks its
folder; the kernel releases the lock when the process ends, so no folder stays locked.
"""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from typing import IO

from local.base.errors import StartError

_MAX_RUNS = 32


class StateDir:
    """The folder of one run; `close` or the end of the process frees it."""

    def __init__(self, path: Path, lock: IO[str]) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def acquire(cls, base: Path) -> StateDir:
        """Lock the first free folder. Raises StartError if none is free."""
        for number in range(1, _MAX_RUNS + 1):
            path = base if number == 1 else base / str(number)
            path.mkdir(parents=True, exist_ok=True)
            lock = (path / "lock").open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                continue
            return cls(path, lock)
        raise StartError(f"{_MAX_RUNS} local stacks already run from {base}; stop one of them")

    @classmethod
    def newest_running(cls, base: Path) -> Path | None:
        """Folder of the most recently started run, or None."""
        folders = [base, *(base / str(number) for number in range(2, _MAX_RUNS + 1))]
        # A run also opens the locks before its own; among equal times the last is its own.
        started = [
            (path.joinpath("lock").stat().st_mtime_ns, number)
            for number, path in enumerate(folders)
            if is_running(path)
        ]
        return folders[max(started)[1]] if started else None

    @property
    def assembly(self) -> Path:
        """Folder to which the CDK writes template and assets."""
        return self.path / "cdk.out"

    def fresh_logs(self) -> Path:
        """Delete the previous run's logs and return the log folder."""
        logs = logs_folder(self.path)
        logs.mkdir(exist_ok=True)
        for log in logs.glob("*.log"):
            log.unlink()
        return logs

    def fresh_folder(self, name: str) -> Path:
        """Return an empty folder of this name; delete the previous run's."""
        folder = self.path / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def close(self) -> None:
        """Free the folder for another run."""
        self._lock.close()


def logs_folder(path: Path) -> Path:
    """Folder of the function logs of the run with state folder `path`."""
    return path / "logs"


def is_running(path: Path) -> bool:
    """Whether a run holds the lock of this folder."""
    try:
        with (path / "lock").open() as lock:
            # A shared lock, released at once.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
