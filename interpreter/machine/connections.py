"""What a machine needs of its connections to the service."""

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
    """A connection that keeps its seat over losses.

    `client.connection.reconnecting.ReconnectingConnection` is one, and documents the errors.
    """

    @property
    def state(self) -> SessionState | None:
        """The session that it is in."""

    def now_ms(self) -> float:
        """The time by the server's clock."""

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
        """Take a seat."""

    async def leave(self) -> SessionLeft:
        """Give it up."""

    async def take_over(self) -> InterpreterLease:
        """Be the voice of one's language."""

    async def hand_over(self) -> InterpreterLease:
        """Let the next one be it."""

    async def session_status(
        self, session_id: str | None = None, ticket: str | None = None
    ) -> SessionStatus:
        """Who listens."""

    async def send_audio(
        self, seq: int, timestamp: int, audio: bytes, renders: Renders | None = None
    ) -> None:
        """Send a chunk."""

    async def send_caption(self, caption: SendCaption) -> None:
        """Send a caption."""

    def events(self) -> AsyncIterator[Event]:
        """What happens."""


OpenConnection = Callable[[], AbstractAsyncContextManager[SeatConnection]]
