"""Delivery to connections: outcomes, and the port that services use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Protocol

import msgspec


class Outcome(Enum):
    """Outcome of one post. A failing recipient is an outcome, never an exception."""

    SENT = "sent"
    GONE = "gone"  # 410: the connection is over
    FAILED = "failed"  # refused, or still failing after the retries
    SLOW = "slow"  # 429: the recipient reads too slowly
    THROTTLED = "throttled"  # 429: the account is throttled, until the deadline
    DROPPED = "dropped"  # not sent before the deadline


class Batch(msgspec.Struct, frozen=True):
    """One body for many connections."""

    connection_ids: Sequence[str]
    data: bytes


class ConnectionSender(Protocol):
    """Sends to connections; implemented by `shared.fanout.connection_gateway`."""

    def post_many(
        self, connection_ids: Sequence[str], data: bytes, deadline_at: int, *, live: bool = False
    ) -> Mapping[str, Outcome]:
        """Send `data` to all connections in parallel.

        Posts not sent by `deadline_at` (ms since the epoch) are DROPPED. `live` data is not retried
        for slow recipients, so that they delay no others.
        """

    def post_batches(
        self, batches: Sequence[Batch], deadline_at: int, *, live: bool = False
    ) -> list[dict[str, Outcome]]:
        """Send several bodies as `post_many` does, within one concurrency limit.

        Returns one result per batch.
        """

    def post(self, connection_id: str, data: bytes, deadline_at: int) -> Outcome:
        """Send `data` to one connection."""

    def delete_many(self, connection_ids: Sequence[str], deadline_at: int) -> Mapping[str, Outcome]:
        """Close all connections in parallel; outcomes as for `delete`."""

    def delete(self, connection_id: str, deadline_at: int) -> Outcome:
        """Close one connection: SENT if it was open, GONE if it was closed already."""
