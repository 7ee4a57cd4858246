"""Plain WebSocket client that sends and receives JSON, without the project's own client."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import time
import urllib.request
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

Message = dict[str, Any]
CHUNK = bytes(range(256)) * 25  # 6 400 B: 200 ms of the default format
# Ten times the longest wait measured on the slowest machine.
PATIENCE_SECONDS = 30
# Interval of an interpreter's heartbeats. Its lease lasts two and a half intervals.
HEARTBEAT_SECONDS = 0.5


class Wire:
    """One connection: `ask` for replies, `expect` for pushes."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._kept: deque[Message] = deque()
        self._numbers = itertools.count(1)
        self._drops_heartbeats = False

    async def ask(self, action: str, **fields: Any) -> Message:
        """Send a request and return its reply or error. Other messages are kept."""
        request_id = f"q{next(self._numbers)}"
        await self.send({"action": action, "requestId": request_id, **fields})
        return await self.expect(lambda message: message.get("requestId") == request_id)

    async def send(self, message: object) -> None:
        """Send a text, or an object as JSON."""
        await self.socket.send(message if isinstance(message, str) else json.dumps(message))

    async def send_audio(self, seq: object, audio: object = CHUNK, **fields: Any) -> None:
        """Send a chunk, captured now. Audio other than bytes is sent without encoding it."""
        await self.send(
            {
                "action": "sendAudio",
                "seq": seq,
                "timestamp": time.time_ns() // 1_000_000,
                "audio": base64.b64encode(audio).decode() if isinstance(audio, bytes) else audio,
                **fields,
            }
        )

    async def send_caption(self, text: object = "Hola.", **fields: Any) -> None:
        """Send a final caption of the last second."""
        now = time.time_ns() // 1_000_000
        await self.send(
            {
                "action": "sendCaption",
                "text": text,
                "final": True,
                "timestamp": now - 1_000,
                "endTimestamp": now,
                **fields,
            }
        )

    async def expect(self, wanted: Callable[[Message], bool] | str) -> Message:
        """Wait for a message of a type, or that a predicate accepts. Other messages are kept."""
        accepts = wanted if callable(wanted) else lambda message: message.get("type") == wanted
        for kept in self._kept:
            if accepts(kept):
                self._kept.remove(kept)
                return kept
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                message: Message = json.loads(await self.socket.recv())
                if self._drops_heartbeats and _is_heartbeat_reply(message):
                    continue
                if accepts(message):
                    return message
                self._kept.append(message)

    async def drained(self) -> list[Message]:
        """Messages received until the reply to a heartbeat sent now."""
        await self.ask("heartbeat")
        kept, self._kept = list(self._kept), deque()
        return kept

    @asynccontextmanager
    async def heartbeats(self) -> AsyncIterator[None]:
        """Send an interpreter's heartbeats meanwhile, and drop their replies."""

        async def send_heartbeats() -> None:
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self.send({"action": "heartbeat"})
                    await asyncio.sleep(HEARTBEAT_SECONDS)

        task = asyncio.create_task(send_heartbeats())
        self._drops_heartbeats = True
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def closed(self) -> int | None:
        """Wait for the connection to close. Returns the close code."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.socket.wait_closed()
        return self.socket.close_code


def _is_heartbeat_reply(message: Message) -> bool:
    """Whether a message is the reply or error to a heartbeat of `heartbeats`."""
    of_a_heartbeat = message.get("type") == "heartbeatAck" or message.get("action") == "heartbeat"
    return of_a_heartbeat and "requestId" not in message


@asynccontextmanager
async def wire(url: str, token: str | None = None) -> AsyncIterator[Wire]:
    """Open a connection to `url`, with a token or anonymous."""
    target = url if token is None else f"{url}?token={token}"
    async with connect(target, compression=None, open_timeout=PATIENCE_SECONDS) as socket:
        yield Wire(socket)


def fetch_token(token_url: str, user: str, *groups: str, **more: Any) -> str:
    """Fetch a token from the local issuer."""
    request = urllib.request.Request(
        token_url,
        json.dumps({"sub": user, "groups": groups, **more}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        token: str = json.load(answer)["token"]
    return token
