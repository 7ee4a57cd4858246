"""When rules run, and what they deliver; time passes when the test says so."""

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
    """A function `ring` and a queue `bells` that rules may have as targets."""

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
        """How many invocations there have been when so much more time has passed."""
        self.clock.advance(round(seconds * 1000))
        self.schedules.run_due()
        return len(self.invoked)


RING = ScheduleTarget("function", "ring")
BELLS = ScheduleTarget("queue", "bells")


def test_a_rule_runs_a_period_after_the_start_and_then_every_period() -> None:
    scheduled = Scheduled(rule("sweep", 60, RING))

    assert [scheduled.after(s) for s in (0, 59.9, 0.1, 59.9, 0.1, 60)] == [0, 0, 1, 1, 2, 3]


def test_what_was_missed_is_not_made_up_for() -> None:
    scheduled = Scheduled(rule("sweep", 60, RING))

    # The rhythm stays: what is late does not put off what comes next.
    assert [scheduled.after(s) for s in (605, 54.9, 0.1)] == [1, 1, 2]


def test_each_rule_has_its_own_period() -> None:
    scheduled = Scheduled(
        rule("fast", 60, RING), rule("slow", 300, ScheduleTarget("function", "r"))
    )

    for _ in range(5):
        scheduled.after(60)

    assert [name for name, _ in scheduled.invoked] == ["ring"] * 5 + ["r"]


def test_it_says_how_long_to_wait_for_the_next() -> None:
    scheduled = Scheduled(rule("fast", 60, RING), rule("slow", 300, RING))

    assert scheduled.schedules.run_due() == pytest.approx(60)
    scheduled.clock.advance(45_000)
    assert scheduled.schedules.run_due() == pytest.approx(15)


def test_periods_may_be_replaced_by_one() -> None:
    scheduled = Scheduled(rule("fast", 60, RING), rule("slow", 300, RING), period_seconds=0.5)

    assert scheduled.after(0.5) == 2


async def test_all_targets_get_the_same_event_in_eventbridges_shape() -> None:
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


def test_every_run_has_an_id_of_its_own() -> None:
    scheduled = Scheduled(rule("sweep", 60, RING))

    scheduled.after(60)
    scheduled.after(60)

    (_, first), (_, second) = scheduled.invoked
    assert first["id"] != second["id"]


async def test_an_input_replaces_the_event() -> None:
    given = '{"task": "reconcile"}'
    scheduled = Scheduled(
        rule("r", 60, ScheduleTarget("function", "ring", given), ScheduleTarget("queue", "bells"))
    )

    scheduled.after(60)

    assert scheduled.invoked == [("ring", {"task": "reconcile"})]
    (message,) = await scheduled.queue.receive(10)
    assert json.loads(message.body)["source"] == "aws.events"


async def test_a_target_that_fails_is_told_and_stops_neither_others_nor_the_next_run() -> None:
    scheduled = Scheduled(rule("sweep", 60, RING, BELLS))
    scheduled.throttled.add("ring")

    scheduled.after(60)

    assert scheduled.reported == ["sweep: function ring: too many wait already"]
    assert len(await scheduled.queue.receive(10)) == 1
    scheduled.throttled.clear()
    assert scheduled.after(60) == 1


@pytest.mark.parametrize("seconds", ["0", "0.05", "3601", "-5"])
def test_a_period_that_makes_no_sense_is_refused(
    seconds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--schedule-seconds", seconds])

    assert "--schedule-seconds: expected 0.1 to 3600" in capsys.readouterr().err


async def test_without_rules_there_is_nothing_to_follow() -> None:
    scheduled = Scheduled()
    scheduled.schedules.start()
    await scheduled.schedules.stop()

    assert scheduled.invoked == []
