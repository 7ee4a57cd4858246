"""Scenarios for the grants of abuse protection, each with an effect that clients see."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from websockets.exceptions import ConnectionClosed

from infrastructure.catalogue.function_spec import Resource
from tests.e2e.support.grant_scenarios import (
    GET,
    MANAGE,
    UPDATE,
    RunningStack,
    Scenario,
    eventually,
)
from tests.helpers.wire import Wire

# Exceeds every connection budget on all workers, and outlasts a throttle that was used up before.
_FLOOD = 3_000
# Above this number of marks, handshakes of an address are delayed.
_MANY_MARKS = 15
_WAITING = "delays#"


async def _flood(stranger: Wire, action: str, **fields: Any) -> None:
    """Repeat a request until the connection is closed."""

    async def read() -> None:
        while True:
            await stranger.socket.recv()

    reading = asyncio.ensure_future(read())
    try:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(_FLOOD):
                await stranger.send({"action": action, **fields})
                await asyncio.sleep(0.01)
        await stranger.closed()
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def audio_flood_is_closed(stack: RunningStack) -> None:
    async with stack.clients.connection() as stranger:
        await _flood(stranger, "sendAudio", seq=1, timestamp=1, audio="A" * 200)


async def status_flood_is_closed(stack: RunningStack) -> None:
    async with stack.clients.connection() as stranger:
        await _flood(stranger, "getSessionStatus")


async def announcement_flood_is_closed(stack: RunningStack) -> None:
    async with stack.clients.connection() as stranger:
        await _flood(stranger, "announce", scope="all", message="Hi")


async def status_flood_marks_its_address(stack: RunningStack) -> None:
    before = await stack.operator.marks()
    await status_flood_is_closed(stack)

    async def marked() -> bool:
        return await stack.operator.marks() > before

    await eventually(marked)


async def abusive_address_is_slowed(stack: RunningStack) -> None:
    """An address with too many closed connections is delayed at the handshake."""
    await audio_flood_is_closed(stack)
    await stack.operator.mark_all(_MANY_MARKS)
    before = await stack.operator.connection(_WAITING)
    try:

        async def waits() -> bool:
            async with stack.clients.connection():
                return await stack.operator.connection(_WAITING) != before

        await eventually(waits)
    finally:
        await stack.operator.mark_all(0)


ABUSE_SCENARIOS: dict[tuple[str, Resource, str], Scenario] = {
    ("audio_processor", Resource.CLOSE_CONNECTION, MANAGE): audio_flood_is_closed,
    ("session_status", Resource.CLOSE_CONNECTION, MANAGE): status_flood_is_closed,
    ("session_status", Resource.CONNECTIONS, UPDATE): status_flood_marks_its_address,
    ("announcements", Resource.CLOSE_CONNECTION, MANAGE): announcement_flood_is_closed,
    ("connect", Resource.CONNECTIONS, GET): abusive_address_is_slowed,
    ("connect", Resource.CONNECTIONS, UPDATE): abusive_address_is_slowed,
}
