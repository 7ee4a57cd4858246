"""Who sends into a session: a caller's session and channel, as they are now."""

from __future__ import annotations

from collections import OrderedDict

from shared.data_access.connections_repository import ACTIVITY_INTERVAL_MS, ConnectionsRepository
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.connection import Caller
from shared.models.request_errors import forbidden, not_in_session, require_registered
from shared.models.session import AudioSource, Session
from shared.utils.clock import Clock

_HINTS_KEPT = 1_024


class AudioSources:
    """Finds what speakers and interpreters may send, for their audio and their captions.

    Which session a connection is in is remembered, but only as a hint: one strongly consistent
    read of the session decides every time, so no cache can let a paused or displaced source
    through.
    """

    def __init__(
        self, sessions: SessionsRepository, connections: ConnectionsRepository, clock: Clock
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._clock = clock
        self._session_hints: OrderedDict[str, str] = OrderedDict()
        self._touched_at: OrderedDict[str, int] = OrderedDict()

    def find(self, caller: Caller) -> tuple[Session | None, AudioSource | None]:
        """The session of the caller, and what it may send there. Raises CONNECTION_NOT_FOUND."""
        hint = self._session_hints.get(caller.connection_id)
        if hint is not None:
            session = self._sessions.get(hint)
            source = session and session.source_of(caller.connection_id, caller.received_at)
            # After its session has ended the connection may have opened another one.
            if session and source and session.is_active:
                return session, source
        connection = self._connections.get(caller.connection_id)
        membership = connection.membership if connection else None
        session = self._sessions.get(membership.session_id) if membership else None
        source = session.source_of(caller.connection_id, caller.received_at) if session else None
        if session is None or source is None:
            # Within the overlap a connection that was replaced is a source.
            require_registered(connection)
            return session, None
        # Only sources have hints: no number of listeners who send can push one of theirs out.
        self._session_hints[caller.connection_id] = session.session_id
        if len(self._session_hints) > _HINTS_KEPT:
            self._session_hints.popitem(last=False)
        return session, source

    def touch(self, caller: Caller) -> None:
        """Note that the caller's connection is in use; written now and then."""
        last = self._touched_at.get(caller.connection_id)
        # A clock that was set back must not keep the row from being written.
        if last is not None and 0 <= caller.received_at - last < ACTIVITY_INTERVAL_MS:
            return
        self._connections.touch(caller.connection_id, caller.received_at)
        self._touched_at[caller.connection_id] = caller.received_at
        if len(self._touched_at) > _HINTS_KEPT:
            self._touched_at.popitem(last=False)

    def is_audible(self, session: Session, caller: Caller) -> bool:
        """Whether what the caller sends is delivered: the session broadcasts, and did so already
        when this arrived. A time that is still to come is another instance's clock, and no reason
        to drop anything.
        """
        if not session.broadcast_state.is_broadcasting():
            return False
        return not caller.received_at < session.audible_since <= self._clock.now_ms()


def entitled(
    session: Session | None, source: AudioSource | None, action: str, who: str
) -> tuple[Session, AudioSource]:
    """Both, or the error that says that only `who` may. The sources of an ended session pass: what
    they still send is dropped without an error, as nothing is broadcast by then.

    Raises NOT_IN_SESSION or FORBIDDEN.
    """
    if session is not None and source is not None:
        return session, source
    if session is None or not session.is_active:
        raise not_in_session(action)
    raise forbidden(action, who)
