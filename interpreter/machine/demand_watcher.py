"""Watches which languages have listeners, over a connection without a seat."""

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
# Give up sooner when the service has never answered.
_FIRST_PATIENCE_SECONDS = 3.0


class LanguageDemand:
    """Languages with listeners, now or within the last `linger_ms`. Pure.

    `allowed` restricts the languages; None allows all.
    """

    def __init__(self, allowed: Iterable[str] | None, linger_ms: float) -> None:
        self._allowed = None if allowed is None else frozenset(allowed)
        self._linger_ms = linger_ms
        self._last_heard: dict[str, float] = {}
        self._listeners: Mapping[str, int] = {}

    def update(self, distribution: Mapping[str, int], now_ms: float) -> None:
        """Update the number of listeners by language."""
        self._listeners = distribution
        for language, count in distribution.items():
            if count > 0 and (self._allowed is None or language in self._allowed):
                self._last_heard[language] = now_ms
        for language, heard_at in list(self._last_heard.items()):
            if now_ms - heard_at >= self._linger_ms:
                del self._last_heard[language]

    @property
    def languages(self) -> frozenset[str]:
        """Languages to serve."""
        return frozenset(self._last_heard)

    def most_wanted(
        self, languages: Iterable[str], limit: int, served: Collection[str]
    ) -> frozenset[str]:
        """Up to `limit` of the languages with the most listeners.

        On a tie, languages already `served` come first.
        """

        def rank(language: str) -> tuple[int, bool, str]:
            return -self._listeners.get(language, 0), language not in served, language

        return frozenset(sorted(languages, key=rank)[:limit])


class DemandWatcher:
    """Polls the session status until the session ends."""

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
        """Poll until the session ends.

        Raises ClientError if access is refused, or the service stays unreachable.
        """
        self._answered_at = self._clock.monotonic()
        while True:
            try:
                async with self._open() as connection:
                    await self._poll(connection)
                    return
            except RequestRefusedError as refused:
                if not refused.retryable:
                    raise
                self._tolerate(refused)
            except ClientError as fault:
                self._tolerate(fault)
            await self._sleep(self._options.limits.poll_seconds)

    async def _poll(self, connection: SeatConnection) -> None:
        options = self._options
        while True:
            try:
                status = await connection.session_status(options.session_id, options.ticket)
            except RequestRefusedError as refused:
                if refused.code in _OVER and self._known:
                    return
                if not refused.retryable:
                    raise
                self._tolerate(refused)
            else:
                self._answered_at, self._known = self._clock.monotonic(), True
                self._on_status(status)
            await self._sleep(options.limits.poll_seconds)

    def _tolerate(self, fault: ClientError) -> None:
        """Raise the fault if the last answer is too long ago."""
        limit = self._options.limits.patience_seconds
        patience = limit if self._known else min(_FIRST_PATIENCE_SECONDS, limit)
        if self._clock.monotonic() - self._answered_at > patience:
            raise fault
