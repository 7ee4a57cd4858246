"""Staying live over a network that is too slow: a listener who falls behind starts anew.

Between the service and a slow reader lie buffers, and whoever reads more slowly than is spoken
hears older and older sound. A new connection has empty ones. Whether it is this connection that is
slow, and not the speaker's, a heartbeat tells: its reply waits in the same buffers.
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

# So far behind a listener may be (ms).
LIMIT_MS = 2_000.0
# A heartbeat's reply that takes so much of the lag has waited behind the same sound.
_OURS = 0.5
# Everybody who hears a speaker with a slow connection asks at about the same time (s).
_SPREAD_SECONDS = 1.0
_LEAST_BETWEEN_HEARTBEATS = 5.0
# A connection that falls behind sooner than this after the last start (s) would do so again: the
# next start waits, twice as long each time.
_STEADY_SECONDS = 15.0
_FIRST_WAIT_SECONDS = 10.0
_LAST_WAIT_SECONDS = 60.0


class RestartBackoff:
    """When a listener may start anew. Pure; seconds of a monotonic clock."""

    def __init__(self) -> None:
        self.count = 0
        self._last: float | None = None
        self._hasty = 0  # restarts in a row that did not help for long

    def wait_seconds(self, now: float) -> float:
        """How long to wait before the next one, having fallen behind at `now`."""
        if self._last is None or now - self._last >= _STEADY_SECONDS:
            self._hasty = 0
            return 0.0
        wait = min(_FIRST_WAIT_SECONDS * 2.0**self._hasty, _LAST_WAIT_SECONDS)
        return max(self._last + wait - now, 0.0)

    def restarted(self, now: float) -> None:
        """Note one."""
        if self._last is not None and now - self._last < _LAST_WAIT_SECONDS + _STEADY_SECONDS:
            self._hasty += 1
        self.count += 1
        self._last = now


class SupportsHeartbeat(Protocol):
    """What can be asked for a sign of life: a Connection."""

    async def heartbeat(self) -> None:
        """Return when the service has answered. Raises ClientError."""


@dataclass(slots=True)
class CatchUpCounts:
    """What it took to stay live."""

    restarts: int = 0
    skipped: int = 0  # chunks that were too old to be played


class CatchUpMonitor:
    """Watches the sound of one connection after the other."""

    def __init__(
        self,
        clock: Clock,
        sleep: Sleep,
        random_fraction: Callable[[], float],
        *,
        enabled: bool = True,
    ) -> None:
        """`enabled` is false for a client that does not come back when a connection ends."""
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
        """Another connection: nothing is known of it."""
        self._meter.forget()
        self._confirmed = False

    def accepts(self, audio: Audio, chunk_ms: float) -> bool:
        """Whether a chunk that has just arrived is recent enough to be played."""
        self._meter.observe(audio, chunk_ms, self._clock.monotonic() * 1000)
        if self._is_behind():
            self._changes.notify()
            if self._confirmed:
                self.counts.skipped += 1
                return False
        return True

    async def watch(self, connection: SupportsHeartbeat) -> None:
        """Wait until this connection has fallen behind for good, then raise FellBehindError."""
        while True:
            await self._changes.until(self._is_behind)
            await self._sleep(self._random_fraction() * _SPREAD_SECONDS)
            if self._is_behind() and await self._is_slow(connection):
                self._confirmed = True
                lag_ms = self._meter.lag_ms
                await self._sleep(self._restarts.wait_seconds(self._clock.monotonic()))
                if self._is_behind():
                    break
                self._confirmed = False  # it has caught up by itself
            self._meter.forget()
            await self._sleep(_LEAST_BETWEEN_HEARTBEATS)
        self._restarts.restarted(self._clock.monotonic())
        self.counts.restarts = self._restarts.count
        raise FellBehindError(lag_ms / 1000)

    def _is_behind(self) -> bool:
        return self._enabled and self._meter.lag_ms > LIMIT_MS

    async def _is_slow(self, connection: SupportsHeartbeat) -> bool:
        """Whether the service's answers wait as long as its sound does."""
        least_ms = LIMIT_MS * _OURS
        asked = asyncio.ensure_future(connection.heartbeat())
        alarm = asyncio.ensure_future(self._sleep(least_ms / 1000))
        try:
            await asyncio.wait((asked, alarm), return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                return True
            asked.result()
        except ClientError:
            return False  # if the connection is lost, others see to that
        finally:
            for task in (asked, alarm):
                task.cancel()
            await asyncio.gather(asked, alarm, return_exceptions=True)
        return False
