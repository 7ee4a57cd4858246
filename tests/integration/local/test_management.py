"""@connections: posting to connections and deleting them."""

from __future__ import annotations

import asyncio

import pytest
from websockets.exceptions import ConnectionClosed

from tests.integration.local.conftest import Served, ServeFactory
from tests.integration.local.support import PATIENCE_SECONDS, call, eventually
from tests.unit.local.stacks import stack

LIMIT = 128 * 1024


@pytest.fixture
async def served(serve: ServeFactory) -> Served:
    return await serve(stack({"$connect": False, "$disconnect": False}))


async def test_data_that_is_not_text_is_refused(served: Served) -> None:
    client = await served.connect()
    assert (await served.manage("POST", served.connection_id(), b"\xff\xfe")).status == 400
    await served.manage("POST", served.connection_id(), b"text")
    assert await client.recv() == "text"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/prod/%40connections/a%3D"),
        ("POST", "/dev/connections/a%3D"),
        ("POST", "/"),
        ("PUT", "/dev/%40connections/a%3D"),
    ],
)
async def test_other_paths_and_methods_are_not_found(
    served: Served, method: str, path: str
) -> None:
    assert (await served.manage_path(method, path)).status == 404


async def test_a_deleted_connection_is_gone_at_once(served: Served) -> None:
    client = await served.connect()
    client.transport.pause_reading()  # it answers the closing frame later
    assert (await served.manage("DELETE", served.connection_id())).status == 204
    assert (await served.manage("POST", served.connection_id(), b"x")).status == 410
    assert (await served.manage("DELETE", served.connection_id())).status == 410

    client.transport.resume_reading()
    with pytest.raises(ConnectionClosed) as closed:
        await client.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1000
    await eventually(lambda: served.invoker.seen("$disconnect"))


async def test_a_listener_that_does_not_read_does_not_affect_others(served: Served) -> None:
    slow = await served.connect(max_queue=1, max_size=None)
    slow_id = served.connection_id()
    quick = await served.connect(max_queue=None, max_size=None)
    quick_id = served.connection_id()
    slow.transport.pause_reading()
    body = b"z" * 100_000

    statuses: list[int] = []
    delivered = 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        # Posts until the socket buffers and the limit are full, and a few more.
        while statuses.count(429) < 5:
            answer = await served.manage("POST", slow_id, body)
            statuses.append(answer.status)
            assert (await served.manage("POST", quick_id, body)).status == 200
            assert len(await quick.recv()) == len(body)
            delivered += 1
    assert set(statuses) == {200, 429}
    assert statuses[-5:] == [429] * 5
    assert answer.headers["x-amzn-errortype"] == "limitexceededexception"

    slow.transport.resume_reading()
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(statuses.count(200)):
            assert len(await slow.recv()) == len(body)
    assert (await served.manage("POST", slow_id, b"again")).status == 200
    assert await slow.recv() == "again"


async def test_posts_keep_their_order(served: Served) -> None:
    client = await served.connect()
    for number in range(20):
        await served.manage("POST", served.connection_id(), str(number).encode())
    assert [await client.recv() for _ in range(20)] == [str(number) for number in range(20)]


async def test_a_malformed_request_does_no_harm(served: Served) -> None:
    client = await served.connect()
    port = served.management_port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
    assert b" 400 " in await asyncio.wait_for(reader.readline(), PATIENCE_SECONDS)
    writer.close()
    assert (await call(port, "GET", "/")).status == 404
    assert (await served.manage("POST", served.connection_id(), b"fine")).status == 200
    assert await client.recv() == "fine"
