"""A service some of whose calls get lost, with a session in it, and what is true of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from shared.data_access.table import Table
from shared.models import schema
from shared.models.connection import Seat
from tests.helpers.clients import Message
from tests.helpers.database.lossy import Faults, Lossy, LossyInvoker, LossyTimers
from tests.helpers.database.memory_dynamodb import MemoryDynamoDB
from tests.helpers.database.tables import SESSIONS
from tests.helpers.world import World

# A client repeats a request that it is told to try again, so often at most.
_REPEATS = 4
_AGAIN = ("UNAVAILABLE", "INTERNAL")


class LossyWorld(World):
    """Everything that functions call beside connections is lossy."""

    def __init__(self) -> None:
        database = MemoryDynamoDB()
        super().__init__(database)
        self.database = Lossy(database)
        self.faults: Faults = self.database
        for name in ("timers", "status_timers", "announcement_timers"):
            setattr(self, name, LossyTimers(getattr(self, name), self.faults))
        for name in ("clean_ups", "interpreter_starts"):
            setattr(self, name, LossyInvoker(getattr(self, name), self.faults))
        self.use_dynamodb(self.database)

    def sessions_table(self) -> Table:
        """The sessions, as functions reach them."""
        client: Any = self.database
        return Table(client, SESSIONS, schema.SESSION_ID)


@dataclass
class Stage:
    """A session with a speaker, a listener of es and one of fr."""

    world: LossyWorld = field(default_factory=LossyWorld)

    def __post_init__(self) -> None:
        self.speaker, self.session_id = self.world.create_session()
        self.es = self.world.listener(self.session_id, "es")
        self.fr = self.world.listener(self.session_id, "fr")
        #: Who listens to what, as the clients know it.
        self.listening = {self.es: "es", self.fr: "fr"}

    def ask(self, connection: str, action: str, **fields: Any) -> Message:
        """A request as a client makes it: repeated as long as it is told that this may help."""
        reply: Message = {}
        for _ in range(_REPEATS):
            reply = self.world.ask(connection, action, **fields)
            if reply.get("code") not in _AGAIN:
                break
        return reply

    def join(self, connection: str, language: str = "es", **fields: Any) -> Message:
        """joinSession."""
        return self.ask(
            connection,
            "joinSession",
            sessionId=self.session_id,
            targetLanguage=language,
            **fields,
        )

    def heard(self, connection: str, kind: str) -> Message:
        """The last push of a type: there must be one."""
        pushes = self.world.pushes(connection, kind)
        assert pushes, f"{connection} has not been told {kind}"
        return pushes[-1]

    def minutes_pass(self, count: int = 4) -> None:
        """What the clock brings about, while everybody who is there shows it."""
        for _ in range(count):
            self.world.clock.advance(60_000)
            for connection in [self.speaker, *self.listening]:
                if connection not in self.world.sender.gone:
                    self.world.ask(connection, "heartbeat")
            self.world.sweep()
            self.world.reconcile()

    def counters_are_true(self) -> None:
        """Counters, seats and what the clients know are the same."""
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
        """The seat by the connection's row."""
        row = self.world.connections.get(connection)
        return row.membership.seat if row and row.membership else None


Check = Callable[[], None]


@dataclass(frozen=True)
class Scenario:
    """Something that clients, timers or the clock ask for.

    `prepare` returns what is done while calls get lost, and what must be true afterwards.
    """

    name: str
    prepare: Callable[[Stage], tuple[Callable[[], object], Check]]
    #: Whether nobody repeats it, so that the clock has to make up for what was lost.
    by_clock: bool = False
