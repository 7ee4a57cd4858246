"""All connections and members, read through the indexes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.presence import Presence, PresentConnection
from shared.data_access.rollovers import Rollovers
from shared.data_access.table import Table
from shared.models import schema
from shared.models.connection import Connection, Membership, Seat
from tests.helpers.database.tables import CONNECTIONS, SESSIONS, dynamodb, moto_tables

NOW = 1_700_000_000_000
MEMBER = Membership("golden-eagle-427", Seat("listener", "es"))


@pytest.fixture
def table() -> Iterator[Table]:
    with moto_tables():
        yield Table(dynamodb(), CONNECTIONS, schema.CONNECTION_ID)


def connect(table: Table, name: str, user: str | None = None, at: int = NOW) -> None:
    ConnectionsRepository(table).register(Connection(name, user, at, at))


def everyone(table: Table, active_since: int = 0) -> list[PresentConnection]:
    found = Presence(table).connections(active_since)
    return sorted(found, key=lambda present: present.connection_id)


def test_no_connections(table: Table) -> None:
    assert everyone(table) == []


def test_connections_with_their_seats(table: Table) -> None:
    connect(table, "c1")
    connect(table, "c2", "alice")
    ConnectionsRepository(table).take_seat("c2", MEMBER, now_ms=NOW + 5)

    assert everyone(table) == [
        PresentConnection("c1", None, NOW, NOW),
        PresentConnection("c2", "alice", NOW, NOW, MEMBER.session_id, MEMBER.seat, NOW + 5),
    ]


def test_all_buckets_are_read(table: Table) -> None:
    names = {f"c{number}" for number in range(40)}
    for name in names:
        connect(table, name)

    assert {present.connection_id for present in everyone(table)} == names


def test_only_recently_active_connections(table: Table) -> None:
    connect(table, "old", at=NOW - 1)
    connect(table, "new", at=NOW)

    assert [present.connection_id for present in everyone(table, NOW)] == ["new"]


def test_a_connection_that_left_has_no_seat(table: Table) -> None:
    connect(table, "c1")
    connections = ConnectionsRepository(table)
    connections.take_seat("c1", MEMBER, now_ms=NOW)
    connections.leave("c1", MEMBER.session_id)

    assert everyone(table) == [PresentConnection("c1", None, NOW, NOW)]


def test_replaced_connections_are_omitted(table: Table) -> None:
    connect(table, "c1")
    ConnectionsRepository(table).take_seat("c1", MEMBER, "hash", now_ms=NOW)
    sessions = Table(dynamodb(), SESSIONS, schema.SESSION_ID)
    Rollovers(sessions, table).replace("c1", "hash", by="c2", now_ms=NOW)

    assert everyone(table) == []


def test_members_of_a_session(table: Table) -> None:
    for name in ("c1", "c2", "c3"):
        connect(table, name)
    connections = ConnectionsRepository(table)
    connections.take_seat("c1", MEMBER, now_ms=NOW + 5)
    connections.take_seat("c2", Membership("calm-otter-001", MEMBER.seat), now_ms=NOW)

    assert Presence(table).members(MEMBER.session_id) == [
        PresentConnection("c1", None, NOW, NOW, MEMBER.session_id, MEMBER.seat, NOW + 5)
    ]


def test_replaced_members_are_omitted(table: Table) -> None:
    connect(table, "c1")
    ConnectionsRepository(table).take_seat("c1", MEMBER, "hash", now_ms=NOW)
    sessions = Table(dynamodb(), SESSIONS, schema.SESSION_ID)
    Rollovers(sessions, table).replace("c1", "hash", by="c2", now_ms=NOW)

    assert Presence(table).members(MEMBER.session_id) == []
