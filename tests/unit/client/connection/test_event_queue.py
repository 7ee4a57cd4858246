"""The event queue: bounded, dropping old audio first."""

from __future__ import annotations

import asyncio

import pytest

from client.connection.event_queue import EventQueue
from client.errors import ConnectionLostError
from client.protocol.events import AudioReceived, Event, Notification
from shared.protocol.messages import SessionEnded
from tests.unit.client.support import audio

ENDED = Notification(SessionEnded(session_id="golden-eagle-427", reason="ended"))


def _heard(seq: int) -> AudioReceived:
    return AudioReceived(audio(seq), 0)


async def _rest(queue: EventQueue) -> list[Event]:
    events = []
    while (event := await queue.get()) is not None:
        events.append(event)
    return events


async def test_when_full_the_oldest_chunk_goes_and_notices_stay() -> None:
    queue = EventQueue(limit=3)
    for event in (ENDED, _heard(0), _heard(1), _heard(2), ENDED):
        queue.put(event)
    queue.close()
    assert await _rest(queue) == [ENDED, _heard(2), ENDED]
    assert queue.dropped == 2


async def test_a_flood_of_notices_is_bounded_too() -> None:
    queue = EventQueue(limit=2)
    for _ in range(5):
        queue.put(ENDED)
    queue.close()
    assert len(await _rest(queue)) == 2


async def test_the_fault_comes_after_what_was_there() -> None:
    queue = EventQueue()
    queue.put(ENDED)
    queue.close(ConnectionLostError("gone"))
    assert await queue.get() == ENDED
    with pytest.raises(ConnectionLostError, match="gone"):
        await queue.get()


async def test_a_waiting_consumer_is_woken() -> None:
    queue = EventQueue()
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.put(ENDED)
    assert await waiting == ENDED
