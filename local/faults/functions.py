"""Faults of functions: workers that die in the middle of an invocation."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from local.faults.plan import FunctionKill, is_named


class Workers(Protocol):
    """The workers of all functions."""

    def kill_busy(self, function: str) -> bool:
        """Kill a worker in the middle of an invocation; returns whether there was one."""


class FunctionFaults:
    """Strikes the workers of the functions called `names`."""

    def __init__(self, workers: Workers, names: Collection[str]) -> None:
        self._workers = workers
        self._names = names

    def strike(self, fault: FunctionKill) -> bool:
        """Kill a busy worker; returns False if the function has none."""
        named = [name for name in self._names if is_named(name, fault.function)]
        return any(map(self._workers.kill_busy, named))
