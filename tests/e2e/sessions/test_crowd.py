"""Hundreds of listeners join, switch, vanish and return; the counters match in the end."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from local.endpoints import Endpoints
from tests.e2e.support.clients import StackClients
from tests.e2e.support.crowd import PATIENCE_SECONDS, Crowd
from tests.e2e.support.operator import Operator, Row
from tests.helpers.depth import examples

LISTENERS = examples(default=300, deep=1_000)
SEED = 4

# Two rounds of concurrent events per listener, after all have joined.
ACTIONS = (
    (None, None),
    (None, None),
    (Crowd.switch, None),
    (Crowd.switch, Crowd.switch),
    (Crowd.leave, None),
    (Crowd.leave, Crowd.join),
    (Crowd.hang_up, None),
    (Crowd.hang_up, Crowd.rejoin),
    (Crowd.drop, Crowd.resume_late),
    (Crowd.freeze, None),
    (Crowd.freeze, Crowd.rejoin),
    (Crowd.freeze, Crowd.resume),
    (Crowd.vanish, None),
    (Crowd.vanish, Crowd.rejoin),
    (Crowd.vanish, Crowd.resume),
    (Crowd.disconnect_halfway, None),
    (Crowd.disconnect_halfway, Crowd.rejoin),
    (None, Crowd.roll_over),
    (Crowd.switch, Crowd.roll_over_while_switching),
    (None, Crowd.resume),
)


@pytest.fixture(scope="module")
def endpoints(many_workers: Endpoints) -> Endpoints:
    """Concurrent requests meet different workers."""
    return many_workers


def counters(row: Row) -> dict[str, int]:
    """The listeners by language in a session's row; checks that the total is their sum."""
    counts = {language: int(count) for language, count in row["languageCounts"].items() if count}
    assert sum(counts.values()) == row["listenerCount"]
    return counts


async def test_counters_match_the_crowd_in_the_end(
    clients: StackClients, endpoints: Endpoints
) -> None:
    operator = Operator(endpoints)
    async with clients.session() as (speaker, session_id):
        crowd = Crowd(endpoints.websocket_url, session_id, operator, SEED)
        try:
            await crowd.run_all(crowd.arrive() for _ in range(LISTENERS))
            await speaker.drained()
            assert counters(await operator.session(session_id)) == crowd.listeners_by_language()

            plans = list(zip(crowd.guests, itertools.cycle(ACTIONS), strict=False))
            await crowd.run_all(action[0](crowd, guest) for guest, action in plans if action[0])
            await crowd.restore_rows()
            await speaker.drained()
            await crowd.run_all(
                [
                    *(action[1](crowd, guest) for guest, action in plans if action[1]),
                    operator.tick(),
                    operator.reconcile(),
                ]
            )
            await speaker.drained()

            await sweep(operator, crowd, session_id)
            # Only the listeners whose $disconnect died halfway are counted wrongly.
            left_behind = {**crowd.listeners_by_language()}
            for language, count in crowd.left_behind.items():
                left_behind[language] = left_behind.get(language, 0) + count
            assert await settled_counters(operator, session_id, left_behind) == left_behind
            await operator.reconcile()
            assert counters(await operator.session(session_id)) == left_behind
            await operator.age_counter_check(session_id)
            await operator.reconcile()

            truth = crowd.listeners_by_language()
            assert counters(await operator.session(session_id)) == truth
            status = await speaker.ask("getSessionStatus")
            assert status["listenerCount"] == sum(truth.values()) > LISTENERS // 3
            assert status["languageDistribution"] == truth
        finally:
            crowd.close()


async def sweep(operator: Operator, crowd: Crowd, session_id: str) -> None:
    """Age silent and replaced connections, and run the sweep that removes them."""
    members = await operator.members(session_id)
    gone = {row["connectionId"] for row in members} - crowd.connections()
    assert crowd.silent & gone, "no guest has vanished"
    replaced = [row["connectionId"] for row in members if "replacedAt" in row]
    assert replaced, "no connection was replaced"
    await crowd.run_all(
        [
            *(operator.age(each, "lastActivityTime") for each in crowd.silent),
            *(operator.age(each, "replacedAt") for each in replaced),
        ]
    )
    await operator.tick()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            members = await operator.members(session_id)
            seated = {row["connectionId"] for row in members if row["seat"] != "speaker#"}
            if seated == crowd.connections():
                return
            await asyncio.sleep(0.1)


async def settled_counters(
    operator: Operator, session_id: str, expected: dict[str, int]
) -> dict[str, int]:
    """The counters as soon as they match, or after the time limit."""
    counts = counters(await operator.session(session_id))
    for _ in range(10 * PATIENCE_SECONDS):
        if counts == expected:
            break
        await asyncio.sleep(0.1)
        counts = counters(await operator.session(session_id))
    return counts
