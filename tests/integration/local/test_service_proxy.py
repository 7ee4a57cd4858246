"""The proxy of a service: it forwards requests unchanged and reports outages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from local.http.client import MAX_CONNECTIONS, Upstream
from local.http.messages import Request, Response
from local.http.server import HttpServer
from local.iam.error_responses import DynamoDbErrors
from local.iam.request_authorizer import allow_all
from local.services.proxy import MAX_BODY_BYTES, ServiceProxy
from tests.integration.local.support import Answer, call

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
UNAVAILABLE = "com.amazon.coral.service#ServiceUnavailableException"


@asynccontextmanager
async def proxy(port: int, timeout_seconds: float = 5.0) -> AsyncIterator[int]:
    """A proxy of the service at `port`."""
    service = ServiceProxy(allow_all, Upstream(port, timeout_seconds), DynamoDbErrors().unavailable)
    server = await HttpServer.listen(service.handle, max_body_bytes=MAX_BODY_BYTES)
    try:
        yield server.port
    finally:
        server.close()
        service.close()


@asynccontextmanager
async def proxied(serve: Serve, timeout_seconds: float = 5.0) -> AsyncIterator[int]:
    """A proxy of a server that handles each connection with `serve`."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        async with proxy(server.sockets[0].getsockname()[1], timeout_seconds) as port:
            yield port
    finally:
        server.close()


def assert_unavailable(answer: Answer) -> None:
    assert answer.status == 503
    assert answer.json()["__type"] == UNAVAILABLE


async def test_requests_and_responses_are_forwarded_unchanged() -> None:
    seen: list[Request] = []

    def echo(request: Request) -> Response:
        seen.append(request)
        return Response(418, request.body[::-1], [("x-amz-crc32", "1"), ("Content-Type", "a/b")])

    server = await HttpServer.listen(echo, max_body_bytes=MAX_BODY_BYTES)
    body = bytes(range(256)) * 8_000
    async with proxy(server.port) as port:
        answers = [
            await call(port, "POST", "/x?y=z", body, X_Amz_Target="D.GetItem"),
            await call(port, "GET", "/_requests"),
        ]
    server.close()
    assert [(answer.status, answer.body) for answer in answers] == [(418, body[::-1]), (418, b"")]
    assert answers[0].headers["x-amz-crc32"] == "1"
    assert answers[0].headers["content-type"] == "a/b"
    assert (seen[0].method, seen[0].target, seen[0].body) == ("POST", "/x?y=z", body)
    assert seen[0].headers["x-amz-target"] == "D.GetItem"
    assert "connection" not in seen[0].headers


async def test_connections_to_the_service_are_reused_and_limited() -> None:
    open_now = most = 0
    together = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        if open_now == MAX_CONNECTIONS:
            together.set()
        while await reader.readuntil(b"\r\n\r\n"):
            await together.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async with proxied(serve) as port:
        answers = await asyncio.gather(
            *(call(port, "GET", "/") for _ in range(2 * MAX_CONNECTIONS))
        )
    assert {answer.status for answer in answers} == {200}
    assert most == MAX_CONNECTIONS


async def test_a_missing_service_is_unavailable_at_once() -> None:
    server = await HttpServer.listen(lambda _: Response(200), max_body_bytes=1)
    server.close()
    async with proxy(server.port, timeout_seconds=3600) as port:
        assert_unavailable(await call(port, "POST", "/", b"{}"))


async def test_a_service_that_does_not_answer_times_out() -> None:
    async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with proxied(hang, timeout_seconds=0.05) as port:
        assert_unavailable(await call(port, "POST", "/", b"{}"))


async def test_a_broken_response_is_unavailable() -> None:
    for words in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"220 smtp\r\n\r\n"):

        async def break_off(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, words: bytes = words
        ) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(words)
            writer.close()

        async with proxied(break_off) as port:
            assert_unavailable(await call(port, "POST", "/", b"{}"))


async def test_the_proxy_recovers_with_the_service() -> None:
    def serve(_request: Request) -> Response:
        return Response.json(200, {"ok": True})

    first = await HttpServer.listen(serve, max_body_bytes=100)
    async with proxy(first.port) as port:
        assert (await call(port, "POST", "/")).status == 200
        first.close()
        assert_unavailable(await call(port, "POST", "/"))
        second = await HttpServer.listen(serve, port=first.port, max_body_bytes=100)
        assert json.loads((await call(port, "POST", "/")).body) == {"ok": True}
        second.close()
