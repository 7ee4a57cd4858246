"""Commands in the devices table, kept for a day so that each is carried out once."""

from __future__ import annotations

import msgspec

from shared.data_access.table import ConditionFailedError, Item, Table
from shared.devices.items import MESSAGE, decode_message, encode_message
from shared.models import schema
from shared.protocol.device_messages import SyncMessage

COMMAND_LIFETIME_SECONDS = 24 * 60 * 60

_PREFIX = "command#"
_DELIVERED = "delivered"


class CommandRecord(msgspec.Struct, frozen=True):
    """A stored command, and whether its target has received it."""

    message: SyncMessage
    delivered: bool


class SyncCommandStore:
    """Reads and writes commands. All methods raise StoreUnavailableError."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, user_id: str, command_id: str) -> CommandRecord | None:
        """Return the command with this id, strongly consistent."""
        item = self._table.get(_key(user_id, command_id))
        return None if item is None else _from_item(item)

    def add(self, user_id: str, command_id: str, message: SyncMessage) -> CommandRecord | None:
        """Store a new command.

        Returns None, or the stored command if the id has been used before.
        """
        _, sort_key = _key(user_id, command_id)
        try:
            self._table.put_new(
                {
                    schema.USER_ID: user_id,
                    schema.DEVICE_ITEM: sort_key,
                    MESSAGE: encode_message(message),
                    schema.EXPIRES_AT: message.timestamp // 1000 + COMMAND_LIFETIME_SECONDS,
                }
            )
        except ConditionFailedError:
            return self.find(user_id, command_id)
        return None

    def mark_delivered(self, user_id: str, command_id: str) -> None:
        """Record that the target has received the command. Does nothing if it has expired."""
        try:
            self._table.update(
                _key(user_id, command_id),
                "SET #delivered = :yes",
                condition="attribute_exists(#message)",
                names={"#delivered": _DELIVERED, "#message": MESSAGE},
                values={":yes": True},
            )
        except ConditionFailedError:
            return


def _key(user_id: str, command_id: str) -> tuple[str, str]:
    return user_id, _PREFIX + command_id


def _from_item(item: Item) -> CommandRecord:
    return CommandRecord(decode_message(item), bool(item.get(_DELIVERED)))
