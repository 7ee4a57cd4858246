"""Waiting with a limit, by an injected sleep: what is waited for may be an engine that hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from client.capture import Sleep

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
