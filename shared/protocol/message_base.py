"""Base classes and encoding of the WebSocket protocol's messages, version 1.

Messages are JSON text frames; `action` names the type of a request, `type` that of a server
message. Field names are camelCase on the wire, times are ms since the Unix epoch.
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
    """A request of a client; its reply or error repeats `request_id`."""

    request_id: RequestId | None = None


class ServerMessage(
    msgspec.Struct,
    tag_field="type",
    tag=lambda name: name[0].lower() + name[1:],
    rename="camel",
    frozen=True,
    kw_only=True,
):
    """A message of the server."""


class Reply(ServerMessage, frozen=True, kw_only=True, omit_defaults=True):
    """A server message that can answer a request, whose `request_id` it then repeats."""

    request_id: str | None = None


_encoder = msgspec.json.Encoder()


def action_of(request: type[Request]) -> str:
    """The wire name of a request type, which is also its route key."""
    tag = request.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def encode(message: ServerMessage | Request) -> bytes:
    """The JSON text frame of a message, as UTF-8."""
    return _encoder.encode(message)
