"""In-memory timers: they record what was set, and tests deliver it."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from shared.data_access.errors import StoreUnavailableError

Timer = TypeVar("Timer")


class FakeTimers(Generic[Timer]):
    """Passes the contract suite of `TimerQueue`. While `failing`, setting a timer raises."""

    def __init__(self) -> None:
        self.set_: list[tuple[Timer, int]] = []
        self.failing = False

    def set(self, timer: Timer, delay_seconds: int) -> None:
        """Record the timer and its delay."""
        if self.failing:
            raise StoreUnavailableError("send_message: test")
        self.set_.append((timer, delay_seconds))

    def bodies(self) -> list[str]:
        """Bodies of the queue's messages."""
        return [msgspec.json.encode(timer).decode() for timer, _ in self.set_]
