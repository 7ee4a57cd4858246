"""Interpreters who take turns, stall, vanish and race, on several workers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from local.endpoints import Endpoints
from tests.e2e.support.assertions import assert_alive, assert_error
from tests.e2e.support.clients import StackClients, joined
from tests.helpers.wire import Message, Wire

# Short chunks resolve the moment in which the floor is heard again.
FORMAT = {"chunkMs": 100, "sampleRate": 8_000}
CHUNK = bytes(1_600)
# From an interpreter's last heartbeat until listeners hear the floor.
LIMIT_MS = 3_000


@pytest.fixture(scope="module")
def endpoints(many_workers: Endpoints) -> Endpoints:
    """Concurrent requests meet different workers."""
    return many_workers


@asynccontextmanager
async def speaking(speaker: Wire) -> AsyncIterator[None]:
    """The speaker sends audio in real time."""

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
async def speaker_and_listener(clients: StackClients) -> AsyncIterator[tuple[Wire, str, Wire]]:
    """A session whose speaker sends audio: the speaker, the id and a Spanish listener."""
    async with (
        clients.session(audioFormat=FORMAT) as (speaker, session_id),
        clients.listener(session_id) as listener,
        speaking(speaker),
    ):
        await hears(listener, "en", 1)
        yield speaker, session_id, listener


async def hears(listener: Wire, language: str, epoch: int) -> Message:
    """Wait for a chunk in this language and epoch."""
    return await listener.expect(
        lambda message: (
            message["type"] == "audio"
            and (message["language"], message["epoch"]) == (language, epoch)
        )
    )


async def source_change(listener: Wire) -> tuple[str, str, int]:
    """The next change of the channel's source: from, to, epoch."""
    change = await listener.expect("channelSourceChanged")
    return change["from"], change["to"], change["epoch"]


async def is_heard(interpreter: Wire, listener: Wire, epoch: int, seq: int = 0) -> None:
    """Check that the interpreter's audio arrives."""
    await interpreter.send_audio(seq, CHUNK)
    await hears(listener, "es", epoch)


async def is_refused(interpreter: Wire) -> None:
    """Check that the interpreter's audio is refused."""
    await interpreter.send_audio(99, CHUNK)
    assert_error(await interpreter.expect("error"), "FORBIDDEN", "sendAudio")


async def lease_change(interpreter: Wire) -> tuple[str, bool, int | None]:
    """The next notice about the lease: reason, whether it is held, epoch."""
    lease = await interpreter.expect("interpreterLease")
    return lease["reason"], lease["lease"]["holds"], lease["lease"].get("epoch")


async def test_interpreters_take_over_and_hand_over(clients: StackClients) -> None:
    async with (
        speaker_and_listener(clients) as (_, session_id, listener),
        clients.interpreter(session_id) as first,
    ):
        assert await source_change(listener) == ("floor", "human", 1)
        assert_error(await first.ask("handOver"), "NO_STANDBY", "handOver")
        async with clients.interpreter(session_id, user="ivan", standby=True) as second:
            await is_heard(first, listener, 1)
            await is_refused(second)

            reply = await second.ask("takeOver")
            assert (reply["reason"], reply["lease"]["holds"]) == ("asked", True)
            assert await source_change(listener) == ("human", "human", 2)
            assert await lease_change(first) == ("takenOver", False, None)
            await is_refused(first)
            await is_heard(second, listener, 2)

            assert (await second.ask("handOver"))["reason"] == "handedOver"
            assert await source_change(listener) == ("human", "human", 3)
            assert await lease_change(first) == ("promoted", True, 3)
            await is_refused(second)
            await is_heard(first, listener, 3, seq=1)
            assert_error(await second.ask("handOver"), "FORBIDDEN", "handOver")
            assert_error(await listener.ask("takeOver"), "FORBIDDEN", "takeOver")
            await assert_alive(second)


async def test_succession_from_person_to_person_to_machine_to_the_floor(
    clients: StackClients,
) -> None:
    async with (
        speaker_and_listener(clients) as (_, session_id, listener),
        clients.interpreter(session_id) as first,
        clients.interpreter(session_id, user="m", standby=True, source="machine") as machine,
        clients.interpreter(session_id, user="ivan", standby=True) as second,
    ):
        assert await source_change(listener) == ("floor", "human", 1)
        assert_error(await machine.ask("takeOver"), "FORBIDDEN", "takeOver")

        # Stand-bys succeed only with a lease, which a busy machine may renew late.
        await second.ask("heartbeat")
        first.socket.transport.abort()
        assert await source_change(listener) == ("human", "human", 2)
        assert await lease_change(second) == ("promoted", True, 2)
        await is_heard(second, listener, 2)

        await machine.ask("heartbeat")
        assert (await second.ask("leaveSession"))["type"] == "sessionLeft"
        assert await source_change(listener) == ("human", "machine", 3)
        assert await lease_change(machine) == ("promoted", True, 3)
        await is_heard(machine, listener, 3)

        machine.socket.transport.abort()
        assert await source_change(listener) == ("machine", "floor", 3)
        await hears(listener, "en", 1)


async def test_a_stalled_interpreter_loses_the_channel_and_becomes_a_standby(
    clients: StackClients,
) -> None:
    async with (
        speaker_and_listener(clients) as (_, session_id, listener),
        clients.connection("ines", "interpreters") as stalled,
    ):
        await joined(stalled, session_id, "es", role="interpreter")
        assert await source_change(listener) == ("floor", "human", 1)
        alive_at = (await stalled.ask("heartbeat"))["timestamp"]
        await listener.drained()  # the floor, heard before

        heard = await hears(listener, "en", 1)
        assert heard["timestamp"] - alive_at <= LIMIT_MS
        assert await source_change(listener) == ("human", "floor", 1)
        assert await lease_change(stalled) == ("expired", False, None)
        async with clients.interpreter(session_id, user="ivan") as successor:
            assert await source_change(listener) == ("floor", "human", 2)
            await is_refused(stalled)
            async with stalled.heartbeats():
                waits = await stalled.ask("heartbeat")
                assert (waits["lease"]["holds"], waits["lease"]["standbys"]) == (False, 0)
                await is_refused(stalled)
                await is_heard(successor, listener, 2)

                successor.socket.transport.abort()
                assert await source_change(listener) == ("human", "human", 3)
                assert await lease_change(stalled) == ("promoted", True, 3)
                await is_heard(stalled, listener, 3, seq=100)


async def test_an_expired_lease_is_regained_if_the_channel_is_free(clients: StackClients) -> None:
    async with (
        speaker_and_listener(clients) as (_, session_id, listener),
        clients.connection("ines", "interpreters") as stalled,
    ):
        await joined(stalled, session_id, "es", role="interpreter")
        assert await source_change(listener) == ("floor", "human", 1)
        assert await source_change(listener) == ("human", "floor", 1)

        async with stalled.heartbeats():
            assert await source_change(listener) == ("floor", "human", 2)
            await is_heard(stalled, listener, 2)


@pytest.mark.parametrize("how_many", [2, 8])
@pytest.mark.parametrize("wait", [False, True])
async def test_exactly_one_of_several_racing_interpreters_holds_the_channel(
    clients: StackClients, how_many: int, wait: bool
) -> None:
    async with contextlib.AsyncExitStack() as opened:
        _, session_id, listener = await opened.enter_async_context(speaker_and_listener(clients))
        racers = [
            await opened.enter_async_context(clients.connection(f"user{number}", "interpreters"))
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
        assert await source_change(listener) == ("floor", "human", 1)


async def test_concurrent_takeovers_succeed_one_after_the_other(clients: StackClients) -> None:
    async with contextlib.AsyncExitStack() as opened:
        _, session_id, listener = await opened.enter_async_context(speaker_and_listener(clients))
        enter = opened.enter_async_context
        first = await enter(clients.interpreter(session_id))
        others = [
            await enter(clients.interpreter(session_id, user=f"user{number}", standby=True))
            for number in range(3)
        ]

        replies = await asyncio.gather(*(other.ask("takeOver") for other in others))

        epochs = sorted(reply["lease"]["epoch"] for reply in replies)
        assert epochs == [2, 3, 4]
        present = await asyncio.gather(*(each.ask("heartbeat") for each in (first, *others)))
        assert [each["lease"].get("epoch") for each in present if each["lease"]["holds"]] == [4]
        epoch = 0
        while epoch < 4:
            _, _, epoch = await source_change(listener)


@pytest.mark.parametrize("fields", [{"standby": True}, {"source": "machine"}])
async def test_only_interpreters_can_be_standbys_or_machines(
    clients: StackClients, fields: dict[str, object]
) -> None:
    async with clients.session() as (_, session_id), clients.connection() as anyone:
        reply = await anyone.ask("joinSession", sessionId=session_id, targetLanguage="es", **fields)

        assert_error(reply, "INVALID_MESSAGE", "joinSession", next(iter(fields)))
        await assert_alive(anyone)
