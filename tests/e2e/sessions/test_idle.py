"""Idle connections are notified, closed and counted out; heartbeats keep others open."""

from __future__ import annotations

import pytest

from local.endpoints import Endpoints
from tests.e2e.support.clients import StackClients
from tests.e2e.support.grant_scenarios import eventually
from tests.e2e.support.operator import Operator


@pytest.fixture
def operator(endpoints: Endpoints) -> Operator:
    return Operator(endpoints)


async def test_an_idle_client_is_notified_and_closed_and_a_live_one_stays(
    clients: StackClients, operator: Operator
) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id, "es") as silent,
        clients.listener(session_id, "es") as lively,
        clients.listener(session_id, "fr"),
    ):
        await operator.make_idle(session_id, "listener#es", seconds=130)
        assert (await lively.ask("heartbeat"))["type"] == "heartbeatAck"

        await operator.tick()

        notice = await silent.expect("connectionTimeout")
        assert notice["reason"] == "idle"
        assert 130 <= notice["idleSeconds"] < 180
        assert await silent.closed() == 1000

        async def counted_out() -> bool:
            session = await operator.session(session_id)
            counts = {name: int(count) for name, count in session["languageCounts"].items()}
            return session["listenerCount"] == 2 and counts == {"es": 1, "fr": 1}

        await eventually(counted_out)
        # The others are unaffected.
        await speaker.send_audio(1)
        assert (await lively.expect("audio"))["seq"] == 1


async def test_an_idle_speaker_gets_the_grace_period(
    clients: StackClients, operator: Operator
) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id) as listener,
    ):
        await operator.make_idle(session_id, "speaker#")

        await operator.tick()

        await speaker.expect("connectionTimeout")
        assert await speaker.closed() == 1000
        assert (await listener.expect("speakerDisconnected"))["graceSeconds"] == 60


async def test_a_connection_that_ended_unnoticed_is_swept(
    clients: StackClients, operator: Operator
) -> None:
    async with clients.session() as (_, session_id), clients.listener(session_id):
        await operator.add_ghost(session_id, "interpreter#fr")
        await operator.make_idle(session_id, "interpreter#fr")

        await operator.tick()

        async def cleaned_up() -> bool:
            seats = [row["seat"] for row in await operator.members(session_id)]
            return sorted(seats) == ["listener#es", "speaker#"]

        await eventually(cleaned_up)
