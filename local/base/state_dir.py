"""A folder for what a run writes: the synthesized template, the tables and the logs.

Runs at the same time get folders of their own: `.local`, then `.local/2`, and so on. A lock that
the kernel drops with the process says which are in use, so none is left behind locked.
"""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from typing import IO

from local.base.errors import StartError

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

    @classmethod
    def newest_running(cls, base: Path) -> Path | None:
        """The folder of the run that started last, None if none runs."""
        folders = [base, *(base / str(number) for number in range(2, _MAX_RUNS + 1))]
        # A run opens the locks before its own, too: of equal times the last is its own.
        started = [
            (path.joinpath("lock").stat().st_mtime_ns, number)
            for number, path in enumerate(folders)
            if is_running(path)
        ]
        return folders[max(started)[1]] if started else None

    @property
    def assembly(self) -> Path:
        """Where the CDK writes template and assets."""
        return self.path / "cdk.out"

    def fresh_logs(self) -> Path:
        """The folder of the logs, without those of the run before."""
        logs = logs_folder(self.path)
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


def logs_folder(path: Path) -> Path:
    """Where a run with this folder writes its functions' logs."""
    return path / "logs"


def is_running(path: Path) -> bool:
    """Whether a run holds this folder."""
    try:
        with (path / "lock").open() as lock:
            # Shared, and for this moment only.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
