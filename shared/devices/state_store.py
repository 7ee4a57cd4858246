"""Synchronised state: the winning message of each kind and content.

The condition of the write compares the clocks, so that any number of instances agree on the winner.
"""

from __future__ import annotations

from collections.abc import Iterator

from shared.data_access.errors import StoreUnavailableError
from shared.data_access.table import ConditionFailedError, Table
from shared.devices.items import MESSAGE, decode_message, encode_message
from shared.models import schema
from shared.protocol.device_messages import SyncMessage

_PREFIX = "state#"
_CLOCK = "clock"
# Rows per query, about as many as a snapshot page holds.
_QUERY_LIMIT = 200
# Attempts to write if the row that refused the write is deleted before it is read.
_ATTEMPTS = 3


class SyncStateStore:
    """Reads and writes state. All methods raise StoreUnavailableError."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def write(self, user_id: str, message: SyncMessage) -> SyncMessage | None:
        """Store a message if its clock is later than that of its content's current one.

        Returns None, or the current message, whose clock is equal or later.
        """
        sort_key = _PREFIX + _key(message)
        clock = message.hlc.sortable()
        for _ in range(_ATTEMPTS):
            try:
                self._table.put_if(
                    {
                        schema.USER_ID: user_id,
                        schema.DEVICE_ITEM: sort_key,
                        _CLOCK: clock,
                        MESSAGE: encode_message(message),
                    },
                    condition="attribute_not_exists(#clock) OR #clock < :clock",
                    names={"#clock": _CLOCK},
                    values={":clock": clock},
                )
            except ConditionFailedError:
                current = self._table.get((user_id, sort_key))
                if current is not None:
                    return decode_message(current)
            else:
                return None
        raise StoreUnavailableError("put_item: refused, but no row found")

    def after(self, user_id: str, key: str) -> Iterator[tuple[str, SyncMessage]]:
        """Yield the user's state after a key, with keys, in key order.

        The key "" precedes all others. Strongly consistent, a few hundred rows at a time.
        """
        items = self._table.query_partition(
            "#user = :user AND #item > :after",
            names={"#user": schema.USER_ID, "#item": schema.DEVICE_ITEM},
            values={":user": user_id, ":after": _PREFIX + key},
            limit=_QUERY_LIMIT,
        )
        for item in items:
            if not item[schema.DEVICE_ITEM].startswith(_PREFIX):
                return
            yield item[schema.DEVICE_ITEM].removeprefix(_PREFIX), decode_message(item)


def _key(message: SyncMessage) -> str:
    return f"{message.kind}#{message.content_id}"
