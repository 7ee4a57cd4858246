"""A change counter to wait on without missing a change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

_Value = TypeVar("_Value")


class Changes:
    """Counts changes; tasks wait until the count differs from a version they have read.

    Read `version` before the state that the decision to wait depends on. A later change ends the
    wait, even if it happens before the wait begins or in another task:

        seen = changes.version
        if not ready():
            await changes.since(seen)

    `asyncio.Event` cannot guarantee that: `clear` discards a `set` that no task has observed yet.
    Any number of tasks may wait. An instance belongs to one event loop.
    """

    def __init__(self) -> None:
        self._version = 0
        self._next = asyncio.Event()  # set once, at the next change

    @property
    def version(self) -> int:
        """The number of changes so far."""
        return self._version

    def notify(self) -> None:
        """Count a change and wake all waiting tasks."""
        self._version += 1
        self._next.set()
        self._next = asyncio.Event()

    async def since(self, seen: int) -> None:
        """Wait for a change after version `seen`; return at once if one has happened."""
        while self._version == seen:
            await self._next.wait()

    async def until(self, ready: Callable[[], _Value | None]) -> _Value:
        """Call `ready` now and after each change; return its first true value."""
        while True:
            seen = self._version
            if value := ready():
                return value
            await self.since(seen)
