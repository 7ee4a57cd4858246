"""What the members of a session are told when it changes: control pushes, each to its audience."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.data_access.connections_repository import ConnectionsRepository
from shared.models.broadcast_state import BroadcastState
from shared.models.interpretation_messages import InterpreterLease
from shared.models.message_base import ServerMessage, encode
from shared.models.messages import (
    BroadcastStateChanged,
    ChannelSourceChanged,
    EndReason,
    SessionEnded,
    SpeakerDisconnected,
    SpeakerReconnected,
)
from shared.services.audience import (
    Audience,
    ListenersAudience,
    MembersAudience,
    OneAudience,
)
from shared.services.broadcast_handler import BroadcastHandler
from shared.services.rosters import RosterSource
from shared.utils.clock import Clock

# How long a control push may take before it is given up (ms).
CONTROL_DEADLINE_MS = 5_000


class Announcer:
    """Pushes what has changed; who is gone by then is dealt with by the fan-out."""

    def __init__(
        self,
        broadcasts: BroadcastHandler,
        rosters: RosterSource,
        connections: ConnectionsRepository,
        clock: Clock,
    ) -> None:
        self._broadcasts = broadcasts
        self._rosters = rosters
        self._connections = connections
        self._clock = clock

    def session_ended(
        self, session_id: str, reason: EndReason, *, except_for: str | None = None
    ) -> None:
        """Everyone hears that the session is over, but for the one who ended it."""
        self._push(
            MembersAudience(session_id, self._rosters, except_for),
            SessionEnded(session_id=session_id, reason=reason),
        )

    def broadcast_state_changed(
        self, session_id: str, state: BroadcastState, *, except_for: str
    ) -> None:
        """Everyone hears of the new state, but for the one who changed it."""
        self._push(
            MembersAudience(session_id, self._rosters, except_for),
            BroadcastStateChanged(session_id=session_id, broadcast_state=state),
        )

    def speaker_disconnected(self, session_id: str, grace_seconds: int) -> None:
        """Everyone hears that the speaker is away, and for how long that may be."""
        self._push(
            MembersAudience(session_id, self._rosters),
            SpeakerDisconnected(session_id=session_id, grace_seconds=grace_seconds),
        )

    def speaker_reconnected(self, session_id: str, epoch: int, *, except_for: str) -> None:
        """Everyone hears that the owner speaks on another connection, with this epoch."""
        self._push(
            MembersAudience(session_id, self._rosters, except_for),
            SpeakerReconnected(session_id=session_id, epoch=epoch),
        )

    def channel_passed(
        self, change: ChannelSourceChanged, interpreters: Mapping[str, InterpreterLease]
    ) -> None:
        """The listeners of a language learn whom they hear now, and with which epoch; each of
        these interpreters, by connection id, what became of them.
        """
        session_id = change.session_id
        listeners = ListenersAudience(session_id, change.language, self._connections)
        self._push_each(
            [
                (listeners, change),
                *((OneAudience(session_id, who), news) for who, news in interpreters.items()),
            ]
        )

    def _push(self, audience: Audience, message: ServerMessage) -> None:
        self._push_each([(audience, message)])

    def _push_each(self, messages: Sequence[tuple[Audience, ServerMessage]]) -> None:
        self._broadcasts.broadcast(
            [(audience, encode(message)) for audience, message in messages],
            self._clock.now_ms() + CONTROL_DEADLINE_MS,
        )
