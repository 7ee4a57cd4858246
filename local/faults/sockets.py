"""Faults of clients' WebSockets: resets and black holes."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from local.faults.plan import SocketBlackHole, SocketReset
from local.gateway.connections import Connections


class SocketFaults:
    """Strikes the sockets of open connections."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def strike(self, fault: SocketReset | SocketBlackHole, connection_id: str) -> bool:
        """Reset or block a connection's socket; returns False if it is not open."""
        connection = self._connections.find(connection_id)
        if connection is None:
            return False
        if isinstance(fault, SocketReset):
            connection.abort()
            return True
        holes: list[BlackHole] = []

        def block(transport: asyncio.Transport) -> asyncio.Transport:
            holes.append(BlackHole(transport))
            return cast(asyncio.Transport, holes[0])

        connection.interpose(block)
        if fault.seconds is not None:
            asyncio.get_running_loop().call_later(fault.seconds, holes[0].end)
        return True


class BlackHole:
    """A transport that neither sends nor receives, although both sides are open.

    It behaves like TCP without acknowledgements: what is written waits in the buffer, and goes out
    after `end`; so does what the client has sent meanwhile.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._buffer = bytearray()
        self._ended = False
        transport.pause_reading()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def end(self) -> None:
        """Send what has been written and receive again; nothing if the connection has ended."""
        self._ended = True
        if not self._transport.is_closing():
            self._transport.write(bytes(self._buffer))
            self._transport.resume_reading()
        self._buffer.clear()

    def write(self, data: bytes) -> None:
        """Keep data until the end."""
        if self._ended:
            self._transport.write(data)
        else:
            self._buffer += data

    def writelines(self, data: list[bytes]) -> None:
        """As `write`."""
        self.write(b"".join(data))

    def get_write_buffer_size(self) -> int:
        """The number of bytes that are not sent."""
        return self._transport.get_write_buffer_size() + len(self._buffer)

    def pause_reading(self) -> None:
        """Pause; without effect until the end."""
        if self._ended:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Resume; without effect until the end."""
        if self._ended:
            self._transport.resume_reading()
