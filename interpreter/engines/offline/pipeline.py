"""Programs joined by pipes, kept running: a request goes in at one end, the answer comes out at
the other. Both end with a NUL.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from interpreter.engine import EngineError, EngineUnavailableError
from interpreter.engines.offline.processes import end

_NUL = b"\0"
MAX_ANSWER_BYTES = 1 << 20


class Pipeline:
    """One request at a time; of no use after an error. The programs end with their input."""

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
    async def start(cls, stages: Sequence[Sequence[str]]) -> Pipeline:
        """Start the programs. Raises EngineUnavailableError if one cannot be."""
        processes: list[asyncio.subprocess.Process] = []
        between: int | None = None  # what the last one writes, to be read by the next
        try:
            for number, stage in enumerate(stages, 1):
                into = asyncio.subprocess.PIPE if between is None else between
                last = number == len(stages)
                read, write = (None, None) if last else os.pipe()
                try:
                    process = await asyncio.create_subprocess_exec(
                        *stage,
                        stdin=into,
                        stdout=asyncio.subprocess.PIPE if write is None else write,
                        stderr=asyncio.subprocess.DEVNULL,
                        limit=MAX_ANSWER_BYTES,
                        # Ctrl-C in a terminal is for this process, which ends those.
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
            await end(*processes)
            if isinstance(fault, OSError):
                raise EngineUnavailableError(f"{stage[0]} cannot be started") from fault
            raise
        sink, source = processes[0].stdin, processes[-1].stdout
        assert sink is not None
        assert source is not None
        return cls(processes, sink, source)

    @property
    def running(self) -> bool:
        """Whether all programs are."""
        return all(process.returncode is None for process in self._processes)

    async def ask(self, request: bytes) -> bytes:
        """The answer to a request without NUL. Raises EngineError."""
        try:
            self._sink.write(request + _NUL)
            await self._sink.drain()
            answer = await self._source.readuntil(_NUL)
        except (ConnectionError, RuntimeError, asyncio.IncompleteReadError) as fault:
            raise EngineError("a program of the translation ended unexpectedly") from fault
        except asyncio.LimitOverrunError as fault:
            raise EngineError("a translation without end") from fault
        return answer.removesuffix(_NUL)

    async def close(self) -> None:
        """End the programs."""
        await end(*self._processes)
        self._sink.close()
