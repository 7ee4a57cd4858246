"""Scenarios for the grants of audio: what listeners hear, and how dead connections are removed."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from infrastructure.catalogue.function_spec import Resource
from tests.e2e.support.clients import CHUNKS_FOR_BURSTS
from tests.e2e.support.grant_scenarios import (
    BATCH_GET,
    DELETE,
    GET,
    INVOKE,
    MANAGE,
    QUERY,
    SHARD_SIZE,
    UPDATE,
    RunningStack,
    Scenario,
    audio_request,
    expect_ghost_removed,
    give_language_to_a_ghost,
)
from tests.helpers.wire import Wire


async def audio_reaches_a_listener(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (speaker, session_id),
        stack.clients.listener(session_id) as listener,
    ):
        await speaker.send_audio(1)
        assert (await listener.expect("audio"))["seq"] == 1


async def audio_reaches_a_listener_beside_an_interpreter(stack: RunningStack) -> None:
    session = stack.clients.session(audioFormat=CHUNKS_FOR_BURSTS)
    async with (
        session as (speaker, session_id),
        stack.clients.interpreter(session_id, "es"),
        stack.clients.listener(session_id, "fr") as listener,
    ):
        # The first chunk shows the instance which leases to read.
        for seq in range(3):
            await speaker.send_audio(seq)
            assert (await listener.expect("audio"))["seq"] == seq


async def audio_reaches_several_shards(stack: RunningStack) -> None:
    session = stack.clients.session(audioFormat=CHUNKS_FOR_BURSTS)
    async with AsyncExitStack() as opened, session as (speaker, session_id):
        listeners = await several_listeners(opened, stack, session_id)
        speaking = asyncio.ensure_future(_speak(speaker))
        try:
            for listener in listeners:
                await listener.expect("audio")
        finally:
            speaking.cancel()


async def audio_removes_a_ghost(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (speaker, session_id),
        stack.clients.listener(session_id),
    ):
        ghost = await stack.operator.add_ghost(session_id, "listener#es")
        await speaker.send_audio(1)
        await expect_ghost_removed(stack, session_id, ghost)


async def invoked_audio_reaches_a_listener(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (_, session_id),
        stack.clients.listener(session_id) as listener,
    ):
        await stack.operator.invoke("broadcast", audio_request(session_id))
        assert (await listener.expect("audio"))["seq"] == 9


async def invoked_audio_reaches_several_shards(stack: RunningStack) -> None:
    async with AsyncExitStack() as opened, stack.clients.session() as (_, session_id):
        listeners = await several_listeners(opened, stack, session_id)
        await stack.operator.invoke("broadcast", audio_request(session_id))
        for listener in listeners:
            assert (await listener.expect("audio"))["seq"] == 9


async def invoked_audio_removes_a_ghost(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (_, session_id),
        stack.clients.listener(session_id),
    ):
        ghost = await stack.operator.add_ghost(session_id, "listener#es")
        await stack.operator.invoke("broadcast", audio_request(session_id))
        await expect_ghost_removed(stack, session_id, ghost)


async def invoked_audio_removes_a_ghost_that_interprets(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (_, session_id),
        stack.clients.listener(session_id, "es") as listener,
    ):
        await give_language_to_a_ghost(stack, session_id)
        await stack.operator.invoke("broadcast", audio_request(session_id))
        assert (await listener.expect("channelSourceChanged"))["to"] == "floor"


async def several_listeners(
    opened: AsyncExitStack, stack: RunningStack, session_id: str
) -> list[Wire]:
    # Shards of longer chunks have up to two and a half times as many recipients.
    return [
        await opened.enter_async_context(stack.clients.listener(session_id))
        for _ in range(3 * SHARD_SIZE)
    ]


async def _speak(speaker: Wire) -> None:
    """Send chunks in real time, more than one: the first ones may meet cold workers."""
    for seq in range(50):
        await speaker.send_audio(seq)
        await asyncio.sleep(CHUNKS_FOR_BURSTS["chunkMs"] / 1000)


AUDIO_SCENARIOS: dict[tuple[str, Resource, str], Scenario] = {
    ("audio_processor", Resource.BROADCAST_FUNCTION, INVOKE): audio_reaches_several_shards,
    ("audio_processor", Resource.SESSIONS, BATCH_GET): (
        audio_reaches_a_listener_beside_an_interpreter
    ),
    ("audio_processor", Resource.SESSIONS, GET): audio_reaches_a_listener,
    ("audio_processor", Resource.SESSIONS, UPDATE): audio_removes_a_ghost,
    ("audio_processor", Resource.CONNECTIONS, BATCH_GET): (
        audio_reaches_a_listener_beside_an_interpreter
    ),
    ("audio_processor", Resource.CONNECTIONS, GET): audio_reaches_a_listener,
    ("audio_processor", Resource.CONNECTIONS, UPDATE): audio_reaches_a_listener,
    ("audio_processor", Resource.CONNECTIONS, DELETE): audio_removes_a_ghost,
    ("audio_processor", Resource.AUDIENCE_INDEX, QUERY): audio_reaches_a_listener,
    ("audio_processor", Resource.POST_TO_CONNECTION, MANAGE): audio_reaches_a_listener,
    ("broadcast", Resource.BROADCAST_FUNCTION, INVOKE): invoked_audio_reaches_several_shards,
    ("broadcast", Resource.SESSIONS, GET): invoked_audio_reaches_a_listener,
    ("broadcast", Resource.SESSIONS, UPDATE): invoked_audio_removes_a_ghost,
    ("broadcast", Resource.CONNECTIONS, BATCH_GET): invoked_audio_removes_a_ghost_that_interprets,
    ("broadcast", Resource.CONNECTIONS, GET): invoked_audio_removes_a_ghost,
    ("broadcast", Resource.CONNECTIONS, UPDATE): invoked_audio_removes_a_ghost,
    ("broadcast", Resource.CONNECTIONS, DELETE): invoked_audio_removes_a_ghost,
    ("broadcast", Resource.AUDIENCE_INDEX, QUERY): invoked_audio_reaches_a_listener,
    ("broadcast", Resource.POST_TO_CONNECTION, MANAGE): invoked_audio_reaches_a_listener,
}
