"""A listener whose connection has become too slow takes its seat on another one."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from client.events import Away, CaughtUp, Event, Heard, Returned, RolledOver
from client.lasting import LastingConnection
from client.notices import notice
from tests.unit.client.lines import steadfast
from tests.unit.client.support import FORMAT, T0, FakeClock, FakeService, audio
from tests.unit.client.test_console import _display

SESSION = "golden-eagle-427"


class Slow(FakeService):
    """Answers no heartbeat: the reply waits behind sound that is not read."""

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


async def _until(connection: LastingConnection, last: type[Event]) -> list[Event]:
    events: list[Event] = []
    while not events or not isinstance(events[-1], last):
        event = await connection.next_event(10)
        assert event is not None, events
        events.append(event)
    return events


async def _fall_behind(
    service: FakeService, clock: FakeClock, connection: LastingConnection
) -> None:
    await _chunk(service, 0)
    await _until(connection, Heard)
    clock.advance(5_000)
    await _chunk(service, 1)  # 4.8 s late


async def test_it_takes_its_seat_on_a_new_connection() -> None:
    service, clock = Slow(), FakeClock()
    async with steadfast(service, clock) as (connection, _):
        joined = await connection.join(SESSION, "en")
        await _fall_behind(service, clock, connection)
        events = await _until(connection, CaughtUp)
        assert [type(event) for event in events] == [Heard, RolledOver, CaughtUp]
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
        events = await _until(connection, Returned)
        assert [type(event) for event in events] == [Heard, Away, Returned]
        assert isinstance(events[1], Away)
        assert "the network is too slow" in events[1].reason


@pytest.mark.parametrize("seconds", [2.04, 27.0])
def test_people_are_told_in_one_line(seconds: float) -> None:
    display, output = _display(FakeClock())
    notice(display, CaughtUp(seconds))
    (line,) = output.getvalue().splitlines()
    assert f"{seconds:.1f} s late" in line
