"""Hybrid logical clock that orders the messages of a user's devices.

It stays close to wall-clock time but never runs backwards, and a message sent after another was
received is always later, whatever the devices' clocks show. Kulkarni et al., "Logical Physical
Clocks", OPODIS 2014: https://cse.buffalo.edu/tech-reports/2014-04.pdf
"""

from __future__ import annotations

from typing import Annotated

import msgspec

_COUNTERS = 2**31


class Hlc(msgspec.Struct, frozen=True, rename="camel", order=True):
    """A timestamp: wall-clock time (ms since the epoch), counter and node.

    Timestamps are ordered by these fields; the node breaks ties.
    """

    wall_ms: Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
    counter: Annotated[int, msgspec.Meta(ge=0, lt=_COUNTERS)]
    node: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]

    def sortable(self) -> str:
        """A string that sorts as the timestamps do, for stores that compare strings.

        It holds the node as hex digits of its UTF-8, which sort as its code points do, whether a
        store compares bytes (DynamoDB) or UTF-16 (JavaScript).
        """
        return f"{self.wall_ms:016d}.{self.counter:010d}.{self.node.encode().hex()}"


class HybridClock:
    """Clock of one node. Each tick is later than all timestamps issued or received.

    It runs ahead of the latest wall-clock time that it has seen only if the counter is full, by
    1 ms each time. Persist `latest` across restarts; otherwise a device whose clock was set back
    would issue timestamps older than its own earlier ones.
    """

    def __init__(self, node: str, latest: Hlc | None = None) -> None:
        self._node = node
        self._wall_ms, self._counter = (latest.wall_ms, latest.counter) if latest else (0, -1)

    @property
    def latest(self) -> Hlc | None:
        """Latest timestamp issued or received; None before the first one."""
        return None if self._counter < 0 else Hlc(self._wall_ms, self._counter, self._node)

    def tick(self, now_ms: int) -> Hlc:
        """Timestamp of a local event at `now_ms` by this node's clock."""
        return self._advance(now_ms, 0, -1)

    def merge(self, remote: Hlc, now_ms: int) -> Hlc:
        """Timestamp of receiving `remote`. Later ticks follow it."""
        return self._advance(now_ms, remote.wall_ms, remote.counter)

    def _advance(self, now_ms: int, remote_ms: int, remote_counter: int) -> Hlc:
        wall_ms = max(self._wall_ms, remote_ms, now_ms)
        counter = -1
        if wall_ms == self._wall_ms:
            counter = self._counter
        if wall_ms == remote_ms:
            counter = max(counter, remote_counter)
        counter += 1
        if counter == _COUNTERS:
            wall_ms, counter = wall_ms + 1, 0
        self._wall_ms, self._counter = wall_ms, counter
        return Hlc(wall_ms, counter, self._node)
