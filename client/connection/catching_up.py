"""Detection of a listener that falls behind live, which calls for a new connection.

Buffers between the service and a slow reader fill up, so the audio gets older and older. A new
connection starts with empty buffers. A heartbeat tells whether this connection is slow or the
speaker's: its reply waits in the same buffers as the audio.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from client.changes import Changes
from client.errors import ClientError, FellBehindError
from client.playback.capture import Sleep
from client.playback.lag import LagMeter
from shared.protocol.messages import Audio
from shared.utils.clock import Clock

# Lag that a listener may have (ms).
LIMIT_MS = 2_000.0
# A reply that takes at least this share of the limit has waited behind the same audio.
_LAG_SHARE = 0.5
# Heartbeats are spread over this time (s): all listeners of a slow speaker notice at once.
_SPREAD_SECONDS = 1.0
_MIN_HEARTBEAT_INTERVAL = 5.0
# A connection that falls behind within this time (s) after a restart would do so again: the next
# restart waits, twice as long each time.
_STEADY_SECONDS = 15.0
_FIRST_WAIT_SECONDS = 10.0
_LAST_WAIT_SECONDS = 60.0


class RestartBackoff:
    """Backoff between restarts of one listener. Pure; seconds of a monotonic clock."""

    def __init__(self) -> None:
        self.count = 0
        self._last: float | None = None
        self._hasty = 0  # restarts in a row that helped only briefly

    def wait_seconds(self, now: float) -> float:
        """Return the wait before the next restart of a listener that fell behind at `now`."""
        if self._last is None or now - self._last >= _STEADY_SECONDS:
            self._hasty = 0
            return 0.0
        wait = min(_FIRST_WAIT_SECONDS * 2.0**self._hasty, _LAST_WAIT_SECONDS)
        return max(self._last + wait - now, 0.0)

    def restarted(self, now: float) -> None:
        """Note a restart."""
        if self._last is not None and now - self._last < _LAST_WAIT_SECONDS + _STEADY_SECONDS:
            self._hasty += 1
        self.count += 1
        self._last = now


class SupportsHeartbeat(Protocol):
    """A connection that can send a heartbeat."""

    async def heartbeat(self) -> None:
        """Send a heartbeat and wait for the reply. Raises ClientError."""


@dataclass(slots=True)
class CatchUpCounts:
    """Restarts and skipped chunks of a listener."""

    restarts: int = 0
    skipped: int = 0  # chunks too old to play


class CatchUpMonitor:
    """Watches the lag of a listener's successive connections."""

    def __init__(
        self,
        clock: Clock,
        sleep: Sleep,
        random_fraction: Callable[[], float],
        *,
        enabled: bool = True,
    ) -> None:
        """`enabled` is false for a client that does not reconnect."""
        self.counts = CatchUpCounts()
        self._clock = clock
        self._sleep = sleep
        self._random_fraction = random_fraction
        self._restarts = RestartBackoff()
        self._meter = LagMeter()
        self._changes = Changes()
        self._confirmed = False
        self._enabled = enabled

    def reset(self) -> None:
        """Start measuring a new connection."""
        self._meter.forget()
        self._confirmed = False

    def accepts(self, audio: Audio, chunk_ms: float) -> bool:
        """Return whether a chunk that has just arrived is recent enough to play."""
        self._meter.observe(audio, chunk_ms, self._clock.monotonic() * 1000)
        if self._is_behind():
            self._changes.notify()
            if self._confirmed:
                self.counts.skipped += 1
                return False
        return True

    async def watch(self, connection: SupportsHeartbeat) -> None:
        """Wait until this connection has fallen behind, then raise FellBehindError."""
        while True:
            await self._changes.until(self._is_behind)
            await self._sleep(self._random_fraction() * _SPREAD_SECONDS)
            if self._is_behind() and await self._is_slow(connection):
                self._confirmed = True
                lag_ms = self._meter.lag_ms
                await self._sleep(self._restarts.wait_seconds(self._clock.monotonic()))
                if self._is_behind():
                    break
                self._confirmed = False  # the connection has caught up by itself
            self._meter.forget()
            await self._sleep(_MIN_HEARTBEAT_INTERVAL)
        self._restarts.restarted(self._clock.monotonic())
        self.counts.restarts = self._restarts.count
        raise FellBehindError(lag_ms / 1000)

    def _is_behind(self) -> bool:
        return self._enabled and self._meter.lag_ms > LIMIT_MS

    async def _is_slow(self, connection: SupportsHeartbeat) -> bool:
        """Return whether a heartbeat's reply is delayed as the audio is."""
        limit_ms = LIMIT_MS * _LAG_SHARE
        heartbeat = asyncio.ensure_future(connection.heartbeat())
        timeout = asyncio.ensure_future(self._sleep(limit_ms / 1000))
        try:
            await asyncio.wait((heartbeat, timeout), return_when=asyncio.FIRST_COMPLETED)
            if not heartbeat.done():
                return True
            heartbeat.result()
        except ClientError:
            return False  # the supervisor handles a lost connection
        finally:
            for task in (heartbeat, timeout):
                task.cancel()
            await asyncio.gather(heartbeat, timeout, return_exceptions=True)
        return False
