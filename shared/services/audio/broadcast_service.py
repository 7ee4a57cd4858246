"""Service of the `broadcast` function, through which AWS callers send audio."""

from __future__ import annotations

from typing import Annotated

import msgspec

from shared.data_access.sessions_repository import SessionsRepository
from shared.models.interpretation import Renders
from shared.models.request_errors import forbidden, session_ended, session_not_found
from shared.protocol.message_base import encode
from shared.protocol.messages import Audio
from shared.services.audio.audio_service import check_rendered
from shared.services.broadcast_handler import BroadcastHandler, BroadcastResult
from shared.utils.clock import Clock
from shared.utils.interpretation_values import validate_renders
from shared.utils.validators import (
    validate_audio_chunk_size,
    validate_language_code,
    validate_session_id,
)


class BroadcastInvocation(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """An audio chunk in one language of a session.

    `epoch` is the epoch of the channel or the floor; an outdated epoch is refused. `deadline_at` is
    in ms since the Unix epoch.
    """

    session_id: str
    language: str
    epoch: Annotated[int, msgspec.Meta(ge=0)]
    seq: Annotated[int, msgspec.Meta(ge=0)]
    timestamp: Annotated[int, msgspec.Meta(ge=0)]
    audio: bytes
    renders: Renders | None = None
    deadline_at: int | None = None


class BroadcastService:
    """Fans out a chunk with the checks and rosters of the audio path."""

    def __init__(
        self, sessions: SessionsRepository, broadcasts: BroadcastHandler, clock: Clock
    ) -> None:
        self._sessions = sessions
        self._broadcasts = broadcasts
        self._clock = clock

    def broadcast(self, request: BroadcastInvocation) -> BroadcastResult:
        """Send a chunk to its audience. Nothing is sent while the session does not broadcast.

        Raises INVALID_SESSION_ID, INVALID_LANGUAGE, INVALID_MESSAGE, INVALID_AUDIO,
        MESSAGE_TOO_LARGE, SESSION_NOT_FOUND, SESSION_ENDED, FORBIDDEN.
        """
        session_id = validate_session_id(request.session_id)
        language = validate_language_code(request.language, "language")
        if request.renders is not None:
            validate_renders(request.renders)
        session = self._sessions.get(session_id)
        if session is None:
            raise session_not_found()
        if not session.is_active:
            raise session_ended()
        validate_audio_chunk_size(request.audio, session.audio_format)
        if request.epoch != session.epoch_of(language):
            raise forbidden("broadcast", "the present source of the language")
        check_rendered(request.renders, language, session)
        if not session.broadcast_state.is_broadcasting():
            return BroadcastResult(session_id=session_id, language=language)
        message = Audio(
            session_id=session_id,
            language=language,
            epoch=request.epoch,
            seq=request.seq,
            timestamp=request.timestamp,
            audio=request.audio,
            renders=request.renders,
        )
        deadline_at = request.deadline_at
        if deadline_at is None:
            deadline_at = self._clock.now_ms() + session.audio_format.deadline_ms
        return self._broadcasts.broadcast_to_language(
            session, language, encode(message), deadline_at
        )
