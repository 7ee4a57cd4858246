"""Whatever call gets lost, whatever answer: a request that is repeated comes to the same.

Every call of every request meets three faults, one after the other: it fails, it is carried out and
its answer is lost, it is carried out twice as client libraries do. Then the request is repeated as
a client would, and counters, seats and what was pushed are compared with what should be. A type of
request that has no scenario fails.
"""

from __future__ import annotations

import traceback
from contextlib import suppress

import pytest

from shared.data_access.errors import StoreUnavailableError
from shared.protocol.message_base import Request
from shared.protocol.requests import SPECS
from tests.helpers.database.lossy import Fault
from tests.helpers.database.lossy_scenarios import SCENARIOS
from tests.helpers.database.lossy_stage import Scenario, Stage

ALL = [each for scenarios in list(SCENARIOS.values()) for each in scenarios]
# Once, or so often that what a request tries by itself fails, too.
TIMES = (1, 3)
MOST_CALLS = 150


@pytest.mark.parametrize("request_type", SPECS)
def test_every_request_has_a_scenario(request_type: type[Request]) -> None:
    assert request_type in SCENARIOS, "add one to tests/helpers/database/lossy_scenarios.py"


@pytest.mark.parametrize("scenario", ALL, ids=lambda each: each.name)
def test_without_a_fault(scenario: Scenario) -> None:
    assert calls_of(scenario) > 0


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("scenario", ALL, ids=lambda each: each.name)
def test_a_call_that_gets_lost(scenario: Scenario, fault: Fault) -> None:
    failures = []
    for times in TIMES if fault is not Fault.TWICE else TIMES[:1]:
        for position in range(MOST_CALLS):
            stage = Stage()
            do, check = scenario.prepare(stage)
            stage.world.faults.plan(fault, position, times=times)
            try:
                with suppress(StoreUnavailableError):  # a function of the clock has died
                    do()
                if not stage.world.faults.over():
                    break
                conclude(scenario, stage, check)
            except AssertionError as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                failures.append(f"{times} from call {position}: {error} ({where.line})")
        else:
            pytest.fail("it does not come to an end")
    assert not failures, "\n".join(failures)


def calls_of(scenario: Scenario) -> int:
    """How many calls it makes if none gets lost."""
    stage = Stage()
    do, check = scenario.prepare(stage)
    stage.world.faults.plan(Fault.LOST, MOST_CALLS)
    do()
    assert not stage.world.faults.over()
    calls = stage.world.faults.calls
    conclude(scenario, stage, check)
    return calls


def conclude(scenario: Scenario, stage: Stage, check: object) -> None:
    if scenario.by_clock:
        stage.minutes_pass()
    assert callable(check)
    check()
    stage.counters_are_true()
