"""Waiting for a change without losing one that happens before the wait begins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

_Value = TypeVar("_Value")


class Changes:
    """Counts changes; tasks wait for the count to move on from a value they have read.

    Read `version` before the state that the decision to wait depends on. A change after that
    reading ends the wait, even when the wait itself starts later, in another task:

        seen = changes.version
        if not ready():
            await changes.since(seen)

    `asyncio.Event` cannot promise that, because `clear` discards a change that `set` has
    announced to nobody yet. Any number of tasks may wait. Belongs to one event loop.
    """

    def __init__(self) -> None:
        self._version = 0
        self._next = asyncio.Event()  # set once, at the next change

    @property
    def version(self) -> int:
        """The number of changes so far."""
        return self._version

    def notify(self) -> None:
        """Count a change and wake every task that waits for one."""
        self._version += 1
        self._next.set()
        self._next = asyncio.Event()

    async def since(self, seen: int) -> None:
        """Wait for a change later than version `seen`; return at once if there was one."""
        while self._version == seen:
            await self._next.wait()

    async def until(self, ready: Callable[[], _Value | None]) -> _Value:
        """The first true value of `ready`, which is called now and after each change."""
        while True:
            seen = self._version
            if value := ready():
                return value
            await self.since(seen)
