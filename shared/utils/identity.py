"""Identity of a verified token, and token errors. Imports no cryptography."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

# Groups that grant rights; other groups are dropped.
ROLE_GROUPS = frozenset({"speakers", "interpreters", "operators"})


class InvalidTokenError(Exception):
    """The token is malformed, from another issuer, or for another client."""


class ExpiredTokenError(InvalidTokenError):
    """The token has expired."""


class IssuerUnreachableError(Exception):
    """The issuer's keys cannot be fetched. The token may be valid."""


class Identity(msgspec.Struct, frozen=True):
    """User and groups of a token, with its expiry (ms since the epoch)."""

    user_id: str
    groups: frozenset[str]
    expires_at: int


# Raises InvalidTokenError and IssuerUnreachableError.
Verify = Callable[[str], Identity]
