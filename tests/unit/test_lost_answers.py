"""Repeated requests have the same result, whichever AWS call or answer was lost.

Each AWS call of each request meets three faults in turn: it fails, it is applied but its answer is
lost, or it is applied twice, as by a client library. Then the client repeats the request, and
counters, seats and pushed messages must be right. Every request type must have a scenario.
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
# Once, or often enough that the request's own retries fail too.
TIMES = (1, 3)
MOST_CALLS = 150


@pytest.mark.parametrize("request_type", SPECS)
def test_every_request_has_a_scenario(request_type: type[Request]) -> None:
    assert request_type in SCENARIOS, "add one to tests/helpers/database/lossy_scenarios.py"


@pytest.mark.parametrize("scenario", ALL, ids=lambda each: each.name)
def test_each_scenario_succeeds_without_faults(scenario: Scenario) -> None:
    assert calls_of(scenario) > 0


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("scenario", ALL, ids=lambda each: each.name)
def test_each_scenario_survives_a_fault_in_any_call(scenario: Scenario, fault: Fault) -> None:
    failures = []
    for times in TIMES if fault is not Fault.TWICE else TIMES[:1]:
        for position in range(MOST_CALLS):
            stage = Stage()
            do, check = scenario.prepare(stage)
            stage.world.faults.plan(fault, position, times=times)
            try:
                with suppress(StoreUnavailableError):  # a scheduled function has failed
                    do()
                if not stage.world.faults.over():
                    break
                conclude(scenario, stage, check)
            except AssertionError as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                failures.append(f"{times} from call {position}: {error} ({where.line})")
        else:
            pytest.fail("more calls than expected")
    assert not failures, "\n".join(failures)


def calls_of(scenario: Scenario) -> int:
    """Number of calls of a scenario without faults."""
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
