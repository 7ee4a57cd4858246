"""How processes that others wait for are ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence

_READ_BYTES = 1 << 16


async def end(*processes: asyncio.subprocess.Process) -> None:
    """Kill what still runs, and wait until it is gone. Nobody else may be reading its output."""
    _kill(processes)
    for process in processes:
        # What was said and not read would keep the pipe open, and `wait` with it.
        if process.stdout is not None:
            with contextlib.suppress(ConnectionError):
                while await process.stdout.read(_READ_BYTES):
                    pass
        await process.wait()


def _kill(processes: Sequence[asyncio.subprocess.Process]) -> None:
    for process in processes:
        if process.returncode is None:
            # Not `process.kill`, which would itself collect the status that asyncio waits for.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
