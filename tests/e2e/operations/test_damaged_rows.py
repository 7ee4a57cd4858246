"""Errors that no client can cause: damaged and missing rows. The connection survives them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from local.endpoints import Endpoints
from tests.e2e.support.assertions import assert_alive, assert_error
from tests.e2e.support.clients import StackClients, joined
from tests.e2e.support.operator import CONNECTIONS, SESSIONS, Operator
from tests.helpers.wire import Message


class Rows:
    """The tables of a running stack, by an operator's access."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._operator = Operator(endpoints)

    @asynccontextmanager
    async def damaged(self, session_id: str) -> AsyncIterator[None]:
        """Damage a session's row until the end of the block."""
        key = {"sessionId": {"S": session_id}}
        row = await self._operator.call("get_item", SESSIONS, Key=key)
        update = "REMOVE audioFormat, broadcastState"
        await self._operator.call("update_item", SESSIONS, Key=key, UpdateExpression=update)
        try:
            yield
        finally:
            await self._operator.call("put_item", SESSIONS, Item=row["Item"])

    @asynccontextmanager
    async def forgotten(self, user: str) -> AsyncIterator[None]:
        """Remove the row of a user's connection until the end of the block."""
        found = await self._operator.call(
            "scan",
            CONNECTIONS,
            FilterExpression="userId = :user",
            ExpressionAttributeValues={":user": {"S": user}},
        )
        (row,) = found["Items"]
        key = {"connectionId": row["connectionId"]}
        await self._operator.call("delete_item", CONNECTIONS, Key=key)
        try:
            yield
        finally:
            await self._operator.call("put_item", CONNECTIONS, Item=row)


@pytest.fixture
def rows(endpoints: Endpoints) -> Rows:
    """The tables of the shared stack."""
    return Rows(endpoints)


def assert_internal(error: Message, action: str) -> None:
    """Check for an INTERNAL error without detail."""
    assert error["message"] == "a fault of the service; try again"
    assert_error(error, "INTERNAL", action)


async def test_a_damaged_row_is_an_internal_error_and_recovers(
    clients: StackClients, rows: Rows
) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id, "en") as listener,
        clients.connection() as late,
    ):
        async with rows.damaged(session_id):
            join = {"sessionId": session_id, "targetLanguage": "es"}
            assert_internal(await late.ask("joinSession", **join), "joinSession")
            assert_internal(
                await listener.ask("changeLanguage", targetLanguage="es"), "changeLanguage"
            )
            assert_internal(await speaker.ask("endSession"), "endSession")
            await speaker.send_audio(1, requestId="a1")
            error = await speaker.expect("error")
            assert error["requestId"] == "a1"
            assert_internal(error, "sendAudio")
            for connection in (speaker, listener, late):
                await assert_alive(connection)

        await speaker.send_audio(2)
        assert (await listener.expect("audio"))["seq"] == 2
        await joined(late, session_id, "es")


async def test_a_connection_without_a_row_is_asked_to_reconnect(
    clients: StackClients, rows: Rows
) -> None:
    async with (
        clients.session() as (_, session_id),
        clients.connection("zoe", "speakers") as forgotten,
    ):
        async with rows.forgotten("zoe"):
            for action, fields in {
                "heartbeat": {},
                "joinSession": {"sessionId": session_id, "targetLanguage": "es"},
                "createSession": {"sourceLanguage": "en"},
                "changeLanguage": {"targetLanguage": "es"},
                "leaveSession": {},
                "endSession": {},
            }.items():
                error = await forgotten.ask(action, **fields)
                assert error["message"].endswith("connect again")
                assert_error(error, "CONNECTION_NOT_FOUND", action)
            await forgotten.send_audio(0, requestId="a1")
            error = await forgotten.expect("error")
            assert error["requestId"] == "a1"
            assert_error(error, "CONNECTION_NOT_FOUND", "sendAudio")

            async with clients.connection("zoe", "speakers") as again:
                await joined(again, session_id, "es")
        # The connection stayed open and works as soon as its row is back.
        await assert_alive(forgotten)
        await joined(forgotten, session_id, "es")
