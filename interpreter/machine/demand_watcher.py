"""Which languages somebody listens to, as the service tells on a connection without a seat."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from client.errors import ClientError, RequestRefusedError
from client.playback.capture import Sleep
from interpreter.machine.connections import OpenConnection, SeatConnection
from interpreter.machine.options import Options
from shared.models.errors import ErrorCode
from shared.protocol.messages import SessionStatus
from shared.utils.clock import Clock

_OVER = {ErrorCode.SESSION_ENDED, ErrorCode.SESSION_NOT_FOUND}
# If there never was an answer, it is not waited for as long as after one.
_FIRST_PATIENCE_SECONDS = 3.0


class Audience:
    """The languages that are listened to, and those that were until a moment ago. Pure."""

    def __init__(self, asked: Iterable[str] | None, linger_ms: float) -> None:
        self._asked = None if asked is None else frozenset(asked)
        self._linger_ms = linger_ms
        self._last_heard: dict[str, float] = {}
        self._listeners: Mapping[str, int] = {}

    def update(self, distribution: Mapping[str, int], now_ms: float) -> None:
        """So many listen now, by language."""
        self._listeners = distribution
        for language, count in distribution.items():
            if count > 0 and (self._asked is None or language in self._asked):
                self._last_heard[language] = now_ms
        for language, heard_at in list(self._last_heard.items()):
            if now_ms - heard_at >= self._linger_ms:
                del self._last_heard[language]

    @property
    def languages(self) -> frozenset[str]:
        """Those to be served."""
        return frozenset(self._last_heard)

    def most_heard(
        self, languages: Iterable[str], most: int, served: Collection[str]
    ) -> frozenset[str]:
        """At most so many of the languages: those with most listeners, and of as many those that
        are `served` already.
        """

        def rank(language: str) -> tuple[int, bool, str]:
            return -self._listeners.get(language, 0), language not in served, language

        return frozenset(sorted(languages, key=rank)[:most])


class DemandWatcher:
    """Asks for the session's status again and again, until the session is over."""

    def __init__(
        self,
        open_connection: OpenConnection,
        options: Options,
        on_status: Callable[[SessionStatus], None],
        *,
        clock: Clock,
        sleep: Sleep,
    ) -> None:
        self._open = open_connection
        self._options = options
        self._on_status = on_status
        self._clock = clock
        self._sleep = sleep
        self._answered_at = 0.0
        self._known = False

    async def run(self) -> None:
        """Follow the session to its end. Raises ClientError if it may not, or cannot any more."""
        self._answered_at = self._clock.monotonic()
        while True:
            try:
                async with self._open() as connection:
                    await self._follow(connection)
                    return
            except RequestRefusedError as refused:
                if not refused.retryable:
                    raise
                self._bear(refused)
            except ClientError as fault:
                self._bear(fault)
            await self._sleep(self._options.limits.follow_seconds)

    async def _follow(self, connection: SeatConnection) -> None:
        options = self._options
        while True:
            try:
                status = await connection.session_status(options.session_id, options.ticket)
            except RequestRefusedError as refused:
                if refused.code in _OVER and self._known:
                    return
                if not refused.retryable:
                    raise
                self._bear(refused)
            else:
                self._answered_at, self._known = self._clock.monotonic(), True
                self._on_status(status)
            await self._sleep(options.limits.follow_seconds)

    def _bear(self, fault: ClientError) -> None:
        most = self._options.limits.patience_seconds
        patience = most if self._known else min(_FIRST_PATIENCE_SECONDS, most)
        if self._clock.monotonic() - self._answered_at > patience:
            raise fault
