"""Clients that flood the service are closed, and cost other listeners nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed, WebSocketException

from local.endpoints import Endpoints
from tests.e2e.support.clients import LONG_CHUNKS, StackClients
from tests.e2e.support.stacks import launch_quiet
from tests.helpers.wire import PATIENCE_SECONDS, wire

VANDALS = 8
# Of a second each: a machine that halts for a second loses none.
CHUNKS = 3
FLOODS: dict[str, dict[str, object]] = {
    "sendAudio": {"action": "sendAudio", "seq": 1, "timestamp": 1, "audio": "A" * 8_536},
    "heartbeat": {"action": "heartbeat"},
    "changeLanguage": {"action": "changeLanguage", "targetLanguage": "fr"},
    "joinSession": {
        "action": "joinSession",
        "sessionId": "calm-otter-404",
        "targetLanguage": "es",
    },
    "junk": {"action": "junk"},
}


@pytest.fixture(scope="module")
def flooded() -> Iterator[Endpoints]:
    """A stack of its own: after a flood the address is throttled for minutes."""
    with launch_quiet() as running:
        yield running


class Flood:
    """Strangers that repeat one message, and reconnect when they are closed."""

    def __init__(self, url: str, message: dict[str, object], *, waits: bool) -> None:
        self._url = url
        self._text = json.dumps(message)
        self._waits = waits
        self.closings: Counter[int | None] = Counter()
        self.codes: Counter[str] = Counter()

    async def run(self) -> None:
        """Run one stranger."""
        while True:
            try:
                async with wire(self._url) as stranger:
                    with contextlib.suppress(ConnectionClosed):
                        await self._shout(stranger.socket)
                    self.closings[await stranger.closed()] += 1
            except (OSError, TimeoutError, WebSocketException):
                await asyncio.sleep(0.05)

    async def _shout(self, socket: object) -> None:
        reading = asyncio.ensure_future(self._read(socket))
        try:
            while not reading.done():
                await socket.send(self._text)  # type: ignore[attr-defined]
                await asyncio.sleep(0.01 if self._waits else 0)
        finally:
            reading.cancel()

    async def _read(self, socket: object) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                answer = json.loads(await socket.recv() or "{}")  # type: ignore[attr-defined]
                self.codes[str(answer.get("code") or answer.get("type"))] += 1


@pytest.mark.parametrize(
    ("kind", "waits"),
    [
        ("sendAudio", False),
        ("sendAudio", True),
        ("heartbeat", False),
        ("changeLanguage", True),
        ("joinSession", True),
        ("junk", False),
    ],
)
async def test_a_flood_costs_listeners_no_chunk(flooded: Endpoints, kind: str, waits: bool) -> None:
    clients = StackClients(flooded)
    flood = Flood(flooded.websocket_url, FLOODS[kind], waits=waits)
    async with contextlib.AsyncExitStack() as people:
        speaker, session_id = await people.enter_async_context(
            clients.session(audioFormat=LONG_CHUNKS)
        )
        listeners = [
            await people.enter_async_context(clients.listener(session_id, "en")) for _ in range(4)
        ]
        strangers = [asyncio.create_task(flood.run()) for _ in range(VANDALS)]
        try:
            for seq in range(CHUNKS):
                await speaker.send_audio(seq)
                await asyncio.sleep(LONG_CHUNKS["chunkMs"] / 1000)
            async with asyncio.timeout(PATIENCE_SECONDS):
                heard = [
                    [(await listener.expect("audio"))["seq"] for _ in range(CHUNKS)]
                    for listener in listeners
                ]
                # On a slow machine the strangers' budgets may outlast the talk.
                while not flood.closings:  # noqa: ASYNC110 - there is no event for it
                    await asyncio.sleep(0.05)
        finally:
            for stranger in strangers:
                stranger.cancel()
            await asyncio.gather(*strangers, return_exceptions=True)

    assert [sorted(each) for each in heard] == [list(range(CHUNKS))] * len(listeners)
    assert flood.closings, "no stranger was closed"
    assert set(flood.closings) <= {1000, 1008}
    # A stranger that does not read may be closed before the error has arrived.
    assert flood.codes["RATE_LIMITED"] or not waits
