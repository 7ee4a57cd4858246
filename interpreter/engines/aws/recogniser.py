"""Transcribe recogniser: recognises a floor of any length over successive streams."""

from __future__ import annotations

import asyncio
import logging
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress

from client.changes import Changes
from interpreter.engine import EngineError, FloorChunk, RecognitionResult
from interpreter.engines.aws.error_mapping import ConnectionLostError, LimitExceededError
from interpreter.engines.aws.event_stream import FrameError
from interpreter.engines.aws.floor_buffer import FloorBuffer
from interpreter.engines.aws.result_queue import ResultQueue
from interpreter.engines.aws.stream import TranscribeStream
from interpreter.engines.aws.timing import Timing
from interpreter.engines.aws.transcripts import SentenceSplitter, TimedText
from interpreter.timeline import Timeline
from shared.utils.clock import Clock

# Samples above this (of 32 767) are louder than the noise of a quiet room.
_LOUD = 1_000
# A result this long before the last one is timed by another speaker's clock.
_OTHER_CLOCK_MS = 60_000

RandomFraction = Callable[[], float]  # uniform in 0..1
OpenStream = Callable[[], Awaitable[TranscribeStream]]

_log = logging.getLogger("lingocast.interpreter.aws")


class TranscribeRecogniser:
    """Recogniser of one floor. Call `start` first and `close` at the end."""

    def __init__(
        self,
        open_stream: OpenStream,
        sample_rate: int,
        *,
        timing: Timing,
        clock: Clock,
        random_fraction: RandomFraction,
    ) -> None:
        self._open = open_stream
        self._timing = timing
        self._clock = clock
        self._random_fraction = random_fraction
        self._buffer = FloorBuffer(sample_rate, timing.kept_ms)
        self._results = ResultQueue()
        self._changes = Changes()
        self._finishing = False
        self._first: TranscribeStream | None = None
        self._task: asyncio.Task[None] | None = None
        self._last_end = 0
        self._mid_sentence = False
        self._unanswered_ms = 0.0
        self._answered = 0.0

    async def start(self) -> None:
        """Open the first stream. Raises EngineError."""
        self._first = await self._open()
        self._task = asyncio.create_task(self._run(self._first))

    async def hear(self, chunk: FloorChunk) -> None:
        """Process the next chunk; see `Recogniser`."""
        self._raise_fault()
        if chunk.pcm:
            self._buffer.add(chunk)
            self._changes.notify()

    def results(self) -> AsyncIterator[RecognitionResult]:
        """Iterate over results; see `Recogniser`."""
        return self._results.read()

    async def finish(self) -> None:
        """Signal the end of the audio; see `Recogniser`."""
        self._raise_fault()
        self._finishing = True
        self._changes.notify()

    async def close(self) -> None:
        """Close the stream. May be repeated."""
        self._results.close()
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._first:
            # A task cancelled before it started has not closed the stream.
            await self._first.close()

    def _raise_fault(self) -> None:
        if self._results.fault:
            raise self._results.fault

    async def _run(self, stream: TranscribeStream) -> None:
        """Use one stream after another until the audio ends or recovery fails."""
        fault: EngineError | None = None
        try:
            await self._use_streams(stream)
        except EngineError as last:
            fault = last
            _log.warning("recogniser stopped: %s", last)
        finally:
            self._results.close(fault)

    async def _use_streams(self, first: TranscribeStream) -> None:
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
        """Wait before the next attempt. Raises `fault` if no attempt is left."""
        if not fault.retryable or failed >= self._timing.attempts:
            raise fault
        _log.info(
            "recogniser reconnects: %s; %d ms of floor audio lost so far",
            fault,
            self._buffer.dropped_ms,
        )
        await asyncio.sleep(self._delay(fault, failed))

    def _delay(self, fault: EngineError, failed: int) -> float:
        """Seconds until the next attempt: random, below a ceiling that doubles."""
        limited = isinstance(fault, LimitExceededError)
        first = self._timing.limited_delay if limited else self._timing.first_delay
        ceiling = min(first * 2.0 ** (failed - 1), self._timing.last_delay)
        return self._random_fraction() * ceiling

    async def _use(self, stream: TranscribeStream, opened: float) -> None:
        """Send and read until the stream ends normally. Raises EngineError otherwise."""
        self._mid_sentence, self._unanswered_ms, self._answered = False, 0.0, opened
        reading = asyncio.create_task(self._read(stream))
        feeding = asyncio.create_task(self._feed(stream, opened))
        try:
            await asyncio.wait({reading, feeding}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done() and feeding.exception() is not None:
                # An error message sent before the connection broke explains the cause better.
                await asyncio.wait({reading}, timeout=self._timing.error_grace)
            if not reading.done():
                feeding.result()
                await asyncio.wait({reading}, timeout=self._timing.finish)
            if not reading.done():
                raise ConnectionLostError("Transcribe did not end the stream in time")
            reading.result()
            self._buffer.settle_all()
        finally:
            for task in (reading, feeding):
                task.cancel()
            await asyncio.gather(reading, feeding, return_exceptions=True)
            await stream.close()

    async def _feed(self, stream: TranscribeStream, opened: float) -> None:
        """Send audio, and silence while none arrives; then end the stream."""
        patience, silence_ms = self._timing.keep_alive, self._timing.keep_alive_ms
        while not self._should_end(opened):
            seen = self._changes.version
            chunk = self._buffer.take()
            if chunk is not None:
                self._buffer.sent(chunk, await stream.send(chunk.pcm, chunk.timestamp))
                self._check_for_results(chunk)
                patience, silence_ms = self._timing.quiet, self._timing.quiet_ms
            elif not await self._changed_within(patience, seen):
                await stream.send_silence(silence_ms)
                patience, silence_ms = self._timing.keep_alive, self._timing.keep_alive_ms
        await stream.end()

    def _should_end(self, opened: float) -> bool:
        """Whether the audio has ended, or the stream is too old."""
        if self._finishing and not self._buffer.waiting:
            return True
        age = self._clock.monotonic() - opened
        limit = self._timing.roll_over_latest if self._mid_sentence else self._timing.roll_over
        return age >= limit

    async def _changed_within(self, seconds: float, seen: int) -> bool:
        """Whether audio or its end arrives within `seconds`, after version `seen`."""
        try:
            async with asyncio.timeout(seconds):
                await self._changes.since(seen)
        except TimeoutError:
            return False
        return True

    def _check_for_results(self, chunk: FloorChunk) -> None:
        """Raise ConnectionLostError after too much loud audio without any result."""
        samples = array("h", chunk.pcm[: len(chunk.pcm) // 2 * 2])
        if max(samples, default=0) > _LOUD:
            self._unanswered_ms += self._buffer.duration(chunk.pcm)
        silent = self._clock.monotonic() - self._answered
        # Both must exceed the limit: a new stream gets buffered audio faster than in real time.
        if min(silent, self._unanswered_ms / 1000) > self._timing.no_result:
            raise ConnectionLostError("Transcribe stopped sending results")

    async def _read(self, stream: TranscribeStream) -> None:
        sentences = SentenceSplitter()
        async with aclosing(stream.results()) as events:
            async for results in events:
                self._unanswered_ms, self._answered = 0.0, self._clock.monotonic()
                for result in results:
                    for part in sentences.take(result):
                        self._emit(stream, part)

    def _emit(self, stream: TranscribeStream, part: TimedText) -> None:
        """Queue a result, with floor times."""
        self._mid_sentence = not part.final
        if part.final:
            self._buffer.settle(part.settled * 1000)
        if not part.text:
            return
        try:
            start, end = _floor_times(stream.timeline, part)
        except ValueError:
            raise FrameError("Transcribe sent results before any audio; connect again") from None
        if self._last_end - end < _OTHER_CLOCK_MS:
            start = max(start, self._last_end)
        end = max(start + 1, end)
        if part.final:
            self._last_end = end
        self._results.put(RecognitionResult(part.text, part.final, start, end))


def _floor_times(timeline: Timeline, part: TimedText) -> tuple[int, int]:
    """Start of the first word and end of the last. Raises ValueError without audio."""
    start_ms = (part.first_middle - part.start) * 1000
    end_ms = (part.end - part.last_middle) * 1000
    return (
        round(timeline.at(part.first_middle * 1000) - start_ms),
        round(timeline.at(part.last_middle * 1000) + end_ms),
    )
