"""Cache of a client's token, shared by all its connections."""

from __future__ import annotations

import asyncio

from client.errors import RenewalError, TokenError
from client.tokens.sources import NoServiceError, TokenSource
from client.tokens.times import HeldToken
from shared.utils.clock import Clock

# Remaining life that suffices for a handshake (s).
_HANDSHAKE_SECONDS = 30.0


class TokenCache:
    """Holds the latest token, and fetches newer ones from `source`, if there is one."""

    def __init__(self, source: TokenSource | None, given: str | None, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._held = HeldToken.of(given, clock.monotonic()) if given else None
        self._lock = asyncio.Lock()

    @property
    def renewable(self) -> bool:
        """Whether there is a source of newer tokens."""
        return self._source is not None

    @property
    def held(self) -> HeldToken | None:
        """The latest token; None before the first."""
        return self._held

    async def current(self, server_ms: float) -> str | None:
        """Return the token for a handshake now; None for an anonymous client. Raises TokenError.

        Fetches a token if there is none, or if the held one is about to expire or does not say
        when; if that fails, returns the held one. A token with more life left is renewed over the
        open connection instead: a source may hang while the network is down, and must not delay
        the handshake.
        """
        held = self._held
        if self._source is None:
            return held.token if held else None
        if held is not None:
            remaining = held.remaining(self._clock.monotonic(), server_ms)
            if remaining is not None and remaining > min(held.lead / 2, _HANDSHAKE_SECONDS):
                return held.token
        try:
            return await self.newer_than(held.token if held else None)
        except NoServiceError:
            return held.token if held else None
        except TokenError:
            if held is None:
                raise
            return held.token

    async def newer_than(self, former: str | None) -> str:
        """Return a token newer than `former`, if the source has one. Raises TokenError."""
        async with self._lock:
            held = self._held
            if held is not None and held.token != former:
                return held.token  # another connection has renewed it meanwhile
            if self._source is None:
                raise RenewalError("nothing renews the token; pass --token-command or --token-file")
            token = await self._source.fetch()
            if held is None or token != held.token:
                self._held = HeldToken.of(token, self._clock.monotonic())
            return token

    def seconds_until_due(self, server_ms: float) -> float | None:
        """Return the seconds until renewal is due; None if the token has no expiry."""
        if self._held is None:
            return None
        remaining = self._held.remaining(self._clock.monotonic(), server_ms)
        return None if remaining is None else max(remaining - self._held.lead, 0.0)
