"""Changes: a wait ends at every change after the given version."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.changes import Changes
from tests.helpers.virtual_loop import run_virtually


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def _deferred(work: Coroutine[Any, Any, None], depth: int) -> Coroutine[Any, Any, None]:
    """The same work, begun so many tasks further away."""

    async def inner(nested: Coroutine[Any, Any, None]) -> None:
        await asyncio.create_task(nested)

    for _ in range(depth):
        work = inner(work)
    return work


async def test_a_change_before_the_wait_begins_is_not_lost() -> None:
    changes = Changes()
    waiting = asyncio.create_task(changes.since(changes.version))
    changes.notify()  # the task has not run yet
    await asyncio.wait_for(waiting, 1)


async def test_an_older_change_does_not_end_a_wait() -> None:
    changes = Changes()
    changes.notify()
    waiting = asyncio.create_task(changes.since(changes.version))
    await _turns(5)
    assert not waiting.done()
    changes.notify()
    await asyncio.wait_for(waiting, 1)


async def test_every_waiting_task_is_woken() -> None:
    changes = Changes()
    waiting = [asyncio.create_task(changes.since(0)) for _ in range(3)]
    await _turns(2)
    changes.notify()
    await asyncio.wait_for(asyncio.gather(*waiting), 1)


async def test_a_cancelled_wait_leaves_the_others_alone() -> None:
    changes = Changes()
    cancelled, waiting = (asyncio.create_task(changes.since(0)) for _ in range(2))
    await _turns(2)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    changes.notify()
    await asyncio.wait_for(waiting, 1)


async def test_until_returns_at_once_when_the_condition_holds() -> None:
    await asyncio.wait_for(Changes().until(lambda: True), 1)


async def test_until_raises_what_the_condition_raises() -> None:
    def failing() -> bool:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await Changes().until(failing)


_Steps = st.lists(st.integers(min_value=0, max_value=4), max_size=12)


@given(put_after=_Steps, take_after=_Steps, depth=st.integers(min_value=0, max_value=3))
def test_items_handed_over_in_any_interleaving_all_arrive(
    put_after: list[int], take_after: list[int], depth: int
) -> None:
    """One task adds items and another takes them; both yield to the loop wherever they may."""

    async def main(_: object) -> list[int]:
        changes, items, taken = Changes(), deque[int](), list[int]()
        pauses = iter(take_after)

        async def take() -> None:
            while len(taken) < len(put_after):
                seen = changes.version
                if items:
                    taken.append(items.popleft())
                    await _turns(next(pauses, 0))
                else:
                    await _deferred(changes.since(seen), depth)

        async def put() -> None:
            for number, turns in enumerate(put_after):
                await _turns(turns)
                items.append(number)
                changes.notify()

        # On a virtual loop a lost wake-up fails at once: nothing is left that could end the wait.
        await asyncio.gather(take(), put())
        return taken

    assert run_virtually(main) == list(range(len(put_after)))


@given(moves=_Steps, waiters=st.lists(st.integers(min_value=0, max_value=6), max_size=5))
def test_each_waiter_sees_its_condition_come_true(moves: list[int], waiters: list[int]) -> None:
    async def main(_: object) -> None:
        changes, value = Changes(), 0

        async def move() -> None:
            nonlocal value
            for turns in moves:
                await _turns(turns)
                value += 1
                changes.notify()

        def reached(goal: int) -> Coroutine[Any, Any, bool]:
            return changes.until(lambda: value >= min(goal, len(moves)))

        await asyncio.gather(*(reached(goal) for goal in waiters), move())

    run_virtually(main)
