"""How much sound may be under way: what was sent must reach the other end within about a second.

A network that stalls does not say so: buffers of the machine and of proxies take megabytes, minutes
of speech, and deliver them late and all at once. Pings travel behind the sound, so an
answer means that all that was sent before has arrived.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

# How long an answer may take, beyond the fastest one so far (s).
_PATIENCE_SECONDS = 1.0
# Between two pings, one of which is under way at a time (s).
_INTERVAL_SECONDS = 0.5

# Sends a ping; what it returns is done when the answer is there.
Ping = Callable[[], Awaitable[Awaitable[float]]]


class SendWindow:
    """Watches one connection by pings. `monotonic` is in seconds."""

    def __init__(self, ping: Ping, monotonic: Callable[[], float]) -> None:
        self._ping = ping
        self._monotonic = monotonic
        self._sent_at = float("-inf")
        self._answer: asyncio.Future[float] | None = None
        self._fastest: float | None = None

    async def has_room(self) -> bool:
        """Whether what was sent until now has arrived, but for the last second or so."""
        if self._is_open():
            return True
        # The answer may be waiting to be read, as after this program was halted.
        for _ in range(2):
            await asyncio.sleep(0)
        return self._is_open()

    async def sent(self) -> None:
        """Sound was sent: ask for an answer now and then."""
        if self._answer is None and self._monotonic() - self._sent_at >= _INTERVAL_SECONDS:
            self._sent_at = self._monotonic()
            self._answer = asyncio.ensure_future(await self._ping())

    def _is_open(self) -> bool:
        if self._answer is not None and self._answer.done():
            if not self._answer.cancelled() and self._answer.exception() is None:
                took = self._answer.result()
                self._fastest = took if self._fastest is None else min(took, self._fastest)
            self._answer = None
        if self._answer is None:
            return True
        limit = _PATIENCE_SECONDS + (self._fastest or 0.0)
        return self._monotonic() - self._sent_at <= limit
