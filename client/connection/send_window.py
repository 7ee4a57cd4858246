"""Flow control for audio: sent chunks must arrive within about a second.

A stalled network gives no error: buffers of the machine and of proxies hold megabytes, minutes of
speech, and deliver them late in one burst. Pings queue behind the audio, so a pong means that
everything sent before has arrived.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

# Maximum time of a pong beyond the fastest one so far (s).
_PATIENCE_SECONDS = 1.0
# Interval between pings, of which one is in flight at a time (s).
_INTERVAL_SECONDS = 0.5

# Sends a ping; the inner awaitable resolves when the pong arrives.
Ping = Callable[[], Awaitable[Awaitable[float]]]


class SendWindow:
    """Send window of one connection, measured with pings; `monotonic` is in seconds."""

    def __init__(self, ping: Ping, monotonic: Callable[[], float]) -> None:
        self._ping = ping
        self._monotonic = monotonic
        self._sent_at = float("-inf")
        self._pong: asyncio.Future[float] | None = None
        self._fastest: float | None = None

    async def has_room(self) -> bool:
        """Return whether everything sent has arrived, except for about the last second."""
        if self._is_open():
            return True
        # The pong may be waiting to be read, for example after this process was suspended.
        for _ in range(2):
            await asyncio.sleep(0)
        return self._is_open()

    async def sent(self) -> None:
        """Note sent audio, and send a ping if one is due."""
        if self._pong is None and self._monotonic() - self._sent_at >= _INTERVAL_SECONDS:
            self._sent_at = self._monotonic()
            self._pong = asyncio.ensure_future(await self._ping())

    def _is_open(self) -> bool:
        if self._pong is not None and self._pong.done():
            if not self._pong.cancelled() and self._pong.exception() is None:
                took = self._pong.result()
                self._fastest = took if self._fastest is None else min(took, self._fastest)
            self._pong = None
        if self._pong is None:
            return True
        limit = _PATIENCE_SECONDS + (self._fastest or 0.0)
        return self._monotonic() - self._sent_at <= limit
