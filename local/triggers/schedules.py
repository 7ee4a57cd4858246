"""Scheduled rules: invoke functions and send messages at fixed rates.

A rule runs one period after the start and then every period. It skips missed runs, for example
while the machine was asleep, as EventBridge does.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from local.base.errors import LocalError
from local.services.queues import MessageQueue
from local.template.model import AwsEnvironment, Schedule, ScheduleTarget
from shared.utils.clock import Clock

# Minimum wait in seconds: timers may fire slightly early, and a shorter wait would busy-loop.
_MIN_WAIT_SECONDS = 0.001

Report = Callable[[str], None]


class AsyncInvoker(Protocol):
    """Invokes functions asynchronously, as EventBridge does."""

    def start_invocation(self, function: str, payload: bytes) -> None:
        """Start an invocation. Raises UnknownFunctionError, ThrottledError."""


@dataclass(slots=True)
class _Timer:
    schedule: Schedule
    period: float
    # Monotonic time of the next run, in seconds.
    due: float


class Schedules:
    """Runs all rules of a stack; `period_seconds` overrides their periods, for tests and demos.

    Reports a failed target; the other targets still run.
    """

    def __init__(
        self,
        schedules: Sequence[Schedule],
        functions: AsyncInvoker,
        queues: Mapping[str, MessageQueue],
        *,
        aws: AwsEnvironment,
        clock: Clock,
        report: Report,
        period_seconds: float | None = None,
    ) -> None:
        self._functions = functions
        self._queues = queues
        self._aws = aws
        self._clock = clock
        self._report = report
        now = clock.monotonic()
        self._timers = [
            _Timer(schedule, period, now + period)
            for schedule in schedules
            for period in [period_seconds or schedule.period_seconds]
        ]
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the timers; functions and queues must be ready."""
        if self._timers:
            self._task = asyncio.get_running_loop().create_task(self._run_timers())

    async def stop(self) -> None:
        """Stop the timers."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def run_due(self) -> float:
        """Run each due rule once; returns the seconds until the next one is due."""
        now = self._clock.monotonic()
        for timer in self._timers:
            if timer.due <= now:
                timer.due += ((now - timer.due) // timer.period + 1) * timer.period
                self._run(timer.schedule)
        return max(_MIN_WAIT_SECONDS, min(timer.due for timer in self._timers) - now)

    async def _run_timers(self) -> None:
        while True:  # noqa: ASYNC110 - it waits for a time, not for an event
            await asyncio.sleep(self.run_due())

    def _run(self, schedule: Schedule) -> None:
        # All targets of a run get the same event.
        event = msgspec.json.encode(scheduled_event(schedule, self._aws, self._clock.now_ms()))
        for target in schedule.targets:
            payload = event if target.constant is None else target.constant.encode()
            try:
                self._deliver(target, payload)
            except (LocalError, ValueError) as error:
                self._report(f"{schedule.name}: {target.kind} {target.name}: {error}")

    def _deliver(self, target: ScheduleTarget, payload: bytes) -> None:
        if target.kind == "function":
            self._functions.start_invocation(target.name, payload)
        else:
            self._queues[target.name].send(payload.decode())


def scheduled_event(schedule: Schedule, aws: AwsEnvironment, now_ms: int) -> dict[str, object]:
    """EventBridge's event for a scheduled rule.

    https://docs.aws.amazon.com/lambda/latest/dg/with-scheduled-events.html
    """
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": aws.account,
        "time": datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": aws.region,
        "resources": [schedule.arn],
        "detail": {},
    }
