"""The HTTP server's protocol, mostly without sockets."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.http.messages import ConnectionDropped, Handler, Request, Response
from local.http.server import HttpServer, _HttpConnection

LIMIT = 1_000


class FakeTransport:
    """Records what the protocol writes."""

    def __init__(self) -> None:
        self.written = b""
        self.closing = False
        self.reading = True
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def echo(request: Request) -> Response:
    return Response.json(
        200,
        {
            "method": request.method,
            "target": request.target,
            "headers": request.headers,
            "body": request.body.decode("latin-1"),
        },
    )


def open_connection(handler: Handler = echo) -> tuple[_HttpConnection, FakeTransport]:
    connection = _HttpConnection(handler, LIMIT, set())
    transport = FakeTransport()
    connection.connection_made(cast(asyncio.BaseTransport, transport))
    return connection, transport


def statuses(written: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", written)]


def bodies(written: bytes) -> list[dict[str, Any]]:
    found = []
    while written:
        head, _, rest = written.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        found.append(json.loads(rest[:length]))
        written = rest[length:]
    return found


def encoded(method: str, target: str, body: bytes, *, chunked: bool) -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nHost: here\r\nX-Case: MiXed\r\n"
    if not chunked:
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    parts = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:3], body[3:]) if part)
    return f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + parts + b"0\r\n\r\n"


requests = st.tuples(
    st.sampled_from(["GET", "POST", "DELETE"]),
    st.sampled_from(["/", "/dev/%40connections/a%2Fb%3D", "/p?q=1&r=%20"]),
    st.binary(max_size=40),
    st.booleans(),
)


@given(st.lists(requests, min_size=1, max_size=4), st.data())
async def test_requests_are_parsed_from_any_chunks_of_bytes(
    sent: list[tuple[str, str, bytes, bool]], data: st.DataObject
) -> None:
    stream = b"".join(
        encoded(method, target, body, chunked=chunked) for method, target, body, chunked in sent
    )
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=8)))
    connection, transport = open_connection()

    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        connection.data_received(stream[start:end])

    answers = bodies(transport.written)
    assert [(item["method"], item["target"], item["body"]) for item in answers] == [
        (method, target, body.decode("latin-1")) for method, target, body, _ in sent
    ]
    assert all(item["headers"]["x-case"] == "MiXed" for item in answers)


@given(st.binary(max_size=200))
async def test_arbitrary_bytes_never_break_the_server(data: bytes) -> None:
    connection, transport = open_connection()
    connection.data_received(data)
    connection.data_received(b"\r\n\r\n")
    assert set(statuses(transport.written)) <= {200, 400, 413, 431}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001, 413),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 431),
    ],
)
async def test_a_malformed_or_too_large_request_is_rejected_and_closes_the_connection(
    sent: bytes, status: int
) -> None:
    connection, transport = open_connection()
    connection.data_received(sent)
    assert statuses(transport.written) == [status]
    assert transport.closing


async def test_a_valid_request_before_a_malformed_one_is_answered_first() -> None:
    connection, transport = open_connection()
    connection.data_received(encoded("GET", "/", b"", chunked=False) + b"NONSENSE\r\n\r\n")
    assert statuses(transport.written) == [200, 400]


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"],
)
async def test_the_connection_closes_when_the_client_asks_for_it(sent: bytes) -> None:
    connection, transport = open_connection()
    connection.data_received(sent + b"GET /more HTTP/1.1\r\n\r\n")
    assert statuses(transport.written) == [200]
    assert transport.closing


async def test_responses_keep_the_order_of_requests_even_if_the_first_is_slow() -> None:
    gate = asyncio.Event()

    def handler(request: Request) -> Response | Coroutine[Any, Any, Response]:
        async def later() -> Response:
            await gate.wait()
            return Response(201)

        return later() if request.target == "/slow" else Response(200)

    connection, transport = open_connection(handler)
    connection.data_received(
        encoded("GET", "/slow", b"", chunked=False) + encoded("GET", "/fast", b"", chunked=False)
    )
    await asyncio.sleep(0)
    assert transport.written == b""
    assert not transport.reading, "reading pauses while requests wait"

    gate.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert statuses(transport.written) == [201, 200]
    assert transport.reading


async def test_a_lost_connection_cancels_its_handler() -> None:
    cancelled = asyncio.Event()

    async def handler(_request: Request) -> Response:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return Response(200)

    connection, transport = open_connection(handler)
    connection.data_received(encoded("GET", "/", b"", chunked=False))
    await asyncio.sleep(0)
    connection.connection_lost(None)
    await asyncio.wait_for(cancelled.wait(), 5)
    assert transport.written == b""


@pytest.mark.parametrize("synchronous", [True, False])
async def test_an_exception_in_a_handler_fails_only_its_request(
    synchronous: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    async def later() -> Response:
        raise RuntimeError("broken")

    def handler(request: Request) -> Response | Coroutine[Any, Any, Response]:
        if request.target == "/good":
            return Response(200)
        if synchronous:
            raise RuntimeError("broken")
        return later()

    connection, transport = open_connection(handler)
    connection.data_received(encoded("GET", "/bad", b"", chunked=False))
    connection.data_received(encoded("GET", "/good", b"", chunked=False))
    for _ in range(5):
        await asyncio.sleep(0)
    assert statuses(transport.written) == [500, 200]
    assert b"broken" not in transport.written
    assert "RuntimeError: broken" in capsys.readouterr().err


async def test_reading_pauses_while_the_client_does_not_read() -> None:
    connection, transport = open_connection()
    connection.pause_writing()
    connection.data_received(encoded("GET", "/", b"", chunked=False))
    assert transport.written == b""
    assert not transport.reading
    connection.resume_writing()
    assert statuses(transport.written) == [200]
    assert transport.reading


async def test_expect_continue_is_answered_before_the_body_arrives() -> None:
    connection, transport = open_connection()
    connection.data_received(
        b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    )
    assert transport.written == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.data_received(b"ok")
    assert statuses(transport.written) == [100, 200]


async def test_a_head_that_never_ends_is_rejected() -> None:
    connection, transport = open_connection()
    connection.data_received(encoded("GET", "/first", b"", chunked=False))
    connection.data_received(b"GET / HTTP/1.1\r\n")
    for _ in range(80):
        connection.data_received(b"X: " + b"x" * 997 + b"\r\n")
    assert statuses(transport.written) == [200, 431]
    assert transport.closing


async def test_a_client_that_waits_is_told_to_continue_only_once() -> None:
    connection, transport = open_connection()
    connection.data_received(
        b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    for part in (b"2", b"\r\n", b"ok\r\n0\r\n\r\n"):
        connection.data_received(part)
    assert statuses(transport.written) == [100, 200]


async def test_repeated_headers_are_joined() -> None:
    connection, transport = open_connection()
    connection.data_received(b"GET / HTTP/1.1\r\nA: 1\r\na: 2\r\n\r\n")
    assert bodies(transport.written)[0]["headers"] == {"a": "1,2"}


def test_a_204_has_no_content_length() -> None:
    assert b"Content-Length" not in Response(204).wire
    assert b"Content-Length: 0" in Response(200).wire


async def test_closing_the_server_drops_its_connections() -> None:
    server = await HttpServer.listen(echo, max_body_bytes=LIMIT)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(encoded("GET", "/", b"", chunked=False))
    assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 200")

    server.close()
    with suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 5)
    assert reader.at_eof() or reader.exception() is not None
    writer.close()


async def test_a_handler_can_drop_the_connection() -> None:
    async def later(_request: Request) -> Response:
        raise ConnectionDropped

    def at_once(_request: Request) -> Response:
        raise ConnectionDropped

    for handler in (at_once, later):
        connection, transport = open_connection(handler)
        connection.data_received(encoded("GET", "/", b"", chunked=False))
        for _ in range(5):
            await asyncio.sleep(0)
        assert transport.aborted
        assert transport.written == b""
