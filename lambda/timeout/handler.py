"""Invoked by timers that ring, and by the clock: what is due, lost or left behind is dealt with."""

import os
from collections.abc import Mapping
from typing import Any

from shared.entrypoints.queue import batch_handler
from shared.entrypoints.schedule import schedule_handler
from shared.models.timers import RECONCILE, GraceOver
from shared.wiring.sweeps import SweepApp


def build(app: SweepApp) -> Any:
    """The handler over the given parts. Messages of the queue are timers, the rest are rules."""
    timers = batch_handler(GraceOver, app.speaker_grace.finish, telemetry=app.telemetry)
    scheduled = schedule_handler(
        {
            "sweep": [app.idle_sweep.run, app.session_sweep.run],
            RECONCILE: [app.reconciliation.run],
        },
        clock=app.clock,
        telemetry=app.telemetry,
    )

    def handler(event: dict[str, Any], context: object) -> Mapping[str, Any] | None:
        return timers(event, context) if "Records" in event else scheduled(event, context)

    return handler


lambda_handler = build(SweepApp(os.environ))
