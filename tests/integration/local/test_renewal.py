"""Replacing the workers of a pool when its code changes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from local.base.errors import FunctionInitError
from tests.integration.local.pool_support import CODE, Pools, invoke, result, workers
from tests.integration.local.support import eventually

OTHER_CODE = CODE.replace('"event": event', '"event": "of the new code"')


async def test_idle_workers_are_replaced_and_the_next_invocation_runs_the_new_code(
    pools: Pools,
) -> None:
    pool = pools(warm=2)
    await pool.start()
    old = {worker.pid for worker in workers()}
    pools.write_code(OTHER_CODE)

    pool.retire()
    answer = asyncio.ensure_future(result(pool))
    await pool.start()

    assert (await answer)["event"] == "of the new code"
    await eventually(lambda: not old & {worker.pid for worker in workers()})
    assert len(workers()) == 2


async def test_a_busy_worker_finishes_its_invocation_and_gets_no_other(
    pools: Pools, tmp_path: Path
) -> None:
    pool = pools(most=1)
    await pool.start()
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    event = {"do": "meet", "folder": str(meeting), "count": 2}
    running = asyncio.ensure_future(result(pool, **event))
    await eventually(lambda: list(meeting.iterdir()))
    pools.write_code(OTHER_CODE)

    pool.retire()
    await pool.start()
    after = await result(pool)
    assert after["event"] == "of the new code"
    assert not running.done()

    (meeting / "me").touch()
    before = await running
    assert before["event"] == event
    await eventually(lambda: [worker.pid for worker in workers()] == [after["pid"]])


async def test_held_invocations_run_the_new_code(pools: Pools) -> None:
    pool = pools(warm=2)
    await pool.start()

    pool.hold()
    held = [asyncio.ensure_future(result(pool)) for _ in range(5)]
    await asyncio.sleep(0)
    pools.write_code(OTHER_CODE)
    pool.retire()
    await pool.start()

    assert [(await each)["event"] for each in held] == ["of the new code"] * 5


async def test_held_invocations_resume_on_the_old_workers_without_a_change(pools: Pools) -> None:
    pool = pools(warm=2, most=2)
    await pool.start()
    old = {worker.pid for worker in workers()}

    pool.hold()
    held = [asyncio.ensure_future(result(pool)) for _ in range(5)]
    await asyncio.sleep(0)
    assert not any(each.done() for each in held)
    pool.resume()

    assert {(await each)["pid"] for each in held} <= old
    assert {worker.pid for worker in workers()} == old


async def test_broken_code_fails_the_start_and_a_fix_recovers_at_once(
    pools: Pools,
) -> None:
    # A backoff longer than the test.
    pool = pools(first_backoff=1_000.0, last_backoff=1_000.0)
    await pool.start()
    pools.write_code("x = (")
    pool.retire()
    waiting = asyncio.ensure_future(invoke(pool))
    with pytest.raises(FunctionInitError, match=r"Runtime\.UserCodeSyntaxError"):
        await pool.start()
    assert (await waiting).error == "Runtime.UserCodeSyntaxError"
    assert (await invoke(pool)).error == "Runtime.UserCodeSyntaxError"
    assert not [line for line in pools.reported if "cannot start" in line]

    pools.write_code(CODE)
    pool.retire()
    await pool.start()

    assert (await invoke(pool)).error is None


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("x = (", "functions.py:1: SyntaxError: '(' was never closed"),
        ("\nimport nonsense", "functions.py:2: ModuleNotFoundError: No module named 'nonsense'"),
        ("import json\njson.loads(1)", "functions.py:2: TypeError: the JSON object must be"),
        ("raise SystemExit(3)", "functions: it ended without an error message"),
    ],
)
async def test_an_import_error_has_file_and_line(pools: Pools, code: str, why: str) -> None:
    pool = pools(code=code)

    assert (await pool.import_error() or "").startswith(why)


async def test_working_code_has_no_import_error(pools: Pools) -> None:
    assert await pools().import_error() is None


async def test_replacements_in_quick_succession_leave_no_old_worker(pools: Pools) -> None:
    pool = pools(warm=2)
    await pool.start()
    for _ in range(5):
        pool.retire()
        await asyncio.sleep(0.01)
    pools.write_code(OTHER_CODE)
    pool.retire()
    await pool.start()

    assert (await result(pool))["event"] == "of the new code"
    await eventually(lambda: len(workers()) == 2)
