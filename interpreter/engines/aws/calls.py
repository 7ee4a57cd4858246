"""Calls of boto3, which blocks, from asyncio: in threads, bounded in number and in time."""

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
    of_botocore_error,
    of_client_error,
)

T = TypeVar("T")

# At its debug level botocore writes what it sends and gets, which is what was said.
logging.getLogger("botocore").setLevel(logging.INFO)


class Calls:
    """A few threads for calls of AWS; of one event loop. A call that is given up goes on in its
    thread until boto3's own time limits end it, and keeps its place so long.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self.most = most
        self._seconds = seconds
        self._places = asyncio.Semaphore(most)
        self._threads = ThreadPoolExecutor(most, "aws")

    async def run(self, action: str, work: Callable[[], T]) -> T:
        """What `work` returns, which calls `action` as IAM names it. Raises EngineError."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._places.acquire()
                return await asyncio.wrap_future(self._submitted(work))
        except TimeoutError:
            raise ConnectionLostError(f"{action} took longer than {self._seconds:.0f} s") from None
        except ClientError as refused:
            raise of_client_error(refused, action) from None
        except BotoCoreError as fault:
            raise of_botocore_error(fault, action) from None

    def _submitted(self, work: Callable[[], T]) -> Future[T]:
        loop = asyncio.get_running_loop()

        def leave(_: Future[T]) -> None:
            with suppress(RuntimeError):  # the loop is closed, and nobody waits for a place
                loop.call_soon_threadsafe(self._places.release)

        try:
            submitted = self._threads.submit(work)
        except RuntimeError:
            self._places.release()
            raise ConnectionLostError("the engine was closed") from None
        submitted.add_done_callback(leave)
        return submitted

    def close(self) -> None:
        """Take no more calls. May be repeated."""
        self._threads.shutdown(wait=False, cancel_futures=True)
