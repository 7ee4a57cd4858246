"""Opening connections with a token that is renewed, before the handshake and while they last."""

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

# What API Gateway answers a handshake with whose token the authorizer does not accept.
_TOKEN_REFUSED = frozenset({401, 403})


@contextlib.asynccontextmanager
async def connect_with_token(
    url: str,
    tokens: TokenCache,
    offset: ClockOffset,
    clock: Clock,
    client_id: Callable[[], str | None] = lambda: None,
) -> AsyncIterator[Connection]:
    """A connection with the latest of `tokens`, anonymous if there is none.

    A handshake that is refused is tried once more with a newer token, if the one that was refused
    was not new itself. Raises ClientError.
    """

    def connecting(token: str | None) -> AbstractAsyncContextManager[Connection]:
        return connect(url, token=token, client_id=None if token else client_id(), offset=offset)

    async with contextlib.AsyncExitStack() as opened:
        former = tokens.held
        token = await tokens.current(clock.now_ms() + offset.offset_ms)
        try:
            connection = await opened.enter_async_context(connecting(token))
        except HandshakeRefusedError as refused:
            is_new = tokens.held is not former
            if refused.status not in _TOKEN_REFUSED or is_new or not tokens.renewable:
                raise
            newer = await tokens.newer_than(token)
            if newer == token:
                raise
            connection = await opened.enter_async_context(connecting(newer))
        held = tokens.held
        if held is not None:
            authenticator = TokenRenewal(connection, tokens, held, clock=clock)
            if tokens.renewable:
                connection.set_token_renewal(authenticator.renew)
            await opened.enter_async_context(_running(authenticator))
        yield connection


@contextlib.asynccontextmanager
async def _running(authenticator: TokenRenewal) -> AsyncIterator[None]:
    running = asyncio.create_task(authenticator.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
