"""The WebSocket connection, against scripted servers on this machine."""

from __future__ import annotations

import asyncio
import http
import json
import logging
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from client.connection.websocket import connect
from client.errors import (
    ConnectionLostError,
    HandshakeRefusedError,
    RequestRefusedError,
    RequestTimeoutError,
    UnreachableError,
)
from client.protocol.events import AudioReceived, AudioRefused
from tests.unit.client.support import CREATED, JOINED, T0, FakeClock, FakeService, serving

TOKEN = "header.payload.signature"


async def _silent(connection: ServerConnection) -> None:
    await connection.wait_closed()


async def test_the_token_is_in_the_query_and_no_compression_is_offered() -> None:
    seen: dict[str, Any] = {}

    async def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        seen["path"] = connection.request.path
        seen["extensions"] = connection.request.headers.get("Sec-WebSocket-Extensions")

    async with serving(handler) as url, connect(f"{url}?a=1&token=old", token="new/+="):
        pass
    assert seen == {"path": "/dev?a=1&token=new%2F%2B%3D", "extensions": None}


async def test_requests_get_their_replies() -> None:
    service = FakeService()
    async with serving(service.handle) as url, connect(url) as connection:
        created = await connection.create_session("EN", max_listeners=5)
        assert created.session_id == "golden-eagle-427"
        states = [connection.state]
        assert (await connection.end_session()).reason == "ended"
        states.append(connection.state)
    assert [state and state.role for state in states] == ["speaker", None]
    assert service.requests[0]["sourceLanguage"] == "en"
    assert service.requests[0]["maxListeners"] == 5
    assert "audioFormat" not in service.requests[0]


async def test_an_error_is_raised_where_the_request_was_made() -> None:
    async def handler(connection: ServerConnection) -> None:
        async for frame in connection:
            request = json.loads(frame)
            error = {"status": 404, "code": "SESSION_NOT_FOUND", "message": "m", "retryable": False}
            reply = {"type": "error", **error, "requestId": request["requestId"]}
            await connection.send(json.dumps(reply))

    async with serving(handler) as url, connect(url) as connection:
        with pytest.raises(RequestRefusedError, match="SESSION_NOT_FOUND: m") as refused:
            await connection.join("golden-eagle-427", "es")
    assert refused.value.status == 404


async def test_a_missing_reply_is_a_timeout_and_the_connection_goes_on() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.recv()
        second = json.loads(await connection.recv())
        reply = {**JOINED, "requestId": second["requestId"]}
        await connection.send(json.dumps(reply))
        await connection.wait_closed()

    async with serving(handler) as url, connect(url, reply_timeout_seconds=0.05) as connection:
        with pytest.raises(RequestTimeoutError, match="JoinSession: no reply within"):
            await connection.join("golden-eagle-427", "es")
        connection._reply_timeout_seconds = 10
        await connection.join("golden-eagle-427", "es")


async def test_audio_and_its_errors_are_events_with_the_time_of_receipt() -> None:
    async def handler(connection: ServerConnection) -> None:
        request = json.loads(await connection.recv())
        chunk = {"type": "audio", "sessionId": "golden-eagle-427", "language": "en", "epoch": 1}
        chunk |= {"seq": 3, "timestamp": T0, "audio": "AAAA"}
        error = {"type": "error", "status": 429, "code": "RATE_LIMITED", "message": "m"}
        error |= {"retryable": True, "requestId": "audio-9", "action": "sendAudio"}
        # Before the reply, as the protocol allows.
        for message in (chunk, {**JOINED, "requestId": request["requestId"]}, error):
            await connection.send(json.dumps(message))
        await connection.wait_closed()

    clock = FakeClock()
    async with serving(handler) as url, connect(url, clock=clock) as connection:
        await connection.join("golden-eagle-427", "es")
        heard, refused = [await connection.next_event(5) for _ in range(2)]
        assert await connection.next_event(0) is None
    assert isinstance(heard, AudioReceived)
    assert (heard.audio.seq, heard.received_at_ms) == (3, T0)
    assert isinstance(refused, AudioRefused)
    assert refused.seq == 9


async def test_frames_are_text_as_the_gateway_wants_them() -> None:
    frames = []

    async def handler(connection: ServerConnection) -> None:
        frames.append(await connection.recv())

    async with serving(handler) as url, connect(url) as connection:
        await connection.send_audio(0, T0, bytes(100))
        with pytest.raises(ConnectionLostError):
            await connection.next_event(5)
    assert isinstance(frames[0], str)


async def test_a_lost_connection_fails_requests_and_ends_events() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.close(1001, "going away")

    async with serving(handler) as url, connect(url) as connection:
        with pytest.raises(ConnectionLostError, match=r"code 1001 \(going away\)"):
            await connection.create_session("en")
        with pytest.raises(ConnectionLostError):
            await connection.next_event(5)
        with pytest.raises(ConnectionLostError):
            await connection.send_audio(0, T0, bytes(100))


async def test_our_own_close_ends_events_without_an_error() -> None:
    async with serving(_silent) as url, connect(url) as connection:
        closing = asyncio.create_task(connection.close())
        assert [event async for event in connection.events()] == []
        await closing


async def test_a_silent_connection_sends_heartbeats() -> None:
    beats: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def handler(connection: ServerConnection) -> None:
        async for frame in connection:
            request = json.loads(frame)
            ack = {"type": "heartbeatAck", "timestamp": T0}
            await connection.send(json.dumps({**ack, "requestId": request["requestId"]}))
            beats.put_nowait(request)

    async with serving(handler) as url, connect(url, clock=FakeClock(), heartbeat_seconds=0):
        async with asyncio.timeout(5):
            first, second = await beats.get(), await beats.get()
    assert (first["action"], first["clientTime"]) == ("heartbeat", T0)
    assert second["action"] == "heartbeat"


async def test_a_failed_heartbeat_is_no_end() -> None:
    beats: asyncio.Queue[None] = asyncio.Queue()

    async def handler(connection: ServerConnection) -> None:
        async for _ in connection:
            fault = {"message": "Internal server error", "connectionId": "c", "requestId": "r"}
            await connection.send(json.dumps(fault))
            beats.put_nowait(None)

    async with serving(handler) as url, connect(url, heartbeat_seconds=0):
        async with asyncio.timeout(5):
            await beats.get()
            await beats.get()


async def test_a_heartbeat_tells_the_servers_time() -> None:
    async def handler(connection: ServerConnection) -> None:
        request = json.loads(await connection.recv())
        ack = {"type": "heartbeatAck", "timestamp": T0 + 60_000}
        await connection.send(json.dumps({**ack, "requestId": request["requestId"]}))
        await connection.wait_closed()

    async with serving(handler) as url, connect(url, clock=FakeClock()) as connection:
        assert connection.now_ms() == T0
        await connection.heartbeat()
        assert connection.now_ms() == T0 + 60_000


async def test_a_connection_that_sends_needs_no_heartbeat() -> None:
    service = FakeService()
    async with serving(service.handle) as url, connect(url, heartbeat_seconds=30) as connection:
        await connection.create_session("en")
        await connection.end_session()
    assert service.actions() == ["createSession", "endSession"]


async def test_a_refused_handshake_tells_the_status() -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(http.HTTPStatus.FORBIDDEN, "no")

    async with serve(_silent, "127.0.0.1", 0, process_request=refuse) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(HandshakeRefusedError) as refused:
            async with connect(f"ws://127.0.0.1:{port}", token=TOKEN):
                pass
    assert refused.value.status == 403
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ws://127.0.0.1:1/dev?token=secret", "nothing listens there"),
        ("http://127.0.0.1:1", "not a WebSocket address"),
        ("nonsense", "not a WebSocket address"),
        ("ws://[::1", "not a WebSocket address"),
    ],
)
async def test_an_unreachable_address_is_reported_without_the_token(url: str, message: str) -> None:
    with pytest.raises(UnreachableError, match=message) as fault:
        async with connect(url):
            pass
    assert "secret" not in str(fault.value)


async def test_a_server_without_websocket_is_reported() -> None:
    async def gibberish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(gibberish, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(UnreachableError, match="not a WebSocket server"):
            async with connect(f"ws://127.0.0.1:{port}"):
                pass


async def test_neither_tokens_nor_audio_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    service = FakeService()
    async with serving(service.handle) as url, connect(url, token=TOKEN) as connection:
        await connection.create_session("en")
        await connection.send_audio(0, T0, b"audio" * 100)
        await connection.end_session()
    ours = [record for record in caplog.records if record.name.startswith("lingocast")]
    assert not any(TOKEN in record.getMessage() for record in ours)
    assert not any(CREATED["resumeToken"] in record.getMessage() for record in ours)
