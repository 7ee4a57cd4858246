"""Faults of posts to @connections, and of the sockets and functions behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from urllib.parse import unquote

from local.faults.functions import FunctionFaults
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


class FaultyPosts:
    """Passes requests to `handler`, the @connections API, with faults."""

    def __init__(
        self,
        handler: Callable[[Request], Response],
        faults: FaultInjector,
        sockets: SocketFaults,
        functions: FunctionFaults,
    ) -> None:
        self._handler = handler
        self._faults = faults
        self._sockets = sockets
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
                    if not self._functions.strike(fault):
                        self._faults.missed(fault)
        return self._handler(request)
