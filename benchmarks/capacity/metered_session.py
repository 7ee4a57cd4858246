"""A session that the service's own functions serve, on a database that counts units.

Time is simulated, and nothing is measured in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.capacity.metered_dynamodb import Item, MeteredDynamoDB, Units, item_bytes
from shared.models import schema
from tests.helpers.database.tables import CONNECTIONS, SESSIONS, interpreter_channels, using
from tests.helpers.world import World

CHUNK_MS = 200
CHUNKS_PER_SECOND = 1_000 // CHUNK_MS
# Simulated time (s), after a second that fills caches.
_SECONDS = 2
# Earlier writes, enough to leave marks in all slots of the session's row.
_EARLIER_WRITES = 300
_ENTRY = {schema.SESSION_ID, schema.SEAT, schema.CONNECTION_ID}


@dataclass(frozen=True)
class Usage:
    """Units of one second of a session without joins, and of one listener's join.

    `session_bytes` is the size of the session's row, `member_bytes` that of a listener's entry in
    index `audience`.
    """

    session_id: str
    second: Units
    join: Units
    session_bytes: int
    member_bytes: int


class _World(World):
    """Clients with IDs as long as API Gateway's."""

    connection_format = "L0SM9cOFvHc{:04}="


@dataclass
class _Session:
    world: World
    session_id: str
    speaker: str
    interpreters: list[str]
    standbys: list[str]

    def pass_second(self) -> None:
        """Send the heartbeats and chunks of one second."""
        for connection in (*self.interpreters, *self.standbys):
            assert "lease" in self.world.ask(connection, "heartbeat")
        for _ in range(CHUNKS_PER_SECOND):
            self.world.clock.advance(CHUNK_MS)
            for source in (self.speaker, *self.interpreters):
                self.world.send_audio(source, 0)
                assert not self.world.pushes(source, "error")
        self.world.sender.posts.clear()


def meter(interpreters: int, *, standbys: bool) -> Usage:
    """Serve a session with interpreters, one a language, for some seconds; then one join."""
    database = MeteredDynamoDB()
    with _session(database, interpreters, standbys=standbys) as session:
        session.pass_second()
        database.take()
        for _ in range(_SECONDS):
            session.pass_second()
        second = database.take().divided_by(_SECONDS)
        listener = session.world.listener(session.session_id, _language(0))
        join = database.take()
    row = _row(database, SESSIONS, schema.SESSION_ID, session.session_id)
    member = _row(database, CONNECTIONS, schema.CONNECTION_ID, listener)
    return Usage(
        session.session_id,
        second,
        join,
        session_bytes=item_bytes(row),
        member_bytes=item_bytes({name: member[name] for name in _ENTRY}),
    )


@contextmanager
def _session(database: MeteredDynamoDB, count: int, *, standbys: bool) -> Iterator[_Session]:
    with using(database):
        world = _World()
        speaker = world.connect(_user(0), "speakers")
        created = world.ask(
            speaker, "createSession", sourceLanguage="en", audioFormat={"chunkMs": CHUNK_MS}
        )
        session = _Session(world, created["sessionId"], speaker, [], [])
        for number in range(count):
            language = _language(number)
            # The first listener of a language is counted under it for good.
            world.disconnect(world.listener(session.session_id, language))
            session.interpreters.append(
                world.interpreter(session.session_id, language, _user(1 + number))
            )
            if standbys:
                waiting = _user(1_000 + number)
                session.standbys.append(
                    world.interpreter(session.session_id, language, waiting, standby=True)
                )
        _leave_marks(session)
        yield session


def _leave_marks(session: _Session) -> None:
    """Fill the session's row with the marks that earlier writes leave in it."""
    session_id, sessions = session.session_id, session.world.sessions
    channels = interpreter_channels()
    language, channel = next(iter(session.world.session(session_id).channels.items()))
    for number in range(_EARLIER_WRITES):
        assert channels.change(session_id, language, channel, channel)
        assert sessions.count_in(session_id, language, write_id=f"in {number}")
        assert sessions.count_out(session_id, language, write_id=f"out {number}")


def _row(database: MeteredDynamoDB, table: str, name: str, key: str) -> Item:
    item: Item = database.get_item(TableName=table, Key={name: {"S": key}})["Item"]
    return item


def _language(number: int) -> str:
    return "abcdefghij"[number // 10] + "abcdefghij"[number % 10]


def _user(number: int) -> str:
    """A user ID as long as Cognito's."""
    return f"{number:08}-0000-4000-8000-000000000000"
