"""Waiting with a limit, by an injected sleep: what is waited for may be an engine that hangs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from client.playback.capture import Sleep

_Result = TypeVar("_Result")
# Whoever does not even obey a cancellation is left to itself after so long.
_STUBBORN_SECONDS = 1.0


async def within(sleep: Sleep, seconds: float, work: Awaitable[_Result]) -> _Result:
    """The result of `work`; raises TimeoutError, and cancels it, if that takes longer."""
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
            await asyncio.wait((task,), timeout=_STUBBORN_SECONDS)


@contextlib.asynccontextmanager
async def opened(
    sleep: Sleep,
    context: AbstractAsyncContextManager[_Result],
    *,
    start_seconds: float,
    close_seconds: float,
) -> AsyncIterator[_Result]:
    """What `context` opens, for the block; raises TimeoutError if that takes longer. How closing
    goes is nobody's concern: it is over, and somebody else's code.
    """
    entered = await within(sleep, start_seconds, context.__aenter__())
    try:
        yield entered
    finally:
        with contextlib.suppress(Exception):
            await within(sleep, close_seconds, context.__aexit__(None, None, None))
