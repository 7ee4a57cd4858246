"""The function `interpreter` over the whole stack: it comes, goes on for ever, and comes again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import psutil
import pytest

from local.endpoints import Endpoints
from shared.utils.hashed_secret import hash_of
from tests.e2e.support.operator import Operator
from tests.e2e.support.stacks import launch_quiet, runner_of, state_of
from tests.e2e.support.stage import Stage
from tests.e2e.support.talking import talking
from tests.helpers.wire import Message, Wire

INTERPRETATION = {"engine": "scripted", "languages": ["es"]}
FORMAT = {"chunkMs": 200}
PATIENCE_SECONDS = 60
# Pools of other functions grow to four.
MANY = 6


@pytest.fixture(scope="module")
def endpoints(short_limited: Endpoints) -> Endpoints:
    """The interpreter's runs are so short that a test sees several."""
    return short_limited


@pytest.fixture
def operator(endpoints: Endpoints) -> Operator:
    return Operator(endpoints)


@asynccontextmanager
async def interpreted(stage: Stage, **fields: Any) -> AsyncIterator[tuple[Wire, str, Wire]]:
    """A session interpreted by machine: its speaker, its id, and a Spanish listener."""
    fields = {"interpretation": INTERPRETATION, "audioFormat": FORMAT, **fields}
    async with (
        stage.session(**fields) as (speaker, session_id),
        stage.listener(session_id, "es") as listener,
    ):
        yield speaker, session_id, listener


def to(source: str) -> Any:
    """That Spanish comes from there now."""
    return lambda message: message.get("type") == "channelSourceChanged" and message["to"] == source


def spanish(message: Message) -> bool:
    """A chunk of interpreted sound."""
    return message.get("type") == "audio" and message["language"] == "es"


async def generation(operator: Operator, session_id: str) -> int:
    row = await operator.session(session_id)
    return int(row["interpreterRun"]["generation"])


def runs_at_work(endpoints: Endpoints) -> list[psutil.Process]:
    """The processes that wait for, or do, the function's work."""
    return [
        process
        for process in runner_of(endpoints).children()
        if "lambda.interpreter.handler.lambda_handler" in process.cmdline()
    ]


async def test_listeners_hear_the_machine_that_the_speaker_asked_for(stage: Stage) -> None:
    async with interpreted(stage) as (speaker, session_id, listener):
        change = await listener.expect("channelSourceChanged")
        assert (change["from"], change["to"]) == ("floor", "machine")

        async with talking(speaker):
            chunk = await listener.expect(spanish)

        assert chunk["sessionId"] == session_id
        assert chunk["renders"].keys() >= {"timestamp", "endTimestamp", "translateMs"}


async def test_who_asks_for_all_languages_gets_those_that_are_listened_to(stage: Stage) -> None:
    every = {"engine": "scripted", "languages": "auto"}
    async with (
        interpreted(stage, interpretation=every) as (_, session_id, spaniard),
        stage.listener(session_id, "fr") as french,
        stage.listener(session_id, "zu") as zulu,
    ):
        await spaniard.expect(to("machine"))
        await french.expect(to("machine"))

        # The engine has no Zulu.
        assert not [m for m in await zulu.drained() if m["type"] == "channelSourceChanged"]


async def test_runs_follow_each_other_and_the_floor_is_never_heard_in_between(
    stage: Stage, operator: Operator
) -> None:
    async with interpreted(stage) as (speaker, session_id, listener):
        first = await listener.expect(to("machine"))
        assert first["from"] == "floor"
        changes = [first]
        async with talking(speaker), asyncio.timeout(PATIENCE_SECONDS):
            while len(changes) < 4:
                change = await listener.expect("channelSourceChanged")
                assert (change["from"], change["to"]) == ("machine", "machine")
                changes.append(change)
            # Whoever came last is heard, under its own epoch.
            heard = await listener.expect(
                lambda message: spanish(message) and message["epoch"] == changes[-1]["epoch"]
            )

        epochs = [change["epoch"] for change in changes]
        assert epochs == sorted(set(epochs))
        assert heard["epoch"] == epochs[-1]
        assert await generation(operator, session_id) >= 4


async def test_a_machine_that_dies_is_replaced_by_the_sweep(
    endpoints: Endpoints, stage: Stage, operator: Operator
) -> None:
    async with interpreted(stage) as (speaker, session_id, listener):
        await listener.expect(to("machine"))
        for process in runs_at_work(endpoints):
            process.kill()

        async with talking(speaker):
            assert (await listener.expect(to("floor")))["from"] == "machine"
            # As if its run had not been renewed for half a minute.
            await operator.change_session(
                session_id, "SET interpreterRun.leaseUntil = :then", ":then", 1
            )
            await operator.tick()

            await listener.expect(to("machine"))
            await listener.expect(spanish)


async def test_more_sessions_than_other_functions_have_workers_are_interpreted_at_once(
    stage: Stage,
) -> None:
    async with AsyncExitStack() as opened:
        listeners = [(await opened.enter_async_context(interpreted(stage)))[2] for _ in range(MANY)]
        for listener in listeners:
            await listener.expect(to("machine"))


async def test_with_the_session_the_run_is_over(endpoints: Endpoints, stage: Stage) -> None:
    log = state_of(endpoints) / "logs" / "lingocast-dev-interpreter.log"

    def over() -> int:
        return log.read_text().count('"Ending":"over"')

    async with interpreted(stage) as (speaker, _, listener):
        await listener.expect(to("machine"))
        before = over()

        assert (await speaker.ask("endSession"))["type"] == "sessionEnded"

        async with asyncio.timeout(PATIENCE_SECONDS):
            while over() == before:  # noqa: ASYNC110 - written by another process
                await asyncio.sleep(0.05)


async def test_of_two_invocations_for_one_generation_one_runs(
    stage: Stage, operator: Operator
) -> None:
    async with (
        stage.session(audioFormat=FORMAT) as (speaker, session_id),
        stage.listener(session_id, "es") as listener,
    ):
        for name, value in (
            ("interpretation", INTERPRETATION),
            ("ticketHash", hash_of("known")),
            ("interpreterRun", {"generation": 0, "leaseUntil": 1}),
        ):
            await operator.change_session(session_id, f"SET {name} = :value", ":value", value)
        event = {"sessionId": session_id, "ticket": "known", "generation": 1}
        invocations = [asyncio.create_task(operator.invoke("interpreter", event)) for _ in "12"]

        done, _ = await asyncio.wait(invocations, return_when=asyncio.FIRST_COMPLETED)

        # It came too late, and has done nothing; the other one is at work.
        assert [task.result() for task in done] == [{}]
        await listener.expect(to("machine"))
        await speaker.ask("endSession")
        assert await asyncio.gather(*invocations) == [{}, {}]


async def test_a_session_s_ticket_is_nowhere_to_be_read(
    endpoints: Endpoints, stage: Stage, operator: Operator
) -> None:
    async with (
        stage.session(audioFormat=FORMAT) as (_, session_id),
        stage.listener(session_id, "es") as listener,
    ):
        ticket = "a-ticket-that-everybody-would-recognise"
        for name, value in (
            ("interpretation", INTERPRETATION),
            ("ticketHash", hash_of(ticket)),
            ("interpreterRun", {"generation": 0, "leaseUntil": 1}),
        ):
            await operator.change_session(session_id, f"SET {name} = :value", ":value", value)
        event = {"sessionId": session_id, "ticket": ticket, "generation": 1}
        running = asyncio.create_task(operator.invoke("interpreter", event))
        await listener.expect(to("machine"))
        row = await operator.session(session_id)
        heard = await listener.drained()

    assert await running == {}
    assert ticket not in str(row)
    assert ticket not in str(heard)
    for log in (state_of(endpoints) / "logs").iterdir():
        assert ticket not in log.read_text(errors="replace"), log


def test_nothing_is_left_behind_when_the_stack_stops_in_mid_session() -> None:
    async def leave_running(running: Endpoints) -> None:
        async with interpreted(Stage(running)) as (_, _, listener):
            await listener.expect(to("machine"))

    with launch_quiet() as running:
        asyncio.run(leave_running(running))
        at_work = runs_at_work(running)
        assert at_work

    assert not [process for process in at_work if process.is_running()]
