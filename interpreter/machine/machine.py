"""Machine interpreter of one session: a floor listener, and a seat per language."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from client.playback.capture import Sleep
from interpreter.engine import Engine, EngineError, RecognitionResult, UnsupportedLanguageError
from interpreter.machine.connections import OpenConnection
from interpreter.machine.demand_watcher import DemandWatcher
from interpreter.machine.engine_recovery import EngineRecovery
from interpreter.machine.floor_captions import FloorCaptions
from interpreter.machine.floor_listener import FloorListener, ListenerContext
from interpreter.machine.health_probe import HealthProbe
from interpreter.machine.language_seat import Callbacks, LanguageSeat
from interpreter.machine.language_seats import LanguageSeats
from interpreter.machine.options import Options
from interpreter.machine.report import Hooks, Report
from interpreter.machine.speech_output import SpeechContext, SpeechOutput, Utterance
from interpreter.machine.timeouts import with_timeout
from shared.protocol.interpretation_messages import Caption
from shared.protocol.messages import Audio, SessionJoined
from shared.utils.clock import Clock, SystemClock


class Machine:
    """Interprets a session until it ends or `retire`. `report` has the statistics."""

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
        self._seats = LanguageSeats(
            engine,
            options,
            self._make_seat,
            self._start,
            lambda reason: self._end(reason=reason),
            clock=self._clock,
            sleep=sleep,
        )
        self._session: SessionJoined | None = None
        self._listener: FloorListener | None = None
        self._captions: FloorCaptions | None = None
        self._recovery: EngineRecovery | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._retiring = False
        self._over = asyncio.Event()
        self._end_reason: str | None = None
        self._fault: Exception | None = None

    async def run(self) -> str | None:
        """Interpret; returns why the session ended, or None after `retire`.

        Raises ClientError if access to the session is refused or the service stays unreachable,
        EngineError if the engine cannot interpret the session at all.
        """
        watcher = DemandWatcher(
            self._open, self._options, self._seats.update, clock=self._clock, sleep=self._sleep
        )
        self._start(self._watch_demand(watcher))
        try:
            await self._over.wait()
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._fault is not None:
            raise self._fault
        return self._end_reason

    async def retire(self) -> None:
        """Finish the current sentence, hand over to the stand-bys, leave, and end `run`.

        Every step has a time limit. May be repeated.
        """
        if not self._retiring:
            self._retiring = True
            self._seats.close()
            self._start(self._retire())
        await self._over.wait()

    async def take_over(self) -> None:
        """Take every channel that another machine holds."""
        seats = list(self._seats.by_language.values())
        await asyncio.gather(*(seat.take_over() for seat in seats))

    @property
    def standby_languages(self) -> frozenset[str]:
        """Languages in which the machine is a stand-by."""
        return frozenset(
            language
            for language, seat in self._seats.by_language.items()
            if not seat.holds and seat.is_seated
        )

    @property
    def holds(self) -> frozenset[str]:
        """Languages whose lease the machine holds."""
        return frozenset(
            language for language, seat in self._seats.by_language.items() if seat.holds
        )

    @property
    def has_standby(self) -> bool:
        """Whether a stand-by waits for every lease the machine holds."""
        return all(seat.has_standby for seat in self._seats.by_language.values() if seat.holds)

    async def _watch_demand(self, watcher: DemandWatcher) -> None:
        await watcher.run()
        self._end(reason="ended")

    def _make_seat(self, language: str) -> LanguageSeat:
        callbacks = Callbacks(
            on_joined=self._on_joined,
            make_output=self._make_output,
            on_floor_audio=self._on_floor_audio,
            on_lease_changed=self._on_lease_changed,
            on_caption=self._on_caption,
        )
        return LanguageSeat(
            language,
            self._options,
            self._open,
            callbacks,
            report=self.report,
            hooks=self._hooks,
            sleep=self._sleep,
        )

    def _on_joined(self, joined: SessionJoined) -> None:
        """Set the machine up when its first seat is taken.

        Raises UnsupportedLanguageError if the engine cannot process the session's audio.
        """
        if self._session is not None:
            return
        if not joined.audio_format.is_pcm:
            encoding = joined.audio_format.encoding
            raise UnsupportedLanguageError(f"the session's audio is {encoding}; it must be PCM")
        self._session = joined
        self._captions = FloorCaptions(joined.source_language)
        probe = HealthProbe(
            self._engine,
            joined.source_language,
            joined.audio_format.sample_rate,
            self._options.limits,
            self._sleep,
        )
        self._recovery = EngineRecovery(self._seats.health, probe, self._hooks, self._sleep)
        context = ListenerContext(
            self._engine,
            joined.source_language,
            joined.audio_format,
            self._options.limits,
            self._now_ms,
            self._sleep,
            self.report,
            self._hooks,
        )
        self._listener = FloorListener(
            context,
            self._on_result,
            on_broken=lambda fault: self._on_broken(None, fault),
            on_clock_step_back=self._reset_floor_times,
        )
        self._start(self._listener.run())
        self._seats.set_floor_language(joined.source_language)

    def _make_output(self, seat: LanguageSeat) -> SpeechOutput:
        assert self._session is not None
        context = SpeechContext(
            seat.language,
            self._session.source_language,
            self._session.audio_format,
            self._engine,
            self._options.limits,
            self._sleep,
            self.report,
            self._hooks,
        )
        return SpeechOutput(context, seat, lambda fault: self._on_broken(seat.language, fault))

    def _now_ms(self) -> float:
        seats = self._seats.by_language.values()
        times = (seat.now_ms() for seat in seats if seat.is_seated)
        return next(times, float(self._clock.now_ms()))

    def _on_floor_audio(self, audio: Audio, received_at_ms: float) -> None:
        if self._listener is not None:
            self._listener.receive(audio, received_at_ms)

    def _reset_floor_times(self) -> None:
        if self._captions is not None:
            self._captions.reset()
        for seat in self._seats.by_language.values():
            seat.interpreted_until = 0.0

    def _on_lease_changed(self, seat: LanguageSeat) -> None:
        """Start recognition with the first lease, and stop it with the last."""
        if self._listener is None or self._retiring:
            return
        if seat.holds and self._captions is not None:
            limits = self._options.limits
            seat.interpreted_until = self._captions.start_position(
                self._listener.position,
                from_machine=self._seats.channels.get(seat.language) == "machine",
                kept_ms=limits.kept_ms,
                pre_roll_ms=limits.pre_roll_ms,
            )
            self._listener.listen(seat.interpreted_until)
        elif not self.holds:
            self._listener.stop()

    def _on_caption(self, caption: Caption) -> None:
        if self._captions is not None:
            self._captions.receive(caption)

    def _on_result(self, result: RecognitionResult) -> None:
        """Caption a result, and interpret a final one into every language held."""
        seats = [self._seats.by_language[language] for language in sorted(self.holds)]
        if not seats or not self._captions or not self._listener or not self._recovery:
            return
        now = self._now_ms()
        # The service accepts floor captions from the first language only.
        if caption := self._captions.caption_for(result, now):
            seats[0].queue_caption(caption)
        if result.final:
            self.report.sentences += 1
            self._recovery.last_sentence = result.text
            self._seats.health.reset_backoff(None)
            utterance = Utterance(result, now, round(self._listener.elapsed_since(result)))
            for seat in seats:
                seat.interpret(utterance)

    def _on_broken(self, language: str | None, fault: EngineError | None) -> None:
        """Suspend the engine in a language or as a whole (None).

        Listeners then hear the floor.

        A `fault` is permanent: it excludes the language, or ends the machine.
        """
        if fault is None:
            assert self._recovery is not None
            seconds = self._recovery.suspend(language)
            self._start(self._recover(self._recovery, language, seconds))
        elif language is None:
            self._end(fault=fault)
        else:
            self._seats.health.exclude(language)
        self._seats.reconcile()

    async def _recover(
        self, recovery: EngineRecovery, language: str | None, seconds: float
    ) -> None:
        await recovery.recover(language, seconds)
        self._seats.reconcile()

    async def _retire(self) -> None:
        limits, listener = self._options.limits, self._listener
        if listener is not None and listener.is_listening:
            try:
                await with_timeout(self._sleep, limits.boundary_seconds, listener.wait_for_pause())
                listener.stop()
            except TimeoutError:
                with contextlib.suppress(TimeoutError):
                    await with_timeout(self._sleep, limits.finish_seconds, listener.finish())
        seats = list(self._seats.by_language.values())
        await asyncio.gather(*(self._release(seat) for seat in seats))
        with contextlib.suppress(TimeoutError):
            await with_timeout(self._sleep, limits.leave_seconds, self._seats.wait_empty())
        self._end()

    async def _release(self, seat: LanguageSeat) -> None:
        limits = self._options.limits
        with contextlib.suppress(TimeoutError):
            await with_timeout(self._sleep, limits.drain_seconds, seat.wait_drained())
        with contextlib.suppress(TimeoutError):
            await with_timeout(self._sleep, limits.leave_seconds, seat.hand_over())
        seat.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._end_on_error(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _end_on_error(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as fault:  # noqa: BLE001 - raised again by `run`
            self._end(fault=fault)

    def _end(self, *, reason: str | None = None, fault: Exception | None = None) -> None:
        if not self._over.is_set():
            self._end_reason, self._fault = reason, fault
            self._over.set()
