"""Timeouts with an injected sleep, for engines and connections that may hang."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from client.playback.capture import Sleep

_Result = TypeVar("_Result")
# Time allowed for a cancelled task to end before it is abandoned.
_CANCEL_SECONDS = 1.0


async def with_timeout(sleep: Sleep, seconds: float, work: Awaitable[_Result]) -> _Result:
    """Await `work`. Cancels it and raises TimeoutError after `seconds`."""
    task = asyncio.ensure_future(work)
    alarm = asyncio.ensure_future(sleep(seconds))
    try:
        await asyncio.wait((task, alarm), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        alarm.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait((task,), timeout=_CANCEL_SECONDS)


@contextlib.asynccontextmanager
async def open_with_timeout(
    sleep: Sleep,
    context: AbstractAsyncContextManager[_Result],
    *,
    start_seconds: float,
    close_seconds: float,
) -> AsyncIterator[_Result]:
    """Enter `context` for the block, with a time limit each for entering and closing.

    Raises TimeoutError if entering takes too long. Errors and timeouts on closing are ignored,
    because the result is already there.
    """
    entered = await with_timeout(sleep, start_seconds, context.__aenter__())
    try:
        yield entered
    finally:
        with contextlib.suppress(Exception):
            await with_timeout(sleep, close_seconds, context.__aexit__(None, None, None))
