"""Connections with expiring tokens: handshakes, refusals and renewal."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from cli.options import Connector
from client.connection.authenticated import connect_with_token
from client.connection.clock_offset import ClockOffset
from client.connection.websocket import Connection, connect
from client.errors import HandshakeRefusedError, RequestRefusedError, TokenError
from client.protocol.events import AudioRefused
from client.tokens.cache import TokenCache
from shared.utils.clock import Clock, SystemClock
from tests.helpers.virtual_time import VirtualTime
from tests.unit.client.jwts import jwt_saying
from tests.unit.client.support import T0

HOUR = 3_600


@dataclass
class Source:
    """Issues tokens that last an hour by a clock, or those of `given` first."""

    clock: Clock
    given: list[str] = field(default_factory=list)
    issued: list[str] = field(default_factory=list)

    async def fetch(self) -> str:
        now = self.clock.now_ms() // 1000
        self.issued.append(self.given.pop(0) if self.given else jwt_saying(iat=now, exp=now + HOUR))
        return self.issued[-1]


@dataclass
class Service:
    """Accepts the tokens of `accepted`; requests are refused until a newer one was sent."""

    accepted: list[str] = field(default_factory=list)
    handshakes: list[str | None] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    expired: bool = False

    def open(self, connection: ServerConnection, request: Request) -> Response | None:
        token = parse_qs(urlsplit(request.path).query).get("token", [None])[0]
        self.handshakes.append(token)
        if token in self.accepted:
            return None
        return connection.respond(HTTPStatus.FORBIDDEN, "")

    async def handle(self, connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for frame in connection:
                request = json.loads(frame)
                self.requests.append(request)
                reply = self.reply(request)
                if reply is not None:
                    await connection.send(json.dumps(reply))

    def reply(self, request: dict[str, Any]) -> dict[str, Any] | None:
        known = {"requestId": request.get("requestId")}
        if request["action"] == "authenticate":
            self.expired = False
            return {"type": "authenticated", "expiresAt": 1, "timestamp": T0, **known}
        if self.expired:
            refusal = {"status": 401, "code": "TOKEN_EXPIRED", "message": "m", "retryable": False}
            return {"type": "error", "action": request["action"], **refusal, **known}
        if request["action"] == "sendAudio":
            return None
        return {"type": "sessionLeft", "sessionId": "golden-eagle-427", **known}

    def actions(self) -> list[str]:
        return [request["action"] for request in self.requests]

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        async with serve(
            self.handle, "127.0.0.1", 0, compression=None, process_request=self.open
        ) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            yield f"ws://127.0.0.1:{port}/dev"


class Accepting(Service):
    """Accepts all tokens that the source has issued."""

    def __init__(self, source: Source) -> None:
        super().__init__(accepted=source.issued)


@contextlib.asynccontextmanager
async def connected(
    service: Service, tokens: TokenCache, clock: Clock | None = None
) -> AsyncIterator[Connection]:
    async with (
        service.serving() as url,
        connect_with_token(url, tokens, ClockOffset(), clock or VirtualTime()) as connection,
    ):
        yield connection


async def test_a_refused_handshake_is_tried_again_with_a_newer_token() -> None:
    time = VirtualTime()
    source = Source(time)
    service = Accepting(source)
    revoked = jwt_saying(iat=T0 // 1000, exp=T0 // 1000 + HOUR)
    tokens = TokenCache(source, revoked, time)

    async with connected(service, tokens, time):
        assert service.handshakes == [revoked, source.issued[0]]


async def test_a_token_that_is_about_to_expire_is_renewed_before_the_handshake() -> None:
    time = VirtualTime()
    source = Source(time)
    service = Accepting(source)
    old = jwt_saying(iat=T0 // 1000 - HOUR + 5, exp=T0 // 1000 + 5)

    async with connected(service, TokenCache(source, old, time), time):
        assert service.handshakes == source.issued


async def test_a_refused_new_token_is_not_retried() -> None:
    time = VirtualTime()
    source = Source(time)
    service = Service()
    with pytest.raises(HandshakeRefusedError):
        async with connected(service, TokenCache(source, None, time), time):
            pass
    assert service.handshakes == source.issued
    assert len(source.issued) == 1


async def test_a_refused_handshake_is_not_retried_without_source() -> None:
    service = Service()
    with pytest.raises(HandshakeRefusedError):
        async with connected(service, TokenCache(None, "a.b.c", VirtualTime())):
            pass
    assert service.handshakes == ["a.b.c"]


async def test_a_source_that_only_has_the_refused_token_does_not_help() -> None:
    time = VirtualTime()
    token = jwt_saying(iat=T0 // 1000, exp=T0 // 1000 + HOUR)
    service = Service()
    with pytest.raises(HandshakeRefusedError):
        async with connected(service, TokenCache(Source(time, [token]), token, time), time):
            pass
    assert service.handshakes == [token]


async def test_the_token_error_is_raised_rather_than_the_refusal() -> None:
    class Broken:
        async def fetch(self) -> str:
            raise TokenError("the token command ended with status 1")

    with pytest.raises(TokenError, match="ended with status 1"):
        async with connected(Service(), TokenCache(Broken(), "a.b.c", VirtualTime())):
            pass


async def test_a_request_that_is_refused_for_its_token_is_repeated_after_renewal() -> None:
    time = VirtualTime()
    source = Source(time)
    service = Accepting(source)
    async with connected(service, TokenCache(source, None, time), time) as connection:
        service.expired = True
        await connection.leave()

    assert service.actions() == ["leaveSession", "authenticate", "leaveSession"]
    assert service.requests[1]["token"] == source.issued[1]


async def test_refused_audio_renews_the_token_and_is_no_end_of_the_talk() -> None:
    time = VirtualTime()
    source = Source(time)
    service = Accepting(source)
    async with connected(service, TokenCache(source, None, time), time) as connection:
        service.expired = True
        await connection.send_audio(0, T0, bytes(6_400))
        refused = await connection.next_event(10)
        assert isinstance(refused, AudioRefused)
        assert refused.error.retryable
        await connection.leave()  # by now, or after this, it is renewed
        await connection.send_audio(1, T0, bytes(6_400))
        await connection.leave()

    assert service.actions().count("authenticate") == 1
    assert not service.expired


async def test_earlier_refusals_do_not_trigger_another_renewal() -> None:
    """Chunks in flight during a renewal are refused too."""
    time = VirtualTime()
    token = jwt_saying(iat=T0 // 1000, exp=T0 // 1000 + HOUR)
    service = Service(accepted=[token], expired=True)
    async with service.serving() as url, connect(url, token=token) as connection:
        connection.set_token_renewal(lambda: asyncio.sleep(0))
        for seq in range(2):
            await connection.send_audio(seq, T0, bytes(6_400))
            assert isinstance(await connection.next_event(10), AudioRefused)
        waiting = asyncio.create_task(connection.wait_token_refused())
        await time.settle()
        assert not waiting.done()
        await connection.send_audio(2, T0, bytes(6_400))
        await asyncio.wait_for(waiting, 10)


async def test_without_a_renewal_the_refusal_is_raised_unchanged() -> None:
    token = jwt_saying(iat=T0 // 1000, exp=T0 // 1000 + HOUR)
    service = Service(accepted=[token])
    async with connected(service, TokenCache(None, token, VirtualTime())) as connection:
        service.expired = True
        with pytest.raises(RequestRefusedError, match="TOKEN_EXPIRED"):
            await connection.leave()
        await connection.send_audio(0, T0, bytes(6_400))
        refused = await connection.next_event(10)
        assert isinstance(refused, AudioRefused)
        assert not refused.error.retryable


async def test_later_connections_take_the_renewed_token() -> None:
    clock = SystemClock()
    source = Source(clock)
    service = Accepting(source)
    tokens = TokenCache(source, None, clock)
    async with connected(service, tokens, clock) as connection:
        service.expired = True
        await connection.leave()
    async with connected(service, tokens, clock):
        pass

    assert service.handshakes == source.issued
    assert len(source.issued) == 2


def test_an_access_says_where_newer_tokens_come_from() -> None:
    local, remote = "ws://127.0.0.1:8765/dev", "wss://abc.example/dev"

    assert Connector(local, None, None, None, ("speakers",)).tokens.renewable
    assert Connector(remote, "a.b.c", None, None, (), token_command="print-token").tokens.renewable
    assert not Connector(remote, "a.b.c", None, None, ("speakers",)).tokens.renewable
    assert not Connector(local, "a.b.c", None, None, ("speakers",)).tokens.renewable
    assert not Connector(remote, None, None, None).tokens.renewable
