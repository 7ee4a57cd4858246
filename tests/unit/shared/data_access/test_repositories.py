"""Both repositories with moto: each race has one winner."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from msgspec.structs import replace

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.errors import StoreUnavailableError
from shared.data_access.pending_notifications import END, PendingNotifications
from shared.data_access.sessions_repository import SessionsRepository
from shared.data_access.table import Table
from shared.models import schema
from shared.models.audio_format import AudioFormat
from shared.models.broadcast_state import BroadcastState
from shared.models.connection import SPEAKER_SEAT, Connection, LeftSeat, Membership, Seat
from shared.models.session import Session, SessionLifecycle
from tests.helpers.database.tables import (
    SESSIONS,
    connections_repository,
    dynamodb,
    moto_tables,
    sessions_repository,
)

NOW = 1_700_000_000_000
SESSION = Session(
    session_id="golden-eagle-427",
    owner="alice",
    speaker_connection_id="c1",
    speaker_epoch=1,
    source_language="en",
    quality_tier="premium",
    audio_format=AudioFormat(sample_rate=24_000, chunk_ms=400),
    created_at=NOW,
    max_listeners=2,
    broadcast_state=BroadcastState(volume=0.5, last_state_change=NOW),
)
ID = SESSION.session_id


@pytest.fixture
def sessions() -> Iterator[SessionsRepository]:
    with moto_tables():
        repository = sessions_repository()
        repository.create(SESSION)
        yield repository


@pytest.fixture
def connections() -> Iterator[ConnectionsRepository]:
    with moto_tables():
        repository = connections_repository()
        repository.register(Connection("c1", "alice", NOW, NOW))
        yield repository


def stored(sessions: SessionsRepository) -> Session:
    session = sessions.get(ID)
    assert session is not None
    return session


class TestSessions:
    def test_round_trip(self, sessions: SessionsRepository) -> None:
        assert stored(sessions) == SESSION
        other = replace(
            SESSION, session_id="calm-otter-001", interpreters=frozenset({"ivan", "ines"})
        )
        assert sessions.create(other)
        assert sessions.get("calm-otter-001") == other
        nobody = replace(SESSION, session_id="calm-otter-002", interpreters=frozenset())
        assert sessions.create(nobody)
        assert sessions.get("calm-otter-002") == nobody

    def test_an_id_is_used_once(self, sessions: SessionsRepository) -> None:
        assert not sessions.create(replace(SESSION, owner="bob"))
        assert stored(sessions).owner == "alice"
        assert sessions.get("calm-otter-404") is None

    def test_only_the_speaker_discards(self, sessions: SessionsRepository) -> None:
        assert not sessions.discard(ID, "c2")
        assert sessions.discard(ID, "c1")
        assert sessions.get(ID) is None
        assert not sessions.discard(ID, "c1")

    def test_counting(self, sessions: SessionsRepository) -> None:
        assert sessions.count_in(ID, "es")
        assert sessions.count_in(ID, "fr")
        assert not sessions.count_in(ID, "es")
        assert sessions.count_moved(ID, "fr", "es")
        assert sessions.count_out(ID, "es")

        session = stored(sessions)
        assert session.listener_count == 1
        assert session.language_counts == {"es": 1, "fr": 0}

    def test_a_count_out_may_precede_a_move(self, sessions: SessionsRepository) -> None:
        sessions.count_in(ID, "es")
        assert sessions.count_out(ID, "fr")
        assert sessions.count_moved(ID, "es", "fr")

        assert stored(sessions).language_counts == {"es": 0, "fr": 0}

    def test_an_unknown_session_counts_nothing(self, sessions: SessionsRepository) -> None:
        assert not sessions.count_in("calm-otter-404", "es")
        assert not sessions.count_out("calm-otter-404", "es")
        assert sessions.get("calm-otter-404") is None

    def test_an_ended_session_counts_out_but_not_in(self, sessions: SessionsRepository) -> None:
        sessions.count_in(ID, "es")
        sessions.end(ID, "c1", NOW + 1)

        assert not sessions.count_in(ID, "es")
        assert not sessions.count_moved(ID, "es", "it")
        assert sessions.count_out(ID, "es")
        assert stored(sessions).listener_count == 0

    def test_counting_back_is_always_possible(self, sessions: SessionsRepository) -> None:
        sessions.count_in(ID, "es")
        assert sessions.count_moved(ID, "es", "fr")
        sessions.end(ID, "c1", NOW + 1)

        assert sessions.count_back(ID, "fr", "es")
        assert stored(sessions).language_counts == {"es": 1, "fr": 0}

    def test_the_floor_changes_once_per_epoch(self, sessions: SessionsRepository) -> None:
        assert sessions.take_floor(SESSION, "c2")
        assert not sessions.take_floor(SESSION, "c3")

        session = stored(sessions)
        assert (session.speaker_connection_id, session.speaker_epoch) == ("c2", 2)

    def test_only_the_present_speaker_ends_and_the_end_is_final(
        self, sessions: SessionsRepository
    ) -> None:
        sessions.take_floor(SESSION, "c2")

        assert not sessions.end(ID, "c1", NOW + 1)
        assert sessions.end(ID, "c2", NOW + 1)
        assert not sessions.end(ID, "c2", NOW + 2)
        assert not sessions.take_floor(stored(sessions), "c3")
        session = stored(sessions)
        assert session.status is SessionLifecycle.ENDED
        assert session.broadcast_state == BroadcastState(
            is_active=False, volume=0.5, last_state_change=NOW + 1
        )

    def test_only_active_sessions_are_in_the_index(self, sessions: SessionsRepository) -> None:
        def indexed() -> int:
            answer = dynamodb().scan(TableName=SESSIONS, IndexName="active")
            return answer["Count"]

        news = PendingNotifications(Table(dynamodb(), SESSIONS, schema.SESSION_ID))
        assert indexed() == 1
        sessions.end(ID, "c1", NOW + 1)
        news.mark_sent(ID, END, NOW)
        assert indexed() == 1, "until members have been notified"
        news.mark_sent(ID, END, NOW + 1)
        assert indexed() == 0
        assert stored(sessions).pending_notifications == {}


class TestConnections:
    def test_register_is_idempotent_and_never_resets(
        self, connections: ConnectionsRepository
    ) -> None:
        connections.take_seat("c1", Membership(ID, SPEAKER_SEAT, 3), now_ms=NOW)

        assert not connections.register(Connection("c1", "eve", NOW + 1, NOW + 1))
        connection = connections.get("c1")
        assert connection == Connection("c1", "alice", NOW, NOW, Membership(ID, SPEAKER_SEAT, 3))
        assert connection.expires_at == NOW + 7_200_000

    def test_one_seat_at_a_time(self, connections: ConnectionsRepository) -> None:
        seat = Membership(ID, Seat("listener", "es"))

        assert connections.take_seat("c1", seat, now_ms=NOW)
        assert connections.take_seat("c1", seat, now_ms=NOW), "it is the same one"
        assert not connections.take_seat("c1", seat, now_ms=NOW, taken_over=True)
        other = Membership(ID, Seat("listener", "fr"))
        assert not connections.take_seat("c1", other, now_ms=NOW)
        assert not connections.take_seat("c9", seat, now_ms=NOW)
        assert connections.get("c9") is None

    def test_a_change_requires_the_old_seat(self, connections: ConnectionsRepository) -> None:
        es, fr, de = (Seat("listener", language) for language in ("es", "fr", "de"))
        connections.take_seat("c1", Membership(ID, es), now_ms=NOW)

        assert connections.change_seat("c1", ID, es, fr)
        assert not connections.change_seat("c1", ID, es, de)
        assert not connections.change_seat("c1", "calm-otter-001", fr, de)
        assert connections.seated(ID, fr) == ["c1"]
        assert connections.seated(ID, es) == []

    def test_leaving_has_one_winner(self, connections: ConnectionsRepository) -> None:
        membership = Membership(ID, Seat("interpreter", "es"), 4)
        connections.take_seat("c1", membership, now_ms=NOW)

        assert connections.leave("c1", "calm-otter-001") is None
        left = connections.leave("c1", ID)
        assert left is not None
        assert left.membership == membership
        assert connections.leave("c1", ID) is None
        assert connections.roster(ID) == []
        assert connections.get("c1") is not None

    def test_the_left_seat_is_kept_until_counted_out(
        self, connections: ConnectionsRepository
    ) -> None:
        seat = Seat("listener", "es")
        connections.take_seat("c1", Membership(ID, seat), now_ms=NOW)
        connections.leave("c1", ID)

        connection = connections.get("c1")
        assert connection is not None
        assert (connection.turn, connection.left) == (1, LeftSeat(ID, seat))
        connections.confirm_counted_out("c1", 0)
        assert connections.get("c1") == connection, "an earlier turn"
        connections.confirm_counted_out("c1", 1)
        assert connections.get("c1") == replace(connection, left=None)

    def test_only_connections_without_a_seat_are_deleted(
        self, connections: ConnectionsRepository
    ) -> None:
        connections.take_seat("c1", Membership(ID, Seat("listener", "es")), now_ms=NOW)

        assert not connections.delete("c1")
        connections.leave("c1", ID)
        assert connections.delete("c1")
        assert connections.delete("c1")
        assert not connections.touch("c1", NOW + 60_000)
        assert connections.get("c1") is None

    def test_roster_is_complete_over_many_pages(self, connections: ConnectionsRepository) -> None:
        for number in range(150):
            connections.register(Connection(f"l{number}", None, NOW, NOW))
            connections.take_seat(f"l{number}", Membership(ID, Seat("listener", "es")), now_ms=NOW)
        connections.take_seat("c1", Membership(ID, SPEAKER_SEAT, 1), now_ms=NOW)

        roster = dict(connections.roster(ID))
        assert len(roster) == 151
        assert roster["c1"] == SPEAKER_SEAT
        assert len(connections.seated(ID, Seat("listener", "es"))) == 150

    def test_activity_is_written_every_thirty_seconds(
        self, connections: ConnectionsRepository
    ) -> None:
        def active() -> int:
            connection = connections.get("c1")
            assert connection is not None
            return connection.last_activity_time

        assert connections.touch("c1", NOW + 29_999)
        assert active() == NOW
        assert connections.touch("c1", NOW + 30_000)
        assert active() == NOW + 30_000


def test_refused_requests_raise_unavailable() -> None:
    with moto_tables():
        missing = Table(dynamodb(), "no-such-table", "k")
        with pytest.raises(StoreUnavailableError) as caught:
            missing.get("x")
    assert caught.value.code == "UNAVAILABLE"
    assert "no-such-table" not in caught.value.message


def test_an_unreachable_database_raises_unavailable() -> None:
    client = boto3.client("dynamodb", endpoint_url="http://127.0.0.1:9")
    with pytest.raises(StoreUnavailableError):
        Table(client, "t", "k").get("x")


@pytest.mark.parametrize("text", ["speaker#", "listener#es", "interpreter#pt-br"])
def test_seats_round_trip(text: str) -> None:
    assert str(Seat.parse(text)) == text


def test_a_seat_without_a_language_is_unknown() -> None:
    assert Seat.parse("listener#") == Seat("listener", "unknown")
    with pytest.raises(ValueError, match="not a seat"):
        Seat.parse("king#es")
