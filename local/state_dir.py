"""A folder for what a run writes: the synthesized template, the tables and the logs.

Runs at the same time get folders of their own: `.local`, then `.local/2`, and so on. A lock that
the kernel drops with the process says which are in use, so none is left behind locked.
"""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from typing import IO

from local.errors import StartError

_MAX_RUNS = 32


class StateDir:
    """One run's folder; `close` (or the end of the process) frees it for the next run."""

    def __init__(self, path: Path, lock: IO[str]) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def acquire(cls, base: Path) -> StateDir:
        """The first folder that no other run uses."""
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
        raise StartError(f"{_MAX_RUNS} local stacks run from {base} already")

    @property
    def assembly(self) -> Path:
        """Where the CDK writes template and assets."""
        return self.path / "cdk.out"

    def fresh_logs(self) -> Path:
        """The folder of the logs, without those of the run before."""
        logs = self.path / "logs"
        logs.mkdir(exist_ok=True)
        for log in logs.glob("*.log"):
            log.unlink()
        return logs

    def fresh_folder(self, name: str) -> Path:
        """An empty folder, whatever the run before has left in it."""
        folder = self.path / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def close(self) -> None:
        """Let another run have this folder."""
        self._lock.close()
