"""A rush of joins: those that waited too long, or that the database throttles, come back later."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from shared.admission.queue_bound import MAX_WAIT_MS
from tests.helpers.database.counting_client import CountingClient
from tests.helpers.database.tables import SESSIONS, dynamodb
from tests.helpers.world import World


class Rush:
    """Joins that reach the function late; each takes a few milliseconds."""

    def __init__(self, world: World) -> None:
        self.world = world
        _, self.session_id = world.create_session()

    def join(self, waited_ms: int) -> dict[str, Any]:
        """Join a listener whose request arrived at the gateway `waited_ms` ago."""
        return self.join_as(self.world.connect(), waited_ms)

    def join_as(self, client: str, waited_ms: int) -> dict[str, Any]:
        """Join with a connection."""
        request = {
            "action": "joinSession",
            "sessionId": self.session_id,
            "targetLanguage": "es",
        }
        reply: dict[str, Any] = self.world.ask_text(
            client, json.dumps(request), arrived_at=self.world.clock.now_ms() - waited_ms
        )
        return reply


@pytest.fixture
def rush(world: World) -> Rush:
    return Rush(world)


def test_a_join_that_waited_too_long_is_refused_without_a_request(rush: Rush) -> None:
    rush.join(MAX_WAIT_MS - 1)
    client = rush.world.connect()
    database = CountingClient()
    rush.world.use_dynamodb(database)
    rush.join(0)  # the new instance is busy from here on
    database.requests.clear()

    reply = rush.join_as(client, MAX_WAIT_MS)

    assert (reply["code"], reply["status"], reply["retryable"]) == ("UNAVAILABLE", 503, True)
    assert reply["retryAfterMs"] == MAX_WAIT_MS
    assert not database.requests
    assert rush.world.telemetry.counts["OverdueRequestsRefused"] == 1


def test_an_instance_that_waited_for_work_refuses_nothing(rush: Rush) -> None:
    """Its clock or the gateway's must be wrong."""
    rush.join(0)
    rush.world.clock.advance(100)
    assert rush.join(MAX_WAIT_MS)["type"] == "sessionJoined"


@pytest.mark.parametrize("waited_ms", [-60_000, -1, 29_000, 3_600_000])
def test_an_impossible_wait_shows_wrong_clocks(rush: Rush, waited_ms: int) -> None:
    rush.join(0)
    assert rush.join(waited_ms)["type"] == "sessionJoined"


def test_clients_return_later_after_a_long_wait_but_not_too_late(rush: Rush) -> None:
    rush.join(0)
    waits = [rush.join(waited)["retryAfterMs"] for waited in (6_000, 20_000)]
    assert waits == [6_000, 10_000]


class ThrottledCounter:
    """DynamoDB client that throttles writes of the sessions table."""

    def __init__(self) -> None:
        self._client: Any = dynamodb()
        self.throttled = True

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        def throttled(**arguments: Any) -> Any:
            if self.throttled and name == "update_item" and arguments["TableName"] == SESSIONS:
                code = "ProvisionedThroughputExceededException"
                response: Any = {
                    "Error": {"Code": code},
                    "ResponseMetadata": {"HTTPStatusCode": 400},
                }
                raise ClientError(response, name)
            return call(**arguments)

        return throttled


def test_a_throttled_join_is_undone_and_says_when_to_return(rush: Rush) -> None:
    database = ThrottledCounter()
    rush.world.use_dynamodb(database)
    client = rush.world.connect()
    request = {"sessionId": rush.session_id, "targetLanguage": "es"}

    reply = rush.world.ask(client, "joinSession", **request)

    assert (reply["code"], reply["retryAfterMs"]) == ("UNAVAILABLE", 1_000)
    connection = rush.world.connections.get(client)
    assert connection is not None
    assert connection.membership is None
    database.throttled = False
    assert rush.world.ask(client, "joinSession", **request)["type"] == "sessionJoined"
    assert rush.world.session(rush.session_id).listener_count == 1


def test_other_errors_say_nothing_of_time(rush: Rush) -> None:
    reply = rush.world.ask(rush.world.connect(), "joinSession", sessionId="no", targetLanguage="es")
    assert reply["type"] == "error"
    assert "retryAfterMs" not in reply
