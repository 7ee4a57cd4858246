"""What a device has missed: a user's state since then, in pages that fit a frame."""

from __future__ import annotations

from shared.data_access.connections_repository import ConnectionsRepository
from shared.devices.cursor import Cursor
from shared.devices.state_store import SyncStateStore
from shared.models.connection import Caller
from shared.models.request_errors import require_registered, require_user
from shared.protocol.device_messages import GetSyncSnapshot, SyncMessage, SyncSnapshot
from shared.protocol.message_base import encode
from shared.utils.clock import Clock

#: The largest page as JSON: a frame has at most 32 KB, and other things grow too.
MAX_PAGE_BYTES = 24 * 1024
#: What came so long before is in a snapshot too (ms): it may have been written later than it came,
#: by an instance whose clock differs. Merging it again changes nothing.
OVERLAP_MS = 60_000

# The cursor, a requestId and the rest of the message around the items, each at its longest.
_AROUND_BYTES = 2 * 1024
# Rows that one page looks at: of who asks for the latest changes of very many contents, several
# pages may be empty.
_MOST_ROWS = 2_000


class SyncSnapshots:
    """Reads pages of state, one after the other by place, each strongly consistent.

    All pages carry the time of the first one: what changes while they are read has that time or a
    later one, so whoever asks for changes since then misses nothing.
    """

    def __init__(
        self, states: SyncStateStore, connections: ConnectionsRepository, clock: Clock
    ) -> None:
        self._states = states
        self._connections = connections
        self._clock = clock

    def get_sync_snapshot(self, caller: Caller, request: GetSyncSnapshot) -> SyncSnapshot:
        """A page; what its cursor says counts more than `since`.

        Raises INVALID_SYNC, AUTHENTICATION_REQUIRED or CONNECTION_NOT_FOUND.
        """
        cursor = None if request.cursor is None else Cursor.parse(request.cursor)
        user_id = require_user(caller, "getSyncSnapshot")
        require_registered(self._connections.get(caller.connection_id))
        if cursor is None:
            return self.first_page(user_id, request.since)
        return self._page(user_id, cursor)

    def first_page(self, user_id: str, since_ms: int) -> SyncSnapshot:
        """The first page of what has changed since then."""
        return self._page(user_id, Cursor(since_ms, self._clock.now_ms(), ""))

    def _page(self, user_id: str, cursor: Cursor) -> SyncSnapshot:
        items: list[SyncMessage] = []
        left = MAX_PAGE_BYTES - _AROUND_BYTES
        last = cursor.place
        for number, (place, message) in enumerate(self._states.after(user_id, last)):
            changed = message.timestamp >= cursor.since_ms - OVERLAP_MS
            left -= (len(encode(message)) + 1) if changed else 0
            if left < 0 or number == _MOST_ROWS:
                more = Cursor(cursor.since_ms, cursor.began_at, last)
                return SyncSnapshot(items=items, cursor=str(more), timestamp=cursor.began_at)
            if changed:
                items.append(message)
            last = place
        return SyncSnapshot(items=items, cursor=None, timestamp=cursor.began_at)
