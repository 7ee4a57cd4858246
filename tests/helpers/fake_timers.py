"""Timers in memory: remembers what was set; the test lets them ring."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from shared.data_access.errors import StoreUnavailableError

Timer = TypeVar("Timer")


class FakeTimers(Generic[Timer]):
    """Passes the same contract suite as `TimerQueue`. `failing` refuses to set any."""

    def __init__(self) -> None:
        self.set_: list[tuple[Timer, int]] = []
        self.failing = False

    def set(self, timer: Timer, delay_seconds: int) -> None:
        """Remember the timer and its delay."""
        if self.failing:
            raise StoreUnavailableError("send_message: test")
        self.set_.append((timer, delay_seconds))

    def bodies(self) -> list[str]:
        """What would come out of the queue."""
        return [msgspec.json.encode(timer).decode() for timer, _ in self.set_]
