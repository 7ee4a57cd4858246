"""Faults of posts and sockets, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from local.faults.functions import FunctionFaults
from local.faults.injector import FaultInjector
from local.faults.plan import (
    Fault,
    FaultPlan,
    FunctionKill,
    PostDelay,
    PostError,
    PostReset,
    PostThrottle,
    SocketBlackHole,
    SocketReset,
)
from local.faults.posts import STATISTICS_PATH, FaultyPosts
from local.faults.sockets import SocketFaults
from local.gateway.management import MAX_BODY_BYTES
from local.http.server import HttpServer
from shared.utils.clock import SystemClock
from tests.integration.local.conftest import Served, ServeFactory
from tests.integration.local.support import Answer, call, eventually, management_path
from tests.unit.local.stacks import stack

# Longer than what passes through an open socket takes.
_BLOCKED_SECONDS = 0.2


class Workers:
    """Functions, of which one is busy."""

    def __init__(self) -> None:
        self.killed: list[str] = []

    def kill_busy(self, function: str) -> bool:
        if function != "app-dev-busy":
            return False
        self.killed.append(function)
        return True


class Faulty:
    """A gateway whose @connections endpoint has faults."""

    def __init__(self, served: Served, *faults: Fault) -> None:
        self.served = served
        self.workers = Workers()
        self.faults = FaultInjector(FaultPlan(0, faults), SystemClock())
        self.sockets = SocketFaults(served.connections)
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Faulty]:
        posts = FaultyPosts(
            self.served.api.handle,
            self.faults,
            self.sockets,
            FunctionFaults(self.workers, ["app-dev-busy", "app-dev-idle"]),
        )
        server = await HttpServer.listen(posts.handle, max_body_bytes=MAX_BODY_BYTES)
        self.port = server.port
        try:
            yield self
        finally:
            server.close()

    async def post(self, text: str, number: int = -1) -> Answer:
        path = management_path(self.served.connection_id(number))
        return await call(self.port, "POST", path, text.encode())

    async def is_dropped(self, text: str) -> bool:
        """Whether the connection of a post ends without an answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        path = management_path(self.served.connection_id())
        head = f"POST {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {len(text)}"
        writer.write(f"{head}\r\n\r\n{text}".encode())
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
        return not answer


@pytest.fixture
async def served(serve: ServeFactory) -> Served:
    return await serve(stack({"$connect": False, "$disconnect": False, "$default": True}))


async def test_posts_are_refused(served: Served) -> None:
    client = await served.connect()
    async with Faulty(served, PostThrottle(nth=1), PostError(nth=2)).running() as faulty:
        answers = [await faulty.post(text) for text in ("one", "two", "three")]
        statistics = await call(faulty.port, "GET", STATISTICS_PATH)
    assert [answer.status for answer in answers] == [429, 500, 200]
    assert answers[0].headers["x-amzn-errortype"] == "limitexceededexception"
    assert await client.recv() == "three"
    assert [each["occurrences"] for each in statistics.json()] == [1, 1]


async def test_only_one_connection_is_throttled(served: Served) -> None:
    await served.connect()
    other = await served.connect()
    fault = PostThrottle(connection=served.connection_id(0))
    async with Faulty(served, fault).running() as faulty:
        assert (await faulty.post("one", 0)).status == 429
        assert (await faulty.post("two", 1)).status == 200
    assert await other.recv() == "two"


async def test_a_post_is_reset_before_or_after_the_delivery(served: Served) -> None:
    client = await served.connect()
    faults = (PostReset(nth=1), PostReset(nth=2, delivered=True))
    async with Faulty(served, *faults).running() as faulty:
        assert await faulty.is_dropped("one")
        assert await faulty.is_dropped("two")
        assert not await faulty.is_dropped("three")
    assert [await client.recv(), await client.recv()] == ["two", "three"]


async def test_a_delayed_post_delays_no_other(served: Served) -> None:
    await served.connect()
    await served.connect()
    fault = PostDelay(ms=200, connection=served.connection_id(0))
    async with Faulty(served, fault).running() as faulty:
        delayed = asyncio.create_task(faulty.post("one", 0))
        assert (await faulty.post("two", 1)).status == 200
        assert not delayed.done()
        assert (await delayed).status == 200


async def test_a_post_kills_the_function_in_the_middle(served: Served) -> None:
    client = await served.connect()
    faults = (FunctionKill(function="busy", nth=1), FunctionKill(function="idle", nth=2))
    async with Faulty(served, *faults).running() as faulty:
        assert (await faulty.post("one")).status == 200
        assert (await faulty.post("two")).status == 200
    assert faulty.workers.killed == ["app-dev-busy"]
    assert [each.occurrences for each in faulty.faults.counts] == [1, 0]
    assert await client.recv() == "one"


async def test_a_reset_socket_is_gone_and_its_disconnect_runs(served: Served) -> None:
    client = await served.connect()
    async with Faulty(served, SocketReset(nth=1)).running() as faulty:
        await faulty.post("one")
        await client.wait_closed()
        assert client.close_code == 1006
        await eventually(lambda: served.has_seen("$disconnect", 1))
        assert (await faulty.post("two")).status == 410


async def test_a_black_hole_swallows_both_ways_until_its_end(served: Served) -> None:
    client = await served.connect()
    fault = SocketBlackHole(nth=1, seconds=2 * _BLOCKED_SECONDS)
    async with Faulty(served, fault).running() as faulty:
        assert (await faulty.post("one")).status == 200
        await client.send("request")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.recv(), _BLOCKED_SECONDS)
        assert not served.has_seen("$default", 1)
        assert (await faulty.post("two")).status == 200

        assert [await client.recv(), await client.recv()] == ["one", "two"]
        await eventually(lambda: served.has_seen("$default", 1))
        assert (await faulty.post("three")).status == 200
        assert "three" in [await client.recv(), await client.recv()]


async def test_a_black_hole_fills_up(served: Served) -> None:
    client = await served.connect()
    async with Faulty(served, SocketBlackHole(nth=1)).running() as faulty:
        text = "x" * 100_000
        statuses = [(await faulty.post(text)).status for _ in range(12)]
    assert statuses == [200] * 10 + [429] * 2
    client.transport.abort()
