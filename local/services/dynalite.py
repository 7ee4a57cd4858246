"""A dynalite process: the local DynamoDB."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from local.base import processes
from local.base.errors import StartError

_SCRIPT = Path(__file__).with_name("dynalite.mjs")
_START_TIMEOUT_SECONDS = 30.0
# By default Node's young generation grows to three times 16 MB and more before a collection.
_YOUNG_GENERATION = "--max-semi-space-size=2"


class Dynalite:
    """A running process that serves the tables in `folder`."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, log: Path) -> None:
        self.folder = folder
        self.log = log
        self._process = process

    async def ended(self) -> str:
        """Wait for the process to end; returns its exit status or signal."""
        status = await self._process.wait()
        return f"status {status}" if status >= 0 else f"signal {-status}"

    async def stop(self) -> None:
        """Kill the process; its data stays in the folder."""
        await processes.kill(self._process)

    def log_tail(self) -> str:
        """The last lines of the log."""
        return processes.log_tail(self.log)


async def start(folder: Path, port: int, logs: Path) -> Dynalite:
    """Start dynalite over an empty folder or existing data. Raises StartError."""
    log = logs / "dynalite.log"
    with log.open("ab") as stderr:
        process = await processes.spawn(
            (processes.node_binary(), _YOUNG_GENERATION, str(_SCRIPT), str(folder), str(port)),
            environment={"PATH": os.defpath},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), _START_TIMEOUT_SECONDS)
        int(line)  # the port, printed once dynalite listens; a failed process prints nothing
    except (TimeoutError, ValueError) as error:
        await processes.kill(process)
        raise StartError(
            "the local DynamoDB did not start; run `make setup` to install what it needs\n"
            + processes.log_tail(log)
        ) from error
    except BaseException:
        processes.signal_group(process)
        raise
    return Dynalite(process, folder, log)
