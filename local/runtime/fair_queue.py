"""What waits for a worker: each sender's in order, and the senders in turn."""

from __future__ import annotations

from collections import OrderedDict, deque
from contextvars import ContextVar
from typing import Generic, TypeVar

Item = TypeVar("Item")

#: On whose behalf something is invoked: a connection; None for everybody else.
SENDER: ContextVar[str | None] = ContextVar("sender", default=None)


class FairQueue(Generic[Item]):
    """A queue in which nobody waits for more than one item of each other sender.

    Lambda has no such queue: it starts more executions. Here workers are few, and a client with
    many messages on the way must not hold up the others for longer than it would there.
    """

    def __init__(self) -> None:
        self._lanes: OrderedDict[str | None, deque[tuple[str | None, Item]]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, item: Item) -> None:
        """Add an item of the present sender."""
        sender = SENDER.get()
        self._lanes.setdefault(sender, deque()).append((sender, item))
        self._length += 1

    def popleft(self) -> Item:
        """The next item; the others of its sender go behind those of all others."""
        sender, lane = next(iter(self._lanes.items()))
        _, item = lane.popleft()
        self._length -= 1
        if lane:
            self._lanes.move_to_end(sender)
        else:
            del self._lanes[sender]
        return item
