"""Machine runs: taking over, retiring, and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from interpreter.function.machine_factory import MachineRun
from interpreter.function.run_metrics import RunMetrics
from interpreter.machine.report import (
    EngineFailed,
    EngineSuspended,
    LeaseChanged,
    SentenceSkipped,
    SentenceSpoken,
)
from shared.models.interpretation import Renders
from tests.helpers.doubles import RecordingTelemetry
from tests.helpers.virtual_loop import VirtualLoop, run_virtually

ID = "golden-eagle-001"


class FakeMachine:
    """Records calls with their times."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.has_standby = False
        self.calls: list[tuple[float, str]] = []
        self.over = asyncio.Event()

    async def run(self) -> str | None:
        await self.over.wait()
        return "ended"

    async def retire(self) -> None:
        self.calls.append((round(self._loop.time(), 1), "retire"))
        self.over.set()

    async def take_over(self) -> None:
        self.calls.append((round(self._loop.time(), 1), "take over"))


def work(
    main: Callable[[FakeMachine, MachineRun], Coroutine[Any, Any, None]], *, is_successor: bool
) -> FakeMachine:
    """Run `main` beside a machine, and return the machine with its calls."""

    async def run(loop: VirtualLoop) -> FakeMachine:
        machine = FakeMachine(loop)
        machine_run = MachineRun(
            machine, RunMetrics(ID, RecordingTelemetry()), is_successor=is_successor
        )
        running = asyncio.create_task(machine_run.run())
        await main(machine, machine_run)
        machine.over.set()
        await running
        return machine

    return run_virtually(run)


@pytest.mark.parametrize(("is_successor", "calls"), [(True, [(20.0, "take over")]), (False, [])])
def test_a_successor_takes_over_once_and_the_first_run_never(
    is_successor: bool, calls: list[tuple[float, str]]
) -> None:
    async def main(_machine: FakeMachine, _machine_run: MachineRun) -> None:
        await asyncio.sleep(600)

    assert work(main, is_successor=is_successor).calls == calls


def test_a_machine_retires_when_a_stand_by_waits() -> None:
    async def main(machine: FakeMachine, machine_run: MachineRun) -> None:
        asyncio.get_running_loop().call_later(3.1, setattr, machine, "has_standby", True)
        await machine_run.retire(60)

    ((at, what),) = work(main, is_successor=False).calls
    assert what == "retire"
    assert 3.1 <= at <= 3.4


def test_a_machine_retires_without_a_stand_by_after_its_patience() -> None:
    async def main(_machine: FakeMachine, machine_run: MachineRun) -> None:
        await machine_run.retire(15)

    assert work(main, is_successor=False).calls == [(15.0, "retire")]


def test_news_are_flushed_as_metrics_once() -> None:
    telemetry = RecordingTelemetry()
    metrics = RunMetrics(ID, telemetry)
    renders = Renders(
        timestamp=0, end_timestamp=1_000, recognise_ms=300, translate_ms=100, speak_ms=50
    )
    for news in (
        SentenceSpoken("es", renders),
        SentenceSpoken("ca", renders),
        SentenceSkipped("es", "behind"),
        EngineFailed("translate", "TimeoutError", "es"),
        EngineSuspended(15.0, "es"),
        LeaseChanged("es", holds=True, reason="asked"),
    ):
        metrics.on_news(news)

    metrics.flush()
    metrics.flush()

    assert telemetry.counts["InterpreterSentences"] == 2
    assert telemetry.durations == ["InterpreterDelay"] * 2
    assert telemetry.by_dimensions == {
        ("InterpreterUnspoken", "behind"): 1,
        ("InterpreterFaults", "translate"): 1,
    }
    assert telemetry.warnings == ["engine failed", "engine suspended"]
    assert telemetry.flushes == 2
