"""Control pushes that notify the members of a session of its changes."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.errors import StoreUnavailableError
from shared.data_access.pending_notifications import (
    END,
    SPEAKER,
    PendingNotifications,
    channel_subject,
)
from shared.fanout.audience import Audience, ListenersAudience, MemberAudience, MembersAudience
from shared.fanout.rosters import RosterSource
from shared.models.broadcast_state import BroadcastState
from shared.models.session import Session
from shared.protocol.interpretation_messages import InterpreterLease
from shared.protocol.message_base import ServerMessage, encode
from shared.protocol.messages import (
    BroadcastStateChanged,
    ChannelSourceChanged,
    SessionEnded,
    SpeakerDisconnected,
    SpeakerReconnected,
)
from shared.services.broadcast_handler import BroadcastHandler
from shared.utils.clock import Clock

# Deadline of a control push (ms).
CONTROL_DEADLINE_MS = 5_000


class SessionNotifier:
    """Notifies the members of a session. Pushes may be repeated.

    If the members cannot be read, nothing is sent: the method raises StoreUnavailableError or
    returns False. The notification then stays pending, and the next request of the same kind or
    the sweep sends it. The fan-out removes members who are gone.
    """

    def __init__(
        self,
        broadcasts: BroadcastHandler,
        rosters: RosterSource,
        connections: ConnectionsRepository,
        pending: PendingNotifications,
        clock: Clock,
    ) -> None:
        self._pending = pending
        self._in_progress: set[tuple[str, str, int | None]] = set()
        self._broadcasts = broadcasts
        self._rosters = rosters
        self._connections = connections
        self._clock = clock

    def session_ended(self, session: Session, *, except_for: str | None = None) -> None:
        """Notify all members but `except_for` that the session is over."""
        reason = session.end_reason or "ended"
        audience = MembersAudience(session.session_id, self._rosters, except_for)
        message = SessionEnded(session_id=session.session_id, reason=reason)
        if not self._notify(session, END, [(audience, message)]):
            raise _members_unread()

    def broadcast_state_changed(
        self, session_id: str, state: BroadcastState, *, except_for: str
    ) -> None:
        """Notify all members but `except_for` of a new broadcast state."""
        audience = MembersAudience(session_id, self._rosters, except_for)
        message = BroadcastStateChanged(session_id=session_id, broadcast_state=state)
        if not self._push([(audience, message)]):
            raise _members_unread()

    def speaker_disconnected(self, session: Session, grace_seconds: int) -> bool:
        """Notify all members that the speaker is away, and of the grace period."""
        audience = MembersAudience(session.session_id, self._rosters)
        message = SpeakerDisconnected(session_id=session.session_id, grace_seconds=grace_seconds)
        return self._notify(session, SPEAKER, [(audience, message)])

    def speaker_reconnected(self, session: Session) -> None:
        """Notify all members but the speaker of the speaker's new connection and epoch.

        Raises StoreUnavailableError.
        """
        speaker, epoch = session.speaker_connection_id, session.speaker_epoch
        audience = MembersAudience(session.session_id, self._rosters, speaker)
        message = SpeakerReconnected(session_id=session.session_id, epoch=epoch)
        if not self._notify(session, SPEAKER, [(audience, message)]):
            raise _members_unread()

    def channel_source_changed(
        self,
        session: Session,
        change: ChannelSourceChanged,
        interpreters: Mapping[str, InterpreterLease],
    ) -> bool:
        """Notify the listeners of a language of its new source.

        `interpreters` holds the message to each interpreter concerned, by connection id.
        """
        session_id = change.session_id
        listeners = ListenersAudience(session_id, change.language, self._connections)
        private = [
            (MemberAudience(session_id, member), lease) for member, lease in interpreters.items()
        ]
        return self._notify(
            session, channel_subject(change.language), [(listeners, change), *private]
        )

    def _notify(
        self, session: Session, subject: str, messages: Sequence[tuple[Audience, ServerMessage]]
    ) -> bool:
        """Push and clear the pending notification. False if the members could not be read.

        Removing a gone member during the push may re-enter this method.
        """
        version = session.pending_notifications.get(subject)
        key = (session.session_id, subject, version)
        if key in self._in_progress:
            return True
        self._in_progress.add(key)
        try:
            if not self._push(messages):
                return False
        finally:
            self._in_progress.discard(key)
        if version is not None:
            with contextlib.suppress(StoreUnavailableError):  # the notification is repeated later
                self._pending.mark_sent(session.session_id, subject, version)
        return True

    def _push(self, messages: Sequence[tuple[Audience, ServerMessage]]) -> bool:
        """Push all messages. Returns False if a lookup failed."""
        deliveries = self._broadcasts.broadcast(
            [(audience, encode(message)) for audience, message in messages],
            self._clock.now_ms() + CONTROL_DEADLINE_MS,
        )
        return all(delivery.result.error is None for delivery in deliveries)


def _members_unread() -> StoreUnavailableError:
    return StoreUnavailableError("members not read")
