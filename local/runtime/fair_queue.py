"""A queue that is fair to senders: round-robin between them, in order for each."""

from __future__ import annotations

from collections import OrderedDict, deque
from contextvars import ContextVar
from typing import Generic, TypeVar

Item = TypeVar("Item")

#: The connection on whose behalf a function is invoked; None for other invocations.
SENDER: ContextVar[str | None] = ContextVar("sender", default=None)


class FairQueue(Generic[Item]):
    """A queue in which an item waits for at most one item of each other sender.

    Lambda has no such queue: it starts more executions. The local stack has few workers, and a
    client that sends many messages must not delay the others more than on AWS.
    """

    def __init__(self) -> None:
        self._lanes: OrderedDict[str | None, deque[tuple[str | None, Item]]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, item: Item) -> None:
        """Add an item of the current SENDER."""
        sender = SENDER.get()
        self._lanes.setdefault(sender, deque()).append((sender, item))
        self._length += 1

    def popleft(self) -> Item:
        """Take the next item; the sender's remaining items move behind those of all others."""
        sender, lane = next(iter(self._lanes.items()))
        _, item = lane.popleft()
        self._length -= 1
        if lane:
            self._lanes.move_to_end(sender)
        else:
            del self._lanes[sender]
        return item
