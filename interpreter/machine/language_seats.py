"""Seats of a machine: one for each language in demand that the engine supports."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from client.errors import ClientError, RequestRefusedError
from client.playback.capture import Sleep
from interpreter.engine import Engine, EngineError
from interpreter.machine.demand_watcher import LanguageDemand
from interpreter.machine.engine_health import EngineHealth
from interpreter.machine.language_seat import LanguageSeat
from interpreter.machine.options import Options
from shared.models.errors import ErrorCode
from shared.models.interpretation import MAX_INTERPRETED_LANGUAGES
from shared.models.terms import ChannelSource
from shared.protocol.messages import SessionStatus
from shared.utils.clock import Clock

# Delay before a lost or refused seat is taken again.
_RETRY_SECONDS = 1.0
# Typical floor languages, tried as sources until the floor's language is known.
_COMMON_SOURCES = ("en", "es", "de", "fr")

StartTask = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class LanguageSeats:
    """Opens and closes seats by language.

    `on_session_over` is called with the reason when a seat learns that the session has ended.
    """

    def __init__(
        self,
        engine: Engine,
        options: Options,
        make_seat: Callable[[str], LanguageSeat],
        start: StartTask,
        on_session_over: Callable[[str], None],
        *,
        clock: Clock,
        sleep: Sleep,
    ) -> None:
        self.by_language: dict[str, LanguageSeat] = {}
        self.health = EngineHealth(options.limits.suspend_seconds)
        self.channels: dict[str, ChannelSource] = {}  # who interprets each language
        self._engine = engine
        self._make_seat = make_seat
        self._start = start
        self._on_session_over = on_session_over
        self._clock = clock
        self._sleep = sleep
        allowed = None if options.languages == "auto" else options.languages
        self._demand = LanguageDemand(allowed, options.limits.linger_seconds * 1000)
        self._targets: frozenset[str] | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    def update(self, status: SessionStatus) -> None:
        """Adapt the seats to a new session status."""
        self._demand.update(status.language_distribution, self._clock.monotonic() * 1000)
        self.channels = status.channels
        self.reconcile()

    def set_floor_language(self, language: str) -> None:
        """Set the floor's language. Raises UnsupportedLanguageError."""
        self._targets = self._engine.targets(language) - {language}
        self.reconcile()

    def close(self) -> None:
        """Open no more seats. Existing ones remain until they are closed."""
        self._closed = True

    async def wait_empty(self) -> None:
        """Wait until no seat is left."""
        if tasks := list(self._tasks.values()):
            await asyncio.wait(tasks)

    def reconcile(self) -> None:
        """Open missing seats and close unwanted ones."""
        if self._closed:
            return
        wanted = self._wanted()
        for language in sorted(wanted - self._tasks.keys()):
            self._tasks[language] = self._start(self._keep_seat(language))
        for language, seat in list(self.by_language.items()):
            if language not in wanted:
                seat.close()

    def _wanted(self) -> frozenset[str]:
        """Languages that should have a seat now."""
        wanted = self.health.usable(self._demand.languages)
        if self._targets is None:
            # Joining tells the floor's language, so one plausible seat is enough for now.
            return frozenset(sorted(wanted & self._possible_targets())[:1])
        # Listeners choose the languages and each one costs speech synthesis, hence the limit.
        return self._demand.most_wanted(
            wanted & self._targets, MAX_INTERPRETED_LANGUAGES, self._tasks.keys()
        )

    def _possible_targets(self) -> frozenset[str]:
        """Languages the engine may serve, while the floor's language is unknown."""
        possible: set[str] = set()
        for source in {*_COMMON_SOURCES, *self._demand.languages}:
            with contextlib.suppress(EngineError):
                possible |= self._engine.targets(source)
        return frozenset(possible)

    async def _keep_seat(self, language: str) -> None:
        """Take the seat of a language, and take it again when lost, while it is wanted."""
        try:
            while not self._closed and language in self._wanted():
                seat = self._make_seat(language)
                self.by_language[language] = seat
                try:
                    await seat.run()
                except ClientError as fault:
                    self._handle_seat_error(language, fault)
                finally:
                    del self.by_language[language]
                if seat.end_reason is not None:
                    self._on_session_over(seat.end_reason)
                    return
                if not self._closed:
                    await self._sleep(_RETRY_SECONDS)
        finally:
            del self._tasks[language]

    def _handle_seat_error(self, language: str, fault: ClientError) -> None:
        """Handle a refused or lost seat. Raises the fault if the machine cannot continue."""
        if not isinstance(fault, RequestRefusedError) or fault.retryable:
            return
        if fault.code == ErrorCode.INVALID_LANGUAGE:
            self.health.exclude(language)
            self.reconcile()
        elif fault.code == ErrorCode.SESSION_ENDED:
            self._on_session_over("ended")
        elif fault.code != ErrorCode.NOT_IN_SESSION:
            raise fault
