"""Events between the reader of a connection and whoever consumes them: bounded, never blocking."""

from __future__ import annotations

from collections import deque

from client.changes import Changes
from client.protocol.events import AudioReceived, Event

# Chunks of a minute at the default 200 ms. Whoever is further behind than that is not live.
DEFAULT_LIMIT = 300


class EventQueue:
    """A queue that gives up old audio rather than grow, or hold up what comes after it.

    `dropped` counts what was given up.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.dropped = 0
        self._limit = limit
        self._events: deque[Event] = deque()
        self._changes = Changes()
        self._closed = False
        self._fault: Exception | None = None

    def put(self, event: Event) -> None:
        """Add an event; when full, the oldest chunk goes, or else the oldest event."""
        if len(self._events) >= self._limit:
            oldest = next(
                (old for old in self._events if isinstance(old, AudioReceived)), self._events[0]
            )
            self._events.remove(oldest)
            self.dropped += 1
        self._events.append(event)
        self._changes.notify()

    def close(self, fault: Exception | None = None) -> None:
        """Nothing will be added any more; `fault` is raised to the consumer once it is through."""
        if not self._closed:
            self._closed = True
            self._fault = fault
            self._changes.notify()

    async def get(self) -> Event | None:
        """The next event, None after the end. Raises the fault that the queue was closed with."""
        await self._changes.until(lambda: self._events or self._closed)
        if self._events:
            return self._events.popleft()
        if self._fault is not None:
            raise self._fault
        return None
