"""Queue pollers with a scripted function."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from local.base.errors import ThrottledError
from local.runtime.invocation import Outcome
from local.services.queues import Counts, build_queues
from local.template.model import EventSourceMapping, Queue
from local.triggers.queue_pollers import QueuePollers
from tests.helpers.doubles import ManualClock

TIMEOUT_SECONDS = 5
EMPTY = Counts(0, 0, 0)
Script = Callable[[list[str]], Awaitable[object]]


class Polled:
    """A queue whose messages invoke a script with their bodies, on a manual clock.

    The script's return value is the function's result.
    """

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.queue = build_queues([Queue("bells", "arn:bells")], self.clock)["bells"]
        self.reported: list[str] = []
        self.batches: list[list[str]] = []
        self.ids: dict[str, str] = {}
        self._pollers: QueuePollers | None = None

    def start(self, script: Script, **settings: Any) -> None:
        self._script = script
        self._pollers = QueuePollers(
            [EventSourceMapping("bells", "ring", **settings)],
            {"bells": self.queue},
            self,
            region="here",
            clock=self.clock,
            report=self.reported.append,
        )
        self._pollers.start()

    async def stop(self) -> None:
        if self._pollers is not None:
            await self._pollers.stop()

    async def invoke(self, function: str, payload: bytes) -> Outcome:
        assert function == "ring"
        records = json.loads(payload)["Records"]
        bodies = [record["body"] for record in records]
        self.ids |= {record["body"]: record["messageId"] for record in records}
        self.batches.append(bodies)
        result = await self._script(bodies)
        return result if isinstance(result, Outcome) else Outcome(json.dumps(result).encode())

    async def until(self, condition: Callable[[], object]) -> None:
        """Run the poller until the condition holds."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not condition():  # noqa: ASYNC110 - a poller signals no event
                await asyncio.sleep(0)

    def failures(self, *bodies: str) -> dict[str, object]:
        """A result that reports these messages as failed."""
        return {"batchItemFailures": [{"itemIdentifier": self.ids[body]} for body in bodies]}

    async def redelivered(self) -> list[str]:
        """Bodies received after the visibility timeout."""
        self.clock.advance(30_000)
        return [item.body for item in await self.queue.receive(10)]


@pytest.fixture
async def polled() -> AsyncIterator[Polled]:
    polled = Polled()
    yield polled
    await polled.stop()


async def succeed(_bodies: list[str]) -> object:
    return None


async def hang(_bodies: list[str]) -> object:
    return await asyncio.get_running_loop().create_future()


def send(polled: Polled, *bodies: str) -> None:
    for body in bodies:
        polled.queue.send(body)


async def test_waiting_messages_are_delivered_in_batches_and_deleted(polled: Polled) -> None:
    send(polled, "a", "b", "c", "d", "e")
    polled.start(succeed, batch_size=2)
    await polled.until(lambda: polled.queue.counts() == EMPTY)
    assert polled.batches == [["a", "b"], ["c", "d"], ["e"]]
    assert polled.reported == []


async def test_a_new_message_is_delivered_at_once(polled: Polled) -> None:
    polled.start(succeed)
    await polled.until(lambda: True)
    send(polled, "a")
    await polled.until(lambda: polled.batches == [["a"]])


async def test_reported_failures_are_redelivered_and_the_rest_is_deleted(polled: Polled) -> None:
    async def fail_b(_bodies: list[str]) -> object:
        return polled.failures("b")

    send(polled, "a", "b", "c")
    polled.start(fail_b, report_failures=True)
    await polled.until(lambda: polled.reported)
    await polled.stop()
    assert polled.queue.counts() == Counts(0, 1, 0)
    assert await polled.redelivered() == ["b"]
    assert polled.reported == [
        "ring: 1 of 3 messages of bells failed; "
        "they become visible again 30 s after they were received"
    ]


async def test_reported_failures_are_ignored_unless_the_mapping_enables_them(
    polled: Polled,
) -> None:
    async def fail(bodies: list[str]) -> object:
        return polled.failures(*bodies)

    send(polled, "a")
    polled.start(fail)
    await polled.until(lambda: polled.queue.counts() == EMPTY)


@pytest.mark.parametrize("report_failures", [True, False])
async def test_an_error_of_the_function_fails_the_whole_batch(
    polled: Polled, report_failures: bool
) -> None:
    async def fail(_bodies: list[str]) -> object:
        return Outcome.failure("Unhandled", "x")

    send(polled, "a", "b")
    polled.start(fail, report_failures=report_failures)
    await polled.until(lambda: polled.batches)
    await polled.stop()
    assert await polled.redelivered() == ["a", "b"]


async def test_a_throttled_batch_is_retried(polled: Polled) -> None:
    async def throttle_once(_bodies: list[str]) -> object:
        if len(polled.batches) == 1:
            raise ThrottledError("too many")
        return None

    send(polled, "a")
    polled.start(throttle_once)
    await polled.until(lambda: polled.queue.counts() == EMPTY)
    assert polled.batches == [["a"], ["a"]]


async def test_a_throttled_batch_is_dropped_after_its_visibility_timeout(polled: Polled) -> None:
    async def throttle(_bodies: list[str]) -> object:
        polled.clock.advance(30_000)
        raise ThrottledError("too many")

    send(polled, "a")
    polled.start(throttle, max_concurrency=1)
    await polled.until(lambda: polled.reported)
    await polled.stop()
    assert polled.reported[0] == "ring is throttled; a batch of bells will be retried"
    assert polled.queue.counts().in_flight + polled.queue.counts().visible == 1


async def test_the_number_of_concurrent_batches_is_limited(polled: Polled) -> None:
    send(polled, *"abcdef")
    polled.start(hang, batch_size=1, max_concurrency=2)
    await polled.until(lambda: len(polled.batches) == 2)
    for _ in range(10):
        await asyncio.sleep(0)
    assert polled.batches == [["a"], ["b"]]
    assert polled.queue.counts() == Counts(4, 2, 0), "waiting messages stay visible"


async def test_a_batching_window_collects_messages(polled: Polled) -> None:
    polled.start(succeed, batch_size=2, batching_window_seconds=300)
    send(polled, "a")
    await polled.until(lambda: polled.queue.counts() == Counts(0, 1, 0))
    assert polled.batches == []
    send(polled, "b")
    await polled.until(lambda: polled.batches)
    assert polled.batches == [["a", "b"]]


async def test_a_batch_in_progress_at_a_stop_is_redelivered(polled: Polled) -> None:
    send(polled, "a")
    polled.start(hang)
    await polled.until(lambda: polled.batches)
    await polled.stop()
    send(polled, "b")
    assert [item.body for item in await polled.queue.receive(10)] == ["b"]
    assert await polled.redelivered() == ["a", "b"]


async def test_a_rejected_payload_is_reported_and_polling_continues(polled: Polled) -> None:
    async def refuse_large(bodies: list[str]) -> object:
        if bodies == ["large"]:
            raise ValueError("payload of many bytes")
        return None

    send(polled, "large")
    polled.start(refuse_large)
    await polled.until(lambda: polled.reported)
    send(polled, "a")
    await polled.until(lambda: polled.batches == [["large"], ["a"]])
    assert polled.reported == ["ring was not invoked for bells: payload of many bytes"]
