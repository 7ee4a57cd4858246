"""One run of a session's interpreter after another: over the real table, in virtual time."""

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
    """Interprets until the session ends or it is retired, which takes until a sentence is over."""

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


class Stage:
    """The function's instances over one table; invoked ones run beside whoever invokes them."""

    def __init__(self, loop: VirtualLoop, times: RunTimes = TIMES) -> None:
        self._loop = loop
        self._times = times
        self.runs: Any = RunStore(Table(dynamodb(), SESSIONS, schema.SESSION_ID))
        self.telemetry = RecordingTelemetry()
        self.everything: list[str] = []
        self.machines: list[Machine] = []
        self.invoked: list[tuple[float, RunRequest]] = []
        self.sentence_seconds = 3.0
        self.successors_come = True
        self.fault: Exception | None = None
        self.running: list[asyncio.Task[RunOutcome]] = []

    @property
    def log(self) -> list[str]:
        """What the machines did, but for their metrics."""
        return [entry for entry in self.everything if entry != "flushes"]

    def invoke(self, generation: int = 1, ticket: str = "ticket") -> asyncio.Task[RunOutcome]:
        """One instance takes the event."""
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
        if self.successors_come:
            self._loop.call_later(2.0, self.invoke, generation, ticket)
        return self.successors_come

    @asynccontextmanager
    async def _interpreter(
        self, session: Session, ticket: str, generation: int
    ) -> AsyncIterator[Machine]:
        assert (session.session_id, ticket) == (ID, "ticket")
        assert generation == stored().generation
        if self.fault is not None:
            raise self.fault
        machine = Machine(self.everything, self.sentence_seconds)
        self.machines.append(machine)
        try:
            yield machine
        finally:
            self.everything.append("closed")

    def end_session(self) -> None:
        """The speaker ends it; the machine that serves it is told within a moment."""
        assert sessions_repository().end(ID, "c1", self._loop.now_ms())
        for machine in self.machines:
            machine.over.set()


def stored() -> StoredRun:
    session = sessions_repository().get(ID)
    assert session is not None
    assert session.interpreter_run is not None
    return session.interpreter_run


def virtually(main: Callable[[Stage], Coroutine[Any, Any, None]]) -> Stage:
    made: list[Stage] = []

    async def run(loop: VirtualLoop) -> None:
        made.append(Stage(loop))
        await main(made[0])

    run_virtually(run)
    return made[0]


def test_a_run_lasts_as_long_as_its_session_and_holds_its_lease() -> None:
    async def main(stage: Stage) -> None:
        run = stage.invoke()
        await asyncio.sleep(500)
        assert stored().generation == 1
        assert stored().lease_until > T0 + 500_000

        stage.end_session()

        assert await run is RunOutcome.OVER

    stage = virtually(main)
    assert stage.log == ["interprets", "closed"]
    assert stage.everything.count("flushes") == 500 // 60 + 1
    assert stage.invoked == []
    assert stage.telemetry.by_dimensions["InterpreterRuns", "over"] == 1


def test_of_two_deliveries_of_one_event_one_is_run() -> None:
    async def main(stage: Stage) -> None:
        first, second = stage.invoke(), stage.invoke()

        assert await second is RunOutcome.NOT_OURS
        stage.end_session()
        assert await first is RunOutcome.OVER

    stage = virtually(main)
    assert stage.log == ["interprets", "closed"]


def test_a_successor_comes_before_the_time_is_over_and_the_former_retires_then() -> None:
    async def main(stage: Stage) -> None:
        first = stage.invoke()

        assert await first is RunOutcome.SUCCEEDED

        second = stage.running[1]
        assert not second.done()
        assert stored().generation == 2
        stage.end_session()
        assert await second is RunOutcome.OVER

    stage = virtually(main)
    ((asked_at, request),) = stage.invoked
    assert 810 <= asked_at <= 812
    assert (request.session_id, request.ticket, request.generation) == (ID, "ticket", 2)
    # Nobody is without an interpreter in between: the first one waits for whoever stands by.
    assert stage.machines[0].patience > 30
    assert stage.log == ["interprets", "interprets", "retires", "closed", "closed"]


def test_generations_follow_each_other_without_end() -> None:
    async def main(stage: Stage) -> None:
        stage.invoke()
        await asyncio.sleep(2_700)
        stage.end_session()
        await asyncio.gather(*stage.running)

    stage = virtually(main)
    assert [request.generation for _, request in stage.invoked] == list(range(2, 5))
    endings = [task.result() for task in stage.running]
    assert endings == [RunOutcome.SUCCEEDED] * 3 + [RunOutcome.OVER]


def test_a_successor_that_does_not_come_is_asked_for_again_and_waited_for_to_the_end() -> None:
    async def main(stage: Stage) -> None:
        stage.successors_come = False
        began = asyncio.get_running_loop().time()

        assert await stage.invoke() is RunOutcome.OUT_OF_TIME

        assert asyncio.get_running_loop().time() - began < LAMBDA_SECONDS - TIMES.reserve + 1
        # The sweep need not wait for a lease.
        assert stored() == StoredRun(1, 0)

    stage = virtually(main)
    assert stage.machines[0].patience == 0
    asked_at = [at for at, _ in stage.invoked]
    assert len(asked_at) >= 3
    assert stage.log == ["interprets", "retires", "closed"]


def test_a_sentence_without_an_end_does_not_outlast_the_function() -> None:
    async def main(stage: Stage) -> None:
        stage.sentence_seconds = 10_000

        await stage.invoke()

        assert asyncio.get_running_loop().time() <= LAMBDA_SECONDS - TIMES.reserve + 1
        stage.end_session()
        await asyncio.gather(*stage.running)

    stage = virtually(main)
    assert "handover timed out" in stage.telemetry.warnings


def test_a_run_that_is_replaced_from_outside_retires_and_starts_nobody() -> None:
    async def main(stage: Stage) -> None:
        first = stage.invoke()
        await asyncio.sleep(100)
        again = hash_of("again")
        assert stage.runs.reissue(ID, stored(), again, T0 + 100_000)
        assert stage.runs.claim(ID, again, 2, T0 + 100_000)

        assert await first is RunOutcome.OVER

    stage = virtually(main)
    assert stage.log == ["interprets", "retires", "closed"]
    assert stage.invoked == []


def test_after_the_session_no_successor_is_started() -> None:
    async def main(stage: Stage) -> None:
        stage.invoke()
        await asyncio.sleep(805)
        assert sessions_repository().end(ID, "c1", T0 + 805_000)  # and the machine does not notice
        await asyncio.gather(*stage.running)

    assert virtually(main).invoked == []


def test_a_table_that_does_not_answer_for_a_while_ends_nothing() -> None:
    class Moody:
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

    async def main(stage: Stage) -> None:
        stage.runs = moody = Moody(stage.runs)
        run = stage.invoke()
        await asyncio.sleep(50)
        moody.down = True
        await asyncio.sleep(25)
        moody.down = False
        await asyncio.sleep(25)
        assert not run.done()
        stage.end_session()
        assert await run is RunOutcome.OVER

    assert "run not renewed" in virtually(main).telemetry.warnings


def test_what_cannot_work_at_all_is_raised_and_the_next_run_need_not_wait() -> None:
    async def main(stage: Stage) -> None:
        stage.fault = RuntimeError("no such right")
        with pytest.raises(RuntimeError, match="no such right"):
            await stage.invoke()

        assert stored() == StoredRun(1, 0)
        stage.fault = None
        again = stage.invoke()  # a late delivery, say
        await asyncio.sleep(1)
        assert stored().generation == 2
        stage.end_session()
        assert await again is RunOutcome.OVER

    virtually(main)


def test_who_waits_to_be_relieved_is_over_with_the_session() -> None:
    async def main(stage: Stage) -> None:
        first = stage.invoke()
        stage.sentence_seconds = 10_000
        await asyncio.sleep(815)
        assert stored().generation == 2

        stage.end_session()

        assert await first is RunOutcome.SUCCEEDED
        assert asyncio.get_running_loop().time() < 820
        await asyncio.gather(*stage.running)

    assert virtually(main).telemetry.warnings == []


def test_a_machine_that_fails_while_the_run_is_its_own_is_told_of() -> None:
    async def main(stage: Stage) -> None:
        run = stage.invoke()
        await asyncio.sleep(5)
        (machine,) = stage.machines
        machine.fault = RuntimeError("out of order")
        machine.over.set()

        with pytest.raises(RuntimeError, match="out of order"):
            await run
        assert stored() == StoredRun(1, 0)

    virtually(main)


def test_a_machine_that_is_refused_as_another_run_has_come_is_no_fault() -> None:
    async def main(stage: Stage) -> None:
        run = stage.invoke()
        await asyncio.sleep(5)
        again = hash_of("again")
        assert stage.runs.reissue(ID, stored(), again, T0 + 5_000)
        assert stage.runs.claim(ID, again, 2, T0 + 5_000)
        (machine,) = stage.machines
        machine.fault = RuntimeError("FORBIDDEN")
        machine.over.set()

        assert await run is RunOutcome.OVER
        assert stored() == StoredRun(2, T0 + 5_000 + RUN_LEASE_MS)

    virtually(main)


def test_an_event_shows_no_ticket() -> None:
    event = {"sessionId": ID, "ticket": "very-secret", "generation": 1}

    request = RunRequest(session_id=ID, ticket="very-secret", generation=1)

    assert "very-secret" not in repr(request)
    assert "very-secret" in json.dumps(event)
