"""Shared by the client's tests: a fake clock, chunks, and a service in memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from shared.models.audio_format import AudioFormat
from shared.protocol.messages import Audio

FORMAT = AudioFormat()
T0 = 1_700_000_000_000
Handler = Callable[[ServerConnection], Awaitable[None]]


class FakeClock:
    """Time that passes only in `sleep` or `advance`."""

    def __init__(self) -> None:
        self.ms = 0.0

    def now_ms(self) -> int:
        return T0 + round(self.ms)

    def monotonic(self) -> float:
        return self.ms / 1000

    def advance(self, ms: float) -> None:
        self.ms += ms

    async def sleep(self, seconds: float) -> None:
        self.ms += seconds * 1000
        await asyncio.sleep(0)


class Loudspeaker:
    """Records the first byte of every chunk, and silences as negative durations."""

    def __init__(self) -> None:
        self.played: list[float] = []

    def write(self, pcm: bytes) -> None:
        self.played.append(pcm[0])

    def silence(self, duration_ms: float) -> None:
        self.played.append(-duration_ms)


def audio(
    seq: int, epoch: int = 1, timestamp: int | None = None, language: str = "en", size: int = 6_400
) -> Audio:
    """A chunk of 200 ms whose first byte is its number; captured in step with that number."""
    return Audio(
        session_id="golden-eagle-427",
        language=language,
        epoch=epoch,
        seq=seq,
        timestamp=T0 + 200 * seq if timestamp is None else timestamp,
        audio=bytes([seq % 256]) + bytes(size - 1),
    )


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """The address of a WebSocket server on this machine that runs `handler` for each client."""
    async with serve(handler, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/dev"


STATE = {"isActive": True, "isPaused": False, "isMuted": False, "volume": 1.0, "lastStateChange": 0}
CREATED: dict[str, Any] = {
    "type": "sessionCreated",
    "sessionId": "golden-eagle-427",
    "sourceLanguage": "en",
    "qualityTier": "standard",
    "audioFormat": {"encoding": "pcm_s16le", "sampleRate": 16000, "channels": 1, "chunkMs": 200},
    "broadcastState": STATE,
    "createdAt": T0,
    "epoch": 1,
    "connectionExpiresAt": T0 + 7_200_000,
    "resumeToken": "secret-resume-token",
}
JOINED: dict[str, Any] = {
    "type": "sessionJoined",
    "sessionId": "golden-eagle-427",
    "role": "listener",
    "targetLanguage": "es",
    "sourceLanguage": "en",
    "audioFormat": CREATED["audioFormat"],
    "broadcastState": STATE,
    "channelSource": "floor",
    "channels": {},
    "speakerConnected": True,
    "epoch": None,
    "resumed": False,
    "connectionExpiresAt": T0 + 7_200_000,
    "resumeToken": "secret-resume-token",
}


class FakeService:
    """One session, as the client's flows need it, with audio routed by the protocol."""

    def __init__(self, audio_format: AudioFormat = FORMAT) -> None:
        self.requests: list[dict[str, Any]] = []
        self.audio_format = msgspec.to_builtins(audio_format)
        self._languages: dict[ServerConnection, str] = {}  # of listeners
        self._interpreters: dict[ServerConnection, str] = {}
        self.speaker: ServerConnection | None = None
        self.epoch = 1
        self.refusals: list[dict[str, Any]] = []  # errors for the next joins

    async def handle(self, connection: ServerConnection) -> None:
        try:
            async for frame in connection:
                request = json.loads(frame)
                self.requests.append(request)
                await getattr(self, "_" + request["action"])(connection, request)
        except ConnectionClosed:
            pass
        finally:
            self._languages.pop(connection, None)
            self._interpreters.pop(connection, None)

    def actions(self) -> list[str]:
        """The requested actions in order."""
        return [request["action"] for request in self.requests]

    async def push(self, message: dict[str, Any]) -> None:
        """Send a message to everyone but the speaker."""
        for connection in [*self._languages, *self._interpreters]:
            await connection.send(json.dumps(message))

    def everyone(self) -> list[ServerConnection]:
        """All connections in the session."""
        return [*self._languages, *self._interpreters, *filter(None, [self.speaker])]

    @staticmethod
    async def _reply(
        connection: ServerConnection, request: dict[str, Any], reply: dict[str, Any]
    ) -> None:
        await connection.send(json.dumps({**reply, "requestId": request.get("requestId")}))

    async def _createSession(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        self.speaker = connection
        await self._reply(connection, request, {**CREATED, "audioFormat": self.audio_format})

    async def _joinSession(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        language, role = request["targetLanguage"], request.get("role", "listener")
        if self.refusals:
            return await self._reply(connection, request, self.refusals.pop(0))
        if role == "speaker":
            self.speaker = connection
            self.epoch += 1
        elif role == "interpreter":
            self._interpreters[connection] = language
        else:
            self._languages[connection] = language
        human = language in self._interpreters.values()
        joined = {
            **JOINED,
            "role": role,
            "targetLanguage": language,
            "audioFormat": self.audio_format,
            "channelSource": "human" if human else "floor",
            "epoch": self.epoch if role == "speaker" else None,
            "resumed": "resumeToken" in request,
            "resumeToken": f"secret-resume-token-{len(self.requests)}",
        }
        await self._reply(connection, request, joined)

    async def _heartbeat(self, connection: ServerConnection, request: dict[str, Any]) -> None:
        sent = request["clientTime"]
        ack = {"type": "heartbeatAck", "timestamp": sent, "clientTime": sent}
        await self._reply(connection, request, ack)

    async def _sendAudio(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        language = self._interpreters.get(connection, "en")
        chunk: dict[str, Any] = {"type": "audio", "sessionId": "golden-eagle-427"}
        chunk |= {key: request[key] for key in ("seq", "timestamp", "audio")}
        chunk |= {"language": language, "epoch": self.epoch if language == "en" else 1}
        for listener, wanted in [*self._languages.items()]:
            interpreted = wanted in self._interpreters.values()
            if (wanted if interpreted else "en") == language:
                await self.deliver(listener, wanted, chunk)
        if language == "en":
            for interpreter in self._interpreters:
                await interpreter.send(json.dumps(chunk))

    async def _changeLanguage(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        self._languages[connection] = request["targetLanguage"]
        changed = {"type": "languageChanged", "sessionId": "golden-eagle-427"}
        changed |= {"targetLanguage": request["targetLanguage"], "channelSource": "floor"}
        await self._reply(connection, request, changed)

    async def deliver(self, to: ServerConnection, wanted: str, chunk: dict[str, Any]) -> None:
        """Send a chunk to a listener; tests override it to lose and spoil chunks."""
        await to.send(json.dumps(chunk))

    async def _leaveSession(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        self._interpreters.pop(connection, None)
        left = {"type": "sessionLeft", "sessionId": "golden-eagle-427"}
        await self._reply(connection, request, left)

    async def _endSession(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        ended = {"type": "sessionEnded", "sessionId": "golden-eagle-427", "reason": "ended"}
        await self._reply(connection, request, ended)
        await self.push(ended)


@contextlib.contextmanager
def token_service(status: int, body: str) -> Iterator[tuple[str, list[Any]]]:
    """Run a token service with a fixed answer; yield its address and the requests."""
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            asked.append(json.loads(self.rfile.read(length)))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as inherited
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/token", asked
        finally:
            server.shutdown()
            thread.join()
