"""One invocation of a function and its outcome, in Lambda's terms."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import dataclass, field
from typing import Protocol

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 6 MB each way.
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an invocation: the function's result, or the JSON that describes its error."""

    payload: bytes
    # The error's type, as the runtime or Lambda itself names it.
    error: str | None = None

    @classmethod
    def failure(cls, error: str, message: str) -> Outcome:
        """An error that Lambda itself reports."""
        body = json.dumps({"errorType": error, "errorMessage": message})
        return cls(body.encode(), error)

    @property
    def error_message(self) -> str:
        """What the exception said; empty for a result."""
        if self.error is None:
            return ""
        try:
            return str(json.loads(self.payload).get("errorMessage", ""))
        except (ValueError, AttributeError):
            return ""


@dataclass(slots=True)
class Invocation:
    """A payload on its way through a worker. Belongs to the running event loop."""

    payload: bytes
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    done: asyncio.Future[Outcome] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def finish(self, outcome: Outcome) -> None:
        """Tell whoever waits, if anybody still does; the first outcome counts."""
        if not self.done.done():
            self.done.set_result(outcome)


class Invoker(Protocol):
    """Invokes functions of the stack by name."""

    async def invoke(self, function: str, payload: bytes) -> Outcome:
        """The outcome. Raises UnknownFunctionError, ThrottledError."""
