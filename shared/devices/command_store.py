"""Commands from device to device, each known for a day so that it is carried out once."""

from __future__ import annotations

from dataclasses import dataclass

from shared.data_access.table import ConditionFailedError, Item, Table
from shared.devices.items import MESSAGE, message_of, text_of
from shared.models import schema
from shared.protocol.device_messages import SyncMessage

COMMAND_LIFETIME_SECONDS = 24 * 60 * 60

_PREFIX = "command#"
_DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class KnownCommand:
    """A command, and whether its target has got it."""

    message: SyncMessage
    delivered: bool


class SyncCommandStore:
    """Reads and writes commands. All methods raise StoreUnavailableError."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, user_id: str, command_id: str) -> KnownCommand | None:
        """The command of that id, strongly consistent."""
        item = self._table.get(_key(user_id, command_id))
        return None if item is None else _command(item)

    def remember(self, user_id: str, command_id: str, message: SyncMessage) -> KnownCommand | None:
        """Note a new command; None if it is new, or the one that has its id."""
        _, place = _key(user_id, command_id)
        try:
            self._table.put_new(
                {
                    schema.USER_ID: user_id,
                    schema.DEVICE_ITEM: place,
                    MESSAGE: text_of(message),
                    schema.EXPIRES_AT: message.timestamp // 1000 + COMMAND_LIFETIME_SECONDS,
                }
            )
        except ConditionFailedError:
            return self.find(user_id, command_id)
        return None

    def delivered(self, user_id: str, command_id: str) -> None:
        """Its target has got it; nothing if the command has expired."""
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


def _command(item: Item) -> KnownCommand:
    return KnownCommand(message_of(item), bool(item.get(_DELIVERED)))
