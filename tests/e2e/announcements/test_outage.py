"""Outages of the announcements' table and queue: joins and audio go on, replays come later."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from infrastructure.stage.config import stage_config
from local.local_stack import LocalStack, Options
from local.services.access_control import AccessControl
from local.template.model import Statement
from tests.e2e.support.announcement_scenarios import announce, until_joins_read
from tests.e2e.support.clients import StackClients
from tests.e2e.support.stacks import NO_SCHEDULES_SECONDS, template_with

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONTROL = stage_config("dev").resource_name("control")
TABLE = ":table/lingocast-dev-announcements"
QUEUE = ":lingocast-dev-announcements-queue"


@dataclass(frozen=True)
class ControlledStack:
    """A running stack in this process whose policies a test changes."""

    clients: StackClients
    access: AccessControl


@pytest.fixture(scope="module")
def template() -> Path:
    return template_with({})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def controlled(
    template: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ControlledStack]:
    stack = LocalStack(
        Options(
            state=tmp_path_factory.mktemp("stack"),
            template=template,
            reload=False,
            schedule_seconds=NO_SCHEDULES_SECONDS,
        )
    )
    endpoints = await stack.start()
    assert stack.access is not None
    try:
        yield ControlledStack(StackClients(endpoints), stack.access)
    finally:
        await stack.stop()


@contextmanager
def denied(access: AccessControl, *resources: str) -> Iterator[None]:
    """Deny the control function everything on these resources, named by the ends of their ARNs."""
    policies = access.policies
    whole = policies.statements(CONTROL)
    rest: list[Statement] = [
        statement
        for statement in whole
        if not any(each.endswith(resources) for each in statement.resources)
    ]
    assert len(rest) == len(whole) - len(resources)
    policies.replace(CONTROL, tuple(rest))
    try:
        yield
    finally:
        policies.replace(CONTROL, whole)


async def test_the_replay_comes_by_the_queue_while_the_table_is_denied(
    controlled: ControlledStack,
) -> None:
    async with controlled.clients.session() as (speaker, session_id):
        made = await announce(speaker)
        await until_joins_read()
        with denied(controlled.access, TABLE):
            async with controlled.clients.listener(session_id) as listener:
                await speaker.send_audio(1)
                assert (await listener.expect("audio"))["seq"] == 1
                replay = await listener.expect("activeAnnouncement")
                assert replay["announcementId"] == made


async def test_joins_and_audio_go_on_without_the_queue(controlled: ControlledStack) -> None:
    async with controlled.clients.session() as (speaker, session_id):
        await announce(speaker)
        await until_joins_read()
        controlled.access.policies.denials.clear()
        with denied(controlled.access, TABLE, QUEUE):
            async with controlled.clients.listener(session_id) as listener:
                await speaker.send_audio(1)
                assert (await listener.expect("audio"))["seq"] == 1
                heard = {message["type"] for message in await listener.drained()}
                assert "activeAnnouncement" not in heard
        denials = {(each.function, each.action) for each in controlled.access.policies.denials}
        assert denials == {(CONTROL, "dynamodb:BatchGetItem"), (CONTROL, "sqs:SendMessage")}
