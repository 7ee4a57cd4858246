"""One run of a session's interpreter on AWS: it works until the session ends, or another run comes.

A run holds the session's only lease on running, and renews it. When its time is nearly over it has
its successor started, and goes on until that one has the lease and stands by; then it hands its
languages over, each at the end of a sentence. Whatever dies is started again by the minute's sweep.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeVar

from shared.models.errors import LingocastError
from shared.models.interpreter_run import RunRequest
from shared.models.session import Session
from shared.utils.clock import Clock
from shared.utils.hashed_secret import hash_of

if TYPE_CHECKING:
    from shared.utils.telemetry import Telemetry

_T = TypeVar("_T")


class Claimed(Protocol):
    """A run that is this one's."""

    @property
    def session(self) -> Session:
        """The session when the run was claimed."""

    @property
    def generation(self) -> int:
        """The number of the run."""


class Runs(Protocol):
    """See `shared.interpretation.run_store`."""

    def claim(
        self, session_id: str, ticket_hash: str, generation: int, now_ms: int
    ) -> Claimed | None: ...
    def renew(self, session_id: str, generation: int, now_ms: int) -> bool: ...
    def release(self, session_id: str, generation: int) -> bool: ...


class Interpreting(Protocol):
    """What interprets a session; see `interpreter.function.machine_factory`."""

    async def run(self) -> None:
        """Interpret until the session is over, or `retire` is done."""

    async def retire(self, patience_seconds: float) -> None:
        """Hand every language over at the end of a sentence, and leave: as soon as somebody stands
        by for each, or after so long.
        """

    def tell(self) -> None:
        """Write what has happened since the last time. Called in another thread."""


#: Makes what interprets this session, by this ticket, as this generation; closed at the end of the
#: block.
Interpreter = Callable[[Session, str, int], AbstractAsyncContextManager[Interpreting]]
#: Has a run begin: session, ticket, generation; whether it was taken.
StartRun = Callable[[str, str, int], bool]


class Ending(StrEnum):
    """Why a run ended."""

    NOT_OURS = "notOurs"  # another run has the session, or it is over
    OVER = "over"  # the session
    SUCCEEDED = "succeeded"
    OUT_OF_TIME = "outOfTime"  # no successor has come


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTimes:
    """Seconds."""

    # After which the successor is started.
    run: float
    renew: float = 10.0
    # How often metrics are written: operators shall not wait for the end of the run.
    tell: float = 60.0
    # How often it is looked whether the successor has come, and after how long it is asked for
    # again.
    look: float = 1.0
    ask_again: float = 20.0
    # What handing over takes at most, and what is left of the function's time after it.
    hand_over: float = 30.0
    reserve: float = 5.0


class InterpreterRun:
    """Runs once for each request. `runs` and `start` block, so they are called in the one thread of
    `executor`.
    """

    def __init__(
        self,
        runs: Runs,
        start: StartRun,
        interpreter: Interpreter,
        times: RunTimes,
        *,
        clock: Clock,
        telemetry: Telemetry,
        executor: Executor | None = None,
    ) -> None:
        self._runs = runs
        self._start = start
        self._interpreter = interpreter
        self._times = times
        self._clock = clock
        self._telemetry = telemetry
        self._executor = executor or ThreadPoolExecutor(max_workers=1, thread_name_prefix="run")

    async def serve(self, request: RunRequest, remaining_seconds: float) -> Ending:
        """Interpret the session, for less than `remaining_seconds`; returns why that is over.

        What the engine or the connection cannot get over is raised, after the run is released.
        """
        began = self._clock.monotonic()
        claimed = await self._blocking(
            lambda: self._runs.claim(
                request.session_id,
                hash_of(request.ticket),
                request.generation,
                self._clock.now_ms(),
            )
        )
        if claimed is None:
            return self._counted(Ending.NOT_OURS)
        until = began + remaining_seconds - self._times.reserve
        hand_over_at = min(
            began + self._times.run,
            until - self._times.hand_over - self._times.ask_again,
        )
        run = _Run(request, claimed.generation, hand_over_at, until)
        async with (
            self._released(run),
            self._interpreter(claimed.session, request.ticket, run.generation) as interpreting,
        ):
            ending = await self._interpret(interpreting, run)
        return self._counted(ending)

    async def _interpret(self, interpreting: Interpreting, run: _Run) -> Ending:
        working = asyncio.create_task(interpreting.run())
        keeping = asyncio.create_task(self._keep(run))
        telling = asyncio.create_task(self._tell(interpreting))
        try:
            await asyncio.wait(
                (working, keeping),
                timeout=max(run.until - self._times.hand_over - self._clock.monotonic(), 0),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if working.done():
                # With another run, or the end, the ticket may be void: that is no fault.
                if working.exception() is not None and await self._renewed(run):
                    working.result()
                return Ending.OVER
            if keeping.done():
                ending = Ending.SUCCEEDED if keeping.result() else Ending.OVER
            else:
                ending = Ending.OUT_OF_TIME
            # Where no successor has come, there is nobody to wait for.
            await self._retire(interpreting, working, run, waits=ending is not Ending.OUT_OF_TIME)
        finally:
            for task in (working, keeping, telling):
                task.cancel()
            await asyncio.gather(working, keeping, telling, return_exceptions=True)
            await self._blocking(interpreting.tell)
        return ending

    async def _retire(
        self, interpreting: Interpreting, working: asyncio.Task[None], run: _Run, *, waits: bool
    ) -> None:
        """Until the languages are handed over, or the session ends, or the time is up: then its
        connections close, and whoever stands by follows.
        """
        left = max(run.until - self._clock.monotonic(), 0)
        patience = max(left - self._times.hand_over, 0) if waits else 0
        retiring = asyncio.create_task(interpreting.retire(patience))
        done, _ = await asyncio.wait(
            (working, retiring), timeout=left, return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            self._telemetry.warn("handed over too slowly", session=run.request.session_id)
        elif retiring in done:
            left = max(run.until - self._clock.monotonic(), 0)
            await asyncio.wait((working,), timeout=left)
        retiring.cancel()
        (outcome,) = await asyncio.gather(retiring, return_exceptions=True)
        if isinstance(outcome, Exception):
            self._telemetry.warn("not handed over", kind=type(outcome).__name__)

    async def _tell(self, interpreting: Interpreting) -> None:
        while True:
            await asyncio.sleep(self._times.tell)
            await self._blocking(interpreting.tell)

    async def _keep(self, run: _Run) -> bool:
        """Renew the run, and start its successor in time. Ends when it is another's, or the session
        is over; whether a successor was asked for until then.
        """
        times = self._times
        renewed = asked = float("-inf")
        while True:
            now = self._clock.monotonic()
            due = now >= run.hand_over_at
            if now - renewed >= (times.look if due else times.renew):
                if not await self._renewed(run):
                    return asked > float("-inf")
                renewed = now
                if due and now - asked >= times.ask_again:
                    asked = now
                    await self._ask_successor(run)
            await asyncio.sleep(min(times.look, times.renew))

    async def _renewed(self, run: _Run) -> bool:
        session_id = run.request.session_id
        try:
            return await self._blocking(
                lambda: self._runs.renew(session_id, run.generation, self._clock.now_ms())
            )
        except LingocastError as error:
            # Nobody else can claim it either, and its lease lasts three times as long as this.
            self._telemetry.warn("run not renewed", session=session_id, code=error.code)
            return True

    async def _ask_successor(self, run: _Run) -> None:
        request = run.request
        await self._blocking(
            lambda: self._start(request.session_id, request.ticket, run.generation + 1)
        )

    @asynccontextmanager
    async def _released(self, run: _Run) -> AsyncIterator[None]:
        """At the end the next run need not wait for the lease to run out."""
        try:
            yield
        finally:
            try:
                await self._blocking(
                    lambda: self._runs.release(run.request.session_id, run.generation)
                )
            except LingocastError as error:
                self._telemetry.warn("run not released", code=error.code)

    def _counted(self, ending: Ending) -> Ending:
        self._telemetry.count_by("InterpreterRuns", Ending=ending.value)
        return ending

    async def _blocking(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)


@dataclass(frozen=True, slots=True)
class _Run:
    request: RunRequest
    generation: int
    # By the monotonic clock (s): when the successor is started, and when everything is over.
    hand_over_at: float
    until: float
