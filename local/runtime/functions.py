"""All functions of the stack, each with a pool of workers."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from local.base.errors import FunctionInitError, UnknownFunctionError
from local.base.tasks import wait_for_all
from local.runtime.invocation import Outcome
from local.runtime.pool import FunctionPool, PoolLimits
from local.runtime.workers import worker_environment
from local.template.model import Function
from shared.utils.clock import Clock

# Functions with many concurrent invocations: audio while rosters are read, joins of a whole
# audience. Others start with one worker and get more on demand.
_BUSY_MODULES = frozenset({"audio_processor", "control"})
# How long invocations wait before a function gets one more worker (s). Lambda starts an execution
# at once, on another machine; here, its start would take the cores from those that are at work.
_PATIENCE_SECONDS = 0.25
# Functions whose invocations run for minutes: one for each session with machine interpretation,
# and its successor. They can have more workers than others.
_LONG_MODULES = frozenset({"interpreter"})
_MAX_LONG_WORKERS = 32

# The number of functions that start at a time when all workers are replaced; functions with
# waiting invocations do not count.
_CONCURRENT_STARTS = 2


class Functions:
    """The pools by name; an `Invoker`.

    Empty until `start`, because the environment of functions has the addresses of the services,
    and the Invoke API, which needs this object, is one of them.
    """

    def __init__(self) -> None:
        self._pools: Mapping[str, FunctionPool] = {}
        #: Number of invocations by function.
        self.invocations: Counter[str] = Counter()
        self._before_invocation: Callable[[], None] = lambda: None

    async def start(self, pools: Mapping[str, FunctionPool]) -> None:
        """Start the warm workers of all functions. Raises FunctionInitError."""
        self._pools = pools
        loop = asyncio.get_running_loop()
        await wait_for_all(*(loop.create_task(pool.start()) for pool in pools.values()))

    async def stop(self) -> None:
        """Stop all workers."""
        await asyncio.gather(*(pool.stop() for pool in self._pools.values()))

    async def invoke(self, function: str, payload: bytes) -> Outcome:
        """Invoke a function. Raises UnknownFunctionError, ThrottledError."""
        self._before_invocation()
        self.invocations[function] += 1
        return await self._pool(function).invoke(payload)

    def start_invocation(self, function: str, payload: bytes) -> None:
        """Invoke a function without waiting. Raises UnknownFunctionError, ThrottledError."""
        self._before_invocation()
        self.invocations[function] += 1
        self._pool(function).submit(payload)

    def require(self, function: str) -> None:
        """Raise UnknownFunctionError if the function does not exist."""
        self._pool(function)

    def kill_busy(self, function: str) -> bool:
        """Kill a worker in the middle of an invocation; returns whether there was one."""
        return self._pool(function).kill_busy()

    # Hot reload

    def before_invocation(self, callback: Callable[[], None]) -> None:
        """Call `callback` before each invocation, which it can `hold`."""
        self._before_invocation = callback

    def hold(self) -> None:
        """Hold all invocations from now on."""
        for pool in self._pools.values():
            pool.hold()

    def resume(self) -> None:
        """Release held invocations."""
        for pool in self._pools.values():
            pool.resume()

    async def replace_workers(self, report_error: Callable[[str], None]) -> bool:
        """Replace all workers; the new ones serve the held invocations.

        Returns whether all functions started, once the new workers are warm. `report_error` gets
        one line about the first function that fails, as soon as it does.
        """
        # Functions without waiting invocations must not delay those with some.
        slots = asyncio.Semaphore(_CONCURRENT_STARTS)
        failed: list[FunctionPool] = []

        async def start(pool: FunctionPool) -> None:
            async with contextlib.nullcontext() if pool.has_waiting else slots:
                try:
                    await pool.start()
                except FunctionInitError as error:
                    failed.append(pool)
                    if len(failed) == 1:
                        report_error(await pool.import_error() or str(error).partition("\n")[0])

        for pool in self._pools.values():
            pool.retire()
        await asyncio.gather(*map(start, self._pools.values()))
        return not failed

    def _pool(self, function: str) -> FunctionPool:
        """The pool of a function, by `name` or `name:alias`."""
        name, _, alias = function.partition(":")
        if name not in self._pools:
            raise UnknownFunctionError(f"no function is called {name}")
        if alias and alias not in self._pools[name].aliases:
            raise UnknownFunctionError(f"the function {name} has no alias {alias}")
        return self._pools[name]


def build_pools(
    functions: Mapping[str, Function],
    *,
    variables: Mapping[str, Mapping[str, str]],
    shared: Mapping[str, str],
    logs: Path,
    warm: int | None,
    clock: Clock,
) -> dict[str, FunctionPool]:
    """Build the pool of each function.

    `variables` are those of each function, `shared` those of all. `warm` is the number of workers
    to start; None depends on the function.
    """
    pools = {}
    for name, function in functions.items():
        busy = not _BUSY_MODULES.isdisjoint(function.modules)
        count = warm if warm is not None else 2 if busy else 1
        most = (
            PoolLimits().most if _LONG_MODULES.isdisjoint(function.modules) else _MAX_LONG_WORKERS
        )
        pools[name] = FunctionPool(
            function,
            worker_environment(function, variables[name], shared),
            logs / f"{name}.log",
            PoolLimits(warm=count, most=max(most, count), patience=_PATIENCE_SECONDS),
            clock=clock,
        )
    return pools
