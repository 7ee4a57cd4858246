"""A listener that costs next to nothing: it counts WebSocket frames and reads two numbers of each.

A thousand listeners that parse JSON and base64 would measure themselves. This one speaks just
enough of RFC 6455 for a server that neither fragments nor compresses its messages.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import struct
import time
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

_SEQ = re.compile(rb'"seq":(\d+),"timestamp":(\d+)')
_TEXT, _CLOSE, _PING = 0x1, 0x8, 0x9
_ACCEPTED = b"HTTP/1.1 101"

# Sequence number, capture time (ms since the epoch), time of receipt (likewise).
Heard = Callable[[int, int, float], None]


class FrameListener(asyncio.Protocol):
    """Joins a session as soon as it is connected; `heard` is called for every chunk."""

    def __init__(self, url: str, join: dict[str, str], heard: Heard) -> None:
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sample: bytes | None = None
        self._url = urlsplit(url)
        self._join = json.dumps({"action": "joinSession", **join}).encode()
        self._heard = heard
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET {self._url.path} HTTP/1.1\r\nHost: {self._url.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """A listener that never joined says so."""
        if not self.joined.done():
            self.joined.set_exception(exc or ConnectionError("closed before it had joined"))

    def data_received(self, data: bytes) -> None:
        """Count what is complete, keep the rest."""
        received_at = time.time() * 1000
        self._buffer += data
        if not self._upgraded and not self._upgrade():
            return
        while (end := self._frame_end()) is not None:
            start, stop = end
            self._take(self._buffer[0] & 0x0F, bytes(self._buffer[start:stop]), received_at)
            del self._buffer[:stop]

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def _upgrade(self) -> bool:
        head, separator, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not separator:
            return False
        if not head.startswith(_ACCEPTED):
            self.joined.set_exception(ConnectionError(head.split(b"\r\n")[0].decode()))
            self.close()
            return False
        self._upgraded = True
        self._buffer[:] = rest
        self._send(_TEXT, self._join)
        return True

    def _frame_end(self) -> tuple[int, int] | None:
        """Where the payload of the first whole frame starts and stops."""
        if len(self._buffer) < 2:
            return None
        length, start = self._buffer[1] & 0x7F, 2
        if length == 126:
            if len(self._buffer) < 4:
                return None
            length, start = struct.unpack_from("!H", self._buffer, 2)[0], 4
        elif length == 127:
            if len(self._buffer) < 10:
                return None
            length, start = struct.unpack_from("!Q", self._buffer, 2)[0], 10
        stop = start + length
        return (start, stop) if len(self._buffer) >= stop else None

    def _take(self, opcode: int, payload: bytes, received_at: float) -> None:
        if opcode == _PING:
            self._send(0xA, payload)
        elif opcode == _CLOSE:
            self.close()
        elif payload.startswith(b'{"type":"audio"'):
            numbers = _SEQ.search(payload, 0, 300)
            assert numbers is not None
            self.sample = payload
            self._heard(int(numbers[1]), int(numbers[2]), received_at)
        elif not self.joined.done():
            message = json.loads(payload)
            if message.get("type") == "sessionJoined":
                self.joined.set_result(None)
            else:
                self.joined.set_exception(ConnectionError(payload.decode()))

    def _send(self, opcode: int, payload: bytes) -> None:
        assert self._transport is not None
        # Clients must mask; a mask of zeros leaves the payload as it is.
        length = len(payload)
        size = bytes([0x80 | length]) if length < 126 else struct.pack("!BH", 0x80 | 126, length)
        self._transport.write(bytes([0x80 | opcode]) + size + bytes(4) + payload)
