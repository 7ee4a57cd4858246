"""The command-line client in simulated terminals, in the foreground or to its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from local.endpoints import Endpoints
from tests.helpers.wire import PATIENCE_SECONDS

_ROOT = Path(__file__).parents[3]


def _hears_ctrl_c() -> None:
    """Restore SIGINT, which background jobs of a shell ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class Terminal:
    """A running command, and the lines it has printed so far."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)

    async def until(self, part: str, times: int = 1) -> str:
        """Wait for the n-th line that contains this text, and return it."""
        looked_at = 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                for line in self.lines[looked_at:]:
                    times -= part in line
                    if not times:
                        return line
                looked_at = len(self.lines)
                await self._read(part)

    async def _read(self, wanted: str) -> None:
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        assert line, f"it ended before {wanted!r}: {self.lines}"
        self.lines.append(line.decode().rstrip("\n"))

    async def ctrl_c(self) -> int:
        """Interrupt the command; returns its exit status."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE_SECONDS):
            rest, _ = await self.process.communicate()
        self.lines += rest.decode().splitlines()
        assert self.process.returncode is not None
        return self.process.returncode


@dataclass(frozen=True)
class Ended:
    """The exit status and output of a finished command."""

    status: int
    lines: list[str]


@dataclass(frozen=True)
class Desk:
    """A user's machine, with configuration of its own."""

    endpoints: Endpoints
    home: Path

    @contextlib.asynccontextmanager
    async def open(self, *arguments: str) -> AsyncIterator[Terminal]:
        """Run `python -m cli` until the end of the block at the latest."""
        terminal = Terminal(await self._start(arguments))
        try:
            yield terminal
        finally:
            if terminal.process.returncode is None:
                terminal.process.kill()
                await terminal.process.communicate()

    async def run(self, *arguments: str) -> Ended:
        """Run `python -m cli` to its end."""
        process = await self._start(arguments)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                printed, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode is not None
        return Ended(process.returncode, printed.decode().splitlines())

    async def _start(self, arguments: tuple[str, ...]) -> asyncio.subprocess.Process:
        environment = {name: it for name, it in os.environ.items() if "LINGOCAST" not in name}
        environment["XDG_CONFIG_HOME"] = str(self.home)
        environment["LINGOCAST_URL"] = self.endpoints.websocket_url
        assert self.endpoints.token_url is not None
        if arguments[0] != "listen":
            environment["LINGOCAST_TOKEN_URL"] = self.endpoints.token_url
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "cli", *arguments),
            cwd=_ROOT,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            preexec_fn=_hears_ctrl_c,
        )
