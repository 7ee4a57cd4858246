"""Low-cost client for posts to @connections, which leaves the machine to the server.

Requests are prepared in advance, including signatures (valid for five minutes), and sent over
kept-alive connections, one at a time on each. The client reads only status and length of responses.
`shared.fanout.connection_gateway` does more per post, and costs as much as the measured servers.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from typing import cast
from urllib.parse import quote, urlsplit

import uvloop

from local.iam.credentials import LocalCredentials
from shared.utils.clock import SystemClock
from shared.utils.sigv4 import Signer, host_of

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
# AWS responds with 200, serverless-offline with 204.
_ACCEPTED = (b"HTTP/1.1 200", b"HTTP/1.1 204")
_SECONDS_TO_FINISH = 10


class RefusedError(Exception):
    """The server refused a post."""


def requests_to(management_url: str, ids: Sequence[str], body: bytes, region: str) -> list[bytes]:
    """Prepare a signed request for each connection, valid for five minutes."""
    host = host_of(management_url)
    base = f"{urlsplit(management_url).path.rstrip('/')}/{quote('@connections', safe='')}/"
    now_ms = SystemClock().now_ms()
    prepared = Signer(LocalCredentials(), region, "execute-api").prepare("POST", host, body, now_ms)
    common = "\r\n".join((f"Host: {host}", *prepared.headers, f"Content-Length: {len(body)}"))
    requests = []
    for connection_id in ids:
        path = base + quote(connection_id, safe="")
        head = f"POST {path} HTTP/1.1\r\nAuthorization: {prepared.authorization(path)}\r\n{common}"
        requests.append(head.encode() + _HEAD_END + body)
    return requests


class _RequestCycle:
    """Cycles through the requests until the deadline, and counts accepted ones."""

    def __init__(self, requests: Sequence[bytes], until: float) -> None:
        self._requests = requests
        self._until = until
        self._next = 0
        self.accepted = 0

    def take(self) -> bytes | None:
        """The next request, or None after the deadline."""
        if time.perf_counter() >= self._until:
            return None
        request = self._requests[self._next % len(self._requests)]
        self._next += 1
        return request


class _Poster(asyncio.Protocol):
    """A connection that sends its next request after each response."""

    def __init__(self, cycle: _RequestCycle) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._cycle = cycle
        self._transport: asyncio.Transport
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail if requests are left."""
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("closed by the server"))

    def data_received(self, data: bytes) -> None:
        """Process a response once it is complete."""
        self._buffer += data
        end = self._buffer.find(_HEAD_END)
        if end < 0:
            return
        length = _LENGTH.search(self._buffer, 0, end + 2)
        total = end + len(_HEAD_END) + (int(length[1]) if length else 0)
        if len(self._buffer) < total:
            return
        if not self._buffer.startswith(_ACCEPTED):
            self.done.set_exception(RefusedError(self._buffer[:200].decode("latin-1")))
            self._transport.close()
            return
        self._buffer = self._buffer[total:]
        self._cycle.accepted += 1
        self._send_next()

    def _send_next(self) -> None:
        request = self._cycle.take()
        if request is None:
            self.done.set_result(None)
            self._transport.close()
        else:
            self._transport.write(request)


def post_for(
    management_url: str,
    requests: Sequence[bytes],
    *,
    seconds: float,
    in_flight: int,
) -> tuple[int, float]:
    """Send the requests repeatedly; return the number accepted and the seconds taken.

    Raises RefusedError, ConnectionError, TimeoutError.
    """
    return uvloop.run(_post_for(management_url, requests, seconds, in_flight))


async def _post_for(
    management_url: str, requests: Sequence[bytes], seconds: float, in_flight: int
) -> tuple[int, float]:
    address = urlsplit(management_url)
    host, port = str(address.hostname), int(address.port or 80)
    loop = asyncio.get_running_loop()
    started_at = time.perf_counter()
    cycle = _RequestCycle(requests, started_at + seconds)
    async with asyncio.timeout(seconds + _SECONDS_TO_FINISH):
        posters = [
            await loop.create_connection(lambda: _Poster(cycle), host, port)
            for _ in range(in_flight)
        ]
        await asyncio.gather(*(poster.done for _, poster in posters))
    return cycle.accepted, time.perf_counter() - started_at
