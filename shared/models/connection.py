"""WebSocket connections, and their seats in sessions."""

from __future__ import annotations

import msgspec

from shared.models.hidden_fields import repr_without
from shared.models.interpretation import InterpreterSource
from shared.models.terms import Role

# API Gateway closes a connection after two hours, whatever it carries:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
CONNECTION_LIFETIME_MS = 2 * 60 * 60 * 1000

UNKNOWN_LANGUAGE = "unknown"
# Prefix of the recipient key of a connection without token and client ID.
CONNECTION_RECIPIENT = "connection#"


class Seat(msgspec.Struct, frozen=True):
    """A role in a session and its language; stored as `listener#es`.

    A speaker's seat has no language (`speaker#`): the session has the floor's language.
    """

    role: Role
    language: str = ""

    def __str__(self) -> str:
        return f"{self.role}#{self.language}"

    @classmethod
    def parse(cls, text: str) -> Seat:
        """Parse the output of `str`. Raises ValueError for anything else."""
        role, _, language = text.partition("#")
        if role == "speaker":
            return SPEAKER_SEAT
        if role == "listener":
            return cls("listener", language or UNKNOWN_LANGUAGE)
        if role == "interpreter":
            return cls("interpreter", language)
        raise ValueError(f"not a seat: {text!r}")


SPEAKER_SEAT = Seat("speaker")


class Membership(msgspec.Struct, frozen=True):
    """A connection's seat in a session.

    A speaker's `epoch` fences its actions. An interpreter's `source` is its kind.
    """

    session_id: str
    seat: Seat
    epoch: int | None = None
    source: InterpreterSource | None = None


class LeftSeat(msgspec.Struct, frozen=True):
    """A seat that was given up and is not yet confirmed as counted out."""

    session_id: str
    seat: Seat


class Connection(msgspec.Struct, frozen=True):
    """A row of the connections table; times are ms since the epoch.

    `turn` rises whenever a seat is given up or changed. It distinguishes a repeated request from a
    later one.
    """

    connection_id: str
    user_id: str | None
    connected_at: int
    last_activity_time: int
    membership: Membership | None = None
    # When another connection took the seat over. The membership stays, so that both receive audio
    # for a while, but it is not counted, and its end releases no source.
    replaced_at: int | None = None
    # Expiry (ms) and groups of the token last sent by `authenticate`.
    authenticated_until: int | None = None
    authenticated_groups: frozenset[str] = frozenset()
    turn: int = 0
    left: LeftSeat | None = None

    def write_id(self, operation: str) -> str:
        """ID of a write to a session's counters; a repeated request gets the same one."""
        return f"{operation} {self.connection_id} {self.turn}"

    @property
    def expires_at(self) -> int:
        """When API Gateway closes the connection (ms since the epoch)."""
        return self.connected_at + CONNECTION_LIFETIME_MS


class Caller(msgspec.Struct, frozen=True):
    """The sender of a request: connection, identity and time of receipt (ms).

    `client_id` is the stable ID of a client without a token. `listen_only` means that the handshake
    had neither a token nor a ticket, so that the connection can never send audio or captions; it is
    False if the authorizer did not say. `address` is the client's IP address.
    """

    connection_id: str
    user_id: str | None
    groups: frozenset[str]
    received_at: int
    connected_at: int
    client_id: str | None = None
    # Expiry of the handshake's token (ms); None without a token.
    token_expires_at: int | None = None
    # The token has expired without renewal: only requests that need no token remain.
    token_expired: bool = False
    listen_only: bool = False
    address: str | None = None

    def __repr__(self) -> str:
        return repr_without(self, "address")

    @property
    def recipient_key(self) -> str:
        """Key as an announcement recipient: the user, else the client, else the connection."""
        if self.user_id is not None:
            return f"user#{self.user_id}"
        if self.client_id is not None:
            return f"client#{self.client_id}"
        return f"{CONNECTION_RECIPIENT}{self.connection_id}"

    def connection_expires_at(self, lifetime_ms: int) -> int:
        """When the caller's connection ends (ms since the epoch)."""
        return self.connected_at + lifetime_ms
