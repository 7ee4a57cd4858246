"""A listener that stops reading, and an account throttled below its audience.

API Gateway answers 429 in both cases.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.frame_client import FrameClient
from cli.options import Connector
from client.flows.speaker import speak
from client.playback.capture import Recording
from local.endpoints import Endpoints
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import SessionCreated
from shared.utils.resume_token import parse_resume_token
from tests.e2e.support.clients import StackClients
from tests.e2e.support.crowd import CrowdConnection
from tests.e2e.support.operator import Operator
from tests.e2e.support.recording import LIMIT_SECONDS
from tests.e2e.support.stacks import launch_quiet

CHUNKS = 15
OTHERS = 4

# 350 posts a second and 7 requests of each client; 100 listeners need 500 posts for chunks of
# 200 ms, and 250 for chunks of 400 ms. The stage lets in seven new connections a second.
THROTTLE_FACTOR = 0.035
AUDIENCE = 100
JOINS_PER_SECOND = 6
FORMAT = AudioFormat()
TALK_CHUNKS = 80
# The buckets are empty when the chunks become longer, and a busy machine may be late.
LAST_CHUNKS = 5


async def test_a_listener_that_stops_reading_costs_the_others_nothing(
    clients: StackClients, endpoints: Endpoints
) -> None:
    operator = Operator(endpoints)
    stalled = CrowdConnection(endpoints.websocket_url)
    async with clients.session(audioFormat={}) as (speaker, session_id), _opened(stalled):
        reply = await stalled.ask("joinSession", sessionId=session_id, targetLanguage="es")
        token = parse_resume_token(reply["resumeToken"])
        assert token is not None
        others = [Listener(endpoints.websocket_url) for _ in range(OTHERS)]
        for listener in others:
            await listener.join(session_id)
        stalled.freeze()
        await operator.fill_buffer(token.connection_id)
        for seq in range(CHUNKS):
            await speaker.send_audio(seq)
            await asyncio.sleep(FORMAT.chunk_ms / 1000)
        for listener in others:
            await listener.wait_for(CHUNKS)
            assert [seq for seq, _ in listener.heard] == list(range(CHUNKS))
            listener.close()


@pytest.fixture(scope="module")
def throttled() -> Iterator[Endpoints]:
    """A stack of its own, with a fraction of an account's quotas."""
    with launch_quiet(f"--throttles={THROTTLE_FACTOR}") as running:
        yield running


async def test_a_throttled_audience_gets_longer_chunks_and_then_misses_nothing(
    throttled: Endpoints,
) -> None:
    listeners: list[Listener] = []

    async def created(session: SessionCreated) -> None:
        for _ in range(AUDIENCE):
            listeners.append(Listener(throttled.websocket_url))
            await listeners[-1].join(session.session_id)
            await asyncio.sleep(1 / JOINS_PER_SECOND)

    talk = Recording(bytes(TALK_CHUNKS * FORMAT.chunk_bytes), FORMAT)
    connector = Connector(
        throttled.websocket_url, None, throttled.token_url, "alice", ("speakers",)
    )
    async with asyncio.timeout(LIMIT_SECONDS), connector.connect() as connection:
        report = await speak(
            connection, "en", lambda _: talk, on_created=created, keep_open_seconds=2
        )
    for listener in listeners:
        listener.close()

    sent = {chunk for listener in listeners for chunk in listener.heard}
    # The last one of all is what remains, and may be shorter.
    last = sorted(sent)[-LAST_CHUNKS - 1 : -1]
    assert report.stream.captured == TALK_CHUNKS
    assert all(chunk_ms and chunk_ms >= 400 for _, chunk_ms in last), sorted(sent)
    missed = {seq: sum((seq, ms) not in it.heard for it in listeners) for seq, ms in sorted(sent)}
    assert sum(missed.values()) > 0, "the account was throttled at first"
    assert [missed[seq] for seq, _ in last] == [0] * LAST_CHUNKS, missed


class Listener(CrowdConnection):
    """A listener that notes the numbers and durations of its chunks."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.heard: list[tuple[int, int | None]] = []
        self._another = asyncio.Event()

    async def join(self, session_id: str) -> None:
        """Connect and join."""
        await self.open()
        reply = await self.ask("joinSession", sessionId=session_id, targetLanguage="es")
        assert reply["type"] == "sessionJoined", reply

    def text_received(self, payload: bytes) -> None:
        """Note a chunk."""
        message = json.loads(payload)
        if message.get("type") == "audio":
            self.heard.append((message["seq"], message.get("chunkMs")))
            self._another.set()
        else:
            super().text_received(payload)

    async def wait_for(self, count: int) -> None:
        """Wait for this many chunks."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while len(self.heard) < count:
                self._another.clear()
                await self._another.wait()


@asynccontextmanager
async def _opened(client: FrameClient) -> AsyncIterator[None]:
    await client.open()
    yield
    client.close()
