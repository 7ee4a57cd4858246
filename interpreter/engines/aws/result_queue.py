"""What a recogniser has recognised, until somebody reads it."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

from client.changes import Changes
from interpreter.engine import EngineError, Recognised

# More than an hour of finals. Somebody who does not read is not there.
_MOST_FINALS = 1_000


class ResultQueue:
    """Finals in order, and after them what is still open: each one replaces the one before."""

    def __init__(self) -> None:
        self._results: deque[Recognised] = deque()
        self._changes = Changes()
        self._closed = False
        self.fault: EngineError | None = None

    def put(self, result: Recognised) -> None:
        """Another result. Raises EngineError if nobody reads."""
        if self._results and not self._results[-1].final:
            self._results.pop()
        if len(self._results) >= _MOST_FINALS:
            raise EngineError("nobody reads what is recognised", retryable=False)
        self._results.append(result)
        self._changes.notify()

    def close(self, fault: EngineError | None = None) -> None:
        """No more results will come; because of `fault`, if there is one."""
        if not self._closed:
            self._closed, self.fault = True, fault
            self._changes.notify()

    async def read(self) -> AsyncIterator[Recognised]:
        """The results, as they come; ends as `close` says. One reader."""
        while True:
            while self._results:
                yield self._results.popleft()
            if self._closed:
                break
            await self._changes.until(lambda: self._results or self._closed)
        if self.fault:
            raise self.fault
