"""The hybrid logical clock that orders what a user's devices say.

It stays close to wall-clock time and yet never runs backwards, and what was heard before comes
before what is said after, whatever the devices' clocks show. Kulkarni et al., "Logical Physical
Clocks", OPODIS 2014: https://cse.buffalo.edu/tech-reports/2014-04.pdf
"""

from __future__ import annotations

from typing import Annotated

import msgspec

_COUNTERS = 2**31


class Hlc(msgspec.Struct, frozen=True, rename="camel", order=True):
    """One moment: wall-clock time (ms since the epoch), a counter for what happens within it, and
    the node that says so, by which ties are broken. Ordered as these fields are.
    """

    wall_ms: Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
    counter: Annotated[int, msgspec.Meta(ge=0, lt=_COUNTERS)]
    node: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]

    def sortable(self) -> str:
        """A text whose order is that of moments, for stores that compare texts.

        The node stands there as the hex digits of its UTF-8, whose order is that of code points:
        a store may compare by bytes (DynamoDB) or by UTF-16 (whatever is written in JavaScript).
        """
        return f"{self.wall_ms:016d}.{self.counter:010d}.{self.node.encode().hex()}"


class HybridClock:
    """The clock of one node: what it ticks is later than all that it has ticked or heard before.

    It runs ahead of the greatest wall-clock time that it has seen only if a counter is full, by
    1 ms each time. Keep `latest` over a restart: a device whose clock was set back would otherwise
    be older than itself.
    """

    def __init__(self, node: str, latest: Hlc | None = None) -> None:
        self._node = node
        self._wall_ms, self._counter = (latest.wall_ms, latest.counter) if latest else (0, -1)

    @property
    def latest(self) -> Hlc | None:
        """The latest moment that was ticked or heard; None before the first one."""
        return None if self._counter < 0 else Hlc(self._wall_ms, self._counter, self._node)

    def tick(self, now_ms: int) -> Hlc:
        """The moment of something that happens here, at `now_ms` by this node's clock."""
        return self._advance(now_ms, 0, -1)

    def merge(self, remote: Hlc, now_ms: int) -> Hlc:
        """The moment at which this node has heard of `remote`; all that it ticks is later."""
        return self._advance(now_ms, remote.wall_ms, remote.counter)

    def _advance(self, now_ms: int, heard_ms: int, heard_counter: int) -> Hlc:
        wall_ms = max(self._wall_ms, heard_ms, now_ms)
        counter = -1
        if wall_ms == self._wall_ms:
            counter = self._counter
        if wall_ms == heard_ms:
            counter = max(counter, heard_counter)
        counter += 1
        if counter == _COUNTERS:
            wall_ms, counter = wall_ms + 1, 0
        self._wall_ms, self._counter = wall_ms, counter
        return Hlc(wall_ms, counter, self._node)
