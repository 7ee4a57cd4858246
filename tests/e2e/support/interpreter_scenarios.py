"""Scenarios for the grants of a session's interpreter, each with an effect that listeners see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infrastructure.catalogue.function_spec import Resource
from tests.e2e.support.grant_scenarios import INVOKE, UPDATE, RunningStack, Scenario, eventually
from tests.e2e.support.talking import talking
from tests.helpers.aws_speech import SENTENCES, floor_pcm
from tests.helpers.wire import Wire

# The interpreter's runs in the scenarios' stack, so short that successions come soon.
RUN_SECONDS = 2
INTERPRETATION = {"engine": "scripted", "languages": ["es"]}


@asynccontextmanager
async def interpreted(stack: RunningStack) -> AsyncIterator[tuple[str, Wire]]:
    """A session with machine interpretation, and a listener of its language."""
    async with (
        stack.clients.session(interpretation=INTERPRETATION) as (_, session_id),
        stack.clients.listener(session_id) as listener,
    ):
        yield session_id, listener


async def machine_comes(stack: RunningStack) -> None:
    async with interpreted(stack) as (_, listener):
        assert (await listener.expect("channelSourceChanged"))["from"] == "floor"


async def run_is_succeeded(stack: RunningStack) -> None:
    async with interpreted(stack) as (session_id, _):

        async def succeeded() -> bool:
            row = await stack.operator.session(session_id)
            return bool(row["interpreterRun"]["generation"] >= 2)

        await eventually(succeeded)


async def missing_machine_is_started_by_the_sweep(stack: RunningStack) -> None:
    """A session whose interpreter was never invoked and is overdue."""
    async with (
        stack.clients.session() as (_, session_id),
        stack.clients.listener(session_id) as listener,
    ):
        for name, value in (
            ("interpretation", INTERPRETATION),
            ("ticketHash", "of no ticket"),
            ("interpreterRun", {"generation": 0, "leaseUntil": 1}),
        ):
            await stack.operator.change_session(session_id, f"SET {name} = :value", ":value", value)
        await stack.operator.tick()
        assert (await listener.expect("channelSourceChanged"))["from"] == "floor"


async def aws_interprets(stack: RunningStack) -> None:
    """Speech is translated and spoken, by the local server in the services' place."""
    sound = floor_pcm(SENTENCES[:2])
    interpretation = {"engine": "aws", "languages": ["es"]}
    async with (
        stack.clients.session(interpretation=interpretation, audioFormat={}) as (
            speaker,
            session_id,
        ),
        stack.clients.listener(session_id) as listener,
    ):
        await listener.expect("channelSourceChanged")
        async with talking(speaker, sound):
            await listener.expect(lambda message: "renders" in message)


INTERPRETER_SCENARIOS: dict[tuple[str, Resource, str], Scenario] = {
    ("control", Resource.INTERPRETER_FUNCTION, INVOKE): machine_comes,
    # Who else is interpreted is looked at before the session is opened.
    ("control", Resource.SESSIONS, "dynamodb:BatchGetItem"): machine_comes,
    # Its ticket is checked at the handshake.
    ("authorizer", Resource.SESSIONS, "dynamodb:GetItem"): machine_comes,
    ("timeout", Resource.INTERPRETER_FUNCTION, INVOKE): missing_machine_is_started_by_the_sweep,
    ("interpreter", Resource.SESSIONS, UPDATE): machine_comes,
    ("interpreter", Resource.INTERPRETER_FUNCTION, INVOKE): run_is_succeeded,
    ("interpreter", Resource.NO_RESOURCE, "translate:TranslateText"): aws_interprets,
    ("interpreter", Resource.NO_RESOURCE, "polly:SynthesizeSpeech"): aws_interprets,
}
# What is signed in an address of a stream, which no guard of the stack reads. That the engine calls
# it, and nothing else, its tests against a server in its place say.
ELSEWHERE = {("interpreter", Resource.NO_RESOURCE, "transcribe:StartStreamTranscriptionWebSocket")}
