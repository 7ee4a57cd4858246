"""Expired grace periods, idle connections, overdue sessions and counter checks."""

import os
from collections.abc import Mapping
from typing import Any

from shared.entrypoints.queue import batch_handler
from shared.entrypoints.schedule import schedule_handler
from shared.models.timers import RECONCILE, GraceOver
from shared.wiring.sweeps import SweepApp


def build(app: SweepApp) -> Any:
    """Build the handler. Queue events are timers; all others come from schedule rules."""
    from_queue = batch_handler(GraceOver, app.speaker_grace.end, telemetry=app.telemetry)
    from_schedule = schedule_handler(
        {
            "sweep": [app.idle_sweep.run, app.session_sweep.run],
            RECONCILE: [app.reconciliation.run],
        },
        clock=app.clock,
        telemetry=app.telemetry,
    )

    def handler(event: Mapping[str, Any], context: object) -> Mapping[str, Any] | None:
        return (from_queue if "Records" in event else from_schedule)(event, context)

    return handler


lambda_handler = build(SweepApp(os.environ))
