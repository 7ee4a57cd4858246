"""Floor listener: orders the floor's audio and runs the recogniser on demand.

A recogniser that fails is restarted. If restarts do not help, `on_broken` is called. If the floor's
clock steps back, `on_clock_step_back` is called, because floor times stored elsewhere have become
invalid.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from client.changes import Changes
from client.flows.streaming import run_until_first_ends
from client.playback.capture import Sleep
from client.playback.clock_anchor import ClockAnchor
from interpreter.engine import Engine, EngineError, FloorChunk, Recogniser, RecognitionResult
from interpreter.loudness import loudness
from interpreter.machine.floor import FloorHistory, ReorderBuffer
from interpreter.machine.options import Limits
from interpreter.machine.report import EngineFailed, Hooks, RecognitionSwitched, Report
from interpreter.machine.result_validator import ResultValidator
from interpreter.machine.timeouts import open_with_timeout, with_timeout
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import Audio

# Audio above this root mean square (16-bit samples) counts as speech: about -40 dBFS.
_LOUD = 300.0
# A longer transit time (ms) indicates clocks that differ, not a slow network.
_LONGEST_TRANSIT_MS = 2_000
# A recogniser that takes longer than this to fail at its start (ms) is likely to do so again, and
# listeners hear nothing meanwhile.
_SLOW_START_MS = 3_000
# First delay before a restart; doubles with each failure.
_FIRST_RETRY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class ListenerContext:
    """Language, audio format and collaborators of a floor listener.

    `now_ms` returns the current time by the server's clock.
    """

    engine: Engine
    language: str
    audio_format: AudioFormat
    limits: Limits
    now_ms: Callable[[], float]
    sleep: Sleep
    report: Report
    hooks: Hooks


class FloorListener:
    """Receives the floor all the time, and recognises it between `listen` and `stop`."""

    def __init__(
        self,
        context: ListenerContext,
        on_result: Callable[[RecognitionResult], None],
        on_broken: Callable[[EngineError | None], None],
        on_clock_step_back: Callable[[], None],
    ) -> None:
        self._context = context
        self._on_clock_step_back = on_clock_step_back
        self._on_result = on_result
        self._on_broken = on_broken
        limits = context.limits
        self._order = ReorderBuffer(limits.reorder_ms)
        self._history = FloorHistory(context.audio_format, limits.kept_ms)
        self._epoch = -1
        self._clocks = ClockAnchor(_LONGEST_TRANSIT_MS)  # of the newest epoch
        # Bounded, in case the recogniser is too slow.
        max_chunks = int(limits.kept_ms / context.audio_format.chunk_ms)
        self._inbox: deque[FloorChunk] = deque(maxlen=max_chunks)
        self._validator = ResultValidator()
        self._listening = False
        self._finishing = False
        self._generation = 0  # incremented by `listen`
        self._received_at: float | None = None  # when the last chunk arrived
        self._chunk_ms = context.audio_format.chunk_ms  # of that chunk
        self._silence_ms = 0.0  # silence inserted since then
        self._loud_ms = 0.0  # speech since the last final result
        self._no_result_ms = 0.0  # speech since the last result of any kind
        self._partial = False
        self._resume_at = 0.0  # floor time from which a restarted recogniser continues
        self._failures = 0
        self._starting_since: float | None = None  # while a recogniser is opening
        self._read_to_end = asyncio.Event()
        self._changes = Changes()

    @property
    def position(self) -> float | None:
        """Floor time up to which audio was received; None before the first chunk."""
        return self._history.end

    @property
    def is_listening(self) -> bool:
        """Whether the floor is being recognised."""
        return self._listening

    @property
    def _is_active(self) -> bool:
        return self._listening or self._finishing

    @property
    def in_utterance(self) -> bool:
        """Whether the speaker seems to be in mid-sentence."""
        return self._listening and (self._partial or self._loud_ms > 0)

    def elapsed_since(self, result: RecognitionResult) -> float:
        """Time since the end of a result (ms), corrected for the speaker's clock."""
        ended_at = result.end_timestamp + self._clocks.offset_ms
        return max(self._context.now_ms() - ended_at, 0.0)

    def receive(self, audio: Audio, received_at_ms: float) -> None:
        """Take in a floor chunk from any connection."""
        transit = received_at_ms - audio.timestamp
        transit -= self._context.audio_format.duration_ms(len(audio.audio))
        if audio.epoch > self._epoch:  # possibly another device, with another clock
            self._epoch, self._clocks = audio.epoch, ClockAnchor(_LONGEST_TRANSIT_MS)
        if audio.epoch == self._epoch:
            self._clocks.observe(received_at_ms, transit)
        self._order.push(audio, received_at_ms)
        self._take_ordered()

    def listen(self, since: float) -> None:
        """Start recognition from the given floor time."""
        if not self._listening:
            self._listening, self._resume_at, self._failures = True, since, 0
            self._generation += 1
            self._refill(since)
            self._changes.notify()

    def stop(self) -> None:
        """Stop recognition and drop pending results."""
        self._listening = False
        self._changes.notify()

    async def finish(self) -> None:
        """Stop recognition after the audio received so far."""
        if self._listening:
            self._finishing = True
            self.stop()
            await self._changes.until(lambda: not self._is_active)

    async def wait_for_pause(self) -> None:
        """Wait until the speaker is not in mid-sentence."""
        await self._changes.until(lambda: not self.in_utterance)

    async def run(self) -> None:
        """Run a recogniser whenever needed, until cancelled."""
        while True:
            await self._changes.until(lambda: self._listening)
            self._context.hooks.on_news(RecognitionSwitched(on=True))
            while self._is_active:
                await self._attempt()
            self._context.hooks.on_news(RecognitionSwitched(on=False))

    async def _attempt(self) -> None:
        """Recognise until stopped, or until the recogniser fails."""
        self._partial, self._loud_ms, self._no_result_ms = False, 0.0, 0.0
        try:
            await self._recognise()
        except TimeoutError:
            await self._handle_failure("timeout", None)
        except EngineError as fault:
            await self._handle_failure(type(fault).__name__, fault)
        except Exception as fault:  # noqa: BLE001 - engines are third-party code
            await self._handle_failure(type(fault).__name__, None)
        finally:
            self._finishing = False
            self._changes.notify()

    async def _handle_failure(self, kind: str, fault: EngineError | None) -> None:
        context = self._context
        context.report.failures["recognise"] += 1
        context.hooks.on_news(EngineFailed("recognise", kind))
        if not self._listening:
            return
        self._failures += context.limits.max_failures if self._hangs_at_start() else 1
        permanent = fault is not None and not fault.retryable
        if permanent or self._failures >= context.limits.max_failures:
            self._listening = False
            self._on_broken(fault if permanent else None)
            return
        context.report.restarts += 1
        await context.sleep(_FIRST_RETRY_SECONDS * 2 ** (self._failures - 1))
        # The first restart repeats the missed audio. Later ones skip it, in case that audio is what
        # makes the recogniser fail.
        position = self._history.end or 0.0
        latest = position - context.limits.pre_roll_ms
        self._refill(self._resume_at if self._failures == 1 else latest)

    def _hangs_at_start(self) -> bool:
        since = self._starting_since
        return since is not None and self._context.now_ms() - since >= _SLOW_START_MS

    async def _recognise(self) -> None:
        context, limits = self._context, self._context.limits
        opening = context.engine.recogniser(context.language, context.audio_format.sample_rate)
        self._read_to_end = asyncio.Event()
        self._starting_since = context.now_ms()
        async with open_with_timeout(
            context.sleep,
            opening,
            start_seconds=limits.start_seconds,
            close_seconds=limits.finish_seconds,
        ) as recogniser:
            self._starting_since = None
            await run_until_first_ends(self._feed(recogniser), self._read(recogniser))

    async def _feed(self, recogniser: Recogniser) -> None:
        sleep, limits = self._context.sleep, self._context.limits
        generation = self._generation
        while (chunk := await self._next(generation)) is not None:
            self._track_speech(chunk)
            await with_timeout(sleep, limits.hear_seconds, recogniser.hear(chunk))
        if self._finishing:
            await with_timeout(sleep, limits.finish_seconds, recogniser.finish())
            await with_timeout(sleep, limits.finish_seconds, self._read_to_end.wait())

    async def _read(self, recogniser: Recogniser) -> None:
        async for result in recogniser.results():
            self._failures, self._no_result_ms = 0, 0.0
            self._partial = not result.final
            if result.final:
                self._loud_ms = 0.0
            valid = self._validator.accepts(result, self._history.end or 0.0)
            self._context.report.disordered = self._validator.disordered
            if valid:
                if result.final:
                    self._resume_at = result.end_timestamp
                self._on_result(result)
            self._changes.notify()
        if self._listening:
            raise EngineError("the recogniser ended unexpectedly")
        self._read_to_end.set()
        await asyncio.Event().wait()  # `_feed` ends both

    def _track_speech(self, chunk: FloorChunk) -> None:
        """Measure speech. Raises EngineError after too much speech without a result."""
        if loudness(chunk.pcm) > _LOUD:
            duration_ms = self._context.audio_format.duration_ms(len(chunk.pcm))
            self._loud_ms += duration_ms
            self._no_result_ms += duration_ms
            if self._no_result_ms > self._context.limits.no_result_seconds * 1000:
                raise EngineError("the recogniser returned no results for too long")

    async def _next(self, generation: int) -> FloorChunk | None:
        """Next chunk, or silence if none arrives; None once recognition is stopped."""
        while not self._inbox:
            if not self._listening or generation != self._generation:
                return None
            seen, now = self._changes.version, self._context.now_ms()
            quiet_at = self._quiet_at()
            if quiet_at is not None and now >= quiet_at:
                return self._silence()
            times = [time for time in (quiet_at, self._order.next_due_ms) if time is not None]
            if not times:
                await self._changes.since(seen)
                continue
            with contextlib.suppress(TimeoutError):
                wait = max(min(times) - now, 1.0) / 1000
                await with_timeout(self._context.sleep, wait, self._changes.since(seen))
            self._take_ordered()
        wanted = self._is_active and generation == self._generation
        return self._inbox.popleft() if wanted else None

    def _quiet_at(self) -> float | None:
        """When to insert the next chunk of silence; None if enough was inserted."""
        limits = self._context.limits
        if self._received_at is None or self._silence_ms >= limits.silence_ms:
            return None
        return self._received_at + self._chunk_ms + limits.quiet_ms + self._silence_ms

    def _silence(self) -> FloorChunk:
        audio_format = self._context.audio_format
        at = (self._history.end or 0.0) + self._silence_ms
        self._silence_ms += audio_format.chunk_ms
        return FloorChunk(round(at), bytes(audio_format.chunk_bytes))

    def _take_ordered(self) -> None:
        for audio in self._order.pop(self._context.now_ms()):
            chunk = FloorChunk(audio.timestamp, audio.audio)
            if self._history.add(chunk):
                self._resume_at = chunk.timestamp
                self._validator.clock_stepped_back()
                self._on_clock_step_back()
            self._received_at, self._silence_ms = self._context.now_ms(), 0.0
            self._chunk_ms = audio.chunk_ms or self._context.audio_format.chunk_ms
            if self._listening:
                self._context.report.unheard += len(self._inbox) == self._inbox.maxlen
                self._inbox.append(chunk)
            self._changes.notify()

    def _refill(self, since: float) -> None:
        self._inbox.clear()
        self._inbox.extend(self._history.since(since))
