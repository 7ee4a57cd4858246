"""Tokens without signatures: what a test has issued is valid until it expires."""

from __future__ import annotations

import itertools

from shared.utils.clock import Clock
from shared.utils.identity import (
    ExpiredTokenError,
    Identity,
    InvalidTokenError,
    IssuerUnreachableError,
)


class TokenBook:
    """Issues and verifies tokens; while `unreachable`, it verifies none."""

    def __init__(self, clock: Clock) -> None:
        self.unreachable = False
        self._clock = clock
        self._numbers = itertools.count(1)
        self._issued: dict[str, Identity] = {}

    def token(self, user: str, *groups: str, expires_at: int) -> str:
        """A token that expires then (ms since the epoch)."""
        token = f"token-{next(self._numbers)}"
        self._issued[token] = Identity(user, frozenset(groups), expires_at)
        return token

    def verify(self, token: str) -> Identity:
        """As TokenVerifier.verify."""
        if self.unreachable:
            raise IssuerUnreachableError("no route to host")
        identity = self._issued.get(token)
        if identity is None:
            raise InvalidTokenError("unknown")
        if identity.expires_at <= self._clock.now_ms():
            raise ExpiredTokenError("expired")
        return identity
