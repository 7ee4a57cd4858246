"""Requests and responses of the local stack's HTTP servers, and what answers them."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Request(NamedTuple):
    """A request; header names and `target` as received."""

    method: str
    target: str
    received_headers: Sequence[tuple[bytes, bytes]]
    body: bytes

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """All headers, with names in lower case."""
        # Not in the parser: most posts to connections need none of their headers.
        return [(name.lower(), value) for name, value in self.received_headers]

    @property
    def path(self) -> str:
        """The target without its query string."""
        return self.target.partition("?")[0]

    @property
    def headers(self) -> dict[str, str]:
        """All headers; the values of a repeated header are joined with commas."""
        headers: dict[str, str] = {}
        for name, value in self.raw_headers:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            headers[key] = f"{headers[key]},{text}" if key in headers else text
        return headers


class Response:
    """A response, encoded at construction so that constant responses are encoded once."""

    __slots__ = ("body", "status", "wire")

    def __init__(
        self, status: int, body: bytes = b"", headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        lines = [f"HTTP/1.1 {status} {_PHRASES.get(status, '')}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(body)}")
        self.status = status
        self.body = body
        self.wire = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body

    @classmethod
    def json(
        cls, status: int, content: object, headers: Sequence[tuple[str, str]] = ()
    ) -> Response:
        """A response with a JSON body."""
        body = json.dumps(content).encode()
        return cls(status, body, [("Content-Type", "application/json"), *headers])


class ConnectionDropped(Exception):  # noqa: N818 - an outcome, not an error
    """Raised by a handler to drop the connection instead of an answer."""


#: Answers a request.
Handler = Callable[[Request], Response | Coroutine[Any, Any, Response]]
