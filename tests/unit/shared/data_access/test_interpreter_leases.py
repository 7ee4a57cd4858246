"""Renewals of leases in connections' rows, with moto and with the database in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from msgspec.structs import replace

from shared.data_access.interpreter_leases import InterpreterLeases
from shared.data_access.table import Table
from shared.models import schema
from shared.models.audio_format import AudioFormat
from shared.models.connection import Connection, Membership, Seat
from shared.models.session import LEASE_MS, Channel, Renewal, Session, Standby
from tests.helpers.database.counting_client import CountingClient
from tests.helpers.database.memory_dynamodb import MemoryDynamoDB
from tests.helpers.database.tables import (
    CONNECTIONS,
    SESSIONS,
    connections_repository,
    dynamodb,
    moto_tables,
    sessions_repository,
    using,
)

NOW = 1_700_000_000_000
ID = "golden-eagle-427"
SEAT = Seat("interpreter", "es")
CHANNEL = Channel(
    epoch=3,
    connection_id="holder",
    lease_until=NOW,
    heard_at=NOW - LEASE_MS,
    standbys={"waiting": Standby("human", NOW, NOW)},
)


@pytest.fixture(params=["moto", "memory"])
def client(request: pytest.FixtureRequest) -> Iterator[Any]:
    with ExitStack() as opened:
        opened.enter_context(moto_tables() if request.param == "moto" else using(MemoryDynamoDB()))
        sessions_repository().create(
            Session(
                session_id=ID,
                owner="alice",
                speaker_connection_id="speaker",
                speaker_epoch=1,
                source_language="en",
                quality_tier="standard",
                audio_format=AudioFormat(),
                created_at=NOW,
                max_listeners=2,
                channels={"es": CHANNEL},
            )
        )
        for connection_id in ("holder", "waiting"):
            seat(connection_id)
        yield CountingClient()


@pytest.fixture
def leases(client: Any) -> InterpreterLeases:
    return InterpreterLeases(
        Table(client, SESSIONS, schema.SESSION_ID),
        Table(client, CONNECTIONS, schema.CONNECTION_ID),
    )


def seat(connection_id: str) -> None:
    connections = connections_repository()
    connections.register(Connection(connection_id, "ines", NOW, NOW))
    connections.take_seat(connection_id, Membership(ID, SEAT), now_ms=NOW)


def read(leases: InterpreterLeases, *connection_ids: str) -> Session:
    session = leases.session(ID, connection_ids)
    assert session is not None
    return session


class TestRenewal:
    def test_a_renewal_extends_the_lease_and_keeps_the_time_of_the_last_audio(
        self, leases: InterpreterLeases
    ) -> None:
        assert leases.renew("holder", ID, "es", until=NOW + 500, heard_at=NOW + 400)
        assert leases.renew("holder", ID, "es", until=NOW + 900)

        assert read(leases, "holder").channels["es"] == replace(
            CHANNEL, lease_until=NOW + 900, heard_at=NOW + 400
        )

    def test_a_renewal_writes_nothing_but_its_own_row(
        self, client: Any, leases: InterpreterLeases
    ) -> None:
        before = dynamodb().get_item(TableName=SESSIONS, Key={"sessionId": {"S": ID}})
        client.requests.clear()

        leases.renew("holder", ID, "es", until=NOW + 900, heard_at=NOW)

        assert client.requests == {"update_item": 1}
        after = dynamodb().get_item(TableName=SESSIONS, Key={"sessionId": {"S": ID}})
        assert before["Item"] == after["Item"]

    @pytest.mark.parametrize(("session_id", "language"), [(ID, "fr"), ("calm-otter-001", "es")])
    def test_another_seat_is_not_renewed(
        self, leases: InterpreterLeases, session_id: str, language: str
    ) -> None:
        assert not leases.renew("holder", session_id, language, until=NOW + 900)
        assert not leases.renew("nobody", session_id, language, until=NOW + 900)
        assert read(leases, "holder").channels["es"] == CHANNEL

    def test_a_seat_that_was_left_or_taken_over_is_not_renewed(
        self, leases: InterpreterLeases
    ) -> None:
        connections_repository().leave("holder", ID)
        Table(dynamodb(), CONNECTIONS, schema.CONNECTION_ID).update(
            "waiting",
            "SET #replaced = :now",
            condition="attribute_exists(#replaced) OR attribute_not_exists(#replaced)",
            names={"#replaced": schema.REPLACED_AT},
            values={":now": NOW},
        )

        assert not leases.renew("holder", ID, "es", until=NOW + 900)
        assert not leases.renew("waiting", ID, "es", until=NOW + 900)


class TestReads:
    def test_a_session_and_its_leases_are_one_request(
        self, client: Any, leases: InterpreterLeases
    ) -> None:
        leases.renew("waiting", ID, "es", until=NOW + 700)
        client.requests.clear()

        session = read(leases, "holder", "waiting", "gone")

        assert client.requests == {"batch_get_item": 1}
        assert session.channels["es"].standbys["waiting"].lease_until == NOW + 700
        assert session.renewals == {
            "holder": Renewal(),
            "waiting": Renewal(NOW + 700),
            "gone": Renewal(),
        }

    def test_a_session_alone(self, client: Any, leases: InterpreterLeases) -> None:
        client.requests.clear()

        assert read(leases).channels["es"] == CHANNEL
        assert client.requests == {"get_item": 1}
        assert leases.session("unknown", ()) is None
        assert leases.session("unknown", ("holder",)) is None

    def test_more_leases_than_one_request_can_read(
        self, client: Any, leases: InterpreterLeases
    ) -> None:
        leases.renew("waiting", ID, "es", until=NOW + 700)
        client.requests.clear()

        session = read(leases, *(f"c{number}" for number in range(100)), "waiting")

        assert client.requests == {"batch_get_item": 2}
        assert len(session.renewals) == 101
        assert session.renewals["waiting"] == Renewal(NOW + 700)

    def test_an_earlier_renewal_does_not_shorten_a_grant(self, leases: InterpreterLeases) -> None:
        leases.renew("holder", ID, "es", until=NOW - 1_000, heard_at=NOW - 9_000)

        assert read(leases, "holder").channels["es"] == CHANNEL


class TestRefreshes:
    """Leases that seem to have run out are read, others are not."""

    def test_only_leases_that_have_run_out_are_read(
        self, client: Any, leases: InterpreterLeases
    ) -> None:
        session = read(leases)
        client.requests.clear()

        assert leases.refresh_channel(session, "es", NOW) == session
        assert leases.refresh_interpreters(session, NOW) == session
        assert leases.refresh_standbys(session, "es", NOW) == session
        assert leases.refresh_channel(session, "fr", NOW + 1) == session
        assert client.requests == {}

    def test_a_renewal_that_was_read_is_not_read_again(
        self, client: Any, leases: InterpreterLeases
    ) -> None:
        session = read(leases, "holder", "waiting")
        client.requests.clear()

        assert leases.refresh_channel(session, "es", NOW + 1) == session
        assert client.requests == {}

    @pytest.mark.parametrize(
        ("refresh", "known"),
        [
            ("interpreters", {"holder"}),
            ("standbys", {"waiting"}),
            ("channel", {"holder", "waiting"}),
        ],
    )
    def test_what_a_refresh_reads(
        self, client: Any, leases: InterpreterLeases, refresh: str, known: set[str]
    ) -> None:
        for connection_id in ("holder", "waiting"):
            leases.renew(connection_id, ID, "es", until=NOW + 700)
        session, now = read(leases), NOW + 1
        client.requests.clear()

        refreshed = {
            "interpreters": lambda: leases.refresh_interpreters(session, now),
            "standbys": lambda: leases.refresh_standbys(session, "es", now),
            "channel": lambda: leases.refresh_channel(session, "es", now),
        }[refresh]()

        assert client.requests == {"batch_get_item": 1}
        assert refreshed.renewals == dict.fromkeys(known, Renewal(NOW + 700))
