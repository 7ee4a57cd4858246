"""Termination of child processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence

_READ_BYTES = 1 << 16


async def kill(*processes: asyncio.subprocess.Process) -> None:
    """Kill processes and wait for their end. No other task may read their output."""
    _send_sigkill(processes)
    for process in processes:
        # Unread output would keep the pipe open, and `wait` blocked.
        if process.stdout is not None:
            with contextlib.suppress(ConnectionError):
                while await process.stdout.read(_READ_BYTES):
                    pass
        await process.wait()


def _send_sigkill(processes: Sequence[asyncio.subprocess.Process]) -> None:
    for process in processes:
        if process.returncode is None:
            # `process.kill` would itself collect the exit status that asyncio waits for.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
