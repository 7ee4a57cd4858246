"""The ear of a machine: the floor's sound, and the recogniser that hears it while it is needed.

The recogniser is started again when it fails; when that does not help, the engine is `broken`. If
the floor goes on by a clock that is behind the former one, floor times that are kept elsewhere mean
nothing any more: `stepped_back` is called.
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
from interpreter.engine import Engine, EngineError, FloorChunk, Recognised, Recogniser
from interpreter.loudness import loudness
from interpreter.machine.floor import FloorOrder, Recent
from interpreter.machine.options import Limits
from interpreter.machine.report import EngineFault, Hooks, Recognising, Report
from interpreter.machine.result_validator import ResultValidator
from interpreter.machine.timeouts import opened, within
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import Audio

# Louder than this (root mean square of 16-bit samples) is taken for speech: about -40 dBFS.
_LOUD = 300.0
# A chunk that took longer than this to come tells of two clocks, not of a network (ms).
_LONGEST_TRANSIT_MS = 2_000
# A recogniser that takes longer than this to fail at its start will do so again (ms): whoever waits
# for it hears nothing meanwhile.
_SLOW_START_MS = 3_000
# Waits between attempts to start a recogniser double from this.
_FIRST_RETRY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Hearing:
    """What an ear hears, and with what; `now_ms` is the time by the server's clock."""

    engine: Engine
    language: str
    audio_format: AudioFormat
    limits: Limits
    now_ms: Callable[[], float]
    sleep: Sleep
    report: Report
    hooks: Hooks


class FloorListener:
    """Hears the floor all the time, and has it recognised between `listen` and `stop`."""

    def __init__(
        self,
        hearing: Hearing,
        on_result: Callable[[Recognised], None],
        broken: Callable[[EngineError | None], None],
        stepped_back: Callable[[], None],
    ) -> None:
        self._hearing = hearing
        self._stepped_back = stepped_back
        self._on_result = on_result
        self._broken = broken
        limits = hearing.limits
        self._order = FloorOrder(limits.order_ms)
        self._recent = Recent(hearing.audio_format, limits.kept_ms)
        self._epoch = -1
        self._clocks = ClockAnchor(_LONGEST_TRANSIT_MS)  # of the newest epoch
        # What the recogniser is too slow for is not queued for ever.
        most = int(limits.kept_ms / hearing.audio_format.chunk_ms)
        self._inbox: deque[FloorChunk] = deque(maxlen=most)
        self._guard = ResultValidator()
        self._listening = False
        self._finishing = False
        self._turn = 0  # rises with each time that it is to listen
        self._heard_at: float | None = None  # when the last chunk came
        self._silence_ms = 0.0  # heard since then
        self._loud_ms = 0.0  # since the last result that was final
        self._unheeded_ms = 0.0  # loud since the last result of any kind
        self._partial = False
        self._resume_at = 0.0  # floor time from which a failed recogniser's successor hears
        self._failures = 0
        self._starting_since: float | None = None  # while a recogniser starts
        self._read_to_end = asyncio.Event()
        self._changes = Changes()

    @property
    def position(self) -> float | None:
        """The floor time up to which it has heard; None before the first chunk."""
        return self._recent.end

    @property
    def is_listening(self) -> bool:
        """Whether the floor is being recognised."""
        return self._listening

    @property
    def _is_wanted(self) -> bool:
        return self._listening or self._finishing

    @property
    def in_utterance(self) -> bool:
        """Whether somebody is in the middle of something, as far as can be told."""
        return self._listening and (self._partial or self._loud_ms > 0)

    def since_end_of(self, result: Recognised) -> float:
        """How long ago that was said, in ms, though the speaker's clock may be another."""
        said_at = result.end_timestamp + self._clocks.offset_ms
        return max(self._hearing.now_ms() - said_at, 0.0)

    def heard(self, audio: Audio, received_at_ms: float) -> None:
        """A chunk of the floor arrived, on any connection."""
        transit = received_at_ms - audio.timestamp
        transit -= self._hearing.audio_format.duration_ms(len(audio.audio))
        if audio.epoch > self._epoch:  # perhaps another device, with another clock
            self._epoch, self._clocks = audio.epoch, ClockAnchor(_LONGEST_TRANSIT_MS)
        if audio.epoch == self._epoch:
            self._clocks.observe(received_at_ms, transit)
        self._order.push(audio, received_at_ms)
        self._take_in_order()

    def listen(self, since: float) -> None:
        """Have the floor recognised, from that floor time on."""
        if not self._listening:
            self._listening, self._resume_at, self._failures = True, since, 0
            self._turn += 1
            self._refill(since)
            self._changes.notify()

    def stop(self) -> None:
        """Have it recognised no more; what is not known by now does not matter."""
        self._listening = False
        self._changes.notify()

    async def finish(self) -> None:
        """Have what was heard so far recognised to its end, and stop."""
        if self._listening:
            self._finishing = True
            self.stop()
            await self._changes.until(lambda: not self._is_wanted)

    async def boundary(self) -> None:
        """Wait until nobody is in the middle of anything."""
        await self._changes.until(lambda: not self.in_utterance)

    async def run(self) -> None:
        """Recognise whenever it is wanted, until it is cancelled."""
        while True:
            await self._changes.until(lambda: self._listening)
            self._hearing.hooks.on_news(Recognising(on=True))
            while self._is_wanted:
                await self._attempt()
            self._hearing.hooks.on_news(Recognising(on=False))

    async def _attempt(self) -> None:
        """Recognise until it is stopped, or fails."""
        self._partial, self._loud_ms, self._unheeded_ms = False, 0.0, 0.0
        try:
            await self._recognise()
        except TimeoutError:
            await self._failed("timeout", None)
        except EngineError as fault:
            await self._failed(type(fault).__name__, fault)
        except Exception as fault:  # noqa: BLE001 - an engine is somebody else's code
            await self._failed(type(fault).__name__, None)
        finally:
            self._finishing = False
            self._changes.notify()

    async def _failed(self, kind: str, fault: EngineError | None) -> None:
        hearing = self._hearing
        hearing.report.failures["recognise"] += 1
        hearing.hooks.on_news(EngineFault("recognise", kind))
        if not self._listening:
            return
        self._failures += hearing.limits.failures if self._hangs_at_start() else 1
        hopeless = fault is not None and not fault.retryable
        if hopeless or self._failures >= hearing.limits.failures:
            self._listening = False
            self._broken(fault if hopeless else None)
            return
        hearing.report.restarts += 1
        await hearing.sleep(_FIRST_RETRY_SECONDS * 2 ** (self._failures - 1))
        # What was said meanwhile is not lost, unless that is what the recogniser cannot bear.
        position = self._recent.end or 0.0
        late = position - hearing.limits.pre_roll_ms
        self._refill(self._resume_at if self._failures == 1 else late)

    def _hangs_at_start(self) -> bool:
        since = self._starting_since
        return since is not None and self._hearing.now_ms() - since >= _SLOW_START_MS

    async def _recognise(self) -> None:
        hearing, limits = self._hearing, self._hearing.limits
        context = hearing.engine.recogniser(hearing.language, hearing.audio_format.sample_rate)
        self._read_to_end = asyncio.Event()
        self._starting_since = hearing.now_ms()
        async with opened(
            hearing.sleep,
            context,
            start_seconds=limits.start_seconds,
            close_seconds=limits.finish_seconds,
        ) as recogniser:
            self._starting_since = None
            await run_until_first_ends(self._feed(recogniser), self._read(recogniser))

    async def _feed(self, recogniser: Recogniser) -> None:
        hearing, limits = self._hearing, self._hearing.limits
        turn = self._turn
        while (chunk := await self._next(turn)) is not None:
            self._weigh(chunk)
            await within(hearing.sleep, limits.hear_seconds, recogniser.hear(chunk))
        if self._finishing:
            await within(hearing.sleep, limits.finish_seconds, recogniser.finish())
            await within(hearing.sleep, limits.finish_seconds, self._read_to_end.wait())

    async def _read(self, recogniser: Recogniser) -> None:
        async for result in recogniser.results():
            self._failures, self._unheeded_ms = 0, 0.0
            self._partial = not result.final
            if result.final:
                self._loud_ms = 0.0
            believed = self._guard.passes(result, self._recent.end or 0.0)
            self._hearing.report.disordered = self._guard.disordered
            if believed:
                if result.final:
                    self._resume_at = result.end_timestamp
                self._on_result(result)
            self._changes.notify()
        if self._listening:
            raise EngineError("the recogniser has ended by itself")
        self._read_to_end.set()
        await asyncio.Event().wait()  # for the feeding, which ends both

    def _weigh(self, chunk: FloorChunk) -> None:
        """Note whether that is speech. Raises EngineError if too much of it was for nothing."""
        if loudness(chunk.pcm) > _LOUD:
            lasts = self._hearing.audio_format.duration_ms(len(chunk.pcm))
            self._loud_ms += lasts
            self._unheeded_ms += lasts
            if self._unheeded_ms > self._hearing.limits.mute_seconds * 1000:
                raise EngineError("nothing was recognised for too long")

    async def _next(self, turn: int) -> FloorChunk | None:
        """The next chunk, or silence if none comes; None once nothing more is wanted."""
        while not self._inbox:
            if not self._listening or turn != self._turn:
                return None
            seen, now = self._changes.version, self._hearing.now_ms()
            quiet_at = self._quiet_at()
            if quiet_at is not None and now >= quiet_at:
                return self._silence()
            times = [time for time in (quiet_at, self._order.next_due_ms) if time is not None]
            if not times:
                await self._changes.since(seen)
                continue
            with contextlib.suppress(TimeoutError):
                wait = max(min(times) - now, 1.0) / 1000
                await within(self._hearing.sleep, wait, self._changes.since(seen))
            self._take_in_order()
        wanted = self._is_wanted and turn == self._turn
        return self._inbox.popleft() if wanted else None

    def _quiet_at(self) -> float | None:
        """When the floor counts as silent (for a chunk more); None if it was so for long enough."""
        limits = self._hearing.limits
        if self._heard_at is None or self._silence_ms >= limits.silence_ms:
            return None
        chunk_ms = self._hearing.audio_format.chunk_ms
        return self._heard_at + chunk_ms + limits.quiet_ms + self._silence_ms

    def _silence(self) -> FloorChunk:
        audio_format = self._hearing.audio_format
        at = (self._recent.end or 0.0) + self._silence_ms
        self._silence_ms += audio_format.chunk_ms
        return FloorChunk(round(at), bytes(audio_format.chunk_bytes))

    def _take_in_order(self) -> None:
        for audio in self._order.pop(self._hearing.now_ms()):
            chunk = FloorChunk(audio.timestamp, audio.audio)
            if self._recent.add(chunk):
                self._resume_at = chunk.timestamp
                self._guard.stepped_back()
                self._stepped_back()
            self._heard_at, self._silence_ms = self._hearing.now_ms(), 0.0
            if self._listening:
                self._hearing.report.unheard += len(self._inbox) == self._inbox.maxlen
                self._inbox.append(chunk)
            self._changes.notify()

    def _refill(self, since: float) -> None:
        self._inbox.clear()
        self._inbox.extend(self._recent.since(since))
