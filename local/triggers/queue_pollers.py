"""Event source mappings: pollers that invoke functions with the messages of queues.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.base.errors import LocalError, ThrottledError
from local.runtime.invocation import Invoker, Outcome
from local.services.queues import Delivery, MessageQueue
from local.template.model import EventSourceMapping
from local.triggers.batches import events, failed_ids
from shared.utils.clock import Clock

# Maximum wait of ReceiveMessage (long polling).
_WAIT_SECONDS = 20
# Backoff while a function is throttled; doubles with each attempt.
_FIRST_BACKOFF_SECONDS = 0.05
_LAST_BACKOFF_SECONDS = 2.0

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Context:
    """Dependencies of a poller."""

    queue: MessageQueue
    invoker: Invoker
    region: str
    clock: Clock
    report: Report


class QueuePollers:
    """The pollers of all event source mappings of a stack."""

    def __init__(
        self,
        mappings: Sequence[EventSourceMapping],
        queues: Mapping[str, MessageQueue],
        invoker: Invoker,
        *,
        region: str,
        clock: Clock,
        report: Report,
    ) -> None:
        self._pollers = [
            _Poller(
                mapping,
                _Context(queues[mapping.queue], invoker, region, clock, report),
            )
            for mapping in mappings
        ]

    def start(self) -> None:
        """Start polling; the functions must be ready."""
        for poller in self._pollers:
            poller.start()

    async def stop(self) -> None:
        """Stop polling. Batches in progress are redelivered, as after a failure."""
        await asyncio.gather(*(poller.stop() for poller in self._pollers))


class _Poller:
    """The poller of one mapping.

    Receives messages only when another concurrent batch is allowed: a message that waited here
    would use up its visibility timeout.
    """

    def __init__(self, mapping: EventSourceMapping, context: _Context) -> None:
        self._mapping = mapping
        self._context = context
        self._slots = asyncio.Semaphore(mapping.max_concurrency)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._start_task(self._poll())

    async def stop(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _poll(self) -> None:
        while True:
            await self._slots.acquire()
            batch = await self._receive_batch()
            if batch:
                self._start_task(self._process(batch))
            else:
                self._slots.release()

    async def _receive_batch(self) -> list[Delivery]:
        """Receive a batch: the first messages, and more until it is full or its window ends."""
        mapping, context = self._mapping, self._context
        batch = await context.queue.receive(mapping.batch_size, _WAIT_SECONDS)
        end = context.clock.monotonic() + mapping.batching_window_seconds
        while batch and len(batch) < mapping.batch_size:
            remaining = end - context.clock.monotonic()
            if remaining <= 0:
                break
            batch += await context.queue.receive(mapping.batch_size - len(batch), remaining)
        return batch

    async def _process(self, deliveries: list[Delivery]) -> None:
        arn = self._context.queue.settings.arn
        try:
            for batch, payload in events(deliveries, arn, self._context.region):
                await self._invoke(batch, payload)
        finally:
            self._slots.release()

    async def _invoke(self, batch: list[Delivery], payload: bytes) -> None:
        """Invoke the function with a batch and delete the messages that did not fail."""
        mapping, queue = self._mapping, self._context.queue
        outcome = await self._invoke_with_backoff(payload)
        if outcome is None or outcome.error is not None:
            return
        failed: set[str] = set()
        if mapping.report_failures:
            failed = failed_ids(outcome.payload, {item.message_id for item in batch})
        for delivery in batch:
            if delivery.message_id not in failed:
                queue.delete(delivery.receipt)
        if failed:
            seconds = queue.settings.visibility_timeout_seconds
            self._context.report(
                f"{mapping.function}: {len(failed)} of {len(batch)} messages of {mapping.queue} "
                f"failed; they become visible again {seconds} s after they were received"
            )

    async def _invoke_with_backoff(self, payload: bytes) -> Outcome | None:
        """Invoke the function, with retries while it is throttled.

        Returns None if it stays throttled for the visibility timeout, or cannot be invoked; the
        batch then becomes visible again.
        """
        mapping, context = self._mapping, self._context
        end = context.clock.monotonic() + context.queue.settings.visibility_timeout_seconds
        backoff = _FIRST_BACKOFF_SECONDS
        while context.clock.monotonic() + backoff < end:
            try:
                return await context.invoker.invoke(mapping.function, payload)
            except ThrottledError:
                await asyncio.sleep(backoff)
                backoff = min(2 * backoff, _LAST_BACKOFF_SECONDS)
            except (LocalError, ValueError) as error:
                context.report(f"{mapping.function} was not invoked for {mapping.queue}: {error}")
                return None
        context.report(
            f"{mapping.function} is throttled; a batch of {mapping.queue} will be retried"
        )
        return None

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._context.report(
                f"internal error of the local stack with queue {self._mapping.queue}: {error!r}"
            )
