"""Connection interface that the machine interpreter requires."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from client.protocol.events import Event
from client.protocol.session_state import SessionState
from shared.models.interpretation import InterpreterSource, Renders
from shared.models.terms import Role
from shared.protocol.interpretation_messages import InterpreterLease, SendCaption
from shared.protocol.messages import SessionJoined, SessionLeft, SessionStatus


class SeatConnection(Protocol):
    """A connection that reconnects and keeps its seat.

    Implemented by `client.connection.reconnecting.ReconnectingConnection`, which documents the
    errors.
    """

    @property
    def state(self) -> SessionState | None:
        """State of the joined session; None without a seat."""

    def now_ms(self) -> float:
        """Current time by the server's clock."""

    async def join(
        self,
        session_id: str,
        language: str,
        role: Role = "listener",
        resume_token: str | None = None,
        *,
        standby: bool = False,
        source: InterpreterSource | None = None,
        ticket: str | None = None,
    ) -> SessionJoined:
        """Join a session."""

    async def leave(self) -> SessionLeft:
        """Leave the session."""

    async def take_over(self) -> InterpreterLease:
        """Take the channel from the current interpreter."""

    async def hand_over(self) -> InterpreterLease:
        """Hand the channel over to the first stand-by."""

    async def session_status(
        self, session_id: str | None = None, ticket: str | None = None
    ) -> SessionStatus:
        """Request the session status, which counts listeners by language."""

    async def send_audio(
        self,
        seq: int,
        timestamp: int,
        audio: bytes,
        renders: Renders | None = None,
        *,
        chunk_ms: int | None = None,
    ) -> None:
        """Send an audio chunk."""

    async def send_caption(self, caption: SendCaption) -> None:
        """Send a caption."""

    def events(self) -> AsyncIterator[Event]:
        """Iterate over events of the connection."""


OpenConnection = Callable[[], AbstractAsyncContextManager[SeatConnection]]
