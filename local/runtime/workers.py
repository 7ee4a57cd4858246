"""Worker processes, which run a handler under AWS's own runtime client."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from local.base import processes
from local.base.aws_settings import NO_AWS_SETTINGS
from local.base.loopback import HOST
from local.http.server import HttpServer
from local.runtime.invocation import Invocation, Outcome
from local.runtime.runtime_api import MAX_BODY_BYTES, RuntimeApi
from local.template.model import Function
from shared.utils.clock import Clock

_STOPPING = Outcome.failure("Runtime.Stopped", "the local stack is stopping")


class WorkerOwner(Protocol):
    """The pool that a worker belongs to."""

    def worker_idle(self, worker: Worker) -> None:
        """The worker waits for an invocation."""

    def worker_ended(self, worker: Worker) -> None:
        """The process has ended, and its last invocation is finished."""


class Worker:
    """One process of a function, which runs one invocation at a time; a timeout kills it.

    Its output goes directly to the function's log.
    """

    def __init__(
        self,
        function: Function,
        environment: Mapping[str, str],
        log: Path,
        owner: WorkerOwner,
        clock: Clock,
    ) -> None:
        self._function = function
        self._environment = environment
        self._log = log
        self._owner = owner
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._process: asyncio.subprocess.Process | None = None
        self._server: HttpServer | None = None
        self._watch: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.init_error: Outcome | None = None
        #: Whether it has asked for its first invocation; and when (monotonic seconds).
        self.ready = False
        self._ready_at = 0.0
        #: Whether it has received an invocation.
        self.used = False
        self._api = RuntimeApi(
            function.arn,
            on_idle=self._on_idle,
            on_done=self._on_done,
            on_init_error=self._on_init_error,
        )

    async def start(self, init_timeout_seconds: float) -> None:
        """Start the process; the owner learns when it is idle or has ended."""
        self._server = await HttpServer.listen(self._api.handle, max_body_bytes=MAX_BODY_BYTES)
        environment = {
            **self._environment,
            "AWS_LAMBDA_RUNTIME_API": f"{HOST}:{self._server.port}",
        }
        with self._log.open("ab") as log:
            self._process = await processes.spawn(
                (sys.executable, "-m", "awslambdaric", self._function.handler),
                environment=environment,
                cwd=self._function.code,
                stdout=log,
                stderr=log,
            )
        self._timer = self._loop.call_later(init_timeout_seconds, self._init_timed_out)
        self._watch = self._loop.create_task(self._watch_process(self._process))

    @property
    def ready_seconds(self) -> float:
        """The time since it became `ready`."""
        return self._clock.monotonic() - self._ready_at

    def assign(self, invocation: Invocation) -> bool:
        """Hand over an invocation; returns False if the worker is not idle."""
        limit = self._function.timeout_seconds
        if not self._api.assign(invocation, self._clock.now_ms() + limit * 1000):
            return False
        self.used = True
        self._timer = self._loop.call_later(limit, self._timed_out, invocation)
        return True

    async def stop(self) -> None:
        """Kill the process without informing the owner."""
        if self._watch is not None:
            self._watch.cancel()
        if self._process is not None:
            await processes.kill(self._process)
        if self._api.current is not None:
            self._api.current.finish(_STOPPING)
        self._cleanup()

    @property
    def busy(self) -> bool:
        """Whether it runs an invocation."""
        return self._api.current is not None

    def kill(self) -> None:
        """Kill the process, as if it had crashed; the owner learns when it has ended."""
        if self._process is not None:
            processes.signal_group(self._process)

    def _on_idle(self) -> None:
        if not self.ready:
            self.ready = True
            self._ready_at = self._clock.monotonic()
            self._cancel_timer()
        self._owner.worker_idle(self)

    def _on_done(self, invocation: Invocation, outcome: Outcome) -> None:
        self._cancel_timer()
        invocation.finish(outcome)

    def _on_init_error(self, outcome: Outcome) -> None:
        self.init_error = outcome

    def _init_timed_out(self) -> None:
        self.init_error = Outcome.failure("Sandbox.Timedout", "the init phase took too long")
        self.kill()

    def _timed_out(self, invocation: Invocation) -> None:
        seconds = self._function.timeout_seconds
        message = (
            f"RequestId: {invocation.request_id} Error: Task timed out after {seconds:.2f} seconds"
        )
        invocation.finish(Outcome.failure("Sandbox.Timedout", message))
        self.kill()

    async def _watch_process(self, process: asyncio.subprocess.Process) -> None:
        status = await process.wait()
        current = self._api.current
        if current is not None:
            how = f"exit status {status}" if status >= 0 else f"signal {-status}"
            message = f"RequestId: {current.request_id} Error: Runtime exited with error: {how}"
            current.finish(Outcome.failure("Runtime.ExitError", message))
        elif not self.ready and self.init_error is None:
            message = f"the process ended with {status} before it was ready"
            self.init_error = Outcome.failure("Runtime.ExitError", message)
        self._cleanup()
        self._owner.worker_ended(self)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cleanup(self) -> None:
        self._cancel_timer()
        if self._server is not None:
            self._server.close()


def worker_environment(
    function: Function, variables: Mapping[str, str], shared: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a worker of `function`, without the address of the Runtime API.

    `variables` are the function's own: those of the template, and credentials. `shared` are those
    of all functions: Region and endpoints. Workers inherit nothing from the stack's environment.
    See https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.
    """
    return {
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "LAMBDA_TASK_ROOT": str(function.code),
        "_HANDLER": function.handler,
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "PYTHONPATH": str(function.code),
        "PYTHONUNBUFFERED": "1",
        # Without HOME, SDKs would look up the user's home in the password file.
        **NO_AWS_SETTINGS,
        **shared,
        **variables,
    }
