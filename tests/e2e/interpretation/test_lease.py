"""Interpreters who take turns, stall, vanish and race, over sockets, on several workers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from local.endpoints import Endpoints
from tests.e2e.support.envelopes import assert_error, still_works
from tests.e2e.support.stage import Stage, joined
from tests.helpers.wire import Message, Wire

# Short chunks, so that the moment in which the floor is heard again is seen closely.
FORMAT = {"chunkMs": 100, "sampleRate": 8_000}
CHUNK = bytes(1_600)
# From the last sign of life of an interpreter until the floor is heard in its place.
LIMIT_MS = 3_000


@pytest.fixture(scope="module")
def endpoints(many_workers: Endpoints) -> Endpoints:
    """Concurrent requests meet different workers."""
    return many_workers


@asynccontextmanager
async def speaking(speaker: Wire) -> AsyncIterator[None]:
    """The floor speaks, in real time."""

    async def speak() -> None:
        seq = 0
        while True:
            await speaker.send_audio(seq, CHUNK)
            seq += 1
            await asyncio.sleep(0.1)

    task = asyncio.create_task(speak())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def speaker_and_listener(stage: Stage) -> AsyncIterator[tuple[Wire, str, Wire]]:
    """A speaker who speaks, the session's id, and a listener of Spanish."""
    async with (
        stage.session(audioFormat=FORMAT) as (speaker, session_id),
        stage.listener(session_id) as listener,
        speaking(speaker),
    ):
        await hears(listener, "en", 1)
        yield speaker, session_id, listener


async def hears(listener: Wire, language: str, epoch: int) -> Message:
    """The next chunk of a language and epoch."""
    return await listener.expect(
        lambda message: (
            message["type"] == "audio"
            and (message["language"], message["epoch"]) == (language, epoch)
        )
    )


async def told(listener: Wire) -> tuple[str, str, int]:
    """Whom the listener hears from now on."""
    change = await listener.expect("channelSourceChanged")
    return change["from"], change["to"], change["epoch"]


async def is_heard(interpreter: Wire, listener: Wire, epoch: int, seq: int = 0) -> None:
    """A chunk of the interpreter arrives."""
    await interpreter.send_audio(seq, CHUNK)
    await hears(listener, "es", epoch)


async def is_refused(interpreter: Wire) -> None:
    """A chunk of the interpreter does not count any more."""
    await interpreter.send_audio(99, CHUNK)
    assert_error(await interpreter.expect("error"), "FORBIDDEN", "sendAudio")


async def news(interpreter: Wire) -> tuple[str, bool, int | None]:
    """What an interpreter is told of its lease: why, whether it holds, its epoch."""
    lease = await interpreter.expect("interpreterLease")
    return lease["reason"], lease["lease"]["holds"], lease["lease"].get("epoch")


async def test_people_take_turns(stage: Stage) -> None:
    async with (
        speaker_and_listener(stage) as (_, session_id, listener),
        stage.interpreter(session_id) as first,
    ):
        assert await told(listener) == ("floor", "human", 1)
        assert_error(await first.ask("handOver"), "NO_STANDBY", "handOver")
        async with stage.interpreter(session_id, user="ivan", standby=True) as second:
            await is_heard(first, listener, 1)
            await is_refused(second)

            reply = await second.ask("takeOver")
            assert (reply["reason"], reply["lease"]["holds"]) == ("asked", True)
            assert await told(listener) == ("human", "human", 2)
            assert await news(first) == ("takenOver", False, None)
            await is_refused(first)
            await is_heard(second, listener, 2)

            assert (await second.ask("handOver"))["reason"] == "handedOver"
            assert await told(listener) == ("human", "human", 3)
            assert await news(first) == ("promoted", True, 3)
            await is_refused(second)
            await is_heard(first, listener, 3, seq=1)
            assert_error(await second.ask("handOver"), "FORBIDDEN", "handOver")
            assert_error(await listener.ask("takeOver"), "FORBIDDEN", "takeOver")
            await still_works(second)


async def test_from_person_to_person_to_machine_to_the_floor(stage: Stage) -> None:
    async with (
        speaker_and_listener(stage) as (_, session_id, listener),
        stage.interpreter(session_id) as first,
        stage.interpreter(session_id, user="m", standby=True, source="machine") as machine,
        stage.interpreter(session_id, user="ivan", standby=True) as second,
    ):
        assert await told(listener) == ("floor", "human", 1)
        assert_error(await machine.ask("takeOver"), "FORBIDDEN", "takeOver")

        first.socket.transport.abort()
        assert await told(listener) == ("human", "human", 2)
        assert await news(second) == ("promoted", True, 2)
        await is_heard(second, listener, 2)

        assert (await second.ask("leaveSession"))["type"] == "sessionLeft"
        assert await told(listener) == ("human", "machine", 3)
        assert await news(machine) == ("promoted", True, 3)
        await is_heard(machine, listener, 3)

        machine.socket.transport.abort()
        assert await told(listener) == ("machine", "floor", 3)
        await hears(listener, "en", 1)


async def test_who_stalls_is_replaced_by_the_floor_refused_and_then_waits(stage: Stage) -> None:
    """Its socket stays open all the time."""
    async with (
        speaker_and_listener(stage) as (_, session_id, listener),
        stage.connection("ines", "interpreters") as stalled,
    ):
        await joined(stalled, session_id, "es", role="interpreter")
        assert await told(listener) == ("floor", "human", 1)
        alive_at = (await stalled.ask("heartbeat"))["timestamp"]
        await listener.drained()  # of the floor, which it heard before

        heard = await hears(listener, "en", 1)
        assert heard["timestamp"] - alive_at <= LIMIT_MS
        assert await told(listener) == ("human", "floor", 1)
        assert await news(stalled) == ("expired", False, None)
        async with stage.interpreter(session_id, user="ivan") as successor:
            assert await told(listener) == ("floor", "human", 2)
            await is_refused(stalled)
            async with stalled.beating():
                waits = await stalled.ask("heartbeat")
                assert (waits["lease"]["holds"], waits["lease"]["standbys"]) == (False, 0)
                await is_refused(stalled)
                await is_heard(successor, listener, 2)

                successor.socket.transport.abort()
                assert await told(listener) == ("human", "human", 3)
                assert await news(stalled) == ("promoted", True, 3)
                await is_heard(stalled, listener, 3, seq=100)


async def test_whose_lease_ran_out_has_the_language_again_when_it_is_back(stage: Stage) -> None:
    async with (
        speaker_and_listener(stage) as (_, session_id, listener),
        stage.connection("ines", "interpreters") as stalled,
    ):
        await joined(stalled, session_id, "es", role="interpreter")
        assert await told(listener) == ("floor", "human", 1)
        assert await told(listener) == ("human", "floor", 1)

        async with stalled.beating():
            assert await told(listener) == ("floor", "human", 2)
            await is_heard(stalled, listener, 2)


@pytest.mark.parametrize("how_many", [2, 8])
@pytest.mark.parametrize("wait", [False, True])
async def test_of_those_who_race_for_a_language_exactly_one_has_it(
    stage: Stage, how_many: int, wait: bool
) -> None:
    async with contextlib.AsyncExitStack() as opened:
        _, session_id, listener = await opened.enter_async_context(speaker_and_listener(stage))
        racers = [
            await opened.enter_async_context(stage.connection(f"user{number}", "interpreters"))
            for number in range(how_many)
        ]

        async def join(racer: Wire) -> Message:
            return await racer.ask(
                "joinSession",
                sessionId=session_id,
                targetLanguage="es",
                role="interpreter",
                standby=wait,
            )

        replies = await asyncio.gather(*(join(racer) for racer in racers))

        holders = [reply for reply in replies if reply.get("lease", {}).get("holds")]
        assert [reply["epoch"] for reply in holders] == [1]
        others = [reply for reply in replies if reply not in holders]
        outcomes: set[Any] = {reply.get("code", reply["type"]) for reply in others}
        assert outcomes == ({"sessionJoined"} if wait else {"LANGUAGE_TAKEN"})
        assert await told(listener) == ("floor", "human", 1)


async def test_those_who_take_over_at_once_all_have_it_one_after_the_other(stage: Stage) -> None:
    async with contextlib.AsyncExitStack() as opened:
        _, session_id, listener = await opened.enter_async_context(speaker_and_listener(stage))
        enter = opened.enter_async_context
        first = await enter(stage.interpreter(session_id))
        others = [
            await enter(stage.interpreter(session_id, user=f"user{number}", standby=True))
            for number in range(3)
        ]

        replies = await asyncio.gather(*(other.ask("takeOver") for other in others))

        epochs = sorted(reply["lease"]["epoch"] for reply in replies)
        assert epochs == [2, 3, 4]
        present = await asyncio.gather(*(each.ask("heartbeat") for each in (first, *others)))
        assert [each["lease"].get("epoch") for each in present if each["lease"]["holds"]] == [4]
        epoch = 0
        while epoch < 4:
            _, _, epoch = await told(listener)


@pytest.mark.parametrize("fields", [{"standby": True}, {"source": "machine"}])
async def test_only_interpreters_wait_or_are_machines(
    stage: Stage, fields: dict[str, object]
) -> None:
    async with stage.session() as (_, session_id), stage.connection() as anyone:
        reply = await anyone.ask("joinSession", sessionId=session_id, targetLanguage="es", **fields)

        assert_error(reply, "INVALID_MESSAGE", "joinSession", next(iter(fields)))
        await still_works(anyone)
