"""What every message of the WebSocket protocol, version 1, is made of: JSON text frames, requests
told apart by `action`, what the server sends by `type`.

Field names are camelCase on the wire, times are ms since the Unix epoch.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

PROTOCOL_VERSION = 1

MAX_REQUEST_ID_LENGTH = 64
RequestId = Annotated[str, msgspec.Meta(max_length=MAX_REQUEST_ID_LENGTH)]


class Request(
    msgspec.Struct,
    tag_field="action",
    tag=lambda name: name[0].lower() + name[1:],
    rename="camel",
    frozen=True,
    kw_only=True,
    omit_defaults=True,
):
    """What a client asks; its reply or error carries `request_id` back."""

    request_id: RequestId | None = None


class ServerMessage(
    msgspec.Struct,
    tag_field="type",
    tag=lambda name: name[0].lower() + name[1:],
    rename="camel",
    frozen=True,
    kw_only=True,
):
    """What the server sends."""


class Reply(ServerMessage, frozen=True, kw_only=True, omit_defaults=True):
    """A server message that may answer a request, and then carries its `request_id`."""

    request_id: str | None = None


_encoder = msgspec.json.Encoder()


def action_of(request: type[Request]) -> str:
    """The wire name of a request type, which is its route key too."""
    tag = request.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def encode(message: ServerMessage | Request) -> bytes:
    """The JSON text frame of a message, as UTF-8."""
    return _encoder.encode(message)
