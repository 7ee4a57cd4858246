"""Audience statuses for speakers, on a running stack."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from local.endpoints import Endpoints
from tests.e2e.support.clients import StackClients
from tests.e2e.support.grant_scenarios import RunningStack
from tests.e2e.support.operator import Operator
from tests.e2e.support.status_scenarios import TICK, status, wait_until_reported
from tests.helpers.wire import Message, Wire

AT_ONCE = 40


@pytest.fixture
def operator(endpoints: Endpoints) -> Operator:
    return Operator(endpoints)


def counted(message: Message, count: int) -> bool:
    return message.get("type") == "sessionStatus" and message["listenerCount"] == count


async def test_a_speaker_asks_for_the_status(clients: StackClients) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id, "es") as listener,
        clients.listener(session_id, "fr"),
    ):
        reply = await speaker.ask("getSessionStatus")
        refused = await listener.ask("getSessionStatus")

    assert (reply["type"], reply["updateReason"]) == ("sessionStatus", "requested")
    assert (reply["listenerCount"], reply["languageDistribution"]) == (2, {"es": 1, "fr": 1})
    assert (refused["status"], refused["code"]) == (403, "FORBIDDEN")


async def test_joins_and_drops_are_reported(clients: StackClients) -> None:
    async with clients.session() as (speaker, session_id):
        async with clients.listener(session_id, "es"):
            update = await speaker.expect(status("newLanguage", 1))
            assert update["languageDistribution"] == {"es": 1}
        await speaker.expect(status("listenerCountChange", 0))


async def test_the_last_status_counts_all_concurrent_joins(
    clients: StackClients, operator: Operator
) -> None:
    async with AsyncExitStack() as opened, clients.session() as (speaker, session_id):

        async def join() -> None:
            await opened.enter_async_context(clients.listener(session_id, "es"))

        await asyncio.gather(*(join() for _ in range(AT_ONCE)))
        await speaker.expect(lambda message: counted(message, AT_ONCE))
        # The following timer finds the same counts and sends nothing.
        await wait_until_reported(RunningStack(clients, operator), session_id, AT_ONCE)
        more = [m for m in await speaker.drained() if m["type"] == "sessionStatus"]
        assert [m for m in more if counted(m, AT_ONCE) and m["updateReason"] != "periodic"] == []


async def test_every_speaker_gets_statuses_by_schedule_and_by_queue(
    clients: StackClients, operator: Operator
) -> None:
    async with clients.session() as (one, _), clients.session() as (other, _):
        for event in (TICK, {"Records": [record()]}):
            await operator.invoke("session_status", event)
            for speaker in (one, other):
                await told_periodically(speaker)


async def told_periodically(speaker: Wire) -> None:
    message = await speaker.expect(status("periodic", 0))
    assert message["languageDistribution"] == {}


def record() -> Message:
    return {"messageId": "m1", "eventSource": "aws:sqs", "body": '{"type": "statusTick"}'}
