"""Waiting for several tasks without leaking any."""

from __future__ import annotations

import asyncio
from typing import Any


async def wait_for_all(*tasks: asyncio.Task[Any]) -> None:
    """Wait for all tasks; on the first error cancel the others and raise it unchanged."""
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
