"""The workers of one function: started before they are needed, more on demand, replaced if lost."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.base import processes
from local.base.errors import FunctionInitError, ThrottledError
from local.runtime.diagnosis import import_failure
from local.runtime.fair_queue import FairQueue
from local.runtime.invocation import MAX_PAYLOAD_BYTES, Invocation, Outcome
from local.runtime.workers import Worker
from local.template.model import Function
from shared.utils.clock import Clock


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many workers and waiting invocations a function may have; times in seconds."""

    warm: int = 1
    most: int = 4
    queue: int = 1_000
    # A machine with few cores starts all workers of a stack at once.
    init_timeout: float = 60.0
    # Between attempts to start a worker whose predecessors failed before they were of any use;
    # doubled each time up to the second value.
    first_backoff: float = 0.5
    last_backoff: float = 30.0
    # An idle worker that lived so long is replaced at once; dying sooner is a failure to start.
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
        # Those of older code: they get no more work, and go when they have done what they have.
        self._outdated: set[Worker] = set()
        # The last one used is the first to be used again, as Lambda does: its caches are warm.
        self._idle: list[Worker] = []
        self._waiting: FairQueue[Invocation] = FairQueue()
        self._failures = 0
        self._last_error: Outcome | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._warm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held = False
        self._renewed = False
        self._stopping = False

    async def start(self) -> None:
        """Start the warm workers; returns when all wait for work. Raises FunctionInitError."""
        self._fill()
        # Each worker is ready, or has ended, within the limit of its init phase.
        try:
            await asyncio.wait_for(self._warm, self._limits.init_timeout + 10)
        except TimeoutError:
            raise FunctionInitError(f"{self._function.name} did not start in time") from None

    def hold(self) -> None:
        """Let invocations wait from now on: the code is being changed."""
        self._held = True

    def resume(self) -> None:
        """Go on with the workers that there are."""
        self._held = False
        while self._waiting and self._idle:
            invocation = self._waiting.popleft()
            if not invocation.done.done() and not self._assigned(invocation):
                self._waiting.append(invocation)
        self._grow()

    def retire(self) -> None:
        """End all workers, idle ones now and busy ones when they are done, and take new ones for
        what waits, also for what was held. `start` is to follow, for the others.

        Until a worker is ready, nobody but the caller of `start` is told why none is, and
        invocations fail.
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
        self._failures, self._last_error = 0, None
        self._warm = asyncio.get_running_loop().create_future()
        self._held, self._renewed = False, True
        self._grow()

    @property
    def wanted(self) -> bool:
        """Whether invocations wait for a worker."""
        return bool(self._waiting)

    async def why_broken(self) -> str | None:
        """Where and why its code fails when it is imported, in one line; None if it does not."""
        return await import_failure(self._function, self._environment)

    async def stop(self) -> None:
        """End all workers; whoever waits for an outcome is told."""
        self._stopping = True
        if self._retry is not None:
            self._retry.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self._workers | self._outdated))
        self._fail_waiting(Outcome.failure("Runtime.Stopped", "the local stack is stopping"))

    async def invoke(self, payload: bytes) -> Outcome:
        """Run the function once. A caller that is cancelled before the start takes its place out.

        Raises ThrottledError if too many wait already, ValueError for a payload over 6 MB.
        """
        invocation = self._submit(payload)
        # Bounded: by the queue's length, the function's timeout, and the workers' init limit.
        return await invocation.done

    def submit(self, payload: bytes) -> None:
        """Run the function once without waiting for it. Raises as `invoke` does."""
        self._submit(payload)

    # What workers tell

    def worker_idle(self, worker: Worker) -> None:
        if worker in self._outdated:
            self._spawn(self._retire(worker))
            return
        if worker.used:
            self._failures = 0
        self._last_error = None
        self._renewed = False
        if sum(each.ready for each in self._workers) >= self._limits.warm and not self._warm.done():
            self._warm.set_result(None)
        while self._waiting and not self._held:
            invocation = self._waiting.popleft()
            if not invocation.done.done() and worker.assign(invocation):
                self._grow()
                return
        self._idle.append(worker)

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

    # Inside

    def _submit(self, payload: bytes) -> Invocation:
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise ValueError(f"payload of {len(payload)} bytes; {MAX_PAYLOAD_BYTES} are allowed")
        invocation = Invocation(payload)
        invocation.done.add_done_callback(lambda done: self._tell(invocation, done))
        broken = not self._workers and self._last_error is not None
        if self._stopping or (broken and not self._held):
            # Nothing serves it until the back-off is over: failing now is what Lambda does, too.
            error = self._last_error or Outcome.failure("Runtime.Stopped", "stopping")
            invocation.finish(error)
        elif not self._held and self._assigned(invocation):
            pass
        elif len(self._waiting) >= self._limits.queue:
            raise ThrottledError(f"{len(self._waiting)} wait for {self._function.name} already")
        else:
            self._waiting.append(invocation)
            self._grow()
        return invocation

    def _assigned(self, invocation: Invocation) -> bool:
        """Whether an idle worker takes it. One that does not has died; its end is told soon."""
        while self._idle:
            if self._idle.pop().assign(invocation):
                return True
        return False

    def _fill(self) -> None:
        """As many workers as there shall always be, and one more if there is work for it."""
        while len(self._workers) < self._limits.warm:
            self._add_worker()
        self._grow()

    def _grow(self) -> None:
        """One more worker if there is work for it, none is on its way and none has just failed."""
        starting = any(not worker.ready for worker in self._workers)
        free = len(self._workers) < self._limits.most
        if self._waiting and free and not starting and self._retry is None:
            self._add_worker()

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
        if worker not in self._workers:  # outdated before there was a process to end
            await worker.stop()

    async def _retire(self, worker: Worker) -> None:
        await worker.stop()
        self._outdated.discard(worker)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _failed_unused(self, worker: Worker) -> None:
        """The next one would probably end in the same way: not at once, then."""
        error = worker.init_error or Outcome.failure("Runtime.ExitError", "ended while idle")
        self._last_error = error
        if not self._workers:
            self._fail_waiting(error)
        if not self._warm.done():
            self._warm.set_exception(FunctionInitError(self._init_failure(error)))
            if not self._renewed:
                return
        elif not self._renewed:  # whoever renewed it has been told
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

    def _tell(self, invocation: Invocation, done: asyncio.Future[Outcome]) -> None:
        """One line about a failed invocation, never what was in it."""
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
