"""A client of DynamoDB between whose calls something else happens, once, where a test wants it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Happening = Callable[[], object]


class Interleaved:
    """Passes all calls on. What happens in between may raise: then the function has died there."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._happening: Happening | None = None
        self._calls_before = 0

    def interrupt(self, happening: Happening, *, after: int) -> None:
        """Let this happen once, when so many calls have been made and before the next one."""
        self._happening = happening
        self._calls_before = after

    def cancel(self) -> bool:
        """Whether what was to happen has not: then it never will."""
        happening, self._happening = self._happening, None
        return happening is not None

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        def passed_on(**arguments: Any) -> Any:
            if self._happening is not None:
                if self._calls_before == 0:
                    happening, self._happening = self._happening, None
                    happening()
                else:
                    self._calls_before -= 1
            return call(**arguments)

        return passed_on
