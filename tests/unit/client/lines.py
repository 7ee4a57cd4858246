"""Connections that are lost and reopened over the same service."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from client.connection.clock_offset import ClockOffset
from client.connection.reconnecting import ReconnectingConnection, reconnecting
from client.connection.websocket import Connection, connect
from client.errors import ClientError
from shared.utils.clock import Clock
from tests.unit.client.support import FakeClock, FakeService, serving


class Line:
    """Opens connections to a service; the next openings raise `faults` instead."""

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self._clock = clock
        self.faults: list[ClientError] = []
        self.opened = 0
        self.url = url

    @contextlib.asynccontextmanager
    async def open(self, offset: ClockOffset) -> AsyncIterator[Connection]:
        if self.opened and self.faults:
            raise self.faults.pop(0)
        self.opened += 1
        async with connect(self.url, offset=offset, clock=self._clock) as connection:
            yield connection


@contextlib.asynccontextmanager
async def steadfast(
    service: FakeService, clock: FakeClock, grace_seconds: float = 60
) -> AsyncIterator[tuple[ReconnectingConnection, Line]]:
    async with serving(service.handle) as url:
        line = Line(url, clock)
        async with reconnecting(
            line.open,
            grace_seconds=grace_seconds,
            clock=clock,
            sleep=clock.sleep,
            random_fraction=lambda: 1.0,
        ) as connection:
            yield connection, line


async def cut(service: FakeService, close_code: int | None = None) -> None:
    """Close all connections: abruptly, or with a code."""
    for connection in service.everyone():
        if close_code is None:
            connection.transport.abort()
        else:
            await connection.close(close_code)
