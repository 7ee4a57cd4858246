"""Tokens without signatures: a token is valid once issued, until it expires."""

from __future__ import annotations

import itertools

from shared.utils.clock import Clock
from shared.utils.identity import (
    ExpiredTokenError,
    Identity,
    InvalidTokenError,
    IssuerUnreachableError,
)


class FakeTokenIssuer:
    """Issues and verifies tokens. While `unreachable`, verification fails."""

    def __init__(self, clock: Clock) -> None:
        self.unreachable = False
        self._clock = clock
        self._numbers = itertools.count(1)
        self._issued: dict[str, Identity] = {}

    def token(self, user: str, *groups: str, expires_at: int) -> str:
        """Issue a token that expires at `expires_at` (ms since the epoch)."""
        token = f"token-{next(self._numbers)}"
        self._issued[token] = Identity(user, frozenset(groups), expires_at)
        return token

    def verify(self, token: str) -> Identity:
        """See `TokenVerifier.verify`."""
        if self.unreachable:
            raise IssuerUnreachableError("no route to host")
        identity = self._issued.get(token)
        if identity is None:
            raise InvalidTokenError("unknown")
        if identity.expires_at <= self._clock.now_ms():
            raise ExpiredTokenError("expired")
        return identity
