"""Invokes the function behind a route within the integration timeout."""

from __future__ import annotations

import asyncio

from local.base.errors import LocalError
from local.runtime.invocation import Invoker, Outcome

#: Error type of an integration timeout.
TIMED_OUT = "Endpoint.Timedout"


async def invoke_integration(
    invoker: Invoker, function: str, event: bytes, timeout_seconds: float
) -> Outcome:
    """Invoke a function; a timeout or an error of the local stack is a failed outcome."""
    try:
        async with asyncio.timeout(timeout_seconds):
            return await invoker.invoke(function, event)
    except TimeoutError:
        return Outcome.failure(TIMED_OUT, "Endpoint request timed out")
    except LocalError as error:
        return Outcome.failure(type(error).__name__, str(error))
