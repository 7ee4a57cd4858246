"""Tokens of a development server, and errors without one."""

from __future__ import annotations

import pytest

from client.errors import TokenError
from client.tokens.development import fetch_token, local_token_url
from tests.unit.client.support import token_service


async def test_a_token_is_fetched_for_a_user_and_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # this machine is reached without one
    with token_service(200, '{"token": "a.b.c"}') as (url, asked):
        assert await fetch_token(url, "alice", ("speakers",)) == "a.b.c"
    assert asked == [{"sub": "alice", "groups": ["speakers"]}]


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (500, "", "HTTP status 500"),
        (200, "not JSON", "contains no token"),
        (200, "{}", "contains no token"),
        (200, "[]", "contains no token"),
    ],
)
async def test_no_token_is_told(status: int, body: str, message: str) -> None:
    with token_service(status, body) as (url, _), pytest.raises(TokenError, match=message):
        await fetch_token(url, "alice", ())


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:1/token", "cannot be reached for a token: Connection refused"),
        ("file:///etc/passwd", "not an http address"),
    ],
)
async def test_no_token_service_is_told(url: str, message: str) -> None:
    with pytest.raises(TokenError, match=message):
        await fetch_token(url, "alice", ())


@pytest.mark.parametrize(
    ("websocket_url", "expected"),
    [
        ("ws://127.0.0.1:8765/dev", "http://127.0.0.1:8766/token"),
        ("ws://localhost:9000/dev", "http://127.0.0.1:9001/token"),
        ("ws://[::1]:9000/dev", "http://[::1]:9001/token"),
        ("ws://[::1/dev", None),
        ("ws://127.0.0.1:65535/dev", None),
        ("ws://127.0.0.1/dev", None),
        ("ws://127.0.0.1:x/dev", None),
        ("wss://abc.execute-api.eu-central-1.amazonaws.com/dev", None),
        ("wss://abc.example:8765/dev", None),
    ],
)
def test_tokens_of_a_local_server_are_on_the_next_port(
    websocket_url: str, expected: str | None
) -> None:
    assert local_token_url(websocket_url) == expected
