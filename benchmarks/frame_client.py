"""Minimal WebSocket client for measuring servers.

A thousand clients of a full library would dominate the measurement. This one implements just enough
of RFC 6455 for servers that neither fragment nor compress their messages.
"""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from abc import ABC, abstractmethod
from typing import cast
from urllib.parse import urlsplit

_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_ACCEPTED = b"HTTP/1.1 101"


class FrameClient(asyncio.Protocol, ABC):
    """Connects, upgrades, and passes every message to `text_received`.

    The subclass sets the result of `ready`. If the connection is refused or ends before that,
    `ready` raises ConnectionError.
    """

    def __init__(self, url: str) -> None:
        self.ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._url = urlsplit(url)
        self._transport: asyncio.Transport | None = None
        # Data after the last complete frame.
        self._rest = b""
        self._upgraded = False

    async def open(self, timeout_seconds: float = 60) -> str:
        """Connect and return the result of `ready`. Raises ConnectionError, TimeoutError."""
        loop = asyncio.get_running_loop()
        host, port = str(self._url.hostname), int(self._url.port or 80)
        async with asyncio.timeout(timeout_seconds):
            await loop.create_connection(lambda: self, host, port)
            return await self.ready

    @abstractmethod
    def upgraded(self) -> None:
        """Called after the handshake."""

    @abstractmethod
    def text_received(self, payload: bytes) -> None:
        """Called for every text message."""

    def send(self, payload: bytes) -> None:
        """Send a text message of less than 64 KiB."""
        self._send(_TEXT, payload)

    def close(self) -> None:
        """Close the connection without a close frame."""
        if self._transport is not None:
            self._transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the upgrade request."""
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        target = f"{self._url.path}?{self._url.query}" if self._url.query else self._url.path
        self._transport.write(
            f"GET {target} HTTP/1.1\r\nHost: {self._url.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail `ready` if it is still pending."""
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("closed before it was ready"))

    def data_received(self, data: bytes) -> None:
        """Process complete frames; keep the rest."""
        if self._rest:
            data = self._rest + data
        if not self._upgraded:
            data = self._upgrade(data)
        first = 0
        while self._upgraded and (bounds := _payload_bounds(data, first)) is not None:
            start, stop = bounds
            self._process(data[first] & 0x0F, data[start:stop])
            first = stop
        self._rest = data[first:]

    def _upgrade(self, data: bytes) -> bytes:
        """Process the response to the upgrade once it is complete; returns what follows it."""
        head, separator, rest = data.partition(b"\r\n\r\n")
        if not separator:
            return data
        if not head.startswith(_ACCEPTED):
            self.ready.set_exception(ConnectionError(head.split(b"\r\n")[0].decode()))
            self.close()
            return b""
        self._upgraded = True
        self.upgraded()
        return rest

    def _process(self, opcode: int, payload: bytes) -> None:
        if opcode == _TEXT:
            self.text_received(payload)
        elif opcode == _PING:
            self._send(_PONG, payload)
        elif opcode == _CLOSE:
            self.close()

    def _send(self, opcode: int, payload: bytes) -> None:
        assert self._transport is not None
        # Clients must mask; a zero mask leaves the payload unchanged.
        length = len(payload)
        size = bytes([0x80 | length]) if length < 126 else struct.pack("!BH", 0x80 | 126, length)
        self._transport.write(bytes([0x80 | opcode]) + size + bytes(4) + payload)


def _payload_bounds(data: bytes, first: int) -> tuple[int, int] | None:
    """Start and stop of the payload of the frame at `first`; None if it is incomplete."""
    size = len(data)
    if size < first + 2:
        return None
    length, start = data[first + 1] & 0x7F, first + 2
    if length == 126:
        if size < first + 4:
            return None
        length, start = struct.unpack_from("!H", data, first + 2)[0], first + 4
    elif length == 127:
        if size < first + 10:
            return None
        length, start = struct.unpack_from("!Q", data, first + 2)[0], first + 10
    stop = start + length
    return (start, stop) if size >= stop else None
