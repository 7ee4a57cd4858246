"""Messages of an open connection: quotas, routes, replies, errors and timeouts."""

from __future__ import annotations

import asyncio
import json

import pytest

from local.gateway.websocket import GatewayLimits
from local.runtime.invocation import Outcome
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


@pytest.mark.parametrize("route", ["ask", "tell"])
@pytest.mark.parametrize(
    "outcome",
    [
        Outcome.failure("ValueError", "secret"),
        Outcome.failure("Sandbox.Timedout", "secret"),
        ok("x" * 129 * KIB),
    ],
)
async def test_a_failure_is_one_message_without_details(
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


async def test_a_client_with_too_many_invocations_is_held(serve: ServeFactory) -> None:
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


async def test_a_client_that_does_not_read_is_dropped_and_others_are_not_affected(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.gateway.connections._TIMEOUT_SECONDS", 0.2)
    served.invoker.scripts["ask"] = lambda _: ok("x" * 100 * KIB)
    stalled = await served.connect(max_queue=1)
    stalled.transport.pause_reading()
    for _ in range(100):
        await stalled.send(action("ask"))
    other = await served.connect()
    await other.send("hello")
    assert await received(other) == {"default": "hello"}
    await eventually(lambda: served.invoker.seen("$disconnect"))
