"""A pool of real workers: start, growth, recovery, throttling and stop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from local.base.errors import FunctionInitError, ThrottledError
from tests.integration.local.pool_support import CODE, Pools, invoke, result, workers
from tests.integration.local.support import PATIENCE_SECONDS, eventually


async def test_no_invocation_hangs_when_workers_die(pools: Pools) -> None:
    pool = pools(warm=2, stable_after=0.0)
    await pool.start()
    for turns in range(12):
        await eventually(lambda: len(pool._idle) >= 2)
        for worker in workers():
            worker.kill()
        for _ in range(turns):
            await asyncio.sleep(0)
        # An invocation fails on a dead worker and succeeds on a new one; it never hangs.
        assert (await invoke(pool)).error in {None, "Runtime.ExitError"}


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        ("functions.missing", "Runtime.HandlerNotFound"),
        ("nothing.do", "Runtime.ImportModuleError"),
        ("do", "Runtime.MalformedHandlerName"),
    ],
)
async def test_a_wrong_handler_fails_the_start_and_shows_the_log(
    pools: Pools, handler: str, error: str
) -> None:
    pool = pools(handler)
    with pytest.raises(FunctionInitError) as raised:
        await pool.start()
    assert error in str(raised.value)
    assert "[ERROR]" in str(raised.value)


async def test_code_that_exits_during_import_fails_the_start(pools: Pools) -> None:
    pool = pools(code="import os\nprint('so far', flush=True)\nos._exit(5)")
    with pytest.raises(FunctionInitError, match="ended with 5 before it was ready") as raised:
        await pool.start()
    assert "so far" in str(raised.value)


async def test_the_init_phase_has_a_timeout(pools: Pools) -> None:
    pool = pools(code="import time\ntime.sleep(60)", init_timeout=0.3)
    with pytest.raises(FunctionInitError, match="init phase took too long"):
        await pool.start()


async def test_code_that_breaks_while_running_fails_fast_and_recovers(pools: Pools) -> None:
    pool = pools(most=1)
    await pool.start()
    pools.write_code("raise RuntimeError('broken')")
    await invoke(pool, do="exit")
    outcome = await invoke(pool)
    assert outcome.error == "RuntimeError"

    def complaints() -> list[str]:
        return [line for line in pools.reported if "cannot start" in line]

    await eventually(lambda: len(complaints()) >= 3)
    assert "broken" in complaints()[0]
    assert (await invoke(pool)).error == "RuntimeError"
    pools.write_code(CODE)

    for _ in range(500):
        if (await invoke(pool)).error is None:
            break
        await asyncio.sleep(0.02)
    else:
        pytest.fail("it never recovered")
    # The backoff doubles; without it there would have been hundreds of attempts in this time.
    assert len(complaints()) < 10


async def test_a_pool_grows_up_to_its_limit_while_invocations_wait(
    pools: Pools, tmp_path: Path
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


async def test_a_pool_with_patience_grows_for_long_waits_only(pools: Pools, tmp_path: Path) -> None:
    patient, eager = pools(warm=1, most=2, patience=3_600.0), pools(warm=1, most=2, patience=0.01)
    await asyncio.gather(patient.start(), eager.start())

    answers = await asyncio.gather(*(result(patient) for _ in range(4)))
    assert len({answer["pid"] for answer in answers}) == 1

    # Both must run at the same time to end.
    folder = tmp_path / "met"
    folder.mkdir()
    event = {"do": "meet", "folder": str(folder), "count": 2}
    answers = await asyncio.gather(*(result(eager, **event) for _ in range(2)))
    assert len({answer["pid"] for answer in answers}) == 2


async def test_the_last_used_worker_is_reused_first(pools: Pools) -> None:
    pool = pools(warm=3)
    await pool.start()
    pids = set()
    for _ in range(5):
        # A result arrives just before its worker asks for the next invocation.
        await eventually(lambda: len(pool._idle) == 3)
        pids.add((await result(pool))["pid"])
    assert len(pids) == 1


async def test_a_full_queue_throttles(pools: Pools, tmp_path: Path) -> None:
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


async def test_a_cancelled_invocation_does_not_run(pools: Pools, tmp_path: Path) -> None:
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
    assert pools.reported == []


async def test_stopping_ends_running_and_waiting_invocations(pools: Pools) -> None:
    pool = pools(most=1)
    await pool.start()
    work = [asyncio.ensure_future(invoke(pool, do="sleep", seconds=60)) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.wait_for(pool.stop(), PATIENCE_SECONDS)
    assert [(await each).error for each in work] == ["Runtime.Stopped"] * 3
    assert (await invoke(pool)).error == "Runtime.Stopped"
