"""A world whose AWS calls can fail, with a session to run scenarios on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from shared.data_access.table import Table
from shared.models import schema
from shared.models.connection import Seat
from tests.helpers.clients import Message
from tests.helpers.database.memory_dynamodb import MemoryDynamoDB
from tests.helpers.database.tables import SESSIONS
from tests.helpers.lossy.faults import Faults, LossyClient, LossyInvoker, LossyTimers
from tests.helpers.world import World

# Maximum attempts of a request whose error invites a retry.
_ATTEMPTS = 4
_RETRYABLE = ("UNAVAILABLE", "INTERNAL")


class LossyWorld(World):
    """A world in which faults can hit every call but posts to connections."""

    def __init__(self) -> None:
        database = MemoryDynamoDB()
        super().__init__(database)
        self.database = LossyClient(database)
        self.faults: Faults = self.database
        for name in ("timers", "status_timers", "announcement_timers"):
            setattr(self, name, LossyTimers(getattr(self, name), self.faults))
        for name in ("clean_ups", "interpreter_starts"):
            setattr(self, name, LossyInvoker(getattr(self, name), self.faults))
        self.use_dynamodb(self.database)

    def sessions_table(self) -> Table:
        """The sessions table, over the lossy client."""
        client: Any = self.database
        return Table(client, SESSIONS, schema.SESSION_ID)


@dataclass
class SessionSetup:
    """A session with a speaker, a listener of Spanish and one of French."""

    world: LossyWorld = field(default_factory=LossyWorld)

    def __post_init__(self) -> None:
        self.speaker, self.session_id = self.world.create_session()
        self.es = self.world.listener(self.session_id, "es")
        self.fr = self.world.listener(self.session_id, "fr")
        #: Languages of the listeners, by connection, as the clients know them.
        self.listening = {self.es: "es", self.fr: "fr"}

    def ask(self, connection: str, action: str, **fields: Any) -> Message:
        """Send a request and return its reply; retry like a client on UNAVAILABLE and INTERNAL."""
        reply: Message = {}
        for _ in range(_ATTEMPTS):
            reply = self.world.ask(connection, action, **fields)
            if reply.get("code") not in _RETRYABLE:
                break
        return reply

    def join(self, connection: str, language: str = "es", **fields: Any) -> Message:
        """Join the session with retries. Returns the reply."""
        return self.ask(
            connection,
            "joinSession",
            sessionId=self.session_id,
            targetLanguage=language,
            **fields,
        )

    def last_push(self, connection: str, kind: str) -> Message:
        """The last push of a type. Fails if none has arrived."""
        pushes = self.world.pushes(connection, kind)
        assert pushes, f"{connection} received no {kind}"
        return pushes[-1]

    def advance_minutes(self, count: int = 4) -> None:
        """Run the scheduled tasks of `count` minutes, with heartbeats of open connections."""
        for _ in range(count):
            self.world.clock.advance(60_000)
            for connection in [self.speaker, *self.listening]:
                if connection not in self.world.sender.gone:
                    self.world.ask(connection, "heartbeat")
            self.world.sweep()
            self.world.reconcile()

    def check_counters(self) -> None:
        """Assert that counters and seats agree with what the clients know."""
        session = self.world.session(self.session_id)
        truth = Counter(self.listening.values())
        seats: Counter[str] = Counter()
        for connection_id, seat in self.world.connections.roster(self.session_id):
            row = self.world.connections.get(connection_id)
            if seat.role == "listener" and row is not None and row.replaced_at is None:
                seats[seat.language] += 1
        assert seats == truth, "seats"
        assert +Counter(session.language_counts) == truth, "counters by language"
        assert session.listener_count == truth.total(), "counter"

    def seat_of(self, connection: str) -> Seat | None:
        """The seat in the connection's row, or None."""
        row = self.world.connections.get(connection)
        return row.membership.seat if row and row.membership else None
