"""The function `interpreter` on the whole stack: starts, successions and restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import psutil
import pytest

from local.endpoints import Endpoints
from shared.utils.hashed_secret import hash_of
from tests.e2e.support.clients import StackClients
from tests.e2e.support.operator import Operator
from tests.e2e.support.stacks import launch_quiet, runner_of, state_of
from tests.e2e.support.talking import talking
from tests.helpers.wire import Message, Wire

INTERPRETATION = {"engine": "scripted", "languages": ["es"]}
FORMAT = {"chunkMs": 200}
PATIENCE_SECONDS = 60
# More than the four workers that other functions are limited to.
MANY = 6


@pytest.fixture(scope="module")
def endpoints(short_limited: Endpoints) -> Endpoints:
    """The interpreter's runs are so short that a test sees several."""
    return short_limited


@pytest.fixture
def operator(endpoints: Endpoints) -> Operator:
    return Operator(endpoints)


@asynccontextmanager
async def interpreted(
    clients: StackClients, **fields: Any
) -> AsyncIterator[tuple[Wire, str, Wire]]:
    """A session with machine interpretation: its speaker, its id, and a Spanish listener."""
    fields = {"interpretation": INTERPRETATION, "audioFormat": FORMAT, **fields}
    async with (
        clients.session(**fields) as (speaker, session_id),
        clients.listener(session_id, "es") as listener,
    ):
        yield speaker, session_id, listener


def changes_to(source: str) -> Any:
    """Match a change of the channel to this source."""
    return lambda message: message.get("type") == "channelSourceChanged" and message["to"] == source


def spanish(message: Message) -> bool:
    """Match a chunk of interpreted sound."""
    return message.get("type") == "audio" and message["language"] == "es"


async def generation(operator: Operator, session_id: str) -> int:
    row = await operator.session(session_id)
    return int(row["interpreterRun"]["generation"])


def interpreter_processes(endpoints: Endpoints) -> list[psutil.Process]:
    """The function's worker processes."""
    return [
        process
        for process in runner_of(endpoints).children()
        if "lambda.interpreter.handler.lambda_handler" in process.cmdline()
    ]


async def test_listeners_hear_the_requested_machine(clients: StackClients) -> None:
    async with interpreted(clients) as (speaker, session_id, listener):
        change = await listener.expect("channelSourceChanged")
        assert (change["from"], change["to"]) == ("floor", "machine")

        async with talking(speaker):
            chunk = await listener.expect(spanish)

        assert chunk["sessionId"] == session_id
        assert chunk["renders"].keys() >= {"timestamp", "endTimestamp", "translateMs"}


async def test_auto_interprets_the_languages_with_listeners(clients: StackClients) -> None:
    every = {"engine": "scripted", "languages": "auto"}
    async with (
        interpreted(clients, interpretation=every) as (_, session_id, spaniard),
        clients.listener(session_id, "fr") as french,
        clients.listener(session_id, "zu") as zulu,
    ):
        await spaniard.expect(changes_to("machine"))
        await french.expect(changes_to("machine"))

        # The engine has no Zulu.
        assert not [m for m in await zulu.drained() if m["type"] == "channelSourceChanged"]


async def test_runs_succeed_each_other_without_a_gap(
    clients: StackClients, operator: Operator
) -> None:
    async with interpreted(clients) as (speaker, session_id, listener):
        first = await listener.expect(changes_to("machine"))
        assert first["from"] == "floor"
        changes = [first]
        async with talking(speaker), asyncio.timeout(PATIENCE_SECONDS):
            while len(changes) < 4:
                change = await listener.expect("channelSourceChanged")
                assert (change["from"], change["to"]) == ("machine", "machine")
                changes.append(change)
            # The newest run is heard, under its own epoch.
            heard = await listener.expect(
                lambda message: spanish(message) and message["epoch"] == changes[-1]["epoch"]
            )

        epochs = [change["epoch"] for change in changes]
        assert epochs == sorted(set(epochs))
        assert heard["epoch"] == epochs[-1]
        assert await generation(operator, session_id) >= 4


async def test_the_sweep_replaces_a_killed_machine(
    endpoints: Endpoints, clients: StackClients, operator: Operator
) -> None:
    async with interpreted(clients) as (speaker, session_id, listener):
        await listener.expect(changes_to("machine"))
        for process in interpreter_processes(endpoints):
            process.kill()

        async with talking(speaker):
            assert (await listener.expect(changes_to("floor")))["from"] == "machine"
            # Simulate a run that was not renewed for half a minute.
            await operator.change_session(
                session_id, "SET interpreterRun.leaseUntil = :then", ":then", 1
            )
            await operator.tick()

            await listener.expect(changes_to("machine"))
            await listener.expect(spanish)


async def test_more_sessions_than_the_usual_worker_limit_are_interpreted_at_once(
    clients: StackClients,
) -> None:
    async with AsyncExitStack() as opened:
        listeners = [
            (await opened.enter_async_context(interpreted(clients)))[2] for _ in range(MANY)
        ]
        for listener in listeners:
            await listener.expect(changes_to("machine"))


async def test_the_run_ends_with_the_session(endpoints: Endpoints, clients: StackClients) -> None:
    log = state_of(endpoints) / "logs" / "lingocast-dev-interpreter.log"

    def ended_runs() -> int:
        return log.read_text().count('"Ending":"over"')

    async with interpreted(clients) as (speaker, _, listener):
        await listener.expect(changes_to("machine"))
        before = ended_runs()

        assert (await speaker.ask("endSession"))["type"] == "sessionEnded"

        async with asyncio.timeout(PATIENCE_SECONDS):
            while ended_runs() == before:  # noqa: ASYNC110 - written by another process
                await asyncio.sleep(0.05)


async def test_one_of_two_invocations_for_a_generation_runs(
    clients: StackClients, operator: Operator
) -> None:
    async with (
        clients.session(audioFormat=FORMAT) as (speaker, session_id),
        clients.listener(session_id, "es") as listener,
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

        # The later one returns at once; the other one interprets.
        assert [task.result() for task in done] == [{}]
        await listener.expect(changes_to("machine"))
        await speaker.ask("endSession")
        assert await asyncio.gather(*invocations) == [{}, {}]


async def test_the_ticket_appears_in_no_row_message_or_log(
    endpoints: Endpoints, clients: StackClients, operator: Operator
) -> None:
    async with (
        clients.session(audioFormat=FORMAT) as (_, session_id),
        clients.listener(session_id, "es") as listener,
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
        await listener.expect(changes_to("machine"))
        row = await operator.session(session_id)
        heard = await listener.drained()

    assert await running == {}
    assert ticket not in str(row)
    assert ticket not in str(heard)
    for log in (state_of(endpoints) / "logs").iterdir():
        assert ticket not in log.read_text(errors="replace"), log


def test_no_process_survives_a_stack_that_stops_during_a_session() -> None:
    async def leave_running(running: Endpoints) -> None:
        async with interpreted(StackClients(running)) as (_, _, listener):
            await listener.expect(changes_to("machine"))

    with launch_quiet() as running:
        asyncio.run(leave_running(running))
        at_work = interpreter_processes(running)
        assert at_work

    assert not [process for process in at_work if process.is_running()]
