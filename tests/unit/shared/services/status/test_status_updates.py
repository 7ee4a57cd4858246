"""Cost of a periodic pass, in database calls and posts."""

from __future__ import annotations

import pytest

from shared.data_access.session_statuses import SessionStatuses
from shared.data_access.table import Table
from shared.models import schema
from shared.services.status.status_sender import StatusSender
from shared.services.status.status_trigger import StatusTrigger
from shared.services.status.status_updates import StatusUpdates
from tests.helpers.audiences import set_audience
from tests.helpers.database.counting_client import CountingClient
from tests.helpers.database.tables import SESSIONS
from tests.helpers.doubles import RecordingTelemetry
from tests.helpers.fake_timers import FakeTimers
from tests.helpers.world import World


@pytest.fixture
def client(world: World) -> CountingClient:
    """Created once the database exists."""
    return CountingClient()


@pytest.fixture
def updates(world: World, client: CountingClient) -> StatusUpdates:
    """Status updates that use the counting client."""
    statuses = SessionStatuses(Table(client, SESSIONS, schema.SESSION_ID))  # type: ignore[arg-type]
    telemetry = RecordingTelemetry()
    return StatusUpdates(
        statuses,
        StatusSender(
            world.sender,
            remove_gone=lambda session_id, connection_id: None,
            clock=world.clock,
            telemetry=telemetry,
        ),
        StatusTrigger(statuses, FakeTimers(), world.clock, telemetry),
        world.clock,
        telemetry,
    )


def test_a_pass_reads_eight_buckets_and_batches_of_a_hundred_sessions(
    world: World, client: CountingClient, updates: StatusUpdates
) -> None:
    for _ in range(101):
        world.create_session()
    posts = len(world.sender.posts)

    updates.send_periodic()

    assert client.requests == {"query": 8, "batch_get_item": 2}
    assert len(world.sender.posts) - posts == 101


def test_a_status_is_recorded_only_if_it_changed(
    world: World, client: CountingClient, updates: StatusUpdates
) -> None:
    _, session_id = world.create_session()
    set_audience(session_id, {"es": 5_000})

    updates.send_periodic()
    updates.send_periodic()

    assert client.requests == {"query": 16, "batch_get_item": 2, "update_item": 1}
