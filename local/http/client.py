"""A bounded pool of keep-alive connections to one local HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from local.base.loopback import HOST
from local.http.messages import Request, Response

MAX_CONNECTIONS = 128
# Hop-by-hop headers (RFC 9110, section 7.6.1) and those that frame a body, which are rewritten.
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"content-length",
        b"expect",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


class UnavailableError(Exception):
    """The server is unreachable, closed the connection, or timed out."""


class Upstream:
    """Forwards requests over at most `MAX_CONNECTIONS` connections.

    The wait for a free connection counts towards a request's timeout.
    """

    def __init__(self, port: int, timeout_seconds: float) -> None:
        self._port = port
        self._timeout = timeout_seconds
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)

    async def forward(self, request: Request) -> Response:
        """Return the server's response. Raises UnavailableError, at the latest after the timeout.

        Does not retry: that is the caller's SDK's decision.
        """
        try:
            async with asyncio.timeout(self._timeout), self._slots:
                connection = self._idle.pop() if self._idle else await self._connect()
                try:
                    response = await connection.send(_encode(request))
                except BaseException:
                    connection.abort()
                    raise
        except (OSError, TimeoutError) as error:
            raise UnavailableError from error
        if connection.reusable:
            self._idle.append(connection)
        else:
            connection.abort()
        return response

    def close(self) -> None:
        """Drop all connections; pending requests raise UnavailableError."""
        for connection in tuple(self._open):
            connection.abort()

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: _Connection(self._lost), HOST, self._port
        )
        self._open.add(connection)
        return connection

    def _lost(self, connection: _Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)


def _encode(request: Request) -> bytes:
    lines = [f"{request.method} {request.target} HTTP/1.1".encode("latin-1")]
    lines += [
        b"%b: %b" % (name, value) for name, value in request.raw_headers if name not in _HOP_BY_HOP
    ]
    lines.append(b"content-length: %d" % len(request.body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + request.body


class _Connection(asyncio.Protocol):
    """A connection with one request at a time; unexpected data closes it."""

    def __init__(self, on_lost: Callable[[_Connection], None]) -> None:
        self._on_lost = on_lost
        self._transport: asyncio.Transport
        self._response: asyncio.Future[Response] | None = None
        self._parser: httptools.HttpResponseParser
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []
        #: Whether the connection can take another request.
        self.reusable = False

    async def send(self, request: bytes) -> Response:
        """Send a request and return the response. Raises OSError if the connection breaks."""
        if self._transport.is_closing():
            raise ConnectionResetError
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._body = [], []
        self.reusable = False
        self._response = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._response

    def abort(self) -> None:
        """Drop the connection."""
        self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._response is None:
            self.abort()  # no request is pending
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self.reusable = False
        self._on_lost(self)
        if self._response is not None and not self._response.done():
            self._response.set_exception(error or ConnectionResetError())

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() not in _HOP_BY_HOP:
            self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        response, self._response = self._response, None
        self.reusable = self._parser.should_keep_alive() and not self._transport.is_closing()
        if response is not None and not response.done():
            status = self._parser.get_status_code()
            response.set_result(Response(status, b"".join(self._body), self._headers))
