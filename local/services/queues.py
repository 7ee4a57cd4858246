"""In-memory standard SQS queues: delays, visibility timeouts, retention, dead letters.

See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/. Delays are exact to
the millisecond and messages stay in order; AWS promises neither.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import heapq
import itertools
import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import md5

from local.template.model import Queue
from shared.utils.clock import Clock

# By name, with the keys DataType and StringValue or BinaryValue (base64).
MessageAttributes = Mapping[str, Mapping[str, str]]
# The form of a role's session; the queues do not record senders.
_SENDER_ID = "AROALINGOCASTLOCAL00:local"
# Timers can fire a little early; a shorter wait (s) would spin.
_SHORTEST_WAIT = 0.001


@dataclass(frozen=True, slots=True)
class Delivery:
    """A received message; times are in milliseconds since the Unix epoch."""

    message_id: str
    receipt: str
    body: str
    attributes: MessageAttributes
    sent_ms: int
    receive_count: int
    first_received_ms: int

    @property
    def body_md5(self) -> str:
        """The hexadecimal MD5 of the body."""
        return md5(self.body.encode(), usedforsecurity=False).hexdigest()

    @property
    def system_attributes(self) -> dict[str, str]:
        """The attributes that SQS adds to the message."""
        return {
            "ApproximateReceiveCount": str(self.receive_count),
            "SentTimestamp": str(self.sent_ms),
            "SenderId": _SENDER_ID,
            "ApproximateFirstReceiveTimestamp": str(self.first_received_ms),
        }


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of messages that are ready, in flight and delayed."""

    visible: int
    in_flight: int
    delayed: int


@dataclass(slots=True)
class _Message:
    message_id: str
    body: str
    attributes: MessageAttributes
    sent_ms: int
    # By the monotonic clock, in seconds.
    sent: float
    visible_at: float
    receive_count: int = 0
    first_received_ms: int = 0


class InvalidReceiptError(Exception):
    """A receipt handle that this queue did not issue."""


@dataclass(slots=True)
class _Contents:
    """Messages by id: all, and those ready to be received, oldest first."""

    all: dict[str, _Message] = field(default_factory=dict)
    ready: OrderedDict[str, _Message] = field(default_factory=OrderedDict)
    # When hidden messages become ready: time, sequence number, id. Stale entries are skipped.
    due: list[tuple[float, int, str]] = field(default_factory=list)


class MessageQueue:
    """One queue; use it from one event loop only."""

    def __init__(
        self, queue: Queue, clock: Clock, dead_letters: MessageQueue | None = None
    ) -> None:
        self.settings = queue
        self._clock = clock
        self._dead_letters = dead_letters
        self._contents = _Contents()
        self._numbers = itertools.count()
        self._waiting: set[asyncio.Future[None]] = set()

    def send(
        self,
        body: str,
        attributes: MessageAttributes | None = None,
        delay_seconds: int | None = None,
    ) -> str:
        """Send a message and return its id; the delay defaults to the queue's."""
        delay = self.settings.delay_seconds if delay_seconds is None else delay_seconds
        now = self._clock.monotonic()
        message_id = str(uuid.uuid4())
        self._put(
            _Message(message_id, body, attributes or {}, self._clock.now_ms(), now, now + delay)
        )
        return message_id

    async def receive(
        self, limit: int, wait_seconds: float = 0, visibility_seconds: int | None = None
    ) -> list[Delivery]:
        """Receive up to `limit` messages, waiting until one is ready or the wait is over.

        The visibility timeout defaults to the queue's.
        """
        end = self._clock.monotonic() + wait_seconds
        while not (taken := self._take(limit, visibility_seconds)):
            now = self._clock.monotonic()
            if now >= end:
                break
            await self._changed(min(end, self._next_due(end)) - now)
        return taken

    def delete(self, receipt: str) -> None:
        """Delete a message, unless it is gone or was received again since.

        Raises InvalidReceiptError.
        """
        message = self._find(receipt)
        if message is not None:
            self._remove(message)

    def counts(self) -> Counts:
        """Count the messages in the queue."""
        self._release()
        contents = self._contents
        hidden = [item for key, item in contents.all.items() if key not in contents.ready]
        in_flight = sum(item.receive_count > 0 for item in hidden)
        return Counts(len(contents.ready), in_flight, len(hidden) - in_flight)

    def _put(self, message: _Message) -> None:
        self._contents.all[message.message_id] = message
        self._hide(message, message.visible_at)

    def _hide(self, message: _Message, until: float) -> None:
        message.visible_at = until
        entry = (until, next(self._numbers), message.message_id)
        heapq.heappush(self._contents.due, entry)
        # A waiting receiver may have to wake up earlier now.
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    def _remove(self, message: _Message) -> None:
        self._contents.all.pop(message.message_id, None)
        self._contents.ready.pop(message.message_id, None)

    def _take(self, limit: int, visibility_seconds: int | None) -> list[Delivery]:
        """Take ready messages; drop expired ones and move dead ones to the dead-letter queue."""
        self._release()
        settings, now = self.settings, self._clock.monotonic()
        seconds = visibility_seconds
        if seconds is None:
            seconds = settings.visibility_timeout_seconds
        taken: list[Delivery] = []
        while self._contents.ready and len(taken) < limit:
            _, message = self._contents.ready.popitem(last=False)
            if now - message.sent >= settings.retention_seconds:
                self._remove(message)
            elif self._dead_letters is not None and self._is_dead(message):
                self._remove(message)
                message.visible_at = now
                self._dead_letters._put(message)
            else:
                message.receive_count += 1
                message.first_received_ms = message.first_received_ms or self._clock.now_ms()
                self._hide(message, now + seconds)
                taken.append(self._delivery(message))
        return taken

    def _release(self) -> None:
        """Move messages that are due to the ready ones."""
        contents, now = self._contents, self._clock.monotonic()
        while contents.due and contents.due[0][0] <= now:
            due, _, message_id = heapq.heappop(contents.due)
            message = contents.all.get(message_id)
            if message is not None and message.visible_at == due:
                contents.ready[message_id] = message

    def _is_dead(self, message: _Message) -> bool:
        rule = self.settings.dead_letters
        return rule is not None and message.receive_count >= rule.max_receive_count

    def _next_due(self, default: float) -> float:
        return self._contents.due[0][0] if self._contents.due else default

    async def _changed(self, seconds: float) -> None:
        """Wait until a message is sent or hidden, for `seconds` at most."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.add(waiter)
        try:
            await asyncio.wait((waiter,), timeout=max(seconds, _SHORTEST_WAIT))
        finally:
            self._waiting.discard(waiter)

    def _delivery(self, message: _Message) -> Delivery:
        receipt = f"{self.settings.name}/{message.message_id}/{message.receive_count}"
        return Delivery(
            message_id=message.message_id,
            receipt=base64.urlsafe_b64encode(receipt.encode()).decode(),
            body=message.body,
            attributes=message.attributes,
            sent_ms=message.sent_ms,
            receive_count=message.receive_count,
            first_received_ms=message.first_received_ms,
        )

    def _find(self, receipt: str) -> _Message | None:
        """The message, if its last receipt is this one. Raises InvalidReceiptError."""
        try:
            parts = base64.b64decode(receipt, altchars=b"-_", validate=True).decode().split("/")
        except (binascii.Error, ValueError):
            raise InvalidReceiptError(receipt) from None
        match parts:
            case [self.settings.name, message_id, number] if number.isdecimal():
                message = self._contents.all.get(message_id)
                if message is not None and message.receive_count == int(number):
                    return message
                return None
        raise InvalidReceiptError(receipt)


def build_queues(queues: Sequence[Queue], clock: Clock) -> dict[str, MessageQueue]:
    """Build the queues, by name, each connected to its dead-letter queue."""
    # Dead-letter queues first: they have no dead-letter queue themselves.
    built: dict[str, MessageQueue] = {}
    for queue in sorted(queues, key=lambda item: item.dead_letters is not None):
        rule = queue.dead_letters
        built[queue.name] = MessageQueue(queue, clock, built[rule.queue] if rule else None)
    return built
