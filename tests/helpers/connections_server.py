"""Server of API Gateway's @connections API: real sockets, scripted responses."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self, TypeVar
from urllib.parse import unquote

T = TypeVar("T")


class Failure(Enum):
    """Ways a request fails without a complete response."""

    RESET = "reset"  # the connection is reset before the response
    CUT = "cut"  # the connection closes within the response
    STALL = "stall"  # the response never comes


@dataclass(frozen=True)
class Received:
    """One request. `connection_number` tells TCP connections apart."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection_number: int

    @property
    def connection_id(self) -> str:
        """The WebSocket connection that the request is about."""
        return unquote(self.path.rpartition("/")[2])


@dataclass
class ConnectionsServer:
    """Responds 200 to every request, unless `gone`, `statuses` or `script` say otherwise.

    With `answer_in_groups_of` n, it holds responses back until n requests are waiting. Use it as a
    context manager: it serves from a thread of its own, on a free port of 127.0.0.1.
    """

    tls: ssl.SSLContext | None = None
    answer_in_groups_of: int = 1
    gone: set[str] = field(default_factory=set)
    statuses: dict[str, int] = field(default_factory=dict)
    #: Response body of successful posts.
    reply: bytes = b""
    received: list[Received] = field(default_factory=list)
    most_in_flight: int = 0
    port: int = 0

    def __post_init__(self) -> None:
        self._scripts: defaultdict[str, deque[int | Failure]] = defaultdict(deque)
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._serial = 0
        self._in_flight = 0
        self._held: list[asyncio.Future[None]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def endpoint(self) -> str:
        """The management endpoint, with a stage."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/prod"

    def script(self, connection_id: str, *answers: int | Failure) -> None:
        """Queue responses or failures for the next requests about `connection_id`."""
        self._scripts[connection_id].extend(answers)

    def bodies(self, connection_id: str) -> list[bytes]:
        """Bodies posted to `connection_id`, whatever the response."""
        return [
            request.body
            for request in self.received
            if request.method == "POST" and request.connection_id == connection_id
        ]

    def break_connections(self) -> None:
        """Reset all open TCP connections."""
        self._call(self._break())

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        await self._break()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _break(self) -> None:
        for writer in list(self._writers.values()):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serial += 1
        number = self._serial
        self._writers[number] = writer
        try:
            while True:
                await self._answer(await _read(reader, number), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            del self._writers[number]
            writer.close()

    async def _answer(self, request: Received, writer: asyncio.StreamWriter) -> None:
        self.received.append(request)
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            await self._hold_back()
            answer = self._next_answer(request)
            if answer is Failure.STALL:
                await self._loop.create_future()
        finally:
            self._in_flight -= 1
        if answer is Failure.RESET:
            _reset(writer)
            raise ConnectionError
        if answer is Failure.CUT:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            await writer.drain()
            writer.close()
            raise ConnectionError
        assert isinstance(answer, int)
        writer.write(_response(answer, request.method, self.reply))

    async def _hold_back(self) -> None:
        if self.answer_in_groups_of == 1:
            return
        turn = self._loop.create_future()
        self._held.append(turn)
        if len(self._held) == self.answer_in_groups_of:
            for future in self._held:
                future.set_result(None)
            self._held.clear()
        await turn

    def _next_answer(self, request: Received) -> int | Failure:
        connection_id = request.connection_id
        if self._scripts[connection_id]:
            return self._scripts[connection_id].popleft()
        if connection_id in self.gone:
            return 410
        if connection_id in self.statuses:
            return self.statuses[connection_id]
        if request.method == "DELETE":
            self.gone.add(connection_id)
            return 204
        return 200


async def _read(reader: asyncio.StreamReader, number: int) -> Received:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {}
    for line in filter(None, lines):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method, path, headers, body, number)


def _response(status: int, method: str, reply: bytes) -> bytes:
    body = (
        reply if status == 200 else b"" if status == 204 else json.dumps({"message": "no"}).encode()
    )
    if method == "GET" and status == 200:
        body = json.dumps({"connectedAt": "2026-01-01T00:00:00Z"}).encode()
    length = b"" if status == 204 else b"Content-Length: %d\r\n" % len(body)
    return b"HTTP/1.1 %d Scripted\r\n%s\r\n%s" % (status, length, body)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock: socket.socket = writer.get_extra_info("socket")
    # Lingering for zero seconds makes closing a reset.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
