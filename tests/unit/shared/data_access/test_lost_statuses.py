"""Arming, recording and taking of statuses when answers are lost."""

from __future__ import annotations

import pytest

from shared.data_access.session_statuses import SessionStatuses
from shared.models.audience_counts import SentStatus
from tests.helpers.database.lossy import Fault
from tests.helpers.database.lossy_stage import Stage

SENT = SentStatus(2, 2)


@pytest.mark.parametrize("fault", Fault)
def test_each_step_is_applied_once(fault: Fault) -> None:
    stage = Stage()
    world, now = stage.world, stage.world.clock.now_ms() + 60_000
    statuses = SessionStatuses(world.sessions_table())
    assert statuses.take_due(stage.session_id, world.clock.now_ms()) is not None

    world.faults.plan(fault, 0)
    assert statuses.record_sent_and_arm(stage.session_id, SENT, now), "it has to set a timer"
    assert not statuses.record_sent_and_arm(stage.session_id, SENT, now), "another has set it"
    world.faults.plan(fault, 0)
    audience = statuses.take_due(stage.session_id, now)
    assert audience is not None
    assert audience.sent == SENT
    assert statuses.take_due(stage.session_id, now) is None
    world.faults.plan(fault, 0)
    assert statuses.arm(stage.session_id, now + 1, now)
    assert not statuses.arm(stage.session_id, now + 2, now)
