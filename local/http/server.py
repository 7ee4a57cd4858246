"""A small HTTP/1.1 server with keep-alive and one handler, for all endpoints of the local stack.

It exists for speed: every listener and every audio chunk costs a call to @connections, and
full-featured servers need three times the CPU time per call (see `benchmarks`).
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections import deque
from collections.abc import Sequence
from typing import cast

import httptools

from local.base import loopback
from local.base.errors import PortTakenError
from local.base.loopback import HOST
from local.http.messages import ConnectionDropped, Handler, Request, Response

_MAX_HEAD_BYTES = 64 * 1024


_TOO_LARGE = Response.json(413, {"message": "request body too large"})
_HEAD_TOO_LARGE = Response.json(431, {"message": "request head too large"})


class HttpServer:
    """A listening server; `close` also drops its connections and cancels their handlers."""

    def __init__(
        self, servers: Sequence[asyncio.Server], connections: set[_HttpConnection]
    ) -> None:
        self._servers = servers  # uvloop stops serving once a server is garbage-collected
        self._connections = connections
        self.port: int = servers[0].sockets[0].getsockname()[1]

    @classmethod
    async def listen(
        cls,
        handler: Handler,
        *,
        port: int = 0,
        max_body_bytes: int,
        too_large: Response = _TOO_LARGE,
        ipv6: bool = False,
    ) -> HttpServer:
        """Serve on 127.0.0.1 and, with `ipv6`, also on ::1 if the machine has it.

        Port 0 chooses a free port. The server answers a body over `max_body_bytes` with
        `too_large` and closes the connection. Raises PortTakenError.
        """
        connections: set[_HttpConnection] = set()
        servers: list[asyncio.Server] = []
        listeners = loopback.bind(port, ipv6=ipv6)
        try:
            for listener in listeners:
                server = await asyncio.get_running_loop().create_server(
                    lambda: _HttpConnection(handler, max_body_bytes, connections, too_large),
                    sock=listener,
                    backlog=1024,
                )
                servers.append(server)
        except OSError as error:
            for server in servers:
                server.close()
            for listener in listeners:
                listener.close()
            raise PortTakenError(HOST, port) from error
        return cls(servers, connections)

    def close(self) -> None:
        """Stop listening and drop all connections."""
        for server in self._servers:
            server.close()
        for connection in tuple(self._connections):
            connection.abort()


class _HttpConnection(asyncio.Protocol):
    """Parses requests and answers them one at a time, in order."""

    def __init__(
        self,
        handler: Handler,
        max_body_bytes: int,
        connections: set[_HttpConnection],
        too_large: Response = _TOO_LARGE,
    ) -> None:
        self._handler = handler
        self._max_body_bytes = max_body_bytes
        self._too_large = too_large
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._queue: deque[tuple[Request, bool]] = deque()
        self._task: asyncio.Task[Response] | None = None
        self._protocol_error: Response | None = None
        self._writable = True
        self._reading = True
        self._closing = False
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._head_complete = False
        self._continued = False
        # Size of the data being parsed, and of all data since the last complete request: at least
        # that of the current head.
        self._data_bytes = 0
        self._unfinished_bytes = 0

    def abort(self) -> None:
        """Drop the connection."""
        self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._connections.discard(self)
        self._closing = True
        self._queue.clear()
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        if self._protocol_error is not None or self._closing:
            return
        self._data_bytes = len(data)
        self._unfinished_bytes += self._data_bytes
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            # `_reject`, called within a parser callback, ends up here too.
            if self._protocol_error is None:
                self._protocol_error = Response.json(400, {"message": "malformed HTTP request"})
        if self._target:
            self._check_unfinished()
        if self._queue or self._protocol_error is not None:
            self._proceed()

    def pause_writing(self) -> None:
        self._writable = False
        self._read(False)

    def resume_writing(self) -> None:
        self._writable = True
        self._proceed()

    # httptools

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._head_complete = True
        if self._head_too_large():
            self._reject(_HEAD_TOO_LARGE)
        if self._parser.should_upgrade():
            self._reject(Response.json(400, {"message": "protocol upgrades are not supported"}))

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > self._max_body_bytes:
            self._reject(self._too_large)
        self._body.append(body)

    def on_message_complete(self) -> None:
        request = Request(
            self._parser.get_method().decode("latin-1"),
            self._target.decode("latin-1"),
            self._headers,
            b"".join(self._body),
        )
        keep_alive = self._parser.should_keep_alive()
        self._target = b""
        self._headers = []
        self._body = []
        self._body_bytes = 0
        self._head_complete = self._continued = False
        self._unfinished_bytes = self._data_bytes
        if self._queue or self._task is not None or self._closing or not self._writable:
            self._queue.append((request, keep_alive))
        else:
            self._serve(request, keep_alive=keep_alive)

    # Requests in, responses out

    def _check_unfinished(self) -> None:
        """Limit the head of a request that has only partly arrived; let a waiting client go on."""
        if not self._head_complete:
            if self._protocol_error is None and self._head_too_large():
                self._protocol_error = _HEAD_TOO_LARGE
        elif not (self._continued or self._body or self._queue or self._task):
            self._continued = True
            if any(
                name.lower() == b"expect" and value.lower() == b"100-continue"
                for name, value in self._headers
            ):
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _head_too_large(self) -> bool:
        # Most requests are smaller as a whole, which takes no adding up.
        if self._unfinished_bytes <= _MAX_HEAD_BYTES:
            return False
        size = len(self._target) + sum(len(name) + len(value) for name, value in self._headers)
        return size > _MAX_HEAD_BYTES

    def _reject(self, response: Response) -> None:
        self._protocol_error = response
        raise ValueError("rejected")  # stops the parser: it cannot find the next request

    def _proceed(self) -> None:
        """Serve queued requests; pause reading while any request waits."""
        while self._queue and self._task is None and self._writable and not self._closing:
            request, keep_alive = self._queue.popleft()
            self._serve(request, keep_alive=keep_alive)
        if self._closing or self._transport.is_closing():
            return
        if self._task is None and not self._queue and self._protocol_error is not None:
            self._answer(self._protocol_error, keep_alive=False)
        else:
            self._read(self._writable and not self._queue)

    def _read(self, reading: bool) -> None:
        if reading is not self._reading:
            self._reading = reading
            if reading:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def _serve(self, request: Request, *, keep_alive: bool) -> None:
        try:
            result = self._handler(request)
        except ConnectionDropped:
            self._transport.abort()
            return
        except Exception:  # noqa: BLE001 - the boundary: one request fails, not the server
            self._answer(_internal_error(), keep_alive=keep_alive)
            return
        if isinstance(result, Response):
            self._answer(result, keep_alive=keep_alive)
            return
        self._task = self._loop.create_task(result)
        self._task.add_done_callback(lambda task: self._finished(task, keep_alive=keep_alive))

    def _finished(self, task: asyncio.Task[Response], *, keep_alive: bool) -> None:
        self._task = None
        if self._closing or self._transport.is_closing():
            if not task.cancelled():
                task.exception()  # the client is gone; mark the exception as retrieved
            return
        if task.cancelled():
            self._answer(Response(503), keep_alive=False)
            return
        error = task.exception()
        if isinstance(error, ConnectionDropped):
            self._transport.abort()
            return
        response = task.result() if error is None else _internal_error(error)
        self._answer(response, keep_alive=keep_alive)
        self._proceed()

    def _answer(self, response: Response, *, keep_alive: bool) -> None:
        self._transport.write(response.wire)
        if not keep_alive:
            self._closing = True
            self._transport.close()


def _internal_error(error: BaseException | None = None) -> Response:
    """Print the traceback of a bug in the local stack and return a 500."""
    lines = traceback.format_exception(error) if error else [traceback.format_exc()]
    print("".join(lines), file=sys.stderr, end="")
    return Response.json(500, {"message": "internal error of the local stack; see its output"})
