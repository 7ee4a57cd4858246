"""Doubles of the database, queues and functions that lose requests and responses on demand."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from shared.data_access.errors import StoreUnavailableError
from shared.fanout.sharded_sender import FunctionInvoker, InvocationResult
from shared.models.delivery import Outcome

_WRITES = ("put_item", "update_item", "delete_item")


class Fault(Enum):
    """What happens to a call."""

    #: The call fails without being applied.
    REQUEST_LOST = "request lost"
    #: The call is applied, but its response is lost.
    RESPONSE_LOST = "response lost"
    #: The call is applied twice: the client library retried it after a lost response.
    APPLIED_TWICE = "applied twice"


class Faults:
    """Counts calls and injects the planned fault."""

    def __init__(self) -> None:
        self._fault: Fault | None = None
        self._positions = range(0)
        self._only_writes = False
        self.calls = 0

    def plan(self, fault: Fault, position: int, *, times: int = 1, writes: bool = False) -> None:
        """Inject a fault into `times` calls, starting with number `position` from now (0 is next).

        With `writes`, reads are not counted and never fail.
        """
        self._fault, self._positions = fault, range(position, position + times)
        self._only_writes = writes
        self.calls = 0

    def end(self) -> bool:
        """End the plan. Returns whether the fault was injected."""
        injected = self._fault is not None and self.calls > self._positions.start
        self._fault = None
        return injected

    def pass_on(self, call: Callable[[], Any], error: Exception, *, writes: bool = True) -> Any:
        """Make a call and return its result, or raise `error` if the fault says so."""
        if self._only_writes and not writes:
            return call()
        number, self.calls = self.calls, self.calls + 1
        if self._fault is None or number not in self._positions:
            return call()
        if self._fault is Fault.REQUEST_LOST or not writes:
            raise error
        with contextlib.suppress(ClientError):  # the response of a refused write is lost, too
            call()
        if self._fault is Fault.APPLIED_TWICE:
            return call()
        raise error


class LossyClient(Faults):
    """A DynamoDB client that faults can hit."""

    def __init__(self, client: Any) -> None:
        super().__init__()
        self._client = client

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        def passed_on(**arguments: Any) -> Any:
            error = ReadTimeoutError(endpoint_url="https://dynamodb.example.com")
            return self.pass_on(lambda: call(**arguments), error, writes=name in _WRITES)

        return passed_on


class LossyTimers:
    """A timer queue that faults can hit."""

    def __init__(self, timers: Any, faults: Faults) -> None:
        self._timers = timers
        self._faults = faults

    def set(self, timer: Any, delay_seconds: int) -> None:
        """See `shared.models.timers.Timers`."""
        error = StoreUnavailableError("send_message: test")
        self._faults.pass_on(lambda: self._timers.set(timer, delay_seconds), error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._timers, name)


class _InvocationLostError(Exception):
    """Raised and caught by LossyInvoker alone."""


class LossyInvoker:
    """A function invoker that faults can hit."""

    def __init__(self, invoker: FunctionInvoker, faults: Faults) -> None:
        self._invoker = invoker
        self._faults = faults

    def invoke_many(self, payloads: Sequence[bytes], deadline_at: int) -> list[InvocationResult]:
        """See `shared.fanout.sharded_sender.FunctionInvoker`."""
        try:
            answers: list[InvocationResult] = self._faults.pass_on(
                lambda: self._invoker.invoke_many(payloads, deadline_at), _InvocationLostError()
            )
        except _InvocationLostError:
            return [InvocationResult(Outcome.DROPPED) for _ in payloads]
        return answers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._invoker, name)
