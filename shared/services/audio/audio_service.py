"""The audio path: admits a chunk by the current session state and fans it out."""

from __future__ import annotations

from collections.abc import Sequence

from shared.fanout.rosters import RosterCache
from shared.models.connection import Caller
from shared.models.errors import ErrorCode, ValidationError
from shared.models.interpretation import Renders
from shared.models.request_errors import require_source
from shared.models.session import AudioSource, Session
from shared.protocol.message_base import encode
from shared.protocol.messages import Audio, SendAudio
from shared.services.audio.audio_pace import AudioPace, allowance_of
from shared.services.audio.audio_sources import AudioSources, require_audio_source
from shared.services.audio.format_hints import FormatHints
from shared.services.broadcast_handler import BroadcastHandler
from shared.services.sessions.interpreter_succession import ChannelHandover
from shared.services.sessions.lease_watch import LeaseWatch
from shared.utils.clock import Clock
from shared.utils.interpretation_values import validate_renders
from shared.utils.telemetry import Telemetry
from shared.utils.validators import validate_audio_chunk_size, validate_chunk_ms

_ALLOWED = "the session's speaker and the interpreter of a language"


class AudioService:
    """Answers sendAudio from speakers and interpreters."""

    def __init__(
        self,
        sources: AudioSources,
        broadcasts: BroadcastHandler,
        rosters: RosterCache,
        *,
        leases: LeaseWatch,
        pace: AudioPace,
        hints: FormatHints,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._sources = sources
        self._broadcasts = broadcasts
        self._rosters = rosters
        self._leases = leases
        self._pace = pace
        self._hints = hints
        self._clock = clock
        self._telemetry = telemetry

    def send_audio(self, caller: Caller, request: SendAudio) -> None:
        """Deliver a chunk.

        A chunk is dropped without an error while the session does not broadcast, or if its deadline
        has passed (protocol, rule 4); a late chunk is not charged to the source's pace.

        Raises INVALID_MESSAGE, INVALID_AUDIO, MESSAGE_TOO_LARGE, NOT_IN_SESSION, FORBIDDEN or
        RATE_LIMITED.
        """
        if caller.listen_only:
            validate_audio_chunk_size(request.audio, None)
            _check_renders(request.renders)
            require_source(caller, "sendAudio", _ALLOWED)
        session, source = self._sources.find(caller)
        # Report invalid values before membership and role, by the session's format if known.
        audio_format = (
            validate_chunk_ms(request.chunk_ms, session.audio_format) if session else None
        )
        validate_audio_chunk_size(request.audio, audio_format)
        _check_renders(request.renders)
        session, source = require_audio_source(session, source, "sendAudio", _ALLOWED)
        check_rendered(request.renders, source.language, session)
        self._sources.touch(caller)
        if not self._sources.is_audible(session, caller):
            return
        assert audio_format is not None  # there is a session
        deadline_at = caller.received_at + audio_format.deadline_ms
        if self._clock.now_ms() >= deadline_at:
            self._telemetry.count("AudioTooLate")
            return
        allowance_ms = allowance_of(audio_format.chunk_ms, session.audio_format)
        self._pace.admit(caller, audio_format, allowance_ms)
        handovers: Sequence[ChannelHandover] = ()
        if source.language == session.source_language:
            session, handovers = self._leases.check_leases(session)
        try:
            result = self._broadcasts.broadcast_to_language(
                session, source.language, _encoded(session, source, request), deadline_at
            )
        finally:
            self._rosters.wait_for_refreshes()
            self._leases.notify(handovers)
        self._leases.note_audio(session, source, caller.connection_id)
        self._pace.settle(caller, audio_format, allowance_ms)
        self._hints.note(caller.connection_id, session, audio_format.chunk_ms, result)


def _check_renders(renders: Renders | None) -> None:
    if renders is not None:
        validate_renders(renders)


def check_rendered(renders: Renders | None, language: str, session: Session) -> None:
    """Refuse `renders` on the floor, which renders nothing. Raises INVALID_MESSAGE."""
    if renders is not None and language == session.source_language:
        raise ValidationError(
            ErrorCode.INVALID_MESSAGE, "renders", "the floor renders nothing; leave it out"
        )


def _encoded(session: Session, source: AudioSource, request: SendAudio) -> bytes:
    own_chunk_ms = session.audio_format.chunk_ms
    return encode(
        Audio(
            session_id=session.session_id,
            language=source.language,
            epoch=source.epoch,
            seq=request.seq,
            timestamp=request.timestamp,
            audio=request.audio,
            renders=request.renders,
            chunk_ms=None if request.chunk_ms == own_chunk_ms else request.chunk_ms,
        )
    )
