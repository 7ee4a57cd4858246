"""Injected time: production uses the system clocks, tests their own."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A wall clock for timestamps and a monotonic clock for durations."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""

    def monotonic(self) -> float:
        """Seconds of a clock that never jumps; only differences are meaningful."""


class SystemClock:
    """System clocks."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()
