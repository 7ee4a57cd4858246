"""A listener that is cut off and returns learns exactly what it has missed (rule 22)."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from cli.options import Connector
from client.connection.reconnecting import reconnecting
from client.flows.speaker import speak
from client.protocol.events import AudioReceived, Disconnected, Interruption, Reconnected
from local.endpoints import Endpoints
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import SessionCreated
from tests.e2e.support.clients import StackClients
from tests.e2e.support.recording import (
    LIMIT_SECONDS,
    EventLog,
    RecordingListener,
    background_tasks,
    numbered_speech,
)
from tests.helpers.tcp_proxy import tcp_proxy

# Long chunks and a long playout delay: a slow machine loses none.
FORMAT = AudioFormat(chunk_ms=500)
DELAY_MS = 2_500
CHUNKS = 4
CUTS = 2
SHORT_CHUNKS = {"chunkMs": 100}
CHUNK = bytes(3_200)
# The longest chunk's deadline, a second for differing clocks, and half a second to spare.
SETTLED_SECONDS = 3.0


async def test_a_listener_that_returns_hears_on_in_order_and_knows_its_gaps(
    endpoints: Endpoints,
) -> None:
    opened = EventLog()

    async def created(session: SessionCreated) -> None:
        opened.add(session.session_id)
        await listener.log.wait_for("joined")

    async def talk() -> None:
        url, tokens = endpoints.websocket_url, endpoints.token_url
        async with Connector(url, None, tokens, "alice", ("speakers",)).connect() as connection:
            await speak(connection, "en", numbered_speech, audio_format=FORMAT, on_created=created)

    async with tcp_proxy(endpoints.websocket_url) as (url, proxy), background_tasks() as start:
        listener = RecordingListener(url, "en", playout_delay_ms=DELAY_MS)
        start(talk())
        start(listener.listen(str(await opened.first())))
        await listener.wait_for_chunks(CHUNKS)
        for _ in range(CUTS):
            proxy.cut()
            proxy.restore()
            await listener.log.wait_for(Reconnected)
            await listener.log.wait_for(Interruption)
            listener.log.events.clear()
            await listener.wait_for_chunks(CHUNKS)

    assert listener.heard == sorted(set(listener.heard)), "in order, each once"
    missed = [after - before - 1 for before, after in pairwise(listener.heard)]
    told = [each for each in listener.notices if isinstance(each, Interruption)]
    assert [each.chunks for each in told if each.chunks] == [each for each in missed if each]
    assert len(told) == CUTS
    for notice in listener.notices:
        if isinstance(notice, Reconnected):
            assert notice.reply.recovered is False, "an explicit answer, each time"


async def test_a_listener_that_was_away_during_a_pause_has_missed_nothing(
    endpoints: Endpoints, clients: StackClients
) -> None:
    async with (
        asyncio.timeout(LIMIT_SECONDS),
        clients.session(audioFormat=SHORT_CHUNKS) as (speaker, session_id),
        tcp_proxy(endpoints.websocket_url) as (url, proxy),
        reconnecting(Connector(url, None, None, None).open) as listener,
    ):
        await listener.join(session_id, "es")
        answers: list[bool | None] = []

        async def return_once() -> None:
            proxy.cut()
            proxy.restore()
            while True:
                match await listener.next_event():
                    case Reconnected(reply=reply):
                        answers.append(reply.recovered)
                        return
                    case AudioReceived() | Disconnected() | None:
                        pass

        await speaker.send_audio(1, CHUNK)
        while not isinstance(await listener.next_event(), AudioReceived):
            pass
        await speaker.ask("pauseBroadcast")
        await asyncio.sleep(SETTLED_SECONDS)
        await listener.heartbeat()
        await return_once()
        await speaker.ask("resumeBroadcast")
        await return_once()
    assert answers == [True, False]
