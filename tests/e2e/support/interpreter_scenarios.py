"""Scenarios for the grants of a session's interpreter, each with an effect that listeners see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infrastructure.catalogue.function_spec import Resource
from tests.e2e.support.grant_scenarios import INVOKE, UPDATE, RunningStack, Scenario, eventually
from tests.e2e.support.talking import talking
from tests.helpers.aws_speech import SENTENCES, floor_pcm
from tests.helpers.wire import Wire

# Duration of the interpreter's runs: short, so that the next run starts soon.
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


async def machine_takes_the_channel(stack: RunningStack) -> None:
    async with interpreted(stack) as (_, listener):
        assert (await listener.expect("channelSourceChanged"))["from"] == "floor"


async def next_run_starts(stack: RunningStack) -> None:
    async with interpreted(stack) as (session_id, _):

        async def succeeded() -> bool:
            row = await stack.operator.session(session_id)
            return bool(row["interpreterRun"]["generation"] >= 2)

        await eventually(succeeded)


async def sweep_starts_a_missing_machine(stack: RunningStack) -> None:
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


async def aws_engine_interprets(stack: RunningStack) -> None:
    """A local server in place of the AWS services translates and speaks."""
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
    ("control", Resource.INTERPRETER_FUNCTION, INVOKE): machine_takes_the_channel,
    # The control function reads the slots of interpreted sessions before it creates another.
    ("control", Resource.SESSIONS, "dynamodb:BatchGetItem"): machine_takes_the_channel,
    # The authorizer checks the machine's ticket at the handshake.
    ("authorizer", Resource.SESSIONS, "dynamodb:GetItem"): machine_takes_the_channel,
    ("timeout", Resource.INTERPRETER_FUNCTION, INVOKE): sweep_starts_a_missing_machine,
    ("interpreter", Resource.SESSIONS, UPDATE): machine_takes_the_channel,
    ("interpreter", Resource.INTERPRETER_FUNCTION, INVOKE): next_run_starts,
    ("interpreter", Resource.NO_RESOURCE, "translate:TranslateText"): aws_engine_interprets,
    ("interpreter", Resource.NO_RESOURCE, "polly:SynthesizeSpeech"): aws_engine_interprets,
}
# Signed into the URL of a stream, which the local stack does not check. The engine's tests against
# a fake server check that it calls this operation and no other.
ELSEWHERE = {("interpreter", Resource.NO_RESOURCE, "transcribe:StartStreamTranscriptionWebSocket")}
