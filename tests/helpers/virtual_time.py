"""Clock that tests advance: sleepers wake in order, however busy the machine is."""

from __future__ import annotations

import asyncio
import heapq
import itertools

T0 = 1_700_000_000_000
# Rounds of the loop that let all tasks finish what needs no time.
_ROUNDS = 80


class VirtualTime:
    """A clock, and a `sleep` that ends once `advance` reaches its time."""

    def __init__(self) -> None:
        self.ms = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def now_ms(self) -> int:
        return T0 + round(self.ms)

    def monotonic(self) -> float:
        return self.ms / 1000

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self.ms + seconds * 1000
        heapq.heappush(self._sleepers, (due, next(self._numbers), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Advance the clock, waking each sleeper at its time."""
        until = self.ms + seconds * 1000
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            due, _, woken = heapq.heappop(self._sleepers)
            if woken.done():  # the sleeper was cancelled
                continue
            self.ms = max(self.ms, due)
            woken.set_result(None)
            await self.settle()
        self.ms = until

    async def settle(self) -> None:
        """Run all tasks until they wait for time to pass."""
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)
