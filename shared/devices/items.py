"""A device sync message as an attribute.

Stored as JSON, to keep numbers exactly as sent: DynamoDB has no floats, and its numbers have 38
digits.
"""

from __future__ import annotations

import msgspec

from shared.data_access.table import Item
from shared.protocol.device_messages import SyncMessage
from shared.protocol.message_base import encode

MESSAGE = "message"

_decoder = msgspec.json.Decoder(SyncMessage)


def encode_message(message: SyncMessage) -> str:
    """Encode a message as the value of the attribute."""
    return encode(message).decode()


def decode_message(item: Item) -> SyncMessage:
    """Decode the message of an item."""
    return _decoder.decode(item[MESSAGE])
