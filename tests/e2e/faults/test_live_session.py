"""A live session under each kind of fault: who is affected, and what is right in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from local.faults.injector import FaultCount
from local.faults.plan import (
    DatabaseAnswerLoss,
    DatabaseDelay,
    DatabaseError,
    DatabaseReset,
    DatabaseThrottle,
    DisconnectLoss,
    FunctionKill,
    MessageDelay,
    MessageDuplicate,
    MessageReorder,
    PostDelay,
    PostError,
    PostReset,
    PostThrottle,
    SocketBlackHole,
    SocketReset,
)
from tests.e2e.faults.conftest import FaultyStack
from tests.e2e.support.live_session import INTERPRETED, assert_nothing_lost, live_session
from tests.e2e.support.recording import LIMIT_SECONDS
from tests.helpers.depth import examples

SEEDS = examples(default=1, deep=8)
pytestmark = [
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.parametrize("seed", range(1, SEEDS + 1)),
]

# Chunks of a second: while the faults are in effect, and after them.
DURING, AFTERWARDS = 3, 1
AUDIO = "sendAudio"


async def happened(counts: Sequence[FaultCount]) -> None:
    """Wait until every fault has occurred."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while not all(each.occurrences for each in counts):  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.05)


async def test_posts_and_sockets_of_some_listeners_fail(faulty: FaultyStack, seed: int) -> None:
    async with live_session(faulty.clients, seed=seed) as live:
        refused, reset = live.of(INTERPRETED)
        blocked, *others = live.of("en")
        one = refused.connection_ids[-1]
        with faulty.faults(
            seed,
            # Refused and reset posts are tried again, each a post of its own.
            PostThrottle(connection=one, nth=1),
            PostError(connection=one, nth=3),
            PostReset(connection=one, nth=4),
            PostReset(connection=one, nth=5, delivered=True),
            PostDelay(connection=one, ms=100),
            SocketReset(connection=reset.connection_ids[-1], nth=2),
            SocketBlackHole(connection=blocked.connection_ids[-1], nth=2, seconds=2),
            DisconnectLoss(probability=0.5),
        ) as counts:
            await live.wait_for_chunks(DURING)
            await happened(counts)
        await live.wait_for_chunks(AFTERWARDS)
        await live.assert_counters()
    live.assert_right()
    assert len(reset.connection_ids) == 2
    for listener in (*others, *live.of("de"), live.elsewhere):
        assert_nothing_lost(listener)


async def test_sockets_of_sources_fail(faulty: FaultyStack, seed: int) -> None:
    async with live_session(faulty.clients, seed=seed) as live:
        speaker = await live.connection_of("speaker#")
        interpreter = await live.connection_of("interpreter#es")
        with faulty.faults(
            seed,
            SocketReset(on="message", route=AUDIO, connection=speaker, nth=2),
            SocketReset(on="message", route=AUDIO, connection=interpreter, nth=3),
            DisconnectLoss(limit=1),
        ) as counts:
            await live.wait_for_chunks(DURING)
            await happened(counts)
        await live.wait_for_chunks(AFTERWARDS)
        await live.assert_counters()
        assert await live.connection_of("speaker#") != speaker
    live.assert_right()
    assert_nothing_lost(live.elsewhere)


async def test_messages_arrive_late_twice_and_out_of_order(faulty: FaultyStack, seed: int) -> None:
    async with live_session(faulty.clients, seed=seed) as live:
        with faulty.faults(
            seed,
            MessageDelay(ms=150, probability=0.3),
            MessageDuplicate(probability=0.3),
            MessageReorder(route=AUDIO, ms=1_200, probability=0.3),
        ) as counts:
            await live.wait_for_chunks(DURING)
            await happened(counts)
        await live.wait_for_chunks(AFTERWARDS)
        await live.assert_counters()
    live.assert_right()


async def test_the_database_fails(faulty: FaultyStack, seed: int) -> None:
    async with live_session(faulty.clients, seed=seed) as live:
        with faulty.faults(
            seed,
            DatabaseDelay(ms=50, probability=0.1),
            DatabaseThrottle(probability=0.05),
            DatabaseThrottle(probability=0.05, error="ThrottlingException"),
            DatabaseError(probability=0.05),
            DatabaseReset(probability=0.05),
            DatabaseAnswerLoss(probability=0.2, operation="UpdateItem"),
            DatabaseAnswerLoss(probability=0.2, operation="DeleteItem"),
        ) as counts:
            await live.wait_for_chunks(DURING)
            await happened(counts)
        await live.wait_for_chunks(AFTERWARDS)
        await live.assert_counters()
    live.assert_right()


async def test_functions_die_in_the_middle(faulty: FaultyStack, seed: int) -> None:
    """Between two posts of a fan-out, or between two writes."""
    async with live_session(faulty.clients, seed=seed) as live:
        with faulty.faults(
            seed,
            FunctionKill(function="audio-processor", limit=2, probability=0.2),
            FunctionKill(function="broadcast", limit=2, probability=0.2),
            *(
                FunctionKill(function=name, on="database", limit=2, probability=0.3)
                for name in ("connect", "control", "disconnect")
            ),
        ) as counts:
            await live.wait_for_chunks(DURING)
            await happened(counts)
        await live.wait_for_chunks(AFTERWARDS)
        await live.assert_counters()
    live.assert_right()
