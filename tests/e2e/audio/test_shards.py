"""Audio to more listeners than a shard holds, through real invocations of `broadcast`."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AsyncExitStack

import pytest

from local.endpoints import Endpoints
from tests.e2e.support.clients import LONG_CHUNKS, StackClients
from tests.e2e.support.short_limits import SHARD_SIZE
from tests.helpers.wire import Wire

# Several shards, the last one half full.
LISTENERS = 7 * SHARD_SIZE // 2
# The first three seconds may be sent in a burst.
CHUNKS = 3


@pytest.fixture
def clients(short_limited: Endpoints) -> StackClients:
    """People with their tokens, on a stack with small shards."""
    return StackClients(short_limited)


def burst_session(clients: StackClients) -> AbstractAsyncContextManager[tuple[Wire, str]]:
    return clients.session(audioFormat=LONG_CHUNKS)


async def test_every_listener_hears_every_chunk_once(clients: StackClients) -> None:
    async with AsyncExitStack() as opened, burst_session(clients) as (speaker, session_id):
        listeners = [
            await opened.enter_async_context(clients.listener(session_id)) for _ in range(LISTENERS)
        ]
        for seq in range(CHUNKS):
            await speaker.send_audio(seq)
            for listener in listeners:
                assert (await listener.expect("audio"))["seq"] == seq
        for listener in listeners:
            assert [m for m in await listener.drained() if m["type"] == "audio"] == []


async def test_vanished_listeners_do_not_affect_others(clients: StackClients) -> None:
    async with AsyncExitStack() as opened, burst_session(clients) as (speaker, session_id):
        listeners = [
            await opened.enter_async_context(clients.listener(session_id)) for _ in range(LISTENERS)
        ]
        for listener in listeners[:5]:
            listener.socket.transport.abort()
        for seq in range(CHUNKS):
            await speaker.send_audio(seq)
        for listener in listeners[5:]:
            heard = {(await listener.expect("audio"))["seq"] for _ in range(CHUNKS)}
            assert heard == set(range(CHUNKS))
