"""Hundreds of listeners join, switch, vanish and return; the counters match in the end."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from local.endpoints import Endpoints
from tests.e2e.support.crowd import PATIENCE_SECONDS, Crowd
from tests.e2e.support.operator import Operator, Row
from tests.e2e.support.stage import Stage
from tests.helpers.depth import examples

LISTENERS = examples(default=300, deep=1_000)
SEED = 4

# Two rounds of concurrent events per listener, after all have joined.
FATES = (
    (None, None),
    (None, None),
    (Crowd.switches, None),
    (Crowd.switches, Crowd.switches),
    (Crowd.leaves, None),
    (Crowd.leaves, Crowd.joins),
    (Crowd.hangs_up, None),
    (Crowd.hangs_up, Crowd.returns),
    (Crowd.drops, Crowd.resumes_too_late),
    (Crowd.freezes, None),
    (Crowd.freezes, Crowd.returns),
    (Crowd.freezes, Crowd.resumes),
    (Crowd.vanishes, None),
    (Crowd.vanishes, Crowd.returns),
    (Crowd.vanishes, Crowd.resumes),
    (Crowd.half_goes, None),
    (Crowd.half_goes, Crowd.returns),
    (None, Crowd.rolls_over),
    (Crowd.switches, Crowd.rolls_over_while_switching),
    (None, Crowd.resumes),
)


@pytest.fixture(scope="module")
def endpoints(many_workers: Endpoints) -> Endpoints:
    """Concurrent requests meet different workers."""
    return many_workers


def counted(row: Row) -> dict[str, int]:
    """The listeners by language in a session's row; checks that the total is their sum."""
    counts = {language: int(count) for language, count in row["languageCounts"].items() if count}
    assert sum(counts.values()) == row["listenerCount"]
    return counts


async def test_counters_match_the_crowd_in_the_end(stage: Stage, endpoints: Endpoints) -> None:
    operator = Operator(endpoints)
    async with stage.session() as (speaker, session_id):
        crowd = Crowd(endpoints.websocket_url, session_id, operator, SEED)
        try:
            await crowd.everyone(crowd.arrives() for _ in range(LISTENERS))
            await speaker.drained()
            assert counted(await operator.session(session_id)) == crowd.truth()

            plans = list(zip(crowd.guests, itertools.cycle(FATES), strict=False))
            await crowd.everyone(fate[0](crowd, guest) for guest, fate in plans if fate[0])
            await crowd.rows_are_back()
            await speaker.drained()
            await crowd.everyone(
                [
                    *(fate[1](crowd, guest) for guest, fate in plans if fate[1]),
                    operator.tick(),
                    operator.reconcile(),
                ]
            )
            await speaker.drained()

            await sweep(operator, crowd, session_id)
            # Only the listeners whose $disconnect died halfway are counted wrongly.
            left_behind = {**crowd.truth()}
            for language, count in crowd.left_behind.items():
                left_behind[language] = left_behind.get(language, 0) + count
            assert await settled(operator, session_id, left_behind) == left_behind
            await operator.reconcile()
            assert counted(await operator.session(session_id)) == left_behind
            await operator.found_a_minute_ago(session_id)
            await operator.reconcile()

            truth = crowd.truth()
            assert counted(await operator.session(session_id)) == truth
            status = await speaker.ask("getSessionStatus")
            assert status["listenerCount"] == sum(truth.values()) > LISTENERS // 3
            assert status["languageDistribution"] == truth
        finally:
            crowd.hang_up()


async def sweep(operator: Operator, crowd: Crowd, session_id: str) -> None:
    """Age silent and replaced connections, and run the sweep that removes them."""
    members = await operator.members(session_id)
    gone = {row["connectionId"] for row in members} - crowd.connections()
    assert crowd.silent & gone, "nobody has vanished"
    replaced = [row["connectionId"] for row in members if "replacedAt" in row]
    assert replaced, "nobody's seat was taken over"
    await crowd.everyone(
        [
            *(operator.long_ago(each, "lastActivityTime") for each in crowd.silent),
            *(operator.long_ago(each, "replacedAt") for each in replaced),
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


async def settled(operator: Operator, session_id: str, expected: dict[str, int]) -> dict[str, int]:
    """The counters as soon as they match, or after the time limit."""
    counts = counted(await operator.session(session_id))
    for _ in range(10 * PATIENCE_SECONDS):
        if counts == expected:
            break
        await asyncio.sleep(0.1)
        counts = counted(await operator.session(session_id))
    return counts
