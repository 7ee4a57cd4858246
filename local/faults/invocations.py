"""Faults of the invocations that clients' messages, $connect and $disconnect cause."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from local.faults.injector import FaultInjector
from local.faults.plan import (
    DisconnectLoss,
    Fault,
    MessageDelay,
    MessageDuplicate,
    MessageReorder,
    SocketBlackHole,
    SocketReset,
)
from local.faults.sockets import SocketFaults
from local.runtime.invocation import Invoker, Outcome

_DONE = Outcome(b'{"statusCode":200}')


class _Context(msgspec.Struct):
    route: str = msgspec.field(name="routeKey")
    connection: str = msgspec.field(name="connectionId")


class _Event(msgspec.Struct):
    """A WebSocket API's event; msgspec skips all other fields."""

    context: _Context = msgspec.field(name="requestContext")
    # Set in the events of authorizers.
    type: str | None = None


class FaultyInvoker:
    """Invokes functions for the WebSocket API by `invoker`, with faults."""

    def __init__(self, invoker: Invoker, faults: FaultInjector, sockets: SocketFaults) -> None:
        self._invoker = invoker
        self._faults = faults
        self._sockets = sockets
        self._decoder = msgspec.json.Decoder(_Event)
        # Messages to be overtaken, by connection; set when the next one has been served.
        self._held: dict[str, asyncio.Event] = {}
        self._duplicates: set[asyncio.Task[Outcome]] = set()

    async def invoke(self, function: str, payload: bytes) -> Outcome:
        """Invoke a function. Raises UnknownFunctionError, ThrottledError."""
        event = self._decoder.decode(payload)
        if event.type is not None:
            return await self._invoker.invoke(function, payload)
        route, connection = event.context.route, event.context.connection
        drawn = self._faults.draw("message", {"route": route, "connection": connection})
        if drawn:
            return await self._with_faults(drawn, function, payload, connection)
        return await self._invoke(function, payload, connection)

    async def _with_faults(
        self, drawn: Sequence[Fault], function: str, payload: bytes, connection: str
    ) -> Outcome:
        for fault in drawn:
            match fault:
                case MessageDelay():
                    await asyncio.sleep(fault.ms / 1000)
                case DisconnectLoss():
                    return _DONE
                case MessageDuplicate():
                    self._duplicate(function, payload)
                case MessageReorder():
                    if not await self._overtaken(connection, fault.ms / 1000):
                        self._faults.missed(fault)
                case SocketReset() | SocketBlackHole():
                    if not self._sockets.strike(fault, connection):
                        self._faults.missed(fault)
        return await self._invoke(function, payload, connection)

    async def _invoke(self, function: str, payload: bytes, connection: str) -> Outcome:
        held = self._held.get(connection)
        try:
            return await self._invoker.invoke(function, payload)
        finally:
            if held is not None:
                held.set()

    def _duplicate(self, function: str, payload: bytes) -> None:
        task = asyncio.get_running_loop().create_task(self._invoker.invoke(function, payload))
        self._duplicates.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Outcome]) -> None:
        self._duplicates.discard(task)
        if not task.cancelled():
            task.exception()  # it was extra; mark the exception as retrieved

    async def _overtaken(self, connection: str, seconds: float) -> bool:
        """Wait for the connection's next message to be served; returns whether it came in time."""
        if connection in self._held:
            return False  # this one is overtaking
        held = self._held[connection] = asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                await held.wait()
        except TimeoutError:
            return False
        finally:
            del self._held[connection]
        return True
