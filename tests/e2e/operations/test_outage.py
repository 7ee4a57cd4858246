"""Database outages: every route answers UNAVAILABLE in time, connections stay, service recovers.

The database's process is killed (connections are refused until it restarts), or stopped
(connections are accepted and never answered).
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from dataclasses import dataclass

import psutil
import pytest
from websockets.exceptions import InvalidStatus

from local.endpoints import Endpoints
from tests.e2e.support.assertions import assert_alive, assert_error
from tests.e2e.support.clients import CHUNKS_FOR_BURSTS, StackClients, joined
from tests.e2e.support.stacks import launch_quiet, runner_of
from tests.helpers.wire import Wire

# API Gateway's limit for an integration (s).
INTEGRATION_LIMIT_SECONDS = 29
RECOVERY_SECONDS = 30


@pytest.fixture(scope="module")
def endpoints() -> Iterator[Endpoints]:
    """A stack of its own: outages would disturb other tests."""
    with launch_quiet() as running:
        yield running


def databases_of(runner: psutil.Process) -> list[psutil.Process]:
    """The database processes that run at the moment."""
    return [child for child in runner.children() if is_database(child)]


def is_database(process: psutil.Process) -> bool:
    """Whether the process is a running dynalite."""
    with suppress(psutil.NoSuchProcess):
        return "dynalite" in " ".join(process.cmdline())
    return False


@asynccontextmanager
async def killed(endpoints: Endpoints) -> AsyncIterator[None]:
    """The database's process is gone, and so is each that the runner starts by itself until the
    end of the block, before it can serve anything.
    """

    runner = runner_of(endpoints)

    async def keep_killing() -> None:
        while True:
            for database in databases_of(runner):
                with suppress(psutil.NoSuchProcess):
                    database.kill()
            await asyncio.sleep(0.01)

    killing = asyncio.ensure_future(keep_killing())
    try:
        await asyncio.sleep(0)
        yield
    finally:
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)


@asynccontextmanager
async def stopped(endpoints: Endpoints) -> AsyncIterator[None]:
    """Suspend the database until the end of the block: it accepts requests and answers none."""
    (database,) = databases_of(runner_of(endpoints))
    database.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        database.send_signal(signal.SIGCONT)


@dataclass(frozen=True)
class Cast:
    """The participants at the start of the outage."""

    session_id: str
    speaker: Wire
    interpreter: Wire
    english: Wire
    spanish: Wire
    leaver: Wire
    mover: Wire
    newcomer: Wire
    other_speaker: Wire

    @property
    def everybody(self) -> list[Wire]:
        """All connections."""
        return [
            self.speaker,
            self.interpreter,
            self.english,
            self.spanish,
            self.leaver,
            self.mover,
            self.newcomer,
            self.other_speaker,
        ]


@asynccontextmanager
async def a_broadcast(clients: StackClients) -> AsyncIterator[Cast]:
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        speaker, session_id = await enter(clients.session(audioFormat=CHUNKS_FOR_BURSTS))
        cast = Cast(
            session_id,
            speaker,
            interpreter=await enter(clients.interpreter(session_id, "es")),
            english=await enter(clients.listener(session_id, "en")),
            spanish=await enter(clients.listener(session_id, "es")),
            leaver=await enter(clients.listener(session_id, "en")),
            mover=await enter(clients.listener(session_id, "en")),
            newcomer=await enter(clients.connection()),
            other_speaker=await enter(clients.connection("bob", "speakers")),
        )
        await cast.speaker.send_audio(0)
        await cast.interpreter.send_audio(0)
        assert (await cast.english.expect("audio"))["language"] == "en"
        assert (await cast.spanish.expect("audio"))["language"] == "es"
        yield cast


async def in_time(answer: Awaitable[dict[str, object]]) -> dict[str, object]:
    """Await an answer within API Gateway's limit."""
    return await asyncio.wait_for(answer, INTEGRATION_LIMIT_SECONDS)


async def refused_everywhere(cast: Cast) -> None:
    """Check that every route answers UNAVAILABLE to concurrent requests."""

    async def refused(connection: Wire, action: str, **fields: object) -> None:
        error = await in_time(connection.ask(action, **fields))
        assert_error(error, "UNAVAILABLE", action)

    async def refused_audio(connection: Wire) -> None:
        await connection.send_audio(1, requestId="a1")
        error = await in_time(connection.expect("error"))
        assert error["requestId"] == "a1"
        assert_error(error, "UNAVAILABLE", "sendAudio")

    async with asyncio.TaskGroup() as group:
        join = {"sessionId": cast.session_id, "targetLanguage": "es"}
        for work in (
            refused(cast.newcomer, "joinSession", **join),
            refused(cast.other_speaker, "createSession", sourceLanguage="de"),
            refused_audio(cast.interpreter),
            refused(cast.english, "heartbeat"),
            refused(cast.spanish, "takeOver"),
            refused(cast.leaver, "leaveSession"),
            refused(cast.mover, "changeLanguage", targetLanguage="es"),
            refused_audio(cast.speaker),
        ):
            group.create_task(work)
    await refused(cast.speaker, "endSession")


async def eventually_works(connection: Wire) -> None:
    """Send heartbeats until one is answered; the others must be UNAVAILABLE."""
    async with asyncio.timeout(RECOVERY_SECONDS):
        while True:
            answer = await connection.ask("heartbeat", clientTime=1)
            if answer["type"] == "heartbeatAck":
                return
            assert_error(answer, "UNAVAILABLE", "heartbeat")
            await asyncio.sleep(0.5)  # heartbeats are rate-limited


@asynccontextmanager
async def speaking(*sources: Wire) -> AsyncIterator[None]:
    """Send chunks from these sources in real time until the end of the block."""

    async def speak() -> None:
        for seq in range(2, 102):
            for source in sources:
                await source.send_audio(seq)
            await asyncio.sleep(CHUNKS_FOR_BURSTS["chunkMs"] / 1000)

    speaking = asyncio.create_task(speak())
    try:
        yield
    finally:
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)


@pytest.mark.parametrize("outage", [killed, stopped])
async def test_every_route_answers_unavailable_and_recovers(
    clients: StackClients, outage: Callable[[Endpoints], AbstractAsyncContextManager[None]]
) -> None:
    async with a_broadcast(clients) as cast:
        async with outage(clients.endpoints):
            with pytest.raises(InvalidStatus) as handshake:
                async with clients.connection():
                    pass
            assert handshake.value.response.status_code == 503
            await refused_everywhere(cast)
        await eventually_works(cast.newcomer)

        for connection in cast.everybody:
            await assert_alive(connection)
        # Live audio from the outage is not delivered later.
        for connection in (cast.english, cast.spanish, cast.mover):
            await connection.drained()
        async with speaking(cast.speaker, cast.interpreter):
            for listener, language in ((cast.english, "en"), (cast.spanish, "es")):
                heard = await listener.expect("audio")
                assert heard["language"] == language
                assert heard["seq"] > 1
            # Rosters are refreshed once a second.
            async with clients.listener(cast.session_id, "en") as late:
                assert (await late.expect("audio"))["seq"] > 1
        await joined(cast.newcomer, cast.session_id, "fr")
        created = await cast.other_speaker.ask("createSession", sourceLanguage="de")
        assert created["type"] == "sessionCreated"
        assert (await cast.speaker.ask("endSession"))["type"] == "sessionEnded"
