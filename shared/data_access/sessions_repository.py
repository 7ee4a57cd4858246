"""The sessions table. Each change is a conditional write, so races have one winner."""

from __future__ import annotations

from typing import Any

from shared.data_access.listener_counts import ACTIVE, ListenerCounts
from shared.data_access.pending_notifications import END, SPEAKER, notification_attribute
from shared.data_access.session_items import ENDED_AT, from_item, to_item
from shared.data_access.table import ConditionFailedError
from shared.models import schema
from shared.models.session import Session, SessionLifecycle
from shared.models.terms import EndReason

# An ended session stays readable for this time, so that late requests get SESSION_ENDED.
_KEEP_ENDED_SECONDS = 24 * 60 * 60


class SessionsRepository(ListenerCounts):
    """Reads and writes sessions. Writes return False if their condition fails."""

    def create(self, session: Session) -> bool:
        """Create a session. False if its ID is taken."""
        try:
            self._table.put_new(to_item(session))
        except ConditionFailedError:
            return False
        return True

    def get(self, session_id: str) -> Session | None:
        """Read a session, strongly consistent."""
        item = self._table.get(session_id)
        return None if item is None else from_item(item)

    def discard(self, session_id: str, speaker_connection_id: str) -> bool:
        """Delete a session that its speaker has just created but could not join."""
        try:
            self._table.delete_if(
                session_id,
                condition="#speaker = :speaker",
                names={"#speaker": "speakerConnectionId"},
                values={":speaker": speaker_connection_id},
            )
        except ConditionFailedError:
            return False
        return True

    def take_floor(self, session: Session, connection_id: str) -> bool:
        """Make `connection_id` the speaker with the next epoch.

        False if the speaker has changed since `session` was read, or the session has ended.
        """
        return self._update(
            session.session_id,
            "SET #speaker = :connection, #epoch = :next, #news = :next REMOVE #grace",
            condition=f"{ACTIVE} AND #epoch = :epoch",
            names={
                "#status": "status",
                "#speaker": "speakerConnectionId",
                "#epoch": "speakerEpoch",
                "#grace": "graceUntil",
                "#news": notification_attribute(SPEAKER),
            },
            values={
                ":active": SessionLifecycle.ACTIVE.value,
                ":connection": connection_id,
                ":epoch": session.speaker_epoch,
                ":next": session.speaker_epoch + 1,
            },
        )

    def start_grace(self, session_id: str, connection_id: str, until_ms: int) -> bool:
        """Start the speaker's grace period, until `until_ms`.

        False unless the session is active and this connection is its present speaker.
        """
        return self._update(
            session_id,
            "SET #grace = :until, #news = :until",
            condition=f"{ACTIVE} AND #speaker = :speaker AND attribute_not_exists(#grace)",
            names={
                "#status": "status",
                "#speaker": "speakerConnectionId",
                "#grace": "graceUntil",
                "#news": notification_attribute(SPEAKER),
            },
            values={
                ":active": SessionLifecycle.ACTIVE.value,
                ":speaker": connection_id,
                ":until": until_ms,
            },
        )

    def end(self, session_id: str, speaker_connection_id: str, now_ms: int) -> bool:
        """End an active session. False unless this connection is its present speaker.

        It stays in the active index until its members have been notified.
        """
        return self._end(
            session_id,
            "ended",
            now_ms,
            condition="#speaker = :speaker AND attribute_not_exists(#grace)",
            names={"#speaker": "speakerConnectionId"},
            values={":speaker": speaker_connection_id},
        )

    def end_abandoned(self, session_id: str, speaker_epoch: int, now_ms: int) -> bool:
        """End a session after its grace period.

        False unless it is active and the speaker of this epoch is away.
        """
        return self._end(
            session_id,
            "speakerLeft",
            now_ms,
            condition="#epoch = :epoch AND attribute_exists(#grace)",
            names={"#epoch": "speakerEpoch"},
            values={":epoch": speaker_epoch},
        )

    def _end(
        self,
        session_id: str,
        reason: EndReason,
        now_ms: int,
        *,
        condition: str,
        names: dict[str, str],
        values: dict[str, Any],
    ) -> bool:
        return self._update(
            session_id,
            "SET #status = :ended, #reason = :reason, #endedAt = :now, #expires = :expires,"
            " #news = :now REMOVE #grace",
            condition=f"{ACTIVE} AND {condition}",
            names={
                "#status": "status",
                "#reason": "endReason",
                "#endedAt": ENDED_AT,
                "#expires": schema.EXPIRES_AT,
                "#news": notification_attribute(END),
                "#grace": "graceUntil",
                **names,
            },
            values={
                ":active": SessionLifecycle.ACTIVE.value,
                ":ended": SessionLifecycle.ENDED.value,
                ":reason": reason,
                ":now": now_ms,
                ":expires": now_ms // 1000 + _KEEP_ENDED_SECONDS,
                **values,
            },
        )
