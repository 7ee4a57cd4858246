"""Leases of interpreters and stand-bys, renewed in their connections' rows.

A lease is granted by the write that gives a connection its place in a channel, in the session's
row. It ends as late as the grant or the latest renewal says, so an old renewal, or none, can only
make it look shorter than it is. See docs/decisions/0039.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shared.data_access.connections_repository import NOT_REPLACED
from shared.data_access.session_items import from_item
from shared.data_access.table import Item, Table
from shared.models import schema
from shared.models.connection import Seat
from shared.models.session import Renewal, Session
from shared.models.succession_rules import is_alive

# What a read needs of a connection's row. It costs as much as the whole row, but is decoded faster.
_LEASE = (schema.CONNECTION_ID, schema.LEASE_UNTIL, schema.HEARD_AT)


class InterpreterLeases:
    """Renews and reads leases. All methods raise StoreUnavailableError.

    Reads are strongly consistent. Renewals of other connections, and joins, never wait for one
    another: each connection renews its own row.
    """

    def __init__(self, sessions: Table, connections: Table) -> None:
        self._sessions = sessions
        self._connections = connections

    def renew(
        self,
        connection_id: str,
        session_id: str,
        language: str,
        *,
        until: int,
        heard_at: int | None = None,
    ) -> bool:
        """Renew the lease of a seated interpreter or stand-by until `until` (ms).

        `heard_at` is when it last sent audio. False if the connection does not have the seat, or
        another connection has taken it over. Whether it holds the channel is in the session's row.
        """
        heard = {} if heard_at is None else {"#heard": (schema.HEARD_AT, heard_at)}
        sets = {"#lease": (schema.LEASE_UNTIL, until), **heard}
        before = self._connections.update_if(
            connection_id,
            "SET " + ", ".join(f"{alias} = :{alias[1:]}" for alias in sets),
            condition=f"#session = :session AND #seat = :seat AND {NOT_REPLACED}",
            names={
                "#session": schema.SESSION_ID,
                "#seat": schema.SEAT,
                "#replaced": schema.REPLACED_AT,
                **{alias: name for alias, (name, _) in sets.items()},
            },
            values={
                ":session": session_id,
                ":seat": str(Seat("interpreter", language)),
                **{f":{alias[1:]}": value for alias, (_, value) in sets.items()},
            },
        )
        return before is not None

    def session(self, session_id: str, connection_ids: Sequence[str]) -> Session | None:
        """Read a session, with the renewals of some connections, in one request."""
        if not connection_ids:
            item = self._sessions.get(session_id)
            return None if item is None else from_item(item)
        item, rows = self._sessions.get_with(session_id, self._connections, connection_ids, _LEASE)
        if item is None:
            return None
        return from_item(item).with_renewals(_renewals(connection_ids, rows))

    def refresh_interpreters(self, session: Session, now: int) -> Session:
        """Read the renewals of interpreters whose leases have run out by what `session` knows.

        No request if there are none.
        """
        return self._refresh(
            session,
            {
                channel.connection_id: channel.lease_until
                for channel in session.channels.values()
                if channel.connection_id is not None
            }.items(),
            now,
        )

    def refresh_standbys(self, session: Session, language: str, now: int) -> Session:
        """Read the renewals of a channel's stand-bys likewise."""
        channel = session.channels.get(language)
        if channel is None:
            return session
        standbys = channel.standbys.items()
        return self._refresh(session, ((who, place.lease_until) for who, place in standbys), now)

    def refresh_channel(self, session: Session, language: str, now: int) -> Session:
        """Read the renewals of a channel's interpreter and stand-bys likewise."""
        channel = session.channels.get(language)
        if channel is None:
            return session
        leases = [(who, place.lease_until) for who, place in channel.standbys.items()]
        if channel.connection_id is not None:
            leases.append((channel.connection_id, channel.lease_until))
        return self._refresh(session, leases, now)

    def _refresh(self, session: Session, leases: Iterable[tuple[str, int]], now: int) -> Session:
        unread = [
            who for who, until in leases if not is_alive(until, now) and who not in session.renewals
        ]
        if not unread:
            return session
        rows = self._connections.batch_get(unread, _LEASE, consistent=True)
        return session.with_renewals(_renewals(unread, rows))


def _renewals(connection_ids: Iterable[str], rows: Iterable[Item]) -> dict[str, Renewal]:
    """Renewals of all these connections. One without a row has closed, and counts as none."""
    found = {
        row[schema.CONNECTION_ID]: Renewal(
            row.get(schema.LEASE_UNTIL, 0), row.get(schema.HEARD_AT, 0)
        )
        for row in rows
    }
    return {who: found.get(who, Renewal()) for who in connection_ids}
