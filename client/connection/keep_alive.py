"""Heartbeats of one connection: when idle, or every second to keep an interpreter's lease."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from client.changes import Changes
from client.errors import ClientError, ConnectionLostError, RequestRefusedError
from shared.models.errors import ErrorCode
from shared.utils.clock import Clock

HEARTBEAT_SECONDS = 30.0
# Interpreters send heartbeats at this interval even while they send audio: a lease lasts 2.5 s.
LEASE_SECONDS = 1.0

_log = logging.getLogger("lingocast.client")


class KeepAlive:
    """Sends heartbeats with `heartbeat`, which raises ClientError.

    `interprets` returns whether the client is an interpreter at present.
    """

    def __init__(
        self,
        heartbeat: Callable[[], Awaitable[None]],
        interprets: Callable[[], bool],
        clock: Clock,
        *,
        heartbeat_seconds: float,
        lease_seconds: float,
    ) -> None:
        self._heartbeat = heartbeat
        self._interprets = interprets
        self._clock = clock
        self._heartbeat_seconds = heartbeat_seconds
        self._lease_seconds = lease_seconds
        self._last_sent = clock.monotonic()
        self._last_beat = clock.monotonic()
        self._answers = Changes()  # a reply may have made this client an interpreter
        self._told_of_expiry = False
        self._beats: set[asyncio.Task[bool]] = set()

    def sent(self) -> None:
        """Note a sent frame: it replaces the next idle heartbeat."""
        self._last_sent = self._clock.monotonic()

    def answered(self) -> None:
        """Note a reply, which may have changed the role."""
        self._answers.notify()

    async def run(self) -> None:
        """Send heartbeats until the connection ends, or until cancelled."""
        try:
            await self._run()
        finally:
            beats = list(self._beats)
            for beat in beats:
                beat.cancel()
            await asyncio.gather(*beats, return_exceptions=True)

    async def _run(self) -> None:
        alive = True
        while alive:
            seen = self._answers.version
            interprets = self._interprets()
            interval = self._lease_seconds if interprets else self._heartbeat_seconds
            since = self._last_beat if interprets else self._last_sent
            wait = since + interval - self._clock.monotonic()
            if wait > 0:
                await _at_most(wait, self._answers.since(seen))
            elif interprets:
                # The next heartbeat does not wait for this reply, because the lease runs on.
                self._last_beat = self._clock.monotonic()
                beat = asyncio.create_task(self._beat())
                self._beats.add(beat)
                beat.add_done_callback(self._beats.discard)
                await asyncio.wait([beat], timeout=interval)
                alive = not beat.done() or beat.result()
            else:
                alive = await self._beat()

    async def _beat(self) -> bool:
        """Send a heartbeat; return False if further ones are pointless."""
        try:
            await self._heartbeat()
        except ConnectionLostError:
            return False
        except RequestRefusedError as refused:
            if refused.code == ErrorCode.CONNECTION_NOT_FOUND:
                return False  # another connection took over the seat
            if refused.code == ErrorCode.TOKEN_EXPIRED and self._told_of_expiry:
                return True
            self._told_of_expiry = refused.code == ErrorCode.TOKEN_EXPIRED
            _log.warning("a heartbeat failed: %s", refused)
        except ClientError as fault:
            _log.warning("a heartbeat failed: %s", fault)
        else:
            self._told_of_expiry = False
        return True


async def _at_most(seconds: float, work: Coroutine[Any, Any, object]) -> None:
    """Run `work` for at most `seconds`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await work
