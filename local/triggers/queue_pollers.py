"""Event source mappings: queues whose messages invoke functions, as Lambda's pollers do it.

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

# The longest that ReceiveMessage waits.
_WAIT_SECONDS = 20
# Between attempts to invoke a function that is throttled; doubled each time.
_FIRST_BACKOFF_SECONDS = 0.05
_LAST_BACKOFF_SECONDS = 2.0

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Context:
    """What a poller works with."""

    queue: MessageQueue
    invoker: Invoker
    region: str
    clock: Clock
    report: Report


class QueuePollers:
    """All pollers of a stack."""

    def __init__(
        self,
        sources: Sequence[EventSourceMapping],
        queues: Mapping[str, MessageQueue],
        invoker: Invoker,
        *,
        region: str,
        clock: Clock,
        report: Report,
    ) -> None:
        self._pollers = [
            _Poller(
                source,
                _Context(queues[source.queue], invoker, region, clock, report),
            )
            for source in sources
        ]

    def start(self) -> None:
        """Begin to poll; the functions must be ready."""
        for poller in self._pollers:
            poller.start()

    async def stop(self) -> None:
        """Poll no more. What is with a function comes again, as if it had failed."""
        await asyncio.gather(*(poller.stop() for poller in self._pollers))


class _Poller:
    """Takes messages only when a batch more may be with the function: a message that waits here
    would use its visibility timeout up."""

    def __init__(self, source: EventSourceMapping, context: _Context) -> None:
        self._source = source
        self._context = context
        self._slots = asyncio.Semaphore(source.max_concurrency)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._spawn(self._poll())

    async def stop(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _poll(self) -> None:
        while True:
            await self._slots.acquire()
            batch = await self._batch()
            if batch:
                self._spawn(self._serve(batch))
            else:
                self._slots.release()

    async def _batch(self) -> list[Delivery]:
        """What there is, as soon as there is anything; with a batching window, what comes in it."""
        source, context = self._source, self._context
        batch = await context.queue.receive(source.batch_size, _WAIT_SECONDS)
        end = context.clock.monotonic() + source.batching_window_seconds
        while batch and len(batch) < source.batch_size:
            left = end - context.clock.monotonic()
            if left <= 0:
                break
            batch += await context.queue.receive(source.batch_size - len(batch), left)
        return batch

    async def _serve(self, deliveries: list[Delivery]) -> None:
        arn = self._context.queue.settings.arn
        try:
            for batch, payload in events(deliveries, arn, self._context.region):
                await self._invoke(batch, payload)
        finally:
            self._slots.release()

    async def _invoke(self, batch: list[Delivery], payload: bytes) -> None:
        """Give a batch to the function; what did not fail is deleted."""
        source, queue = self._source, self._context.queue
        outcome = await self._outcome(payload)
        if outcome is None or outcome.error is not None:
            return
        failed: set[str] = set()
        if source.report_failures:
            failed = failed_ids(outcome.payload, {item.message_id for item in batch})
        for delivery in batch:
            if delivery.message_id not in failed:
                queue.delete(delivery.receipt)
        if failed:
            seconds = queue.settings.visibility_timeout_seconds
            self._context.report(
                f"{source.function}: {len(failed)} of {len(batch)} messages of {source.queue} "
                f"failed; they are visible again {seconds} s after they were received"
            )

    async def _outcome(self, payload: bytes) -> Outcome | None:
        """The function's outcome, or None if it cannot take the batch within the time that the
        batch stays invisible; it comes again then."""
        source, context = self._source, self._context
        end = context.clock.monotonic() + context.queue.settings.visibility_timeout_seconds
        backoff = _FIRST_BACKOFF_SECONDS
        while context.clock.monotonic() + backoff < end:
            try:
                return await context.invoker.invoke(source.function, payload)
            except ThrottledError:
                await asyncio.sleep(backoff)
                backoff = min(2 * backoff, _LAST_BACKOFF_SECONDS)
            except (LocalError, ValueError) as error:
                context.report(f"{source.function} was not invoked for {source.queue}: {error}")
                return None
        context.report(f"{source.function} is throttled; a batch of {source.queue} has to wait")
        return None

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._context.report(f"fault of the local stack with {self._source.queue}: {error!r}")
