"""Rules that run by the clock: functions invoked and messages sent every so many minutes.

A rule runs for the first time one period after the start, and then every period. What it missed,
because the machine slept say, it does not make up for; nor does EventBridge.
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

# Timers may ring a little early; waiting less than this (s) would be spinning.
_SHORTEST_WAIT = 0.001

Report = Callable[[str], None]


class Starter(Protocol):
    """Invokes functions without waiting for them, as EventBridge does."""

    def start_invocation(self, function: str, payload: bytes) -> None:
        """Raises UnknownFunctionError, ThrottledError."""


@dataclass(slots=True)
class _Plan:
    schedule: Schedule
    period: float
    # By the monotonic clock, in seconds.
    due: float


class Schedules:
    """All rules of a stack; `period_seconds` replaces their own periods, for whoever cannot wait.

    A target that fails is reported, and the others run as if it had not.
    """

    def __init__(
        self,
        schedules: Sequence[Schedule],
        functions: Starter,
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
        self._plans = [
            _Plan(schedule, period, now + period)
            for schedule in schedules
            for period in [period_seconds or schedule.period_seconds]
        ]
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Follow the clock from now on; functions and queues must be ready."""
        if self._plans:
            self._task = asyncio.get_running_loop().create_task(self._follow())

    async def stop(self) -> None:
        """Run nothing any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def run_due(self) -> float:
        """Run what is due by now, each rule once; returns the seconds until the next is due."""
        now = self._clock.monotonic()
        for plan in self._plans:
            if plan.due <= now:
                plan.due += ((now - plan.due) // plan.period + 1) * plan.period
                self._run(plan.schedule)
        return max(_SHORTEST_WAIT, min(plan.due for plan in self._plans) - now)

    async def _follow(self) -> None:
        while True:  # noqa: ASYNC110 - it waits for the time, not for a change
            await asyncio.sleep(self.run_due())

    def _run(self, schedule: Schedule) -> None:
        # All targets of a rule get the same event.
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
    """What EventBridge sends for a rule that runs by the clock.

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
