"""Scenarios for the grants of announcements, each with an effect that clients see."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from infrastructure.catalogue.function_spec import Resource
from shared.announcements.known_absences import ABSENCE_MS
from tests.e2e.support.audio_scenarios import several_listeners
from tests.e2e.support.clients import joined
from tests.e2e.support.grant_scenarios import (
    BATCH_GET,
    DELETE,
    GET,
    INVOKE,
    MANAGE,
    PUT,
    QUERY,
    SEND,
    UPDATE,
    RunningStack,
    Scenario,
    expect_ghost_removed,
)
from tests.e2e.support.operator import Row
from tests.e2e.support.status_scenarios import mark_first_listener_reported, status
from tests.helpers.wire import Message, Wire


async def until_joins_read() -> None:
    """Wait until no instance trusts an earlier read that found nothing."""
    await asyncio.sleep(ABSENCE_MS / 1_000)


async def announce(connection: Wire, scope: str = "session", message: str = "Pause") -> str:
    """Announce and check the reply; returns the announcement's id."""
    reply = await connection.ask("announce", scope=scope, message=message)
    assert reply["type"] == "announcement", reply
    announcement_id: str = reply["announcementId"]
    return announcement_id


async def clear(connection: Wire, scope: str = "session") -> Message:
    """Clear, and check that there was an active announcement."""
    reply = await connection.ask("clearAnnouncement", scope=scope)
    assert reply["type"] == "announcementCleared", reply
    assert reply["announcementId"] is not None
    return reply


@asynccontextmanager
async def announcer(stack: RunningStack) -> AsyncIterator[Wire]:
    """An operator, who clears the announcement to everyone at the end."""
    async with stack.clients.connection("olga", "operators") as operator:
        try:
            yield operator
        finally:
            await operator.ask("clearAnnouncement", scope="all")


async def announcement_reaches_the_session(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (speaker, session_id),
        stack.clients.listener(session_id) as listener,
    ):
        made = await announce(speaker)
        assert (await listener.expect("announcement"))["announcementId"] == made


async def announcement_reaches_everyone(stack: RunningStack) -> None:
    async with announcer(stack) as operator, stack.clients.connection() as reader:
        made = await announce(operator, "all")
        assert (await reader.expect("announcement"))["announcementId"] == made


async def announcement_reaches_several_shards(stack: RunningStack) -> None:
    async with AsyncExitStack() as opened, stack.clients.session() as (speaker, session_id):
        listeners = await several_listeners(opened, stack, session_id)
        await announce(speaker)
        for listener in listeners:
            await listener.expect("announcement")


async def clearing_reaches_the_session(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (speaker, session_id),
        stack.clients.listener(session_id) as listener,
    ):
        made = await announce(speaker)
        await clear(speaker)
        assert (await listener.expect("announcementCleared"))["announcementId"] == made


async def active_announcement_is_requested(stack: RunningStack) -> None:
    async with stack.clients.session() as (speaker, _):
        made = await announce(speaker)
        assert (await speaker.ask("getActiveAnnouncement")).get("announcementId") == made


async def replay_precedes_the_reply(stack: RunningStack) -> None:
    async with stack.clients.session() as (speaker, session_id):
        made = await announce(speaker)
        await until_joins_read()
        async with stack.clients.connection() as reader:
            join = {"action": "joinSession", "sessionId": session_id, "targetLanguage": "es"}
            await reader.send(join)
            first = await reader.expect(lambda _: True)
            assert (first["type"], first.get("announcementId")) == ("activeAnnouncement", made)


async def replays_are_counted(stack: RunningStack) -> None:
    async with stack.clients.session() as (speaker, session_id):
        await announce(speaker)
        await until_joins_read()
        async with stack.clients.listener(session_id):
            active = await speaker.ask("getActiveAnnouncement")
            assert active["coverage"]["delivered"] >= 1


async def redelivery_reaches_a_late_member(stack: RunningStack) -> None:
    """Simulate an index that lagged behind the join, and a join without a replay."""
    operator = stack.operator
    async with stack.clients.session() as (speaker, session_id):
        before = await operator.connection_ids()
        async with stack.clients.connection() as reader:
            (connection_id,) = await operator.connection_ids() - before
            made = await announce(speaker)
            row = await operator.connection(connection_id)
            seat = {"sessionId": session_id, "seat": "listener#es", "seatedAt": row["connectedAt"]}
            await operator.put_connection(row | seat)
            assert (await reader.expect("announcement"))["announcementId"] == made


async def announcement_removes_a_ghost(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (speaker, session_id),
        stack.clients.listener(session_id),
    ):
        ghost = await stack.operator.add_ghost(session_id, "listener#es")
        await announce(speaker)
        await expect_ghost_removed(stack, session_id, ghost)


async def ghost_found_by_an_announcement_is_reported(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (speaker, session_id),
        stack.clients.listener(session_id),
    ):
        await mark_first_listener_reported(stack, session_id)
        await stack.operator.add_ghost(session_id, "listener#es")
        await announce(speaker)
        # The ghost was never counted in, but is counted out.
        await speaker.expect(status("listenerCountChange", 0))


async def request_renews_an_idle_connection(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (_, session_id),
        stack.clients.listener(session_id) as listener,
    ):
        await stack.operator.make_idle(session_id, "listener#es")
        members = await stack.operator.members(session_id)
        (reader,) = (row["connectionId"] for row in members if row["seat"] == "listener#es")
        answer = await stack.operator.invoke("announcements", _request_event(reader))
        assert json.loads(answer["body"])["type"] == "activeAnnouncement"
        await stack.operator.tick()
        assert (await listener.ask("heartbeat"))["type"] == "heartbeatAck"


def _request_event(connection_id: str) -> Row:
    """API Gateway's event for a request on a connection that is a minute old."""
    now = time.time_ns() // 1_000_000
    return {
        "requestContext": {
            "routeKey": "getActiveAnnouncement",
            "connectionId": connection_id,
            "connectedAt": now - 60_000,
            "requestTimeEpoch": now,
        },
        "body": json.dumps({"action": "getActiveAnnouncement"}),
        "isBase64Encoded": False,
    }


async def deferred_replay_arrives(stack: RunningStack) -> None:
    """The queue message that the control function sends if a replay fails."""
    async with stack.clients.session() as (speaker, session_id):
        made = await announce(speaker)
        await until_joins_read()
        async with stack.clients.connection() as reader:
            await joined(reader, session_id, "es")
            assert (await reader.expect("activeAnnouncement"))["announcementId"] == made
            members = await stack.operator.members(session_id)
            (row,) = (row for row in members if row["seat"] == "listener#es")
            due = {
                "type": "greetingDue",
                "connectionId": row["connectionId"],
                "reader": f"connection#{row['connectionId']}",
            }
            record = {"messageId": "m1", "eventSource": "aws:sqs", "body": json.dumps(due)}
            answer = await stack.operator.invoke("announcements", {"Records": [record]})
            assert answer == {"batchItemFailures": []}
            assert (await reader.expect("activeAnnouncement"))["announcementId"] == made


#: The control function defers a replay to the queue if it cannot read the announcements. Both are
#: denied in test_outage.py.
WITHOUT_THE_TABLE = {("control", Resource.ANNOUNCEMENT_QUEUE, SEND)}

#: A deferred replay can overtake the reply, as if the read had succeeded: deny the queue as well.
FALLBACKS = {
    ("control", Resource.ANNOUNCEMENTS, BATCH_GET): ("control", Resource.ANNOUNCEMENT_QUEUE, SEND)
}

ANNOUNCEMENT_SCENARIOS: dict[tuple[str, Resource, str], Scenario] = {
    ("control", Resource.ANNOUNCEMENTS, BATCH_GET): replay_precedes_the_reply,
    ("control", Resource.ANNOUNCEMENTS, UPDATE): replays_are_counted,
    ("announcements", Resource.ANNOUNCEMENTS, BATCH_GET): active_announcement_is_requested,
    ("announcements", Resource.ANNOUNCEMENTS, PUT): announcement_reaches_the_session,
    ("announcements", Resource.ANNOUNCEMENTS, UPDATE): clearing_reaches_the_session,
    ("announcements", Resource.ANNOUNCEMENT_QUEUE, SEND): redelivery_reaches_a_late_member,
    ("announcements", Resource.BROADCAST_FUNCTION, INVOKE): announcement_reaches_several_shards,
    ("announcements", Resource.STATUS_QUEUE, SEND): ghost_found_by_an_announcement_is_reported,
    ("announcements", Resource.SESSIONS, GET): announcement_reaches_the_session,
    ("announcements", Resource.SESSIONS, UPDATE): announcement_removes_a_ghost,
    ("announcements", Resource.CONNECTIONS, GET): active_announcement_is_requested,
    ("announcements", Resource.CONNECTIONS, BATCH_GET): redelivery_reaches_a_late_member,
    ("announcements", Resource.CONNECTIONS, UPDATE): request_renews_an_idle_connection,
    ("announcements", Resource.CONNECTIONS, DELETE): announcement_removes_a_ghost,
    ("announcements", Resource.IDLE_INDEX, QUERY): announcement_reaches_everyone,
    ("announcements", Resource.AUDIENCE_INDEX, QUERY): announcement_reaches_the_session,
    ("announcements", Resource.POST_TO_CONNECTION, MANAGE): deferred_replay_arrives,
}
