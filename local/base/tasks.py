"""Running things side by side without leaving any of them behind."""

from __future__ import annotations

import asyncio
from typing import Any


async def wait_for_all(*tasks: asyncio.Task[Any]) -> None:
    """Wait until all are done; the first error ends the others, and is raised as it is."""
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
