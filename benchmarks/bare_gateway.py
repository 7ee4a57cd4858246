"""The smallest gateway: WebSockets, and posts to them. Prints both URLs as a line of JSON.

    python -m benchmarks.bare_gateway

POST /{connection id} writes the body to the connection as a text frame; GET / lists the IDs. A
connection exists once its first message has been answered, as a join is. Ends with its standard
input.
"""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import count
from typing import cast

import httptools
import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from local.base import processes
from local.base.loopback import HOST

_POSTED = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_GONE = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
_numbers = count()


class _Posts(asyncio.Protocol):
    def __init__(self, connections: dict[bytes, ServerConnection]) -> None:
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._url = b""
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url = url
        self._body = []

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._url == b"/":
            ids = json.dumps([key.decode() for key in self._connections]).encode()
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(ids), ids)
            )
            return
        connection = self._connections.get(self._url[1:])
        if connection is None:
            self._transport.write(_GONE)
            return
        connection.protocol.send_text(b"".join(self._body))
        for data in connection.protocol.data_to_send():
            connection.transport.write(data)
        self._transport.write(_POSTED)


async def _serve() -> None:
    connections: dict[bytes, ServerConnection] = {}

    async def run(connection: ServerConnection) -> None:
        key = b"c%d" % next(_numbers)
        try:
            await connection.recv()
            await connection.send('{"type":"sessionJoined","sessionId":"bare"}')
            connections[key] = connection
            await connection.wait_closed()
        except ConnectionClosed:
            pass
        finally:
            connections.pop(key, None)

    loop = asyncio.get_running_loop()
    posts = await loop.create_server(lambda: _Posts(connections), HOST, 0, backlog=1024)
    websockets = await serve(
        run, HOST, 0, compression=None, ping_interval=None, server_header=None, backlog=1024
    )
    ports = [server.sockets[0].getsockname()[1] for server in (websockets, posts)]
    addresses = {"websocket": f"ws://{HOST}:{ports[0]}/", "posts": f"http://{HOST}:{ports[1]}/"}
    print(json.dumps(addresses), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    processes.prepare_for_connections()
    uvloop.run(_serve())
