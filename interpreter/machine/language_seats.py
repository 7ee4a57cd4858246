"""In which languages a machine sits: where somebody listens, and its engine works."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from client.errors import ClientError, RequestRefusedError
from client.playback.capture import Sleep
from interpreter.engine import Engine, EngineError
from interpreter.machine.booth import Booth
from interpreter.machine.demand_watcher import Audience
from interpreter.machine.engine_health import EngineHealth
from interpreter.machine.options import Options
from shared.models.errors import ErrorCode
from shared.models.interpretation import MAX_INTERPRETED_LANGUAGES
from shared.models.terms import ChannelSource
from shared.protocol.messages import SessionStatus
from shared.utils.clock import Clock

# A booth that could not sit down tries again after so long.
_RETRY_SECONDS = 1.0
# What an engine can do into most languages, it can do from one of these.
_USUAL_FLOORS = ("en", "es", "de", "fr")

StartTask = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class LanguageSeats:
    """The booths that there are, by language, and the tasks that see to them.

    `over` is called with the reason when a booth hears that the session has ended.
    """

    def __init__(
        self,
        engine: Engine,
        options: Options,
        make_booth: Callable[[str], Booth],
        start: StartTask,
        over: Callable[[str], None],
        *,
        clock: Clock,
        sleep: Sleep,
    ) -> None:
        self.booths: dict[str, Booth] = {}
        self.fitness = EngineHealth(options.limits.rest_seconds)
        self.channels: dict[str, ChannelSource] = {}  # who is heard in which language
        self._engine = engine
        self._make_booth = make_booth
        self._start = start
        self._over = over
        self._clock = clock
        self._sleep = sleep
        asked = None if options.languages == "auto" else options.languages
        self._audience = Audience(asked, options.limits.linger_seconds * 1000)
        self._targets: frozenset[str] | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    def follow(self, status: SessionStatus) -> None:
        """Sit where people listen now."""
        self._audience.update(status.language_distribution, self._clock.monotonic() * 1000)
        self.channels = status.channels
        self.reconcile()

    def floor_is(self, language: str) -> None:
        """What the floor's language is. Raises UnsupportedLanguageError if nothing can be done."""
        self._targets = self._engine.targets(language) - {language}
        self.reconcile()

    def close(self) -> None:
        """Open no booth any more; those that there are remain until they are closed."""
        self._closed = True

    async def emptied(self) -> None:
        """Wait until no booth is left."""
        if tasks := list(self._tasks.values()):
            await asyncio.wait(tasks)

    def reconcile(self) -> None:
        """Open the booths that there should be, and close the others."""
        if self._closed:
            return
        wanted = self._wanted()
        for language in sorted(wanted - self._tasks.keys()):
            self._tasks[language] = self._start(self._occupy(language))
        for language, booth in list(self.booths.items()):
            if language not in wanted:
                booth.close()

    def _wanted(self) -> frozenset[str]:
        """The languages in which there should be a booth now."""
        wanted = self.fitness.of(self._audience.languages)
        if self._targets is None:
            # Which language the floor has, the first seat tells: one that is worth taking.
            return frozenset(sorted(wanted & self._plausible())[:1])
        # Listeners choose the languages, and each costs its speech: as many as may be listed.
        return self._audience.most_heard(
            wanted & self._targets, MAX_INTERPRETED_LANGUAGES, self._tasks.keys()
        )

    def _plausible(self) -> frozenset[str]:
        """What the engine may be able to do, while the floor's language is not known."""
        plausible: set[str] = set()
        for source in {*_USUAL_FLOORS, *self._audience.languages}:
            with contextlib.suppress(EngineError):
                plausible |= self._engine.targets(source)
        return frozenset(plausible)

    async def _occupy(self, language: str) -> None:
        """See to the booth of a language for as long as there should be one."""
        try:
            while not self._closed and language in self._wanted():
                booth = self._make_booth(language)
                self.booths[language] = booth
                try:
                    await booth.run()
                except ClientError as fault:
                    self._judge(language, fault)
                finally:
                    del self.booths[language]
                if booth.ended is not None:
                    self._over(booth.ended)
                    return
                if not self._closed:
                    await self._sleep(_RETRY_SECONDS)
        finally:
            del self._tasks[language]

    def _judge(self, language: str, fault: ClientError) -> None:
        """What follows from a seat that could not be had, or was lost; raises it if nothing can."""
        if not isinstance(fault, RequestRefusedError) or fault.retryable:
            return
        if fault.code == ErrorCode.INVALID_LANGUAGE:
            self.fitness.never(language)
            self.reconcile()
        elif fault.code == ErrorCode.SESSION_ENDED:
            self._over("ended")
        elif fault.code != ErrorCode.NOT_IN_SESSION:
            raise fault
