"""One open connection together with the resources that close it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass

from client.connection.backoff import HeldSeat
from client.connection.clock_offset import ClockOffset
from client.connection.websocket import Connection
from shared.models.recovery import LastHeard
from shared.protocol.messages import SessionJoined

# Opens a connection with a valid token; all connections of a client share the clock offset.
Opener = Callable[[ClockOffset], AbstractAsyncContextManager[Connection]]


@dataclass(slots=True, eq=False)
class Link:
    """An open connection; `close` releases it."""

    connection: Connection
    resources: AsyncExitStack

    @classmethod
    async def open(cls, open_connection: Opener, offset: ClockOffset) -> Link:
        """Open a connection. Raises ClientError."""
        resources = AsyncExitStack()
        opened = open_connection(offset)
        return cls(await resources.enter_async_context(opened), resources)

    async def join(self, seat: HeldSeat, last: LastHeard | None = None) -> SessionJoined:
        """Join a session with an existing seat. Raises ClientError."""
        return await self.connection.join(
            seat.session_id,
            seat.language,
            seat.role,
            seat.resume_token,
            standby=seat.role == "interpreter",  # another may have taken the channel meanwhile
            source=seat.credentials.source,
            ticket=seat.credentials.ticket,
            secret=seat.credentials.secret,
            last=last,
        )

    async def close(self) -> None:
        """Close the connection."""
        await self.resources.aclose()
