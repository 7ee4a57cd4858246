"""One invocation of a function and its outcome, as Lambda defines them."""

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
    """The result of an invocation: the function's result, or its error as JSON."""

    payload: bytes
    # The type of the error, from the runtime or from Lambda.
    error: str | None = None

    @classmethod
    def failure(cls, error: str, message: str) -> Outcome:
        """An error reported by Lambda."""
        body = json.dumps({"errorType": error, "errorMessage": message})
        return cls(body.encode(), error)

    @property
    def error_message(self) -> str:
        """The message of the error; empty without an error."""
        if self.error is None:
            return ""
        try:
            return str(json.loads(self.payload).get("errorMessage", ""))
        except (ValueError, AttributeError):
            return ""


@dataclass(slots=True)
class Invocation:
    """A payload and the future of its outcome, in the running event loop."""

    payload: bytes
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    done: asyncio.Future[Outcome] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def finish(self, outcome: Outcome) -> None:
        """Set the outcome; later ones and those of cancelled callers are ignored."""
        if not self.done.done():
            self.done.set_result(outcome)


class Invoker(Protocol):
    """Invokes functions of the stack by name."""

    async def invoke(self, function: str, payload: bytes) -> Outcome:
        """Invoke a function. Raises UnknownFunctionError, ThrottledError."""
