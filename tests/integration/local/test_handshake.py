"""The handshake: authorizer, $connect, and refusals."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from local.runtime.invocation import Outcome
from tests.integration.local.conftest import Served, ServeFactory
from tests.integration.local.support import Event, allow, call, eventually, ok
from tests.unit.local.stacks import stack

ROUTES = {"$connect": False, "$disconnect": False, "$default": True}


@pytest.fixture
async def served(serve: ServeFactory) -> Served:
    return await serve(stack(ROUTES, authorizer="guard"))


async def refusal(served: Served, query: str = "", path: str = "/dev") -> int:
    with pytest.raises(InvalidStatus) as refused:
        await served.connect(query, path)
    body = json.loads(refused.value.response.body or b"")
    assert body.keys() == {"message", "connectionId", "requestId"}
    return refused.value.response.status_code


@pytest.mark.parametrize("path", ["/", "/prod", "/dev/more", "/devil"])
async def test_other_paths_are_refused_without_an_invocation(served: Served, path: str) -> None:
    assert await refusal(served, path=path) == 403
    assert not served.invoker.events


async def test_the_path_can_end_with_a_slash(served: Served) -> None:
    served.invoker.scripts["guard"] = lambda _: allow()
    await served.connect(path="/dev/")


async def test_a_request_without_an_upgrade_is_refused_without_an_invocation(
    served: Served,
) -> None:
    answer = await call(served.port, "GET", "/dev")
    assert answer.status == 426
    assert not served.invoker.events


async def test_compression_is_never_negotiated(serve: ServeFactory) -> None:
    client = await (await serve(stack(ROUTES))).connect(compression="deflate")
    assert client.response is not None
    assert "Sec-WebSocket-Extensions" not in client.response.headers


async def test_predefined_routes_are_optional(serve: ServeFactory) -> None:
    served = await serve(stack({"$default": True}))
    client = await served.connect()
    await client.close()
    await eventually(lambda: not len(served.connections))
    assert not served.invoker.events


async def test_a_client_that_leaves_while_connect_runs_is_disconnected(
    serve: ServeFactory,
) -> None:
    served = await serve(stack(ROUTES))
    gate = asyncio.Event()

    async def connecting(_event: Event) -> Outcome:
        await gate.wait()
        return ok()

    served.invoker.scripts["$connect"] = connecting
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(
        b"GET /dev HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await eventually(lambda: served.invoker.seen("$connect"))
    writer.transport.abort()
    gate.set()

    await eventually(lambda: served.invoker.seen("$disconnect"))
    (event,) = served.invoker.seen("$disconnect")
    assert event["requestContext"]["connectionId"] == served.connection_id()
    assert event["requestContext"]["disconnectStatusCode"] == 1006
    assert (await served.manage("POST", served.connection_id(), b"x")).status == 410
    assert reader.at_eof() or reader.exception() is not None


async def test_a_client_that_leaves_while_the_authorizer_runs_is_never_connected(
    serve: ServeFactory,
) -> None:
    served = await serve(stack(ROUTES, authorizer="guard"))
    gate = asyncio.Event()

    async def authorizing(_event: Event) -> Outcome:
        await gate.wait()
        return allow()

    served.invoker.scripts["guard"] = authorizing
    opening = asyncio.ensure_future(served.connect())
    await eventually(lambda: served.invoker.seen("guard"))
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)

    # Once a later handshake is over, the server has seen the first client leave.
    served.invoker.scripts["guard"] = lambda _: allow()
    later = await served.connect()
    gate.set()
    await later.send("hello")
    await eventually(lambda: served.invoker.seen("$default"))
    assert len(served.invoker.seen("$connect")) == 1


async def test_stopping_closes_connections_with_going_away(served: Served) -> None:
    served.invoker.scripts["guard"] = lambda _: allow()
    client = await served.connect()
    await served.gateway.stop()
    with pytest.raises(ConnectionClosed) as closed:
        await client.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    assert not served.invoker.seen("$disconnect")
