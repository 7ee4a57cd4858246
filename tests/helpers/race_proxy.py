"""Proxy that stages a race: it runs an action just before or after a method's next call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Action = Callable[[], object]


class Hooks(dict[str, Action]):
    """Actions by method name. Names that the wrapped object lacks raise AttributeError."""

    def __init__(self, wrapped: object) -> None:
        super().__init__()
        self._wrapped = wrapped

    def __setitem__(self, method: str, action: Action) -> None:
        if not callable(getattr(self._wrapped, method, None)):
            owner = type(self._wrapped).__name__
            raise AttributeError(f"{owner} has no method {method!r}")  # noqa: TRY004
        super().__setitem__(method, action)


class RaceProxy:
    """Wraps an object, with one-time actions `before` and `after` the calls of its methods.

    Tests call `assert_no_hooks_left` at the end: a hook that never ran has tested nothing.
    """

    def __init__(self, wrapped: object) -> None:
        self._wrapped = wrapped
        self.before = Hooks(wrapped)
        self.after = Hooks(wrapped)

    def assert_no_hooks_left(self) -> None:
        """Fail if an action is still waiting for its call."""
        assert (self.before, self.after) == ({}, {}), "methods that were never called"

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._wrapped, name)
        if not callable(attribute):
            return attribute

        def call(*arguments: Any, **named: Any) -> Any:
            if name in self.before:
                self.before.pop(name)()
            result = attribute(*arguments, **named)
            if name in self.after:
                self.after.pop(name)()
            return result

        return call
