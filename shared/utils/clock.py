"""Time, injected: production reads the system's clocks, tests set their own."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A wall clock for stamps that leave the process, a monotonic one for measuring."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""

    def monotonic(self) -> float:
        """Seconds of a clock that never jumps; only differences mean something."""


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()
