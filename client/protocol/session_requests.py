"""Requests to create, join, leave and end a session."""

from __future__ import annotations

import msgspec

from client.protocol.join_code import JoinCode
from client.protocol.requester import Requester
from shared.models.audio_format import AudioFormat
from shared.models.interpretation import InterpreterSource, RequestedInterpretation
from shared.models.recovery import LastHeard
from shared.models.terms import Role
from shared.protocol.messages import (
    ChangeLanguage,
    CreateSession,
    EndSession,
    JoinSession,
    LanguageChanged,
    LeaveSession,
    RequestedAudioFormat,
    SessionAccess,
    SessionCreated,
    SessionEnded,
    SessionJoined,
    SessionLeft,
)


class SessionRequests(Requester):
    """Create, join, leave and end sessions, and change language.

    Each request raises RequestRefusedError, RequestTimeoutError or ConnectionLostError.
    """

    async def create_session(
        self,
        source_language: str,
        *,
        quality_tier: str = "standard",
        audio_format: AudioFormat | None = None,
        max_listeners: int | None = None,
        interpreters: list[str] | None = None,
        interpretation: RequestedInterpretation | None = None,
        access: SessionAccess = "code",
    ) -> SessionCreated:
        """Create a session and become its speaker. Needs a token of the group `speakers`.

        With `interpretation`, the service interprets by machine. With `access="link"`, the reply
        has a secret that everyone needs to join.
        """
        request = CreateSession(
            source_language=source_language.lower(),
            quality_tier=quality_tier,
            audio_format=_requested(audio_format),
            max_listeners=max_listeners,
            interpreters=interpreters,
            interpretation=interpretation,
            access=access,
        )
        return await self.ask(request, SessionCreated)

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
        secret: str | None = None,
        last: LastHeard | None = None,
    ) -> SessionJoined:
        """Join a session in a language.

        An interpreter needs a token of the group `interpreters`, or the session's `ticket`. With
        `standby`, an interpreter becomes a stand-by if the language already has one.

        A session by link needs its `secret`, either here or in `session_id` as the join code
        `SESSION#SECRET`.

        A listener who returns may name the `last` chunk that it received; `recovered` in the reply
        says whether it has certainly missed nothing.
        """
        code = JoinCode.parse(session_id)
        request = JoinSession(
            session_id=code.session_id,
            secret=secret or code.secret,
            target_language=language.lower(),
            role=role,
            resume_token=resume_token,
            standby=standby,
            source=source,
            ticket=ticket,
            last=last,
        )
        return await self.ask(request, SessionJoined)

    async def end_session(self) -> SessionEnded:
        """End the session for everyone. Only its speaker may do that."""
        return await self.ask(EndSession(), SessionEnded)

    async def leave(self) -> SessionLeft:
        """Leave the session; the connection stays open."""
        return await self.ask(LeaveSession(), SessionLeft)

    async def change_language(self, language: str) -> LanguageChanged:
        """Switch to another language."""
        return await self.ask(ChangeLanguage(target_language=language.lower()), LanguageChanged)


def _requested(audio_format: AudioFormat | None) -> RequestedAudioFormat | None:
    """Convert a format to its request form; None for the default."""
    if audio_format is None:
        return None
    return RequestedAudioFormat(**msgspec.structs.asdict(audio_format))
