"""DynamoDB client that runs an action once, between two calls that a test chooses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Action = Callable[[], object]


class InterruptibleClient:
    """Passes all calls on. An action that raises stands for a function that crashes there."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._action: Action | None = None
        self._calls_before = 0

    def interrupt(self, action: Action, *, after: int) -> None:
        """Run an action once, after `after` more calls and before the next one."""
        self._action = action
        self._calls_before = after

    def cancel(self) -> bool:
        """Drop the action. Returns True if it had not run yet."""
        action, self._action = self._action, None
        return action is not None

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        def passed_on(**arguments: Any) -> Any:
            if self._action is not None:
                if self._calls_before == 0:
                    action, self._action = self._action, None
                    action()
                else:
                    self._calls_before -= 1
            return call(**arguments)

        return passed_on
