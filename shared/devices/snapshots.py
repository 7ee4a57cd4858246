"""Snapshots of a user's state since a given time, in pages that fit a frame."""

from __future__ import annotations

from shared.data_access.connections_repository import ConnectionsRepository
from shared.devices.cursor import Cursor
from shared.devices.state_store import SyncStateStore
from shared.models.connection import Caller
from shared.models.request_errors import require_registered, require_user
from shared.protocol.device_messages import GetSyncSnapshot, SyncMessage, SyncSnapshot
from shared.protocol.message_base import encode
from shared.utils.clock import Clock

#: Maximum size of a page as JSON. A frame holds 32 KB; this leaves room for growth.
MAX_PAGE_BYTES = 24 * 1024
#: Snapshots also contain changes from this long before the requested time (ms): an instance with
#: another clock may have written one later than its timestamp. Merging it again changes nothing.
OVERLAP_MS = 60_000

# Maximum size of a page without its items: the cursor, a requestId and the rest of the message.
_ENVELOPE_BYTES = 2 * 1024
# Maximum rows read per page. A user with very many contents may get empty pages.
_MAX_ROWS = 2_000


class SyncSnapshots:
    """Reads pages of state in key order, strongly consistent.

    All pages carry the time of the first one. Changes made while the pages are read have that time
    or a later one, so a client that next requests changes since then misses none.
    """

    def __init__(
        self, states: SyncStateStore, connections: ConnectionsRepository, clock: Clock
    ) -> None:
        self._states = states
        self._connections = connections
        self._clock = clock

    def get_sync_snapshot(self, caller: Caller, request: GetSyncSnapshot) -> SyncSnapshot:
        """Return a page. A cursor takes precedence over `since`.

        Raises INVALID_SYNC, AUTHENTICATION_REQUIRED or CONNECTION_NOT_FOUND.
        """
        cursor = None if request.cursor is None else Cursor.parse(request.cursor)
        user_id = require_user(caller, "getSyncSnapshot")
        require_registered(self._connections.get(caller.connection_id))
        if cursor is None:
            return self.first_page(user_id, request.since)
        return self._page(user_id, cursor)

    def first_page(self, user_id: str, since_ms: int) -> SyncSnapshot:
        """Return the first page of changes since a time (ms)."""
        return self._page(user_id, Cursor(since_ms, self._clock.now_ms(), ""))

    def _page(self, user_id: str, cursor: Cursor) -> SyncSnapshot:
        items: list[SyncMessage] = []
        left = MAX_PAGE_BYTES - _ENVELOPE_BYTES
        last = cursor.key
        for number, (key, message) in enumerate(self._states.after(user_id, last)):
            changed = message.timestamp >= cursor.since_ms - OVERLAP_MS
            left -= (len(encode(message)) + 1) if changed else 0
            if left < 0 or number == _MAX_ROWS:
                more = Cursor(cursor.since_ms, cursor.began_at, last)
                return SyncSnapshot(items=items, cursor=str(more), timestamp=cursor.began_at)
            if changed:
                items.append(message)
            last = key
        return SyncSnapshot(items=items, cursor=None, timestamp=cursor.began_at)
