"""Real workers: results, errors, time limits, crashes, payload limits."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from local.runtime.invocation import MAX_PAYLOAD_BYTES
from tests.integration.local.pool_support import Pools, invoke, over, result, workers
from tests.integration.local.support import eventually


async def test_a_result_comes_from_the_function_with_lambdas_context(
    pools: Pools, tmp_path: Path
) -> None:
    pool = pools(timeout=7)
    await pool.start()
    got = await result(pool, key="value")
    assert got["event"] == {"key": "value"}
    assert got["cwd"] == str(tmp_path / "code")
    assert (got["name"], got["arn"]) == ("do", "arn:do")
    assert 5_000 < got["remaining"] <= 7_000
    assert pools.reported == []


async def test_a_worker_sees_its_own_environment_only(
    pools: Pools, monkeypatch: pytest.MonkeyPatch
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
    # No SDK finds a profile of theirs by itself, either.
    assert (
        environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    )
    assert environment["AWS_EC2_METADATA_DISABLED"] == "true"


async def test_an_exception_is_a_function_error_and_is_logged_but_not_repeated(
    pools: Pools,
) -> None:
    pool = pools()
    await pool.start()
    outcome = await invoke(pool, do="raise")
    assert outcome.error == "ValueError"
    assert outcome.error_message == "the event's own words"
    (line,) = pools.reported
    assert "do: ValueError" in line
    assert str(pools.log) in line
    assert "own words" not in line
    assert "own words" in (pools.log).read_text()
    assert (await result(pool))["event"] == {}


async def test_a_function_that_takes_too_long_is_killed_and_replaced(pools: Pools) -> None:
    pool = pools(timeout=1)
    await pool.start()
    before = (await result(pool))["pid"]
    outcome = await invoke(pool, do="sleep", seconds=60)
    assert outcome.error == "Sandbox.Timedout"
    assert "timed out after 1.00 seconds" in outcome.error_message
    await eventually(lambda: before not in [each.pid for each in workers()])
    assert (await result(pool))["pid"] != before
    assert "sleeping" in (pools.log).read_text()


async def test_what_a_killed_function_started_is_killed_with_it(pools: Pools) -> None:
    pool = pools(timeout=2)
    await pool.start()
    work = asyncio.ensure_future(invoke(pool, do="spawn"))
    found: list[psutil.Process] = []

    def sleeps() -> bool:
        found[:] = [
            child for worker in workers() for child in worker.children() if child.name() == "sleep"
        ]
        return bool(found)

    await eventually(sleeps)
    (sleeper,) = found
    assert (await work).error == "Sandbox.Timedout"
    await eventually(lambda: over(sleeper))


async def test_a_worker_that_dies_in_the_middle_is_replaced(pools: Pools) -> None:
    pool = pools()
    await pool.start()
    for _ in range(2):
        outcome = await invoke(pool, do="exit")
        assert outcome.error == "Runtime.ExitError"
        assert "exit status 3" in outcome.error_message
    assert (await result(pool))["event"] == {}


async def test_a_worker_that_dies_idle_is_replaced(pools: Pools) -> None:
    pool = pools()
    await pool.start()
    pid = (await result(pool))["pid"]
    os.kill(pid, 9)
    await eventually(lambda: [each.pid for each in workers()] not in ([pid], []))
    assert (await result(pool))["pid"] != pid


async def test_a_result_over_the_limit_is_a_function_error(pools: Pools) -> None:
    pool = pools()
    await pool.start()
    assert (await invoke(pool, do="big", bytes=MAX_PAYLOAD_BYTES - 2)).error is None
    outcome = await invoke(pool, do="big", bytes=MAX_PAYLOAD_BYTES)
    assert outcome.error == "Function.ResponseSizeTooLarge"
    assert (await result(pool))["event"] == {}


async def test_a_payload_over_the_limit_is_refused(pools: Pools) -> None:
    pool = pools()
    with pytest.raises(ValueError, match="are allowed"):
        await pool.invoke(b"x" * (MAX_PAYLOAD_BYTES + 1))
