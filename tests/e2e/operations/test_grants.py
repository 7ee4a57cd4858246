"""Least privilege: every grant in the table of functions is needed, and together they suffice.

Without a grant its scenario fails; with it, it passes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from websockets.exceptions import WebSocketException

from infrastructure.catalogue.function_spec import Resource
from infrastructure.catalogue.function_table import FUNCTIONS
from infrastructure.stage.config import stage_config
from local.base.errors import StartError
from local.local_stack import LocalStack, Options
from local.overrides import service_endpoints
from local.services.access_control import AccessControl
from local.template.model import Statement
from tests.e2e.support.abuse_scenarios import ABUSE_SCENARIOS
from tests.e2e.support.announcement_scenarios import (
    ANNOUNCEMENT_SCENARIOS,
    FALLBACKS,
    WITHOUT_THE_TABLE,
)
from tests.e2e.support.audio_scenarios import AUDIO_SCENARIOS
from tests.e2e.support.clients import StackClients
from tests.e2e.support.device_scenarios import DEVICE_SCENARIOS
from tests.e2e.support.grant_scenarios import MANAGE, RACES, SHARD_SIZE, RunningStack, Scenario
from tests.e2e.support.grant_scenarios import SCENARIOS as OTHER_SCENARIOS
from tests.e2e.support.interpreter_scenarios import ELSEWHERE, INTERPRETER_SCENARIOS, RUN_SECONDS
from tests.e2e.support.operator import Operator
from tests.e2e.support.stacks import NO_SCHEDULES_SECONDS, template_with
from tests.e2e.support.status_scenarios import STATUS_SCENARIOS
from tests.helpers.aws_speech import AwsSpeech

SCENARIOS = (
    OTHER_SCENARIOS
    | AUDIO_SCENARIOS
    | STATUS_SCENARIOS
    | ANNOUNCEMENT_SCENARIOS
    | DEVICE_SCENARIOS
    | INTERPRETER_SCENARIOS
    | ABUSE_SCENARIOS
)
FAILURES = (AssertionError, TimeoutError, WebSocketException)
# Until a scenario must have failed after a denial (s).
_GRACE_SECONDS = 0.4
_PATIENCE_SECONDS = 30.0

# The ends of the ARNs of granted resources.
ENDINGS = {
    Resource.SESSIONS: ":table/lingocast-dev-sessions",
    Resource.ACTIVE_INDEX: ":table/lingocast-dev-sessions/index/active",
    Resource.CONNECTIONS: ":table/lingocast-dev-connections",
    Resource.IDLE_INDEX: ":table/lingocast-dev-connections/index/idle",
    Resource.AUDIENCE_INDEX: ":table/lingocast-dev-connections/index/audience",
    Resource.POST_TO_CONNECTION: "/dev/POST/@connections/*",
    Resource.CLOSE_CONNECTION: "/dev/DELETE/@connections/*",
    Resource.TIMER_QUEUE: ":lingocast-dev-timers",
    Resource.STATUS_QUEUE: ":lingocast-dev-statuses",
    Resource.ANNOUNCEMENTS: ":table/lingocast-dev-announcements",
    Resource.DEVICES: ":table/lingocast-dev-devices",
    Resource.ONLINE_INDEX: ":table/lingocast-dev-devices/index/online",
    Resource.ANNOUNCEMENT_QUEUE: ":lingocast-dev-announcements-queue",
    Resource.SYNC_SECRET: ":secret:lingocast-dev-sync-a1b2c3",
    Resource.BROADCAST_FUNCTION: ":function:lingocast-dev-broadcast",
    Resource.DISCONNECT_FUNCTION: ":function:lingocast-dev-disconnect",
    Resource.INTERPRETER_FUNCTION: ":function:lingocast-dev-interpreter",
    Resource.NO_RESOURCE: "*",
}

# Lambda polls with the function's role: without these there is no event source mapping.
POLLING = {
    (function, queue, f"sqs:{operation}")
    for function, queue in (
        ("timeout", Resource.TIMER_QUEUE),
        ("session_status", Resource.STATUS_QUEUE),
        ("announcements", Resource.ANNOUNCEMENT_QUEUE),
    )
    for operation in ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage")
}
# Lambda also sends failed events with the role. Local stacks only log them; the template's tests
# check these grants.
KEEPING_LOST_EVENTS = {
    (spec.name, Resource.LOST_EVENTS, "sqs:SendMessage")
    for spec in FUNCTIONS
    if spec.keeps_lost_events
}


@dataclass(frozen=True, order=True)
class FunctionGrant:
    """One action on one resource, of one function."""

    function: str
    resource: str
    action: str

    @property
    def key(self) -> tuple[str, Resource, str]:
        """The key in the table of scenarios."""
        return self.function, Resource[self.resource], self.action

    @property
    def full_name(self) -> str:
        """The name of the deployed function."""
        return stage_config("dev").resource_name(self.function)

    def names(self, statement: Statement) -> bool:
        """Whether a statement with one action and one resource is this grant."""
        (resource,) = statement.resources
        return statement.actions == (self.action,) and resource.endswith(
            ENDINGS[Resource[self.resource]]
        )


ALL_GRANTS = sorted(
    FunctionGrant(spec.name, grant.resource.name, action)
    for spec in FUNCTIONS
    for grant in spec.grants
    for action in grant.actions or (MANAGE,)
)
TESTED_GRANTS = [grant for grant in ALL_GRANTS if grant.key in SCENARIOS]


@dataclass(frozen=True)
class ControlledStack:
    """A running stack whose policies a test changes."""

    stack: RunningStack
    access: AccessControl

    def without(self, grant: FunctionGrant) -> tuple[Statement, ...]:
        """The function's statements without this grant and the one of its fallback, if any.

        Exactly one statement contains each.
        """
        denied = [grant]
        if (fallback := FALLBACKS.get(grant.key)) is not None:
            denied.append(FunctionGrant(fallback[0], fallback[1].name, fallback[2]))
        single = [
            Statement((action,), (resource,))
            for statement in self.access.policies.statements(grant.full_name)
            for action in statement.actions
            for resource in statement.resources
        ]
        rest = tuple(
            statement for statement in single if not any(each.names(statement) for each in denied)
        )
        assert len(rest) == len(single) - len(denied)
        return rest

    def denied(self, grant: FunctionGrant) -> bool:
        """Whether a call was denied for lack of this grant."""
        return any(
            (denial.function, denial.action) == (grant.full_name, grant.action)
            and ENDINGS[Resource[grant.resource]].rstrip("*") in denial.resource
            for denial in self.access.policies.denials
        )

    async def assert_passes(self, scenario: Scenario) -> None:
        """Check that the scenario passes and that nothing is denied."""
        self.access.policies.denials.clear()
        await scenario(self.stack)
        assert list(self.access.policies.denials) == []

    async def assert_denied(self, scenario: Scenario, grant: FunctionGrant) -> None:
        """Check that the scenario fails, and that a denial for lack of this grant is the reason."""
        self.access.policies.denials.clear()
        task = asyncio.ensure_future(scenario(self.stack))
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not task.done() and not self.denied(grant):  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.01)
        await asyncio.wait((task,), timeout=_GRACE_SECONDS)
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(result, (*FAILURES, asyncio.CancelledError)), f"unneeded? {result!r}"
        assert self.denied(grant), f"failed for another reason: {result!r}"


@pytest.fixture(scope="module")
def template() -> Path:
    settings = {
        "SHARD_SIZE": str(SHARD_SIZE),
        "SPEAKER_GRACE_SECONDS": "1",
        "INTERPRETER_RUN_SECONDS": str(RUN_SECONDS),
    }
    return template_with(settings)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def controlled(
    template: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ControlledStack]:
    """A stack in this process, so that its policies can be changed while it runs."""
    with AwsSpeech(credentials=None) as aws:
        local_stack = LocalStack(
            Options(
                state=tmp_path_factory.mktemp("stack"),
                template=template,
                reload=False,
                endpoints=service_endpoints(aws.environment),
                schedule_seconds=NO_SCHEDULES_SECONDS,
            )
        )
        endpoints = await local_stack.start()
        assert local_stack.access is not None
        try:
            running = RunningStack(StackClients(endpoints), Operator(endpoints))
            yield ControlledStack(running, local_stack.access)
        finally:
            await local_stack.stop()


def test_every_grant_has_a_scenario_and_every_scenario_a_grant() -> None:
    others = POLLING | KEEPING_LOST_EVENTS | RACES | WITHOUT_THE_TABLE | ELSEWHERE
    assert {grant.key for grant in ALL_GRANTS} == SCENARIOS.keys() | others


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("grant", TESTED_GRANTS, ids=lambda grant: "-".join(map(str, grant.key)))
async def test_each_grant_is_needed_and_sufficient(
    controlled: ControlledStack, grant: FunctionGrant
) -> None:
    scenario, policies = SCENARIOS[grant.key], controlled.access.policies
    original = policies.statements(grant.full_name)
    policies.replace(grant.full_name, controlled.without(grant))
    try:
        await controlled.assert_denied(scenario, grant)
    finally:
        policies.replace(grant.full_name, original)
    await controlled.assert_passes(scenario)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("key", sorted(POLLING, key=str), ids=lambda key: f"{key[0]}-{key[2]}")
async def test_without_the_right_to_poll_there_is_no_event_source(
    controlled: ControlledStack, key: tuple[str, Resource, str]
) -> None:
    function, resource, action = key
    grant = FunctionGrant(function, resource.name, action)
    policies = controlled.access.policies
    original = policies.statements(grant.full_name)
    policies.replace(grant.full_name, controlled.without(grant))
    try:
        with pytest.raises(StartError, match=f"{action.removeprefix('sqs:')} on SQS"):
            controlled.access.check_event_sources()
    finally:
        policies.replace(grant.full_name, original)
    controlled.access.check_event_sources()
