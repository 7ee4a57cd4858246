"""What a user's devices agree on: of each kind and content the message that has won.

The order of clocks decides in the condition of the write itself, so that any number of instances
come to the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from shared.data_access.errors import StoreUnavailableError
from shared.data_access.table import ConditionFailedError, Table
from shared.devices.items import MESSAGE, message_of, text_of
from shared.models import schema
from shared.protocol.device_messages import SyncMessage

_PREFIX = "state#"
_CLOCK = "clock"
# Rows in one answer of the database: about as many as a page of a snapshot holds.
_ROWS = 200
# Who loses to a row that is gone the next moment tries again, so often.
_TRIES = 3


class SyncStateStore:
    """Reads and writes state. All methods raise StoreUnavailableError."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def write(self, user_id: str, message: SyncMessage) -> SyncMessage | None:
        """Let `message` be what counts of its content, if its clock is greater; None if so.
        Otherwise what does count: of the same clock, or a greater one.
        """
        place = _PREFIX + _place(message)
        clock = message.hlc.sortable()
        for _ in range(_TRIES):
            try:
                self._table.put_if(
                    {
                        schema.USER_ID: user_id,
                        schema.DEVICE_ITEM: place,
                        _CLOCK: clock,
                        MESSAGE: text_of(message),
                    },
                    condition="attribute_not_exists(#clock) OR #clock < :clock",
                    names={"#clock": _CLOCK},
                    values={":clock": clock},
                )
            except ConditionFailedError:
                there = self._table.get((user_id, place))
                if there is not None:
                    return message_of(there)
            else:
                return None
        raise StoreUnavailableError("put_item: lost to nobody")

    def after(self, user_id: str, place: str) -> Iterator[tuple[str, SyncMessage]]:
        """All of a user's state after a place, each with its own, in the order of places; strongly
        consistent, some hundred rows at a time. The place before all is "".
        """
        items = self._table.query_partition(
            "#user = :user AND #item > :after",
            names={"#user": schema.USER_ID, "#item": schema.DEVICE_ITEM},
            values={":user": user_id, ":after": _PREFIX + place},
            limit=_ROWS,
        )
        for item in items:
            if not item[schema.DEVICE_ITEM].startswith(_PREFIX):
                return
            yield item[schema.DEVICE_ITEM].removeprefix(_PREFIX), message_of(item)


def _place(message: SyncMessage) -> str:
    return f"{message.kind}#{message.content_id}"
