"""All functions of the stack: one pool of workers each."""

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

# Functions that many invocations reach at the same time: audio while rosters are read, joins of a
# whole audience. Others start with one worker and get more on demand.
_BUSY_MODULES = frozenset({"audio_processor", "control"})
# What of a function works for minutes, so that others have to work beside it: one of each session
# that machines interpret, and its successor. Others have as many as a burst needs.
_LONG_MODULES = frozenset({"interpreter"})
_MOST_LONG = 32

# So many functions start at a time when all are replaced; those with work to do start at once.
_LANES = 2


class Functions:
    """The pools by name; an `Invoker`.

    There are none until `start`: the environment of functions names addresses that are known only
    when what serves them listens, and Invoke is among that.
    """

    def __init__(self) -> None:
        self._pools: Mapping[str, FunctionPool] = {}
        #: How often each was invoked.
        self.invocations: Counter[str] = Counter()
        self._look: Callable[[], None] = _nothing

    async def start(self, pools: Mapping[str, FunctionPool]) -> None:
        """Start the warm workers of all functions. Raises FunctionInitError."""
        self._pools = pools
        loop = asyncio.get_running_loop()
        await wait_for_all(*(loop.create_task(pool.start()) for pool in pools.values()))

    async def stop(self) -> None:
        """End all workers."""
        await asyncio.gather(*(pool.stop() for pool in self._pools.values()))

    async def invoke(self, function: str, payload: bytes) -> Outcome:
        """The outcome of one invocation. Raises UnknownFunctionError, ThrottledError."""
        self._look()
        self.invocations[function] += 1
        return await self._pool(function).invoke(payload)

    def start_invocation(self, function: str, payload: bytes) -> None:
        """Invoke without waiting. Raises UnknownFunctionError, ThrottledError."""
        self._look()
        self.invocations[function] += 1
        self._pool(function).submit(payload)

    def require(self, function: str) -> None:
        """Raise UnknownFunctionError if there is no such function."""
        self._pool(function)

    # While the code changes

    def before_each(self, look: Callable[[], None]) -> None:
        """Call `look` before every invocation; it may `hold` it."""
        self._look = look

    def hold(self) -> None:
        """Let invocations wait from now on."""
        for pool in self._pools.values():
            pool.hold()

    def resume(self) -> None:
        """Let them go on."""
        for pool in self._pools.values():
            pool.resume()

    async def renew(self, tell_broken: Callable[[str], None]) -> bool:
        """Replace all workers by new ones, which also serve what was held.

        Returns once they are warm, whether they all are. The first reason why the code cannot be
        used is told as soon as it is known, in one line.
        """
        # What nobody waits for shall not hold up what somebody does wait for.
        lanes = asyncio.Semaphore(_LANES)
        broken: list[FunctionPool] = []

        async def start(pool: FunctionPool) -> None:
            async with contextlib.nullcontext() if pool.wanted else lanes:
                try:
                    await pool.start()
                except FunctionInitError as error:
                    broken.append(pool)
                    if len(broken) == 1:
                        tell_broken(await pool.why_broken() or str(error).partition("\n")[0])

        for pool in self._pools.values():
            pool.retire()
        await asyncio.gather(*map(start, self._pools.values()))
        return not broken

    def _pool(self, function: str) -> FunctionPool:
        """The pool of a function, named by itself or as `name:alias`."""
        name, _, alias = function.partition(":")
        if name not in self._pools:
            raise UnknownFunctionError(f"no function is called {name}")
        if alias and alias not in self._pools[name].aliases:
            raise UnknownFunctionError(f"the function {name} has no alias {alias}")
        return self._pools[name]


def _nothing() -> None:
    """Nothing changes the code."""


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
        most = PoolLimits().most if _LONG_MODULES.isdisjoint(function.modules) else _MOST_LONG
        pools[name] = FunctionPool(
            function,
            worker_environment(function, variables[name], shared),
            logs / f"{name}.log",
            PoolLimits(warm=count, most=max(most, count)),
            clock=clock,
        )
    return pools
