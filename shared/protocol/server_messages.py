"""All messages of the server: replies from the table of requests, and pushes."""

from __future__ import annotations

from typing import Any, Union

from shared.protocol.device_messages import DeviceReplaced, DevicesChanged, SyncMessage
from shared.protocol.interpretation_messages import Caption
from shared.protocol.message_base import ServerMessage
from shared.protocol.messages import (
    Audio,
    AudioFormatHint,
    ChannelSourceChanged,
    ConnectionTimeout,
    ErrorMessage,
    SpeakerDisconnected,
    SpeakerReconnected,
)
from shared.protocol.requests import REQUESTS

_PUSHED: tuple[type[ServerMessage], ...] = (
    ErrorMessage,
    Audio,
    AudioFormatHint,
    Caption,
    ChannelSourceChanged,
    SpeakerDisconnected,
    SpeakerReconnected,
    ConnectionTimeout,
    DevicesChanged,
    DeviceReplaced,
    SyncMessage,
)
_REPLIES = dict.fromkeys(spec.reply for spec in REQUESTS if spec.reply is not None)

SERVER_MESSAGES: tuple[type[ServerMessage], ...] = (*_REPLIES, *_PUSHED)
#: Their union, for decoders. It is built from values, so type checkers see `ServerMessage` instead.
AnyServerMessage: Any = Union[SERVER_MESSAGES]  # noqa: UP007
