"""End of connections and the event of $disconnect."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from functools import partial

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from local.gateway.websocket import GatewayLimits
from local.runtime.invocation import Outcome
from tests.conformance.catalogue import Confidence, Requirement, behaviour
from tests.conformance.driver import LONG_TIMEOUT_SECONDS, Api
from tests.helpers.doubles import ManualClock
from tests.integration.local.conftest import Served, ServeFactory
from tests.integration.local.support import Event, eventually, ok
from tests.unit.local.stacks import stack

_QUOTAS = "apigateway-execution-service-websocket-limits-table"
_EVENTS = "apigateway-websocket-api-integration-requests"
_ROUTES = {"$connect": False, "$disconnect": False, "$default": False}
_MINUTE = 60_000


async def disconnect_status(api: Api, close: str, *arguments: object) -> tuple[int, str]:
    """Status and reason in $disconnect's event after a client closes in the given way."""
    observer, client = await api.connect_observed()
    socket = client.socket
    if close == "abort":
        socket.transport.abort()
    elif close == "empty":
        socket.protocol.send_close()
        for data in socket.protocol.data_to_send():
            socket.transport.write(data)
    else:
        await socket.close(*arguments)  # type: ignore[arg-type]
    context = (await observer.report("$disconnect"))["event"]["requestContext"]
    return context["disconnectStatusCode"], context["disconnectReason"]


@behaviour(
    "Client closes",
    "$disconnect gets the status and the reason of the client's close frame",
    "https://github.com/aws/aws-lambda-go/pull/548",
    _EVENTS,
)
@pytest.mark.parametrize(("code", "reason"), [(1000, "bye"), (4001, "own"), (1001, "")])
async def test_disconnect_gets_the_clients_close_status(probe: Api, code: int, reason: str) -> None:
    assert await disconnect_status(probe, "close", code, reason) == (code, reason)


@behaviour(
    "Client closes without a status",
    '$disconnect gets 1005 and "Client-side close frame status not set"',
    _EVENTS,
)
async def test_disconnect_gets_1005_without_a_status(probe: Api) -> None:
    expected = (1005, "Client-side close frame status not set")
    assert await disconnect_status(probe, "empty") == expected


@behaviour(
    "Connection lost",
    "$disconnect gets 1006 if the client disconnects without a close frame",
    "https://www.rfc-editor.org/rfc/rfc6455#section-7.1.5",
    "apigateway-websocket-api-route-keys-connect-disconnect",
    confidence=Confidence.ASSUMED,
)
async def test_disconnect_gets_1006_for_a_lost_connection(probe: Api) -> None:
    assert (await disconnect_status(probe, "abort"))[0] == 1006


@behaviour(
    "Deleted connection",
    '$disconnect gets 1000 and "Connection Closed Normally"',
    "https://github.com/aws/chalice/issues/2060",
    confidence=Confidence.REPORTED,
)
async def test_disconnect_gets_1000_for_a_deleted_connection(probe: Api) -> None:
    observer, client = await probe.connect_observed()
    target = await client.connection_id()
    assert (await observer.call("DELETE", connection=target))["status"] == 204
    await client.closing()
    context = (await observer.report("$disconnect"))["event"]["requestContext"]
    assert context["disconnectStatusCode"] == 1000
    assert context["disconnectReason"] == "Connection Closed Normally"


@behaviour(
    "Integration timeout",
    'After 29 s the client gets {"message": "Endpoint request timed out", connectionId, '
    "requestId}, with or without a route response",
    "https://github.com/Kludex/mangum/issues/128",
    "https://github.com/aws/chalice/issues/1406",
    confidence=Confidence.REPORTED,
    slow=True,
)
async def test_an_integration_timeout_is_reported_to_the_client(
    deployed_probe: Api | None, serve: ServeFactory
) -> None:
    if deployed_probe is not None:
        client = await deployed_probe.connect()
        await client.send_command("tell", do="sleep", seconds=34)
        message = await client.json(LONG_TIMEOUT_SECONDS)
    else:
        served = await serve(stack(_ROUTES), limits=GatewayLimits(integration=0.05))
        served.invoker.scripts["$default"] = _never
        local = await served.connect()
        await local.send("hello")
        message = await _json(local)
    assert message.keys() == {"message", "connectionId", "requestId"}
    assert message["message"] == "Endpoint request timed out"


async def _never(_event: Event) -> Outcome:
    await asyncio.Event().wait()
    return ok()


async def _json(client: ClientConnection) -> Event:
    async with asyncio.timeout(LONG_TIMEOUT_SECONDS):
        message: Event = json.loads(await client.recv())
    return message


async def closing(client: ClientConnection) -> tuple[int | None, str | None]:
    """Close code and reason of the server."""
    with suppress(ConnectionClosed):
        async with asyncio.timeout(LONG_TIMEOUT_SECONDS):
            while True:
                await client.recv()
    return client.close_code, client.close_reason


async def serve_with_manual_clock(serve: ServeFactory) -> tuple[Served, ManualClock]:
    """A gateway with a manual clock."""
    clock = ManualClock()
    limits = GatewayLimits(sweep=0.01)
    return await serve(stack(_ROUTES), limits=limits, clock=clock), clock


@behaviour(
    "Idle for 10 minutes",
    'The connection is closed (documented) with 1001 and "Going away", which $disconnect gets '
    "(reported)",
    _QUOTAS,
    "https://github.com/localstack/localstack/issues/9553",
    confidence=Confidence.REPORTED,
    requires=Requirement.CLOCK,
)
async def test_an_idle_connection_is_closed(serve: ServeFactory) -> None:
    served, clock = await serve_with_manual_clock(serve)
    older = await served.connect()
    clock.advance(1)
    idle = await served.connect()
    clock.advance(10 * _MINUTE - 1)
    assert await closing(older) == (1001, "Going away")
    assert len(served.connections) == 1
    clock.advance(1)
    assert await closing(idle) == (1001, "Going away")
    await eventually(partial(served.has_seen, "$disconnect", 2))
    for event in served.invoker.seen("$disconnect"):
        assert event["requestContext"]["disconnectStatusCode"] == 1001
        assert event["requestContext"]["disconnectReason"] == "Going away"


@behaviour(
    "Activity",
    "A message in either direction restarts the 10 minutes",
    "https://hotsock.io/docs/connections/keep-alive",
    "https://github.com/michalkvasnicak/aws-lambda-graphql/issues/136",
    confidence=Confidence.REPORTED,
    requires=Requirement.CLOCK,
)
async def test_messages_in_either_direction_are_activity(serve: ServeFactory) -> None:
    served, clock = await serve_with_manual_clock(serve)
    talking, listening, idle = [await served.connect() for _ in range(3)]
    clock.advance(9 * _MINUTE)
    await talking.send("hello")
    await eventually(lambda: served.invoker.seen("$default"))
    assert (await served.manage("POST", served.connection_id(1), b"x")).status == 200
    clock.advance(9 * _MINUTE)
    assert (await closing(idle))[0] == 1001
    assert len(served.connections) == 2
    for client in (talking, listening):
        await (await client.ping())


@behaviour(
    "Pings and the idle time",
    "Pings are not activity; only messages are",
    "https://github.com/andyrichardson/subscriptionless/issues/3",
    _QUOTAS,
    confidence=Confidence.ASSUMED,
    requires=Requirement.CLOCK,
)
async def test_pings_are_not_activity(serve: ServeFactory) -> None:
    served, clock = await serve_with_manual_clock(serve)
    client = await served.connect()
    clock.advance(9 * _MINUTE)
    await (await client.ping())
    clock.advance(1 * _MINUTE)
    assert (await closing(client))[0] == 1001


@behaviour(
    "Open for 2 hours",
    'The connection is closed even if it is busy; the code, 1001 "Going away", is assumed',
    _QUOTAS,
    requires=Requirement.CLOCK,
)
async def test_a_connection_is_closed_after_two_hours(serve: ServeFactory) -> None:
    served, clock = await serve_with_manual_clock(serve)
    older = await served.connect()
    clock.advance(1)
    client = await served.connect()
    for number in range(1, 15):
        clock.advance(500_000)
        await older.send("busy")
        await client.send("busy")
        await eventually(partial(served.has_seen, "$default", 2 * number))
    clock.advance(200_000 - 1)
    assert await closing(older) == (1001, "Going away")
    assert len(served.connections) == 1
    clock.advance(1)
    assert await closing(client) == (1001, "Going away")
