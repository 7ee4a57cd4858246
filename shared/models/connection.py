"""A WebSocket connection as the service remembers it, and the seat that it holds in a session."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.models.interpretation import InterpreterSource
from shared.models.terms import Role

# API Gateway closes a connection after two hours, whatever it carries:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
CONNECTION_LIFETIME_MS = 2 * 60 * 60 * 1000

UNKNOWN_LANGUAGE = "unknown"
# What the key of a reader begins with who has neither a token nor a client id.
CONNECTION_RECIPIENT = "connection#"


@dataclass(frozen=True, slots=True)
class Seat:
    """A role in a session with the language it is held for; stored as `listener#es`.

    A speaker's seat has no language (`speaker#`): the floor's is the session's.
    """

    role: Role
    language: str = ""

    def __str__(self) -> str:
        return f"{self.role}#{self.language}"

    @classmethod
    def parse(cls, text: str) -> Seat:
        """The seat that `str` wrote. Raises ValueError for anything else."""
        role, _, language = text.partition("#")
        if role == "speaker":
            return SPEAKER_SEAT
        if role == "listener":
            return cls("listener", language or UNKNOWN_LANGUAGE)
        if role == "interpreter":
            return cls("interpreter", language)
        raise ValueError(f"not a seat: {text!r}")


SPEAKER_SEAT = Seat("speaker")


@dataclass(frozen=True, slots=True)
class Membership:
    """That a connection sits in a session; the speaker's `epoch` fences what it did there, an
    interpreter's `source` says who interprets.
    """

    session_id: str
    seat: Seat
    epoch: int | None = None
    source: InterpreterSource | None = None


@dataclass(frozen=True, slots=True)
class LeftSeat:
    """A seat that was given up, and may still be counted: counting it out is not confirmed yet."""

    session_id: str
    seat: Seat


@dataclass(frozen=True, slots=True)
class Connection:
    """One row of the connections table; times are ms since the epoch.

    `turn` rises with each seat that is given up or changed: it tells a request that is repeated
    from one that comes later.
    """

    connection_id: str
    user_id: str | None
    connected_at: int
    last_activity_time: int
    membership: Membership | None = None
    # Since when another connection has the seat. The membership stays, so that both hear what is
    # sent for a while, but it is not counted any more, and silences nobody when it ends.
    replaced_at: int | None = None
    # Until when (ms) a token sent over the open connection gives its user these groups' rights.
    authenticated_until: int | None = None
    authenticated_groups: frozenset[str] = frozenset()
    turn: int = 0
    left: LeftSeat | None = None

    def write_id(self, what: str) -> str:
        """The name of a write to a session's counters, the same whenever a request is repeated."""
        return f"{what} {self.connection_id} {self.turn}"

    @property
    def expires_at(self) -> int:
        """When API Gateway ends the connection, in ms since the epoch."""
        return self.connected_at + CONNECTION_LIFETIME_MS


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request, on which connection, and when it reached the gateway (ms).

    Who has no token may have a `client_id`, by which their client is known again. `listen_only`:
    the handshake brought neither a token nor a ticket, so this connection can never send audio or
    captions. It is False if the authorizer did not say. `address` is the client's IP address.
    """

    connection_id: str
    user_id: str | None
    groups: frozenset[str]
    received_at: int
    connected_at: int
    client_id: str | None = None
    # When the token that the connection was opened with expires (ms); None without a token.
    token_expires_at: int | None = None
    # The token has expired and was not renewed: what is left is what needs no token.
    token_expired: bool = False
    listen_only: bool = False
    address: str | None = field(default=None, repr=False)

    @property
    def recipient_key(self) -> str:
        """Who has read something: the user; without a token the client, else the connection."""
        if self.user_id is not None:
            return f"user#{self.user_id}"
        if self.client_id is not None:
            return f"client#{self.client_id}"
        return f"{CONNECTION_RECIPIENT}{self.connection_id}"

    def connection_expires_at(self, lifetime_ms: int) -> int:
        """When the caller's connection is over, in ms since the epoch."""
        return self.connected_at + lifetime_ms
