"""Rollover of a seat from one connection to another, across both tables.

Each step is one conditional write. A listener's rollover is decided in its connection row, which is
what is counted; a speaker's or interpreter's in the session's row, which says who is heard.
`shared.data_access.interpreter_channels` writes the interpreters.
"""

from __future__ import annotations

from typing import Any

import msgspec

from shared.data_access import connection_items
from shared.data_access.connections_repository import NOT_REPLACED
from shared.data_access.listener_counts import ACTIVE
from shared.data_access.pending_notifications import SPEAKER, notification_attribute
from shared.data_access.session_items import former_item, from_item
from shared.data_access.table import Item, Table
from shared.models import schema
from shared.models.connection import Connection
from shared.models.session import FormerSource, Session, SessionLifecycle

_REPLACED_BY = "replacedBy"
# The sweep finds connections by their last activity, so it sees replaced ones first.
_LONG_AGO = 0


class RolloverCandidate(msgspec.Struct, frozen=True):
    """A connection whose seat may be taken over, and its replacement, if any."""

    connection: Connection
    replaced_by: str | None


class Rollovers:
    """Reads and writes for rollovers."""

    def __init__(self, sessions: Table, connections: Table) -> None:
        self._sessions = sessions
        self._connections = connections

    def candidate(self, connection_id: str, resume_hash: str) -> RolloverCandidate | None:
        """Read the connection if its token matches, strongly consistent; otherwise None."""
        item = self._connections.get(connection_id)
        if item is None or item.get(schema.RESUME_HASH) != resume_hash:
            return None
        return RolloverCandidate(connection_items.from_item(item), item.get(_REPLACED_BY))

    def set_resume_hash(self, connection_id: str, session_id: str, resume_hash: str) -> bool:
        """Replace the hash of the token that permits the next rollover.

        False if the connection has no seat in that session any more.
        """
        changed = self._change(
            connection_id,
            "SET #resume = :hash",
            condition=f"#session = :session AND {NOT_REPLACED}",
            names={"#resume": schema.RESUME_HASH, "#session": schema.SESSION_ID},
            values={":hash": resume_hash, ":session": session_id},
        )
        return changed is not None

    def replace(
        self, connection_id: str, resume_hash: str, *, by: str, now_ms: int
    ) -> Connection | None:
        """Mark a connection as replaced by `by`. Returns it as it was before.

        None if it is gone or was replaced before: each hash works once. From then on the seat is
        counted for `by`.
        """
        before = self._change(
            connection_id,
            "SET #replaced = :now, #by = :by, #active = :longAgo",
            condition=f"#resume = :hash AND attribute_exists(#session) AND {NOT_REPLACED}",
            names={
                "#by": _REPLACED_BY,
                "#resume": schema.RESUME_HASH,
                "#session": schema.SESSION_ID,
                "#active": schema.LAST_ACTIVITY_TIME,
            },
            values={":now": now_ms, ":by": by, ":hash": resume_hash, ":longAgo": _LONG_AGO},
        )
        return None if before is None else connection_items.from_item(before)

    def undo_replace(self, connection_id: str, *, by: str, now_ms: int) -> bool:
        """Undo `replace`. False if the connection is gone."""
        changed = self._change(
            connection_id,
            "SET #active = :now REMOVE #replaced, #by",
            condition="#by = :by",
            names={"#by": _REPLACED_BY, "#active": schema.LAST_ACTIVITY_TIME},
            values={":by": by, ":now": now_ms},
        )
        return changed is not None

    def roll_over_floor(self, session: Session, connection_id: str, until: int) -> Session | None:
        """Make a connection the speaker with the next epoch. Returns the session before.

        The former connection may send until `until` (ms). None if the speaker has changed since
        `session` was read, or the session has ended. Members are notified only if the speaker was
        away.
        """
        former = FormerSource(session.speaker_connection_id, session.speaker_epoch, until)
        away = session.grace_until is not None
        before = self._sessions.update_if(
            session.session_id,
            "SET #speaker = :connection, #epoch = :next, #former = :former"
            f"{', #news = :next' if away else ''} REMOVE #grace",
            condition=f"{ACTIVE} AND #epoch = :epoch AND #speaker = :before",
            names={
                "#status": "status",
                "#speaker": "speakerConnectionId",
                "#epoch": "speakerEpoch",
                "#former": "formerSpeaker",
                "#grace": "graceUntil",
                **({"#news": notification_attribute(SPEAKER)} if away else {}),
            },
            values={
                ":active": SessionLifecycle.ACTIVE.value,
                ":connection": connection_id,
                ":before": former.connection_id,
                ":epoch": former.epoch,
                ":next": former.epoch + 1,
                ":former": former_item(former),
            },
            revert=lambda after: {
                **after,
                "speakerConnectionId": former.connection_id,
                "speakerEpoch": former.epoch,
                "graceUntil": session.grace_until,
            },
        )
        return None if before is None else from_item(before)

    def _change(
        self,
        connection_id: str,
        expression: str,
        *,
        condition: str,
        names: dict[str, str],
        values: dict[str, Any],
    ) -> Item | None:
        return self._connections.update_if(
            connection_id,
            expression,
            condition=condition,
            names={"#replaced": schema.REPLACED_AT, **names},
            values=values,
        )
