"""The decorator of handlers that rules of EventBridge invoke."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shared.entrypoints.invocation import remaining_ms
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# Before its timeout a function shall be done with what it has begun, and say so (ms).
_RESERVE_MS = 1_500

#: Does one thing, until a time in ms since the epoch.
Task = Callable[[int], object]
ScheduleHandler = Callable[[Mapping[str, Any], object], None]


def schedule_handler(
    tasks: Mapping[str, Sequence[Task]], *, clock: Clock, telemetry: Telemetry
) -> ScheduleHandler:
    """A Lambda handler for rules: an event's `task` names what is to be done, by default the first
    of `tasks`.

    A task that fails does not keep the ones after it; in the end the first failure is raised, for
    Lambda's retries and alarms. Raises ValueError for a task that there is not.
    """
    first = next(iter(tasks))

    def handler(event: Mapping[str, Any], context: object) -> None:
        name = event.get("task", first)
        if name not in tasks:
            raise ValueError(f"task: {name!r} is not one of {', '.join(tasks)}")
        until = clock.now_ms() + remaining_ms(context) - _RESERVE_MS
        failures: list[Exception] = []
        for task in tasks[name]:
            try:
                task(until)
            except Exception as error:  # noqa: BLE001 - raised below, after the others had their turn
                telemetry.fault("scheduled task failed", task=name)
                failures.append(error)
        telemetry.flush()
        if failures:
            raise failures[0]

    return handler
