"""What happens between two calls of a part: races, brought about one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Meddle = Callable[[], object]


class Meddled:
    """A part whose next call of a kind is followed, or preceded, by somebody else's doing."""

    def __init__(self, real: object) -> None:
        self._real = real
        self.after: dict[str, Meddle] = {}
        self.before: dict[str, Meddle] = {}

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._real, name)

        def meddled(*arguments: Any, **named: Any) -> Any:
            if name in self.before:
                self.before.pop(name)()
            result = call(*arguments, **named)
            if name in self.after:
                self.after.pop(name)()
            return result

        return meddled
