"""Throttling of routes, of the account and of clients."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections import Counter
from contextlib import suppress

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from local.gateway.connections import Connections
from local.gateway.management import ManagementApi
from local.gateway.throttles import ACCOUNT, CLIENT, NEW_CONNECTIONS, Throttles
from local.http.messages import Request
from local.iam.request_authorizer import allow_all
from local.template.model import Stack
from shared.utils.token_bucket import Budget
from tests.conformance.catalogue import Confidence, Requirement, behaviour
from tests.conformance.driver import TIMEOUT_SECONDS
from tests.helpers.doubles import ManualClock
from tests.integration.local.conftest import ServeFactory
from tests.integration.local.support import ok
from tests.unit.local.stacks import stack

_PROTECT = "websocket-api-protect"
_LIMITS = "limits"
_OVERVIEW = "apigateway-websocket-api-overview"


def throttled(default: Budget | None = None, **routes: Budget) -> Stack:
    """A stack with these limits of its routes; `connect` is $connect."""
    base = stack({"$connect": False, "$default": True, "ask": True})
    limits = {"$connect" if key == "connect" else key: budget for key, budget in routes.items()}
    websocket = dataclasses.replace(base.websocket, throttles=limits, default_throttle=default)
    return dataclasses.replace(base, websocket=websocket)


async def send_repeatedly(
    client: ClientConnection, text: str, count: int
) -> list[dict[str, object]]:
    """Send a message `count` times and receive as many replies, in any order."""
    for _ in range(count):
        await client.send(text)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        return [json.loads(await client.recv()) for _ in range(count)]


@behaviour(
    "Message over a route's limit",
    'The function is not invoked (documented); the client gets {"message": "Too Many Requests", '
    "connectionId, requestId} and stays connected (assumed)",
    _PROTECT,
    confidence=Confidence.ASSUMED,
    requires=Requirement.CLOCK,
)
async def test_a_message_over_its_routes_limit_is_rejected(serve: ServeFactory) -> None:
    clock = ManualClock()
    limited = throttled(Budget(per_second=1_000, burst=1_000), ask=Budget(per_second=2, burst=3))
    served = await serve(limited, clock=clock)
    served.invoker.scripts |= {"ask": lambda _: ok({}), "$default": lambda _: ok({"other": 1})}
    client = await served.connect()

    replies = await send_repeatedly(client, '{"action": "ask"}', 5)

    throttled_replies = [each for each in replies if each]
    assert [each["message"] for each in throttled_replies] == ["Too Many Requests"] * 2
    assert {each["connectionId"] for each in throttled_replies} == {served.connection_id()}
    assert len({each["requestId"] for each in throttled_replies}) == 2
    assert len(served.invoker.seen("ask")) == 3
    # Each route has its own bucket, which refills.
    assert await send_repeatedly(client, "other", 1) == [{"other": 1}]
    clock.advance(500)
    assert await send_repeatedly(client, '{"action": "ask"}', 1) == [{}]


@behaviour(
    "Handshake over the limit of $connect",
    "It is rejected with 429, before the authorizer is invoked",
    _PROTECT,
    "https://github.com/terraform-aws-modules/terraform-aws-apigateway-v2/issues/8",
    confidence=Confidence.REPORTED,
    requires=Requirement.CLOCK,
)
async def test_a_handshake_over_the_limit_is_rejected(serve: ServeFactory) -> None:
    limited = throttled(connect=Budget(per_second=1, burst=2))
    served = await serve(limited, clock=ManualClock())
    for _ in range(2):
        await served.connect()

    with pytest.raises(InvalidStatus) as rejected:
        await served.connect()

    assert rejected.value.response.status_code == 429
    assert json.loads(rejected.value.response.body or b"")["message"] == "Too Many Requests"
    assert len(served.invoker.seen("$connect")) == 2


@behaviour(
    "Quotas of an account",
    "10 000 requests a second (messages, handshakes and @connections calls together) and 500 new "
    "connections a second",
    _LIMITS,
    "apigateway-execution-service-websocket-limits-table",
    requires=Requirement.CLOCK,
)
async def test_the_quotas_of_an_account() -> None:
    throttles = Throttles(throttled().websocket, ManualClock())
    connections = sum(throttles.admit_connection() for _ in range(2_000))
    requests = sum(throttles.admit_request("ask") for _ in range(20_000))
    assert connections == NEW_CONNECTIONS.burst
    assert connections + requests == ACCOUNT.burst
    assert (ACCOUNT.per_second, NEW_CONNECTIONS.per_second) == (10_000, 500)


@behaviour(
    "@connections over the account's quota",
    "429 (documented), as LimitExceededException (assumed)",
    "apigateway-how-to-call-websocket-api-connections",
    _LIMITS,
    confidence=Confidence.ASSUMED,
    requires=Requirement.CLOCK,
)
async def test_calls_over_the_quota_are_rejected() -> None:
    throttles = Throttles(throttled().websocket, ManualClock())
    api = ManagementApi("dev", Connections(), allow_all, throttles)
    request = Request("POST", "/dev/@connections/L0SM9cOFvHcCIhw=", (), b"{}")

    statuses = Counter(api.handle(request).status for _ in range(ACCOUNT.burst + 2))

    assert statuses == {410: ACCOUNT.burst, 429: 2}


@behaviour(
    "Too many requests of one client",
    "The connection is closed with 1008 (documented); the limit is undocumented (assumed: 200 a "
    "second, 500 at once)",
    _OVERVIEW,
    confidence=Confidence.ASSUMED,
    requires=Requirement.CLOCK,
)
async def test_a_client_that_sends_too_many_requests_is_disconnected(serve: ServeFactory) -> None:
    served = await serve(throttled(), clock=ManualClock())
    client = await served.connect()
    with suppress(ConnectionClosed):
        for _ in range(CLIENT.burst + 1):
            await client.send("x")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                await client.recv()
    assert (client.close_code, client.close_reason) == (1008, "Too Many Requests")
