"""Hundreds join within seconds while the speaker talks: all are in, and no chunk is missing."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from local.endpoints import Endpoints
from tests.e2e.support.clients import StackClients
from tests.e2e.support.crowd import Crowd
from tests.e2e.support.operator import Operator
from tests.helpers.depth import examples
from tests.helpers.wire import Wire

LISTENERS = examples(default=150, deep=1_000)
SEED = 41
EARLY = 3


@pytest.fixture(scope="module")
def endpoints(many_workers: Endpoints) -> Endpoints:
    """Concurrent requests meet different workers."""
    return many_workers


async def talk(speaker: Wire, stop: asyncio.Event) -> int:
    """Send a chunk a second, one more after `stop`; returns their number."""
    for seq in itertools.count():
        is_last = stop.is_set()
        await speaker.send_audio(seq, bytes(16_000))
        if is_last:
            return seq + 1
        await asyncio.sleep(1)
    raise AssertionError("unreachable")


async def hear(listener: Wire, chunks: asyncio.Future[int]) -> list[int]:
    """Receive until the last of `chunks` chunks; returns the numbers of all."""
    heard: list[int] = []
    while not (chunks.done() and len(heard) >= chunks.result()):
        heard.append((await listener.expect("audio"))["seq"])
    return heard


async def test_a_rush_of_listeners_is_seated_and_counted_while_the_speaker_talks(
    clients: StackClients, endpoints: Endpoints
) -> None:
    operator, stop = Operator(endpoints), asyncio.Event()
    async with AsyncExitStack() as stack:
        speaker, session_id = await stack.enter_async_context(clients.session())
        early = [
            await stack.enter_async_context(clients.listener(session_id, "es"))
            for _ in range(EARLY)
        ]
        crowd = Crowd(endpoints.websocket_url, session_id, operator, SEED)
        stack.callback(crowd.close)

        talking = asyncio.create_task(talk(speaker, stop))
        hearing = asyncio.gather(*(hear(listener, talking) for listener in early))
        await crowd.run_all(crowd.arrive() for _ in range(LISTENERS))
        stop.set()

        expected = list(range(await talking))
        assert [sorted(heard) for heard in await hearing] == [expected] * EARLY
        row = await operator.session(session_id)
        assert row["listenerCount"] == LISTENERS + EARLY
        truth = Counter(crowd.listeners_by_language()) + Counter(es=EARLY)
        assert Counter(row["languageCounts"]) == truth
        assert (await speaker.ask("getSessionStatus"))["listenerCount"] == LISTENERS + EARLY
