"""Refused controls and status requests: each returns its error and leaves the session unchanged.

The session's row is equal before and after, and no member receives a message.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from local.endpoints import Endpoints
from shared.data_access.write_marks import without_marks
from shared.models import schema
from tests.e2e.support.assertions import assert_alive, assert_error
from tests.e2e.support.clients import StackClients, joined
from tests.e2e.support.operator import Operator, Row
from tests.helpers.wire import Wire

CONTROLS: list[tuple[str, dict[str, Any]]] = [
    ("pauseBroadcast", {}),
    ("resumeBroadcast", {}),
    ("muteBroadcast", {}),
    ("unmuteBroadcast", {}),
    ("setVolume", {"volume": 0.5}),
    ("endSession", {}),
]
SPEAKERS_REQUESTS = [*CONTROLS, ("getSessionStatus", {})]
every_control = pytest.mark.parametrize(("action", "fields"), CONTROLS)
every_request = pytest.mark.parametrize(("action", "fields"), SPEAKERS_REQUESTS)

# Written with every audience status, which the schedule sends too.
OF_STATUSES = {
    schema.STATUS_PENDING,
    schema.STATUS_COUNT,
    schema.STATUS_LANGUAGES,
    schema.STATUS_TIME,
}


@pytest.fixture
def operator(endpoints: Endpoints) -> Operator:
    return Operator(endpoints)


async def row_of(operator: Operator, session_id: str) -> Row:
    row = await operator.session(session_id)
    assert row["sessionId"] == session_id
    for channel in row["channels"].values():
        # Renewed by the interpreter's heartbeats, independent of the refused request.
        del channel["leaseUntil"]
    row = without_marks(row)
    return {name: value for name, value in row.items() if name not in OF_STATUSES}


@asynccontextmanager
async def unchanged(operator: Operator, session_id: str, *silent: Wire) -> AsyncIterator[None]:
    """Check that the block changes nothing in the session's row and pushes nothing to `silent`."""
    before = await row_of(operator, session_id)
    for connection in silent:
        await connection.drained()
    yield
    assert await row_of(operator, session_id) == before
    for connection in silent:
        news = [message["type"] for message in await connection.drained()]
        assert set(news) <= {"sessionStatus"}


@every_request
async def test_listeners_and_interpreters_are_refused(
    clients: StackClients, operator: Operator, action: str, fields: dict[str, Any]
) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id) as listener,
        clients.interpreter(session_id) as interpreter,
        unchanged(operator, session_id, speaker, listener, interpreter),
    ):
        assert_error(await listener.ask(action, **fields), "FORBIDDEN", action)
        await assert_alive(listener)
        # Interpreters may ask for the status.
        if action != "getSessionStatus":
            assert_error(await interpreter.ask(action, **fields), "FORBIDDEN", action)
            await assert_alive(interpreter)


@every_control
async def test_another_sessions_speaker_controls_only_their_own(
    clients: StackClients, operator: Operator, action: str, fields: dict[str, Any]
) -> None:
    """A control applies to the sender's own session, whichever session the message names."""
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id) as listener,
        clients.connection("bob", "speakers") as bob,
        unchanged(operator, session_id, speaker, listener),
    ):
        own = (await bob.ask("createSession", sourceLanguage="de"))["sessionId"]

        reply = await bob.ask(action, sessionId=session_id, **fields)

        assert reply["sessionId"] == own != session_id
        join = {"sessionId": session_id, "targetLanguage": "en", "role": "speaker"}
        refused = await bob.ask("joinSession", **join)
        # After `endSession` bob is in no session, and the role is refused instead.
        code = "FORBIDDEN" if action == "endSession" else "ALREADY_IN_SESSION"
        assert_error(refused, code, "joinSession")


@every_request
async def test_a_speaker_who_listens_is_refused(
    clients: StackClients, operator: Operator, action: str, fields: dict[str, Any]
) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.connection("bob", "speakers") as bob,
    ):
        await joined(bob, session_id, "es")
        async with unchanged(operator, session_id, speaker, bob):
            reply = await bob.ask(action, sessionId=session_id, **fields)

            assert_error(reply, "FORBIDDEN", action)


@every_request
async def test_controls_of_an_ended_session(
    clients: StackClients, operator: Operator, action: str, fields: dict[str, Any]
) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id) as listener,
    ):
        await speaker.ask("endSession")
        await listener.expect("sessionEnded")
        async with unchanged(operator, session_id, speaker, listener):
            for member in (speaker, listener):
                assert_error(await member.ask(action, **fields), "SESSION_ENDED", action)
                await assert_alive(member)


@every_request
async def test_a_connection_in_no_session_is_refused(
    clients: StackClients, action: str, fields: dict[str, Any]
) -> None:
    async with clients.connection() as anyone:
        assert_error(await anyone.ask(action, **fields), "NOT_IN_SESSION", action)
        await assert_alive(anyone)


@pytest.mark.parametrize(
    ("volume", "code", "field"),
    [
        ("-0.1", "INVALID_VOLUME", "volume: not a number of 0.0 to 1.0"),
        ("1.01", "INVALID_VOLUME", "volume: not a number of 0.0 to 1.0"),
        ('"1"', "INVALID_MESSAGE", "volume: expected float"),
        ("null", "INVALID_MESSAGE", "volume: expected float"),
        ("1e400", "INVALID_MESSAGE", "volume: "),
        # Not JSON, so the error cannot name a field.
        ("NaN", "INVALID_MESSAGE", "message: not JSON"),
        ("-Infinity", "INVALID_MESSAGE", "message: not JSON"),
    ],
)
async def test_an_invalid_volume(
    clients: StackClients, operator: Operator, volume: str, code: str, field: str
) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id) as listener,
        unchanged(operator, session_id, speaker, listener),
    ):
        for member in (speaker, listener):
            await member.send(f'{{"action": "setVolume", "volume": {volume}}}')
            error = await member.expect("error")
            # Values are validated before the session is read.
            assert_error(error, code, "setVolume", field)
            await assert_alive(member)


@every_request
async def test_a_message_of_five_kilobytes(
    clients: StackClients, operator: Operator, action: str, fields: dict[str, Any]
) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id) as listener,
        unchanged(operator, session_id, speaker, listener),
    ):
        await speaker.send({"action": action, "padding": "x" * 5_000, **fields})

        assert_error(await speaker.expect("error"), "MESSAGE_TOO_LARGE", action, "message")
        await assert_alive(speaker)
