"""A server with scripted answers and gateways connected to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from botocore.credentials import ReadOnlyCredentials

from shared.fanout.connection_gateway import ConnectionGateway
from shared.utils.clock import Clock, SystemClock
from tests.helpers.connections_server import ConnectionsServer

CREDENTIALS = ReadOnlyCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI", "session-token")

Connect = Callable[..., ConnectionGateway]


@pytest.fixture
def server() -> Iterator[ConnectionsServer]:
    with ConnectionsServer() as running:
        yield running


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Creates gateways and closes them after the test."""
    gateways: list[ConnectionGateway] = []

    def gateway(
        server: ConnectionsServer,
        *,
        concurrency: int = 4,
        clock: Clock | None = None,
        credentials: Callable[[], ReadOnlyCredentials] = lambda: CREDENTIALS,
        ca_bundle: str | None = None,
        request_timeout_ms: int = 5_000,
    ) -> ConnectionGateway:
        made = ConnectionGateway(
            server.endpoint,
            "eu-central-1",
            credentials,
            clock=clock or SystemClock(),
            concurrency=concurrency,
            ca_bundle=ca_bundle,
            request_timeout_ms=request_timeout_ms,
        )
        gateways.append(made)
        return made

    yield gateway
    for made in gateways:
        made.close()
