"""Throttling: of a route, of an account, and of one client."""

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
from local.http.server import Request
from local.iam.request_authorizer import allow_all
from local.template.model import Stack
from shared.utils.token_bucket import Budget
from tests.conformance.catalogue import Confidence, Needs, behaviour
from tests.conformance.driver import PATIENCE_SECONDS
from tests.helpers.doubles import ManualClock
from tests.integration.local.conftest import ServeFactory
from tests.integration.local.support import ok
from tests.unit.local.stacks import stack

_PROTECT = "websocket-api-protect"
_LIMITS = "limits"
_OVERVIEW = "apigateway-websocket-api-overview"


def throttled(default: Budget | None = None, **routes: Budget) -> Stack:
    """A stack whose routes have these limits; `connect` stands for $connect."""
    made = stack({"$connect": False, "$default": True, "ask": True})
    limits = {"$connect" if key == "connect" else key: budget for key, budget in routes.items()}
    websocket = dataclasses.replace(made.websocket, throttles=limits, default_throttle=default)
    return dataclasses.replace(made, websocket=websocket)


async def answers(client: ClientConnection, text: str, count: int) -> list[dict[str, object]]:
    """What comes back of as many messages, in any order."""
    for _ in range(count):
        await client.send(text)
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [json.loads(await client.recv()) for _ in range(count)]


@behaviour(
    "Message over a route's limit",
    'The function is not invoked (documented); the client gets {"message": "Too Many Requests", '
    "connectionId, requestId} and stays connected (assumed)",
    _PROTECT,
    confidence=Confidence.ASSUMED,
    needs=Needs.CLOCK,
)
async def test_a_message_over_its_routes_limit_is_refused(serve: ServeFactory) -> None:
    clock = ManualClock()
    limited = throttled(Budget(per_second=1_000, burst=1_000), ask=Budget(per_second=2, burst=3))
    served = await serve(limited, clock=clock)
    served.invoker.scripts |= {"ask": lambda _: ok({}), "$default": lambda _: ok({"other": 1})}
    client = await served.connect()

    got = await answers(client, '{"action": "ask"}', 5)

    refused = [each for each in got if each]
    assert [each["message"] for each in refused] == ["Too Many Requests"] * 2
    assert {each["connectionId"] for each in refused} == {served.connection_id()}
    assert len({each["requestId"] for each in refused}) == 2
    assert len(served.invoker.seen("ask")) == 3
    # Each route has a bucket of its own, and it fills again.
    assert await answers(client, "other", 1) == [{"other": 1}]
    clock.advance(500)
    assert await answers(client, '{"action": "ask"}', 1) == [{}]


@behaviour(
    "Handshake over the limit of $connect",
    "It is refused with 429, before the authorizer is asked",
    _PROTECT,
    "https://github.com/terraform-aws-modules/terraform-aws-apigateway-v2/issues/8",
    confidence=Confidence.REPORTED,
    needs=Needs.CLOCK,
)
async def test_a_handshake_over_the_limit_is_refused(serve: ServeFactory) -> None:
    limited = throttled(connect=Budget(per_second=1, burst=2))
    served = await serve(limited, clock=ManualClock())
    for _ in range(2):
        await served.connect()

    with pytest.raises(InvalidStatus) as refused:
        await served.connect()

    assert refused.value.response.status_code == 429
    assert json.loads(refused.value.response.body or b"")["message"] == "Too Many Requests"
    assert len(served.invoker.seen("$connect")) == 2


@behaviour(
    "Quotas of an account",
    "10 000 requests a second, messages, handshakes and @connections together, and 500 new "
    "connections a second",
    _LIMITS,
    "apigateway-execution-service-websocket-limits-table",
    needs=Needs.CLOCK,
)
async def test_an_account_has_quotas() -> None:
    throttles = Throttles(throttled().websocket, ManualClock())
    opened = sum(throttles.admit_connection() for _ in range(2_000))
    requests = sum(throttles.admit_request("ask") for _ in range(20_000))
    assert opened == NEW_CONNECTIONS.burst
    assert opened + requests == ACCOUNT.burst
    assert (ACCOUNT.per_second, NEW_CONNECTIONS.per_second) == (10_000, 500)


@behaviour(
    "@connections over the account's quota",
    "429 (documented), as LimitExceededException (assumed)",
    "apigateway-how-to-call-websocket-api-connections",
    _LIMITS,
    confidence=Confidence.ASSUMED,
    needs=Needs.CLOCK,
)
async def test_calls_over_the_quota_are_refused() -> None:
    throttles = Throttles(throttled().websocket, ManualClock())
    api = ManagementApi("dev", Connections(), allow_all, throttles)
    request = Request("POST", "/dev/@connections/L0SM9cOFvHcCIhw=", (), b"{}")

    statuses = Counter(api.handle(request).status for _ in range(ACCOUNT.burst + 2))

    assert statuses == {410: ACCOUNT.burst, 429: 2}


@behaviour(
    "Too many requests of one client",
    "The connection is closed with 1008 (documented); how many are too many is nowhere said "
    "(assumed: 200 a second, 500 at once)",
    _OVERVIEW,
    confidence=Confidence.ASSUMED,
    needs=Needs.CLOCK,
)
async def test_a_client_that_sends_too_much_is_closed(serve: ServeFactory) -> None:
    served = await serve(throttled(), clock=ManualClock())
    client = await served.connect()
    with suppress(ConnectionClosed):
        for _ in range(CLIENT.burst + 1):
            await client.send("x")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                await client.recv()
    assert (client.close_code, client.close_reason) == (1008, "Too Many Requests")
