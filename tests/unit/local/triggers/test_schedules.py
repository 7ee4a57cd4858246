"""Scheduled rules on a manual clock."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.base.errors import ThrottledError
from local.cli import main
from local.services.queues import build_queues
from local.template.model import AwsEnvironment, Queue, Schedule, ScheduleTarget
from local.triggers.schedules import Schedules
from tests.helpers.doubles import ManualClock

AWS = AwsEnvironment()


def rule(name: str, period_seconds: int, *targets: ScheduleTarget) -> Schedule:
    return Schedule(name, AWS.arn("events", f"rule/{name}"), period_seconds, targets)


class Scheduled:
    """A function `ring` and a queue `bells` as targets of rules."""

    def __init__(self, *schedules: Schedule, period_seconds: float | None = None) -> None:
        self.clock = ManualClock(1_700_000_000_123)
        self.queue = build_queues([Queue("bells", "arn:bells")], self.clock)["bells"]
        self.invoked: list[tuple[str, Any]] = []
        self.reported: list[str] = []
        self.throttled: set[str] = set()
        self.schedules = Schedules(
            schedules,
            self,
            {"bells": self.queue},
            aws=AWS,
            clock=self.clock,
            report=self.reported.append,
            period_seconds=period_seconds,
        )

    def start_invocation(self, function: str, payload: bytes) -> None:
        if function in self.throttled:
            raise ThrottledError("too many wait already")
        self.invoked.append((function, json.loads(payload)))

    def after(self, seconds: float) -> int:
        """Advance the clock, run due rules and return the total number of invocations."""
        self.clock.advance(round(seconds * 1000))
        self.schedules.run_due()
        return len(self.invoked)


RING = ScheduleTarget("function", "ring")
BELLS = ScheduleTarget("queue", "bells")


def test_a_rule_runs_one_period_after_the_start_and_then_every_period() -> None:
    scheduled = Scheduled(rule("sweep", 60, RING))

    assert [scheduled.after(s) for s in (0, 59.9, 0.1, 59.9, 0.1, 60)] == [0, 0, 1, 1, 2, 3]


def test_missed_runs_are_skipped() -> None:
    scheduled = Scheduled(rule("sweep", 60, RING))

    # A late run does not delay the next one.
    assert [scheduled.after(s) for s in (605, 54.9, 0.1)] == [1, 1, 2]


def test_each_rule_has_its_own_period() -> None:
    scheduled = Scheduled(
        rule("fast", 60, RING), rule("slow", 300, ScheduleTarget("function", "r"))
    )

    for _ in range(5):
        scheduled.after(60)

    assert [name for name, _ in scheduled.invoked] == ["ring"] * 5 + ["r"]


def test_run_due_returns_the_seconds_until_the_next_run() -> None:
    scheduled = Scheduled(rule("fast", 60, RING), rule("slow", 300, RING))

    assert scheduled.schedules.run_due() == pytest.approx(60)
    scheduled.clock.advance(45_000)
    assert scheduled.schedules.run_due() == pytest.approx(15)


def test_one_period_may_override_all() -> None:
    scheduled = Scheduled(rule("fast", 60, RING), rule("slow", 300, RING), period_seconds=0.5)

    assert scheduled.after(0.5) == 2


async def test_all_targets_get_the_same_event_in_eventbridges_format() -> None:
    scheduled = Scheduled(rule("sweep", 60, RING, BELLS))

    scheduled.after(60)

    ((function, event),) = scheduled.invoked
    assert function == "ring"
    (message,) = await scheduled.queue.receive(10)
    assert json.loads(message.body) == event
    assert len(event.pop("id")) == 36
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": "2023-11-14T22:14:20Z",
        "region": "eu-central-1",
        "resources": ["arn:aws:events:eu-central-1:000000000000:rule/sweep"],
        "detail": {},
    }


def test_every_run_has_a_unique_event_id() -> None:
    scheduled = Scheduled(rule("sweep", 60, RING))

    scheduled.after(60)
    scheduled.after(60)

    (_, first), (_, second) = scheduled.invoked
    assert first["id"] != second["id"]


async def test_a_constant_input_replaces_the_event() -> None:
    given = '{"task": "reconcile"}'
    scheduled = Scheduled(
        rule("r", 60, ScheduleTarget("function", "ring", given), ScheduleTarget("queue", "bells"))
    )

    scheduled.after(60)

    assert scheduled.invoked == [("ring", {"task": "reconcile"})]
    (message,) = await scheduled.queue.receive(10)
    assert json.loads(message.body)["source"] == "aws.events"


async def test_a_failed_target_is_reported_and_stops_neither_others_nor_the_next_run() -> None:
    scheduled = Scheduled(rule("sweep", 60, RING, BELLS))
    scheduled.throttled.add("ring")

    scheduled.after(60)

    assert scheduled.reported == ["sweep: function ring: too many wait already"]
    assert len(await scheduled.queue.receive(10)) == 1
    scheduled.throttled.clear()
    assert scheduled.after(60) == 1


@pytest.mark.parametrize("seconds", ["0", "0.05", "3601", "-5"])
def test_an_invalid_period_is_a_usage_error(
    seconds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--schedule-seconds", seconds])

    assert "--schedule-seconds: expected 0.1 to 3600" in capsys.readouterr().err


async def test_a_stack_without_rules_starts_no_timer() -> None:
    scheduled = Scheduled()
    scheduled.schedules.start()
    await scheduled.schedules.stop()

    assert scheduled.invoked == []
