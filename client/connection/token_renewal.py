"""Keeps one connection's rights: renews the token ahead of its end, and sends it."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from client.errors import (
    ClientError,
    ConnectionLostError,
    RenewalError,
    RequestRefusedError,
)
from client.playback.capture import Sleep
from client.tokens.cache import TokenCache
from client.tokens.times import HeldToken
from shared.models.errors import ErrorCode
from shared.protocol.authentication_messages import Authenticated
from shared.utils.clock import Clock

_log = logging.getLogger("lingocast.client")
# How often it is looked at again when the token is due (s).
_LOOK_AGAIN_SECONDS = 30.0
# What is refused so soon after a renewal was on the way before it (s).
_MOMENT_SECONDS = 5.0
# Connections on which no token is of use any more, or that are of a service without `authenticate`.
_HOPELESS = {ErrorCode.CONNECTION_NOT_FOUND, ErrorCode.UNKNOWN_ACTION}


class Renewable(Protocol):
    """A connection whose rights can be extended."""

    def now_ms(self) -> float:
        """The time in ms since the epoch by the server's clock, as far as that is known."""

    async def authenticate(self, token: str) -> Authenticated:
        """Send a newer token. Raises ClientError."""

    async def wait_token_refused(self) -> None:
        """Wait until the service says that the token has expired."""


class TokenRenewal:
    """Of one connection, which was opened with the token `opened_with`."""

    def __init__(
        self,
        connection: Renewable,
        tokens: TokenCache,
        opened_with: HeldToken,
        *,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._connection = connection
        self._tokens = tokens
        self._tried = opened_with  # the latest token that the service has taken or refused
        self._clock = clock
        self._sleep = sleep
        self._lock = asyncio.Lock()
        self._failures = 0
        self._retry_at = 0.0  # not before that after a failure
        self._again_at = 0.0  # not before that after a success

    async def run(self) -> None:
        """Renew in time, time and again, until cancelled or until that is of no use any more."""
        if not self._tokens.renewable:
            return await self._warn()
        while True:
            await self._until_due()
            try:
                await self.renew()
            except ConnectionLostError:
                return
            except RequestRefusedError as refused:
                if refused.code in _HOPELESS:
                    return
            except ClientError:
                pass  # it has been told, and is tried again

    async def renew(self) -> None:
        """Send a newer token, unless that was done, or has failed, a moment ago.

        Raises RenewalError or what `authenticate` raises.
        """
        async with self._lock:
            now = self._clock.monotonic()
            if now < self._again_at:
                return  # what was refused meanwhile had been sent before
            if now < self._retry_at:
                raise RenewalError("the token could not be renewed a moment ago")
            try:
                await self._renew()
            except ClientError as fault:
                self._failed(fault)
                raise
            if self._failures:
                _log.warning("the token is renewed")
            self._failures = 0
            pause = min(self._tried.lead / 2, _MOMENT_SECONDS)
            if self._seconds_until_due() == 0:
                # It was old when it came, or the clocks make it look so: asking on gives no other.
                pause = max(pause, self._tried.retry_delay(1))
            self._again_at = self._clock.monotonic() + pause

    async def _renew(self) -> None:
        token = await self._tokens.renewed(self._tried.token)
        held = self._tokens.held
        if held is None or token == self._tried.token:
            raise RenewalError("the same token came again")
        try:
            await self._connection.authenticate(held.token)
        except RequestRefusedError as refused:
            if not refused.retryable:
                self._tried = held  # the next attempt needs another one
            raise
        self._tried = held

    def _failed(self, fault: ClientError) -> None:
        self._failures += 1
        delay = self._tried.retry_delay(self._failures)
        self._retry_at = self._clock.monotonic() + delay
        quiet = isinstance(fault, ConnectionLostError) or getattr(fault, "code", "") in _HOPELESS
        if self._failures == 1 and not quiet:
            _log.warning("the token could not be renewed: %s; trying again in %.1f s", fault, delay)

    async def _until_due(self) -> None:
        """Wait for the time to renew, or for a refusal; after a failure for the next attempt."""
        pause = max(self._retry_at, self._again_at) - self._clock.monotonic()
        if pause > 0:
            await self._sleep(pause)
        if self._failures:
            return
        refused = asyncio.ensure_future(self._connection.wait_token_refused())
        try:
            while not refused.done():
                due = self._seconds_until_due()
                if due == 0:
                    return
                # The clocks' difference may be known better meanwhile.
                await self._sleep_unless(refused, min(due, _LOOK_AGAIN_SECONDS))
        finally:
            refused.cancel()
            await asyncio.gather(refused, return_exceptions=True)

    async def _sleep_unless(self, done: asyncio.Future[None], seconds: float) -> None:
        sleeping = asyncio.ensure_future(self._sleep(seconds))
        try:
            await asyncio.wait((done, sleeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            await asyncio.gather(sleeping, return_exceptions=True)

    def _seconds_until_due(self) -> float:
        if self._tokens.held is not self._tried:
            return 0.0  # another connection has a newer one already
        due = self._tokens.seconds_until_due(self._connection.now_ms())
        return float("inf") if due is None else due

    async def _warn(self) -> None:
        """Say in time that the connection will lose its rights, for nothing renews them."""
        while (due := self._seconds_until_due()) > 0:
            await self._sleep(min(due, _LOOK_AGAIN_SECONDS))
        left = self._tried.remaining(self._clock.monotonic(), self._connection.now_ms())
        _log.warning(
            "the token expires in %.0f s, and nothing renews it: --token-command or --token-file"
            " would",
            max(left or 0.0, 0.0),
        )
