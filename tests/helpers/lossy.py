"""A client of DynamoDB that loses requests and answers, where a test wants it."""

from __future__ import annotations

import contextlib
from enum import Enum
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

_WRITES = ("put_item", "update_item", "delete_item")


class Fault(Enum):
    """What becomes of a call."""

    #: It never gets there.
    LOST = "fails before"
    #: It is carried out, and nobody hears of it.
    UNANSWERED = "applied, answer lost"
    #: The client library's second try of the same call, after the first one's answer was lost.
    TWICE = "applied twice"


class Lossy:
    """Passes calls on, but for those that a fault is planned for.

    `calls` counts all calls and `writes` those that change something, faulty ones included.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._fault: Fault | None = None
        self._position = 0
        self._times = 0
        self._only_writes = False
        self.calls = 0

    def plan(self, fault: Fault, position: int, *, times: int = 1, writes: bool = False) -> None:
        """Let the fault befall `times` calls, or with `writes` writes, from a position on, which
        counts from 0 and from now.
        """
        self._fault, self._position, self._times = fault, position, times
        self._only_writes = writes
        self.calls = 0

    def over(self) -> bool:
        """Whether the fault has come; plans no other."""
        came = self._fault is not None and self.calls > self._position
        self._fault = None
        return came

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        def passed_on(**arguments: Any) -> Any:
            is_write = name in _WRITES
            if self._only_writes and not is_write:
                return call(**arguments)
            number, self.calls = self.calls, self.calls + 1
            fault = self._fault
            if fault is None or not self._position <= number < self._position + self._times:
                return call(**arguments)
            if fault is Fault.LOST or not is_write:
                raise ReadTimeoutError(endpoint_url="https://dynamodb.example.com")
            with contextlib.suppress(ClientError):  # a refusal is an answer, too
                call(**arguments)
            if fault is Fault.TWICE:
                return call(**arguments)
            raise ReadTimeoutError(endpoint_url="https://dynamodb.example.com")

        return passed_on
