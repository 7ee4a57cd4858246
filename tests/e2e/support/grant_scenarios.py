"""Scenarios for the functions' grants: each has an effect that a client sees only with the grant.

A scenario raises AssertionError or TimeoutError if the effect is missing.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import uuid4

from infrastructure.catalogue.function_spec import Resource
from tests.e2e.support.clients import StackClients, joined
from tests.e2e.support.operator import Operator, Row
from tests.helpers.wire import CHUNK

# The scenarios' stack has small shards: three listeners need two invocations.
SHARD_SIZE = 2
# A stand-by whose lease has run out, unless its connection's row says otherwise.
LOST_STANDBY = {"source": "human", "since": 1, "leaseUntil": 1}
_PATIENCE_SECONDS = 30.0
_ATTEMPTS = 20


@dataclass(frozen=True)
class RunningStack:
    """A stack with clients and an operator."""

    clients: StackClients
    operator: Operator


Scenario = Callable[[RunningStack], Awaitable[None]]


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - the condition is outside this process
            await asyncio.sleep(0.02)


async def handshake(stack: RunningStack) -> None:
    async with stack.clients.connection() as anybody:
        await anybody.ask("heartbeat")


async def session_is_created(stack: RunningStack) -> None:
    async with stack.clients.session():
        pass


async def listener_joins(stack: RunningStack) -> None:
    async with stack.clients.session() as (_, session_id), stack.clients.listener(session_id):
        pass


async def session_ends_for_everyone(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (speaker, session_id),
        stack.clients.listener(session_id) as listener,
    ):
        assert (await speaker.ask("endSession"))["type"] == "sessionEnded"
        await listener.expect("sessionEnded")


async def session_end_removes_a_ghost(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (speaker, session_id),
        stack.clients.listener(session_id),
    ):
        ghost = await stack.operator.add_ghost(session_id, "listener#es")
        await speaker.ask("endSession")
        await expect_ghost_removed(stack, session_id, ghost)


async def displaced_speaker_is_closed(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (displaced, session_id),
        stack.clients.connection("alice", "speakers") as newer,
    ):
        await joined(newer, session_id, "en", role="speaker")
        assert await displaced.closed() == 1000


async def concurrent_creations_leave_one_session(stack: RunningStack) -> None:
    """Several concurrent createSession requests of one connection leave one session."""
    for _ in range(_ATTEMPTS):
        user = f"eager-{uuid4()}"
        async with stack.clients.connection(user, "speakers") as eager:
            for request_id in ("r1", "r2", "r3", "r4"):
                create = {"action": "createSession", "sourceLanguage": "en"}
                await eager.send({**create, "requestId": request_id})
            replies = [await eager.expect(lambda message: "requestId" in message) for _ in "1234"]
            assert sorted(reply["type"] for reply in replies) == 3 * ["error"] + ["sessionCreated"]
            assert len(await stack.operator.sessions_of(user)) == 1


async def listener_disconnects(stack: RunningStack) -> None:
    async with stack.clients.session() as (_, session_id):
        async with stack.clients.listener(session_id):
            members = await stack.operator.members(session_id)
        await wait_for_members(stack, session_id, "speaker#")
        await _listeners_are_counted(stack, session_id, 0)
        for member in members:
            if member["seat"] != "speaker#":
                await _row_is_deleted(stack, member["connectionId"])


async def interpreter_disconnects(stack: RunningStack) -> None:
    async with stack.clients.session() as (_, session_id), AsyncExitStack() as opened:
        async with stack.clients.interpreter(session_id, "es"):
            listener = await opened.enter_async_context(stack.clients.listener(session_id, "es"))
        assert (await listener.expect("channelSourceChanged"))["to"] == "floor"


async def interpreter_with_a_lost_standby_disconnects(stack: RunningStack) -> None:
    async with stack.clients.session() as (_, session_id), AsyncExitStack() as opened:
        async with stack.clients.interpreter(session_id, "es"):
            listener = await opened.enter_async_context(stack.clients.listener(session_id, "es"))
            update = "SET channels.es.standbys.gone = :place"
            await stack.operator.change_session(session_id, update, ":place", LOST_STANDBY)
        assert (await listener.expect("channelSourceChanged"))["to"] == "floor"


async def interpreter_renews_its_lease(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (_, session_id),
        stack.clients.interpreter(session_id) as interpreter,
    ):
        reply = await interpreter.ask("heartbeat")
        assert reply["type"] == "heartbeatAck"
        assert reply["lease"]["holds"]


async def give_language_to_a_ghost(stack: RunningStack, session_id: str) -> None:
    """Let a connection that has ended interpret into Spanish, with a stand-by that has ended."""
    channel = {
        "epoch": 1,
        "source": "human",
        "connectionId": await stack.operator.add_ghost(session_id, "interpreter#es"),
        "leaseUntil": time.time_ns() // 1_000_000 + 3_600_000,
        "heardAt": 1,
        "standbys": {"gone": LOST_STANDBY},
    }
    await stack.operator.change_session(
        session_id, "SET channels.es = :channel", ":channel", channel
    )


async def absent_speaker_ends_the_session(stack: RunningStack) -> None:
    async with AsyncExitStack() as opened:
        async with stack.clients.session() as (_, session_id):
            listener = await opened.enter_async_context(stack.clients.listener(session_id))
        assert (await listener.expect("sessionEnded"))["reason"] == "speakerLeft"


async def grace_timer_ends_the_session(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (_, session_id),
        stack.clients.listener(session_id) as listener,
    ):
        await stack.operator.expire_grace_period(session_id)
        await stack.operator.invoke("timeout", timer(session_id))
        assert (await listener.expect("sessionEnded"))["reason"] == "speakerLeft"


async def grace_timer_fires_twice(stack: RunningStack) -> None:
    """A listener that the first notification missed receives the second."""
    async with (
        stack.clients.session() as (_, session_id),
        stack.clients.listener(session_id) as listener,
    ):
        await stack.operator.expire_grace_period(session_id)
        for _ in range(2):
            answer = await stack.operator.invoke("timeout", timer(session_id))
            assert answer == {"batchItemFailures": []}
            await listener.expect("sessionEnded")


async def grace_timer_removes_a_ghost(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (_, session_id),
        stack.clients.listener(session_id),
    ):
        await stack.operator.expire_grace_period(session_id)
        ghost = await stack.operator.add_ghost(session_id, "listener#es")
        await stack.operator.invoke("timeout", timer(session_id))
        await expect_ghost_removed(stack, session_id, ghost)


async def sweep_closes_an_idle_listener(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (_, session_id),
        stack.clients.listener(session_id) as listener,
    ):
        await stack.operator.make_idle(session_id, "listener#es")
        await stack.operator.tick()
        await listener.expect("connectionTimeout")
        assert await listener.closed() == 1000


async def sweep_removes_an_idle_ghost(stack: RunningStack) -> None:
    """The gateway has no such connection to close, and sends no $disconnect."""
    async with stack.clients.session() as (_, session_id), stack.clients.listener(session_id):
        await stack.operator.add_ghost(session_id, "interpreter#fr")
        await stack.operator.make_idle(session_id, "interpreter#fr")
        await stack.operator.tick()
        await wait_for_members(stack, session_id, "listener#es", "speaker#")


async def reconciliation_corrects_counters(stack: RunningStack) -> None:
    operator = stack.operator
    async with stack.clients.session() as (_, session_id), stack.clients.listener(session_id):
        await operator.change_session(session_id, "SET listenerCount = :value", ":value", 5)
        await operator.reconcile()
        assert "countsFinding" in await operator.session(session_id)
        # Simulate that this was a while ago.
        await operator.change_session(session_id, "SET countsFinding.foundAt = :then", ":then", 1)
        await operator.reconcile()
        assert (await operator.session(session_id))["listenerCount"] == 1


async def sweep_ends_an_overdue_grace_period(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (_, session_id),
        stack.clients.listener(session_id) as listener,
    ):
        await stack.operator.expire_grace_period(session_id)
        await stack.operator.tick()
        assert (await listener.expect("sessionEnded"))["reason"] == "speakerLeft"


async def expect_ghost_removed(stack: RunningStack, session_id: str, ghost: str) -> None:
    """A ghost listener beside a real one."""
    await wait_for_members(stack, session_id, "listener#es", "speaker#")
    # The ghost was never counted in, but is counted out.
    await _listeners_are_counted(stack, session_id, 0)
    await _row_is_deleted(stack, ghost)


async def _row_is_deleted(stack: RunningStack, connection_id: str) -> None:
    async def found() -> bool:
        return not await stack.operator.connection(connection_id)

    await eventually(found)


async def wait_for_members(stack: RunningStack, session_id: str, *seats: str) -> None:
    """Wait until exactly these seats are taken."""

    async def found() -> bool:
        members = await stack.operator.members(session_id)
        return sorted(member["seat"] for member in members) == list(seats)

    await eventually(found)


async def _listeners_are_counted(stack: RunningStack, session_id: str, count: int) -> None:
    async def found() -> bool:
        return bool((await stack.operator.session(session_id))["listenerCount"] == count)

    await eventually(found)


def audio_request(session_id: str) -> Row:
    """A chunk of the floor, as in an invocation of `broadcast`."""
    return {
        "sessionId": session_id,
        "language": "en",
        "epoch": 1,
        "seq": 9,
        "timestamp": 1,
        # More workers may have to start.
        "deadlineAt": time.time_ns() // 1_000_000 + 20_000,
        "audio": base64.b64encode(CHUNK).decode(),
    }


def timer(session_id: str, epoch: int = 1) -> Row:
    """The event of the grace timer that was set when the speaker of this epoch left."""
    body = {"type": "graceOver", "sessionId": session_id, "speakerEpoch": epoch}
    record = {"messageId": "m1", "eventSource": "aws:sqs", "body": json.dumps(body)}
    return {"Records": [record]}


GET, PUT, UPDATE, DELETE, BATCH_GET, QUERY = (
    f"dynamodb:{operation}Item" if operation != "Query" else "dynamodb:Query"
    for operation in ("Get", "Put", "Update", "Delete", "BatchGet", "Query")
)
BATCH_GET = "dynamodb:BatchGetItem"
MANAGE = "execute-api:ManageConnections"
SEND = "sqs:SendMessage"
INVOKE = "lambda:InvokeFunction"

#: Grants needed only in a race that cannot be provoked from outside: a speaker returns on a
#: connection that ends before the session names it, so that its $disconnect finds nothing to do.
#: Covered by tests/unit/shared/services/sessions/test_races.py and test_rollover_races.py.
RACES = {("control", Resource.TIMER_QUEUE, SEND)}

#: The other grants as (function, resource, action), each with a scenario that needs it.
SCENARIOS: dict[tuple[str, Resource, str], Scenario] = {
    ("connect", Resource.CONNECTIONS, PUT): handshake,
    ("disconnect", Resource.TIMER_QUEUE, SEND): absent_speaker_ends_the_session,
    ("disconnect", Resource.SESSIONS, GET): interpreter_disconnects,
    ("disconnect", Resource.SESSIONS, UPDATE): listener_disconnects,
    ("disconnect", Resource.CONNECTIONS, GET): listener_disconnects,
    ("disconnect", Resource.CONNECTIONS, BATCH_GET): interpreter_with_a_lost_standby_disconnects,
    ("disconnect", Resource.CONNECTIONS, UPDATE): listener_disconnects,
    ("disconnect", Resource.CONNECTIONS, DELETE): listener_disconnects,
    ("disconnect", Resource.AUDIENCE_INDEX, QUERY): interpreter_disconnects,
    ("disconnect", Resource.POST_TO_CONNECTION, MANAGE): interpreter_disconnects,
    ("control", Resource.SESSIONS, GET): listener_joins,
    ("control", Resource.SESSIONS, PUT): session_is_created,
    ("control", Resource.SESSIONS, UPDATE): listener_joins,
    ("control", Resource.SESSIONS, DELETE): concurrent_creations_leave_one_session,
    ("control", Resource.CONNECTIONS, GET): session_is_created,
    ("control", Resource.CONNECTIONS, BATCH_GET): interpreter_renews_its_lease,
    ("control", Resource.CONNECTIONS, UPDATE): session_is_created,
    ("control", Resource.CONNECTIONS, DELETE): session_end_removes_a_ghost,
    ("control", Resource.AUDIENCE_INDEX, QUERY): session_ends_for_everyone,
    ("control", Resource.POST_TO_CONNECTION, MANAGE): session_ends_for_everyone,
    ("control", Resource.CLOSE_CONNECTION, MANAGE): displaced_speaker_is_closed,
    ("timeout", Resource.SESSIONS, GET): grace_timer_fires_twice,
    ("timeout", Resource.SESSIONS, UPDATE): grace_timer_ends_the_session,
    ("timeout", Resource.SESSIONS, BATCH_GET): sweep_ends_an_overdue_grace_period,
    ("timeout", Resource.ACTIVE_INDEX, QUERY): sweep_ends_an_overdue_grace_period,
    ("timeout", Resource.CONNECTIONS, GET): grace_timer_removes_a_ghost,
    ("timeout", Resource.CONNECTIONS, BATCH_GET): reconciliation_corrects_counters,
    ("timeout", Resource.CONNECTIONS, UPDATE): sweep_closes_an_idle_listener,
    ("timeout", Resource.IDLE_INDEX, QUERY): sweep_closes_an_idle_listener,
    ("timeout", Resource.CLOSE_CONNECTION, MANAGE): sweep_closes_an_idle_listener,
    ("timeout", Resource.DISCONNECT_FUNCTION, INVOKE): sweep_removes_an_idle_ghost,
    ("timeout", Resource.CONNECTIONS, DELETE): grace_timer_removes_a_ghost,
    ("timeout", Resource.AUDIENCE_INDEX, QUERY): grace_timer_ends_the_session,
    ("timeout", Resource.POST_TO_CONNECTION, MANAGE): grace_timer_ends_the_session,
}
