"""Successive runs of an interpreter, with the real table, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from interpreter.function.run import InterpreterRun, RunOutcome, RunTimes
from shared.data_access.errors import StoreUnavailableError
from shared.data_access.table import Table
from shared.interpretation.run_store import RunStore
from shared.models import schema
from shared.models.audio_format import AudioFormat
from shared.models.interpretation import Interpretation
from shared.models.interpreter_run import RUN_LEASE_MS, RunRequest
from shared.models.interpreter_run import InterpreterRun as StoredRun
from shared.models.session import Session
from shared.utils.hashed_secret import hash_of
from tests.helpers.database.tables import SESSIONS, dynamodb, moto_tables, sessions_repository
from tests.helpers.doubles import RecordingTelemetry
from tests.helpers.virtual_loop import T0, InlineExecutor, VirtualLoop, run_virtually

ID = "golden-eagle-001"
TIMES = RunTimes(run=810)
LAMBDA_SECONDS = 900.0


@pytest.fixture(autouse=True)
def session() -> Iterator[None]:
    with moto_tables():
        sessions_repository().create(
            Session(
                session_id=ID,
                owner="alice",
                speaker_connection_id="c1",
                speaker_epoch=1,
                source_language="en",
                quality_tier="premium",
                audio_format=AudioFormat(),
                created_at=T0,
                max_listeners=10,
                interpretation=Interpretation(engine="aws", languages=("es",)),
                ticket_hash=hash_of("ticket"),
                interpreter_run=StoredRun(0, T0 + RUN_LEASE_MS),
            )
        )
        yield


class Machine:
    """Interprets until the session ends, or until it has retired after a sentence."""

    def __init__(self, log: list[str], sentence_seconds: float) -> None:
        self._log = log
        self._sentence_seconds = sentence_seconds
        self.fault: Exception | None = None
        self.patience = -1.0
        self.over = asyncio.Event()

    async def run(self) -> None:
        self._log.append("interprets")
        await self.over.wait()
        if self.fault is not None:
            raise self.fault

    async def retire(self, patience_seconds: float) -> None:
        self._log.append("retires")
        self.patience = patience_seconds
        await asyncio.sleep(self._sentence_seconds)
        self.over.set()

    def flush_metrics(self) -> None:
        self._log.append("flushes")


class World:
    """Instances of the function over one table, running concurrently."""

    def __init__(self, loop: VirtualLoop, times: RunTimes = TIMES) -> None:
        self._loop = loop
        self._times = times
        self.runs: Any = RunStore(Table(dynamodb(), SESSIONS, schema.SESSION_ID))
        self.telemetry = RecordingTelemetry()
        self.full_log: list[str] = []
        self.machines: list[Machine] = []
        self.invoked: list[tuple[float, RunRequest]] = []
        self.sentence_seconds = 3.0
        self.accept_successors = True
        self.fault: Exception | None = None
        self.running: list[asyncio.Task[RunOutcome]] = []

    @property
    def log(self) -> list[str]:
        """Actions of the machines, without flushes."""
        return [entry for entry in self.full_log if entry != "flushes"]

    def invoke(self, generation: int = 1, ticket: str = "ticket") -> asyncio.Task[RunOutcome]:
        """Invoke an instance."""
        run = InterpreterRun(
            self.runs,
            self._start,
            self._interpreter,
            self._times,
            clock=self._loop,
            telemetry=self.telemetry,
            executor=InlineExecutor(),
        )
        request = RunRequest(session_id=ID, ticket=ticket, generation=generation)
        task = asyncio.create_task(run.serve(request, LAMBDA_SECONDS))
        self.running.append(task)
        return task

    def _start(self, session_id: str, ticket: str, generation: int) -> bool:
        request = RunRequest(session_id=session_id, ticket=ticket, generation=generation)
        self.invoked.append((self._loop.time(), request))
        if self.accept_successors:
            self._loop.call_later(2.0, self.invoke, generation, ticket)
        return self.accept_successors

    @asynccontextmanager
    async def _interpreter(
        self, session: Session, ticket: str, generation: int
    ) -> AsyncIterator[Machine]:
        assert (session.session_id, ticket) == (ID, "ticket")
        assert generation == stored().generation
        if self.fault is not None:
            raise self.fault
        machine = Machine(self.full_log, self.sentence_seconds)
        self.machines.append(machine)
        try:
            yield machine
        finally:
            self.full_log.append("closed")

    def end_session(self) -> None:
        """End the session, and notify its machines."""
        assert sessions_repository().end(ID, "c1", self._loop.now_ms())
        for machine in self.machines:
            machine.over.set()


def stored() -> StoredRun:
    session = sessions_repository().get(ID)
    assert session is not None
    assert session.interpreter_run is not None
    return session.interpreter_run


def run_world(main: Callable[[World], Coroutine[Any, Any, None]]) -> World:
    made: list[World] = []

    async def run(loop: VirtualLoop) -> None:
        made.append(World(loop))
        await main(made[0])

    run_virtually(run)
    return made[0]


def test_a_run_holds_its_lease_until_the_session_ends() -> None:
    async def main(world: World) -> None:
        run = world.invoke()
        await asyncio.sleep(500)
        assert stored().generation == 1
        assert stored().lease_until > T0 + 500_000

        world.end_session()

        assert await run is RunOutcome.OVER

    world = run_world(main)
    assert world.log == ["interprets", "closed"]
    assert world.full_log.count("flushes") == 500 // 60 + 1
    assert world.invoked == []
    assert world.telemetry.by_dimensions["InterpreterRuns", "over"] == 1


def test_a_duplicate_event_runs_once() -> None:
    async def main(world: World) -> None:
        first, second = world.invoke(), world.invoke()

        assert await second is RunOutcome.NOT_OURS
        world.end_session()
        assert await first is RunOutcome.OVER

    world = run_world(main)
    assert world.log == ["interprets", "closed"]


def test_a_run_starts_its_successor_in_time_and_then_retires() -> None:
    async def main(world: World) -> None:
        first = world.invoke()

        assert await first is RunOutcome.SUCCEEDED

        second = world.running[1]
        assert not second.done()
        assert stored().generation == 2
        world.end_session()
        assert await second is RunOutcome.OVER

    world = run_world(main)
    ((started_at, request),) = world.invoked
    assert 810 <= started_at <= 812
    assert (request.session_id, request.ticket, request.generation) == (ID, "ticket", 2)
    # No gap between the interpreters: the first one waits for the stand-by.
    assert world.machines[0].patience > 30
    assert world.log == ["interprets", "interprets", "retires", "closed", "closed"]


def test_generations_succeed_each_other() -> None:
    async def main(world: World) -> None:
        world.invoke()
        await asyncio.sleep(2_700)
        world.end_session()
        await asyncio.gather(*world.running)

    world = run_world(main)
    assert [request.generation for _, request in world.invoked] == list(range(2, 5))
    endings = [task.result() for task in world.running]
    assert endings == [RunOutcome.SUCCEEDED] * 3 + [RunOutcome.OVER]


def test_a_missing_successor_is_requested_again_until_the_time_is_up() -> None:
    async def main(world: World) -> None:
        world.accept_successors = False
        began = asyncio.get_running_loop().time()

        assert await world.invoke() is RunOutcome.OUT_OF_TIME

        assert asyncio.get_running_loop().time() - began < LAMBDA_SECONDS - TIMES.reserve + 1
        # The sweep need not wait for the lease to expire.
        assert stored() == StoredRun(1, 0)

    world = run_world(main)
    assert world.machines[0].patience == 0
    started_at = [at for at, _ in world.invoked]
    assert len(started_at) >= 3
    assert world.log == ["interprets", "retires", "closed"]


def test_an_endless_sentence_does_not_outlast_the_function() -> None:
    async def main(world: World) -> None:
        world.sentence_seconds = 10_000

        await world.invoke()

        assert asyncio.get_running_loop().time() <= LAMBDA_SECONDS - TIMES.reserve + 1
        world.end_session()
        await asyncio.gather(*world.running)

    world = run_world(main)
    assert "handover timed out" in world.telemetry.warnings


def test_a_replaced_run_retires_without_starting_a_successor() -> None:
    async def main(world: World) -> None:
        first = world.invoke()
        await asyncio.sleep(100)
        again = hash_of("again")
        assert world.runs.reissue(ID, stored(), again, T0 + 100_000)
        assert world.runs.claim(ID, again, 2, T0 + 100_000)

        assert await first is RunOutcome.OVER

    world = run_world(main)
    assert world.log == ["interprets", "retires", "closed"]
    assert world.invoked == []


def test_after_the_session_no_successor_is_started() -> None:
    async def main(world: World) -> None:
        world.invoke()
        await asyncio.sleep(805)
        assert sessions_repository().end(ID, "c1", T0 + 805_000)  # unnoticed by the machine
        await asyncio.gather(*world.running)

    assert run_world(main).invoked == []


def test_a_run_survives_a_temporary_database_outage() -> None:
    class FlakyRunLeases:
        def __init__(self, runs: RunStore) -> None:
            self._runs = runs
            self.down = False

        def claim(self, *given: Any) -> Any:
            return self._runs.claim(*given)

        def renew(self, *given: Any) -> bool:
            if self.down:
                raise StoreUnavailableError("update_item: down")
            return self._runs.renew(*given)

        def release(self, *given: Any) -> bool:
            return self._runs.release(*given)

    async def main(world: World) -> None:
        world.runs = flaky = FlakyRunLeases(world.runs)
        run = world.invoke()
        await asyncio.sleep(50)
        flaky.down = True
        await asyncio.sleep(25)
        flaky.down = False
        await asyncio.sleep(25)
        assert not run.done()
        world.end_session()
        assert await run is RunOutcome.OVER

    assert "run not renewed" in run_world(main).telemetry.warnings


def test_a_permanent_error_is_raised_after_releasing_the_lease() -> None:
    async def main(world: World) -> None:
        world.fault = RuntimeError("no such right")
        with pytest.raises(RuntimeError, match="no such right"):
            await world.invoke()

        assert stored() == StoredRun(1, 0)
        world.fault = None
        again = world.invoke()  # for example, a late delivery
        await asyncio.sleep(1)
        assert stored().generation == 2
        world.end_session()
        assert await again is RunOutcome.OVER

    run_world(main)


def test_a_retiring_run_ends_with_the_session() -> None:
    async def main(world: World) -> None:
        first = world.invoke()
        world.sentence_seconds = 10_000
        await asyncio.sleep(815)
        assert stored().generation == 2

        world.end_session()

        assert await first is RunOutcome.SUCCEEDED
        assert asyncio.get_running_loop().time() < 820
        await asyncio.gather(*world.running)

    assert run_world(main).telemetry.warnings == []


def test_a_machine_error_is_raised_while_the_run_holds_its_lease() -> None:
    async def main(world: World) -> None:
        run = world.invoke()
        await asyncio.sleep(5)
        (machine,) = world.machines
        machine.fault = RuntimeError("out of order")
        machine.over.set()

        with pytest.raises(RuntimeError, match="out of order"):
            await run
        assert stored() == StoredRun(1, 0)

    run_world(main)


def test_a_machine_refused_after_a_takeover_is_no_error() -> None:
    async def main(world: World) -> None:
        run = world.invoke()
        await asyncio.sleep(5)
        again = hash_of("again")
        assert world.runs.reissue(ID, stored(), again, T0 + 5_000)
        assert world.runs.claim(ID, again, 2, T0 + 5_000)
        (machine,) = world.machines
        machine.fault = RuntimeError("FORBIDDEN")
        machine.over.set()

        assert await run is RunOutcome.OVER
        assert stored() == StoredRun(2, T0 + 5_000 + RUN_LEASE_MS)

    run_world(main)


def test_the_ticket_is_hidden_in_the_repr() -> None:
    event = {"sessionId": ID, "ticket": "very-secret", "generation": 1}

    request = RunRequest(session_id=ID, ticket="very-secret", generation=1)

    assert "very-secret" not in repr(request)
    assert "very-secret" in json.dumps(event)
