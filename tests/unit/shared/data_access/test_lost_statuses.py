"""Arming, recording and taking statuses when responses are lost."""

from __future__ import annotations

import pytest

from shared.data_access.session_statuses import SessionStatuses
from shared.models.audience_counts import SentStatus
from tests.helpers.lossy.faults import Fault
from tests.helpers.lossy.world import SessionSetup

SENT = SentStatus(2, 2)


@pytest.mark.parametrize("fault", Fault)
def test_each_step_is_applied_once(fault: Fault) -> None:
    setup = SessionSetup()
    world, now = setup.world, setup.world.clock.now_ms() + 60_000
    statuses = SessionStatuses(world.sessions_table())
    assert statuses.take_due(setup.session_id, world.clock.now_ms()) is not None

    world.faults.plan(fault, 0)
    assert statuses.record_sent_and_arm(setup.session_id, SENT, now), "this call sets the timer"
    assert not statuses.record_sent_and_arm(setup.session_id, SENT, now), "the timer is already set"
    world.faults.plan(fault, 0)
    audience = statuses.take_due(setup.session_id, now)
    assert audience is not None
    assert audience.sent == SENT
    assert statuses.take_due(setup.session_id, now) is None
    world.faults.plan(fault, 0)
    assert statuses.arm(setup.session_id, now + 1, now)
    assert not statuses.arm(setup.session_id, now + 2, now)
