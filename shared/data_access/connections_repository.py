"""The connections table: each connection with its session and seat."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from shared.data_access.connection_items import (
    LEFT_SEAT,
    LEFT_SESSION,
    SOURCE,
    TURN,
    before_leaving,
    from_item,
    to_item,
)
from shared.data_access.table import ConditionFailedError, Table
from shared.models import schema
from shared.models.connection import Connection, Membership, Seat

# Minimum time between two writes of a connection's lastActivityTime (ms).
ACTIVITY_INTERVAL_MS = 30_000
_TAKEN_OVER = "takenOver"

# Condition: no other connection has taken the seat over.
NOT_REPLACED = "attribute_not_exists(#replaced)"


class ConnectionsRepository:
    """Reads and writes connections.

    Only `register` creates a row. Leaving, disconnecting and being found gone are the same
    conditional write. It keeps the seat that was left in the row until it is counted out.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def register(self, connection: Connection) -> bool:
        """Create the row of a new connection. False if it exists (a repeated $connect)."""
        try:
            self._table.put_new(to_item(connection))
        except ConditionFailedError:
            return False
        return True

    def get(self, connection_id: str) -> Connection | None:
        """Read a connection, strongly consistent."""
        item = self._table.get(connection_id)
        return None if item is None else from_item(item)

    def take_seat(
        self,
        connection_id: str,
        membership: Membership,
        resume_hash: str | None = None,
        *,
        now_ms: int,
        taken_over: bool = False,
    ) -> bool:
        """Give a connection a seat. Repeating the same call succeeds.

        False if the connection is gone or has another seat. `taken_over` marks a seat that another
        connection had. The token behind `resume_hash` permits the next takeover.
        """
        sets: dict[str, tuple[str, str | int | bool]] = {
            "#session": (schema.SESSION_ID, membership.session_id),
            "#seat": (schema.SEAT, str(membership.seat)),
            "#at": (schema.SEATED_AT, now_ms),
            "#over": (_TAKEN_OVER, taken_over),
        }
        if membership.epoch is not None:
            sets["#epoch"] = ("epoch", membership.epoch)
        if membership.source is not None:
            sets["#source"] = (SOURCE, membership.source)
        if resume_hash is not None:
            sets["#resume"] = (schema.RESUME_HASH, resume_hash)
        same = " AND ".join(
            f"{alias} = :{alias[1:]}"
            for alias in ("#session", "#seat", "#epoch", "#over")
            if alias in sets
        )
        try:
            self._table.update(
                connection_id,
                "SET " + ", ".join(f"{alias} = :{alias[1:]}" for alias in sets),
                condition=f"attribute_not_exists(#session) OR ({same} AND {NOT_REPLACED})",
                names={
                    "#replaced": schema.REPLACED_AT,
                    **{alias: name for alias, (name, _) in sets.items()},
                },
                values={f":{alias[1:]}": value for alias, (_, value) in sets.items()},
            )
        except ConditionFailedError:
            return False
        return True

    def take_first_seat(
        self, connection_id: str, membership: Membership, resume_hash: str, *, now_ms: int
    ) -> Connection | None:
        """Give a seat to a connection without one. Returns the connection as it was before.

        None if the connection is gone or has a seat, or if one is not counted out yet.
        """
        try:
            item = self._table.update(
                connection_id,
                "SET #session = :session, #seat = :seat, #at = :at, #over = :over,"
                " #resume = :resume",
                condition="attribute_not_exists(#session) AND attribute_not_exists(#left)",
                names={
                    "#session": schema.SESSION_ID,
                    "#seat": schema.SEAT,
                    "#at": schema.SEATED_AT,
                    "#over": _TAKEN_OVER,
                    "#resume": schema.RESUME_HASH,
                    "#left": LEFT_SESSION,
                },
                values={
                    ":session": membership.session_id,
                    ":seat": str(membership.seat),
                    ":at": now_ms,
                    ":over": False,
                    ":resume": resume_hash,
                },
            )
        except ConditionFailedError:
            return None
        return from_item(item)

    def withdraw_seat(self, connection_id: str, resume_hash: str) -> bool:
        """Undo `take_first_seat`. False if that seat has been given up already.

        The turn stays, so a repeated join counts under the same name.
        """
        before = self._table.update_if(
            connection_id,
            "REMOVE #session, #seat, #at, #resume",
            condition="#resume = :resume",
            names={
                "#session": schema.SESSION_ID,
                "#seat": schema.SEAT,
                "#at": schema.SEATED_AT,
                "#resume": schema.RESUME_HASH,
            },
            values={":resume": resume_hash},
        )
        return before is not None

    def change_seat(self, connection_id: str, session_id: str, old: Seat, new: Seat) -> bool:
        """Move a connection to another seat. False if it no longer has the old one."""
        try:
            self._table.update(
                connection_id,
                "SET #seat = :new, #turn = if_not_exists(#turn, :zero) + :one",
                condition=f"#session = :session AND #seat = :old AND {NOT_REPLACED}",
                names={
                    "#session": schema.SESSION_ID,
                    "#seat": schema.SEAT,
                    "#replaced": schema.REPLACED_AT,
                    "#turn": TURN,
                },
                values={
                    ":session": session_id,
                    ":old": str(old),
                    ":new": str(new),
                    ":zero": 0,
                    ":one": 1,
                },
            )
        except ConditionFailedError:
            return False
        return True

    def leave(self, connection_id: str, session_id: str) -> Connection | None:
        """Give up the seat. Returns the connection as it was before.

        None if it had no seat there, or another connection has taken it over. The row keeps the
        seat that was left until `confirm_counted_out`.
        """
        return self._stand_up(
            connection_id, session_id, "#leftSession = #session, #leftSeat = #seat, "
        )

    def undo_take_seat(self, connection_id: str, session_id: str) -> None:
        """Undo `take_seat` without a trace, if the join failed afterwards."""
        self._stand_up(connection_id, session_id, "")

    def _stand_up(self, connection_id: str, session_id: str, note: str) -> Connection | None:
        names = {"#leftSession": LEFT_SESSION, "#leftSeat": LEFT_SEAT} if note else {}
        try:
            item = self._table.update(
                connection_id,
                f"SET {note}#turn = if_not_exists(#turn, :zero) + :one"
                " REMOVE #session, #seat, #epoch, #source, #resume, #at",
                condition=f"#session = :session AND {NOT_REPLACED}",
                names={
                    "#session": schema.SESSION_ID,
                    "#seat": schema.SEAT,
                    "#epoch": "epoch",
                    "#source": SOURCE,
                    "#resume": schema.RESUME_HASH,
                    "#at": schema.SEATED_AT,
                    "#replaced": schema.REPLACED_AT,
                    "#turn": TURN,
                    **names,
                },
                values={":session": session_id, ":zero": 0, ":one": 1},
                revert=before_leaving if note else dict,
            )
        except ConditionFailedError:
            return None
        return from_item(item)

    def confirm_counted_out(self, connection_id: str, turn: int) -> None:
        """Clear the seat that was left at `turn`: it is counted out."""
        self._table.update_if(
            connection_id,
            "REMOVE #leftSession, #leftSeat",
            condition="#turn = :turn",
            names={"#turn": TURN, "#leftSession": LEFT_SESSION, "#leftSeat": LEFT_SEAT},
            values={":turn": turn},
        )

    def delete(self, connection_id: str) -> bool:
        """Delete a connection without a seat, or that was replaced. Safe to repeat.

        False if the connection has a seat.
        """
        try:
            self._table.delete_if(
                connection_id,
                condition="attribute_not_exists(#session) OR attribute_exists(#replaced)",
                names={"#session": schema.SESSION_ID, "#replaced": schema.REPLACED_AT},
            )
        except ConditionFailedError:
            return False
        return True

    def touch(self, connection_id: str, now_ms: int) -> Connection | None:
        """Record activity, at most every 30 s. Returns the connection as it was before.

        None if the connection is unknown. The activity of a replaced connection is not recorded,
        so that the sweep closes it.
        """
        try:
            item = self._table.update(
                connection_id,
                "SET #active = :now",
                condition=f"#active <= :due AND {NOT_REPLACED}",
                names={"#active": schema.LAST_ACTIVITY_TIME, "#replaced": schema.REPLACED_AT},
                values={":now": now_ms, ":due": now_ms - ACTIVITY_INTERVAL_MS},
            )
        except ConditionFailedError:
            return self.get(connection_id)
        return from_item(item)

    def authenticate(
        self, connection_id: str, groups: frozenset[str], until: int
    ) -> Connection | None:
        """Store groups and expiry (ms) of a newer token. Returns the updated connection.

        A token that expires before the stored one changes nothing, so repeated and overtaken
        requests cannot take rights away. None if the connection is gone or was replaced.
        """
        self._table.update_if(
            connection_id,
            "SET #until = :until, #groups = :groups",
            condition=f"(attribute_not_exists(#until) OR #until <= :until) AND {NOT_REPLACED}",
            names={
                "#until": schema.AUTHENTICATED_UNTIL,
                "#groups": schema.AUTHENTICATED_GROUPS,
                "#replaced": schema.REPLACED_AT,
            },
            values={":until": until, ":groups": ",".join(sorted(groups))},
        )
        connection = self.get(connection_id)
        return None if connection is None or connection.replaced_at is not None else connection

    def roster(self, session_id: str) -> list[tuple[str, Seat]]:
        """All connections and seats of a session, in one query; eventually consistent.

        Includes replaced connections until they are closed: they still receive audio, but are not
        counted (`Connection.replaced_at`).
        """
        seat_of = cache(Seat.parse)  # thousands of connections have few different seats
        members = self._members("#session = :session", session_id)
        return [(connection_id, seat_of(seat)) for connection_id, seat in members]

    def seated(self, session_id: str, seat: Seat) -> list[str]:
        """IDs of the connections in one kind of seat; eventually consistent."""
        members = self._members(
            "#session = :session AND #seat = :seat",
            session_id,
            names={"#seat": schema.SEAT},
            values={":seat": str(seat)},
        )
        return [connection_id for connection_id, _ in members]

    def _members(
        self,
        condition: str,
        session_id: str,
        names: dict[str, str] | None = None,
        values: dict[str, Any] | None = None,
    ) -> Iterator[tuple[str, ...]]:
        """IDs and seats of connections."""
        return self._table.query_strings(
            schema.AUDIENCE_INDEX,
            condition,
            (schema.CONNECTION_ID, schema.SEAT),
            names={"#session": schema.SESSION_ID, **(names or {})},
            values={":session": session_id, **(values or {})},
        )
