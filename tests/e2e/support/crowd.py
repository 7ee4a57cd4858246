"""A crowd of simulated listeners, and what each of them may do.

A listener is a few hundred bytes of state over a bare socket: hundreds of full clients would
use up the machine's CPU themselves.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass

from benchmarks.frame_client import FrameClient
from shared.utils.resume_token import parse_resume_token
from tests.e2e.support.operator import Operator, Row
from tests.helpers.wire import Message

LANGUAGES = ("de", "es", "fr", "ja", "pt-br")
PATIENCE_SECONDS = 30
# Concurrent handshakes and requests. More would not make this machine faster.
AT_ONCE = 24


class CrowdConnection(FrameClient):
    """One connection with sequential or concurrent requests. It ignores pushes."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._numbers = itertools.count(1)
        self._awaited: dict[str, asyncio.Future[Message]] = {}

    def upgraded(self) -> None:
        """The handshake is complete."""
        self.ready.set_result("")

    def text_received(self, payload: bytes) -> None:
        """Resolve the request that a reply answers."""
        message: Message = json.loads(payload)
        awaited = self._awaited.pop(str(message.get("requestId")), None)
        if awaited is not None:
            awaited.set_result(message)

    async def ask(self, action: str, **fields: object) -> Message:
        """Send a request; returns the reply or the error."""
        request_id = f"q{next(self._numbers)}"
        reply = self._awaited[request_id] = asyncio.get_running_loop().create_future()
        self.send(json.dumps({"action": action, "requestId": request_id, **fields}).encode())
        async with asyncio.timeout(PATIENCE_SECONDS):
            answer: Message = await reply
            return answer

    def freeze(self) -> None:
        """Stop reading and sending but stay open, like a phone in a tunnel."""
        assert self._transport is not None
        self._transport.pause_reading()

    def abort(self) -> None:
        """Drop the TCP connection without a close frame."""
        assert self._transport is not None
        self._transport.abort()


@dataclass
class Guest:
    """A listener, on one connection after another.

    `language` is what was last confirmed; None: not open, or in no session.
    """

    connection: CrowdConnection
    language: str | None = None
    token: str = ""

    @property
    def connection_id(self) -> str:
        """The connection that holds the seat, or held it last."""
        token = parse_resume_token(self.token)
        assert token is not None
        return token.connection_id


class Crowd:
    """All guests of one session."""

    def __init__(self, url: str, session_id: str, operator: Operator, seed: int) -> None:
        self.guests: list[Guest] = []
        self._url = url
        self._session_id = session_id
        self._operator = operator
        self._random = random.Random(seed)
        self._slots = asyncio.Semaphore(AT_ONCE)
        #: Listeners by language who stay in the counters because no row is left to count them out.
        self.left_behind: Counter[str] = Counter()
        #: Connections that fell silent without a close frame.
        self.silent: set[str] = set()
        #: Rows that the lost $disconnect events should have removed, by connection id.
        self._kept_rows: dict[str, Row] = {}
        self._connections: list[CrowdConnection] = []

    async def run_all(self, actions: Iterable[Awaitable[object]]) -> None:
        """Run everything in random order, a few at a time. The first failure cancels the rest."""

        async def one(action: Awaitable[object]) -> None:
            async with self._slots:
                await action

        shuffled = list(actions)
        self._random.shuffle(shuffled)
        async with asyncio.TaskGroup() as group:
            for action in shuffled:
                group.create_task(one(action))

    def listeners_by_language(self) -> dict[str, int]:
        """The number of open and joined listeners, by language."""
        return dict(Counter(guest.language for guest in self.guests if guest.language is not None))

    def connections(self) -> set[str]:
        """The connections of open and joined listeners."""
        return {guest.connection_id for guest in self.guests if guest.language is not None}

    # Actions of one guest

    async def arrive(self) -> None:
        """Connect and join."""
        guest = Guest(await self._open())
        self.guests.append(guest)
        await self.join(guest)

    async def join(self, guest: Guest, **fields: object) -> bool:
        """Join in a random language on the existing connection; returns `resumed`."""
        language = self._random.choice(LANGUAGES)
        reply = await guest.connection.ask(
            "joinSession", sessionId=self._session_id, targetLanguage=language, **fields
        )
        assert reply["type"] == "sessionJoined", reply
        guest.language, guest.token = reply["targetLanguage"], reply["resumeToken"]
        return bool(reply["resumed"])

    async def switch(self, guest: Guest) -> None:
        """Switch to two languages in turn."""
        for language in self._random.sample(LANGUAGES, 2):
            reply = await guest.connection.ask("changeLanguage", targetLanguage=language)
            assert reply["type"] == "languageChanged", reply
            guest.language = reply["targetLanguage"]

    async def leave(self, guest: Guest) -> None:
        """Leave the session and stay connected."""
        assert (await guest.connection.ask("leaveSession"))["type"] == "sessionLeft"
        guest.language = None

    async def hang_up(self, guest: Guest) -> None:
        """Close the connection: $disconnect runs."""
        guest.connection.close()
        guest.language = None

    async def drop(self, guest: Guest) -> None:
        """Drop the connection during a language change: $disconnect runs."""
        changing = asyncio.ensure_future(
            guest.connection.ask("changeLanguage", targetLanguage=self._random.choice(LANGUAGES))
        )
        await asyncio.sleep(0)
        guest.connection.abort()
        changing.cancel()
        guest.language = None

    async def freeze(self, guest: Guest) -> None:
        """Fall silent on an open connection, until the sweep removes it."""
        guest.connection.freeze()
        self.silent.add(guest.connection_id)
        guest.language = None

    async def vanish(self, guest: Guest) -> None:
        """Drop the connection and lose its $disconnect.

        The event finds a row without a seat; `restore_rows` restores the real one.
        """
        connection_id = guest.connection_id
        self._kept_rows[connection_id] = await self._operator.empty_seat(connection_id)
        self.silent.add(connection_id)
        guest.connection.abort()
        guest.language = None

    async def disconnect_halfway(self, guest: Guest) -> None:
        """Close the connection and let $disconnect die after it has removed the row.

        The guest stays in the counters.
        """
        await self._operator.empty_seat(guest.connection_id)
        guest.connection.close()
        assert guest.language is not None
        self.left_behind[guest.language] += 1
        guest.language = None

    async def restore_rows(self) -> None:
        """Restore the rows that $disconnect should have removed, once it has run."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._kept_rows.keys() & await self._operator.connection_ids():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        for row in self._kept_rows.values():
            await self._operator.put_connection(row)
        self._kept_rows.clear()

    async def rejoin(self, guest: Guest) -> None:
        """Join again on a new connection, without a token."""
        guest.connection = await self._open()
        assert not await self.join(guest)

    async def resume(self, guest: Guest) -> None:
        """Resume on a new connection; the sweep removes the old one if it is still open."""
        guest.connection = await self._open()
        assert await self.join(guest, resumeToken=guest.token)

    async def resume_late(self, guest: Guest) -> None:
        """Resume with a token whose connection may have ended."""
        guest.connection = await self._open()
        await self.join(guest, resumeToken=guest.token)

    async def roll_over(self, guest: Guest) -> None:
        """Resume on a new connection, then close the old one."""
        old = guest.connection
        await self.resume(guest)
        old.close()

    async def roll_over_while_switching(self, guest: Guest) -> None:
        """Resume on a new connection during a language change on the old one.

        The seat has one language: the one that the reply to the join names.
        """
        old = guest.connection
        changing = asyncio.ensure_future(
            old.ask("changeLanguage", targetLanguage=self._random.choice(LANGUAGES))
        )
        await self.resume(guest)
        assert (await changing)["type"] in {"languageChanged", "error"}
        old.close()

    async def _open(self) -> CrowdConnection:
        connection = CrowdConnection(self._url)
        self._connections.append(connection)
        await connection.open(PATIENCE_SECONDS)
        return connection

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            connection.close()
