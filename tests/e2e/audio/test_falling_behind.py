"""A listener on a link with a tenth of the audio's bandwidth hears parts of it, live."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from cli.options import Connector
from client.connection.reconnecting import reconnecting
from client.protocol.events import AudioReceived, CaughtUp, Disconnected, RolledOver
from local.endpoints import Endpoints
from shared.models.audio_format import AudioFormat
from tests.e2e.support.clients import StackClients
from tests.e2e.support.operator import Operator
from tests.e2e.support.recording import LIMIT_SECONDS
from tests.helpers.slow_link import slow_link
from tests.helpers.wire import Wire

CHUNK_MS = AudioFormat().chunk_ms
# Five chunks of 6,400 bytes a second, as base64 in JSON.
SOUND_BYTES_PER_SECOND = 43_000
# A chunk takes two seconds over such a link, and the client must notice the lag. Without a new
# connection the lag would grow for ever.
MOST_CHUNKS_BEHIND = 75
# The first chunk on the new connection is as old as its transfer takes.
MOST_CHUNKS_BEHIND_AFTERWARDS = 30
CHUNKS_AFTER_RETURN = 3


class Speech:
    """Sends chunks in real time; `newest` is the last one sent."""

    def __init__(self, speaker: Wire) -> None:
        self.newest = -1
        self._speaker = speaker

    async def run(self) -> None:
        began = asyncio.get_running_loop().time()
        for seq in itertools.count():
            await self._speaker.send_audio(seq)
            self.newest = seq
            due = began + (seq + 1) * CHUNK_MS / 1000
            await asyncio.sleep(max(due - asyncio.get_running_loop().time(), 0))


async def test_a_listener_on_a_slow_link_hears_live_sound(
    clients: StackClients, endpoints: Endpoints
) -> None:
    operator = Operator(endpoints)
    behind: list[int] = []
    heard: list[int] = []
    caught_up: list[int] = []  # chunks heard before each catch-up
    resumed: list[bool] = []
    async with (
        asyncio.timeout(LIMIT_SECONDS),
        clients.session(audioFormat={}) as (speaker, session_id),
        slow_link(endpoints.websocket_url, SOUND_BYTES_PER_SECOND // 10) as url,
        reconnecting(Connector(url, None, None, None).open) as listener,
    ):
        await listener.join(session_id, "en")
        speech = Speech(speaker)
        speaking = asyncio.create_task(speech.run())
        async for event in listener.events():
            match event:
                case AudioReceived(audio=audio):
                    heard.append(audio.seq)
                    behind.append(speech.newest - audio.seq)
                case RolledOver(reply=reply):
                    resumed.append(reply.resumed is True)
                case CaughtUp():
                    caught_up.append(len(heard))
                case Disconnected(reason=reason):
                    pytest.fail(reason)
            if caught_up and len(heard) >= caught_up[0] + CHUNKS_AFTER_RETURN:
                break
        speaking.cancel()
        row = await operator.session(session_id)
        # On a busy machine the listener may fall behind a second time before the end.
        assert listener.catch_ups.restarts >= 1

    assert resumed
    assert all(resumed), "it kept its seat"
    before = caught_up[0]
    assert heard[before] - heard[before - 1] > 1, "what it missed is passed over"
    assert max(behind) <= MOST_CHUNKS_BEHIND
    assert behind[before] <= MOST_CHUNKS_BEHIND_AFTERWARDS
    assert behind[before] < behind[before - 1]
    assert int(row["listenerCount"]) == 1
