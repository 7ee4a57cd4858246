"""Thread pool for boto3 calls from asyncio, limited in size and time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from interpreter.engines.aws.error_mapping import (
    ConnectionLostError,
    from_botocore_error,
    from_client_error,
)

T = TypeVar("T")

# At debug level botocore logs requests and responses, which contain spoken text.
logging.getLogger("botocore").setLevel(logging.INFO)


class CallPool:
    """Runs up to `size` AWS calls at a time, within one event loop.

    A call that exceeds `seconds` continues in its thread until boto3's own timeouts end it, and
    occupies its slot until then.
    """

    def __init__(self, size: int, seconds: float) -> None:
        self._seconds = seconds
        self._slots = asyncio.Semaphore(size)
        self._threads = ThreadPoolExecutor(size, "aws")

    async def run(self, action: str, work: Callable[[], T]) -> T:
        """Run `work` in a thread. `action` is its name in IAM. Raises EngineError."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._slots.acquire()
                return await asyncio.wrap_future(self._submit(work))
        except TimeoutError:
            raise ConnectionLostError(f"{action} took longer than {self._seconds:.0f} s") from None
        except ClientError as refused:
            raise from_client_error(refused, action) from None
        except BotoCoreError as fault:
            raise from_botocore_error(fault, action) from None

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        loop = asyncio.get_running_loop()

        def release(_: Future[T]) -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._slots.release)

        try:
            submitted = self._threads.submit(work)
        except RuntimeError:
            self._slots.release()
            raise ConnectionLostError("the engine is closed") from None
        submitted.add_done_callback(release)
        return submitted

    def close(self) -> None:
        """Refuse further calls. May be repeated."""
        self._threads.shutdown(wait=False, cancel_futures=True)
