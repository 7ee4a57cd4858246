"""Closes idle and replaced connections.

Every step may be repeated: a claim expires before the next sweep, which tries again if the
connection still exists. A connection that could not be closed keeps its row and its seat.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol, TypeVar

import msgspec

from shared.data_access.errors import StoreUnavailableError
from shared.data_access.idle_connections import Claim, ClaimLimits, IdleConnections
from shared.fanout.sharded_sender import FunctionInvoker
from shared.models.delivery import Batch, ConnectionSender, Outcome
from shared.protocol.message_base import encode
from shared.protocol.messages import ConnectionTimeout
from shared.services.sweeps.cleanup_requests import CleanupRequests
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# Lifetime of a claim (ms): shorter than the minute between two sweeps.
CLAIM_MS = 50_000
# Age at which a replaced connection is closed (ms). Clients close it themselves after 2 s.
REPLACED_MS = 10_000
# Connections per batch, and the time limits of a batch and of each step (ms).
_BATCH = 100
_BATCH_MS = 6_000
_STEP_MS = 2_000

_In = TypeVar("_In")
_Out = TypeVar("_Out")


class ParallelMap(Protocol):
    """`map`, or a parallel equivalent such as `Executor.map`."""

    def __call__(self, do: Callable[[_In], _Out], items: Iterable[_In], /) -> Iterable[_Out]:
        """Return the results in order."""


class SweepResult(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Counts of one sweep: rows checked, connections claimed as idle, connections closed."""

    checked: int = 0
    idle: int = 0
    closed: int = 0
    complete: bool = True


class IdleSweep:
    """Notifies idle connections, closes them and requests their clean-up.

    `disconnect` invokes the `$disconnect` function asynchronously.
    """

    def __init__(
        self,
        connections: IdleConnections,
        sender: ConnectionSender,
        disconnect: FunctionInvoker,
        *,
        idle_seconds: int,
        clock: Clock,
        telemetry: Telemetry,
        parallel_map: ParallelMap = map,
    ) -> None:
        self._connections = connections
        self._sender = sender
        self._cleanup_requests = CleanupRequests(disconnect, clock, telemetry)
        self._idle_ms = idle_seconds * 1000
        self._clock = clock
        self._telemetry = telemetry
        self._parallel_map = parallel_map

    def run(self, until_ms: int) -> SweepResult:
        """Sweep all idle connections, or as many as possible by `until_ms`."""
        now = self._clock.now_ms()
        limits = ClaimLimits(
            active_until=now - self._idle_ms,
            replaced_until=now - REPLACED_MS,
            claimed_until=now - CLAIM_MS,
        )
        found = self._idle_ids(limits.active_until)
        checked = idle = closed = 0
        complete = True
        while ids := list(islice(found, _BATCH)):
            checked += len(ids)
            if self._clock.now_ms() + _BATCH_MS > until_ms:
                complete = False
                self._telemetry.warn("idle sweep cut short", checked=checked, closed=closed)
                break
            claims = [claim for claim in self._claims(ids, limits) if claim is not None]
            idle += len(claims)
            closed += self._close(claims)
        self._telemetry.count("ConnectionsChecked", checked)
        self._telemetry.count("IdleConnectionsDetected", idle)
        self._telemetry.count("ConnectionsClosed", closed)
        return SweepResult(checked=checked, idle=idle, closed=closed, complete=complete)

    def _idle_ids(self, active_until: int) -> Iterator[str]:
        buckets = self._connections.buckets()
        # Rotate the first bucket so that truncated sweeps stay fair.
        first = self._clock.now_ms() // 60_000 % len(buckets)
        for bucket in (*buckets[first:], *buckets[:first]):
            try:
                yield from self._connections.find(bucket, active_until)
            except StoreUnavailableError as error:
                self._telemetry.warn("idle connections not read", bucket=bucket, cause=error.cause)

    def _claims(self, ids: Sequence[str], limits: ClaimLimits) -> Iterable[Claim | None]:
        now = self._clock.now_ms()

        def claim(connection_id: str) -> Claim | None:
            try:
                return self._connections.claim(connection_id, limits, now)
            except StoreUnavailableError as error:
                self._telemetry.warn("idle connection not claimed", cause=error.cause)
                return None

        return self._parallel_map(claim, ids)

    def _close(self, claims: Sequence[Claim]) -> int:
        """Notify and close the connections and request clean-up; returns how many are closed."""
        gone = self._send_timeouts(claims)
        remaining = [claim.connection_id for claim in claims if claim.connection_id not in gone]
        outcomes = self._sender.delete_many(remaining, self._clock.now_ms() + _STEP_MS)
        closed = [
            claim
            for claim in claims
            if claim.connection_id in gone
            or outcomes[claim.connection_id] in {Outcome.SENT, Outcome.GONE}
        ]
        for claim in closed:
            self._telemetry.count_by(
                "ConnectionTimeout",
                Role=claim.role or "none",
                Reason="replaced" if claim.replaced else "idle",
            )
        self._cleanup_requests.send([claim.connection_id for claim in closed])
        return len(closed)

    def _send_timeouts(self, claims: Sequence[Claim]) -> set[str]:
        """Send connectionTimeout and return the connections that are already gone.

        Replaced connections get no message: their client has another connection.
        """
        now = self._clock.now_ms()
        by_seconds: defaultdict[int, list[str]] = defaultdict(list)
        for claim in claims:
            if not claim.replaced:
                seconds = (now - claim.last_activity_time) // 1000
                by_seconds[seconds].append(claim.connection_id)
        batches = [
            Batch(ids, encode(ConnectionTimeout(idle_seconds=seconds, timestamp=now)))
            for seconds, ids in by_seconds.items()
        ]
        results = self._sender.post_batches(batches, now + _STEP_MS)
        return {
            connection_id
            for outcomes in results
            for connection_id, outcome in outcomes.items()
            if outcome is Outcome.GONE
        }
