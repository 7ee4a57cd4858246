"""Cleaning up after connections that are over, by the function that has the rights to."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from shared.fanout.sharded_sender import FunctionInvoker
from shared.models.closing import ClosedConnection
from shared.models.delivery import Outcome
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# How long handing them over may take (ms).
_DEADLINE_MS = 2_000


class CleanupRequests:
    """Hands connections over to the function of `$disconnect`, without waiting for it."""

    def __init__(self, disconnect: FunctionInvoker, clock: Clock, telemetry: Telemetry) -> None:
        self._disconnect = disconnect
        self._clock = clock
        self._telemetry = telemetry

    def send(self, connection_ids: Sequence[str]) -> None:
        """`$disconnect` comes by itself, mostly. What is not taken here, the next sweep finds."""
        payloads = [
            msgspec.json.encode(ClosedConnection(connection_id=item)) for item in connection_ids
        ]
        answers = self._disconnect.invoke_many(payloads, self._clock.now_ms() + _DEADLINE_MS)
        failed = sum(answer.outcome is not Outcome.SENT for answer in answers)
        if failed:
            self._telemetry.warn("clean-ups not started", count=failed)
