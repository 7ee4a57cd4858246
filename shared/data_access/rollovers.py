"""Seats that pass from one connection to another: what both tables need for it.

As everywhere each step is one conditional write. Of a listener its row decides, because its row is
what is counted; of a speaker the session decides, because it says who is heard. So it is with
interpreters, whose place `shared.data_access.interpreter_leases` writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.data_access.connections_repository import NOT_REPLACED, connection_of
from shared.data_access.listener_counts import ACTIVE
from shared.data_access.pending_notifications import SPEAKER, notification_attribute
from shared.data_access.session_items import former_item, from_item
from shared.data_access.table import Item, Table
from shared.models import schema
from shared.models.connection import Connection
from shared.models.session import FormerSource, Session, SessionStatus

_REPLACED_BY = "replacedBy"
# The sweep looks for connections by their last activity: a replaced one comes first.
_LONG_AGO = 0


@dataclass(frozen=True, slots=True)
class RolloverCandidate:
    """A connection whose seat may be taken over, and by whom it was, if it has been."""

    connection: Connection
    replaced_by: str | None


class Rollovers:
    """Reads and writes of a seat that changes connections."""

    def __init__(self, sessions: Table, connections: Table) -> None:
        self._sessions = sessions
        self._connections = connections

    def candidate(self, connection_id: str, resume_hash: str) -> RolloverCandidate | None:
        """The connection with that hash, strongly consistent; None if there is none."""
        item = self._connections.get(connection_id)
        if item is None or item.get(schema.RESUME_HASH) != resume_hash:
            return None
        return RolloverCandidate(connection_of(item), item.get(_REPLACED_BY))

    def set_resume_hash(self, connection_id: str, session_id: str, resume_hash: str) -> bool:
        """Let the seat be taken over by this hash from now on, and by no earlier one; False if
        the connection does not sit in that session any more.
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
        """Mark a connection as replaced; returns it as it was, None if it was already, or is gone.

        From then on its seat is counted for `by`. It works once for a hash.
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
        return None if before is None else connection_of(before)

    def undo_replace(self, connection_id: str, *, by: str, now_ms: int) -> bool:
        """Undo `replace`; False if the connection is gone meanwhile."""
        changed = self._change(
            connection_id,
            "SET #active = :now REMOVE #replaced, #by",
            condition="#by = :by",
            names={"#by": _REPLACED_BY, "#active": schema.LAST_ACTIVITY_TIME},
            values={":by": by, ":now": now_ms},
        )
        return changed is not None

    def roll_over_floor(self, session: Session, connection_id: str, until: int) -> Session | None:
        """Make `connection_id` the speaker with the next epoch, while the one before is heard until
        `until` (ms); returns the session as it was.

        None if the floor has changed hands since `session` was read, or the session has ended.
        That is news if the one before was away; what nobody has heard of yet stays so.
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
                ":active": SessionStatus.ACTIVE.value,
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
