"""Counters and roster of a session, compared with its listeners after the clean-ups."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

from tests.e2e.support.operator import Operator

_PAUSE_SECONDS = 0.5

#: The languages of the open listeners, by connection id.
Listeners = Mapping[str, str]


async def settle(
    operator: Operator, session_id: str, listeners: Callable[[], Listeners], seconds: float
) -> list[str]:
    """Run the clean-ups until nothing differs, for so long; returns what still does.

    Connections that are gone are aged, as if the time had passed after which the sweep removes
    them, and so is a difference that the first check of the counters has found.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while True:
        for gone in (await _seated(operator, session_id)).keys() - listeners().keys():
            await operator.age(gone, "lastActivityTime")
        await operator.tick()
        await operator.reconcile()
        if "countsFinding" in await operator.session(session_id):
            await operator.age_counter_check(session_id)
            await operator.reconcile()
        differences = await _differences(operator, session_id, listeners())
        if not differences or loop.time() >= until:
            return differences
        await asyncio.sleep(_PAUSE_SECONDS)


async def _differences(operator: Operator, session_id: str, listeners: Listeners) -> list[str]:
    row, seated = await operator.session(session_id), await _seated(operator, session_id)
    expected = dict(Counter(listeners.values()))
    counted = {one: int(count) for one, count in row["languageCounts"].items() if count}
    found = []
    if seated != listeners:
        extra, absent = seated.keys() - listeners.keys(), listeners.keys() - seated.keys()
        found.append(f"roster: {len(extra)} too many, {len(absent)} absent")
    if counted != expected or int(row["listenerCount"]) != sum(expected.values()):
        found.append(f"counted {counted}, {row['listenerCount']} in all; open {expected}")
    return found


async def _seated(operator: Operator, session_id: str) -> dict[str, str]:
    """The languages of the listeners in the roster, by connection id."""
    return {
        row["connectionId"]: row["seat"].partition("#")[2]
        for row in await operator.members(session_id)
        if row["seat"].startswith("listener#")
    }
