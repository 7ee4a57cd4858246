"""Offline recogniser: runs the decoder process and converts its reports."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from client.changes import Changes
from interpreter.engine import EngineError, EngineUnavailableError, FloorChunk, RecognitionResult
from interpreter.engines.offline.processes import kill
from interpreter.engines.offline.wire import (
    MAX_PAYLOAD_BYTES,
    MAX_REPORT_BYTES,
    Command,
    Done,
    Ready,
    Report,
    Transcript,
    frame,
    parse,
)
from interpreter.timeline import Timeline

DECODER: Sequence[str] = (sys.executable, "-m", "interpreter.engines.offline.decoder")
_PROJECT = Path(__file__).resolve().parents[3]
_SAMPLE_RATES = range(4_000, 192_001)
# A gap of this length in the floor's timestamps is a pause, and ends the utterance.
_PAUSE_MS = 1_000
# Maximum unread results. The decoder waits while there are more.
_MAX_UNREAD = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """Time limits of the decoder process, in seconds.

    `answer` limits the time without progress while commands are pending. A chunk takes
    milliseconds.
    """

    start: float = 20.0
    answer: float = 5.0


@contextlib.asynccontextmanager
async def open_recogniser(
    sample_rate: int, *, command: Sequence[str] = DECODER, limits: Limits | None = None
) -> AsyncIterator[OfflineRecogniser]:
    """Open a recogniser with a decoder process that ends with the block.

    The decoder also ends if this process dies.

    Raises EngineUnavailableError if the process cannot be started, EngineError if it does not
    become ready.
    """
    if sample_rate not in _SAMPLE_RATES:
        raise EngineError(f"audio at {sample_rate} Hz is not supported", retryable=False)
    limits = limits or Limits()
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            str(sample_rate),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=MAX_REPORT_BYTES,
            env={**os.environ, "PYTHONPATH": str(_PROJECT)},
            # Only this process handles Ctrl-C. It ends the decoder itself.
            start_new_session=True,
        )
    except OSError as fault:
        raise EngineUnavailableError(f"{command[0]} cannot be started: {fault.strerror}") from fault
    recogniser = OfflineRecogniser(process, sample_rate, limits)
    try:
        await recogniser.start()
        yield recogniser
    finally:
        await recogniser.close()


class OfflineRecogniser:
    """Recogniser backed by a decoder process. Unusable after an EngineError."""

    def __init__(
        self, process: asyncio.subprocess.Process, sample_rate: int, limits: Limits
    ) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._bytes_per_ms = 2 * sample_rate / 1000
        self._limits = limits
        self._timeline = Timeline()
        self._fault: EngineError | None = None
        self._finishing = False
        self._pending = 0
        self._watch: asyncio.TimerHandle | None = None
        # Final results are never dropped: reading from the decoder waits for room.
        self._room = asyncio.Semaphore(_MAX_UNREAD)
        self._results: deque[RecognitionResult] = deque()
        self._over = False
        self._changes = Changes()
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Wait until the decoder is ready. Raises EngineError."""
        try:
            async with asyncio.timeout(self._limits.start):
                report = await self._next_report()
        except TimeoutError:
            raise EngineError("the decoder did not become ready in time") from None
        if not isinstance(report, Ready):
            raise EngineError("the decoder ended while it started")
        self._reader = asyncio.create_task(self._read())

    async def hear(self, chunk: FloorChunk) -> None:
        """Send a chunk; waits while the decoder is behind. Raises EngineError."""
        if self._finishing:
            raise EngineError("the recogniser has finished", retryable=False)
        pcm = chunk.pcm[: len(chunk.pcm) // 2 * 2]
        if not pcm:
            return
        if len(pcm) > MAX_PAYLOAD_BYTES:
            raise EngineError(f"a chunk of {len(pcm)} bytes is too long", retryable=False)
        if self._follows_a_pause(chunk.timestamp):
            await self._command(Command.BREAK)
        self._timeline.add(chunk.timestamp, len(pcm) / self._bytes_per_ms)
        await self._command(Command.SOUND, pcm)

    def results(self) -> AsyncIterator[RecognitionResult]:
        """Iterate over results until `finish` or an EngineError."""
        return self._iterate()

    async def finish(self) -> None:
        """Signal the end of the audio. Raises EngineError."""
        if not self._finishing:
            self._finishing = True
            await self._command(Command.FINISH)

    async def close(self) -> None:
        """End the process. May be repeated."""
        if self._watch is not None:
            self._watch.cancel()
        if self._reader is not None:
            self._reader.cancel()
        self._end()
        if self._reader is not None:
            await asyncio.gather(self._reader, return_exceptions=True)
        await kill(self._process)  # it has nothing to save
        self._stdin.close()

    def _follows_a_pause(self, timestamp: int) -> bool:
        if not self._timeline.heard_ms:
            return False
        expected = self._timeline.end_at(self._timeline.heard_ms)
        return abs(timestamp - expected) >= _PAUSE_MS

    async def _command(self, command: Command, payload: bytes = b"") -> None:
        self._check()
        self._pending += 1
        if self._watch is None:
            self._expect_progress()
        try:
            self._stdin.write(frame(command, payload))
            await self._stdin.drain()
        except (ConnectionError, RuntimeError):
            self._fail("the decoder ended unexpectedly")
        self._check()

    def _check(self) -> None:
        if self._fault is not None:
            raise self._fault

    def _expect_progress(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch = None
        if self._pending:
            loop = asyncio.get_running_loop()
            self._watch = loop.call_later(self._limits.answer, self._hangs)

    def _hangs(self) -> None:
        self._fail("the decoder does not answer")
        # Otherwise `hear` would block on a full pipe.
        self._stdin.transport.abort()

    async def _read(self) -> None:
        while (report := await self._next_report()) is not None:
            if isinstance(report, Transcript) and self._timeline.heard_ms:
                await self._room.acquire()
                self._results.append(self._to_result(report))
                self._changes.notify()
            elif isinstance(report, Done) and self._pending:
                self._pending -= 1
                self._expect_progress()
            else:
                break
        if self._finishing and not self._pending:
            self._end()
        else:
            self._fail("the decoder ended unexpectedly")

    async def _next_report(self) -> Report | None:
        """Read the next report; None at the end of the output, or if it is invalid."""
        try:
            data = await self._stdout.readline()
            return parse(data) if data else None
        except (ValueError, ConnectionError, msgspec.MsgspecError):
            return None

    def _to_result(self, transcript: Transcript) -> RecognitionResult:
        return RecognitionResult(
            text=transcript.text,
            final=transcript.final,
            timestamp=self._timeline.at(transcript.start_ms),
            end_timestamp=self._timeline.end_at(transcript.end_ms),
        )

    def _fail(self, message: str) -> None:
        if not self._over:
            self._fault = self._fault or EngineError(message)
            self._end()

    def _end(self) -> None:
        self._over = True
        self._changes.notify()

    async def _iterate(self) -> AsyncIterator[RecognitionResult]:
        while True:
            while self._results:
                self._room.release()
                yield self._results.popleft()
            if self._over:
                break
            await self._changes.until(lambda: self._results or self._over)
        self._check()
