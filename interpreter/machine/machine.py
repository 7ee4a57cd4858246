"""A machine that interprets one session: one ear for the floor, and a booth for each language that
somebody listens to.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from client.playback.capture import Sleep
from interpreter.engine import Engine, EngineError, Recognised, UnsupportedLanguageError
from interpreter.machine.booth import Booth, Callbacks
from interpreter.machine.connections import OpenConnection
from interpreter.machine.demand_watcher import DemandWatcher
from interpreter.machine.floor_captions import FloorCaptions
from interpreter.machine.floor_listener import FloorListener, Hearing
from interpreter.machine.health_probe import HealthProbe
from interpreter.machine.language_seats import LanguageSeats
from interpreter.machine.options import Options
from interpreter.machine.report import Hooks, Report, Resting
from interpreter.machine.speech_output import SpeechOutput, Task, Utterance
from interpreter.machine.timeouts import within
from shared.protocol.interpretation_messages import Caption
from shared.protocol.messages import Audio, SessionJoined
from shared.utils.clock import Clock, SystemClock


class Machine:
    """Interprets until the session ends, or it has been told to retire; `report` is its account."""

    def __init__(
        self,
        engine: Engine,
        open_connection: OpenConnection,
        options: Options,
        *,
        clock: Clock | None = None,
        sleep: Sleep = asyncio.sleep,
        hooks: Hooks | None = None,
    ) -> None:
        self.report = Report()
        self._engine = engine
        self._open = open_connection
        self._options = options
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._hooks = hooks or Hooks()
        self._places = LanguageSeats(
            engine,
            options,
            self._booth,
            self._start,
            lambda reason: self._end(reason=reason),
            clock=self._clock,
            sleep=sleep,
        )
        self._session: SessionJoined | None = None
        self._ear: FloorListener | None = None
        self._captions: FloorCaptions | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._said = ""  # the last sentence of the floor, in which an engine may have failed
        self._retiring = False
        self._over = asyncio.Event()
        self._ended: str | None = None
        self._fault: Exception | None = None

    async def run(self) -> str | None:
        """Interpret; why the session ended, or None after `retire`.

        Raises ClientError if it may not interpret this session, or the service is out of reach for
        too long, EngineError if the engine cannot do it at all.
        """
        follower = DemandWatcher(
            self._open, self._options, self._places.follow, clock=self._clock, sleep=self._sleep
        )
        self._start(self._follow(follower))
        try:
            await self._over.wait()
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._fault is not None:
            raise self._fault
        return self._ended

    async def retire(self) -> None:
        """Finish what is being said, hand over to whoever waits, leave, and let `run` end; bounded
        in time. May be repeated.
        """
        if not self._retiring:
            self._retiring = True
            self._places.close()
            self._start(self._retire())
        await self._over.wait()

    async def take_over(self) -> None:
        """Become the voice wherever another machine is it."""
        await asyncio.gather(*(booth.take_over() for booth in list(self._places.booths.values())))

    @property
    def waits_for(self) -> frozenset[str]:
        """The languages in which it has a seat, but somebody else is the voice."""
        return frozenset(
            language
            for language, booth in self._places.booths.items()
            if not booth.holds and not booth.is_away
        )

    @property
    def holds(self) -> frozenset[str]:
        """The languages that it is the voice of."""
        return frozenset(language for language, booth in self._places.booths.items() if booth.holds)

    @property
    def relieved(self) -> bool:
        """Whether somebody stands by for every language that it is the voice of."""
        return all(booth.relieved for booth in self._places.booths.values() if booth.holds)

    async def _follow(self, follower: DemandWatcher) -> None:
        await follower.run()
        self._end(reason="ended")

    def _booth(self, language: str) -> Booth:
        callbacks = Callbacks(self._joined, self._voice, self._floor, self._turned, self._captioned)
        return Booth(
            language,
            self._options,
            self._open,
            callbacks,
            report=self.report,
            hooks=self._hooks,
            sleep=self._sleep,
        )

    def _joined(self, joined: SessionJoined) -> None:
        """The session is known from the first seat in it. Raises EngineError if it will not do."""
        if self._session is not None:
            return
        if not joined.audio_format.is_pcm:
            encoding = joined.audio_format.encoding
            raise UnsupportedLanguageError(f"the session's audio is {encoding}; it must be PCM")
        self._session = joined
        self._captions = FloorCaptions(joined.source_language)
        hearing = Hearing(
            self._engine,
            joined.source_language,
            joined.audio_format,
            self._options.limits,
            self._now_ms,
            self._sleep,
            self.report,
            self._hooks,
        )
        self._ear = FloorListener(
            hearing,
            self._result,
            broken=lambda fault: self._broken(None, fault),
            stepped_back=self._forget_times,
        )
        self._start(self._ear.run())
        self._places.floor_is(joined.source_language)

    def _voice(self, booth: Booth) -> SpeechOutput:
        assert self._session is not None
        task = Task(
            booth.language,
            self._session.source_language,
            self._session.audio_format,
            self._engine,
            self._options.limits,
            self._sleep,
            self.report,
            self._hooks,
        )
        return SpeechOutput(task, booth, lambda fault: self._broken(booth.language, fault))

    def _now_ms(self) -> float:
        present = (booth.now_ms() for booth in self._places.booths.values() if not booth.is_away)
        return next(present, float(self._clock.now_ms()))

    def _floor(self, audio: Audio, received_at_ms: float) -> None:
        if self._ear is not None:
            self._ear.heard(audio, received_at_ms)

    def _forget_times(self) -> None:
        if self._captions is not None:
            self._captions.forget()
        for booth in self._places.booths.values():
            booth.cut = 0.0

    def _turned(self, booth: Booth) -> None:
        """A booth got or lost its lease: the ear listens while there is a voice."""
        if self._ear is None or self._retiring:
            return
        if booth.holds and self._captions is not None:
            limits = self._options.limits
            booth.cut = self._captions.cut(
                self._ear.position,
                from_machine=self._places.channels.get(booth.language) == "machine",
                kept_ms=limits.kept_ms,
                pre_roll_ms=limits.pre_roll_ms,
            )
            self._ear.listen(booth.cut)
        elif not self.holds:
            self._ear.stop()

    def _captioned(self, caption: Caption) -> None:
        if self._captions is not None:
            self._captions.heard(caption)

    def _result(self, result: Recognised) -> None:
        """Let the floor's readers know, and each language's voice say it."""
        voices = [self._places.booths[language] for language in sorted(self.holds)]
        if not voices or self._captions is None or self._ear is None:
            return
        now = self._now_ms()
        # Of all voices the service takes the floor's captions from the first.
        if caption := self._captions.of(result, now):
            voices[0].caption(caption)
        if result.final:
            self.report.sentences += 1
            self._said = result.text
            self._places.fitness.works(None)
            utterance = Utterance(result, now, round(self._ear.since_end_of(result)))
            for booth in voices:
                booth.say(utterance)

    def _broken(self, language: str | None, fault: EngineError | None) -> None:
        """The engine does not work, for one language or at all: its listeners hear the floor."""
        if fault is None:
            self._start(self._rest(language, self._resting(language)))
        elif language is None:
            self._end(fault=fault)
        else:
            self._places.fitness.never(language)
        self._places.reconcile()

    def _resting(self, language: str | None) -> float:
        seconds = self._places.fitness.rest(language)
        self._hooks.on_news(Resting(seconds, language))
        return seconds

    async def _rest(self, language: str | None, seconds: float) -> None:
        """Until the engine works again, be that never: the session's end ends this too."""
        await self._sleep(seconds)
        while not await self._rehearsed(language):
            await self._sleep(self._resting(language))
        self._places.fitness.rested(language)
        self._places.reconcile()

    async def _rehearsed(self, language: str | None) -> bool:
        assert self._session is not None
        session = self._session
        rate, limits = session.audio_format.sample_rate, self._options.limits
        stage = HealthProbe(self._engine, session.source_language, rate, limits, self._sleep)
        return await (stage.hears() if language is None else stage.says(self._said, language))

    async def _retire(self) -> None:
        limits = self._options.limits
        if self._ear is not None and self._ear.is_listening:
            try:
                await within(self._sleep, limits.boundary_seconds, self._ear.boundary())
                self._ear.stop()
            except TimeoutError:
                with contextlib.suppress(TimeoutError):
                    await within(self._sleep, limits.finish_seconds, self._ear.finish())
        await asyncio.gather(
            *(self._withdraw(booth) for booth in list(self._places.booths.values()))
        )
        with contextlib.suppress(TimeoutError):
            await within(self._sleep, limits.leave_seconds, self._places.emptied())
        self._end()

    async def _withdraw(self, booth: Booth) -> None:
        limits = self._options.limits
        with contextlib.suppress(TimeoutError):
            await within(self._sleep, limits.drain_seconds, booth.drained())
        with contextlib.suppress(TimeoutError):
            await within(self._sleep, limits.leave_seconds, booth.hand_over())
        booth.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """What fails here ends the machine."""
        try:
            await work
        except Exception as fault:  # noqa: BLE001 - raised again by `run`
            self._end(fault=fault)

    def _end(self, *, reason: str | None = None, fault: Exception | None = None) -> None:
        if not self._over.is_set():
            self._ended, self._fault = reason, fault
            self._over.set()
