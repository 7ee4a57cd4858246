"""Clients of a deployed or local API. Nothing here waits without a bound."""

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

# For any one answer; a cold start on AWS takes a second or two.
PATIENCE_SECONDS = 15.0
# The time-outs of integrations take 29 s.
LONG_PATIENCE_SECONDS = 45.0

Message = dict[str, Any]


class Client:
    """One open connection. What comes while something else is awaited is kept for later."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._kept: list[str] = []
        self._tags = itertools.count(1)

    async def send(self, message: str | bytes | Iterable[str]) -> None:
        """One message; of several frames if it is a list."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.socket.send(message)

    async def text(self, patience: float = PATIENCE_SECONDS) -> str:
        """The next message, which must be a text frame."""
        if self._kept:
            return self._kept.pop(0)
        return await self._receive(patience)

    async def json(self, patience: float = PATIENCE_SECONDS) -> Message:
        """The next message, a JSON object."""
        message: Message = json.loads(await self.text(patience))
        return message

    async def find(self, wanted: Callable[[Message], bool]) -> Message:
        """The next message that is wanted."""
        for number, text in enumerate(self._kept):
            if (message := _object(text)) is not None and wanted(message):
                del self._kept[number]
                return message
        async with asyncio.timeout(2 * PATIENCE_SECONDS):
            while True:
                text = await self._receive(PATIENCE_SECONDS)
                if (message := _object(text)) is not None and wanted(message):
                    return message
                self._kept.append(text)

    async def tell(self, action: str = "ask", **command: Any) -> int:
        """Have the probe do something; returns the tag that its reply will have."""
        tag = next(self._tags)
        await self.send(json.dumps({"action": action, "tag": tag, **command}))
        return tag

    async def ask(self, **command: Any) -> Message:
        """Have the probe do something, and wait for its reply."""
        tag = await self.tell(**command)
        return await self.find(lambda message: message.get("tag") == tag)

    async def call(self, method: str = "POST", **command: Any) -> Message:
        """Have the probe call @connections; the outcome of its last call."""
        reply = await self.ask(do="call", method=method, **command)
        outcome: Message = reply["calls"][-1]
        return outcome

    async def event(self) -> Message:
        """The event of a message, as the probe's function got it."""
        event: Message = (await self.ask(do="event"))["seen"]
        return event

    async def connection_id(self) -> str:
        """What API Gateway calls this connection."""
        return str((await self.event())["requestContext"]["connectionId"])

    async def report(self, observed: str) -> Message:
        """What the probe's function saw of a connection that named this one as its observer."""
        return await self.find(lambda message: message.get("observed") == observed)

    async def closing(self) -> tuple[int, str]:
        """Code and reason with which the other side closes; what it sends before is skipped."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            with suppress(ConnectionClosed):
                while True:
                    await self.socket.recv()
        assert self.socket.close_code is not None
        return self.socket.close_code, self.socket.close_reason or ""

    async def _receive(self, patience: float) -> str:
        async with asyncio.timeout(patience):
            message = await self.socket.recv()
        assert isinstance(message, str), "a binary frame"
        return message


class Api:
    """One API by its address. `close` ends all connections that were opened."""

    def __init__(self, url: str, dialect: Dialect, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        self.dialect = dialect
        self._token = token
        self._clients: list[ClientConnection] = []

    async def connect(self, *, options: Message | None = None, **query: Any) -> Client:
        """Open a connection. Raises InvalidStatus if it is refused."""
        return await self._open(self._address(query), **(options or {}))

    async def watched(self, **query: Any) -> tuple[Client, Client]:
        """A connection, and before it another one that is told about it."""
        observer = await self.connect()
        client = await self.connect(observer=await observer.connection_id(), **query)
        return observer, client

    async def refusal(self, **query: Any) -> int:
        """The status that a handshake is refused with."""
        return await self._refusal(self._address(query))

    async def refusal_at(self, path: str) -> int:
        """The same, at another path of the host."""
        host = self.url.split("://", 1)[1].split("/", 1)[0]
        return await self._refusal(f"{self.url.split('://', 1)[0]}://{host}{path}")

    async def close(self) -> None:
        """Drop all connections."""
        for client in self._clients:
            client.transport.abort()

    async def _refusal(self, address: str) -> int:
        try:
            await self._open(address)
        except InvalidStatus as refused:
            return refused.response.status_code
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
                "open_timeout": LONG_PATIENCE_SECONDS,
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
