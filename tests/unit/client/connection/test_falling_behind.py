"""A listener whose connection is too slow moves its seat to another one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from cli.notices import show_notice
from client.connection.clock_offset import ClockOffset
from client.connection.reconnecting import ReconnectingConnection, reconnecting
from client.connection.websocket import Connection
from client.protocol.events import (
    AudioReceived,
    CaughtUp,
    Disconnected,
    Event,
    Reconnected,
    RolledOver,
)
from tests.unit.cli.test_console import _display
from tests.unit.client.lines import Line, cut, steadfast
from tests.unit.client.support import FORMAT, T0, FakeClock, FakeService, audio, serving

SESSION = "golden-eagle-427"


class Slow(FakeService):
    """Answers no heartbeat: the reply is queued behind unread audio."""

    async def _heartbeat(self, connection: ServerConnection, request: dict[str, Any]) -> None:
        pass


async def _chunk(service: FakeService, seq: int) -> None:
    chunk = audio(seq)
    await service.push(
        {
            "type": "audio",
            "sessionId": SESSION,
            "language": "en",
            "epoch": chunk.epoch,
            "seq": seq,
            "timestamp": T0 + seq * FORMAT.chunk_ms,
            "audio": "AAAA",
        }
    )


async def _until(connection: ReconnectingConnection, last: type[Event]) -> list[Event]:
    events: list[Event] = []
    while not events or not isinstance(events[-1], last):
        event = await connection.next_event(10)
        assert event is not None, events
        events.append(event)
    return events


async def _fall_behind(
    service: FakeService, clock: FakeClock, connection: ReconnectingConnection
) -> None:
    await _chunk(service, 0)
    await _until(connection, AudioReceived)
    clock.advance(5_000)
    await _chunk(service, 1)  # 4.8 s late


async def test_a_listener_that_falls_behind_moves_to_a_new_connection() -> None:
    service, clock = Slow(), FakeClock()
    async with steadfast(service, clock) as (connection, _):
        joined = await connection.join(SESSION, "en")
        await _fall_behind(service, clock, connection)
        events = await _until(connection, CaughtUp)
        assert [type(event) for event in events] == [AudioReceived, RolledOver, CaughtUp]
        assert events[-1] == CaughtUp(4.8)
        assert connection.catch_ups.restarts == 1
        await connection.leave()
    joins = [request for request in service.requests if request["action"] == "joinSession"]
    assert [join.get("resumeToken") for join in joins] == [None, joined.resume_token]


async def test_a_new_connection_that_is_refused_counts_as_a_loss() -> None:
    service, clock = Slow(), FakeClock()
    async with steadfast(service, clock) as (connection, _):
        await connection.join(SESSION, "en")
        busy = {"type": "error", "status": 503, "code": "UNAVAILABLE", "message": "m"}
        service.refusals = [{**busy, "retryable": True}]
        await _fall_behind(service, clock, connection)
        events = await _until(connection, Reconnected)
        assert [type(event) for event in events] == [AudioReceived, Disconnected, Reconnected]
        assert isinstance(events[1], Disconnected)
        assert "the network is too slow" in events[1].reason


class Halting(Line):
    """The second opening, for the rollover, waits for `halted`, the third for `gate`."""

    def __init__(self, url: str, clock: FakeClock) -> None:
        super().__init__(url, clock)
        self.waits = [asyncio.Event(), asyncio.Event()]
        self.halted = asyncio.Event()
        self.gate = asyncio.Event()
        self._openings = 0

    @asynccontextmanager
    async def open(self, offset: ClockOffset) -> AsyncIterator[Connection]:
        self._openings += 1
        if self._openings in {2, 3}:
            self.waits[self._openings - 2].set()
            await (self.halted if self._openings == 2 else self.gate).wait()
        async with super().open(offset) as connection:
            yield connection


async def test_a_loss_during_the_move_reconnects_once() -> None:
    """Two joins with one resume token would displace each other."""
    service, clock = FakeService(), FakeClock()

    async def alarm(seconds: float) -> None:
        await asyncio.sleep(0)

    async with serving(service.handle) as url:
        line = Halting(url, clock)
        line.halted = line.gate
        async with reconnecting(
            line.open, clock=clock, sleep=clock.sleep, alarm=alarm, random_fraction=lambda: 1.0
        ) as connection:
            await connection.join(SESSION, "en")
            await asyncio.wait_for(line.waits[0].wait(), 10)
            await cut(service)
            await asyncio.wait_for(line.waits[1].wait(), 10)
            line.gate.set()
            await _until(connection, Reconnected)
            await connection.leave()
    assert service.actions().count("joinSession") == 2


class Slowing(Slow):
    """Answers the first heartbeats."""

    slow = False

    async def _heartbeat(self, connection: ServerConnection, request: dict[str, Any]) -> None:
        if not self.slow:
            await FakeService._heartbeat(self, connection, request)


async def test_requests_wait_also_if_it_was_about_to_move_on_anyway() -> None:
    service, clock = Slowing(), FakeClock()

    async def alarm(seconds: float) -> None:
        await asyncio.sleep(0)

    async with serving(service.handle) as url:
        line = Halting(url, clock)
        async with reconnecting(
            line.open, clock=clock, sleep=clock.sleep, alarm=alarm, random_fraction=lambda: 1.0
        ) as connection:
            await connection.join(SESSION, "en")
            await asyncio.wait_for(line.waits[0].wait(), 10)
            service.slow = True
            await _fall_behind(service, clock, connection)
            await asyncio.wait_for(line.waits[1].wait(), 10)
            for _ in range(20):
                await asyncio.sleep(0)
            asked = asyncio.create_task(connection.change_language("de"))
            for _ in range(20):
                await asyncio.sleep(0)
            line.gate.set()
            await asyncio.wait_for(asked, 10)
    # On the connection that is read no more it would have had no answer.
    assert [a for a in service.actions() if a != "heartbeat"] == [
        "joinSession",
        "joinSession",
        "changeLanguage",
    ]


@pytest.mark.parametrize("seconds", [2.04, 27.0])
def test_people_are_told_in_one_line(seconds: float) -> None:
    display, output = _display(FakeClock())
    show_notice(display, CaughtUp(seconds))
    (line,) = output.getvalue().splitlines()
    assert f"{seconds:.1f} s late" in line
