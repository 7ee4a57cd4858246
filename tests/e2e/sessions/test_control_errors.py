"""Controls and questions that are refused: each by its named error, and the session stays as it is.

"Stays" is meant literally: its row before and after are the same, and nobody is told of anything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from local.endpoints import Endpoints
from shared.data_access.write_marks import without_marks
from shared.models import schema
from tests.e2e.support.envelopes import assert_error, still_works
from tests.e2e.support.operator import Operator, Row
from tests.e2e.support.stage import Stage, joined
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

# Written when the speaker is told of the audience, which happens by the clock too.
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
        # An interpreter's sign of life, which is no part of what was refused.
        del channel["leaseUntil"]
    row = without_marks(row)
    return {name: value for name, value in row.items() if name not in OF_STATUSES}


@asynccontextmanager
async def unchanged(operator: Operator, session_id: str, *told: Wire) -> AsyncIterator[None]:
    """The session's row is the same after the block, and nobody of those was told anything."""
    before = await row_of(operator, session_id)
    for connection in told:
        await connection.drained()
    yield
    assert await row_of(operator, session_id) == before
    for connection in told:
        news = [message["type"] for message in await connection.drained()]
        assert set(news) <= {"sessionStatus"}


@every_request
async def test_by_a_listener_or_an_interpreter(
    stage: Stage, operator: Operator, action: str, fields: dict[str, Any]
) -> None:
    async with (
        stage.session() as (speaker, session_id),
        stage.listener(session_id) as listener,
        stage.interpreter(session_id) as interpreter,
        unchanged(operator, session_id, speaker, listener, interpreter),
    ):
        assert_error(await listener.ask(action, **fields), "FORBIDDEN", action)
        await still_works(listener)
        # Who listens, interpreters may know.
        if action != "getSessionStatus":
            assert_error(await interpreter.ask(action, **fields), "FORBIDDEN", action)
            await still_works(interpreter)


@every_control
async def test_by_another_sessions_speaker(
    stage: Stage, operator: Operator, action: str, fields: dict[str, Any]
) -> None:
    """Whichever session the message names, it is about the one that its sender speaks in; and who
    speaks elsewhere has no right here.
    """
    async with (
        stage.session() as (speaker, session_id),
        stage.listener(session_id) as listener,
        stage.connection("bob", "speakers") as bob,
        unchanged(operator, session_id, speaker, listener),
    ):
        own = (await bob.ask("createSession", sourceLanguage="de"))["sessionId"]

        reply = await bob.ask(action, sessionId=session_id, **fields)

        assert reply["sessionId"] == own != session_id
        join = {"sessionId": session_id, "targetLanguage": "en", "role": "speaker"}
        refused = await bob.ask("joinSession", **join)
        # After `endSession` bob sits nowhere, and it is the role that is refused.
        code = "FORBIDDEN" if action == "endSession" else "ALREADY_IN_SESSION"
        assert_error(refused, code, "joinSession")


@every_request
async def test_by_a_speaker_who_listens_here(
    stage: Stage, operator: Operator, action: str, fields: dict[str, Any]
) -> None:
    async with (
        stage.session() as (speaker, session_id),
        stage.connection("bob", "speakers") as bob,
    ):
        await joined(bob, session_id, "es")
        async with unchanged(operator, session_id, speaker, bob):
            reply = await bob.ask(action, sessionId=session_id, **fields)

            assert_error(reply, "FORBIDDEN", action)


@every_request
async def test_of_a_session_that_has_ended(
    stage: Stage, operator: Operator, action: str, fields: dict[str, Any]
) -> None:
    async with (
        stage.session() as (speaker, session_id),
        stage.listener(session_id) as listener,
    ):
        await speaker.ask("endSession")
        await listener.expect("sessionEnded")
        async with unchanged(operator, session_id, speaker, listener):
            for member in (speaker, listener):
                assert_error(await member.ask(action, **fields), "SESSION_ENDED", action)
                await still_works(member)


@every_request
async def test_by_somebody_in_no_session(stage: Stage, action: str, fields: dict[str, Any]) -> None:
    async with stage.connection() as anyone:
        assert_error(await anyone.ask(action, **fields), "NOT_IN_SESSION", action)
        await still_works(anyone)


@pytest.mark.parametrize(
    ("volume", "code", "field"),
    [
        ("-0.1", "INVALID_VOLUME", "volume: not a number of 0.0 to 1.0"),
        ("1.01", "INVALID_VOLUME", "volume: not a number of 0.0 to 1.0"),
        ('"1"', "INVALID_MESSAGE", "volume: expected float"),
        ("null", "INVALID_MESSAGE", "volume: expected float"),
        ("1e400", "INVALID_MESSAGE", "volume: "),
        # No JSON, so there is no message in which a field could be named.
        ("NaN", "INVALID_MESSAGE", "message: not JSON"),
        ("-Infinity", "INVALID_MESSAGE", "message: not JSON"),
    ],
)
async def test_with_a_volume_that_is_none(
    stage: Stage, operator: Operator, volume: str, code: str, field: str
) -> None:
    async with (
        stage.session() as (speaker, session_id),
        stage.listener(session_id) as listener,
        unchanged(operator, session_id, speaker, listener),
    ):
        for member in (speaker, listener):
            await member.send(f'{{"action": "setVolume", "volume": {volume}}}')
            error = await member.expect("error")
            # A value is checked before anything that the session says.
            assert_error(error, code, "setVolume", field)
            await still_works(member)


@every_request
async def test_of_five_kilobytes(
    stage: Stage, operator: Operator, action: str, fields: dict[str, Any]
) -> None:
    async with (
        stage.session() as (speaker, session_id),
        stage.listener(session_id) as listener,
        unchanged(operator, session_id, speaker, listener),
    ):
        await speaker.send({"action": action, "padding": "x" * 5_000, **fields})

        assert_error(await speaker.expect("error"), "MESSAGE_TOO_LARGE", action, "message")
        await still_works(speaker)
