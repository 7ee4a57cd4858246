"""Speakers, interpreters and listeners of an end-to-end test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from local.endpoints import Endpoints
from tests.helpers.wire import Message, Wire, fetch_token, wire

# The service drops a chunk that is not delivered within twice its duration. One-second chunks
# survive a machine that halts for a second.
LONG_CHUNKS = {"chunkMs": 1_000, "sampleRate": 8_000}
# Five of these in a burst stay within the allowance ahead of real time.
CHUNKS_FOR_BURSTS = {"chunkMs": 500}


@dataclass(frozen=True)
class StackClients:
    """Opens connections to a running stack, in the roles that a test needs."""

    endpoints: Endpoints

    def token(self, user: str, *groups: str, **more: Any) -> str:
        """A token of the local issuer."""
        assert self.endpoints.token_url is not None
        return fetch_token(self.endpoints.token_url, user, *groups, **more)

    @asynccontextmanager
    async def connection(self, user: str | None = None, *groups: str) -> AsyncIterator[Wire]:
        """A connection that is in no session yet."""
        # In a thread: the stack may run in the same event loop.
        token = None if user is None else await asyncio.to_thread(self.token, user, *groups)
        async with wire(self.endpoints.websocket_url, token) as opened:
            yield opened

    @asynccontextmanager
    async def session(self, **fields: Any) -> AsyncIterator[tuple[Wire, str]]:
        """A speaker with a new session of long chunks."""
        async with self.connection("alice", "speakers") as speaker:
            fields = {"sourceLanguage": "en", "audioFormat": LONG_CHUNKS, **fields}
            reply = await speaker.ask("createSession", **fields)
            assert reply["type"] == "sessionCreated", reply
            yield speaker, reply["sessionId"]

    @asynccontextmanager
    async def listener(self, session_id: str, language: str = "es") -> AsyncIterator[Wire]:
        """An anonymous listener."""
        async with self.connection() as listener:
            await joined(listener, session_id, language)
            yield listener

    @asynccontextmanager
    async def interpreter(
        self, session_id: str, language: str = "es", user: str = "ines", **more: Any
    ) -> AsyncIterator[Wire]:
        """An interpreter of a language that sends heartbeats until the end of the block."""
        async with self.connection(user, "interpreters") as interpreter:
            await joined(interpreter, session_id, language, role="interpreter", **more)
            async with interpreter.heartbeats():
                yield interpreter


async def joined(connection: Wire, session_id: str, language: str, **fields: Any) -> Message:
    """Join and check the reply."""
    reply = await connection.ask(
        "joinSession", sessionId=session_id, targetLanguage=language, **fields
    )
    assert reply["type"] == "sessionJoined", reply
    return reply


def but_statuses(messages: list[Message]) -> list[Message]:
    """The messages without audience statuses, which depend on the clock."""
    return [message for message in messages if message["type"] != "sessionStatus"]
