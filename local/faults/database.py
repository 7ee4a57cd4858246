"""Faults of requests to DynamoDB."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Sequence
from typing import Any

import msgspec

from local.faults.functions import FunctionFaults
from local.faults.injector import FaultInjector
from local.faults.plan import (
    DatabaseAnswerLoss,
    DatabaseDelay,
    DatabaseError,
    DatabaseReset,
    DatabaseThrottle,
    Fault,
    FunctionKill,
)
from local.http.messages import ConnectionDropped, Handler, Request, Response
from local.iam.required_actions import operation_of

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
_TYPES = {
    "ProvisionedThroughputExceededException": "com.amazonaws.dynamodb.v20120810",
    "ThrottlingException": "com.amazon.coral.availability",
    "InternalServerError": "com.amazonaws.dynamodb.v20120810",
}


def _error(status: int, kind: str, message: str) -> Response:
    body = json.dumps({"__type": f"{_TYPES[kind]}#{kind}", "message": message}).encode()
    return Response(status, body, [("Content-Type", "application/x-amz-json-1.0")])


class _Call(msgspec.Struct):
    """The fields that name tables; msgspec skips all others."""

    table: str = msgspec.field(default="", name="TableName")
    tables: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict, name="RequestItems")


class FaultyDatabase:
    """Passes requests to `handler`, the DynamoDB proxy, with faults."""

    def __init__(self, handler: Handler, faults: FaultInjector, functions: FunctionFaults) -> None:
        self._handler = handler
        self._faults = faults
        self._functions = functions
        self._decoder = msgspec.json.Decoder(_Call)

    def handle(self, request: Request) -> Response | Coroutine[Any, Any, Response]:
        """Answer one request. Raises ConnectionDropped."""
        operation = operation_of(request)
        if not operation:
            return self._handler(request)
        subject = {"operation": operation, "table": self._table(request)}
        drawn = self._faults.draw("database", subject)
        return self._with_faults(request, drawn) if drawn else self._handler(request)

    def _table(self, request: Request) -> str:
        try:
            call = self._decoder.decode(request.body)
        except msgspec.DecodeError:
            return ""  # the service refuses it
        return call.table or next(iter(call.tables), "")

    async def _with_faults(self, request: Request, drawn: Sequence[Fault]) -> Response:
        for fault in drawn:
            match fault:
                case DatabaseDelay():
                    await asyncio.sleep(fault.ms / 1000)
                case DatabaseThrottle():
                    return _error(400, fault.error, "injected: the rate of requests is too high")
                case DatabaseError():
                    return _error(500, "InternalServerError", "injected")
                case DatabaseReset():
                    raise ConnectionDropped
                case DatabaseAnswerLoss():
                    await self._forward(request)
                    raise ConnectionDropped
                case FunctionKill():
                    answer = await self._forward(request)
                    if not self._functions.strike(fault):
                        self._faults.missed(fault)
                    return answer
        return await self._forward(request)

    async def _forward(self, request: Request) -> Response:
        answer = self._handler(request)
        return answer if isinstance(answer, Response) else await answer
