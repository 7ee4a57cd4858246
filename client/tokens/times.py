"""How long a token still lives, as far as a client can tell. Pure: no clock of its own.

A token says when it was issued and when it expires, by its issuer's clock. This machine's clock may
be wrong, and so may an estimate of the service's. Hence two estimates are kept: the age of the
token here, by a clock that cannot be set, and the time of day; the latter counts only where it is
possible at all.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass, field

# A clock that is off by less proves nothing (s).
_CLOCK_SLACK = 60.0
# A day after year 9999: what is later is no time (s since the epoch).
_LATEST = 253_402_387_200
# How long before its end a token is renewed: a third of its life, ten minutes at most (s).
_LEAD_SHARE = 3
_MAX_LEAD = 600.0
_UNKNOWN_LEAD = 60.0
# A failed attempt is repeated after an eighth of the lead, then later, but at least every minute.
_RETRY_SHARE = 8
_MAX_RETRY = 60.0


@dataclass(frozen=True, slots=True)
class TokenTimes:
    """When a token was issued and when it expires (s since the epoch), as it says itself."""

    issued_at: float | None = None
    expires_at: float | None = None

    @classmethod
    def of(cls, token: str) -> TokenTimes:
        """Read a token's claims without verifying them; what it does not say is None."""
        claims = _claims(token)
        return cls(_time(claims.get("iat")), _time(claims.get("exp")))


@dataclass(frozen=True, slots=True)
class HeldToken:
    """A token and since when it is here (s of a monotonic clock)."""

    token: str = field(repr=False)
    since: float
    times: TokenTimes

    @classmethod
    def of(cls, token: str, since: float) -> HeldToken:
        """A token that came just now."""
        return cls(token, since, TokenTimes.of(token))

    @property
    def lifetime(self) -> float | None:
        """Seconds from issue to expiry; None if the token does not say, or makes no sense."""
        issued_at, expires_at = self.times.issued_at, self.times.expires_at
        if issued_at is None or expires_at is None or expires_at <= issued_at:
            return None
        return expires_at - issued_at

    def remaining(self, monotonic: float, server_ms: float) -> float | None:
        """For how many seconds more it is valid, at most; None if nothing says so."""
        if self.times.expires_at is None:
            return None
        age = max(monotonic - self.since, 0.0)
        by_clock = self.times.expires_at - server_ms / 1000
        if self.lifetime is None:
            return by_clock if by_clock + age > 0 else None
        by_age = self.lifetime - age
        # It cannot have been expired when it came, nor have had more than its whole life.
        possible = 0 < by_clock + age <= self.lifetime + _CLOCK_SLACK
        return min(by_clock, by_age) if possible else by_age

    @property
    def lead(self) -> float:
        """How many seconds before its end it is to be renewed."""
        lifetime = self.lifetime
        return _UNKNOWN_LEAD if lifetime is None else min(lifetime / _LEAD_SHARE, _MAX_LEAD)

    def retry_delay(self, failures: int) -> float:
        """Seconds until the next attempt, after so many that failed in a row."""
        first = self.lead / _RETRY_SHARE
        doubled = first * 2.0 ** min(max(failures - 1, 0), 16)
        return min(doubled, _MAX_RETRY)


def _claims(token: str) -> dict[str, object]:
    part = token.partition(".")[2].partition(".")[0]
    try:
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _time(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value < _LATEST or not math.isfinite(value):
        return None
    return float(value)
