"""One run of a session's interpreter as a Lambda function.

A run ends with the session, or when another run takes over. It holds and renews the session's only
run lease. Shortly before its function times out it starts its successor. Once the successor holds
the run lease and stands by, the run hands its languages over, each at the end of a sentence. The
sweep, once a minute, restarts runs that died.
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


class ClaimedRun(Protocol):
    """A run whose lease was acquired."""

    @property
    def session(self) -> Session:
        """Session at the time of the claim."""

    @property
    def generation(self) -> int:
        """Number of the run."""


class RunLeases(Protocol):
    """Store of run leases; see `shared.interpretation.run_store`."""

    def claim(
        self, session_id: str, ticket_hash: str, generation: int, now_ms: int
    ) -> ClaimedRun | None: ...
    def renew(self, session_id: str, generation: int, now_ms: int) -> bool: ...
    def release(self, session_id: str, generation: int) -> bool: ...


class SessionInterpreter(Protocol):
    """Interpreter of one session; see `interpreter.function.machine_factory`."""

    async def run(self) -> None:
        """Interpret until the session ends, or `retire` is done."""

    async def retire(self, patience_seconds: float) -> None:
        """Hand every language over at the end of a sentence, and leave.

        Waits up to `patience_seconds` for a stand-by in each language.
        """

    def flush_metrics(self) -> None:
        """Write the metrics collected since the last flush. Called in another thread."""


#: Opens the interpreter of a session: session, ticket, generation.
OpenInterpreter = Callable[[Session, str, int], AbstractAsyncContextManager[SessionInterpreter]]
#: Starts a run: session ID, ticket, generation. Returns whether the run was accepted.
StartRun = Callable[[str, str, int], bool]


class RunOutcome(StrEnum):
    """Why a run ended."""

    NOT_OURS = "notOurs"  # another run holds the lease, or the session is over
    OVER = "over"  # the session ended, or another run took over
    SUCCEEDED = "succeeded"  # by its successor
    OUT_OF_TIME = "outOfTime"  # without a successor


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTimes:
    """Times of a run, in seconds."""

    # Age at which the successor is started.
    run: float
    renew: float = 10.0
    # Interval at which metrics are written, so that operators need not wait for the end of the run.
    flush: float = 60.0
    # Interval of checks for the successor, and of repeated requests to start it.
    poll: float = 1.0
    start_again: float = 20.0
    # Maximum duration of the handover, and the time kept in reserve before the function times out.
    hand_over: float = 30.0
    reserve: float = 5.0


class InterpreterRun:
    """Serves run requests.

    `leases` and `start` block, so they are called in the single thread of `executor`.
    """

    def __init__(
        self,
        leases: RunLeases,
        start: StartRun,
        open_interpreter: OpenInterpreter,
        times: RunTimes,
        *,
        clock: Clock,
        telemetry: Telemetry,
        executor: Executor | None = None,
    ) -> None:
        self._leases = leases
        self._start = start
        self._open_interpreter = open_interpreter
        self._times = times
        self._clock = clock
        self._telemetry = telemetry
        self._executor = executor or ThreadPoolExecutor(max_workers=1, thread_name_prefix="run")

    async def serve(self, request: RunRequest, remaining_seconds: float) -> RunOutcome:
        """Interpret for less than `remaining_seconds`; returns why the run ended.

        Raises permanent errors of the engine or the connection, after releasing the run lease.
        """
        began = self._clock.monotonic()
        claimed = await self._blocking(
            lambda: self._leases.claim(
                request.session_id,
                hash_of(request.ticket),
                request.generation,
                self._clock.now_ms(),
            )
        )
        if claimed is None:
            return self._count(RunOutcome.NOT_OURS)
        until = began + remaining_seconds - self._times.reserve
        hand_over_at = min(
            began + self._times.run,
            until - self._times.hand_over - self._times.start_again,
        )
        run = _Run(request, claimed.generation, hand_over_at, until)
        async with (
            self._release_at_end(run),
            self._open_interpreter(claimed.session, request.ticket, run.generation) as interpreter,
        ):
            outcome = await self._interpret(interpreter, run)
        return self._count(outcome)

    async def _interpret(self, interpreter: SessionInterpreter, run: _Run) -> RunOutcome:
        working = asyncio.create_task(interpreter.run())
        renewing = asyncio.create_task(self._renew_until_lost(run))
        flushing = asyncio.create_task(self._flush_periodically(interpreter))
        try:
            await asyncio.wait(
                (working, renewing),
                timeout=max(run.until - self._times.hand_over - self._clock.monotonic(), 0),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if working.done():
                # Another run or the end of the session voids the ticket: then this is no error.
                if working.exception() is not None and await self._renew(run):
                    working.result()
                return RunOutcome.OVER
            if renewing.done():
                outcome = RunOutcome.SUCCEEDED if renewing.result() else RunOutcome.OVER
            else:
                outcome = RunOutcome.OUT_OF_TIME
            # Without a successor, there is no stand-by to wait for.
            waits = outcome is not RunOutcome.OUT_OF_TIME
            await self._retire(interpreter, working, run, waits=waits)
        finally:
            for task in (working, renewing, flushing):
                task.cancel()
            await asyncio.gather(working, renewing, flushing, return_exceptions=True)
            await self._blocking(interpreter.flush_metrics)
        return outcome

    async def _retire(
        self,
        interpreter: SessionInterpreter,
        working: asyncio.Task[None],
        run: _Run,
        *,
        waits: bool,
    ) -> None:
        """Hand the languages over, until the session ends or the time is up.

        When the time is up, connections close and the stand-bys take over.
        """
        left = max(run.until - self._clock.monotonic(), 0)
        patience = max(left - self._times.hand_over, 0) if waits else 0
        retiring = asyncio.create_task(interpreter.retire(patience))
        done, _ = await asyncio.wait(
            (working, retiring), timeout=left, return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            self._telemetry.warn("handover timed out", session=run.request.session_id)
        elif retiring in done:
            left = max(run.until - self._clock.monotonic(), 0)
            await asyncio.wait((working,), timeout=left)
        retiring.cancel()
        (result,) = await asyncio.gather(retiring, return_exceptions=True)
        if isinstance(result, Exception):
            self._telemetry.warn("handover failed", kind=type(result).__name__)

    async def _flush_periodically(self, interpreter: SessionInterpreter) -> None:
        while True:
            await asyncio.sleep(self._times.flush)
            await self._blocking(interpreter.flush_metrics)

    async def _renew_until_lost(self, run: _Run) -> bool:
        """Renew the lease, and start the successor in time.

        Ends when another run holds the lease, or the session is over. Returns whether this run had
        requested a successor by then.
        """
        times = self._times
        renewed_at = started_at = float("-inf")
        while True:
            now = self._clock.monotonic()
            due = now >= run.hand_over_at
            if now - renewed_at >= (times.poll if due else times.renew):
                if not await self._renew(run):
                    return started_at > float("-inf")
                renewed_at = now
                if due and now - started_at >= times.start_again:
                    started_at = now
                    await self._start_successor(run)
            await asyncio.sleep(min(times.poll, times.renew))

    async def _renew(self, run: _Run) -> bool:
        session_id = run.request.session_id
        try:
            return await self._blocking(
                lambda: self._leases.renew(session_id, run.generation, self._clock.now_ms())
            )
        except LingocastError as error:
            # No other run can claim the lease either, and it lasts three renewal intervals.
            self._telemetry.warn("run not renewed", session=session_id, code=error.code)
            return True

    async def _start_successor(self, run: _Run) -> None:
        request = run.request
        await self._blocking(
            lambda: self._start(request.session_id, request.ticket, run.generation + 1)
        )

    @asynccontextmanager
    async def _release_at_end(self, run: _Run) -> AsyncIterator[None]:
        """Release the lease at the end, so that the next run need not wait for its expiry."""
        try:
            yield
        finally:
            try:
                await self._blocking(
                    lambda: self._leases.release(run.request.session_id, run.generation)
                )
            except LingocastError as error:
                self._telemetry.warn("run not released", code=error.code)

    def _count(self, outcome: RunOutcome) -> RunOutcome:
        self._telemetry.count_by("InterpreterRuns", Ending=outcome.value)
        return outcome

    async def _blocking(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)


@dataclass(frozen=True, slots=True)
class _Run:
    request: RunRequest
    generation: int
    # By the monotonic clock (s): when to start the successor, and when the run must be over.
    hand_over_at: float
    until: float
