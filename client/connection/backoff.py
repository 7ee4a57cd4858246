"""Reconnection policy: whether, when and with which seat a client reconnects.

Pure: no clock, no randomness and no I/O. Times are seconds of a monotonic clock.
`client.connection.supervisor` and `client.flows.device_sync` act on its decisions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from client.errors import (
    ClientError,
    ConnectionLostError,
    DeviceReplacedError,
    DisplacedError,
    HandshakeRefusedError,
    ReconnectTimeoutError,
    RequestRefusedError,
    RequestTimeoutError,
    TokenError,
    UnreachableError,
)
from client.protocol.session_state import JoinCredentials, SessionState
from shared.models.errors import ErrorCode
from shared.models.terms import Role

# The service keeps a speaker's session open for this long by default; no role needs longer.
GRACE_SECONDS = 60.0
# A connection must last this long for the next loss to restart the deadline. Otherwise two clients
# that displace each other, or a server that drops its clients at once, would loop forever.
STEADY_SECONDS = 10.0
# Full jitter: each delay is random between 0 and a ceiling that doubles, so that thousands of
# listeners dropped together do not return together.
_FIRST_CEILING_SECONDS = 0.5
_LAST_CEILING_SECONDS = 8.0
# How often a client repeats a request because the service asks it to.
MAX_ASKED_RETRIES = 5
# Close code that a client sees when the service deletes its connection: it was displaced.
# https://github.com/boto/boto3/issues/3789
_DELETED_CODE = 1000
# A connection that ends within this time before its expiry, or later, has expired. The close code
# for that is not documented.
_EXPIRY_TOLERANCE_MS = 30_000

RandomFraction = Callable[[], float]  # uniform in 0..1


@dataclass(frozen=True, slots=True)
class HeldSeat:
    """The seat to rejoin after a loss; `expired` if the connection had reached its time limit.

    The `resume_token` reclaims the same seat, if the service still holds it.
    """

    session_id: str
    language: str
    role: Role
    expired: bool = False
    resume_token: str | None = field(default=None, repr=False)
    credentials: JoinCredentials = field(default_factory=JoinCredentials)

    @classmethod
    def of(cls, state: SessionState, now_ms: float) -> HeldSeat:
        """Return the seat of a session state, at server time `now_ms`."""
        expired = now_ms >= state.connection_expires_at - _EXPIRY_TOLERANCE_MS
        return cls(
            state.session_id,
            state.target_language,
            state.role,
            expired,
            state.resume_token,
            state.credentials,
        )


class Reconnection:
    """Backoff of one client's reconnection, within `grace_seconds` of the loss."""

    def __init__(
        self, *, grace_seconds: float = GRACE_SECONDS, random_fraction: RandomFraction
    ) -> None:
        self._grace = grace_seconds
        self._random_fraction = random_fraction
        self._ceiling = _FIRST_CEILING_SECONDS
        self._deadline = 0.0
        self._returned_at: float | None = None

    def connection_lost(self, now: float) -> None:
        """Note a loss. A loss soon after a reconnection continues the former one."""
        if self._returned_at is None or now - self._returned_at >= STEADY_SECONDS:
            self._ceiling = _FIRST_CEILING_SECONDS
            self._deadline = now + self._grace

    def reconnected(self, now: float) -> None:
        """Note a successful reconnection."""
        self._returned_at = now

    def remaining(self, now: float) -> float:
        """Return the seconds left for attempts."""
        return max(self._deadline - now, 0.0)

    def delay_after(self, fault: ClientError, seat: HeldSeat | None, now: float) -> float:
        """Return the seconds to wait before the next attempt, given the last one's `fault`.

        `seat` is None for a client outside a session. Raises `fault` if no attempt can succeed,
        DisplacedError if another connection of the same user took the floor, and
        ReconnectTimeoutError after the deadline.
        """
        if seat and seat.role == "speaker" and not seat.expired and _removed_by_service(fault):
            raise DisplacedError
        if self._grace == 0 or not _is_transient(fault, seat.role if seat else None):
            raise fault
        remaining = self.remaining(now)
        if remaining == 0:
            raise ReconnectTimeoutError(self._grace, fault)
        ceiling = self._ceiling
        self._ceiling = min(2 * ceiling, _LAST_CEILING_SECONDS)
        asked = asked_delay(fault, self._random_fraction)
        return min(self._random_fraction() * ceiling if asked is None else asked, remaining)


def asked_delay(fault: ClientError, random_fraction: RandomFraction) -> float | None:
    """Seconds to wait before a request is repeated, if the service asks to repeat it.

    Random between half and one and a half of what it asks for, so that clients refused together do
    not return together.
    """
    if not isinstance(fault, RequestRefusedError) or fault.retry_after_ms is None:
        return None
    return fault.retry_after_ms / 1_000 * (0.5 + random_fraction())


def _removed_by_service(fault: ClientError) -> bool:
    return isinstance(fault, ConnectionLostError) and fault.code == _DELETED_CODE


def _is_transient(fault: ClientError, role: Role | None) -> bool:
    match fault:
        case DeviceReplacedError():
            return False
        case ConnectionLostError() | UnreachableError() | RequestTimeoutError() | TokenError():
            return True
        case HandshakeRefusedError(status=status):
            return status == 429 or status >= 500
        case RequestRefusedError(code=ErrorCode.LANGUAGE_TAKEN):
            # Possibly by this client's former connection, not yet detected as gone.
            return role == "interpreter"
        case RequestRefusedError(retryable=retryable):
            return retryable
        case _:
            return False
