"""Whether, when and as what a client comes back after it has lost its connection.

Pure: no clock, no chance and no input or output of its own. Times are seconds of a monotonic
clock. `client.connection.supervisor` and `client.flows.device_sync` act on it.
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

# The service keeps a speaker's session open for so long by default; nobody else needs longer.
GRACE_SECONDS = 60.0
# How long a connection must have held for the next loss to be a new one. Otherwise two clients
# that push each other out, or a server that drops everybody at once, would go on for ever.
STEADY_SECONDS = 10.0
# Each wait is anything from nothing to a ceiling, which doubles: thousands of listeners that were
# dropped together do not come back together.
_FIRST_CEILING_SECONDS = 0.5
_LAST_CEILING_SECONDS = 8.0
# What a client sees when the service itself removes its connection: it was displaced.
# https://github.com/boto/boto3/issues/3789
_REMOVED = 1000
# What ends a connection this shortly before its time is up, or later, is that its time is up.
# Which code that has is nowhere documented.
_EXPIRY_TOLERANCE_MS = 30_000

RandomFraction = Callable[[], float]  # evenly from 0 to 1


@dataclass(frozen=True, slots=True)
class Seat:
    """What a client was, and asks to be again; `expired` if its connection's time was up.

    By the `resume_token` it gets the very seat that it had, if the service still holds that.
    """

    session_id: str
    language: str
    role: Role
    expired: bool = False
    resume_token: str | None = field(default=None, repr=False)
    credentials: JoinCredentials = field(default_factory=JoinCredentials)

    @classmethod
    def of(cls, state: SessionState, now_ms: float) -> Seat:
        """The seat that a session's state describes, by the server's time."""
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
    """One client's attempts to get its seat back, within `grace_seconds` of the loss."""

    def __init__(
        self, *, grace_seconds: float = GRACE_SECONDS, random_fraction: RandomFraction
    ) -> None:
        self._grace = grace_seconds
        self._random_fraction = random_fraction
        self._ceiling = _FIRST_CEILING_SECONDS
        self._deadline = 0.0
        self._returned_at: float | None = None

    def connection_lost(self, now: float) -> None:
        """The connection was lost. Soon after a return, that is still the former loss."""
        if self._returned_at is None or now - self._returned_at >= STEADY_SECONDS:
            self._ceiling = _FIRST_CEILING_SECONDS
            self._deadline = now + self._grace

    def reconnected(self, now: float) -> None:
        """The seat was got back."""
        self._returned_at = now

    def remaining(self, now: float) -> float:
        """For how many seconds more it is worth trying."""
        return max(self._deadline - now, 0.0)

    def delay_after(self, fault: ClientError, seat: Seat | None, now: float) -> float:
        """How many seconds to wait before the next attempt, given what ended the last one; without
        a seat the client is no more than connected.

        Raises `fault` if no attempt can succeed, DisplacedError if another connection of the same
        person has the floor, ReconnectTimeoutError when the time is over.
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
        return min(self._random_fraction() * ceiling, remaining)


def _removed_by_service(fault: ClientError) -> bool:
    return isinstance(fault, ConnectionLostError) and fault.code == _REMOVED


def _is_transient(fault: ClientError, role: Role | None) -> bool:
    match fault:
        case DeviceReplacedError():
            return False
        case ConnectionLostError() | UnreachableError() | RequestTimeoutError() | TokenError():
            return True
        case HandshakeRefusedError(status=status):
            return status == 429 or status >= 500
        case RequestRefusedError(code=ErrorCode.LANGUAGE_TAKEN):
            # By one's own former connection, perhaps, which the service has not yet found gone.
            return role == "interpreter"
        case RequestRefusedError(retryable=retryable):
            return retryable
        case _:
            return False
