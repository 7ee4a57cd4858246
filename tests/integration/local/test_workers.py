"""Real workers: results, errors, time limits, crashes, and how a pool grows and recovers."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.errors import FunctionInitError, ThrottledError
from local.invocation import MAX_PAYLOAD_BYTES, Outcome
from local.model import Function
from local.pool import FunctionPool, PoolLimits
from local.workers import worker_environment
from shared.utils.clock import SystemClock
from tests.integration.local.support import eventually

CODE = """
import json, os, sys, time, pathlib

def do(event, context):
    what = event.get("do")
    if what == "sleep":
        print("sleeping", flush=True)
        time.sleep(event["seconds"])
    elif what == "meet":  # until so many are here at the same time
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

Build = Callable[..., FunctionPool]


@pytest.fixture
async def pools(tmp_path: Path) -> AsyncIterator[Build]:
    """Builds pools whose lines for whoever runs the stack are in `reported`."""
    built: list[FunctionPool] = []
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "functions.py").write_text(CODE)

    def build(
        handler: str = "functions.do", *, timeout: int = 10, code: str = "", **limits: Any
    ) -> FunctionPool:
        if code:
            (tmp_path / "code" / "functions.py").write_text(code)
        function = Function(
            "Do", "do", "arn:do", handler, tmp_path / "code", {"OWN": "value"}, timeout, 256
        )
        pool = FunctionPool(
            function,
            worker_environment(function, function.environment, {"AWS_REGION": "here"}),
            tmp_path / "do.log",
            PoolLimits(**{"first_backoff": 0.05} | limits),
            clock=SystemClock(),
            report=lines.append,
        )
        built.append(pool)
        return pool

    lines = reported
    lines.clear()
    yield build
    for pool in built:
        await pool.stop()
    assert not workers(), "a stopped pool leaves no process behind"


reported: list[str] = []


def workers() -> list[psutil.Process]:
    """Running worker processes of this test."""
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if "awslambdaric" in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def over(process: psutil.Process) -> bool:
    """Whether a process has ended, waited for or not."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def invoke(pool: FunctionPool, **event: object) -> Outcome:
    return await asyncio.wait_for(pool.invoke(json.dumps(event).encode()), 10)


async def result(pool: FunctionPool, **event: object) -> dict[str, Any]:
    outcome = await invoke(pool, **event)
    assert outcome.error is None, outcome.error_message
    content: dict[str, Any] = json.loads(outcome.payload)
    return content


async def test_a_result_comes_from_the_function_with_lambdas_context(
    pools: Build, tmp_path: Path
) -> None:
    pool = pools(timeout=7)
    await pool.start()
    got = await result(pool, key="value")
    assert got["event"] == {"key": "value"}
    assert got["cwd"] == str(tmp_path / "code")
    assert (got["name"], got["arn"]) == ("do", "arn:do")
    assert 5_000 < got["remaining"] <= 7_000
    assert reported == []


async def test_a_worker_sees_its_own_environment_only(
    pools: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_WHOEVER_STARTED_IT", "leaked")
    pool = pools()
    await pool.start()
    environment = (await result(pool))["environment"]
    assert environment["OWN"] == "value"
    assert environment["AWS_REGION"] == "here"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "do"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert "OF_WHOEVER_STARTED_IT" not in environment
    assert "HOME" not in environment


async def test_an_exception_is_a_function_error_and_is_logged_but_not_repeated(
    pools: Build, tmp_path: Path
) -> None:
    pool = pools()
    await pool.start()
    outcome = await invoke(pool, do="raise")
    assert outcome.error == "ValueError"
    assert outcome.error_message == "the event's own words"
    (line,) = reported
    assert "do: ValueError" in line
    assert str(tmp_path / "do.log") in line
    assert "own words" not in line
    assert "own words" in (tmp_path / "do.log").read_text()
    assert (await result(pool))["event"] == {}


async def test_a_function_that_takes_too_long_is_killed_and_replaced(
    pools: Build, tmp_path: Path
) -> None:
    pool = pools(timeout=1)
    await pool.start()
    before = (await result(pool))["pid"]
    outcome = await invoke(pool, do="sleep", seconds=60)
    assert outcome.error == "Sandbox.Timedout"
    assert "timed out after 1.00 seconds" in outcome.error_message
    await eventually(lambda: before not in [each.pid for each in workers()])
    assert (await result(pool))["pid"] != before
    assert "sleeping" in (tmp_path / "do.log").read_text()


async def test_what_a_killed_function_started_is_killed_with_it(pools: Build) -> None:
    pool = pools(timeout=1)
    await pool.start()
    work = asyncio.ensure_future(invoke(pool, do="spawn"))

    def sleepers() -> list[psutil.Process]:
        return [
            child for worker in workers() for child in worker.children() if child.name() == "sleep"
        ]

    await eventually(sleepers)
    (sleeper,) = sleepers()
    assert (await work).error == "Sandbox.Timedout"
    await eventually(lambda: over(sleeper))


async def test_a_worker_that_dies_in_the_middle_is_replaced(pools: Build) -> None:
    pool = pools()
    await pool.start()
    for _ in range(2):
        outcome = await invoke(pool, do="exit")
        assert outcome.error == "Runtime.ExitError"
        assert "exit status 3" in outcome.error_message
    assert (await result(pool))["event"] == {}


async def test_a_worker_that_dies_idle_is_replaced(pools: Build) -> None:
    pool = pools()
    await pool.start()
    pid = (await result(pool))["pid"]
    os.kill(pid, 9)
    await eventually(lambda: [each.pid for each in workers()] not in ([pid], []))
    assert (await result(pool))["pid"] != pid


async def test_no_invocation_is_lost_around_a_workers_death(pools: Build) -> None:
    pool = pools(warm=2, stable_after=0.0)
    await pool.start()
    for turns in range(12):
        await eventually(lambda: len(pool._idle) >= 2)
        for worker in workers():
            worker.kill()
        for _ in range(turns):
            await asyncio.sleep(0)
        # Given to a dead worker, it fails; given to a new one, it succeeds; it never hangs.
        assert (await invoke(pool)).error in {None, "Runtime.ExitError"}


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        ("functions.missing", "Runtime.HandlerNotFound"),
        ("nothing.do", "Runtime.ImportModuleError"),
        ("do", "Runtime.MalformedHandlerName"),
    ],
)
async def test_a_wrong_handler_is_told_at_the_start_with_the_log(
    pools: Build, handler: str, error: str
) -> None:
    pool = pools(handler)
    with pytest.raises(FunctionInitError) as told:
        await pool.start()
    assert error in str(told.value)
    assert "[ERROR]" in str(told.value)


async def test_code_that_ends_its_process_at_import_is_told_at_the_start(pools: Build) -> None:
    pool = pools(code="import os\nprint('so far', flush=True)\nos._exit(5)")
    with pytest.raises(FunctionInitError, match="ended with 5 before it was ready") as told:
        await pool.start()
    assert "so far" in str(told.value)


async def test_an_init_phase_that_takes_too_long_is_ended(pools: Build) -> None:
    pool = pools(code="import time\ntime.sleep(60)", init_timeout=0.3)
    with pytest.raises(FunctionInitError, match="init phase took too long"):
        await pool.start()


async def test_code_that_breaks_while_running_fails_fast_and_recovers(
    pools: Build, tmp_path: Path
) -> None:
    pool = pools(most=1)
    await pool.start()
    code = tmp_path / "code" / "functions.py"
    code.write_text("raise RuntimeError('broken')")
    await invoke(pool, do="exit")
    outcome = await invoke(pool)
    assert outcome.error == "RuntimeError"

    def complaints() -> list[str]:
        return [line for line in reported if "cannot start" in line]

    await eventually(lambda: len(complaints()) >= 3)
    assert "broken" in complaints()[0]
    assert (await invoke(pool)).error == "RuntimeError"
    code.write_text(CODE)

    for _ in range(500):
        if (await invoke(pool)).error is None:
            break
        await asyncio.sleep(0.02)
    else:
        pytest.fail("it never recovered")
    # Doubled each time: in the seconds that this took, a loop would have tried hundreds of times.
    assert len(complaints()) < 10


async def test_a_pool_grows_when_invocations_wait_and_not_beyond_its_limit(
    pools: Build, tmp_path: Path
) -> None:
    pool = pools(most=2)
    await pool.start()
    assert len(workers()) == 1
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    event = {"do": "meet", "folder": str(meeting), "count": 2}
    results = await asyncio.gather(*(result(pool, **event) for _ in range(5)))
    assert len({each["pid"] for each in results}) == 2
    assert len(workers()) == 2


async def test_the_worker_used_last_is_used_again_first(pools: Build) -> None:
    pool = pools(warm=3)
    await pool.start()
    pids = set()
    for _ in range(5):
        # A result comes a moment before its worker asks for more.
        await eventually(lambda: len(pool._idle) == 3)
        pids.add((await result(pool))["pid"])
    assert len(pids) == 1


async def test_more_than_the_queue_holds_is_throttled(pools: Build, tmp_path: Path) -> None:
    pool = pools(most=1, queue=1)
    await pool.start()
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    event = {"do": "meet", "folder": str(meeting), "count": 2}
    running = asyncio.ensure_future(invoke(pool, **event))
    waiting = asyncio.ensure_future(invoke(pool))
    await asyncio.sleep(0)
    with pytest.raises(ThrottledError, match="wait for do"):
        await invoke(pool)
    (meeting / "me").touch()
    assert [(await each).error for each in (running, waiting)] == [None, None]


async def test_who_gives_up_waiting_is_not_served(pools: Build, tmp_path: Path) -> None:
    pool = pools(most=1)
    await pool.start()
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    running = asyncio.ensure_future(invoke(pool, do="meet", folder=str(meeting), count=2))
    await eventually(lambda: list(meeting.iterdir()))
    given_up = asyncio.ensure_future(invoke(pool, do="exit"))
    await asyncio.sleep(0)
    given_up.cancel()
    (meeting / "me").touch()
    await running
    await result(pool)
    assert reported == []


async def test_a_result_over_the_limit_is_a_function_error(pools: Build) -> None:
    pool = pools()
    await pool.start()
    assert (await invoke(pool, do="big", bytes=MAX_PAYLOAD_BYTES - 2)).error is None
    outcome = await invoke(pool, do="big", bytes=MAX_PAYLOAD_BYTES)
    assert outcome.error == "Function.ResponseSizeTooLarge"
    assert (await result(pool))["event"] == {}


async def test_a_payload_over_the_limit_is_refused(pools: Build) -> None:
    pool = pools()
    with pytest.raises(ValueError, match="are allowed"):
        await pool.invoke(b"x" * (MAX_PAYLOAD_BYTES + 1))


async def test_stopping_ends_what_runs_and_what_waits(pools: Build) -> None:
    pool = pools(most=1)
    await pool.start()
    work = [asyncio.ensure_future(invoke(pool, do="sleep", seconds=60)) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.wait_for(pool.stop(), 5)
    assert [(await each).error for each in work] == ["Runtime.Stopped"] * 3
    assert (await invoke(pool)).error == "Runtime.Stopped"
