"""What loses requests and answers, where a test wants it: the database, queues, other functions."""

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
    """What becomes of a call."""

    #: It never gets there.
    LOST = "fails before"
    #: It is carried out, and nobody hears of it.
    UNANSWERED = "applied, answer lost"
    #: The client library's second try of the same call, after the first one's answer was lost.
    TWICE = "applied twice"


class Faults:
    """Counts the calls that pass, and lets a fault befall some of them."""

    def __init__(self) -> None:
        self._fault: Fault | None = None
        self._positions = range(0)
        self._only_writes = False
        self.calls = 0

    def plan(self, fault: Fault, position: int, *, times: int = 1, writes: bool = False) -> None:
        """Let the fault befall `times` calls from a position on, which counts from 0 and now; with
        `writes` nothing else counts.
        """
        self._fault, self._positions = fault, range(position, position + times)
        self._only_writes = writes
        self.calls = 0

    def over(self) -> bool:
        """Whether the fault has come; plans no other."""
        came = self._fault is not None and self.calls > self._positions.start
        self._fault = None
        return came

    def pass_on(self, call: Callable[[], Any], error: Exception, *, writes: bool = True) -> Any:
        """The answer to a call. Raises `error` if that is lost."""
        if self._only_writes and not writes:
            return call()
        number, self.calls = self.calls, self.calls + 1
        if self._fault is None or number not in self._positions:
            return call()
        if self._fault is Fault.LOST or not writes:
            raise error
        with contextlib.suppress(ClientError):  # a refusal is an answer, too
            call()
        if self._fault is Fault.TWICE:
            return call()
        raise error


class Lossy(Faults):
    """A client of DynamoDB whose calls faults may befall."""

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
    """A queue whose messages faults may befall."""

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
    """Within this module."""


class LossyInvoker:
    """Asynchronous invocations that faults may befall."""

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
