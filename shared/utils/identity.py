"""Who a token speaks for, and what can be wrong with one. Imports no cryptography."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# The groups that give a right; others are not passed on.
ROLE_GROUPS = frozenset({"speakers", "interpreters", "operators"})


class InvalidTokenError(Exception):
    """The token is malformed, of another issuer or for another client."""


class ExpiredTokenError(InvalidTokenError):
    """The token was valid once, and has expired."""


class IssuerUnreachableError(Exception):
    """The issuer's keys cannot be fetched, which says nothing about the token."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token speaks for, and until when (ms since the epoch)."""

    user_id: str
    groups: frozenset[str]
    expires_at: int


# Raises InvalidTokenError and IssuerUnreachableError.
Verify = Callable[[str], Identity]
