"""The workers of one function: warm ones, more on demand, and replacements."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.base import processes
from local.base.errors import FunctionInitError, ThrottledError
from local.runtime.diagnosis import import_error
from local.runtime.fair_queue import FairQueue
from local.runtime.invocation import MAX_PAYLOAD_BYTES, Invocation, Outcome
from local.runtime.workers import Worker
from local.template.model import Function
from shared.utils.clock import Clock


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Limits of one function; times are in seconds."""

    # Workers that are always running, and the maximum.
    warm: int = 1
    most: int = 4
    # Waiting invocations.
    queue: int = 1_000
    # How long invocations must wait before one more worker than the warm ones starts. On a machine
    # with few cores, its start would take more from a short burst than it adds.
    patience: float = 0.0
    # Long, because a machine with few cores starts all workers of a stack at once.
    init_timeout: float = 60.0
    # Backoff between attempts to start a worker, doubled from the first to the last value.
    first_backoff: float = 0.5
    last_backoff: float = 30.0
    # A worker that ends unused within this time counts as a failed start.
    stable_after: float = 1.0


Report = Callable[[str], None]


class FunctionPool:
    """Invokes one function."""

    def __init__(
        self,
        function: Function,
        environment: Mapping[str, str],
        log: Path,
        limits: PoolLimits,
        *,
        clock: Clock,
        report: Report | None = None,
    ) -> None:
        self._function = function
        self.aliases = function.aliases
        self._environment = environment
        self._log = log
        self._limits = limits
        self._clock = clock
        self._report = report or _to_stderr
        self._workers: set[Worker] = set()
        # Workers of older code: they finish their invocation and stop.
        self._outdated: set[Worker] = set()
        # Last in, first out, as on Lambda: the last used worker has warm caches.
        self._idle: list[Worker] = []
        self._waiting: FairQueue[Invocation] = FairQueue()
        self._failures = 0
        self._last_error: Outcome | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._growth: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._warm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held = False
        self._retired = False
        self._stopping = False

    async def start(self) -> None:
        """Start the warm workers and wait until they are ready. Raises FunctionInitError."""
        self._fill()
        # Each worker is ready or has ended within the init timeout.
        try:
            await asyncio.wait_for(self._warm, self._limits.init_timeout + 10)
        except TimeoutError:
            raise FunctionInitError(f"{self._function.name} did not start in time") from None

    def hold(self) -> None:
        """Hold invocations from now on, because the code is changing."""
        self._held = True

    def resume(self) -> None:
        """Release held invocations to the current workers."""
        self._held = False
        while self._waiting and self._idle:
            invocation = self._waiting.popleft()
            if not invocation.done.done() and not self._assigned(invocation):
                self._waiting.append(invocation)
        self._grow()

    def retire(self) -> None:
        """Stop idle workers now and busy ones when they are done; release held invocations.

        Starts new workers for waiting invocations only; call `start` for the warm ones. Until a
        worker is ready, only the caller of `start` learns of failures, and invocations fail.
        """
        idle, self._idle = self._idle, []
        for worker in self._workers:
            if worker in idle or not worker.ready:
                self._spawn(self._retire(worker))
        self._outdated |= self._workers
        self._workers = set()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._stop_growth()
        self._failures, self._last_error = 0, None
        self._warm = asyncio.get_running_loop().create_future()
        self._held, self._retired = False, True
        self._grow()

    @property
    def has_waiting(self) -> bool:
        """Whether invocations wait for a worker."""
        return bool(self._waiting)

    async def import_error(self) -> str | None:
        """Where and why importing the code fails, in one line; None if it does not."""
        return await import_error(self._function, self._environment)

    async def stop(self) -> None:
        """Stop all workers; waiting invocations fail."""
        self._stopping = True
        if self._retry is not None:
            self._retry.cancel()
        self._stop_growth()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self._workers | self._outdated))
        self._fail_waiting(Outcome.failure("Runtime.Stopped", "the local stack is stopping"))

    async def invoke(self, payload: bytes) -> Outcome:
        """Run the function once. Cancelling a waiting invocation removes it.

        Raises ThrottledError if the queue is full, ValueError for a payload over 6 MB.
        """
        invocation = self._submit(payload)
        # The queue's length, the function's timeout and the init timeout bound the wait.
        return await invocation.done

    def submit(self, payload: bytes) -> None:
        """Run the function once without waiting for it. Raises as `invoke` does."""
        self._submit(payload)

    def kill_busy(self) -> bool:
        """Kill a worker in the middle of an invocation; returns whether there was one."""
        worker = next((worker for worker in self._workers if worker.busy), None)
        if worker is not None:
            worker.kill()
        return worker is not None

    # WorkerOwner

    def worker_idle(self, worker: Worker) -> None:
        if worker in self._outdated:
            self._spawn(self._retire(worker))
            return
        if worker.used:
            self._failures = 0
        self._last_error = None
        self._retired = False
        if sum(each.ready for each in self._workers) >= self._limits.warm and not self._warm.done():
            self._warm.set_result(None)
        while self._waiting and not self._held:
            invocation = self._waiting.popleft()
            if not invocation.done.done() and worker.assign(invocation):
                self._grow()
                return
        self._idle.append(worker)
        self._grow()

    def worker_ended(self, worker: Worker) -> None:
        if worker in self._outdated:
            self._outdated.discard(worker)
            return
        self._workers.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        if self._stopping:
            return
        stable = worker.ready and worker.ready_seconds >= self._limits.stable_after
        if worker.used or stable:
            self._fill()
        else:
            self._failed_unused(worker)

    # Internal

    def _submit(self, payload: bytes) -> Invocation:
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise ValueError(f"payload of {len(payload)} bytes; the limit is {MAX_PAYLOAD_BYTES}")
        invocation = Invocation(payload)
        invocation.done.add_done_callback(lambda done: self._report_failure(invocation, done))
        cannot_start = not self._workers and self._last_error is not None
        if self._stopping or (cannot_start and not self._held):
            # No worker starts before the backoff is over; Lambda fails at once, too.
            error = self._last_error or Outcome.failure("Runtime.Stopped", "stopping")
            invocation.finish(error)
        elif not self._held and self._assigned(invocation):
            pass
        elif len(self._waiting) >= self._limits.queue:
            raise ThrottledError(f"{len(self._waiting)} invocations wait for {self._function.name}")
        else:
            self._waiting.append(invocation)
            self._grow()
        return invocation

    def _assigned(self, invocation: Invocation) -> bool:
        """Whether an idle worker takes it; one that does not has died and is removed soon."""
        while self._idle:
            if self._idle.pop().assign(invocation):
                return True
        return False

    def _fill(self) -> None:
        """Start the missing warm workers, and one more if an invocation waits."""
        while len(self._workers) < self._limits.warm:
            self._add_worker()
        self._grow()

    def _grow(self) -> None:
        """Start one worker if invocations wait, none is starting and none has just failed.

        Beyond the warm workers, they must have waited for the limits' patience.
        """
        starting = any(not worker.ready for worker in self._workers)
        free = len(self._workers) < self._limits.most
        if not (self._waiting and free and not starting and self._retry is None):
            self._stop_growth()
        elif not self._limits.patience or len(self._workers) < self._limits.warm:
            self._add_worker()
        elif self._growth is None:
            loop = asyncio.get_running_loop()
            self._growth = loop.call_later(self._limits.patience, self._patience_over)

    def _patience_over(self) -> None:
        self._growth = None
        self._add_worker()

    def _stop_growth(self) -> None:
        if self._growth is not None:
            self._growth.cancel()
            self._growth = None

    def _add_worker(self) -> None:
        worker = Worker(self._function, self._environment, self._log, self, self._clock)
        self._workers.add(worker)
        self._spawn(self._start_worker(worker))

    async def _start_worker(self, worker: Worker) -> None:
        try:
            await worker.start(self._limits.init_timeout)
        except OSError as error:
            worker.init_error = Outcome.failure("Sandbox.StartFailed", str(error))
            self.worker_ended(worker)
        if worker not in self._workers:  # retired before its process existed
            await worker.stop()

    async def _retire(self, worker: Worker) -> None:
        await worker.stop()
        self._outdated.discard(worker)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _failed_unused(self, worker: Worker) -> None:
        """Handle a worker that ended before its first invocation: retry after a backoff."""
        error = worker.init_error or Outcome.failure("Runtime.ExitError", "ended while idle")
        self._last_error = error
        if not self._workers:
            self._fail_waiting(error)
        if not self._warm.done():
            self._warm.set_exception(FunctionInitError(self._init_failure(error)))
            if not self._retired:
                return
        elif not self._retired:  # the caller of `start` knows already
            self._report(self._init_failure(error))
        if self._retry is None:
            limits = self._limits
            delay = min(limits.last_backoff, limits.first_backoff * 2**self._failures)
            self._failures += 1
            self._retry = asyncio.get_running_loop().call_later(delay, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self._fill()

    def _fail_waiting(self, outcome: Outcome) -> None:
        while self._waiting:
            self._waiting.popleft().finish(outcome)

    def _report_failure(self, invocation: Invocation, done: asyncio.Future[Outcome]) -> None:
        """Report a failed invocation in one line, without its payload."""
        if done.cancelled() or self._stopping:
            return
        error = done.result().error
        if error is not None:
            request = invocation.request_id
            self._report(f"{self._function.name}: {error} (request {request}); see {self._log}")

    def _init_failure(self, error: Outcome) -> str:
        return (
            f"{self._function.name} cannot start: {error.error}: {error.error_message}\n"
            f"--- end of {self._log}\n{processes.log_tail(self._log)}"
        )


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
