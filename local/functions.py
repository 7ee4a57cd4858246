"""All functions of the stack: one pool of workers each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from local.errors import UnknownFunctionError
from local.invocation import Outcome
from local.model import Function
from local.pool import FunctionPool, PoolLimits
from local.tasks import all_of
from local.workers import worker_environment
from shared.utils.clock import Clock

# Functions that many invocations reach at the same time: audio while rosters are read, joins of a
# whole audience. Others start with one worker and get more on demand.
_BUSY_MODULES = frozenset({"audio_processor", "control"})


class Functions:
    """The pools by name; an `Invoker`.

    There are none until `start`: the environment of functions names addresses that are known only
    when what serves them listens, and Invoke is among that.
    """

    def __init__(self) -> None:
        self._pools: Mapping[str, FunctionPool] = {}

    async def start(self, pools: Mapping[str, FunctionPool]) -> None:
        """Start the warm workers of all functions. Raises FunctionInitError."""
        self._pools = pools
        loop = asyncio.get_running_loop()
        await all_of(*(loop.create_task(pool.start()) for pool in pools.values()))

    async def stop(self) -> None:
        """End all workers."""
        await asyncio.gather(*(pool.stop() for pool in self._pools.values()))

    async def invoke(self, function: str, payload: bytes) -> Outcome:
        """The outcome of one invocation. Raises UnknownFunctionError, ThrottledError."""
        return await self._pool(function).invoke(payload)

    def start_invocation(self, function: str, payload: bytes) -> None:
        """Invoke without waiting. Raises UnknownFunctionError, ThrottledError."""
        self._pool(function).submit(payload)

    def require(self, function: str) -> None:
        """Raise UnknownFunctionError if there is no such function."""
        self._pool(function)

    def _pool(self, function: str) -> FunctionPool:
        if function not in self._pools:
            raise UnknownFunctionError(f"no function is called {function}")
        return self._pools[function]


def build_pools(
    functions: Mapping[str, Function],
    *,
    variables: Mapping[str, Mapping[str, str]],
    shared: Mapping[str, str],
    logs: Path,
    warm: int | None,
    clock: Clock,
) -> dict[str, FunctionPool]:
    """A pool for each function: its own variables, and those that all of them share.

    `warm` is how many workers each starts with; None leaves it to what the function does.
    """
    pools = {}
    for name, function in functions.items():
        busy = not _BUSY_MODULES.isdisjoint(function.modules)
        count = warm if warm is not None else 2 if busy else 1
        pools[name] = FunctionPool(
            function,
            worker_environment(function, variables[name], shared),
            logs / f"{name}.log",
            PoolLimits(warm=count, most=max(PoolLimits().most, count)),
            clock=clock,
        )
    return pools
