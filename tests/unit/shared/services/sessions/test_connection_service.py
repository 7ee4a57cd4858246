"""Requests that count as activity, and their cost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.data_access.connections_repository import ACTIVITY_INTERVAL_MS, ConnectionsRepository
from shared.models.connection import Caller
from shared.protocol.messages import Heartbeat
from shared.services.sessions.connection_service import ConnectionService
from tests.helpers.database.tables import connections_repository, moto_tables
from tests.helpers.doubles import ManualClock


class Connected:
    """A connection and its requests."""

    def __init__(self, repository: ConnectionsRepository) -> None:
        self.clock = ManualClock()
        self.repository = repository
        self.service = ConnectionService(repository)
        self._connected_at = self.clock.now_ms()
        self.service.register(self.caller())
        self.ask = self.service.tracking_activity(lambda _caller, request: request)
        self.refuse = self.service.tracking_activity(self._refuse)

    @staticmethod
    def _refuse(_caller: Caller, _request: Heartbeat) -> Heartbeat:
        raise ValueError("refused")

    def caller(self) -> Caller:
        now = self.clock.now_ms()
        return Caller("c1", None, frozenset(), now, self._connected_at)

    def last_activity(self) -> int:
        connection = self.repository.get("c1")
        assert connection is not None
        return connection.last_activity_time - self._connected_at


@pytest.fixture
def connected() -> Iterator[Connected]:
    with moto_tables():
        yield Connected(connections_repository())


def test_requests_count_as_activity(connected: Connected) -> None:
    for _ in range(4):
        connected.clock.advance(ACTIVITY_INTERVAL_MS)
        assert connected.ask(connected.caller(), Heartbeat()) == Heartbeat()

    assert connected.last_activity() == 4 * ACTIVITY_INTERVAL_MS


def test_requests_of_a_new_connection_write_nothing(connected: Connected) -> None:
    connected.clock.advance(ACTIVITY_INTERVAL_MS - 1)

    connected.ask(connected.caller(), Heartbeat())

    assert connected.last_activity() == 0


def test_refused_requests_count_as_activity_too(connected: Connected) -> None:
    connected.clock.advance(ACTIVITY_INTERVAL_MS)

    with pytest.raises(ValueError, match="refused"):
        connected.refuse(connected.caller(), Heartbeat())

    assert connected.last_activity() == ACTIVITY_INTERVAL_MS


def test_an_unknown_connection_is_not_created(connected: Connected) -> None:
    connected.repository.delete("c1")
    connected.clock.advance(ACTIVITY_INTERVAL_MS)

    connected.ask(connected.caller(), Heartbeat())

    assert connected.repository.get("c1") is None
