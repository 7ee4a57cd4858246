"""Delays, visibility timeouts, retention and dead letters of a queue, on a manual clock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from local.services.queues import (
    Counts,
    Delivery,
    InvalidReceiptError,
    MessageQueue,
    build_queues,
)
from local.template.model import Queue, RedrivePolicy
from shared.utils.clock import SystemClock
from tests.helpers.doubles import ManualClock

SECOND = 1_000


class Bells:
    """A queue that moves messages to its dead letters after two deliveries."""

    def __init__(self, **settings: Any) -> None:
        self.clock = ManualClock()
        dead = Queue("bells-dead", "arn:bells-dead")
        rule = RedrivePolicy("bells-dead", 2)
        bells = Queue("bells", "arn:bells", dead_letters=rule, **settings)
        # A template can list a queue before its dead-letter queue.
        self.queues = build_queues([bells, dead], self.clock)
        self.bells, self.dead = self.queues["bells"], self.queues["bells-dead"]


async def bodies(queue: MessageQueue, limit: int = 10) -> list[str]:
    return [item.body for item in await queue.receive(limit)]


async def only(queue: MessageQueue, visibility_seconds: int | None = None) -> Delivery:
    (delivery,) = await queue.receive(10, 0, visibility_seconds)
    return delivery


async def test_a_message_is_ready_exactly_after_its_delay() -> None:
    queues = Bells(delay_seconds=2)
    queues.bells.send("queue's delay")
    queues.bells.send("its own", delay_seconds=1)
    queues.bells.send("none", delay_seconds=0)
    assert await bodies(queues.bells) == ["none"]
    queues.clock.advance(SECOND - 1)
    assert await bodies(queues.bells) == []
    queues.clock.advance(1)
    assert await bodies(queues.bells) == ["its own"]
    queues.clock.advance(SECOND)
    assert await bodies(queues.bells) == ["queue's delay"]


async def test_a_received_message_is_invisible_until_the_timeout() -> None:
    queues = Bells(visibility_timeout_seconds=5)
    queues.bells.send("a")
    first = await only(queues.bells)
    queues.clock.advance(5 * SECOND - 1)
    assert await bodies(queues.bells) == []
    queues.clock.advance(1)
    second = await only(queues.bells)

    assert (first.message_id, first.sent_ms) == (second.message_id, second.sent_ms)
    assert (first.receive_count, second.receive_count) == (1, 2)
    assert first.first_received_ms == second.first_received_ms
    assert first.receipt != second.receipt


async def test_a_receiver_can_choose_the_timeout() -> None:
    queues = Bells(visibility_timeout_seconds=5)
    queues.bells.send("a")
    await only(queues.bells, 1)
    queues.clock.advance(SECOND)
    assert await bodies(queues.bells) == ["a"]


async def test_messages_arrive_in_order_up_to_the_limit() -> None:
    queues = Bells()
    for number in range(5):
        queues.bells.send(str(number))
    assert await bodies(queues.bells, 3) == ["0", "1", "2"]
    assert await bodies(queues.bells, 3) == ["3", "4"]


async def test_a_deleted_message_is_never_delivered_again() -> None:
    queues = Bells()
    queues.bells.send("a")
    receipt = (await only(queues.bells)).receipt
    queues.bells.delete(receipt)
    queues.bells.delete(receipt)
    queues.clock.advance(60 * SECOND)
    assert await bodies(queues.bells) == []
    assert queues.bells.counts() == Counts(0, 0, 0)


async def test_a_receipt_is_void_after_the_next_delivery() -> None:
    queues = Bells()
    queues.bells.send("a")
    late = await only(queues.bells)
    queues.clock.advance(30 * SECOND)
    assert queues.bells.counts() == Counts(1, 0, 0)
    again = await only(queues.bells)
    queues.bells.delete(late.receipt)
    assert queues.bells.counts() == Counts(0, 1, 0)
    queues.clock.advance(30 * SECOND)
    queues.bells.delete(again.receipt)
    assert queues.bells.counts() == Counts(0, 0, 0)


async def test_a_foreign_receipt_is_refused() -> None:
    queues = Bells()
    queues.dead.send("a")
    of_another_queue = (await only(queues.dead)).receipt
    for receipt in ("x", "", "AAAA", of_another_queue):
        with pytest.raises(InvalidReceiptError):
            queues.bells.delete(receipt)


async def test_a_message_received_too_often_becomes_a_dead_letter() -> None:
    queues = Bells()
    sent = queues.bells.send("a")
    for _ in range(2):
        assert await bodies(queues.bells) == ["a"]
        assert await bodies(queues.dead) == []
        queues.clock.advance(30 * SECOND)
    assert await bodies(queues.bells) == []
    dead = await only(queues.dead)
    assert (dead.message_id, dead.body) == (sent, "a")


async def test_messages_past_the_retention_are_dropped() -> None:
    queues = Bells(retention_seconds=60)
    queues.bells.send("a")
    queues.clock.advance(60 * SECOND - 1)
    await only(queues.bells, 0)
    queues.clock.advance(1)
    queues.bells.send("b")
    assert await bodies(queues.bells) == ["b"]


async def test_counts_of_ready_in_flight_and_delayed_messages() -> None:
    queues = Bells()
    for delay in (0, 0, 0, 5):
        queues.bells.send("a", delay_seconds=delay)
    await queues.bells.receive(1)
    assert queues.bells.counts() == Counts(2, 1, 1)


# Long polling, on the system clock: these tests assert results, not durations.


@pytest.fixture
def queue() -> MessageQueue:
    return build_queues([Queue("bells", "arn:bells")], SystemClock())["bells"]


async def waiting(queue: MessageQueue, limit: int = 10) -> asyncio.Task[list[Delivery]]:
    """A receiver that waits."""
    task = asyncio.get_running_loop().create_task(queue.receive(limit, 20))
    await asyncio.sleep(0)
    return task


async def test_a_waiting_receiver_gets_a_new_message(queue: MessageQueue) -> None:
    receiver = await waiting(queue)
    queue.send("a")
    assert [item.body for item in await receiver] == ["a"]


async def test_one_of_the_waiting_receivers_gets_a_message(queue: MessageQueue) -> None:
    receivers = [await waiting(queue, 1) for _ in range(3)]
    queue.send("a")
    await asyncio.wait(receivers, return_when=asyncio.FIRST_COMPLETED)
    assert sum(receiver.done() for receiver in receivers) == 1
    queue.send("b")
    queue.send("c")
    got = [item.body for receiver in receivers for item in await receiver]
    assert sorted(got) == ["a", "b", "c"]


async def test_the_wait_ends_without_a_message(queue: MessageQueue) -> None:
    assert await queue.receive(1, 0.01) == []


async def test_a_cancelled_receiver_takes_no_message(queue: MessageQueue) -> None:
    receiver = await waiting(queue)
    receiver.cancel()
    await asyncio.wait((receiver,))
    queue.send("a")
    assert await bodies(queue) == ["a"]
