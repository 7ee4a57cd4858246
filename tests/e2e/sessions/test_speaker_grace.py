"""A dropped speaker returns within the grace period, or the session ends."""

from __future__ import annotations

import pytest

from local.endpoints import Endpoints
from tests.e2e.support.clients import StackClients
from tests.e2e.support.grant_scenarios import timer
from tests.e2e.support.operator import Operator
from tests.helpers.wire import Message, Wire


@pytest.fixture
def short_grace(short_limited: Endpoints) -> StackClients:
    """People with their tokens, on a stack with a short grace period."""
    return StackClients(short_limited)


async def come_back(speaker: Wire, session_id: str) -> Message:
    return await speaker.ask(
        "joinSession", sessionId=session_id, targetLanguage="en", role="speaker"
    )


async def test_a_dropped_speaker_resumes_the_session(
    clients: StackClients, endpoints: Endpoints
) -> None:
    async with clients.session() as (speaker, session_id), clients.listener(session_id) as listener:
        await speaker.send_audio(0)
        assert (await listener.expect("audio"))["epoch"] == 1
        speaker.socket.transport.abort()
        away = await listener.expect("speakerDisconnected")
        assert away == {
            "type": "speakerDisconnected",
            "sessionId": session_id,
            "graceSeconds": 60,
        }
        async with clients.connection("alice", "speakers") as returned:
            reply = await come_back(returned, session_id)
            assert (reply["type"], reply["epoch"]) == ("sessionJoined", 2)
            assert (await listener.expect("speakerReconnected"))["epoch"] == 2
            await returned.send_audio(40)
            heard = await listener.expect("audio")
            assert (heard["epoch"], heard["seq"]) == (2, 40)
            # A second absence: the timer of the first one fires during its grace period.
            returned.socket.transport.abort()
            await listener.expect("speakerDisconnected")
            rung = await Operator(endpoints).invoke("timeout", timer(session_id, epoch=1))
            assert rung == {"batchItemFailures": []}
            async with clients.connection("alice", "speakers") as again:
                assert (await come_back(again, session_id))["epoch"] == 3
                ended = await again.ask("endSession")
                assert ended["reason"] == "ended"
                assert (await listener.expect("sessionEnded"))["reason"] == "ended"


async def test_the_session_ends_when_the_grace_period_expires(short_grace: StackClients) -> None:
    async with (
        short_grace.session() as (speaker, session_id),
        short_grace.listener(session_id) as listener,
        short_grace.interpreter(session_id, "fr") as interpreter,
        short_grace.connection() as late,
    ):
        speaker.socket.transport.abort()
        for member in (listener, interpreter):
            await member.expect("speakerDisconnected")
        reply = await late.ask("joinSession", sessionId=session_id, targetLanguage="es")
        assert reply["speakerConnected"] is False
        for member in (listener, interpreter, late):
            assert (await member.expect("sessionEnded"))["reason"] == "speakerLeft"
        async with short_grace.connection("alice", "speakers") as returned:
            reply = await come_back(returned, session_id)
            assert (reply["status"], reply["code"]) == (410, "SESSION_ENDED")
