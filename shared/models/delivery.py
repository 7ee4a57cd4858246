"""What sending to connections means, whoever does it: outcomes, and the port that services use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Outcome(Enum):
    """How one post ended. A recipient's trouble is an outcome, never an exception."""

    SENT = "sent"
    GONE = "gone"  # 410: the connection is over
    FAILED = "failed"  # refused, or still throttled or faulty after the retries
    DROPPED = "dropped"  # the deadline came first


@dataclass(frozen=True, slots=True)
class Batch:
    """One body for many connections."""

    connection_ids: Sequence[str]
    data: bytes


class ConnectionSender(Protocol):
    """The only way to reach connections; see `shared.fanout.connection_gateway`."""

    def post_many(
        self, connection_ids: Sequence[str], data: bytes, deadline_at: int
    ) -> Mapping[str, Outcome]:
        """Send `data` to each connection, all of them in parallel.

        `deadline_at` is in ms since the epoch: what is not sent by then is DROPPED.
        """

    def post_batches(self, batches: Sequence[Batch], deadline_at: int) -> list[dict[str, Outcome]]:
        """As `post_many` for several bodies, in parallel under one bound; one result a batch."""

    def post(self, connection_id: str, data: bytes, deadline_at: int) -> Outcome:
        """Send `data` to one connection."""

    def delete_many(self, connection_ids: Sequence[str], deadline_at: int) -> Mapping[str, Outcome]:
        """Close each connection, all of them in parallel; outcomes as of `delete`."""

    def delete(self, connection_id: str, deadline_at: int) -> Outcome:
        """Close one connection; SENT says that it was closed now, GONE that it already was."""
