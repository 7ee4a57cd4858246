"""Repeated requests have the same result, whichever AWS call or response was lost.

Each AWS call of each request meets three faults in turn: the request is lost, the response is lost,
or the call is applied twice, as by a client library's retry. Then the client repeats the request,
and counters, seats and pushed messages must be right. Every request type must have a scenario.
"""

from __future__ import annotations

import traceback
from contextlib import suppress

import pytest

from shared.data_access.errors import StoreUnavailableError
from shared.protocol.message_base import Request
from shared.protocol.requests import SPECS
from tests.helpers.lossy.faults import Fault
from tests.helpers.lossy.scenarios import SCENARIOS
from tests.helpers.lossy.scenarios.registry import Check, Scenario
from tests.helpers.lossy.world import SessionSetup

ALL = [scenario for scenarios in list(SCENARIOS.values()) for scenario in scenarios]
# One failure, or as many as exhaust the request's own retries.
TIMES = (1, 3)
MOST_CALLS = 150


@pytest.mark.parametrize("request_type", SPECS)
def test_every_request_has_a_scenario(request_type: type[Request]) -> None:
    assert request_type in SCENARIOS, "add one to tests/helpers/lossy/scenarios"


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_each_scenario_succeeds_without_faults(scenario: Scenario) -> None:
    assert calls_of(scenario) > 0


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_each_scenario_survives_a_fault_in_any_call(scenario: Scenario, fault: Fault) -> None:
    failures = []
    for times in TIMES if fault is not Fault.APPLIED_TWICE else TIMES[:1]:
        for position in range(MOST_CALLS):
            setup = SessionSetup()
            act, check = scenario.prepare(setup)
            setup.world.faults.plan(fault, position, times=times)
            try:
                with suppress(StoreUnavailableError):  # a scheduled function fails this way
                    act()
                if not setup.world.faults.end():
                    break
                check_result(scenario, setup, check)
            except AssertionError as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                failures.append(f"{times} from call {position}: {error} ({where.line})")
        else:
            pytest.fail("more calls than expected")
    assert not failures, "\n".join(failures)


def calls_of(scenario: Scenario) -> int:
    """Run a scenario without faults. Returns the number of its AWS calls."""
    setup = SessionSetup()
    act, check = scenario.prepare(setup)
    setup.world.faults.plan(Fault.REQUEST_LOST, MOST_CALLS)
    act()
    assert not setup.world.faults.end()
    calls = setup.world.faults.calls
    check_result(scenario, setup, check)
    return calls


def check_result(scenario: Scenario, setup: SessionSetup, check: Check) -> None:
    """Let scheduled tasks repair the loss where they must, then check the result."""
    if scenario.repaired_by_schedule:
        setup.advance_minutes()
    check()
    setup.check_counters()
