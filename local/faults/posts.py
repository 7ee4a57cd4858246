"""Faults of posts to @connections, and of the sockets and functions behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, Protocol
from urllib.parse import unquote

from local.faults.injector import FaultInjector
from local.faults.plan import (
    Fault,
    FunctionKill,
    PostDelay,
    PostError,
    PostReset,
    PostThrottle,
    SocketBlackHole,
    SocketReset,
    is_named,
)
from local.faults.sockets import SocketFaults
from local.http.messages import ConnectionDropped, Request, Response

#: Counts of the faults in effect; not part of AWS's API.
STATISTICS_PATH = "/_faults"

_THROTTLED = Response.json(
    429, {"message": "Too Many Requests"}, [("x-amzn-ErrorType", "LimitExceededException")]
)
_FAILED = Response.json(
    500, {"message": "Internal server error"}, [("x-amzn-ErrorType", "InternalServerException")]
)


class WorkerKiller(Protocol):
    """The functions' workers."""

    def kill_busy(self, function: str) -> bool:
        """Kill a worker of a function, in an invocation; returns whether there was one."""


class FaultyPosts:
    """Passes requests to `handler`, the @connections API, with faults."""

    def __init__(
        self,
        handler: Callable[[Request], Response],
        faults: FaultInjector,
        sockets: SocketFaults,
        workers: WorkerKiller,
        functions: Collection[str],
    ) -> None:
        self._handler = handler
        self._faults = faults
        self._sockets = sockets
        self._workers = workers
        self._functions = functions

    def handle(self, request: Request) -> Response | Coroutine[Any, Any, Response]:
        """Answer one request. Raises ConnectionDropped."""
        if (request.method, request.target) == ("GET", STATISTICS_PATH):
            return Response.json(200, [count.as_json() for count in self._faults.counts])
        if request.method != "POST":
            return self._handler(request)
        connection = unquote(request.target.partition("connections/")[2])
        drawn = self._faults.draw("post", {"connection": connection})
        if delay_ms := sum(fault.ms for fault in drawn if isinstance(fault, PostDelay)):
            return self._later(delay_ms / 1000, request, connection, drawn)
        return self._answer(request, connection, drawn)

    async def _later(
        self, seconds: float, request: Request, connection: str, drawn: Sequence[Fault]
    ) -> Response:
        await asyncio.sleep(seconds)
        return self._answer(request, connection, drawn)

    def _answer(self, request: Request, connection: str, drawn: Sequence[Fault]) -> Response:
        for fault in drawn:
            match fault:
                case PostThrottle():
                    return _THROTTLED
                case PostError():
                    return _FAILED
                case PostReset():
                    if fault.delivered:
                        self._handler(request)
                    raise ConnectionDropped
                case SocketReset() | SocketBlackHole():
                    if not self._sockets.strike(fault, connection):
                        self._faults.missed(fault)
                case FunctionKill():
                    if not self._kill(fault.function):
                        self._faults.missed(fault)
        return self._handler(request)

    def _kill(self, wanted: str) -> bool:
        named = [name for name in self._functions if is_named(name, wanted)]
        return any(map(self._workers.kill_busy, named))
