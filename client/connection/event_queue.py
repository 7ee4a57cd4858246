"""Bounded, non-blocking queue between a connection's reader and its consumer."""

from __future__ import annotations

from collections import deque

from client.changes import Changes
from client.protocol.events import AudioReceived, Event

# One minute of 200 ms chunks. A consumer further behind than that is not live.
DEFAULT_LIMIT = 300


class EventQueue:
    """Queue of events that drops old audio when it is full; `dropped` counts the drops."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.dropped = 0
        self._limit = limit
        self._events: deque[Event] = deque()
        self._changes = Changes()
        self._closed = False
        self._fault: Exception | None = None

    def put(self, event: Event) -> None:
        """Add an event. A full queue drops its oldest chunk, or else its oldest event."""
        if len(self._events) >= self._limit:
            oldest = next(
                (old for old in self._events if isinstance(old, AudioReceived)), self._events[0]
            )
            self._events.remove(oldest)
            self.dropped += 1
        self._events.append(event)
        self._changes.notify()

    def close(self, fault: Exception | None = None) -> None:
        """Close the queue; `fault` is raised to the consumer after the remaining events."""
        if not self._closed:
            self._closed = True
            self._fault = fault
            self._changes.notify()

    async def get(self) -> Event | None:
        """Return the next event, None at the end. Raises the fault passed to `close`."""
        await self._changes.until(lambda: self._events or self._closed)
        if self._events:
            return self._events.popleft()
        if self._fault is not None:
            raise self._fault
        return None
