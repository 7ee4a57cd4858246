"""Queue of recognition results."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

from client.changes import Changes
from interpreter.engine import EngineError, RecognitionResult

# More than an hour of final results. Beyond that, the reader is assumed to be gone.
_MAX_FINALS = 1_000


class ResultQueue:
    """Holds final results in order, followed by the latest partial result."""

    def __init__(self) -> None:
        self._results: deque[RecognitionResult] = deque()
        self._changes = Changes()
        self._closed = False
        self.fault: EngineError | None = None

    def put(self, result: RecognitionResult) -> None:
        """Add a result, replacing a partial one. Raises EngineError if the queue is full."""
        if self._results and not self._results[-1].final:
            self._results.pop()
        if len(self._results) >= _MAX_FINALS:
            raise EngineError("recognition results are not being read", retryable=False)
        self._results.append(result)
        self._changes.notify()

    def close(self, fault: EngineError | None = None) -> None:
        """End the results, with an optional fault for the reader."""
        if not self._closed:
            self._closed, self.fault = True, fault
            self._changes.notify()

    async def read(self) -> AsyncIterator[RecognitionResult]:
        """Iterate over results until `close`, then raise its fault. Supports one reader."""
        while True:
            while self._results:
                yield self._results.popleft()
            if self._closed:
                break
            await self._changes.until(lambda: self._results or self._closed)
        if self.fault:
            raise self.fault
