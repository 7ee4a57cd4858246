"""Connections whose token is renewed before the handshake and while they are open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from client.connection.clock_offset import ClockOffset
from client.connection.token_renewal import TokenRenewal
from client.connection.websocket import Connection, connect
from client.errors import HandshakeRefusedError
from client.tokens.cache import TokenCache
from shared.utils.clock import Clock

# API Gateway's response to a handshake whose token the authorizer rejects.
_TOKEN_REFUSED = frozenset({401, 403})


@contextlib.asynccontextmanager
async def connect_with_token(
    url: str,
    tokens: TokenCache,
    offset: ClockOffset,
    clock: Clock,
    client_id: Callable[[], str | None] = lambda: None,
) -> AsyncIterator[Connection]:
    """Open a connection with the latest token, or an anonymous one if there is none.

    A refused handshake is retried once with a newer token, unless the refused one was just
    fetched. Raises ClientError.
    """

    def open_with(token: str | None) -> AbstractAsyncContextManager[Connection]:
        return connect(url, token=token, client_id=None if token else client_id(), offset=offset)

    async with contextlib.AsyncExitStack() as resources:
        former = tokens.held
        token = await tokens.current(clock.now_ms() + offset.offset_ms)
        try:
            connection = await resources.enter_async_context(open_with(token))
        except HandshakeRefusedError as refused:
            is_new = tokens.held is not former
            if refused.status not in _TOKEN_REFUSED or is_new or not tokens.renewable:
                raise
            newer = await tokens.newer_than(token)
            if newer == token:
                raise
            connection = await resources.enter_async_context(open_with(newer))
        held = tokens.held
        if held is not None:
            renewal = TokenRenewal(connection, tokens, held, clock=clock)
            if tokens.renewable:
                connection.set_token_renewal(renewal.renew)
            await resources.enter_async_context(_running(renewal))
        yield connection


@contextlib.asynccontextmanager
async def _running(renewal: TokenRenewal) -> AsyncIterator[None]:
    running = asyncio.create_task(renewal.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
