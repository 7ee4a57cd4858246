"""Real workers: results, errors, timeouts, crashes and payload limits."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from local.runtime.invocation import MAX_PAYLOAD_BYTES
from tests.integration.local.pool_support import Pools, invoke, over, result, workers
from tests.integration.local.support import eventually


async def test_a_function_gets_the_context_of_lambda(pools: Pools, tmp_path: Path) -> None:
    pool = pools(timeout=7)
    await pool.start()
    got = await result(pool, key="value")
    assert got["event"] == {"key": "value"}
    assert got["cwd"] == str(tmp_path / "code")
    assert (got["name"], got["arn"]) == ("do", "arn:do")
    assert 5_000 < got["remaining"] <= 7_000
    assert pools.reported == []


async def test_a_worker_sees_only_its_own_environment(
    pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_STACK", "leaked")
    pool = pools()
    await pool.start()
    environment = (await result(pool))["environment"]
    assert environment["OWN"] == "value"
    assert environment["AWS_REGION"] == "here"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "do"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert "OF_THE_STACK" not in environment
    assert "HOME" not in environment
    # SDKs find no profile of the user either.
    assert (
        environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    )
    assert environment["AWS_EC2_METADATA_DISABLED"] == "true"


async def test_an_exception_is_a_function_error_and_its_text_stays_in_the_log(
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


async def test_a_function_past_its_timeout_is_killed_and_replaced(pools: Pools) -> None:
    pool = pools(timeout=1)
    await pool.start()
    before = (await result(pool))["pid"]
    outcome = await invoke(pool, do="sleep", seconds=60)
    assert outcome.error == "Sandbox.Timedout"
    assert "timed out after 1.00 seconds" in outcome.error_message
    await eventually(lambda: before not in [each.pid for each in workers()])
    assert (await result(pool))["pid"] != before
    assert "sleeping" in (pools.log).read_text()


async def test_child_processes_of_a_killed_function_are_killed(pools: Pools) -> None:
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


async def test_a_worker_that_dies_during_an_invocation_is_replaced(pools: Pools) -> None:
    pool = pools()
    await pool.start()
    for _ in range(2):
        outcome = await invoke(pool, do="exit")
        assert outcome.error == "Runtime.ExitError"
        assert "exit status 3" in outcome.error_message
    assert (await result(pool))["event"] == {}


async def test_an_idle_worker_that_dies_is_replaced(pools: Pools) -> None:
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
    with pytest.raises(ValueError, match="the limit is"):
        await pool.invoke(b"x" * (MAX_PAYLOAD_BYTES + 1))
