"""Messages of an open connection: quotas, routes, replies, errors, limits in time."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from functools import partial

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from local.gateway import GatewayLimits
from local.invocation import Outcome
from tests.helpers.doubles import ManualClock
from tests.integration.local.conftest import Served, ServeFactory, received
from tests.integration.local.support import Event, eventually, ok
from tests.unit.local.stacks import stack

ROUTES = {
    "$connect": False,
    "$disconnect": False,
    "$default": True,
    "ask": True,
    "tell": False,
}
KIB = 1024


@pytest.fixture
async def served(serve: ServeFactory) -> Served:
    served = await serve(stack(ROUTES))
    served.invoker.scripts |= {
        "$default": lambda event: ok({"default": event["body"]}),
        "ask": lambda event: ok({"asked": event["body"]}),
        "tell": lambda _event: ok("nobody sees this"),
    }
    return served


def action(name: str, **fields: object) -> str:
    return json.dumps({"action": name, **fields})


async def closing_code(client: ClientConnection) -> int:
    """How the server closes the connection; what it sends before is skipped."""
    with suppress(ConnectionClosed):
        async with asyncio.timeout(5):
            async for _ in client:
                pass
    assert client.close_code is not None
    return client.close_code


async def test_a_route_with_a_response_replies(served: Served) -> None:
    client = await served.connect()
    await client.send(action("ask", n=1))
    assert await received(client) == {"asked": '{"action": "ask", "n": 1}'}


async def test_a_route_without_a_response_does_not(served: Served) -> None:
    client = await served.connect()
    await client.send(action("tell"))
    await eventually(lambda: served.invoker.seen("tell"))
    await client.send(action("ask"))
    assert "asked" in await received(client)


@pytest.mark.parametrize("text", ["no json", "[]", '{"action": 1}', '{"action": "other"}', ""])
async def test_what_names_no_route_goes_to_default(served: Served, text: str) -> None:
    client = await served.connect()
    await client.send(text)
    assert await received(client) == {"default": text}


async def test_without_default_it_is_forbidden(serve: ServeFactory) -> None:
    served = await serve(stack({"$connect": False, "ask": True}))
    client = await served.connect()
    await client.send("no json")
    message = await received(client)
    assert message["message"] == "Forbidden"
    assert message["connectionId"] == served.connection_id()
    assert message["requestId"]


@pytest.mark.parametrize("route", ["ask", "tell"])
@pytest.mark.parametrize(
    "outcome",
    [
        Outcome.failure("ValueError", "secret"),
        Outcome.failure("Sandbox.Timedout", "secret"),
        ok("x" * 129 * KIB),
    ],
)
async def test_a_failure_reaches_the_client_as_one_message_without_its_text(
    served: Served, route: str, outcome: Outcome
) -> None:
    served.invoker.scripts[route] = lambda _: outcome
    client = await served.connect()
    await client.send(action(route))
    message = await received(client)
    (event,) = served.invoker.seen(route)
    assert message == {
        "message": "Internal server error",
        "connectionId": served.connection_id(),
        "requestId": event["requestContext"]["requestId"],
    }


async def test_an_integration_that_takes_too_long_is_a_failure(serve: ServeFactory) -> None:
    served = await serve(stack(ROUTES), limits=GatewayLimits(integration=0.05))

    async def never(_event: Event) -> Outcome:
        await asyncio.Event().wait()
        return ok()

    served.invoker.scripts["ask"] = never
    client = await served.connect()
    await client.send(action("ask"))
    assert (await received(client))["message"] == "Internal server error"


async def test_a_result_with_another_status_is_not_sent(served: Served) -> None:
    served.invoker.scripts["ask"] = lambda _: ok("hidden", statusCode=500)
    client = await served.connect()
    await client.send(action("ask"))
    await eventually(lambda: served.invoker.seen("ask"))
    await client.send("next")
    assert await received(client) == {"default": "next"}


async def test_a_message_of_the_full_size_in_frames_of_the_full_size_is_taken(
    served: Served,
) -> None:
    client = await served.connect()
    await client.send(["x" * 32 * KIB] * 4)
    await eventually(lambda: served.invoker.seen("$default"))
    assert len(served.invoker.seen("$default")[0]["body"]) == 128 * KIB


@pytest.mark.parametrize(
    "message", ["x" * (32 * KIB + 1), ["x" * 32 * KIB] * 4 + ["x"]], ids=["frame", "message"]
)
async def test_over_the_quota_the_connection_is_closed(
    served: Served, message: str | list[str]
) -> None:
    client = await served.connect()
    with suppress(ConnectionClosed):
        await client.send(message)
    assert await closing_code(client) == 1009
    await eventually(lambda: served.invoker.seen("$disconnect"))
    assert not served.invoker.seen("$default")


async def test_a_binary_message_closes_the_connection(served: Served) -> None:
    client = await served.connect()
    await client.send(b"bytes")
    assert await closing_code(client) == 1003
    assert (await served.manage("POST", served.connection_id(), b"x")).status == 410


async def test_invocations_of_one_connection_overlap(served: Served) -> None:
    together = asyncio.Barrier(3)

    async def meet(_event: Event) -> Outcome:
        await asyncio.wait_for(together.wait(), 5)
        return ok("met")

    served.invoker.scripts["ask"] = meet
    client = await served.connect()
    for _ in range(3):
        await client.send(action("ask"))
    for _ in range(3):
        assert await client.recv() == "met"


async def test_too_many_invocations_at_a_time_hold_the_client_up(serve: ServeFactory) -> None:
    served = await serve(stack(ROUTES), limits=GatewayLimits(in_flight=2))
    gate = asyncio.Event()

    async def wait(_event: Event) -> Outcome:
        await gate.wait()
        return ok()

    served.invoker.scripts["tell"] = wait
    client = await served.connect()
    for _ in range(5):
        await client.send(action("tell"))
    await eventually(lambda: len(served.invoker.seen("tell")) == 2)
    await client.ping()
    assert len(served.invoker.seen("tell")) == 2
    gate.set()
    await eventually(lambda: len(served.invoker.seen("tell")) == 5)


async def test_a_client_that_reads_no_replies_is_dropped_and_nobody_else_notices(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.connections._PATIENCE_SECONDS", 0.2)
    served.invoker.scripts["ask"] = lambda _: ok("x" * 100 * KIB)
    stalled = await served.connect(max_queue=1)
    stalled.transport.pause_reading()
    for _ in range(100):
        await stalled.send(action("ask"))
    other = await served.connect()
    await other.send("hello")
    assert await received(other) == {"default": "hello"}
    await eventually(lambda: served.invoker.seen("$disconnect"))


@pytest.mark.parametrize(
    ("code", "reason", "status"),
    [(1000, "bye", 1000), (4001, "own", 4001), (None, "", 1006)],
)
async def test_disconnect_says_how_the_connection_ended(
    served: Served, code: int | None, reason: str, status: int
) -> None:
    client = await served.connect()
    if code is None:
        client.transport.abort()
    else:
        await client.close(code, reason)
    await eventually(lambda: served.invoker.seen("$disconnect"))
    (event,) = served.invoker.seen("$disconnect")
    assert event["requestContext"]["disconnectStatusCode"] == status
    assert event["requestContext"]["disconnectReason"] == reason
    assert event["requestContext"]["connectionId"] == served.connection_id()


async def test_idle_connections_are_closed_and_used_ones_are_not(serve: ServeFactory) -> None:
    clock = ManualClock()
    served = await serve(stack(ROUTES), limits=GatewayLimits(sweep=0.01), clock=clock)
    idle, talking, listening = [await served.connect() for _ in range(3)]

    clock.advance(599_000)
    await talking.send(action("tell"))
    await eventually(lambda: served.invoker.seen("tell"))
    await served.manage("POST", served.connection_id(2), b"x")
    clock.advance(2_000)

    assert await closing_code(idle) == 1001
    await eventually(lambda: len(served.connections) == 2)
    assert await listening.recv() == "x"
    for client in (talking, listening):
        await (await client.ping())


async def test_no_connection_lives_longer_than_two_hours(serve: ServeFactory) -> None:
    clock = ManualClock()
    served = await serve(stack(ROUTES), limits=GatewayLimits(sweep=0.01), clock=clock)
    client = await served.connect()
    for number in range(1, 15):
        clock.advance(500_000)
        await client.send(action("tell"))
        await eventually(partial(served.has_seen, "tell", number))
    clock.advance(200_001)
    assert await closing_code(client) == 1001
