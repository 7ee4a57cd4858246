"""For every grant that a session's own interpreter needs something that listeners hear of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infrastructure.function_spec import Resource
from tests.e2e.grant_scenarios import INVOKE, UPDATE, Scenario, Theatre, eventually
from tests.helpers.wire import Wire

# How long a run of the stack lasts that scenarios run on: their successions shall not be long in
# coming.
RUN_SECONDS = 2
INTERPRETATION = {"engine": "scripted", "languages": ["es"]}


@asynccontextmanager
async def interpreted(theatre: Theatre) -> AsyncIterator[tuple[str, Wire]]:
    """A session that is to be interpreted by machine, and a listener of its language."""
    async with (
        theatre.stage.session(interpretation=INTERPRETATION) as (_, session_id),
        theatre.stage.listener(session_id) as listener,
    ):
        yield session_id, listener


async def machine_comes(theatre: Theatre) -> None:
    async with interpreted(theatre) as (_, listener):
        assert (await listener.expect("channelSourceChanged"))["from"] == "floor"


async def run_is_succeeded(theatre: Theatre) -> None:
    async with interpreted(theatre) as (session_id, _):

        async def succeeded() -> bool:
            row = await theatre.operator.session(session_id)
            return bool(row["interpreterRun"]["generation"] >= 2)

        await eventually(succeeded)


async def missing_machine_is_started_by_the_sweep(theatre: Theatre) -> None:
    """A session whose interpreter was never invoked, and is overdue."""
    async with (
        theatre.stage.session() as (_, session_id),
        theatre.stage.listener(session_id) as listener,
    ):
        for name, value in (
            ("interpretation", INTERPRETATION),
            ("ticketHash", "of no ticket"),
            ("interpreterRun", {"generation": 0, "leaseUntil": 1}),
        ):
            await theatre.operator.change_session(
                session_id, f"SET {name} = :value", ":value", value
            )
        await theatre.operator.tick()
        assert (await listener.expect("channelSourceChanged"))["from"] == "floor"


INTERPRETER_SCENARIOS: dict[tuple[str, Resource, str], Scenario] = {
    ("control", Resource.INTERPRETER_FUNCTION, INVOKE): machine_comes,
    ("timeout", Resource.INTERPRETER_FUNCTION, INVOKE): missing_machine_is_started_by_the_sweep,
    ("interpreter", Resource.SESSIONS, UPDATE): machine_comes,
    ("interpreter", Resource.INTERPRETER_FUNCTION, INVOKE): run_is_succeeded,
}
# Services that this stack has not. That the engine calls them, and these alone, its tests against a
# server in their place say.
ELSEWHERE = {
    ("interpreter", Resource.NO_RESOURCE, action)
    for action in (
        "polly:SynthesizeSpeech",
        "transcribe:StartStreamTranscriptionWebSocket",
        "translate:TranslateText",
    )
}
