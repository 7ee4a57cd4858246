"""Token renewal for one open connection: fetch a newer token in time and send it."""

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
# How often the due time is computed again (s): the estimate of the server's clock improves.
_RECHECK_SECONDS = 30.0
# A refusal this soon after a renewal concerns a message sent before it (s).
_SETTLING_SECONDS = 5.0
# The service has no such connection, or no `authenticate` action: another token cannot help.
_HOPELESS = {ErrorCode.CONNECTION_NOT_FOUND, ErrorCode.UNKNOWN_ACTION}


class Renewable(Protocol):
    """A connection whose rights a newer token extends."""

    def now_ms(self) -> float:
        """Return the estimated server time in ms since the epoch."""

    async def authenticate(self, token: str) -> Authenticated:
        """Send a newer token. Raises ClientError."""

    async def wait_token_refused(self) -> None:
        """Wait until the service refuses something because the token has expired."""


class TokenRenewal:
    """Renews the token of one connection, which was opened with `opened_with`."""

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
        self._tried = opened_with  # the latest token that the service accepted or refused
        self._clock = clock
        self._sleep = sleep
        self._lock = asyncio.Lock()
        self._failures = 0  # in a row
        self._logged_unexpected = False  # since the last success
        self._retry_at = 0.0  # earliest next attempt after a failure
        self._again_at = 0.0  # earliest next attempt after a success

    async def run(self) -> None:
        """Renew the token whenever it is due, until cancelled or until renewal is pointless.

        Failures are logged and retried with backoff, including unexpected exceptions such as a
        bug in a token source.
        """
        if not self._tokens.renewable:
            return await self._warn_before_expiry()
        while True:
            await self._wait_until_due()
            try:
                await self.renew()
            except ConnectionLostError:
                return
            except RequestRefusedError as refused:
                if refused.code in _HOPELESS:
                    return
            except Exception:  # noqa: BLE001, S110 - `renew` has logged it; the backoff applies
                pass

    async def renew(self) -> None:
        """Send a newer token, unless an attempt succeeded or failed a moment ago.

        Raises RenewalError or what `authenticate` raises.
        """
        async with self._lock:
            now = self._clock.monotonic()
            if now < self._again_at:
                return  # the refused message was sent before the renewal
            if now < self._retry_at:
                raise RenewalError("the token could not be renewed a moment ago")
            try:
                await self._renew()
            except Exception as fault:
                self._record_failure(fault)
                raise
            if self._failures:
                _log.warning("the token is renewed")
            self._failures, self._logged_unexpected = 0, False
            pause = min(self._tried.lead / 2, _SETTLING_SECONDS)
            if self._seconds_until_due() == 0:
                # Due again at once: the token was old on arrival, or the clocks are wrong. Asking
                # more often would return the same token.
                pause = max(pause, self._tried.retry_delay(1))
            self._again_at = self._clock.monotonic() + pause

    async def _renew(self) -> None:
        token = await self._tokens.newer_than(self._tried.token)
        held = self._tokens.held
        if held is None or token == self._tried.token:
            raise RenewalError("the same token came again")
        try:
            await self._connection.authenticate(held.token)
        except RequestRefusedError as refused:
            if not refused.retryable:
                self._tried = held  # the next attempt needs another token
            raise
        self._tried = held

    def _record_failure(self, fault: Exception) -> None:
        """Schedule the next attempt; log the first failure, and the first unexpected one."""
        self._failures += 1
        delay = self._tried.retry_delay(self._failures)
        self._retry_at = self._clock.monotonic() + delay
        if not isinstance(fault, ClientError):
            if not self._logged_unexpected:
                self._logged_unexpected = True
                _log.error(
                    "unexpected %s in token renewal; trying again in %.1f s",
                    type(fault).__name__,
                    delay,
                    exc_info=fault,
                )
            return
        quiet = isinstance(fault, ConnectionLostError) or getattr(fault, "code", "") in _HOPELESS
        if self._failures == 1 and not quiet:
            _log.warning("the token could not be renewed: %s; trying again in %.1f s", fault, delay)

    async def _wait_until_due(self) -> None:
        """Wait until renewal is due, a refusal arrives, or the backoff after a failure ends."""
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
                await self._sleep_unless(refused, min(due, _RECHECK_SECONDS))
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
            return 0.0  # another connection has fetched a newer token
        due = self._tokens.seconds_until_due(self._connection.now_ms())
        return float("inf") if due is None else due

    async def _warn_before_expiry(self) -> None:
        """Log a warning ahead of expiry when no token source is configured."""
        while (due := self._seconds_until_due()) > 0:
            await self._sleep(min(due, _RECHECK_SECONDS))
        left = self._tried.remaining(self._clock.monotonic(), self._connection.now_ms())
        _log.warning(
            "the token expires in %.0f s, and nothing renews it: --token-command or --token-file"
            " would",
            max(left or 0.0, 0.0),
        )
