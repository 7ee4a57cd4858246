"""The audio path: one chunk in, gated by the session as it is now, out to whoever hears it."""

from __future__ import annotations

from collections import OrderedDict

from shared.data_access.connections_repository import ACTIVITY_INTERVAL_MS, ConnectionsRepository
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.connection import Caller
from shared.models.message_base import encode
from shared.models.messages import Audio, SendAudio
from shared.models.session import AudioSource, Session
from shared.services.broadcast_handler import BroadcastHandler
from shared.services.refusals import connection_not_found, forbidden, not_in_session
from shared.services.rosters import RosterCache
from shared.utils.clock import Clock
from shared.utils.pace import Pace
from shared.utils.validators import validate_audio_chunk_size

_HINTS_KEPT = 1_024


class AudioService:
    """Takes the chunks of speakers and interpreters.

    Which session a connection is in is remembered, but only as a hint: one strongly consistent
    read of the session decides every chunk, so no cache can let a paused or displaced source
    through.
    """

    def __init__(
        self,
        sessions: SessionsRepository,
        connections: ConnectionsRepository,
        broadcasts: BroadcastHandler,
        rosters: RosterCache,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._broadcasts = broadcasts
        self._rosters = rosters
        self._clock = clock
        self._pace = Pace(clock)
        self._session_hints: OrderedDict[str, str] = OrderedDict()
        self._touched_at: OrderedDict[str, int] = OrderedDict()

    def send_audio(self, caller: Caller, request: SendAudio) -> None:
        """Deliver a chunk, or drop it silently while nothing is broadcast (protocol, rule 5).

        Raises INVALID_AUDIO, MESSAGE_TOO_LARGE, NOT_IN_SESSION, FORBIDDEN or RATE_LIMITED.
        """
        session, source = self._find(caller)
        # Values are reported before membership and role, by the session's format if there is one.
        validate_audio_chunk_size(request.audio, session.audio_format if session else None)
        session, source = _entitled(session, source)
        self._touch(caller)
        if not session.broadcast_state.is_broadcasting() or self._came_before(session, caller):
            return
        self._pace.check(
            (session.session_id, source.language, source.epoch),
            request.seq,
            session.audio_format.chunk_ms,
        )
        message = Audio(
            session_id=session.session_id,
            language=source.language,
            epoch=source.epoch,
            seq=request.seq,
            timestamp=request.timestamp,
            audio=request.audio,
        )
        deadline_at = caller.received_at + session.audio_format.deadline_ms
        try:
            self._broadcasts.broadcast_to_language(
                session, source.language, encode(message), deadline_at
            )
        finally:
            self._rosters.settle()

    def _find(self, caller: Caller) -> tuple[Session | None, AudioSource | None]:
        """The session of the caller, and what it may send there."""
        hint = self._session_hints.get(caller.connection_id)
        if hint is not None:
            session = self._sessions.get(hint)
            source = session and session.source_of(caller.connection_id, caller.received_at)
            # After its session has ended the connection may have opened another one.
            if session and source and session.is_active:
                return session, source
        connection = self._connections.get(caller.connection_id)
        if connection is None:
            raise connection_not_found()
        membership = connection.membership
        session = self._sessions.get(membership.session_id) if membership else None
        if session is None:
            return None, None
        self._session_hints[caller.connection_id] = session.session_id
        if len(self._session_hints) > _HINTS_KEPT:
            self._session_hints.popitem(last=False)
        return session, session.source_of(caller.connection_id, caller.received_at)

    def _came_before(self, session: Session, caller: Caller) -> bool:
        """Whether the chunk arrived while the session was paused or muted, and is looked at only
        now that it is not. A time that is still to come is another instance's clock, and no reason
        to drop anything.
        """
        return caller.received_at < session.audible_since <= self._clock.now_ms()

    def _touch(self, caller: Caller) -> None:
        last = self._touched_at.get(caller.connection_id)
        if last is not None and caller.received_at - last < ACTIVITY_INTERVAL_MS:
            return
        self._connections.touch(caller.connection_id, caller.received_at)
        self._touched_at[caller.connection_id] = caller.received_at
        if len(self._touched_at) > _HINTS_KEPT:
            self._touched_at.popitem(last=False)


def _entitled(session: Session | None, source: AudioSource | None) -> tuple[Session, AudioSource]:
    """Both, or the error that says why not. The sources of an ended session pass: what they still
    send is dropped without an error, as `is_broadcasting` is false by then.
    """
    if session is not None and source is not None:
        return session, source
    if session is None or not session.is_active:
        raise not_in_session("sendAudio")
    raise forbidden("sendAudio", "the session's speaker and the interpreter of a language")
