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
from tests.e2e.support.envelopes import still_works
from tests.e2e.support.flows import AWAY_AND_BACK, Ears, Happenings, background, counting
from tests.e2e.support.stage import Stage, joined
from tests.helpers.tcp_proxy import tcp_proxy


@dataclass
class Voice:
    """A speaker that comes back by itself; `notices` are the kinds of what it was told;
    statuses of its audience come as Notification.
    """

    stage: Stage
    notices: Happenings = field(default_factory=Happenings)
    opened: Happenings = field(default_factory=Happenings)

    async def speak(self, url: str, audience: list[Ears]) -> None:
        async def created(session: SessionCreated) -> None:
            self.opened.add(session.session_id)
            for ears in audience:
                await ears.happenings.until("joined")

        access = Connector(url, None, self.stage.endpoints.token_url, "alice", ("speakers",))
        async with access.connect() as connection:
            await speak(
                connection,
                "en",
                counting,
                on_created=created,
                on_notice=lambda notice: self.notices.add(type(notice)),
            )

    async def session_id(self) -> str:
        return str(await self.opened.first())


async def test_listeners_hear_a_speaker_who_reconnects(stage: Stage) -> None:
    url = stage.endpoints.websocket_url
    voice, audience = Voice(stage), [Ears(url, "en"), Ears(url, "es")]
    async with tcp_proxy(url) as (address, proxy), background() as start:
        start(voice.speak(address, audience))
        session_id = await voice.session_id()
        for ears in audience:
            start(ears.listen(session_id))
        for ears in audience:
            await ears.hears_more()
        proxy.cut()
        await voice.notices.until(Disconnected)
        for ears in audience:
            await ears.happenings.until(SpeakerDisconnected)
        proxy.restore()
        await voice.notices.until(Reconnected)
        for ears in audience:
            await ears.hears_more()
            await ears.happenings.until(SpeakerReconnected)

    assert proxy.accepted == 2
    assert voice.notices.but_for(Notification) == [Disconnected, Reconnected]
    for ears in audience:
        assert ears.news() == AWAY_AND_BACK
        assert ears.heard == sorted(set(ears.heard)), "in order, none twice"


async def test_a_displaced_speaker_does_not_retake_the_floor(stage: Stage) -> None:
    url = stage.endpoints.websocket_url
    voice, ears = Voice(stage), Ears(url, "en")

    async def displaced() -> None:
        # The refusal of a chunk and the end of the connection may come in either order.
        with pytest.raises((DisplacedError, RequestRefusedError)):
            await voice.speak(url, [ears])
        voice.notices.add("displaced")

    async with background() as start, stage.connection("alice", "speakers") as elsewhere:
        start(displaced())
        session_id = await voice.session_id()
        start(ears.listen(session_id))
        await ears.hears_more()
        await joined(elsewhere, session_id, "en", role="speaker")
        await voice.notices.until("displaced")
        await still_works(elsewhere)

    assert voice.notices.but_for(Notification) == ["displaced"]


async def test_listeners_hear_an_interpreter_who_reconnects(stage: Stage) -> None:
    url = stage.endpoints.websocket_url
    interpreter, ears = Happenings(), Ears(url, "es")

    async def interpreting(address: str, session_id: str) -> None:
        access = Connector(address, None, stage.endpoints.token_url, "ines", ("interpreters",))
        async with access.connect() as connection:
            await interpret(
                connection,
                session_id,
                "es",
                counting,
                start=Start.NOW,
                hooks=Hooks(on_notice=lambda notice: interpreter.add(type(notice))),
            )

    async with (
        stage.session(audioFormat={"chunkMs": 200}) as (_, session_id),
        tcp_proxy(url) as (address, proxy),
        background() as begin,
    ):
        begin(ears.listen(session_id))
        await ears.happenings.until("joined")
        begin(interpreting(address, session_id))
        await ears.hears_more()
        proxy.cut()
        await ears.happenings.until("floor")
        proxy.restore()
        await interpreter.until(Reconnected)
        await ears.hears_more()

    assert [kind for kind in interpreter.all if kind in {Disconnected, Reconnected}] == [
        Disconnected,
        Reconnected,
    ]
    sources = [item for item in ears.happenings.all if isinstance(item, str) and item != "joined"]
    assert sources == ["human", "floor", "human"]
    assert ears.heard == sorted(set(ears.heard)), "in order, none twice"
