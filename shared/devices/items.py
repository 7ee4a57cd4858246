"""A message of device sync as an attribute of a row.

As the text that devices get: numbers and texts stay as they were said, which a map of DynamoDB's
own types would not promise (it has no floats, and 38 digits).
"""

from __future__ import annotations

import msgspec

from shared.data_access.table import Item
from shared.protocol.device_messages import SyncMessage
from shared.protocol.message_base import encode

MESSAGE = "message"

_decoder = msgspec.json.Decoder(SyncMessage)


def text_of(message: SyncMessage) -> str:
    """The attribute's value."""
    return encode(message).decode()


def message_of(item: Item) -> SyncMessage:
    """What `text_of` wrote into a row."""
    return _decoder.decode(item[MESSAGE])
