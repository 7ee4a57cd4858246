"""A session with everybody in it, whose listeners tell by the sound what they hear.

The numbers of chunks tell their source: the floor counts from 1, the interpreter from 101, and the
floor of another session from 201. They go up to 99, 199 and 255: enough for 50 s.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import WebSocketException

from cli.options import Connector
from client.flows.interpreter import Start, interpret
from client.flows.speaker import speak
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import SessionCreated
from tests.e2e.support.clients import StackClients
from tests.e2e.support.operator import Operator
from tests.e2e.support.recording import RecordingListener, background_tasks, speech_from
from tests.e2e.support.settling import settle
from tests.helpers.wire import PATIENCE_SECONDS, Message, Wire

SOURCE, INTERPRETED = "en", "es"
# Chunks of a second survive a machine that halts for a second. Listeners wait for as long as the
# service may take.
_FORMAT = AudioFormat(sample_rate=8_000, chunk_ms=1_000)
_PLAYOUT_DELAY_MS = 2_000
_FLOOR, _INTERPRETATION, _ELSEWHERE = range(1, 100), range(101, 200), range(201, 256)
_VISIT_SECONDS = 0.4

Spawn = Callable[[Coroutine[Any, Any, None]], None]


class Visitors:
    """Anonymous listeners that join, change their language, and leave in one of three ways."""

    def __init__(self, clients: StackClients, session_id: str, seed: int) -> None:
        self._clients = clients
        self._session_id = session_id
        self._chance = random.Random(seed)
        self.outcomes: Counter[str] = Counter()
        #: Chunks of another session or language.
        self.wrong: list[Message] = []
        self._visiting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start visiting, one after the other."""
        self._visiting = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End the visits."""
        if self._visiting is not None:
            self._visiting.cancel()
            await asyncio.gather(self._visiting, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                async with self._clients.connection() as visitor:
                    await self._visit(visitor)
            self.outcomes["visits"] += 1

    async def _visit(self, visitor: Wire) -> None:
        language = self._chance.choice((SOURCE, INTERPRETED, "de"))
        join = {"sessionId": self._session_id, "targetLanguage": language}
        self.outcomes[await _ask(visitor, "joinSession", **join)] += 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_VISIT_SECONDS):
                while True:
                    self._check(await visitor.expect("audio"), language)
        match self._chance.randrange(3):
            case 0:
                await _ask(visitor, "leaveSession")
            case 1:
                await _ask(visitor, "changeLanguage", targetLanguage="ja")
            case 2:
                visitor.socket.transport.abort()

    def _check(self, chunk: Message, language: str) -> None:
        if chunk["sessionId"] != self._session_id or chunk["language"] not in {language, SOURCE}:
            self.wrong.append(chunk)


async def _ask(visitor: Wire, action: str, **fields: str) -> str:
    """Send a request; returns the type of the reply. API Gateway's own errors have none."""
    await visitor.send({"action": action, "requestId": action, **fields})
    reply = await visitor.expect(
        lambda message: message.get("requestId") == action or "connectionId" in message
    )
    return str(reply.get("type"))


@dataclass
class LiveSession:
    """A speaker, an interpreter into Spanish, and listeners of the floor, Spanish and German."""

    clients: StackClients
    session_id: str
    listeners: list[RecordingListener]
    elsewhere: RecordingListener
    visitors: Visitors

    def of(self, language: str) -> list[RecordingListener]:
        """The listeners of a language."""
        return [each for each in self.listeners if each.language == language]

    async def wait_for_chunks(self, chunks: int) -> None:
        """Wait until every listener has heard this many more chunks."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(each.wait_for_chunks(chunks) for each in self.everybody))

    @property
    def everybody(self) -> list[RecordingListener]:
        """The listeners of both sessions."""
        return [*self.listeners, self.elsewhere]

    def assert_right(self) -> None:
        """Check that everybody heard only their session and language, in order, nothing twice."""
        assert self.visitors.wrong == []
        for listener in self.listeners:
            allowed = {"floor", "interpretation"} if listener.language == INTERPRETED else {"floor"}
            assert set(map(_source_of, listener.heard)) <= allowed, listener
        assert set(map(_source_of, self.elsewhere.heard)) == {"elsewhere"}
        for listener in self.everybody:
            for source in set(map(_source_of, listener.heard)):
                heard = [number for number in listener.heard if _source_of(number) == source]
                assert heard == sorted(set(heard)), listener

    async def connection_of(self, seat: str) -> str:
        """The connection with a seat of which there is one: `speaker#`, `interpreter#es`."""
        members = await Operator(self.clients.endpoints).members(self.session_id)
        (found,) = (row["connectionId"] for row in members if row["seat"] == seat)
        return str(found)

    async def assert_counters(self) -> None:
        """End the visits; check that roster and counters are those of the listeners.

        The clean-ups run before.
        """
        await self.visitors.stop()
        operator = Operator(self.clients.endpoints)

        def listeners() -> dict[str, str]:
            return {each.connection_ids[-1]: each.language for each in self.listeners}

        differences = await settle(operator, self.session_id, listeners, PATIENCE_SECONDS)
        assert differences == []


def assert_nothing_lost(listener: RecordingListener) -> None:
    """Check that a listener heard every chunk of each source from its first to its last."""
    for source in set(map(_source_of, listener.heard)):
        heard = [number for number in listener.heard if _source_of(number) == source]
        assert heard == list(range(heard[0], heard[-1] + 1)), listener


def _source_of(number: int) -> str:
    if number in _FLOOR:
        return "floor"
    if number in _INTERPRETATION:
        return "interpretation"
    return "elsewhere" if number in _ELSEWHERE else "nowhere"


@asynccontextmanager
async def live_session(clients: StackClients, *, seed: int) -> AsyncIterator[LiveSession]:
    """Start everybody; when the block begins, they hear each other."""
    async with AsyncExitStack() as opened:
        spawn = await opened.enter_async_context(background_tasks())
        url = clients.endpoints.websocket_url

        def listener(language: str) -> RecordingListener:
            return RecordingListener(url, language, playout_delay_ms=_PLAYOUT_DELAY_MS)

        listeners = [listener(each) for each in (SOURCE, SOURCE, INTERPRETED, INTERPRETED, "de")]
        elsewhere = listener(SOURCE)
        spawn(elsewhere.listen(await _start_speaker(clients, spawn, "bob", _ELSEWHERE.start)))
        session_id = await _start_speaker(clients, spawn, "alice", _FLOOR.start)
        for each in listeners:
            spawn(each.listen(session_id))
        spawn(_interpret(clients, session_id))
        visitors = Visitors(clients, session_id, seed)
        live = LiveSession(clients, session_id, listeners, elsewhere, visitors)
        await live.wait_for_chunks(1)
        for each in live.of(INTERPRETED):
            while not any(map(_INTERPRETATION.__contains__, each.heard)):
                await each.wait_for_chunks(1)
        visitors.start()
        try:
            yield live
        finally:
            await visitors.stop()


async def _start_speaker(clients: StackClients, spawn: Spawn, user: str, first: int) -> str:
    """Let a speaker create a session and speak; returns its id."""
    created: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def on_created(session: SessionCreated) -> None:
        created.set_result(session.session_id)

    async def run() -> None:
        async with _connector(clients, user, "speakers").connect() as connection:
            await speak(
                connection, SOURCE, speech_from(first), audio_format=_FORMAT, on_created=on_created
            )

    spawn(run())
    return await created


async def _interpret(clients: StackClients, session_id: str) -> None:
    async with _connector(clients, "ines", "interpreters").connect() as connection:
        speech = speech_from(_INTERPRETATION.start)
        await interpret(connection, session_id, INTERPRETED, speech, start=Start.NOW)


def _connector(clients: StackClients, user: str, *groups: str) -> Connector:
    endpoints = clients.endpoints
    return Connector(endpoints.websocket_url, None, endpoints.token_url, user, groups)
