"""When a client moves to a second connection, and what it takes from both while it has two.

Pure: no clock, no randomness and no I/O. `client.connection.reconnecting` acts on its decisions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from client.protocol.events import AudioRefused, CaptionRefused, Event, Notification
from shared.protocol.message_base import encode

# PROTOCOL rule 13: for so long both connections get audio, and chunks of both are accepted.
OVERLAP_SECONDS = 2.0
# So long before the end it moves at the latest (ms). That is an eighth of a connection's two hours,
# and so it is of whatever is left of one that is shorter.
_LEAD_MS = 15 * 60 * 1000
_LEAD_SHARE = 8
# Clients that joined together move one after another, over a third of that time.
_SPREAD_SHARE = 3
# An attempt that failed is made again as often as this before the connection is over.
_ATTEMPTS = 15
# The time is by the server's clock: it is compared with ours, but not while everyone joins (s).
_COMPARE_AFTER = 60.0


def _lead(expires_at: float, now: float) -> float:
    return min(_LEAD_MS, max(expires_at - now, 0) / _LEAD_SHARE)


def seconds_until_clock_check(expires_at: float, now: float) -> float:
    """How long after sitting down to compare the clocks; the times are by different ones as yet,
    and may make no sense together.
    """
    return min(_COMPARE_AFTER, _lead(expires_at, now) / 1000 or _COMPARE_AFTER)


@dataclass(frozen=True, slots=True)
class RolloverSchedule:
    """When one connection is to be left; times are ms since the epoch, by the server's clock."""

    due_at: float
    retry_ms: float
    expires_at: float

    @classmethod
    def of(
        cls, expires_at: float, seated_at: float, random_fraction: Callable[[], float]
    ) -> RolloverSchedule:
        """For a connection that sat down at `seated_at`; `chance` is evenly from 0 to 1."""
        lead = _lead(expires_at, seated_at)
        due_at = expires_at - lead * (1 + random_fraction() / _SPREAD_SHARE)
        return cls(due_at, lead / _ATTEMPTS, expires_at)

    def seconds_until_due(self, now: float) -> float | None:
        """How long to wait for the first attempt; None if the connection should be over already:
        whoever said so would say it of the next one too.
        """
        return max(self.due_at - now, 0) / 1000 if now < self.expires_at else None

    def seconds_until_retry(self, now: float) -> float | None:
        """How long to wait after an attempt that failed; None if that would be too late."""
        return self.retry_ms / 1000 if now + self.retry_ms < self.expires_at else None


class EventMerger:
    """Merges the events of two connections that have one seat, so that nothing is told twice.

    Sound passes from both: of a chunk that comes twice the jitter buffer plays one.
    """

    def __init__(self) -> None:
        self._told: Counter[tuple[object, bytes]] = Counter()
        self._passed: Counter[bytes] = Counter()

    def accepts(self, event: Event, source: object, *, former: bool) -> bool:
        """Whether an event of `source` is to be passed on; `former` if that is being left."""
        match event:
            case AudioRefused(error=error) | CaptionRefused(error=error):
                # That the former may no longer send is no news.
                return error.retryable or not former
            case Notification(message=message):
                key = encode(message)
                self._told[source, key] += 1
                # The same news may come again, but then it does so on each connection.
                if self._told[source, key] <= self._passed[key]:
                    return False
                self._passed[key] += 1
                return True
            case _:
                return True
