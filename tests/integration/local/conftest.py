"""Fixtures: a gateway over scripted functions, and a real assembly of small functions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from local.base import loopback
from local.gateway.connections import Connections
from local.gateway.management import MAX_BODY_BYTES, ManagementApi
from local.gateway.websocket import Gateway, GatewayLimits
from local.http.server import HttpServer
from local.iam.request_authorizer import allow_all
from local.template.model import Stack
from shared.utils.clock import Clock, SystemClock
from tests.integration.local import fixture_assembly
from tests.integration.local.pool_support import Pools, workers
from tests.integration.local.support import Answer, ScriptedInvoker, call, management_path
from tests.unit.local import assembly


class Served:
    """A gateway with its management endpoint, on ports of their own."""

    def __init__(self, stack: Stack, limits: GatewayLimits, clock: Clock) -> None:
        self.invoker = ScriptedInvoker()
        self.connections = Connections()
        self.gateway = Gateway(stack, self.connections, self.invoker, clock, limits)
        self.api = ManagementApi(stack.websocket.stage, self.connections, allow_all)
        self._listeners = loopback.bind(0)
        self.port: int = self._listeners[0].getsockname()[1]
        self._clients: list[ClientConnection] = []

    async def start(self) -> None:
        self._server = await HttpServer.listen(self.api.handle, max_body_bytes=MAX_BODY_BYTES)
        self.management_port = self._server.port
        await self.gateway.listen(*self._listeners)

    async def stop(self) -> None:
        for client in self._clients:
            client.transport.abort()
        await self.gateway.stop()
        self._server.close()

    async def connect(
        self, query: str = "", path: str = "/dev", **options: Any
    ) -> ClientConnection:
        """A client with an open connection."""
        options = {"compression": None, "ping_interval": None, "close_timeout": 1} | options
        url = f"ws://127.0.0.1:{self.port}{path}{query}"
        client = await connect(url, **options)
        self._clients.append(client)
        return client

    def connection_id(self, number: int = -1) -> str:
        """The id that $connect saw."""
        event = self.invoker.seen("$connect")[number]
        return str(event["requestContext"]["connectionId"])

    def has_seen(self, function: str, count: int) -> bool:
        """Whether a function was invoked so often."""
        return len(self.invoker.seen(function)) == count

    async def manage(
        self, method: str, connection_id: str, body: bytes = b"", stage: str = "dev"
    ) -> Answer:
        """Call @connections."""
        path = management_path(connection_id, stage)
        return await call(self.management_port, method, path, body)

    async def manage_path(self, method: str, path: str) -> Answer:
        """Call any path of the management endpoint."""
        return await call(self.management_port, method, path)


class ServeFactory:
    """Starts gateways for a test, and stops them after it."""

    def __init__(self) -> None:
        self._served: list[Served] = []

    async def __call__(
        self, stack: Stack, *, limits: GatewayLimits | None = None, clock: Clock | None = None
    ) -> Served:
        served = Served(stack, limits or GatewayLimits(), clock or SystemClock())
        await served.start()
        self._served.append(served)
        return served

    async def stop(self) -> None:
        for served in self._served:
            await served.stop()


@pytest.fixture
async def serve() -> AsyncIterator[ServeFactory]:
    """Serves a stack of scripted functions."""
    factory = ServeFactory()
    yield factory
    await factory.stop()


@pytest.fixture(scope="session")
def fixture_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template of an assembly with real functions."""
    folder = tmp_path_factory.mktemp("assembly")
    return assembly.write(folder, fixture_assembly.template(), fixture_assembly.CODE)


@pytest.fixture
async def pools(tmp_path: Path) -> AsyncIterator[Pools]:
    """Builds pools of real workers."""
    built = Pools(tmp_path)
    yield built
    await built.stop()
    assert not workers(), "a stopped pool leaves no process behind"


async def received(client: ClientConnection) -> Any:
    """The next message of a client, as JSON."""
    return json.loads(await client.recv())
