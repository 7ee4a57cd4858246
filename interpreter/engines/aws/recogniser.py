"""Hears a floor for as long as it lasts, over as many streams of Transcribe as that takes."""

from __future__ import annotations

import asyncio
import logging
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress

from client.changes import Changes
from interpreter.engine import EngineError, FloorChunk, Recognised
from interpreter.engines.aws.error_mapping import ConnectionLostError, LimitExceededError
from interpreter.engines.aws.event_stream import FrameError
from interpreter.engines.aws.floor_buffer import FloorBuffer
from interpreter.engines.aws.result_queue import ResultQueue
from interpreter.engines.aws.stream import TranscribeStream
from interpreter.engines.aws.timing import Timing
from interpreter.engines.aws.transcripts import Passage, Sentences
from interpreter.timeline import Timeline
from shared.utils.clock import Clock

# A sample beyond this (of 32 767) is no noise of a quiet room.
_LOUD = 1_000
# What is said so long before what was said last is timed by another clock: another speaker's.
_OTHER_CLOCK_MS = 60_000

Chance = Callable[[], float]  # evenly from 0 to 1
OpenStream = Callable[[], Awaitable[TranscribeStream]]

_log = logging.getLogger("lingocast.interpreter.aws")


class TranscribeRecogniser:
    """One floor. Call `start` first, and `close` at the end."""

    def __init__(
        self,
        open_stream: OpenStream,
        sample_rate: int,
        *,
        timing: Timing,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._open = open_stream
        self._timing = timing
        self._clock = clock
        self._chance = chance
        self._buffer = FloorBuffer(sample_rate, timing.kept_ms)
        self._outlet = ResultQueue()
        self._changes = Changes()
        self._finishing = False
        self._first: TranscribeStream | None = None
        self._task: asyncio.Task[None] | None = None
        self._last_end = 0
        self._talking = False
        self._unanswered_ms = 0.0
        self._answered = 0.0

    async def start(self) -> None:
        """Open the first stream. Raises EngineError."""
        self._first = await self._open()
        self._task = asyncio.create_task(self._run(self._first))

    async def hear(self, chunk: FloorChunk) -> None:
        """Take in the next chunk; see `Recogniser`."""
        self._raise_fault()
        if chunk.pcm:
            self._buffer.add(chunk)
            self._changes.notify()

    def results(self) -> AsyncIterator[Recognised]:
        """What is recognised; see `Recogniser`."""
        return self._outlet.read()

    async def finish(self) -> None:
        """No more sound will come; see `Recogniser`."""
        self._raise_fault()
        self._finishing = True
        self._changes.notify()

    async def close(self) -> None:
        """Let go of the stream. May be repeated."""
        self._outlet.close()
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._first:
            # A task that was cancelled before it began has closed nothing.
            await self._first.close()

    def _raise_fault(self) -> None:
        if self._outlet.fault:
            raise self._outlet.fault

    async def _run(self, stream: TranscribeStream) -> None:
        """One stream after the other, until the sound has ended or nothing helps."""
        fault: EngineError | None = None
        try:
            await self._streams(stream)
        except EngineError as last:
            fault = last
            _log.warning("recogniser stopped: %s", last)
        finally:
            self._outlet.close(fault)

    async def _streams(self, first: TranscribeStream) -> None:
        stream: TranscribeStream | None = first
        failed = 0
        while True:
            opened = self._clock.monotonic()
            try:
                if stream is None:
                    stream = await self._open()
                    opened = self._clock.monotonic()
                await self._use(stream, opened)
                failed, fault = 0, None
            except EngineError as lost:
                steady = self._clock.monotonic() - opened >= self._timing.steady
                failed, fault = 1 if steady else failed + 1, lost
            stream = None
            self._buffer.rewind()
            done = self._finishing and not self._buffer.waiting
            if done and (fault is None or fault.retryable):
                return
            if fault is not None:
                await self._recover(fault, failed)

    async def _recover(self, fault: EngineError, failed: int) -> None:
        """Wait until it is worth another attempt; raises `fault` if it is worth none."""
        if not fault.retryable or failed >= self._timing.attempts:
            raise fault
        _log.info(
            "recogniser connects again: %s; %d ms of the floor were lost so far",
            fault,
            self._buffer.dropped_ms,
        )
        await asyncio.sleep(self._delay(fault, failed))

    def _delay(self, fault: EngineError, failed: int) -> float:
        """Seconds until the next attempt: anything below a ceiling, which doubles."""
        limited = isinstance(fault, LimitExceededError)
        first = self._timing.limited_delay if limited else self._timing.first_delay
        ceiling = min(first * 2.0 ** (failed - 1), self._timing.last_delay)
        return self._chance() * ceiling

    async def _use(self, stream: TranscribeStream, opened: float) -> None:
        """Send and read until the stream was ended and closed. Raises EngineError otherwise."""
        self._talking, self._unanswered_ms, self._answered = False, 0.0, opened
        reading = asyncio.create_task(self._read(stream))
        feeding = asyncio.create_task(self._feed(stream, opened))
        try:
            await asyncio.wait({reading, feeding}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done() and feeding.exception() is not None:
                # What the service said before the connection broke explains it better.
                await asyncio.wait({reading}, timeout=self._timing.last_words)
            if not reading.done():
                feeding.result()
                await asyncio.wait({reading}, timeout=self._timing.finish)
            if not reading.done():
                raise ConnectionLostError("Transcribe does not end the stream")
            reading.result()
            self._buffer.settle_all()
        finally:
            for task in (reading, feeding):
                task.cancel()
            await asyncio.gather(reading, feeding, return_exceptions=True)
            await stream.close()

    async def _feed(self, stream: TranscribeStream, opened: float) -> None:
        """Send what comes in, and silence while nothing does; end the stream when it is time."""
        patience, silence_ms = self._timing.keep_alive, self._timing.keep_alive_ms
        while not self._is_over(opened):
            seen = self._changes.version
            chunk = self._buffer.take()
            if chunk is not None:
                self._buffer.sent(chunk, await stream.send(chunk.pcm, chunk.timestamp))
                self._notice(chunk)
                patience, silence_ms = self._timing.quiet, self._timing.quiet_ms
            elif not await self._changed_within(patience, seen):
                await stream.send_silence(silence_ms)
                patience, silence_ms = self._timing.keep_alive, self._timing.keep_alive_ms
        await stream.end()

    def _is_over(self, opened: float) -> bool:
        """Whether the sound has ended, or the stream is too old."""
        if self._finishing and not self._buffer.waiting:
            return True
        age = self._clock.monotonic() - opened
        limit = self._timing.roll_over_latest if self._talking else self._timing.roll_over
        return age >= limit

    async def _changed_within(self, seconds: float, seen: int) -> bool:
        """Whether sound or the end came after version `seen`, by then."""
        try:
            async with asyncio.timeout(seconds):
                await self._changes.since(seen)
        except TimeoutError:
            return False
        return True

    def _notice(self, chunk: FloorChunk) -> None:
        """Loud sound to which the service never says anything: there is nobody any more."""
        samples = array("h", chunk.pcm[: len(chunk.pcm) // 2 * 2])
        if max(samples, default=0) > _LOUD:
            self._unanswered_ms += self._buffer.duration(chunk.pcm)
        silent = self._clock.monotonic() - self._answered
        # What a new stream gets from the buffer comes quicker than it can be answered.
        if min(silent, self._unanswered_ms / 1000) > self._timing.deaf:
            raise ConnectionLostError("Transcribe says nothing any more")

    async def _read(self, stream: TranscribeStream) -> None:
        sentences = Sentences()
        async with aclosing(stream.results()) as events:
            async for results in events:
                self._unanswered_ms, self._answered = 0.0, self._clock.monotonic()
                for result in results:
                    for passage in sentences.take(result):
                        self._tell(stream, passage)

    def _tell(self, stream: TranscribeStream, passage: Passage) -> None:
        """Hand on what was recognised, in times of the floor."""
        self._talking = not passage.final
        if passage.final:
            self._buffer.settle(passage.settled * 1000)
        if not passage.text:
            return
        try:
            start, end = _floor_times(stream.timeline, passage)
        except ValueError:
            raise FrameError("Transcribe heard something before there was any sound") from None
        if self._last_end - end < _OTHER_CLOCK_MS:
            start = max(start, self._last_end)
        end = max(start + 1, end)
        if passage.final:
            self._last_end = end
        self._outlet.put(Recognised(passage.text, passage.final, start, end))


def _floor_times(timeline: Timeline, passage: Passage) -> tuple[int, int]:
    """When its first word began and its last one ended. Raises ValueError without any sound."""
    start_ms = (passage.first_middle - passage.start) * 1000
    end_ms = (passage.end - passage.last_middle) * 1000
    return (
        round(timeline.at(passage.first_middle * 1000) - start_ms),
        round(timeline.at(passage.last_middle * 1000) + end_ms),
    )
