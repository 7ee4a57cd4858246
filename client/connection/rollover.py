"""Rollover policy: when to move to a second connection, and how to merge both event streams.

Pure: no clock, no randomness and no I/O. `client.connection.supervisor` acts on its decisions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from client.protocol.events import AudioRefused, CaptionRefused, Event, Notification
from shared.protocol.message_base import encode

# PROTOCOL rule 13: both connections receive audio for this long, and may send chunks.
OVERLAP_SECONDS = 2.0
# The rollover begins at least this long before expiry (ms): an eighth of a connection's two hours,
# and an eighth of the remaining time if that is shorter.
_LEAD_MS = 15 * 60 * 1000
_LEAD_SHARE = 8
# Rollovers are spread over a third of that time, for clients that joined together.
_SPREAD_SHARE = 3
# Number of attempts that fit before expiry.
_ATTEMPTS = 15
# Expiry is by the server's clock, so clocks are compared; not at once, while everyone joins (s).
_CLOCK_CHECK_SECONDS = 60.0


def _lead(expires_at: float, now: float) -> float:
    return min(_LEAD_MS, max(expires_at - now, 0) / _LEAD_SHARE)


def seconds_until_clock_check(expires_at: float, now: float) -> float:
    """Return the seconds after joining at which to compare the clocks.

    `expires_at` and `now` are still by different clocks, so their difference may be meaningless.
    """
    return min(_CLOCK_CHECK_SECONDS, _lead(expires_at, now) / 1000 or _CLOCK_CHECK_SECONDS)


@dataclass(frozen=True, slots=True)
class RolloverSchedule:
    """Rollover times of one connection, in ms since the epoch by the server's clock."""

    due_at: float
    retry_ms: float
    expires_at: float

    @classmethod
    def of(
        cls, expires_at: float, seated_at: float, random_fraction: Callable[[], float]
    ) -> RolloverSchedule:
        """Return the schedule of a connection that joined at `seated_at`."""
        lead = _lead(expires_at, seated_at)
        due_at = expires_at - lead * (1 + random_fraction() / _SPREAD_SHARE)
        return cls(due_at, lead / _ATTEMPTS, expires_at)

    def seconds_until_due(self, now: float) -> float | None:
        """Return the seconds until the first attempt; None if the expiry has passed already.

        An expiry in the past means a wrong clock, which would affect the next connection too.
        """
        return max(self.due_at - now, 0) / 1000 if now < self.expires_at else None

    def seconds_until_retry(self, now: float) -> float | None:
        """Return the seconds to wait after a failed attempt; None if that is too late."""
        return self.retry_ms / 1000 if now + self.retry_ms < self.expires_at else None


class EventMerger:
    """Merges the events of two connections that share a seat, and drops duplicates.

    Audio passes from both: the jitter buffer drops duplicate chunks.
    """

    def __init__(self) -> None:
        self._received: Counter[tuple[object, bytes]] = Counter()
        self._accepted: Counter[bytes] = Counter()

    def accepts(self, event: Event, source: object, *, former: bool) -> bool:
        """Return whether to forward an event of `source`; `former` if that is being left."""
        match event:
            case AudioRefused(error=error) | CaptionRefused(error=error):
                # The former connection has lost its right to send, which is expected.
                return error.retryable or not former
            case Notification(message=message):
                key = encode(message)
                self._received[source, key] += 1
                # A message that repeats later does so on each connection.
                if self._received[source, key] <= self._accepted[key]:
                    return False
                self._accepted[key] += 1
                return True
            case _:
                return True
