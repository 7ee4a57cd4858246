"""Clients of a deployed or local API. Every wait has a timeout."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.conformance.dialects import Dialect

# Timeout of a reply; a cold start on AWS takes a second or two.
TIMEOUT_SECONDS = 15.0
# Longer than an integration timeout, 29 s.
LONG_TIMEOUT_SECONDS = 45.0

Message = dict[str, Any]


class Client:
    """An open connection. Keeps messages that arrive while another one is awaited."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._unread: list[str] = []
        self._tags = itertools.count(1)

    async def send(self, message: str | bytes | Iterable[str]) -> None:
        """Send a message; a list is sent as one message of several frames."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self.socket.send(message)

    async def text(self, timeout_seconds: float = TIMEOUT_SECONDS) -> str:
        """Receive the next message, which must be text."""
        if self._unread:
            return self._unread.pop(0)
        return await self._receive(timeout_seconds)

    async def json(self, timeout_seconds: float = TIMEOUT_SECONDS) -> Message:
        """Receive the next message, which must be a JSON object."""
        message: Message = json.loads(await self.text(timeout_seconds))
        return message

    async def receive_matching(self, matches: Callable[[Message], bool]) -> Message:
        """Receive the next JSON object that matches."""
        for number, text in enumerate(self._unread):
            if (message := _object(text)) is not None and matches(message):
                del self._unread[number]
                return message
        async with asyncio.timeout(2 * TIMEOUT_SECONDS):
            while True:
                text = await self._receive(TIMEOUT_SECONDS)
                if (message := _object(text)) is not None and matches(message):
                    return message
                self._unread.append(text)

    async def send_command(self, action: str = "ask", **command: Any) -> int:
        """Send a command to the probe; returns the tag of its reply."""
        tag = next(self._tags)
        await self.send(json.dumps({"action": action, "tag": tag, **command}))
        return tag

    async def run_command(self, **command: Any) -> Message:
        """Send a command to the probe and receive its reply."""
        tag = await self.send_command(**command)
        return await self.receive_matching(lambda message: message.get("tag") == tag)

    async def call(self, method: str = "POST", **command: Any) -> Message:
        """Have the probe call @connections; returns the result of its last call."""
        reply = await self.run_command(do="call", method=method, **command)
        result: Message = reply["calls"][-1]
        return result

    async def event(self) -> Message:
        """The event of a message, as received by the probe's function."""
        event: Message = (await self.run_command(do="event"))["seen"]
        return event

    async def connection_id(self) -> str:
        """API Gateway's id of this connection."""
        return str((await self.event())["requestContext"]["connectionId"])

    async def report(self, observed: str) -> Message:
        """Receive the probe's report about a connection whose observer is this one."""
        return await self.receive_matching(lambda message: message.get("observed") == observed)

    async def closing(self) -> tuple[int, str]:
        """Skip messages until the server closes; returns the close code and reason."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            with suppress(ConnectionClosed):
                while True:
                    await self.socket.recv()
        assert self.socket.close_code is not None
        return self.socket.close_code, self.socket.close_reason or ""

    async def _receive(self, timeout_seconds: float) -> str:
        async with asyncio.timeout(timeout_seconds):
            message = await self.socket.recv()
        assert isinstance(message, str), "a binary frame"
        return message


class Api:
    """An API at a URL. `close` drops all its connections."""

    def __init__(self, url: str, dialect: Dialect, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        self.dialect = dialect
        self._token = token
        self._clients: list[ClientConnection] = []

    async def connect(self, *, options: Message | None = None, **query: Any) -> Client:
        """Open a connection. Raises InvalidStatus if the handshake is rejected."""
        return await self._open(self._address(query), **(options or {}))

    async def connect_observed(self, **query: Any) -> tuple[Client, Client]:
        """Open an observer and then a connection that the probe reports to it."""
        observer = await self.connect()
        client = await self.connect(observer=await observer.connection_id(), **query)
        return observer, client

    async def rejection_status(self, **query: Any) -> int:
        """The status with which the API rejects a handshake."""
        return await self._rejection_status(self._address(query))

    async def rejection_status_at(self, path: str) -> int:
        """The status with which the host rejects a handshake at `path`."""
        host = self.url.split("://", 1)[1].split("/", 1)[0]
        return await self._rejection_status(f"{self.url.split('://', 1)[0]}://{host}{path}")

    async def close(self) -> None:
        """Drop all connections."""
        for client in self._clients:
            client.transport.abort()

    async def _rejection_status(self, address: str) -> int:
        try:
            await self._open(address)
        except InvalidStatus as rejected:
            return rejected.response.status_code
        raise AssertionError("the handshake was accepted")

    async def _open(self, address: str, **options: Any) -> Client:
        if "subprotocols" in options:
            options["subprotocols"] = [Subprotocol(name) for name in options["subprotocols"]]
        socket = await connect(
            address,
            **{
                "compression": None,
                "ping_interval": None,
                "max_size": None,
                "open_timeout": LONG_TIMEOUT_SECONDS,
                "close_timeout": 2,
            }
            | options,
        )
        self._clients.append(socket)
        return Client(socket)

    def _address(self, query: Message) -> str:
        if self._token is not None:
            query = {"token": self._token} | query
        texts = [
            (key, item if isinstance(item, str) else json.dumps(item))
            for key, value in query.items()
            for item in (value if isinstance(value, tuple) else (value,))
        ]
        return f"{self.url}?{urlencode(texts, quote_via=quote)}" if texts else self.url


def _object(text: str) -> Message | None:
    with suppress(ValueError):
        message = json.loads(text)
        return message if isinstance(message, dict) else None
    return None
