"""An item waits for at most one item of each other sender."""

from __future__ import annotations

from contextvars import copy_context

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.runtime.fair_queue import SENDER, FairQueue


def add(queue: FairQueue[tuple[str, int]], sender: str, number: int) -> None:
    def run() -> None:
        SENDER.set(sender)
        queue.append((sender, number))

    copy_context().run(run)


def test_an_item_waits_for_one_item_of_each_other_sender() -> None:
    queue: FairQueue[tuple[str, int]] = FairQueue()
    for number in range(1_000):
        for stranger in ("a", "b"):
            add(queue, stranger, number)
    add(queue, "speaker", 0)

    first = [queue.popleft()[0] for _ in range(3)]

    assert sorted(first) == ["a", "b", "speaker"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=200))
def test_no_item_is_lost_and_each_sender_stays_in_order(steps: list[tuple[str, bool]]) -> None:
    queue: FairQueue[tuple[str, int]] = FairQueue()
    taken: list[tuple[str, int]] = []
    for number, (sender, takes) in enumerate(steps):
        add(queue, sender, number)
        if takes:
            taken.append(queue.popleft())
    while queue:
        taken.append(queue.popleft())

    assert len(queue) == 0
    assert sorted(taken, key=lambda item: item[1]) == [
        (sender, number) for number, (sender, _) in enumerate(steps)
    ]
    for each in "abc":
        numbers = [number for sender, number in taken if sender == each]
        assert numbers == sorted(numbers)


def test_an_empty_queue_raises() -> None:
    with pytest.raises(StopIteration):
        FairQueue[int]().popleft()
