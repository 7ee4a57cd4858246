"""Long-running pipeline of programs. Requests and responses each end with a NUL."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from interpreter.engine import EngineError, EngineUnavailableError
from interpreter.engines.offline.processes import kill

_NUL = b"\0"
MAX_RESPONSE_BYTES = 1 << 20


class Pipeline:
    """Handles one request at a time. Unusable after an error.

    The programs end when their input is closed.
    """

    def __init__(
        self,
        processes: Sequence[asyncio.subprocess.Process],
        sink: asyncio.StreamWriter,
        source: asyncio.StreamReader,
    ) -> None:
        self._processes = processes
        self._sink = sink
        self._source = source

    @classmethod
    async def start(cls, commands: Sequence[Sequence[str]]) -> Pipeline:
        """Start the programs. Raises EngineUnavailableError if one cannot be started."""
        processes: list[asyncio.subprocess.Process] = []
        between: int | None = None  # read end of the previous program's output
        try:
            for number, command in enumerate(commands, 1):
                into = asyncio.subprocess.PIPE if between is None else between
                last = number == len(commands)
                read, write = (None, None) if last else os.pipe()
                try:
                    process = await asyncio.create_subprocess_exec(
                        *command,
                        stdin=into,
                        stdout=asyncio.subprocess.PIPE if write is None else write,
                        stderr=asyncio.subprocess.DEVNULL,
                        limit=MAX_RESPONSE_BYTES,
                        # Only this process handles Ctrl-C. It ends the programs itself.
                        start_new_session=True,
                    )
                finally:
                    if between is not None:
                        os.close(between)
                    if write is not None:
                        os.close(write)
                    between = read
                processes.append(process)
        except BaseException as fault:
            if between is not None:
                os.close(between)
            await kill(*processes)
            if isinstance(fault, OSError):
                raise EngineUnavailableError(f"{command[0]} cannot be started") from fault
            raise
        sink, source = processes[0].stdin, processes[-1].stdout
        assert sink is not None
        assert source is not None
        return cls(processes, sink, source)

    @property
    def running(self) -> bool:
        """Whether all programs are running."""
        return all(process.returncode is None for process in self._processes)

    async def request(self, request: bytes) -> bytes:
        """Send a request and return the response, both without NUL. Raises EngineError."""
        try:
            self._sink.write(request + _NUL)
            await self._sink.drain()
            response = await self._source.readuntil(_NUL)
        except (ConnectionError, RuntimeError, asyncio.IncompleteReadError) as fault:
            raise EngineError("a translation program ended unexpectedly") from fault
        except asyncio.LimitOverrunError as fault:
            raise EngineError("a translation is endless") from fault
        return response.removesuffix(_NUL)

    async def close(self) -> None:
        """End the programs."""
        await kill(*self._processes)
        self._sink.close()
