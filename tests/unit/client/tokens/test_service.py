"""Token service errors: one line and in time, whatever the server answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.errors import TokenError
from client.tokens.development import fetch_token
from tests.unit.client.support import token_service

Answer = Callable[[socket.socket], None]


@contextlib.contextmanager
def _answering(answer: Answer) -> Iterator[str]:
    """The address of a server that answers each connection so; it ends when that returns."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/token"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(20)
    assert not thread.is_alive(), "the client kept its connection"


def _says(data: bytes) -> Answer:
    def answer(connection: socket.socket) -> None:
        request = b""
        while not request.endswith(b"}"):
            request += connection.recv(65_536)
        connection.sendall(data)

    return answer


def _drips(first: bytes, then: bytes) -> Answer:
    """So slow that no single read times out, until the client has had enough."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(first)
        pause = threading.Event()
        while not pause.wait(0.02):
            connection.sendall(then)

    return answer


def _floods(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b" " * 65_536)


def _silent(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


def _response(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    return b"\r\n".join((b"HTTP/1.1 " + status, *headers, b"", body))


async def _fault(url: str, timeout_seconds: float = 5.0) -> str:
    with pytest.raises(TokenError) as raised:
        await fetch_token(url, "alice", ("speakers",), timeout_seconds=timeout_seconds)
    message = str(raised.value)
    assert len(message.splitlines()) == 1
    assert len(message) < 300
    return message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "is not a token service"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "is not a token service"),  # a TLS alert
        (b"", "cannot be reached for a token"),
        (b"HTTP/1.1 200 OK\r\n" + b"x" * 100_000, "is not a token service"),
        (_response(b"", *(b"a: b",) * 200), "is not a token service"),
        (_response(b"<html>", b"Content-Type: text/html"), "contains no token"),
        (_response(b'{"token": "a.b', b"Content-Length: 100"), "contains no token"),
        (_response(b'{"token": 5}'), "contains no token"),
        (_response(b'{"token": ""}'), "contains no token"),
        (_response(b'{"token": null}'), "contains no token"),
        (_response(b'{"token": "two words"}'), "contains no token"),
        (_response(b'{"token": "a\\r\\nb"}'), "contains no token"),
        (_response('{"token": "ü"}'.encode()), "contains no token"),
        (_response(b'{"token": "\xff"}'), "contains no token"),
        (_response(b"[" * 50_000), "contains no token"),
        (_response(b"\xff\xfe{}"), "contains no token"),
        (_response(b'{"token": "' + b"x" * 100_000 + b'"}'), "contains no token"),
        (_response(b"", status=b"204 No Content"), "contains no token"),
        (_response(b"", status=b"404 Not Found"), "HTTP status 404"),
        (_response(b"zz\r\n", b"Transfer-Encoding: chunked"), "contains no token"),
    ],
)
async def test_what_is_no_answer_of_a_token_service_is_told(data: bytes, message: str) -> None:
    with _answering(_says(data)) as url:
        assert message in await _fault(url)


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"303 See", b"307 T", b"308 P"])
async def test_a_redirect_is_not_followed(status: bytes) -> None:
    with token_service(200, '{"token": "a.b.c"}') as (elsewhere, asked):
        location = b"Location: " + elsewhere.encode()
        with _answering(_says(_response(b"", location, status=status))) as url:
            assert f"HTTP status {status[:3].decode()}" in await _fault(url)
    assert asked == []


@pytest.mark.parametrize(
    "answer",
    [
        _silent,
        _drips(b"", b"H"),
        _drips(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"),
        _drips(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
    ],
)
async def test_a_service_that_takes_too_long_is_given_up(answer: Answer) -> None:
    with _answering(answer) as url:
        assert "no answer" in await _fault(url, timeout_seconds=0.3)


async def test_an_endless_answer_is_cut_short() -> None:
    with _answering(_floods) as url:
        assert "contains no token" in await _fault(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "token",
        "ftp://127.0.0.1/token",
        "http://",
        "http:///token",
        "http://[::1/token",
        "http://127.0.0.1:x/token",
        "http://127.0.0.1:99999/token",
        "http://127.0.0.1:-1/token",
        "http://127.0.0.1/to ken",
        "http://127.0.0.1/t\x00ken",
        "http://127.0.0.1/tökén",
        "http://.../token",
        "http://" + "a" * 70 + "/token",
    ],
)
async def test_an_address_that_is_none_is_told(url: str) -> None:
    await _fault(url)


async def test_a_password_in_the_address_is_not_shown() -> None:
    message = await _fault("http://alice:secret@127.0.0.1:1/token?key=hidden")
    assert "secret" not in message
    assert "hidden" not in message


@settings(max_examples=30, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_at_all_are_one_line(data: bytes) -> None:
    with _answering(_says(data)) as url:
        asyncio.run(_fault(url))
