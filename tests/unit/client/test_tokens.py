"""Tokens from a development server, and what is said when there are none."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from client.errors import TokenError
from client.tokens import fetch_token


@contextlib.contextmanager
def _service(status: int, body: str) -> Iterator[tuple[str, list[Any]]]:
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


async def test_a_token_is_fetched_for_a_user_and_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # this machine is reached without one
    with _service(200, '{"token": "a.b.c"}') as (url, asked):
        assert await fetch_token(url, "alice", ("speakers",)) == "a.b.c"
    assert asked == [{"sub": "alice", "groups": ["speakers"]}]


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (500, "", "HTTP status 500"),
        (200, "not JSON", "holds no token"),
        (200, "{}", "holds no token"),
        (200, "[]", "holds no token"),
    ],
)
async def test_no_token_is_told(status: int, body: str, message: str) -> None:
    with _service(status, body) as (url, _), pytest.raises(TokenError, match=message):
        await fetch_token(url, "alice", ())


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:1/token", "cannot be reached for a token: Connection refused"),
        ("file:///etc/passwd", "no http address"),
    ],
)
async def test_no_token_service_is_told(url: str, message: str) -> None:
    with pytest.raises(TokenError, match=message):
        await fetch_token(url, "alice", ())
