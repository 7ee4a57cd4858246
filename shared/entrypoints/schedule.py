"""Handlers of EventBridge rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shared.entrypoints.invocation import remaining_ms
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# Tasks stop this long before the function's timeout, to finish and log what they began (ms).
_RESERVE_MS = 1_500

#: Runs until a deadline (ms since the Unix epoch).
Task = Callable[[int], object]
ScheduleHandler = Callable[[Mapping[str, Any], object], None]


def schedule_handler(
    tasks: Mapping[str, Sequence[Task]], *, clock: Clock, telemetry: Telemetry
) -> ScheduleHandler:
    """A Lambda handler for rules.

    An event's `task` names an entry of `tasks`, by default the first. After a task fails, the
    others still run; then the first failure is raised, for Lambda's retries and alarms. Raises
    ValueError for an unknown task.
    """
    first = next(iter(tasks))

    def handler(event: Mapping[str, Any], context: object) -> None:
        name = event.get("task", first)
        if name not in tasks:
            raise ValueError(f"task: {name!r} is not one of {', '.join(tasks)}")
        deadline = clock.now_ms() + remaining_ms(context) - _RESERVE_MS
        failures: list[Exception] = []
        for task in tasks[name]:
            try:
                task(deadline)
            except Exception as error:  # noqa: BLE001 - raised below, after the other tasks
                telemetry.fault("scheduled task failed", task=name)
                failures.append(error)
        telemetry.flush()
        if failures:
            raise failures[0]

    return handler
