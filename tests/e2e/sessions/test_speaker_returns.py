"""The client reconnects a speaker or an interpreter whose connection drops."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from cli.options import Connector
from client.errors import DisplacedError, RequestRefusedError
from client.flows.interpreter import Start, interpret
from client.flows.listener import Hooks
from client.flows.speaker import speak
from client.protocol.events import Disconnected, Notification, Reconnected
from shared.protocol.messages import SessionCreated, SpeakerDisconnected, SpeakerReconnected
from tests.e2e.support.assertions import assert_alive
from tests.e2e.support.clients import StackClients, joined
from tests.e2e.support.recording import (
    AWAY_AND_BACK,
    EventLog,
    RecordingListener,
    background_tasks,
    numbered_speech,
)
from tests.helpers.tcp_proxy import tcp_proxy


@dataclass
class Voice:
    """A speaker that reconnects by itself.

    `notices` logs the types of its notices. Audience statuses are logged as Notification.
    """

    clients: StackClients
    notices: EventLog = field(default_factory=EventLog)
    opened: EventLog = field(default_factory=EventLog)

    async def speak(self, url: str, audience: list[RecordingListener]) -> None:
        async def created(session: SessionCreated) -> None:
            self.opened.add(session.session_id)
            for listener in audience:
                await listener.log.wait_for("joined")

        access = Connector(url, None, self.clients.endpoints.token_url, "alice", ("speakers",))
        async with access.connect() as connection:
            await speak(
                connection,
                "en",
                numbered_speech,
                on_created=created,
                on_notice=lambda notice: self.notices.add(type(notice)),
            )

    async def session_id(self) -> str:
        return str(await self.opened.first())


async def test_listeners_hear_a_speaker_who_reconnects(clients: StackClients) -> None:
    url = clients.endpoints.websocket_url
    voice, audience = Voice(clients), [RecordingListener(url, "en"), RecordingListener(url, "es")]
    async with tcp_proxy(url) as (address, proxy), background_tasks() as start:
        start(voice.speak(address, audience))
        session_id = await voice.session_id()
        for listener in audience:
            start(listener.listen(session_id))
        for listener in audience:
            await listener.wait_for_chunks()
        proxy.cut()
        await voice.notices.wait_for(Disconnected)
        for listener in audience:
            await listener.log.wait_for(SpeakerDisconnected)
        proxy.restore()
        await voice.notices.wait_for(Reconnected)
        for listener in audience:
            await listener.wait_for_chunks()
            await listener.log.wait_for(SpeakerReconnected)

    assert proxy.accepted == 2
    assert voice.notices.without(Notification) == [Disconnected, Reconnected]
    for listener in audience:
        assert listener.away_notices() == AWAY_AND_BACK
        assert listener.heard == sorted(set(listener.heard)), "in order, none twice"


async def test_a_displaced_speaker_does_not_retake_the_floor(clients: StackClients) -> None:
    url = clients.endpoints.websocket_url
    voice, listener = Voice(clients), RecordingListener(url, "en")

    async def displaced() -> None:
        # The refusal of a chunk and the end of the connection may come in either order.
        with pytest.raises((DisplacedError, RequestRefusedError)):
            await voice.speak(url, [listener])
        voice.notices.add("displaced")

    async with background_tasks() as start, clients.connection("alice", "speakers") as elsewhere:
        start(displaced())
        session_id = await voice.session_id()
        start(listener.listen(session_id))
        await listener.wait_for_chunks()
        await joined(elsewhere, session_id, "en", role="speaker")
        await voice.notices.wait_for("displaced")
        await assert_alive(elsewhere)

    assert voice.notices.without(Notification) == ["displaced"]


async def test_listeners_hear_an_interpreter_who_reconnects(clients: StackClients) -> None:
    url = clients.endpoints.websocket_url
    interpreter, listener = EventLog(), RecordingListener(url, "es")

    async def interpreting(address: str, session_id: str) -> None:
        access = Connector(address, None, clients.endpoints.token_url, "ines", ("interpreters",))
        async with access.connect() as connection:
            await interpret(
                connection,
                session_id,
                "es",
                numbered_speech,
                start=Start.NOW,
                hooks=Hooks(on_notice=lambda notice: interpreter.add(type(notice))),
            )

    async with (
        clients.session(audioFormat={"chunkMs": 200}) as (_, session_id),
        tcp_proxy(url) as (address, proxy),
        background_tasks() as begin,
    ):
        begin(listener.listen(session_id))
        await listener.log.wait_for("joined")
        begin(interpreting(address, session_id))
        await listener.wait_for_chunks()
        proxy.cut()
        await listener.log.wait_for("floor")
        proxy.restore()
        await interpreter.wait_for(Reconnected)
        await listener.wait_for_chunks()

    assert [kind for kind in interpreter.events if kind in {Disconnected, Reconnected}] == [
        Disconnected,
        Reconnected,
    ]
    sources = [item for item in listener.log.events if isinstance(item, str) and item != "joined"]
    assert sources == ["human", "floor", "human"]
    assert listener.heard == sorted(set(listener.heard)), "in order, none twice"
