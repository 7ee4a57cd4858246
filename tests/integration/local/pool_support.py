"""Pools of real workers with one small function."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import psutil

from local.runtime.invocation import Outcome
from local.runtime.pool import FunctionPool, PoolLimits
from local.runtime.workers import worker_environment
from local.template.model import Function, Role
from shared.utils.clock import SystemClock
from tests.integration.local.support import PATIENCE_SECONDS

CODE = """
import json, os, sys, time, pathlib

def do(event, context):
    what = event.get("do")
    if what == "sleep":
        print("sleeping", flush=True)
        time.sleep(event["seconds"])
    elif what == "meet":  # wait until `count` workers have met
        folder = pathlib.Path(event["folder"])
        (folder / str(os.getpid())).touch()
        while len(list(folder.iterdir())) < event["count"]:
            time.sleep(0.005)
    elif what == "exit":
        os._exit(3)
    elif what == "raise":
        raise ValueError("the event's own words")
    elif what == "big":
        return "x" * event["bytes"]
    elif what == "spawn":
        os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "60")
        time.sleep(60)
    return {
        "pid": os.getpid(),
        "cwd": os.getcwd(),
        "environment": dict(os.environ),
        "name": context.function_name,
        "arn": context.invoked_function_arn,
        "request": context.aws_request_id,
        "remaining": context.get_remaining_time_in_millis(),
        "event": event,
    }
"""


class Pools:
    """Builds pools; `reported` has the lines that the stack would print."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "do.log"
        self.reported: list[str] = []
        self.folder = folder / "code"
        self.folder.mkdir()
        self._built: list[FunctionPool] = []
        self.write_code(CODE)

    def write_code(self, code: str) -> None:
        """Replace the code; workers started later run it."""
        (self.folder / "functions.py").write_text(code)

    def __call__(
        self, handler: str = "functions.do", *, timeout: int = 10, code: str = CODE, **limits: Any
    ) -> FunctionPool:
        """A pool that is not started; `limits` are fields of PoolLimits."""
        self.write_code(code)
        function = Function(
            "Do",
            "do",
            "arn:do",
            handler,
            self.folder,
            {"OWN": "value"},
            timeout,
            256,
            Role("do"),
        )
        pool = FunctionPool(
            function,
            worker_environment(function, function.environment, {"AWS_REGION": "here"}),
            self.log,
            PoolLimits(**{"first_backoff": 0.05} | limits),
            clock=SystemClock(),
            report=self.reported.append,
        )
        self._built.append(pool)
        return pool

    async def stop(self) -> None:
        """Stop all pools."""
        for pool in self._built:
            await pool.stop()


def workers() -> list[psutil.Process]:
    """Running worker processes of this process, without those of a launched stack."""
    found = []
    for child in psutil.Process().children():
        try:
            if "awslambdaric" in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def over(process: psutil.Process) -> bool:
    """Whether a process has ended, including zombies."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def invoke(pool: FunctionPool, **event: object) -> Outcome:
    """The outcome of an invocation with this event."""
    return await asyncio.wait_for(pool.invoke(json.dumps(event).encode()), PATIENCE_SECONDS)


async def result(pool: FunctionPool, **event: object) -> dict[str, Any]:
    """The result of an invocation that must succeed."""
    outcome = await invoke(pool, **event)
    assert outcome.error is None, outcome.error_message
    content: dict[str, Any] = json.loads(outcome.payload)
    return content
