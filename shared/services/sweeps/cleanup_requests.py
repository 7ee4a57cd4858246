"""Requests the clean-up of closed connections from the `$disconnect` function."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from shared.fanout.sharded_sender import FunctionInvoker
from shared.models.closing import ClosedConnection
from shared.models.delivery import Outcome
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# Deadline of the invocations (ms).
_DEADLINE_MS = 2_000


class CleanupRequests:
    """Invokes the `$disconnect` function asynchronously for closed connections."""

    def __init__(self, disconnect: FunctionInvoker, clock: Clock, telemetry: Telemetry) -> None:
        self._disconnect = disconnect
        self._clock = clock
        self._telemetry = telemetry

    def send(self, connection_ids: Sequence[str]) -> None:
        """Request the clean-up of each connection.

        Usually API Gateway invokes `$disconnect` as well. The next sweep repeats failed requests.
        """
        payloads = [
            msgspec.json.encode(ClosedConnection(connection_id=item)) for item in connection_ids
        ]
        answers = self._disconnect.invoke_many(payloads, self._clock.now_ms() + _DEADLINE_MS)
        failed = sum(answer.outcome is not Outcome.SENT for answer in answers)
        if failed:
            self._telemetry.warn("clean-up requests failed", count=failed)
