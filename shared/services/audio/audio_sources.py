"""Lookup of the session and channel a caller sends into."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from shared.data_access.connections_repository import ACTIVITY_INTERVAL_MS, ConnectionsRepository
from shared.data_access.interpreter_leases import InterpreterLeases
from shared.models.connection import Caller
from shared.models.request_errors import forbidden, not_in_session, require_registered
from shared.models.session import AudioSource, Session
from shared.utils.clock import Clock

_MAX_HINTS = 1_024


class _Hint(msgspec.Struct, frozen=True):
    """A connection's session at its last message, and the leases to read with it."""

    session_id: str
    leases: tuple[str, ...]


class AudioSources:
    """Finds the audio source of a caller, for audio and captions.

    The session of a connection is cached, but only as a hint: every call decides by one strongly
    consistent read of the session, so a stale cache cannot admit a paused or displaced source. The
    same request reads leases: an interpreter's own, or for the floor those of the interpreters.
    """

    def __init__(
        self, leases: InterpreterLeases, connections: ConnectionsRepository, clock: Clock
    ) -> None:
        self._leases = leases
        self._connections = connections
        self._clock = clock
        self._hints: OrderedDict[str, _Hint] = OrderedDict()
        self._touched_at: OrderedDict[str, int] = OrderedDict()

    def find(self, caller: Caller) -> tuple[Session | None, AudioSource | None]:
        """Return the caller's session and audio source. Raises CONNECTION_NOT_FOUND."""
        hint = self._hints.get(caller.connection_id)
        if hint is not None:
            session = self._leases.session(hint.session_id, hint.leases)
            source = session and session.source_of(caller.connection_id, caller.received_at)
            # After its session has ended, the connection may have opened another one.
            if session and source and session.is_active:
                self._remember(caller, session, source)
                return session, source
        connection = self._connections.get(caller.connection_id)
        membership = connection.membership if connection else None
        session = self._leases.session(membership.session_id, ()) if membership else None
        source = session.source_of(caller.connection_id, caller.received_at) if session else None
        if session is None or source is None:
            # A replaced connection remains a source during the overlap and is refused otherwise.
            require_registered(connection)
            return session, None
        # Store hints of sources only, so that listeners cannot evict them by sending.
        self._remember(caller, session, source)
        return session, source

    def _remember(self, caller: Caller, session: Session, source: AudioSource) -> None:
        is_floor = source.language == session.source_language
        leases = session.interpreters_present() if is_floor else (caller.connection_id,)
        self._hints[caller.connection_id] = _Hint(session.session_id, leases)
        if len(self._hints) > _MAX_HINTS:
            self._hints.popitem(last=False)

    def touch(self, caller: Caller) -> None:
        """Record the caller's activity, with few writes."""
        last = self._touched_at.get(caller.connection_id)
        # A negative difference means the clock was set back: write.
        if last is not None and 0 <= caller.received_at - last < ACTIVITY_INTERVAL_MS:
            return
        self._connections.touch(caller.connection_id, caller.received_at)
        self._touched_at[caller.connection_id] = caller.received_at
        if len(self._touched_at) > _MAX_HINTS:
            self._touched_at.popitem(last=False)

    def is_audible(self, session: Session, caller: Caller) -> bool:
        """Whether the session delivers what the caller has sent.

        The session must have been broadcasting already when the message arrived. An `audible_since`
        in the future comes from another instance's clock and is ignored.
        """
        if not session.broadcast_state.is_broadcasting():
            return False
        return not caller.received_at < session.audible_since <= self._clock.now_ms()


def require_audio_source(
    session: Session | None, source: AudioSource | None, action: str, allowed: str
) -> tuple[Session, AudioSource]:
    """Return both, or raise NOT_IN_SESSION or FORBIDDEN (only `allowed` may).

    Sources of an ended session are accepted; their messages are later dropped without an error.
    """
    if session is not None and source is not None:
        return session, source
    if session is None or not session.is_active:
        raise not_in_session(action)
    raise forbidden(action, allowed)
