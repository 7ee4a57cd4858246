"""Remaining life of a token, as estimated by the client. Pure: no clock.

A token's issue and expiry times are by its issuer's clock. This machine's clock may be wrong, and
so may the estimate of the service's clock. Hence two estimates: one by the token's age on this
machine's monotonic clock, one by the time of day, which counts only if it is plausible.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass, field

# Tolerated clock error (s).
_CLOCK_SLACK = 60.0
# One day after the year 9999; later values are not times (s since the epoch).
_LATEST = 253_402_387_200
# A token is renewed this long before its expiry: a third of its life, ten minutes at most (s).
_LEAD_SHARE = 3
_MAX_LEAD = 600.0
_UNKNOWN_LEAD = 60.0
# First retry after an eighth of the lead, then with doubled delays of at most a minute.
_RETRY_SHARE = 8
_MAX_RETRY = 60.0


@dataclass(frozen=True, slots=True)
class TokenTimes:
    """Issue and expiry times that a token claims (s since the epoch)."""

    issued_at: float | None = None
    expires_at: float | None = None

    @classmethod
    def of(cls, token: str) -> TokenTimes:
        """Read a token's claims without verifying them; missing ones are None."""
        claims = _claims(token)
        return cls(_time(claims.get("iat")), _time(claims.get("exp")))


@dataclass(frozen=True, slots=True)
class HeldToken:
    """A token and when it was received (s of a monotonic clock)."""

    token: str = field(repr=False)
    since: float
    times: TokenTimes

    @classmethod
    def of(cls, token: str, since: float) -> HeldToken:
        """Return a token received at `since`."""
        return cls(token, since, TokenTimes.of(token))

    @property
    def lifetime(self) -> float | None:
        """Seconds from issue to expiry; None if the claims are missing or implausible."""
        issued_at, expires_at = self.times.issued_at, self.times.expires_at
        if issued_at is None or expires_at is None or expires_at <= issued_at:
            return None
        return expires_at - issued_at

    def remaining(self, monotonic: float, server_ms: float) -> float | None:
        """Return the estimated seconds until expiry; None if unknown."""
        if self.times.expires_at is None:
            return None
        age = max(monotonic - self.since, 0.0)
        by_clock = self.times.expires_at - server_ms / 1000
        if self.lifetime is None:
            return by_clock if by_clock + age > 0 else None
        by_age = self.lifetime - age
        # Plausible: on receipt it was not expired and had no more than its whole life left.
        possible = 0 < by_clock + age <= self.lifetime + _CLOCK_SLACK
        return min(by_clock, by_age) if possible else by_age

    @property
    def lead(self) -> float:
        """Seconds before expiry at which to renew."""
        lifetime = self.lifetime
        return _UNKNOWN_LEAD if lifetime is None else min(lifetime / _LEAD_SHARE, _MAX_LEAD)

    def retry_delay(self, failures: int) -> float:
        """Return the seconds to wait after `failures` failed attempts in a row."""
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
